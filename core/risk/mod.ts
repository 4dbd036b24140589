/**
 * The gate. One list of checks in order of precedence; the closed union of veto reasons derives
 * from it. An entry that passes becomes `Approved` here and nowhere else; a reduce passes when it
 * really reduces, whatever the state of everything else: a limit restricts risk, nothing may
 * restrict the reduction of risk.
 */
import { positionKey, signOf, TIERS } from "../types.ts";
import type { Approved, Entry, Reduce } from "../types.ts";
import {
  dayLoss,
  killSwitch,
  navAnomaly,
  navNonpositive,
  navStale,
  operatorPause,
  portfolioCircuit,
  rollingLoss,
} from "./account.ts";
import {
  alreadyInTrade,
  groupCap,
  leverageCap,
  maxConcurrent,
  maxOrder,
  minNotional,
  oppositeLeg,
  portfolioCap,
  restricted,
  strategyConcurrent,
  symbolCap,
  tierCap,
  tradeCap,
  universe,
} from "./caps.ts";
import { type Breach, gate, type World } from "./check.ts";
import type { Limits } from "./limits.ts";
import { riskMode } from "./mode.ts";
import { cooldown } from "./tempo.ts";

const riskHalted = gate("risk_mode_halted", "risk_mode_halted", (_entry, world, limits) => {
  const { mode, reason } = riskMode(world, limits);
  return mode === "HALTED" ? { thresholds: {}, observations: { risk_mode_reason: reason } } : null;
});

/** Without these the percentages that follow would mean nothing: the first breach ends the list. */
const PRECONDITIONS = [
  restricted,
  universe,
  killSwitch,
  operatorPause,
  navStale,
  navNonpositive,
  navAnomaly,
  riskHalted,
] as const;

/** All of these are judged; every breach is told, the first is the primary reason. */
const CHECKS = [
  portfolioCircuit,
  groupCap,
  alreadyInTrade,
  oppositeLeg,
  dayLoss,
  rollingLoss,
  minNotional,
  maxOrder,
  symbolCap,
  leverageCap,
  cooldown,
  tradeCap,
  portfolioCap,
  maxConcurrent,
  strategyConcurrent,
  tierCap,
] as const;

type AnyCheck = (typeof PRECONDITIONS)[number] | (typeof CHECKS)[number];
export type VetoReason = AnyCheck["reason"] | "invalid_input" | "nothing_to_reduce";

export const CHECK_IDS: readonly string[] = [...PRECONDITIONS, ...CHECKS].map(({ id }) => id);
export const VETO_REASONS: readonly VetoReason[] = [
  "invalid_input",
  "nothing_to_reduce",
  ...new Set<VetoReason>([...PRECONDITIONS, ...CHECKS].map(({ reason }) => reason)),
];

export type Veto = Breach & { readonly id: string; readonly reason: VetoReason };
export type Verdict<I extends Entry | Reduce> =
  | { readonly kind: "approved"; readonly intent: Approved<I> }
  | {
    readonly kind: "vetoed";
    readonly intent: I;
    readonly vetoes: readonly [Veto, ...Veto[]];
    readonly maxNotionalUsd: number;
  };

/** Judges an entry. Total: malformed input is a veto `invalid_input`, never a throw or a pass. */
export function vet(entry: Entry, world: World, limits: Limits): Verdict<Entry> {
  const problem = malformed(entry);
  if (problem !== null) {
    const veto: Veto = {
      id: "invalid_input",
      reason: "invalid_input",
      thresholds: {},
      observations: { problem },
    };
    return { kind: "vetoed", intent: entry, vetoes: [veto], maxNotionalUsd: 0 };
  }
  for (const { id, reason, judge } of PRECONDITIONS) {
    const breach = judge(entry, world, limits);
    if (breach === null) continue;
    return {
      kind: "vetoed",
      intent: entry,
      vetoes: [{ id, reason, ...breach }],
      maxNotionalUsd: 0,
    };
  }
  const [first, ...rest] = CHECKS.flatMap(({ id, reason, judge }): Veto[] => {
    const breach = judge(entry, world, limits);
    return breach === null ? [] : [{ id, reason, ...breach }];
  });
  if (first === undefined) return { kind: "approved", intent: entry as Approved<Entry> };
  const maxNotionalUsd = roomFor(entry, world, limits);
  return { kind: "vetoed", intent: entry, vetoes: [first, ...rest], maxNotionalUsd };
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
  const veto: Veto = {
    id: "nothing_to_reduce",
    reason: "nothing_to_reduce",
    thresholds: { held_lots: held },
    observations: { lots: reduce.lots },
  };
  return { kind: "vetoed", intent: reduce, vetoes: [veto], maxNotionalUsd: 0 };
}

/** The largest notional every check would have let through; 0 where none would. */
function roomFor(entry: Entry, world: World, limits: Limits): number {
  let roomUsd = Infinity;
  for (const { room } of CHECKS) roomUsd = Math.min(roomUsd, room(entry, world, limits));
  const floorUsd = Math.max(
    limits.minNotionalUsd(entry.ticker),
    world.tradable(entry.ticker)?.minNotionalUsd ?? 0,
  );
  return roomUsd >= floorUsd && Number.isFinite(roomUsd) ? roomUsd : 0;
}

function malformed(entry: Entry): string | null {
  if (typeof entry !== "object" || entry === null) return "entry";
  const { ticker, side, tier, grossUsd, leverage, refPx, levels } = entry;
  if (typeof ticker !== "string" || ticker === "") return "symbol";
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
