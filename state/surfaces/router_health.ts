/** `router_health.json`: what routing costs and how well it goes, in one shape whatever happened. */
import { z } from "zod";
import { routingOfAll, routingOfWhole, type SymbolRouting } from "../../core/routing.ts";
import type { FillFigures } from "../../core/router/fills.ts";
import type { RouterPolicy } from "../../core/router/policy.ts";
import type { Quality } from "../../core/router/quality.ts";
import { remembered } from "../../core/remember.ts";
import type { Dict } from "../../core/types.ts";
import { MS_PER_SECOND } from "../../core/units.ts";
import { lasting } from "../encode.ts";
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
import { earliest, oldestOf, oldestRouteMs, Window, windowFrom, windowOf } from "./window.ts";

const qualityShape = {
  quality_score: z.number(),
  label: z.enum(["STRONG", "NEUTRAL", "WEAK", "UNKNOWN"]),
  /** Too few events: the score is the base, not a measurement. */
  insufficient: z.boolean(),
  avg_slippage_bps: maybe,
  /** Realised less expected, both averaged: positive where routing disappoints. */
  slippage_drift_bps: maybe,
  slippage_drift_bucket: z.enum(["GREEN", "YELLOW", "RED"]).nullable(),
  /** From sending to the venue's answer. */
  avg_latency_ms: maybe,
  latency_bucket: z.enum(["FAST", "NORMAL", "SLOW"]).nullable(),
  twap_usage_ratio: fraction,
  twap_skip_ratio: fraction,
  maker_fill_ratio: fraction,
  fallback_ratio: fraction,
  total_notional: z.number(),
  event_count: count,
  /** The oldest fill that slippage, latency and use of slices are of; null: none is. */
  fills_from_ts: maybeTime,
};

const Global = z.strictObject({
  ...qualityShape,
  router_bucket: z.string().nullable(),
  reject_ratio: fraction,
  fees_usd: z.number(),
  /** What the shares are about, from the oldest route on; sums and `event_count` are of all time. */
  window: Window,
  /** What is wrong with routing as a whole, as the risk mode has it; null: nothing. */
  warning: z.string().nullable(),
  updated_ts: isoTime,
});

const PerSymbol = z.strictObject({
  symbol,
  ...qualityShape,
  ewma_expected_bps: maybe,
  ewma_realized_bps: maybe,
  last_order_ts: maybeTime,
  last_fill_ts: maybeTime,
  twap_notional: z.number(),
  child_orders: z.strictObject({ count, fill_ratio: fraction }),
  /** What shares, quantiles and acknowledgements are of: so many routes, the oldest of then. */
  window: z.strictObject({ window_s: z.number().positive(), from_ts: maybeTime, n: count }),
  router_bucket: z.string(),
});

const Policy = z.strictObject({
  maker_first: z.boolean(),
  taker_bias: z.string(),
  quality: z.string(),
  reason: z.string(),
  offset_bps: z.number(),
});

const Row = PerSymbol.extend({
  latency_ms: maybe,
  maker_fill_rate: fraction,
  fallback_rate: fraction,
  slippage_p50: maybe,
  slippage_p95: maybe,
  ack_latency_ms: maybe,
  policy: Policy,
  maker_first: z.boolean(),
  taker_bias: z.string(),
  bias: z.string(),
  quality: z.string(),
  offset_bps: z.number(),
  /** What followed suggestions have made of the policy; null: nothing was followed. */
  autotune: z.strictObject({
    bias: z.number(),
    offset_shift_bps: z.number(),
    maker_first: z.boolean(),
    applied_ts: isoTime,
  }).nullable(),
  /** When the symbol's record last changed: its figures are those of the whole minute. */
  updated_ts: maybeTime,
});

const SymbolStats = z.strictObject({
  maker_reliability: fraction,
  avg_slippage_bps: maybe,
  last_ts: maybeTime,
  route_count: count,
  filled_count: count,
  /** Routes that ended with nothing filled. */
  abandoned_count: count,
  maker_count: count,
  taker_count: count,
  fallback_count: count,
  reject_count: count,
  requote_count: count,
  order_count: count,
  adaptive_offset_bps: z.number(),
  maker_first: z.boolean(),
  filled_usd: z.number(),
  maker_usd: z.number(),
  fees_usd: z.number(),
  /** Cost against the decision's mid, fees not counted. */
  shortfall_usd: z.number(),
});

