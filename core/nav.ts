/**
 * Net asset value and the guards that stand on it: age, anomaly hold, peak, daily loss; drawdown
 * and its circuits are beside it. Always true: a failed or unpriced reading changes nothing but the age; a
 * peak never decays by age; a transfer is neither profit nor loss; an unexplained jump is held out
 * of every figure until three readings agree.
 */
import { z } from "zod";
import { dayOf, isZone } from "./calendar.ts";
import {
  factor,
  frac,
  hours,
  MS_PER_DAY,
  MS_PER_HOUR,
  MS_PER_SECOND,
  seconds,
  usd,
} from "./units.ts";
import type { Account, Dict, Reading } from "./types.ts";
import {
  type Circuit,
  type DrawdownState,
  isFlapping,
  judgeDrawdown,
  type Latch,
  lossFrac,
} from "./drawdown.ts";
import type { EngineEvent } from "./events.ts";
import {
  type Baselines,
  baselinesOf,
  type EarlyStep,
  isEarly,
  type Money,
  noteStep,
  settle,
  shift,
} from "./transfers.ts";

/** Assets that count one to one as US dollars. */
export const PAR_ASSETS: readonly string[] = ["USDT", "USDC", "FDUSD"];
/** A reading stamped further ahead of the engine's clock than this is not believed. */
const FUTURE_TOLERANCE_MS = 5 * MS_PER_SECOND;
const ACCEPT_READINGS = 3;
const ACCEPT_SPACING_MS = 10 * MS_PER_SECOND;
const ACCEPT_BAND_FRAC = 0.05;
const ROLLING_MS = MS_PER_DAY;

/** NAV is to be read so often while it is fresh: one reading that fails is no harm then. */
export const READINGS_PER_FRESHNESS = 3;

/** Keys of `risk_limits.json` that belong to the account's guards. */
export const navShape = {
  nav_freshness_seconds: seconds(3_600, 1),
  reset_timezone: z.string().refine(isZone, {
    error: 'an IANA time zone such as "UTC" or "Europe/Berlin"',
  }),
  nav_anomalies: z.strictObject({
    enabled: z.boolean().default(false),
    max_multiplier_intraday: factor(100, 1).default(3),
    max_gap_abs_usd: usd(1e9, 0.01).default(20_000),
  }).prefault({}),
  circuit_breakers: z.strictObject({
    max_portfolio_dd_nav_pct: frac(0.95, 0.001),
    cooloff_hours: hours(24 * 30, 1),
    dd_recovery_exit_frac: frac(1).default(0.25),
  }),
};

const NavKeys = z.object(navShape);

/** The guards' rules in core units. */
export type NavRules = ReturnType<typeof navRules>;

/** Turns the parsed keys into rules; `drawdownFrac` is the limit that only a human lifts again. */
export function navRules(keys: z.output<typeof NavKeys>, drawdownFrac: number) {
  const { nav_anomalies: anomalies, circuit_breakers: breakers } = keys;
  return {
    drawdownFrac,
    freshMs: keys.nav_freshness_seconds,
    zone: keys.reset_timezone,
    anomaly: {
      enabled: anomalies.enabled,
      maxMultiplier: anomalies.max_multiplier_intraday,
      maxGapUsd: anomalies.max_gap_abs_usd,
    },
    circuitFrac: breakers.max_portfolio_dd_nav_pct,
    circuitCooloffMs: breakers.cooloff_hours,
    recoveryExitFrac: breakers.dd_recovery_exit_frac,
  };
}

/** A reading that was believed. */
export type NavLevel = {
  readonly navUsd: number;
  readonly walletUsd: number;
  readonly unrealizedUsd: number;
  readonly atMs: number;
};

