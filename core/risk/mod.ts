/**
 * The gate. One list of checks in order of precedence; the closed union of veto reasons derives
 * from it. An entry that passes becomes `Approved` here and nowhere else; a reduce passes when it
 * really reduces, whatever the state of everything else: a limit restricts risk, nothing may
 * restrict the reduction of risk.
 */
import { positionKey, signOf, TIERS } from "../types.ts";
import type { Approved, Entry, Reduce } from "../types.ts";
import {
  badPosition,
  dayLoss,
  drawdownLimit,
  drawdownStale,
  foreignInstance,
  killSwitch,
  navAnomaly,
  navNonpositive,
  navStale,
  operatorPause,
  portfolioCircuit,
  riskHalted,
  rollingLoss,
  storageFailing,
  unprotected,
} from "./account.ts";
import {
  alreadyInTrade,
  equityCap,
  groupCap,
  leverageCap,
  maxConcurrent,
  maxOrder,
  minNotional,
  openQty,
  portfolioCap,
  restricted,
  sideBlocked,
  smallestUsd,
  strategyConcurrent,
  symbolCap,
  tierCap,
  tradeCap,
  universe,
  whitelist,
} from "./caps.ts";
import type { Breach, Check, World } from "./check.ts";
import type { Limits } from "./limits.ts";
import { cvarUnavailable, portfolioVar, positionCvar, varUnavailable } from "./tail.ts";
import { burst, cooldownAfterStop, errorCircuit, symbolCooldown, tradeRate } from "./tempo.ts";

/** Without these the percentages that follow would mean nothing: the first breach ends the list. */
const PRECONDITIONS = [
  restricted,
  universe,
  killSwitch,
  operatorPause,
  storageFailing,
  foreignInstance,
  navStale,
  navNonpositive,
  navAnomaly,
  badPosition,
  unprotected,
  drawdownStale,
  riskHalted,
] as const;

/** All of these are judged; every breach is told, the first is the primary reason. */
const CHECKS = [
  portfolioCircuit,
  groupCap,
  varUnavailable,
  portfolioVar,
  cvarUnavailable,
  positionCvar,
  alreadyInTrade,
  whitelist,
  drawdownLimit,
  dayLoss,
  rollingLoss,
  minNotional,
  maxOrder,
  symbolCap,
  openQty,
  sideBlocked,
  leverageCap,
  cooldownAfterStop,
  symbolCooldown,
  tradeRate,
  errorCircuit,
  burst,
  equityCap,
  tradeCap,
  portfolioCap,
  maxConcurrent,
  strategyConcurrent,
  tierCap,
] as const;

type AnyCheck = (typeof PRECONDITIONS)[number] | (typeof CHECKS)[number];
export type VetoReason = AnyCheck["reason"] | "invalid_input" | "nothing_to_reduce";

const EVERY: readonly AnyCheck[] = [...PRECONDITIONS, ...CHECKS];
export const CHECK_IDS: readonly string[] = EVERY.map(({ id }) => id);
export const VETO_REASONS: readonly VetoReason[] = [
  "invalid_input",
  "nothing_to_reduce",
  ...new Set<VetoReason>(EVERY.map(({ reason }) => reason)),
];

/** Reasons that are counted and shown under the name of their group; any other is its own. */
const GROUPS = {
  day_loss_limit: "daily_loss",
  not_whitelisted: "whitelist",
  leverage_exceeded: "leverage_cap",
  trade_gt_equity_cap: "max_trade_nav",
  max_trade_nav_pct: "max_trade_nav",
} as const satisfies Partial<Record<VetoReason, string>>;

/** The name a reason is counted and shown under. */
export type VetoGroup =
  | Exclude<VetoReason, keyof typeof GROUPS>
  | (typeof GROUPS)[keyof typeof GROUPS];

export function vetoGroup(reason: VetoReason): VetoGroup {
  return (GROUPS as Partial<Record<VetoReason, VetoGroup>>)[reason] ?? reason as VetoGroup;
}

export type Veto = Breach & { readonly id: string; readonly reason: VetoReason };
export type Verdict<I extends Entry | Reduce> =
  | { readonly kind: "approved"; readonly intent: Approved<I> }
  | {
    readonly kind: "vetoed";
    readonly intent: I;
    readonly vetoes: readonly [Veto, ...Veto[]];
    /** The largest notional every check would have let through; 0 where none would. */
    readonly maxNotionalUsd: number;
  };