export const RouterHealth = z.strictObject({
  ...envelopeShape,
  router_health_score: z.number(),
  router_health: z.strictObject({
    global: Global,
    per_symbol: z.record(symbol, PerSymbol),
    meta: z.strictObject({
      window_seconds: z.number(),
      from_ts: isoTime,
      min_events: count,
      updated_ts: isoTime,
    }),
  }),
  global: Global,
  summary: z.strictObject({
    updated_ts: isoTime,
    count,
    /** Symbols by the quality their policy was made for. */
    quality_counts: z.strictObject({ good: count, ok: count, degraded: count, broken: count }),
    /** Symbols by the label of their score. */
    label_counts: z.strictObject({ strong: count, neutral: count, weak: count, unknown: count }),
    maker_first_enabled: z.boolean(),
    maker_off_count: count,
  }),
  symbols: z.array(Row),
  per_symbol: z.array(Row),
  symbol_stats: z.record(symbol, SymbolStats),
});

export function projectRouterHealth(published: Published) {
  const { memory, rules, world } = published;
  const updated_ts = iso(memory.pulse.nowMs);
  const isDefensive = world.mode.mode === "DEFENSIVE";
  const rows = rowsOf(routingOfAll(published, { isDefensive }), rules.router.recordMs);
  const global = globalRow(published);
  return {
    router_health_score: global.quality_score,
    router_health: {
      global,
      per_symbol: rows.perSymbol,
      meta: {
        window_seconds: rules.quality.windowMs / MS_PER_SECOND,
        from_ts: earliest(
          windowFrom(published, rules.quality.windowMs || null),
          global.fills_from_ts,
        ),
        min_events: rules.quality.minCount,
        updated_ts,
      },
    },
    global,
    summary: {
      updated_ts,
      ...rows.summary,
      maker_first_enabled: rules.router.makerFirst,
    },
    symbols: rows.list,
    per_symbol: rows.list,
    symbol_stats: rows.stats,
  };
}

/** What is said of each symbol: made once for as long as no symbol's routing changes. */
const rowsOf = remembered((all: Dict<SymbolRouting>, recordMs: number) => {
  const routed = Object.entries(all);
  const list = lasting(routed.map(([ticker, routing]) => listRow(routing, ticker, recordMs)));
  const rated = (quality: string) => list.filter((row) => row.quality === quality).length;
  const labelled = (label: string) => list.filter((row) => row.label === label).length;
  return {
    list,
    perSymbol: mapped(routed, (routing, ticker) => symbolRow(routing, ticker, recordMs)),
    stats: mapped(routed, statsRow),
    summary: {
      count: list.length,
      quality_counts: {
        good: rated("good"),
        ok: rated("ok"),
        degraded: rated("degraded"),
        broken: rated("broken"),
      },
      label_counts: {
        strong: labelled("STRONG"),
        neutral: labelled("NEUTRAL"),
        weak: labelled("WEAK"),
        unknown: labelled("UNKNOWN"),
      },
      maker_off_count: list.filter(({ maker_first }) => !maker_first).length,
    },
  };
});

function mapped<T>(
  routed: readonly [string, SymbolRouting][],
  rowOf: (routing: SymbolRouting, ticker: string) => T,
): Record<string, T> {
  return lasting(Object.fromEntries(
    routed.map(([ticker, routing]) => [ticker, rowOf(routing, ticker)] as const),
  ));
}

function globalRow(published: Published) {
  const { memory } = published;
  const oldest = oldestOf(routingOfAll(published, { isDefensive: false }));
  const { quality, effectiveness, totals, slippageBps, sliceFrac, bucket, rejectFrac } =
    routingOfWhole(published);
  const window = windowOf(published, {
    windowMs: published.rules.router.recordMs,
    n: effectiveness.sampleCount,
  });
  return {
    ...scoreFields(quality),
    avg_slippage_bps: slippageBps,
    twap_usage_ratio: sliceFrac,
    maker_fill_ratio: effectiveness.makerFillFrac,
    fallback_ratio: effectiveness.fallbackFrac,
    total_notional: totals.filledUsd,
    event_count: totals.routesCount,
    router_bucket: bucket,
    reject_ratio: rejectFrac,
    fees_usd: totals.feesUsd,
    fills_from_ts: oldest.fill,
    window: { ...window, from_ts: earliest(window.from_ts, oldest.route) },
    warning: memory.routerHealth.warning,
    updated_ts: iso(memory.pulse.nowMs),
  };
}

function scoreFields(quality: Quality) {
  return {
    quality_score: quality.score,
    label: quality.label,
    insufficient: quality.insufficient,
    slippage_drift_bps: quality.driftBps,
    slippage_drift_bucket: quality.driftBucket,
    avg_latency_ms: quality.latencyMs,
    latency_bucket: quality.latencyBucket,
    twap_skip_ratio: quality.skipFrac,
  };
}

