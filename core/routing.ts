/**
 * The routing policy of a symbol as of now: what its record, its market, its bucket, the hour and
 * what was tuned make of it. Worked out when a route begins, and for whoever looks.
 */
import { sortedKeys } from "./dict.ts";
import { netUsd } from "./exits/episode.ts";
import type { Memory } from "./memory.ts";
import type { Past } from "./past.ts";
import { type RangeRegime, rangeRegime } from "./regimes.ts";
import { remembered, settled } from "./remember.ts";
import type { Effectiveness } from "./router/effectiveness.ts";
import { type FillFigures, fillFigures } from "./router/fills.ts";
import { complaintOf, hearSnapshot, type RoutingFacts } from "./router/health.ts";
import { HOUR_COUNT_MIN, hourlyExpectancy, type HourSample } from "./router/hours.ts";
import { makerOffsetBps, makerReliability } from "./router/offset.ts";
import { type RouterPolicy, routerPolicy } from "./router/policy.ts";
import { type Quality, qualityOf } from "./router/quality.ts";
import {
  effectivenessAt,
  EMPTY_RECORD,
  type RoutingRecord,
  unchangedUntilMs,
} from "./router/record.ts";
import { suggest, type Suggestion } from "./router/suggest.ts";
import { applySuggestion, biasOf, tunedPolicy } from "./router/tuning.ts";
import { type Whole, wholeOf } from "./router/whole.ts";
import { GENERIC_BUCKET } from "./router/rules.ts";
import type { Rules } from "./rules.ts";
import type { Dict, RiskMode, Ticker } from "./types.ts";
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "./units.ts";
import { change, type Work } from "./work.ts";

export type Around = {
  readonly memory: Memory;
  readonly past: Past;
  readonly rules: Rules;
};

/** Everything routing knows about one symbol at this instant. */
export type SymbolRouting = {
  readonly record: RoutingRecord;
  /** Its fills of the quality window. */
  readonly figures: FillFigures;
  readonly bucket: string;
  readonly effectiveness: Effectiveness;
  readonly reliability: number | null;
  readonly quality: Quality;
  readonly policy: RouterPolicy;
};

/** What was worked out from a record, from what else, and the minutes for which it holds. */
type Known = WeakMap<
  RoutingRecord,
  { from: readonly unknown[]; madeMs: number; untilMs: number; value: SymbolRouting }
>;
const known = { calm: new WeakMap() as Known, defensive: new WeakMap() as Known };

/** How one symbol is routed, and how well that has gone as of the beginning of this minute. */
export function routingOf(
  { memory, past, rules }: Around,
  ticker: Ticker,
  { isDefensive }: { isDefensive: boolean },
): SymbolRouting {
  const { routing, closes, pulse } = memory;
  return routed({ routing, closes, past, rules }, ticker, { minute: minuteOf(pulse), isDefensive });
}

type Sources = Pick<Memory, "routing" | "closes"> & Pick<Around, "past" | "rules">;

function routed(
  { routing, closes, past, rules }: Sources,
  ticker: Ticker,
  { minute, isDefensive }: { minute: number; isDefensive: boolean },
): SymbolRouting {
  const record = routing[ticker] ?? EMPTY_RECORD;
  const nowMs = minute * MS_PER_MINUTE;
  const range = rangeRegime(past.ranges.range(ticker)?.ratio);
  const profitFrac = profitFracs(closes, Math.floor(nowMs / MS_PER_HOUR))[ticker] ?? null;
  const from = [ticker, range, profitFrac, rules];
  const told = isDefensive ? known.defensive : known.calm;
  const last = told.get(record);
  const isInTime = last !== undefined && last.madeMs <= nowMs && nowMs <= last.untilMs;
  if (isInTime && from.every((part, i) => part === last.from[i])) return last.value;
  const { recordMs } = rules.router;
  const untilMs = unchangedUntilMs(record, nowMs, { recordMs, windowRules: rules.quality });
  const value = judged(record, ticker, { range, profitFrac, isDefensive, nowMs, rules });
  told.set(record, { from, madeMs: nowMs, untilMs, value });
  return value;
}

function judged(
  record: RoutingRecord,
  ticker: Ticker,
  { range, profitFrac, isDefensive, nowMs, rules }: {
    range: RangeRegime;
    profitFrac: number | null;
    isDefensive: boolean;
    nowMs: number;
    rules: Rules;
  },
): SymbolRouting {
  const effectiveness = effectivenessAt(record, nowMs, rules.router);
  const { ordersCount, rejectCount } = record.totals;
  const rejectFrac = ordersCount === 0 ? 0 : Math.min(1, rejectCount / ordersCount);
  const reliability = makerReliability(effectiveness, rejectFrac);
  const offsetBps = makerOffsetBps({
    record: effectiveness,
    range,
    reliability,
    isDefensive,
    hourProfitFrac: profitFrac,
  });
  const bucket = rules.buckets[ticker];
  const policy = routerPolicy(effectiveness, {
    range,
    offsetBps,
    ...bucket === undefined ? {} : { makerBiasFrac: bucket.makerBiasFrac },
  });
  const name = bucket?.name ?? GENERIC_BUCKET;
  return {
    record,
    figures: fillFigures(record.window, nowMs, rules.quality),
    bucket: name,
    effectiveness,
    reliability,
    quality: qualityOf(record, { bucket: name, nowMs }, rules.quality),
    policy: tunedPolicy(policy, record.tuned),
  };
}

function minuteOf({ nowMs }: Pick<Memory["pulse"], "nowMs">): number {
  return Math.floor(nowMs / MS_PER_MINUTE);
}

