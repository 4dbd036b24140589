/**
 * What routing cost and how well it went, per symbol, fed from ended routes with confirmed fills
 * only. One score; below the minimum of evidence it is published as insufficient and labelled
 * UNKNOWN, never as good.
 */
import type { EngineEvent } from "../events.ts";
import type { Dict } from "../types.ts";
import { BPS_PER_UNIT } from "../units.ts";

const HALF_LIFE_TRADES = 50;
const EWMA_WEIGHT = 1 - 0.5 ** (1 / HALF_LIFE_TRADES);
export const MIN_EVENTS_COUNT = 5;
export const BASE_SCORE = 0.95;
const SCORE_MIN = 0.2;
const STRONG_SCORE = 0.9;
const WEAK_SCORE = 0.5;
const BUCKET_PENALTY: Dict<number> = { A_HIGH: 0, B_MEDIUM: 0.05, C_LOW: 0.15 };

/** Running figures of one symbol. */
export type SymbolStats = {
  readonly routesCount: number;
  readonly filledCount: number;
  readonly makerStartedCount: number;
  readonly makerFinalCount: number;
  readonly fallbackCount: number;
  readonly rejectCount: number;
  readonly requoteCount: number;
  readonly notionalUsd: number;
  readonly slippageUsd: number;
  readonly feesUsd: number;
  readonly realizedEwmaBps: number | null;
  readonly expectedEwmaBps: number | null;
  readonly latencyEwmaMs: number | null;
  readonly lastOrderMs: number | null;
  readonly lastFillMs: number | null;
};

export const EMPTY_STATS: SymbolStats = {
  routesCount: 0,
  filledCount: 0,
  makerStartedCount: 0,
  makerFinalCount: 0,
  fallbackCount: 0,
  rejectCount: 0,
  requoteCount: 0,
  notionalUsd: 0,
  slippageUsd: 0,
  feesUsd: 0,
  realizedEwmaBps: null,
  expectedEwmaBps: null,
  latencyEwmaMs: null,
  lastOrderMs: null,
  lastFillMs: null,
};

type RouteEnd = Extract<EngineEvent, { kind: "route_end" }>;

/** Takes one ended route into the figures of its symbol. */
export function learn(
  stats: SymbolStats,
  row: RouteEnd,
  { nowMs, filledUsd }: { nowMs: number; filledUsd: number },
): SymbolStats {
  const filled = row.filledLots > 0;
  const makerStarted = row.style === "maker_first";
  const one = (condition: boolean) => condition ? 1 : 0;
  return {
    routesCount: stats.routesCount + 1,
    filledCount: stats.filledCount + one(filled),
    makerStartedCount: stats.makerStartedCount + one(makerStarted),
    makerFinalCount: stats.makerFinalCount + one(row.makerLots * 2 > row.lots),
    fallbackCount: stats.fallbackCount + one(makerStarted && row.makerLots < row.filledLots),
    rejectCount: stats.rejectCount + row.rejections + one(row.status === "REJECTED"),
    requoteCount: stats.requoteCount + row.requotes,
    notionalUsd: stats.notionalUsd + filledUsd,
    slippageUsd: stats.slippageUsd + ((row.slippageBps ?? 0) * filledUsd) / BPS_PER_UNIT,
    feesUsd: stats.feesUsd + row.feesUsd,
    realizedEwmaBps: filled ? blend(stats.realizedEwmaBps, row.slippageBps) : stats.realizedEwmaBps,
    expectedEwmaBps: filled ? blend(stats.expectedEwmaBps, row.expectedBps) : stats.expectedEwmaBps,
    latencyEwmaMs: blend(stats.latencyEwmaMs, row.ackLatencyMs),
    lastOrderMs: row.orders > 0 ? nowMs : stats.lastOrderMs,
    lastFillMs: filled ? nowMs : stats.lastFillMs,
  };
}

export type DriftBucket = "GREEN" | "YELLOW" | "RED";
export type LatencyBucket = "FAST" | "NORMAL" | "SLOW";

export type Quality = {
  readonly score: number;
  readonly insufficient: boolean;
  readonly label: "STRONG" | "NEUTRAL" | "WEAK" | "UNKNOWN";
  readonly averageSlippageBps: number | null;
  readonly driftBps: number | null;
  readonly driftBucket: DriftBucket | null;
  readonly latencyBucket: LatencyBucket | null;
};

/** The score of one symbol: base less penalties for its bucket, slippage drift and latency. */
export function qualityOf(stats: SymbolStats, bucket: string): Quality {
  const { realizedEwmaBps, expectedEwmaBps, latencyEwmaMs, notionalUsd, slippageUsd } = stats;
  const driftBps = realizedEwmaBps === null || expectedEwmaBps === null
    ? null
    : realizedEwmaBps - expectedEwmaBps;
  const driftBucket = driftBps === null
    ? null
    : driftBps <= 2
    ? "GREEN"
    : driftBps <= 6
    ? "YELLOW"
    : "RED";
  const latencyBucket = latencyEwmaMs === null
    ? null
    : latencyEwmaMs <= 150
    ? "FAST"
    : latencyEwmaMs <= 400
    ? "NORMAL"
    : "SLOW";
  const insufficient = stats.filledCount < MIN_EVENTS_COUNT;
  const base = BASE_SCORE - (BUCKET_PENALTY[bucket] ?? 0);
  const penalty = { GREEN: 0, YELLOW: 0.05, RED: 0.12 }[driftBucket ?? "GREEN"] +
    { FAST: 0, NORMAL: 0.03, SLOW: 0.08 }[latencyBucket ?? "FAST"];
  const score = Math.max(SCORE_MIN, insufficient ? base : base - penalty);
  return {
    score,
    insufficient,
    label: insufficient ? "UNKNOWN" : qualityLabel(score),
    averageSlippageBps: notionalUsd > 0 ? (slippageUsd / notionalUsd) * BPS_PER_UNIT : null,
    driftBps,
    driftBucket,
    latencyBucket,
  };
}

/** The word for a score that rests on enough evidence. */
export function qualityLabel(score: number): "STRONG" | "NEUTRAL" | "WEAK" {
  return score >= STRONG_SCORE ? "STRONG" : score <= WEAK_SCORE ? "WEAK" : "NEUTRAL";
}

function blend(average: number | null, value: number | null): number | null {
  if (value === null) return average;
  return average === null ? value : EWMA_WEIGHT * value + (1 - EWMA_WEIGHT) * average;
}