const symbolRow = remembered((
  { record, figures, bucket, effectiveness, quality }: SymbolRouting,
  ticker: string,
  recordMs: number,
) => {
  return lasting({
    symbol: ticker,
    ...scoreFields(quality),
    avg_slippage_bps: figures.slippageBps,
    ewma_expected_bps: record.slippage?.expectedBps ?? null,
    ewma_realized_bps: record.slippage?.realizedBps ?? null,
    last_order_ts: isoOrNull(latest(figures.lastSentMs, record.totals.lastOrderMs)),
    last_fill_ts: isoOrNull(latest(figures.lastFillMs, record.totals.lastFillMs)),
    twap_usage_ratio: shareOf(figures),
    twap_notional: figures.sliceUsd,
    child_orders: childOrders(figures),
    maker_fill_ratio: effectiveness.makerFillFrac,
    fallback_ratio: effectiveness.fallbackFrac,
    router_bucket: bucket,
    total_notional: figures.usd,
    event_count: figures.count,
    fills_from_ts: isoOrNull(figures.firstFillMs),
    window: {
      window_s: recordMs / MS_PER_SECOND,
      from_ts: isoOrNull(oldestRouteMs(record, effectiveness)),
      n: effectiveness.sampleCount,
    },
  });
});

const listRow = remembered((routing: SymbolRouting, ticker: string, recordMs: number) => {
  const { effectiveness, policy, record: { tuned } } = routing;
  const row = symbolRow(routing, ticker, recordMs);
  const facts = policyFields(policy);
  return lasting({
    ...row,
    latency_ms: row.avg_latency_ms,
    maker_fill_rate: effectiveness.makerFillFrac,
    fallback_rate: effectiveness.fallbackFrac,
    slippage_p50: effectiveness.slipQ50Bps,
    slippage_p95: effectiveness.slipQ95Bps,
    ack_latency_ms: effectiveness.ackLatencyP50Ms,
    policy: facts,
    maker_first: facts.maker_first,
    taker_bias: facts.taker_bias,
    bias: facts.taker_bias,
    quality: facts.quality,
    offset_bps: facts.offset_bps,
    autotune: tuned === null ? null : {
      bias: tuned.bias,
      offset_shift_bps: tuned.shiftBps,
      maker_first: tuned.makerFirst,
      applied_ts: iso(tuned.atMs),
    },
    updated_ts: isoOrNull(changedMs(routing)),
  });
});

/** When the record that a row is made of last changed; null: it never did. */
function changedMs({ figures, record: { totals, tuned, slippage } }: SymbolRouting): number | null {
  const times = [
    figures.lastFillMs,
    totals.lastOrderMs,
    totals.lastFillMs,
    slippage?.lastMs ?? null,
    tuned?.atMs ?? null,
  ];
  return times.reduce(latest, null);
}

const statsRow = remembered((
  { record: { totals }, figures, reliability, policy }: SymbolRouting,
) => {
  return lasting({
    maker_reliability: reliability,
    avg_slippage_bps: figures.slippageBps,
    last_ts: isoOrNull(totals.lastOrderMs),
    route_count: totals.routesCount,
    filled_count: totals.filledCount,
    abandoned_count: totals.abandonedCount,
    maker_count: totals.makerFinalCount,
    taker_count: Math.max(0, totals.filledCount - totals.makerFinalCount),
    fallback_count: totals.fallbackCount,
    reject_count: totals.rejectCount,
    requote_count: totals.requoteCount,
    order_count: totals.ordersCount,
    adaptive_offset_bps: policy.offsetBps,
    maker_first: policy.makerFirst,
    filled_usd: totals.filledUsd,
    maker_usd: totals.makerUsd,
    fees_usd: totals.feesUsd,
    shortfall_usd: totals.shortfallUsd,
  });
});

function policyFields({ makerFirst, bias, quality, reason, offsetBps }: RouterPolicy) {
  return { maker_first: makerFirst, taker_bias: bias, quality, reason, offset_bps: offsetBps };
}

function shareOf({ count: n, sliceFrac }: FillFigures): number | null {
  return n === 0 ? null : sliceFrac;
}

/** A slice that had several orders may have asked for more than was planned: never above 1. */
function childOrders({ sliceCount, sliceFillFrac }: FillFigures) {
  return {
    count: sliceCount,
    fill_ratio: sliceCount === 0 ? null : Math.min(1, sliceFillFrac),
  };
}

function latest(one: number | null, other: number | null): number | null {
  return one === null ? other : other === null ? one : Math.max(one, other);
}