/** Routing of every symbol that has a record, in the order of their names. */
export function routingOfAll(
  { memory: { routing, closes, pulse }, past, rules }: Around,
  { isDefensive }: { isDefensive: boolean },
): Dict<SymbolRouting> {
  const all = isDefensive ? allDefensive : allCalm;
  return all(routing, closes, minuteOf(pulse), past, past.history.version, rules);
}

/** Ranges are a function of the candles, of which there are more with each version. */
const allOf = (isDefensive: boolean, settle = settled<SymbolRouting>()) =>
  remembered((
    routing: Memory["routing"],
    closes: Memory["closes"],
    minute: number,
    past: Past,
    _version: number,
    rules: Rules,
  ): Dict<SymbolRouting> => {
    const sources = { routing, closes, past, rules };
    const tickers = sortedKeys(routing) as Ticker[];
    const all = tickers.map((ticker) =>
      [ticker, routed(sources, ticker, { minute, isDefensive })] as const
    );
    return settle(Object.fromEntries(all));
  });
const [allCalm, allDefensive] = [allOf(false), allOf(true)];

/** Routing of all symbols together, as of the beginning of this minute. */
export function routingOfWhole(around: Around): Whole {
  return whole(routingOfAll(around, { isDefensive: false }), around.rules.quality);
}

const whole = remembered((all: Dict<SymbolRouting>, rules: Rules["quality"]): Whole =>
  wholeOf(Object.values(all), rules)
);

/** Once a minute routing as a whole is judged; what it says of itself moves the risk mode. */
export function watchRouting(work: Work, beforeMs: number): void {
  const minute = (ms: number) => Math.floor(ms / MS_PER_MINUTE);
  if (minute(work.seen.nowMs) === minute(beforeMs)) return;
  const facts: Record<string, RoutingFacts> = {};
  const all = routingOfAll(work, { isDefensive: false });
  for (const [ticker, { record, quality, policy, effectiveness }] of Object.entries(all)) {
    const { makerStartedCount } = record.totals;
    const { fallbackFrac, sampleCount } = effectiveness;
    facts[ticker] = { quality, policy, makerStartedCount, fallbackFrac, sampleCount };
  }
  const complaint = complaintOf(facts, work.rules.quality.minCount);
  const routerHealth = hearSnapshot(work.memory.routerHealth, complaint);
  if (routerHealth !== work.memory.routerHealth) change(work, { routerHealth });
}

/** What the records suggest, per symbol: written down, and followed only where that is turned on. */
export function suggestionsOf(
  around: Around,
  { isDefensive, scores }: {
    isDefensive: boolean;
    /** Score and results of symbols that have traded. */
    scores: Dict<{
      readonly score: number | null;
      readonly expectancyUsd: number | null;
      readonly hitFrac: number | null;
    }>;
  },
): Dict<Suggestion> {
  const { bounds } = around.rules.router.tuning;
  const all = Object.entries(routingOfAll(around, { isDefensive }));
  return Object.fromEntries(all.map(([ticker, { effectiveness, policy, record }]) => {
    const { makerFirst, offsetBps } = policy;
    const current = { makerFirst, bias: biasOf(policy, record.tuned), offsetBps };
    const strength = scores[ticker] ?? { score: null, expectancyUsd: null, hitFrac: null };
    return [ticker, suggest(effectiveness, { current, strength, bounds })] as const;
  }));
}

/** Follows the suggestions of this interval, one bounded step each, where that is turned on. */
export function followSuggestions(
  work: Work,
  beforeMs: number,
  { mode, suggestions }: { mode: RiskMode; suggestions: () => Dict<Suggestion> },
): void {
  const { tuning } = work.rules.router;
  const { nowMs } = work.seen;
  const interval = (ms: number) => Math.floor(ms / tuning.intervalMs);
  if (!tuning.applies || interval(nowMs) === interval(beforeMs)) return;
  let { routing } = work.memory;
  for (const [ticker, suggestion] of Object.entries(suggestions())) {
    const record = routing[ticker]!;
    const isCalm = mode === "OK";
    const tuned = applySuggestion(
      suggestion,
      { tuned: record.tuned, ticker, isCalm, nowMs },
      tuning,
    );
    if (tuned !== record.tuned) routing = { ...routing, [ticker]: { ...record, tuned } };
  }
  if (routing !== work.memory.routing) change(work, { routing });
}

const WEEK_MS = 7 * MS_PER_DAY;

/** Profit per dollar of each symbol's trades in an hour of the day; null where they are too few. */
const profitFracs = remembered((closes: Memory["closes"], hour: number): Dict<number | null> => {
  const samples: Record<string, HourSample[]> = {};
  for (const close of Object.values(closes)) {
    if (close.closedMs < hour * MS_PER_HOUR - WEEK_MS) continue;
    (samples[close.ticker] ??= []).push(hourSample(close));
  }
  const name = String(hour % (MS_PER_DAY / MS_PER_HOUR));
  return Object.fromEntries(
    Object.entries(samples).map(([ticker, list]) => {
      const figures = hourlyExpectancy(list)[name];
      const isEnough = figures !== undefined && figures.count >= HOUR_COUNT_MIN;
      return [ticker, isEnough ? figures.profitFrac : null] as const;
    }),
  );
});

/** One closed episode as a sample of its hour. */
export function hourSample(close: Memory["closes"][string]): HourSample {
  const { closedMs: atMs, usd } = close;
  return { atMs, profitUsd: netUsd(close), usd, slippageBps: null };
}
