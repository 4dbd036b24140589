/** `router_health.json`: what routing costs and how well it goes, in one shape whatever happened. */
import { z } from "zod";
import { sortedEntries } from "../../core/dict.ts";
import {
  BASE_SCORE,
  EMPTY_STATS,
  MIN_EVENTS_COUNT,
  type Quality,
  qualityLabel,
  qualityOf,
  type SymbolStats,
} from "../../core/router/quality.ts";
import {
  count,
  envelopeShape,
  fraction,
  iso,
  isoOrNull,
  isoTime,
  maybe,
  maybeTime,
  type Published,
  symbol,
} from "./surface.ts";

const Label = z.enum(["STRONG", "NEUTRAL", "WEAK", "UNKNOWN"]);
const Drift = z.enum(["GREEN", "YELLOW", "RED"]).nullable();
const Latency = z.enum(["FAST", "NORMAL", "SLOW"]).nullable();

const Global = z.strictObject({
  quality_score: z.number(),
  label: Label,
  /** Too few events: the score is the base, not a measurement. */
  insufficient: z.boolean(),
  avg_slippage_bps: maybe,
  slippage_drift_bps: maybe,
  slippage_drift_bucket: Drift,
  avg_latency_ms: maybe,
  latency_bucket: Latency,
  twap_usage_ratio: maybe,
  maker_fill_ratio: fraction,
  fallback_ratio: fraction,
  fees_usd: z.number(),
  total_notional: z.number(),
  event_count: count,
  updated_ts: isoTime,
});

const PerSymbol = z.strictObject({
  symbol,
  quality_score: z.number(),
  label: Label,
  insufficient: z.boolean(),
  avg_slippage_bps: maybe,
  slippage_drift_bps: maybe,
  slippage_drift_bucket: Drift,
  ewma_expected_bps: maybe,
  ewma_realized_bps: maybe,
  avg_latency_ms: maybe,
  latency_bucket: Latency,
  last_order_ts: maybeTime,
  last_fill_ts: maybeTime,
  maker_fill_ratio: fraction,
  fallback_ratio: fraction,
  reject_count: count,
  requote_count: count,
  router_bucket: z.string(),
  total_notional: z.number(),
  event_count: count,
});

const Row = PerSymbol.extend({ updated_ts: isoTime });

export const RouterHealth = z.strictObject({
  ...envelopeShape,
  router_health_score: z.number(),
  router_health: z.strictObject({
    global: Global,
    per_symbol: z.record(symbol, PerSymbol),
    meta: z.strictObject({ min_events: count, updated_ts: isoTime }),
  }),
  global: Global,
  summary: z.strictObject({
    updated_ts: isoTime,
    count,
    quality_counts: z.strictObject({
      strong: count,
      neutral: count,
      weak: count,
      unknown: count,
    }),
  }),
  symbols: z.array(Row),
  per_symbol: z.array(Row),
});

export function projectRouterHealth({ memory, rules }: Published) {
  const now = iso(memory.pulse.nowMs);
  const rows = sortedEntries(memory.stats).map(([ticker, stats]) => {
    const bucket = rules.buckets[ticker]?.name ?? "GENERIC";
    return symbolRow(ticker, stats, qualityOf(stats, bucket), bucket);
  });
  const total = sum(Object.values(memory.stats));
  const global = globalRow(total, rows, now);
  const labelled = (label: string) => rows.filter((row) => row.label === label).length;
  const list = rows.map((row) => ({ ...row, updated_ts: now }));
  return {
    router_health_score: global.quality_score,
    router_health: {
      global,
      per_symbol: Object.fromEntries(rows.map((row) => [row.symbol, row])),
      meta: { min_events: MIN_EVENTS_COUNT, updated_ts: now },
    },
    global,
    summary: {
      updated_ts: now,
      count: rows.length,
      quality_counts: {
        strong: labelled("STRONG"),
        neutral: labelled("NEUTRAL"),
        weak: labelled("WEAK"),
        unknown: labelled("UNKNOWN"),
      },
    },
    symbols: list,
    per_symbol: list,
  };
}

