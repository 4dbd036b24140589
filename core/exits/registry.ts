/**
 * The registry of levels: where each open leg leaves. Always true: a leg has an entry from its
 * first fill on; levels travel with the entry that opened the leg; levels that must be invented
 * never fire at the moment of their invention; an entry goes only when its leg is flat.
 */
import { z } from "zod";
import { count, factor, frac, seconds } from "../units.ts";
import type { EngineEvent } from "../events.ts";
import type { Dict, ExitReason, Levels, PositionKey, Side, Ticker } from "../types.ts";
import { positionKey, signOf } from "../types.ts";
import type { Holding } from "./ledger.ts";
import { levelDue } from "./scan.ts";

/** Keys of `runtime.yaml` that belong to the exits. */
export const exitsShape = {
  exits: z.strictObject({
    venue_stops: z.boolean().default(true),
    /** Targets rest at the venue as well; the exit scan watches them either way. */
    venue_tp: z.boolean().default(false),
    unprotected_grace_s: seconds(3_600, 1).prefault(30),
    flatten_unprotected: z.boolean().default(true),
    sl_atr_mult: factor(50, 0.1).default(2),
    tp_atr_mult: factor(50, 0.1).default(3),
    atr_pct: frac(0.5, 0.0001).default(0.007),
    atr_lookback: count(500, 2).default(14),
  }).prefault({}),
};

const ExitKeys = z.object(exitsShape);
export type ExitRules = ReturnType<typeof exitRules>;

/** Levels somebody gave for legs that the engine did not open, by leg. */
export type GivenLevels = Dict<Pick<Levels, "slPx" | "tpPx">>;

/** Turns the parsed keys into rules. */
export function exitRules({ exits }: z.output<typeof ExitKeys>, given: GivenLevels = {}) {
  return {
    given,
    venueStops: exits.venue_stops,
    venueTargets: exits.venue_tp,
    unprotectedGraceMs: exits.unprotected_grace_s,
    flattenUnprotected: exits.flatten_unprotected,
    slAtrMult: exits.sl_atr_mult,
    tpAtrMult: exits.tp_atr_mult,
    fallbackAtrFrac: exits.atr_pct,
    atrLookback: exits.atr_lookback,
  };
}

/** One leg's way out. */
export type Guard = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly episodeId: string;
  readonly strategyId: string | null;
  readonly source: "intent" | "seed" | "adopted";
  readonly entryPx: number;
  readonly lots: number;
  readonly levels: Levels;
  readonly openedMs: number;
  readonly registeredMs: number;
  readonly updatedMs: number;
  /** Best mark since entry, for trailing, and the worst one. */
  readonly bestPx: number;
  readonly worstPx: number;
  /** The protective order that should be resting at the venue. */
  readonly stop: { readonly clientId: string; readonly stopTicks: number } | null;
  readonly stopAttempts: number;
  readonly stopRetryMs: number;
  /** The target that should be resting at the venue, where that is wanted. */
  readonly target: { readonly clientId: string; readonly stopTicks: number } | null;
  readonly targetAttempts: number;
  readonly targetRetryMs: number;
  /** Since when the venue has had no stop for this leg; null while one rests or is under way. */
  readonly nakedSinceMs: number | null;
  readonly exit: {
    readonly routeId: string;
    readonly reason: ExitReason;
    readonly firstMs: number;
  } | null;
  readonly exitAttempts: number;
  /** The level that the mark had passed already when the leg was found; null: none. */
  readonly passedPx: number | null;
};

export type Registry = Readonly<Record<PositionKey, Guard>>;

/** Stop and target at a distance of multiples of the average true range from an anchor price. */
export function seedLevels(
  { side, anchorPx, atr }: { side: Side; anchorPx: number; atr: number },
  { slAtrMult, tpAtrMult }: { slAtrMult: number; tpAtrMult: number },
): Levels {
  const sign = signOf(side);
  return {
    slPx: anchorPx - sign * slAtrMult * atr,
    tpPx: anchorPx + sign * tpAtrMult * atr,
    trailFrac: null,
    maxHoldMs: null,
    slAtrMult,
    tpAtrMult,
    atr,
  };
}

/** Registers a leg with the levels its entry was approved with. */
export function register(
  holding: Holding,
  levels: Levels,
  nowMs: number,
): { guard: Guard; event: EngineEvent } {
  return born(holding, { levels, source: "intent", change: "registered", nowMs });
}