/** Judges an entry. Total: malformed input is a veto `invalid_input`, never a throw or a pass. */
export function vet(entry: Entry, world: World, limits: Limits): Verdict<Entry> {
  const problem = malformed(entry) ?? senseless(entry, world, limits);
  if (problem !== null) {
    return refused(entry, [vetoOf("invalid_input", "invalid_input", {
      thresholds: {},
      observations: { problem },
    })], 0);
  }
  for (const { id, reason, judge } of PRECONDITIONS) {
    const breach = judge(entry, world, limits);
    if (breach !== null) return refused(entry, [vetoOf(id, reason, breach)], 0);
  }
  let vetoes: [Veto, ...Veto[]] | null = null;
  for (const { id, reason, judge } of CHECKS) {
    const breach = judge(entry, world, limits);
    if (breach === null) continue;
    const veto = vetoOf(id, reason, breach);
    if (vetoes === null) vetoes = [veto];
    else vetoes.push(veto);
  }
  if (vetoes === null) return { kind: "approved", intent: entry as Approved<Entry> };
  return refused(entry, vetoes, roomFor(entry, world, limits));
}

/** Lets a reduce through when the leg is there and holds at least as much. */
export function vetReduce(
  reduce: Reduce,
  legs: Readonly<Record<string, { readonly lots: number }>>,
): Verdict<Reduce> {
  const held = legs[positionKey(reduce.ticker, reduce.side)]?.lots ?? 0;
  if (Number.isInteger(reduce.lots) && reduce.lots > 0 && reduce.lots <= held) {
    return { kind: "approved", intent: reduce as Approved<Reduce> };
  }
  return refused(reduce, [vetoOf("nothing_to_reduce", "nothing_to_reduce", {
    thresholds: { held_lots: held },
    observations: { lots: reduce.lots },
  })], 0);
}

function refused<I extends Entry | Reduce>(
  intent: I,
  vetoes: readonly [Veto, ...Veto[]],
  maxNotionalUsd: number,
): Verdict<I> {
  return { kind: "vetoed", intent, vetoes, maxNotionalUsd };
}

function vetoOf(id: string, reason: VetoReason, { thresholds, observations }: Breach): Veto {
  return { id, reason, thresholds, observations };
}

/**
 * Each check tells its own room; the smallest of them is proved by asking every check once more: a
 * hedge may be too small to pass as well as too large.
 */
function roomFor(entry: Entry, world: World, limits: Limits): number {
  let roomUsd = Infinity;
  for (const { room } of CHECKS) {
    roomUsd = Math.min(roomUsd, room(entry, world, limits));
    if (!(roomUsd > 0)) return 0;
  }
  if (!Number.isFinite(roomUsd) || roomUsd < smallestUsd(entry.ticker, world, limits)) return 0;
  const largest = { ...entry, grossUsd: roomUsd };
  const passes = CHECKS.every(({ judge }: Check) => judge(largest, world, limits) === null);
  return passes ? roomUsd : 0;
}

/** Sums that are no amounts prove nothing, and a moment without a time has no pace. */
function senseless({ ticker, tier }: Entry, world: World, limits: Limits): string | null {
  const isAmount = (value: number) => value >= 0 && value < Infinity;
  if (!Number.isFinite(world.nowMs)) return "now";
  if (!isAmount(world.grossUsd)) return "gross_usd of the book";
  if (!isAmount(world.symbolUsd[ticker] ?? 0)) return "symbol_usd of the book";
  if (!isAmount(world.tierUsd[tier] ?? 0)) return "tier_usd of the book";
  if (!isAmount(world.legsCount)) return "legs of the book";
  for (const { name } of limits.of(ticker).groups) {
    if (!isAmount(world.groupUsd[name] ?? 0)) return `group_usd of ${name}`;
  }
  return null;
}

function malformed(entry: Entry): string | null {
  if (typeof entry !== "object" || entry === null) return "entry";
  const { ticker, side, tier, grossUsd, leverage, refPx, levels } = entry;
  if (typeof ticker !== "string") return "symbol";
  if (!TIERS.includes(tier)) return "tier";
  if (side !== "LONG" && side !== "SHORT") return "side";
  if (!(Number.isFinite(grossUsd) && grossUsd > 0)) return "gross_usd";
  if (!(Number.isFinite(leverage) && leverage > 0)) return "leverage";
  if (!(Number.isFinite(refPx) && refPx > 0)) return "price";
  if (levels === null || typeof levels !== "object") return "levels";
  const ahead = signOf(side);
  const isLevel = (px: number | null) => Number.isFinite(px) && px! > 0;
  if (!isLevel(levels.slPx) || ahead * (refPx - levels.slPx!) <= 0) return "stop";
  if (levels.tpPx === null) return null;
  return isLevel(levels.tpPx) && ahead * (levels.tpPx - refPx) > 0 ? null : "target";
}
