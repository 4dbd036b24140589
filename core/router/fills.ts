/**
 * Confirmed fills of one symbol over a moving window: what they cost, how long they took, how much
 * of them came in slices. Time passes for an idle symbol as well.
 */
import { quantile } from "../stats.ts";

export type FillSample = {
  readonly sentMs: number;
  readonly fillMs: number;
  /** From sending to the venue's first word; null where it never said one. */
  readonly ackLatencyMs: number | null;
  /** Signed cost against the decision's mid; null where there was no mid. */
  readonly slippageBps: number | null;
  readonly isSlice: boolean;
  readonly usd: number;
  readonly intendedUsd: number;
};

export type FillWindow = {
  readonly samples: readonly FillSample[];
  /** Exponential average of slippage; null before the first known one. */
  readonly driftBps: number | null;
};

export type WindowRules = {
  readonly windowMs: number;
  /** So many are kept however old they are. */
  readonly minCount: number;
};

/** Weight of the newest observation in the drift. */
const NEWEST_WEIGHT = 0.3;
/** A busy window keeps its newest samples: it is rewritten with every fill. */
const SAMPLES_MAX = 200;

export const EMPTY_WINDOW: FillWindow = { samples: [], driftBps: null };

export function noteFillSample(
  window: FillWindow,
  sample: FillSample,
  rules: WindowRules,
  weight: number = NEWEST_WEIGHT,
): FillWindow {
  const { slippageBps } = sample;
  const drift = window.driftBps;
  const driftBps = slippageBps === null
    ? drift
    : drift === null
    ? slippageBps
    : weight * slippageBps + (1 - weight) * drift;
  const samples = [...window.samples, sample].slice(-SAMPLES_MAX);
  return { samples: trimmed(samples, sample.fillMs, rules), driftBps };
}

export type FillFigures = {
  readonly slippageBps: number | null;
  readonly driftBps: number | null;
  /** From sending to the fill. */
  readonly latencyMs: number | null;
  /** Median from sending to the acknowledgement. */
  readonly ackLatencyP50Ms: number | null;
  /** Share of the dollars that came in slices. */
  readonly sliceFrac: number;
  /** The oldest fill that the figures are of; where few are kept it may be older than the window. */
  readonly firstFillMs: number | null;
  readonly lastSentMs: number | null;
  readonly lastFillMs: number | null;
  readonly usd: number;
  readonly sliceUsd: number;
  readonly count: number;
  readonly sliceCount: number;
  /** Filled of what slices were meant to fill; 0 without slices. */
  readonly sliceFillFrac: number;
};

/** The figures of this instant; averages are weighted by dollars, by count where there are none. */
export function fillFigures(window: FillWindow, nowMs: number, rules: WindowRules): FillFigures {
  const samples = trimmed(window.samples, nowMs, rules);
  let [usd, sliceUsd, intendedUsd, sliceCount] = [0, 0, 0, 0];
  let firstFillMs: number | null = null;
  let lastSentMs: number | null = null;
  let lastFillMs: number | null = null;
  for (const sample of samples) {
    usd += sample.usd;
    firstFillMs = Math.min(firstFillMs ?? Infinity, sample.fillMs);
    lastSentMs = Math.max(lastSentMs ?? -Infinity, sample.sentMs);
    lastFillMs = Math.max(lastFillMs ?? -Infinity, sample.fillMs);
    if (!sample.isSlice) continue;
    sliceUsd += sample.usd;
    intendedUsd += sample.intendedUsd;
    sliceCount += 1;
  }
  return {
    slippageBps: average(samples, usd, ({ slippageBps }) => slippageBps),
    driftBps: window.driftBps,
    latencyMs: average(samples, usd, ({ sentMs, fillMs }) => Math.max(0, fillMs - sentMs)),
    ackLatencyP50Ms: quantile(samples.flatMap(({ ackLatencyMs }) => ackLatencyMs ?? []), 0.5),
    sliceFrac: usd > 0 ? sliceUsd / usd : 0,
    firstFillMs,
    lastSentMs,
    lastFillMs,
    usd,
    sliceUsd,
    count: samples.length,
    sliceCount,
    sliceFillFrac: sliceCount === 0 ? 0 : intendedUsd > 0 ? sliceUsd / intendedUsd : 1,
  };
}

/** Until when time alone takes no fill out of the window; Infinity where it takes none at all. */
export function windowUnchangedUntilMs(
  { samples }: FillWindow,
  nowMs: number,
  rules: WindowRules,
): number {
  const kept = trimmed(samples, nowMs, rules);
  const mayShrink = rules.windowMs > 0 && kept.length > rules.minCount;
  return mayShrink ? kept[0]!.fillMs + rules.windowMs : Infinity;
}

function average(
  samples: readonly FillSample[],
  usd: number,
  valueOf: (sample: FillSample) => number | null,
): number | null {
  let [sum, weights] = [0, 0];
  for (const sample of samples) {
    const value = valueOf(sample);
    if (value === null) continue;
    const weight = usd > 0 ? sample.usd : 1;
    sum += weight * value;
    weights += weight;
  }
  return weights > 0 ? sum / weights : null;
}

/** Without those that are too old, unless there would be too few left; a window of 0 keeps all. */
function trimmed(
  samples: readonly FillSample[],
  nowMs: number,
  { windowMs, minCount }: WindowRules,
): readonly FillSample[] {
  if (windowMs <= 0) return samples;
  let from = 0;
  while (samples.length - from > minCount && samples[from]!.fillMs < nowMs - windowMs) from += 1;
  return from === 0 ? samples : samples.slice(from);
}