/** What must outlive a restart. */
export type NavMemory = Baselines & {
  readonly level: NavLevel | null;
  readonly pending: {
    readonly navUsd: number;
    readonly previousUsd: number;
    readonly count: number;
    readonly sinceMs: number;
    readonly lastMs: number;
  } | null;
  /** A believed step that may turn out to be money that had moved. */
  readonly early: EarlyStep | null;
  /** Money that has been told of and that no reading has shown yet. */
  readonly awaited: readonly Money[];
};

export const EMPTY_NAV: NavMemory = {
  level: null,
  pending: null,
  early: null,
  awaited: [],
  peakUsd: null,
  peakMs: null,
  highUsd: null,
  day: null,
  dayStartUsd: null,
  dayStartMs: null,
  dayPeakUsd: null,
  hourly: {},
  ddState: "NORMAL",
  flipsMs: [],
  circuit: null,
  rebasedMs: null,
  latch: null,
};

/** NAV as a decision may use it: only `fresh` has a number to size with. */
export type NavView =
  | { readonly kind: "fresh"; readonly navUsd: number; readonly ageMs: number }
  | { readonly kind: "stale"; readonly navUsd: number; readonly ageMs: number }
  | { readonly kind: "missing" };

/** Figures of the account that the gate and the surfaces share; null is unknown. */
export type AccountView = {
  readonly nav: NavView;
  /** NAV older than this is stale. */
  readonly freshMs: number;
  /** The drawdown at which the circuit trips. */
  readonly circuitFrac: number;
  readonly anomaly: NavMemory["pending"];
  readonly ddFrac: number | null;
  /** Drawdown from the highest NAV ever. */
  readonly highLossFrac: number | null;
  readonly dayLossFrac: number | null;
  readonly rollingLossFrac: number | null;
  readonly ddState: DrawdownState;
  /** The state changes to and fro: four times within an hour. */
  readonly flapping: boolean;
  readonly circuit: Circuit | null;
  readonly latch: Latch | null;
};

/** Sums an account: wallet at par plus unrealised profit. Null when anything in it has no price. */
export function readLevel(account: Account): NavLevel | null {
  let walletUsd = 0;
  for (const [asset, qty] of Object.entries(account.walletQty)) {
    if (!Number.isFinite(qty)) return null;
    if (qty !== 0 && !PAR_ASSETS.includes(asset)) return null;
    walletUsd += qty;
  }
  let unrealizedUsd = 0;
  for (const { unrealizedUsd: gain } of account.positions) {
    if (gain === null || !Number.isFinite(gain)) return null;
    unrealizedUsd += gain;
  }
  return { navUsd: walletUsd + unrealizedUsd, walletUsd, unrealizedUsd, atMs: account.atMs };
}

/**
 * True when a step cannot be believed at once: beyond `maxGapUsd`, or above `maxMultiplier` times
 * the previous level, or below its inverse, after what is explained (trades, funding, transfers,
 * price moves of held positions) has been taken out. A level that is not positive is never
 * believed at once.
 */
export function isNavAnomalous(
  step: { previousUsd: number; currentUsd: number; explainedUsd: number },
  rules: NavRules["anomaly"],
): boolean {
  if (!rules.enabled || !(step.previousUsd > 0)) return false;
  if (!(step.currentUsd > 0)) return true;
  const adjustedUsd = step.currentUsd - step.explainedUsd;
  return Math.abs(adjustedUsd - step.previousUsd) > rules.maxGapUsd ||
    adjustedUsd > step.previousUsd * rules.maxMultiplier ||
    adjustedUsd < step.previousUsd / rules.maxMultiplier;
}

/** What the engine itself can account for. */
export type Explained = {
  /** Since the last believed level: trades, funding, moves of held marks. */
  readonly tradedUsd: number;
  /** Money that came in or went out, told since the last call: it moves the baselines. */
  readonly transfersUsd: number;
};

export type NavStep = readonly [NavMemory, readonly EngineEvent[]];

