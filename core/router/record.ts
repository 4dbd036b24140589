/**
 * What routing of one symbol has come to: sums since the first start, averages and samples of the
 * last days. Confirmed fills and ended routes feed it, nothing else does.
 */
import type { Dict } from "../types.ts";
import { MS_PER_HOUR } from "../units.ts";
import { type Effectiveness, effectivenessOf, type RouteSample } from "./effectiveness.ts";
import {
  EMPTY_WINDOW,
  type FillSample,
  type FillWindow,
  noteFillSample,
  type WindowRules,
  windowUnchangedUntilMs,
} from "./fills.ts";
import type { RouterRules } from "./rules.ts";
import { learnSlippage, type SlippageAverages } from "./slippage.ts";
import type { Tuned } from "./tuning.ts";

/** Sums since the data directory's first start. */
export type RouteTotals = {
  readonly routesCount: number;
  readonly filledCount: number;
  readonly makerStartedCount: number;
  readonly makerFinalCount: number;
  readonly fallbackCount: number;
  /** Routes that ended with nothing filled. */
  readonly abandonedCount: number;
  readonly ordersCount: number;
  /** Orders the venue refused, post-only rejections included. */
  readonly rejectCount: number;
  readonly requoteCount: number;
  readonly filledUsd: number;
  readonly makerUsd: number;
  readonly feesUsd: number;
  /** Cost against the decision's mid in dollars, without fees. */
  readonly shortfallUsd: number;
  readonly lastOrderMs: number | null;
  readonly lastFillMs: number | null;
};

export type RoutingRecord = {
  readonly totals: RouteTotals;
  readonly slippage: SlippageAverages | null;
  readonly window: FillWindow;
  /** Ended routes of the last days, by route id, oldest first. */
  readonly samples: Dict<DatedSample>;
  readonly tuned: Tuned | null;
};

export type DatedSample = RouteSample & {
  readonly atMs: number;
  readonly isTwap: boolean;
  readonly plannedUsd: number;
  readonly filledUsd: number;
};

export const EMPTY_TOTALS: RouteTotals = {
  routesCount: 0,
  filledCount: 0,
  makerStartedCount: 0,
  makerFinalCount: 0,
  fallbackCount: 0,
  abandonedCount: 0,
  ordersCount: 0,
  rejectCount: 0,
  requoteCount: 0,
  filledUsd: 0,
  makerUsd: 0,
  feesUsd: 0,
  shortfallUsd: 0,
  lastOrderMs: null,
  lastFillMs: null,
};

export const EMPTY_RECORD: RoutingRecord = {
  totals: EMPTY_TOTALS,
  slippage: null,
  window: EMPTY_WINDOW,
  samples: {},
  tuned: null,
};

/** More ended routes of one symbol than this say nothing new about it. */
const SAMPLES_MAX = 400;

/** One order with fills is over: what the book promised, what came of it. */
export type ChildFill = FillSample & {
  /** Against the mid of the moment before it was sent. */
  readonly realizedBps: number | null;
  readonly expectedBps: number | null;
};

export function noteChild(
  record: RoutingRecord,
  { realizedBps, expectedBps, ...sample }: ChildFill,
  rules: Pick<RouterRules, "halfLifeTrades"> & WindowRules,
): RoutingRecord {
  const trade = { realizedBps, expectedBps, atMs: sample.fillMs };
  return {
    ...record,
    slippage: learnSlippage(record.slippage, trade, rules.halfLifeTrades),
    window: noteFillSample(record.window, sample, rules),
  };
}

/** One route is over. */
export type EndedRoute = DatedSample & {
  readonly id: string;
  readonly ordersCount: number;
  readonly rejectCount: number;
  readonly requoteCount: number;
  readonly makerUsd: number;
  readonly feesUsd: number;
  readonly shortfallUsd: number;
};

export function noteRoute(
  { totals, samples, ...record }: RoutingRecord,
  ended: EndedRoute,
  { recordMs }: Pick<RouterRules, "recordMs">,
): RoutingRecord {
  const { id, ordersCount, rejectCount, requoteCount, makerUsd, feesUsd, shortfallUsd, ...sample } =
    ended;
  const { atMs, filledUsd, makerStarted, makerFinal, usedFallback } = sample;
  const one = (condition: boolean) => condition ? 1 : 0;
  const isFilled = filledUsd > 0;
  return {
    ...record,
    totals: {
      routesCount: totals.routesCount + 1,
      filledCount: totals.filledCount + one(isFilled),
      makerStartedCount: totals.makerStartedCount + one(makerStarted),
      makerFinalCount: totals.makerFinalCount + one(makerFinal === true),
      fallbackCount: totals.fallbackCount + one(usedFallback),
      abandonedCount: totals.abandonedCount + one(!isFilled),
      ordersCount: totals.ordersCount + ordersCount,
      rejectCount: totals.rejectCount + rejectCount,
      requoteCount: totals.requoteCount + requoteCount,
      filledUsd: totals.filledUsd + filledUsd,
      makerUsd: totals.makerUsd + makerUsd,
      feesUsd: totals.feesUsd + feesUsd,
      shortfallUsd: totals.shortfallUsd + shortfallUsd,
      lastOrderMs: ordersCount > 0 ? atMs : totals.lastOrderMs,
      lastFillMs: isFilled ? atMs : totals.lastFillMs,
    },
    samples: kept({ ...samples, [id]: sample }, atMs - recordMs),
  };
}

/** The newest samples that are not too old. */
function kept(samples: Dict<DatedSample>, fromMs: number): Dict<DatedSample> {
  const entries = Object.entries(samples);
  const first = Math.max(
    entries.length - SAMPLES_MAX,
    entries.findIndex(([, { atMs }]) => atMs >= fromMs),
  );
  return first <= 0 ? samples : Object.fromEntries(entries.slice(first));
}

/** What was worked out from samples that have not changed since, per hour of engine time. */
const known = new WeakMap<
  Dict<DatedSample>,
  { hour: number; recordMs: number; value: Effectiveness }
>();

/** How routing of the symbol went over the last days. */
export function effectivenessAt(
  { samples }: RoutingRecord,
  nowMs: number,
  { recordMs }: Pick<RouterRules, "recordMs">,
): Effectiveness {
  const hour = Math.floor(nowMs / MS_PER_HOUR);
  const last = known.get(samples);
  if (last?.hour === hour && last.recordMs === recordMs) return last.value;
  const fromMs = hour * MS_PER_HOUR - recordMs;
  const recent = Object.values(samples).filter(({ atMs }) => atMs >= fromMs);
  const value = effectivenessOf(recent);
  known.set(samples, { hour, recordMs, value });
  return value;
}

/**
 * Until when time alone changes nothing of what a record says: no fill leaves the window, no route
 * the last days. Infinity where nothing is left that could.
 */
export function unchangedUntilMs(
  { window, samples }: RoutingRecord,
  nowMs: number,
  { recordMs, windowRules }: { recordMs: number; windowRules: WindowRules },
): number {
  let untilMs = windowUnchangedUntilMs(window, nowMs, windowRules);
  for (const { atMs, isTwap } of Object.values(samples)) {
    if (atMs >= nowMs - recordMs) untilMs = Math.min(untilMs, atMs + recordMs);
    const { windowMs } = windowRules;
    if (isTwap && atMs >= nowMs - windowMs) untilMs = Math.min(untilMs, atMs + windowMs);
  }
  return untilMs;
}