function symbolRow(ticker: string, stats: SymbolStats, quality: Quality, bucket: string) {
  return {
    symbol: ticker,
    quality_score: quality.score,
    label: quality.label,
    insufficient: quality.insufficient,
    avg_slippage_bps: quality.averageSlippageBps,
    slippage_drift_bps: quality.driftBps,
    slippage_drift_bucket: quality.driftBucket,
    ewma_expected_bps: stats.expectedEwmaBps,
    ewma_realized_bps: stats.realizedEwmaBps,
    avg_latency_ms: stats.latencyEwmaMs,
    latency_bucket: quality.latencyBucket,
    last_order_ts: isoOrNull(stats.lastOrderMs),
    last_fill_ts: isoOrNull(stats.lastFillMs),
    maker_fill_ratio: ratio(stats.makerFinalCount, stats.filledCount),
    fallback_ratio: ratio(stats.fallbackCount, stats.makerStartedCount),
    reject_count: stats.rejectCount,
    requote_count: stats.requoteCount,
    router_bucket: bucket,
    total_notional: stats.notionalUsd,
    event_count: stats.routesCount,
  };
}

type SymbolRow = ReturnType<typeof symbolRow>;

/** Weighted by notional; without evidence the base score, marked as insufficient. */
function globalRow(total: SymbolStats, rows: readonly SymbolRow[], now: string) {
  const quality = qualityOf(total, "");
  const weighted = (pick: (row: SymbolRow) => number | null) => {
    let [value, weight] = [0, 0];
    for (const row of rows) {
      const part = pick(row);
      if (part === null) continue;
      value += part * row.total_notional;
      weight += row.total_notional;
    }
    return weight > 0 ? value / weight : null;
  };
  const score = weighted(({ quality_score }) => quality_score) ?? BASE_SCORE;
  return {
    quality_score: score,
    label: quality.insufficient ? "UNKNOWN" as const : qualityLabel(score),
    insufficient: quality.insufficient,
    avg_slippage_bps: quality.averageSlippageBps,
    slippage_drift_bps: weighted((row) => row.slippage_drift_bps),
    slippage_drift_bucket: quality.driftBucket,
    avg_latency_ms: weighted((row) => row.avg_latency_ms),
    latency_bucket: quality.latencyBucket,
    twap_usage_ratio: null,
    maker_fill_ratio: ratio(total.makerFinalCount, total.filledCount),
    fallback_ratio: ratio(total.fallbackCount, total.makerStartedCount),
    fees_usd: total.feesUsd,
    total_notional: total.notionalUsd,
    event_count: total.routesCount,
    updated_ts: now,
  };
}

function sum(all: readonly SymbolStats[]): SymbolStats {
  const add = (pick: (stats: SymbolStats) => number) =>
    all.reduce((total, stats) => total + pick(stats), 0);
  const blend = (pick: (stats: SymbolStats) => number | null) => {
    const known = all.filter((stats) => pick(stats) !== null && stats.notionalUsd > 0);
    const weight = known.reduce((total, { notionalUsd }) => total + notionalUsd, 0);
    if (weight === 0) return null;
    return known.reduce((total, stats) => total + pick(stats)! * stats.notionalUsd, 0) / weight;
  };
  return {
    ...EMPTY_STATS,
    routesCount: add((stats) => stats.routesCount),
    filledCount: add((stats) => stats.filledCount),
    makerStartedCount: add((stats) => stats.makerStartedCount),
    makerFinalCount: add((stats) => stats.makerFinalCount),
    fallbackCount: add((stats) => stats.fallbackCount),
    rejectCount: add((stats) => stats.rejectCount),
    requoteCount: add((stats) => stats.requoteCount),
    notionalUsd: add((stats) => stats.notionalUsd),
    slippageUsd: add((stats) => stats.slippageUsd),
    feesUsd: add((stats) => stats.feesUsd),
    realizedEwmaBps: blend((stats) => stats.realizedEwmaBps),
    expectedEwmaBps: blend((stats) => stats.expectedEwmaBps),
    latencyEwmaMs: blend((stats) => stats.latencyEwmaMs),
  };
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