/** Takes one reading of the account into the guards. */
export function updateNav(
  memory: NavMemory,
  { nowMs, account, explained }: {
    nowMs: number;
    account: Reading<Account>;
    explained: Explained;
  },
  rules: NavRules,
): NavStep {
  const { memory: heard, events: told } = hearTransfer(memory, explained.transfersUsd, {
    nowMs,
    rules,
  });
  const level = account.kind === "read" ? readLevel(account.value) : null;
  if (level === null || level.atMs > nowMs + FUTURE_TOLERANCE_MS) return [heard, told];
  const previous = heard.level;
  // A late answer says nothing about now, and must not turn the day back.
  if (previous !== null && level.atMs < previous.atMs) return [heard, told];
  const previousUsd = previous?.navUsd ?? level.navUsd;
  const stepUsd = level.navUsd - previousUsd - explained.tradedUsd;
  const { movedUsd, left } = settle(heard.awaited, { stepUsd, atMs: level.atMs });
  const explainedUsd = explained.tradedUsd + movedUsd;
  const step = { previousUsd, currentUsd: level.navUsd, explainedUsd };
  if (previous !== null && isNavAnomalous(step, rules.anomaly)) {
    const [held, events] = hold(heard, level, rules);
    return [held, [...told, ...events]];
  }
  const [shifted, moved] = applyTransfer({ ...heard, awaited: left }, movedUsd);
  const usd = stepUsd - movedUsd;
  const early = previous === null
    ? null
    : noteStep(shifted.early, { usd, previousUsd, atMs: level.atMs }, baselinesOf(shifted));
  const [accepted, events] = accept({ ...shifted, early, pending: null }, level, rules);
  return [accepted, [...told, ...moved, ...events]];
}

/** The figures of this instant. Ages grow whatever the reason that no reading came. */
export function viewAccount(memory: NavMemory, nowMs: number, rules: NavRules): AccountView {
  const { level } = memory;
  const ageMs = level === null ? 0 : Math.max(0, nowMs - level.atMs);
  const nav: NavView = level === null
    ? { kind: "missing" }
    : { kind: ageMs < rules.freshMs ? "fresh" : "stale", navUsd: level.navUsd, ageMs };
  const navUsd = level?.navUsd ?? null;
  const rollingPeakUsd = rollingMax(memory, nowMs);
  return {
    nav,
    freshMs: rules.freshMs,
    circuitFrac: rules.circuitFrac,
    anomaly: memory.pending,
    ddFrac: lossFrac(memory.peakUsd, navUsd),
    highLossFrac: lossFrac(memory.highUsd, navUsd),
    dayLossFrac: lossFrac(memory.dayPeakUsd, navUsd),
    rollingLossFrac: lossFrac(rollingPeakUsd, navUsd),
    ddState: memory.ddState,
    flapping: isFlapping(memory.flipsMs, nowMs),
    circuit: memory.circuit,
    latch: memory.latch,
  };
}

function hold(memory: NavMemory, level: NavLevel, rules: NavRules): NavStep {
  const { pending, level: last } = memory;
  const agrees = pending !== null &&
    Math.abs(level.navUsd - pending.navUsd) <= ACCEPT_BAND_FRAC * Math.abs(pending.navUsd);
  if (!agrees) {
    const fresh = {
      navUsd: level.navUsd,
      previousUsd: last!.navUsd,
      count: 1,
      sinceMs: level.atMs,
      lastMs: level.atMs,
    };
    const note = `unexplained step from ${last!.navUsd} to ${level.navUsd}`;
    const event = {
      kind: "account_rule",
      rule: "nav_anomaly",
      navUsd: level.navUsd,
      note,
    } as const;
    return [{ ...memory, pending: fresh }, [event]];
  }
  if (level.atMs - pending.lastMs < ACCEPT_SPACING_MS) return [memory, []];
  const count = pending.count + 1;
  if (count < ACCEPT_READINGS || !(level.navUsd > 0)) {
    return [{ ...memory, pending: { ...pending, count, lastMs: level.atMs } }, []];
  }
  const stepUsd = level.navUsd - last!.navUsd;
  const inflow = stepUsd > 0 ? { ...shift(memory, stepUsd), awaited: [] } : memory;
  const [accepted, events] = accept({ ...inflow, pending: null }, level, rules);
  const note = stepUsd > 0 ? "taken as an inflow" : "taken as a loss";
  return [accepted, [{
    kind: "account_rule",
    rule: "nav_level_accepted",
    navUsd: level.navUsd,
    note,
  }, ...events]];
}

