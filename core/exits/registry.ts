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

type LevelPair = Pick<Levels, "slPx" | "tpPx">;

/** Levels somebody gave for legs that the engine did not open, by leg. */
export type GivenLevels = Dict<LevelPair>;

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
  /** As the leg began: what it is judged by, however its stop has been moved since. */
  readonly initialLevels: LevelPair;
  /** Invented while nobody knew a mark: nothing fires or rests by them before they are anchored. */
  readonly isProvisional: boolean;
  readonly openedMs: number;
  readonly registeredMs: number;
  readonly updatedMs: number;
  /** Best mark since entry, for trailing, and the worst one. */
  readonly bestPx: number;
  readonly worstPx: number;
  /** The protective order that should be resting at the venue. */
  readonly stop: { readonly clientId: string; readonly stopTicks: number } | null;
  /** Rests in its place while it is moved: the venue takes one stop a leg that closes all of it. */
  readonly bridge: { readonly clientId: string; readonly stopTicks: number } | null;
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
  /** Since when the book calls the leg flat, until a reading of the account agrees; null: it is open. */
  readonly flatSinceMs: number | null;
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

/** What levels are made from; a mark of null: nobody knows where the market is. */
export type SeedSight = {
  readonly markPx: number | null;
  readonly atr: number | null;
  readonly nowMs: number;
};

/** Registers a leg the engine did not open: adopted, manual, lost. */
export function seed(
  holding: Holding,
  sight: SeedSight,
  rules: ExitRules,
): { guard: Guard; event: EngineEvent } {
  const { levels, ...rest } = inventLevels(holding, sight, rules);
  const source = holding.source === "adopted" ? "adopted" : "seed";
  const { guard, event } = born(holding, { levels, source, change: "seeded", nowMs: sight.nowMs });
  return { guard: { ...guard, ...rest }, event };
}

/** True for a guard whose levels have to be made: there are none, or the mark they lacked is there. */
export function wantsLevels({ levels, isProvisional }: Guard, markPx: number | null): boolean {
  if (isProvisional) return markPx !== null;
  return levels.slPx === null && levels.tpPx === null;
}

/** Levels for a leg that is registered and has none that hold. What trails or ends by time stays. */
export function reseed(
  guard: Guard,
  holding: Holding,
  sight: SeedSight,
  rules: ExitRules,
): { guard: Guard; event: EngineEvent } {
  const { levels: invented, ...rest } = inventLevels(holding, sight, rules);
  const { trailFrac, maxHoldMs } = guard.levels;
  const levels = { ...invented, trailFrac, maxHoldMs };
  const next = { ...guard, ...rest, levels, initialLevels: pairOf(levels), updatedMs: sight.nowMs };
  return { guard: next, event: levelsRow(next, "seeded") };
}

/**
 * Levels that were given hold as they are: what the mark has passed of them is due now. What nobody
 * gave is anchored at the entry price, and anew at the mark where the mark has passed it already, so
 * that no invention fires at once; what was passed is kept: somebody may want to leave such a leg.
 */
function inventLevels(
  { ticker, side, entryPx }: Holding,
  { markPx, atr }: SeedSight,
  rules: ExitRules,
): Pick<Guard, "levels" | "passedPx" | "isProvisional"> {
  const levelsAt = (anchorPx: number) =>
    seedLevels({ side, anchorPx, atr: atr ?? anchorPx * rules.fallbackAtrFrac }, rules);
  const given = rules.given[positionKey(ticker, side)];
  const anchored = levelsAt(entryPx);
  if (given !== undefined && given.slPx !== null) {
    return { levels: { ...anchored, ...pairOf(given) }, passedPx: null, isProvisional: false };
  }
  const { slPx } = anchored;
  const invented = { side, slPx, tpPx: given === undefined ? anchored.tpPx : null };
  const passed = markPx === null ? null : levelDue(invented, markPx);
  const levels = markPx === null || passed === null ? anchored : levelsAt(markPx);
  return {
    levels: given === undefined ? levels : { ...levels, tpPx: given.tpPx },
    passedPx: passed?.levelPx ?? null,
    isProvisional: markPx === null,
  };
}

function pairOf({ slPx, tpPx }: LevelPair): LevelPair {
  return { slPx, tpPx };
}

/** The book calls the leg flat: nothing is begun for it any more, and what rests goes on resting. */
export function awaitFlat(guard: Guard, nowMs: number): Guard {
  return { ...guard, flatSinceMs: nowMs, exit: null, nakedSinceMs: null, updatedMs: nowMs };
}

/**
 * A leg that is opened again inherits no level. What still rests at the venue closes it as well as
 * the one before, and is moved to where it belongs rather than taken away first.
 */
export function inherit(
  guard: Guard,
  { stop, bridge, target }: Guard,
  rests: (clientId: string) => boolean,
): Guard {
  const kept = (one: Guard["stop"]) => one !== null && rests(one.clientId) ? one : null;
  return { ...guard, stop: kept(stop), bridge: kept(bridge), target: kept(target) };
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
    initialLevels: pairOf(levels),
    isProvisional: false,
    openedMs,
    registeredMs: nowMs,
    updatedMs: nowMs,
    bestPx: entryPx,
    worstPx: entryPx,
    stop: null,
    bridge: null,
    stopAttempts: 0,
    target: null,
    targetAttempts: 0,
    targetRetryMs: 0,
    stopRetryMs: 0,
    nakedSinceMs: null,
    exit: null,
    exitAttempts: 0,
    passedPx: null,
    flatSinceMs: null,
  };
  return { guard, event: levelsRow(guard, change) };
}
