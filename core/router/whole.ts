/** Routing of all symbols together: every figure weighted by the dollars behind it. */
import { type Effectiveness, effectivenessOf } from "./effectiveness.ts";
import type { FillFigures } from "./fills.ts";
import { type Quality, qualityFrom, type QualityRules } from "./quality.ts";
import type { RouteTotals, RoutingRecord } from "./record.ts";

/** What one symbol brings in. */
export type Part = {
  readonly record: RoutingRecord;
  readonly figures: FillFigures;
  readonly bucket: string;
  readonly quality: Quality;
};

export type Whole = {
  readonly quality: Quality;
  /** Over all routes that are remembered. */
  readonly effectiveness: Effectiveness;
  readonly totals: Pick<RouteTotals, "routesCount" | "filledUsd" | "makerUsd" | "feesUsd">;
  readonly slippageBps: number | null;
  /** Share of the window's dollars that came in slices. */
  readonly sliceFrac: number | null;
  /** The bucket most of the dollars are in; null before the first symbol. */
  readonly bucket: string | null;
  readonly rejectFrac: number | null;
};

/** The figures of everything; without a symbol, the base score and no evidence. */
export function wholeOf(parts: readonly Part[], rules: QualityRules): Whole {
  const mean = (pick: (part: Part) => number | null) => weighted(parts, pick);
  const sum = (pick: (totals: RouteTotals) => number) =>
    parts.reduce((total, { record }) => total + pick(record.totals), 0);
  const quality = qualityFrom({
    driftBps: mean(({ quality: { driftBps } }) => driftBps),
    latencyMs: mean(({ quality: { latencyMs } }) => latencyMs),
    skipFrac: mean(({ quality: { skipFrac } }) => skipFrac),
    bucketPenalty: mean(({ bucket }) => rules.bucketPenalties[bucket] ?? 0) ?? 0,
    count: parts.reduce((total, { record }) => total + (record.slippage?.tradeCount ?? 0), 0),
  }, rules);
  const ordersCount = sum((totals) => totals.ordersCount);
  const samples = parts.flatMap(({ record }) => Object.values(record.samples));
  return {
    quality,
    effectiveness: effectivenessOf(samples),
    totals: {
      routesCount: sum((totals) => totals.routesCount),
      filledUsd: sum((totals) => totals.filledUsd),
      makerUsd: sum((totals) => totals.makerUsd),
      feesUsd: sum((totals) => totals.feesUsd),
    },
    slippageBps: mean(({ figures }) => figures.slippageBps),
    sliceFrac: mean(({ figures }) => figures.count === 0 ? null : figures.sliceFrac),
    bucket: heaviest(parts),
    rejectFrac: ordersCount === 0
      ? null
      : Math.min(1, sum((totals) => totals.rejectCount) / ordersCount),
  };
}

/** Symbols without a dollar traded still count a little: they are not nothing. */
function weightOf({ figures }: Part): number {
  return figures.usd > 0 ? figures.usd : 1;
}

function weighted(parts: readonly Part[], pick: (part: Part) => number | null): number | null {
  let [sum, weights] = [0, 0];
  for (const part of parts) {
    const value = pick(part);
    if (value === null) continue;
    sum += value * weightOf(part);
    weights += weightOf(part);
  }
  return weights > 0 ? sum / weights : null;
}

function heaviest(parts: readonly Part[]): string | null {
  const weights = new Map<string, number>();
  for (const part of parts) {
    weights.set(part.bucket, (weights.get(part.bucket) ?? 0) + weightOf(part));
  }
  let best: string | null = null;
  for (const [bucket, weight] of weights) {
    if (best === null || weight > weights.get(best)!) best = bucket;
  }
  return best;
}