/**
 * Registers a leg the engine did not open: adopted, manual, lost. Levels that were given for it
 * hold as they are; a stop nobody gave is anchored at the entry price. What the mark has passed
 * already is anchored anew at the mark, so that nothing fires at once, and what was passed is kept:
 * the leg may be one that somebody wants to leave.
 */
export function seed(
  holding: Holding,
  { markPx, atr, nowMs }: { markPx: number | null; atr: number | null; nowMs: number },
  rules: ExitRules,
): { guard: Guard; event: EngineEvent } {
  const { ticker, side, entryPx } = holding;
  const levelsAt = (anchorPx: number) =>
    seedLevels({ side, anchorPx, atr: atr ?? anchorPx * rules.fallbackAtrFrac }, rules);
  const given = rules.given[positionKey(ticker, side)];
  const anchored = levelsAt(entryPx);
  const wished = given === undefined
    ? anchored
    : { ...anchored, slPx: given.slPx ?? anchored.slPx, tpPx: given.tpPx };
  const passed = markPx === null ? null : levelDue({ side, ...wished }, markPx);
  const levels = markPx === null || passed === null ? wished : levelsAt(markPx);
  const source = holding.source === "adopted" ? "adopted" : "seed";
  const { guard, event } = born(holding, { levels, source, change: "seeded", nowMs });
  return { guard: { ...guard, passedPx: passed?.levelPx ?? null }, event };
}

/** Keeps quantity and entry in step with the leg; levels stay as they were registered. */
export function follow(guard: Guard, holding: Holding, nowMs: number): Guard {
  if (guard.lots === holding.lots && guard.entryPx === holding.entryPx) return guard;
  return { ...guard, lots: holding.lots, entryPx: holding.entryPx, updatedMs: nowMs };
}

/** Where nothing trails, extremes are a statistic: they move in steps of two basis points. */
const EXTREME_STEP_FRAC = 0.0002;

/** More was added under levels of its own: of two stops the tighter one holds, the rest stays. */
export function tighten(guard: Guard, { slPx }: Levels, nowMs: number): Guard {
  const { levels, side } = guard;
  if (slPx === null) return guard;
  const isTighter = levels.slPx === null || signOf(side) * (slPx - levels.slPx) > 0;
  return isTighter ? { ...guard, levels: { ...levels, slPx }, updatedMs: nowMs } : guard;
}

/** Moves the best and the worst price since entry; the same guard when the mark is neither. */
export function trackExtremes(guard: Guard, markPx: number): Guard {
  const { bestPx, worstPx, levels } = guard;
  const sign = signOf(guard.side);
  const step = (fromPx: number) => fromPx * EXTREME_STEP_FRAC;
  const isBest = sign * (markPx - bestPx) > (levels.trailFrac === null ? step(bestPx) : 0);
  if (isBest) return { ...guard, bestPx: markPx };
  return sign * (worstPx - markPx) > step(worstPx) ? { ...guard, worstPx: markPx } : guard;
}

/** The row that says what became of a leg's levels. */
export function levelsRow(
  { ticker, side, levels: { slPx, tpPx }, source }: Guard,
  change: Extract<EngineEvent, { kind: "registry" }>["change"],
): EngineEvent {
  return { kind: "registry", key: positionKey(ticker, side), change, slPx, tpPx, source };
}

function born(
  holding: Holding,
  { levels, source, change, nowMs }: {
    levels: Levels;
    source: Guard["source"];
    change: "registered" | "seeded";
    nowMs: number;
  },
): { guard: Guard; event: EngineEvent } {
  const { ticker, side, episodeId, strategyId, entryPx, lots, openedMs } = holding;
  const guard: Guard = {
    ticker,
    side,
    episodeId,
    strategyId,
    source,
    entryPx,
    lots,
    levels,
    openedMs,
    registeredMs: nowMs,
    updatedMs: nowMs,
    bestPx: entryPx,
    worstPx: entryPx,
    stop: null,
    stopAttempts: 0,
    target: null,
    targetAttempts: 0,
    targetRetryMs: 0,
    stopRetryMs: 0,
    nakedSinceMs: null,
    exit: null,
    exitAttempts: 0,
    passedPx: null,
  };
  return { guard, event: levelsRow(guard, change) };
}
