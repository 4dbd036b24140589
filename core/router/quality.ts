/**
 * How well routing of a symbol goes, as ONE score: the base less penalties for its bucket, for
 * slippage beyond what was expected, for slow acknowledgements and for slices that were skipped.
 * Below the minimum of evidence it is published as insufficient and labelled UNKNOWN, never as good.
 */
import { z } from "zod";
import { count, factor, frac, seconds } from "../units.ts";
import { fillFigures } from "./fills.ts";
import type { RoutingRecord } from "./record.ts";

const score = (by: number) => frac(1).default(by);

/** The block `router_quality` of `strategy_config.json`. */
export const RouterQuality = z.strictObject({
  enabled: z.boolean().default(true),
  /** Reachable: with 0.80 no symbol could ever be called high. */
  base_score: score(0.95),
  min_score: score(0.2),
  max_score: score(1),
  stats_window: z.strictObject({
    seconds: seconds(86_400, 60).prefault(900),
    min_events: count(1_000, 1).default(5),
  }).prefault({}),
  slippage_drift_bps_thresholds: z.strictObject({
    green: factor(100).default(2),
    yellow: factor(200).default(6),
  }).prefault({}),
  latency_ms_thresholds: z.strictObject({
    fast: count(60_000).default(150),
    normal: count(60_000).default(400),
  }).prefault({}),
  bucket_penalties: z.record(z.string(), frac(0, -1)).default({
    A_HIGH: 0,
    B_MEDIUM: -0.05,
    C_LOW: -0.15,
  }),
  twap_skip_penalty: score(0.1),
  low_quality_threshold: score(0.5),
  high_quality_threshold: score(0.9),
  low_quality_hybrid_multiplier: factor(2).default(0.5),
  high_quality_hybrid_multiplier: factor(2).default(1.05),
}).prefault({});

/** The quality rules in core units. */
export type QualityRules = ReturnType<typeof qualityRules>;

export function qualityRules(keys: z.output<typeof RouterQuality>) {
  return {
    enabled: keys.enabled,
    base: keys.base_score,
    min: keys.min_score,
    max: keys.max_score,
    windowMs: keys.stats_window.seconds,
    minCount: keys.stats_window.min_events,
    greenBps: keys.slippage_drift_bps_thresholds.green,
    yellowBps: keys.slippage_drift_bps_thresholds.yellow,
    fastMs: keys.latency_ms_thresholds.fast,
    normalMs: keys.latency_ms_thresholds.normal,
    bucketPenalties: keys.bucket_penalties as Readonly<Record<string, number>>,
    skipPenalty: keys.twap_skip_penalty,
    low: keys.low_quality_threshold,
    high: keys.high_quality_threshold,
    lowMultiplier: keys.low_quality_hybrid_multiplier,
    highMultiplier: keys.high_quality_hybrid_multiplier,
  };
}

const DRIFT_PENALTY = { GREEN: 0, YELLOW: 0.05, RED: 0.12 } as const;
const LATENCY_PENALTY = { FAST: 0, NORMAL: 0.03, SLOW: 0.08 } as const;
export type DriftBucket = keyof typeof DRIFT_PENALTY;
export type LatencyBucket = keyof typeof LATENCY_PENALTY;
export type QualityLabel = "STRONG" | "NEUTRAL" | "WEAK" | "UNKNOWN";

export type Quality = {
  readonly score: number;
  readonly insufficient: boolean;
  readonly label: QualityLabel;
  /** Realised less expected cost: positive where routing disappoints. */
  readonly driftBps: number | null;
  readonly driftBucket: DriftBucket | null;
  readonly latencyMs: number | null;
  readonly latencyBucket: LatencyBucket | null;
  /** Share of planned slices' dollars that was not executed; null without slices in the window. */
  readonly skipFrac: number | null;
};

/** The score of one symbol's record at an instant. */
export function qualityOf(
  record: RoutingRecord,
  { bucket, nowMs }: { bucket: string; nowMs: number },
  rules: QualityRules,
): Quality {
  const { slippage } = record;
  const driftBps = slippage === null || slippage.realizedBps === null ||
      slippage.expectedBps === null
    ? null
    : slippage.realizedBps - slippage.expectedBps;
  const { ackLatencyP50Ms: latencyMs } = fillFigures(record.window, nowMs, rules);
  return qualityFrom({
    driftBps,
    latencyMs,
    skipFrac: skipFracOf(record, nowMs, rules),
    bucketPenalty: rules.bucketPenalties[bucket] ?? 0,
    count: slippage?.tradeCount ?? 0,
  }, rules);
}

/** The score of given figures: of one symbol, or of all of them together. */
export function qualityFrom(
  figures: {
    readonly driftBps: number | null;
    readonly latencyMs: number | null;
    readonly skipFrac: number | null;
    /** Zero or less. */
    readonly bucketPenalty: number;
    readonly count: number;
  },
  rules: QualityRules,
): Quality {
  const { driftBps, latencyMs, skipFrac, bucketPenalty, count: events } = figures;
  const insufficient = !rules.enabled || events < rules.minCount;
  const driftBucket = driftBps === null ? null : driftBucketOf(driftBps, rules);
  const latencyBucket = latencyMs === null ? null : latencyBucketOf(latencyMs, rules);
  // What is not known has no penalty of its own: it makes the evidence thin, not the routing good.
  const penalty = insufficient ? 0 : DRIFT_PENALTY[driftBucket ?? "GREEN"] +
    LATENCY_PENALTY[latencyBucket ?? "FAST"] + rules.skipPenalty * (skipFrac ?? 0);
  const score = Math.min(rules.max, Math.max(rules.min, rules.base + bucketPenalty - penalty));
  return {
    score,
    insufficient,
    label: insufficient ? "UNKNOWN" : qualityLabel(score, rules),
    driftBps,
    driftBucket,
    latencyMs,
    latencyBucket,
    skipFrac,
  };
}

/** The word for a score that rests on enough evidence. */
function qualityLabel(value: number, rules: QualityRules): QualityLabel {
  return value >= rules.high ? "STRONG" : value <= rules.low ? "WEAK" : "NEUTRAL";
}

/** What a symbol's score does to its rank: unknown quality changes nothing. */
export function hybridMultiplier({ label }: Pick<Quality, "label">, rules: QualityRules): number {
  return label === "WEAK" ? rules.lowMultiplier : label === "STRONG" ? rules.highMultiplier : 1;
}

function driftBucketOf(bps: number, { greenBps, yellowBps }: QualityRules): DriftBucket {
  return bps <= greenBps ? "GREEN" : bps <= yellowBps ? "YELLOW" : "RED";
}

function latencyBucketOf(ms: number, { fastMs, normalMs }: QualityRules): LatencyBucket {
  return ms <= fastMs ? "FAST" : ms <= normalMs ? "NORMAL" : "SLOW";
}

function skipFracOf(
  { samples }: RoutingRecord,
  nowMs: number,
  { windowMs }: QualityRules,
): number | null {
  let [plannedUsd, filledUsd] = [0, 0];
  for (const sample of Object.values(samples)) {
    if (!sample.isTwap || sample.atMs < nowMs - windowMs) continue;
    plannedUsd += sample.plannedUsd;
    filledUsd += sample.filledUsd;
  }
  return plannedUsd > 0 ? Math.max(0, 1 - filledUsd / plannedUsd) : null;
}