function accept(memory: NavMemory, level: NavLevel, rules: NavRules): NavStep {
  const events: EngineEvent[] = [];
  const { navUsd, atMs } = level;
  let next: NavMemory = { ...memory, level };
  const day = dayOf(atMs, rules.zone);
  if (day !== memory.day) {
    next = { ...next, day, dayStartUsd: navUsd, dayStartMs: atMs, dayPeakUsd: navUsd };
    events.push({ kind: "account_rule", rule: "new_day", navUsd, note: day });
  } else if (navUsd > memory.dayPeakUsd!) next = { ...next, dayPeakUsd: navUsd };
  if (memory.peakUsd === null || navUsd > memory.peakUsd) {
    next = { ...next, peakUsd: navUsd, peakMs: atMs };
  }
  if (memory.highUsd === null || navUsd > memory.highUsd) next = { ...next, highUsd: navUsd };
  next = { ...next, hourly: recordHour(memory.hourly, navUsd, atMs) };
  const [judged, told] = judgeDrawdown(next, level, rules);
  return [judged, [...events, ...told]];
}

/** Money that is told of: what was seen before moves the baselines now, the rest is waited for. */
function hearTransfer(
  memory: NavMemory,
  movedUsd: number,
  { nowMs, rules }: { nowMs: number; rules: NavRules },
): { memory: NavMemory; events: readonly EngineEvent[] } {
  const { level, early, awaited } = memory;
  // What the first reading shows has all in it that was told before.
  if (movedUsd === 0 || level === null) return { memory, events: [] };
  if (early === null || !isEarly(early, movedUsd, nowMs)) {
    return {
      memory: { ...memory, awaited: [...awaited, { usd: movedUsd, atMs: nowMs }] },
      events: [],
    };
  }
  const [before, told] = applyTransfer({ ...memory, ...early.before, early: null }, movedUsd);
  const [judged, events] = accept(before, level, rules);
  return { memory: judged, events: [...told, ...events] };
}

/** Moves the baselines by money that the account shows. */
function applyTransfer(memory: NavMemory, movedUsd: number): NavStep {
  if (movedUsd === 0) return [memory, []];
  const note = movedUsd > 0 ? "deposit" : "withdrawal";
  const navUsd = memory.level?.navUsd ?? null;
  return [shift(memory, movedUsd), [{ kind: "account_rule", rule: "transfer", navUsd, note }]];
}

function recordHour(hourly: Dict<number>, navUsd: number, atMs: number): Dict<number> {
  const hour = String(Math.floor(atMs / MS_PER_HOUR) * MS_PER_HOUR);
  const known = hourly[hour];
  if (known !== undefined && known >= navUsd) return hourly;
  const kept: Record<string, number> = {};
  for (const [start, value] of Object.entries(hourly)) {
    if (Number(start) > atMs - ROLLING_MS - MS_PER_HOUR) kept[start] = value;
  }
  kept[hour] = navUsd;
  return kept;
}

function rollingMax(memory: NavMemory, nowMs: number): number | null {
  let highest: number | null = null;
  for (const [start, value] of Object.entries(memory.hourly)) {
    if (Number(start) <= nowMs - ROLLING_MS - MS_PER_HOUR) continue;
    if (highest === null || value > highest) highest = value;
  }
  return highest;
}
