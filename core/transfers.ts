/**
 * Money that comes in or goes out: neither profit nor loss, so every baseline moves with it. The
 * account shows it and the exchange tells of it in no certain order. What was shown first has been
 * judged as a step by then: the baselines are set back to before it, and moved once. What is told
 * first moves nothing until a reading shows it: until then it would be a loss, or hide one.
 */
import type { DrawdownMemory } from "./drawdown.ts";
import type { Dict } from "./types.ts";
import { MS_PER_MINUTE } from "./units.ts";

/** What losses are measured from. */
export type Baselines = DrawdownMemory & {
  readonly day: string | null;
  readonly dayStartUsd: number | null;
  /** When the reading was taken that the day began with. */
  readonly dayStartMs: number | null;
  readonly dayPeakUsd: number | null;
  /** Highest NAV per hour of the last 24 h; the key is the hour's start. */
  readonly hourly: Dict<number>;
};

/** A step that nothing explained, with the baselines as they were before it. */
export type EarlyStep = {
  readonly usd: number;
  readonly atMs: number;
  readonly before: Baselines;
};

/** A smaller step is noise; a larger one may be money that has not been told of yet. */
const STEP_MIN_FRAC = 0.005;
/** Money is told of within this time after it is shown, and shown within it after it is told of. */
const TOLD_WITHIN_MS = MS_PER_MINUTE;
/** How far step and transfer may differ: the market moves meanwhile. */
const MATCH_FRAC = 0.1;
/** A step that is at least so much of the money that was told of shows it. */
const SHOWN_FRAC = 0.5;

/** Money that came in, or where negative went out, and when it was told of. */
export type Money = { readonly usd: number; readonly atMs: number };

/**
 * What of the money that is waited for moves the baselines with this reading: what its step shows,
 * and what no reading has shown in time. `stepUsd` is what nothing else explains.
 */
export function settle(
  awaited: readonly Money[],
  { stepUsd, atMs }: { readonly stepUsd: number; readonly atMs: number },
): { readonly movedUsd: number; readonly left: readonly Money[] } {
  const whole = awaited.length > 1 ? [awaited] : [];
  const sums = [...awaited.map((one) => [one]), ...whole]
    .map((parts) => ({ parts, usd: parts.reduce((sum, { usd }) => sum + usd, 0) }))
    .filter(({ usd }) => Math.sign(usd) * stepUsd >= SHOWN_FRAC * Math.abs(usd) && usd !== 0)
    .toSorted((a, b) => Math.abs(a.usd - stepUsd) - Math.abs(b.usd - stepUsd));
  const shown = sums[0]?.parts ?? [];
  const moves = (one: Money) => shown.includes(one) || atMs - one.atMs > TOLD_WITHIN_MS;
  const movedUsd = awaited.filter(moves).reduce((sum, { usd }) => sum + usd, 0);
  return { movedUsd, left: awaited.filter((one) => !moves(one)) };
}

/** Remembers a step of NAV that nothing explains, until it is too old to be explained. */
export function noteStep(
  known: EarlyStep | null,
  step: { readonly usd: number; readonly previousUsd: number; readonly atMs: number },
  before: Baselines,
): EarlyStep | null {
  const { usd, previousUsd, atMs } = step;
  if (Math.abs(usd) >= STEP_MIN_FRAC * Math.abs(previousUsd)) return { usd, atMs, before };
  return known !== null && atMs - known.atMs > TOLD_WITHIN_MS ? null : known;
}

/** True where this money is the step that was seen a moment ago. */
export function isEarly(step: EarlyStep | null, movedUsd: number, nowMs: number): boolean {
  return step !== null && nowMs - step.atMs <= TOLD_WITHIN_MS &&
    Math.abs(step.usd - movedUsd) <= MATCH_FRAC * Math.abs(movedUsd);
}

/** The baselines of a memory, and nothing else of it. */
export function baselinesOf(memory: Baselines): Baselines {
  const { peakUsd, peakMs, highUsd, ddState, flipsMs, circuit, rebasedMs, latch } = memory;
  const { day, dayStartUsd, dayStartMs, dayPeakUsd, hourly } = memory;
  const drawdown = { peakUsd, peakMs, highUsd, ddState, flipsMs, circuit, rebasedMs, latch };
  return { ...drawdown, day, dayStartUsd, dayStartMs, dayPeakUsd, hourly };
}

/** Moves every baseline by money that came in or went out, so that past drawdown is kept. */
export function shift<M extends Baselines>(memory: M, movedUsd: number): M {
  const move = (value: number | null) => value === null ? null : value + movedUsd;
  const hourly: Record<string, number> = {};
  for (const [hour, value] of Object.entries(memory.hourly)) hourly[hour] = value + movedUsd;
  return {
    ...memory,
    peakUsd: move(memory.peakUsd),
    highUsd: move(memory.highUsd),
    dayStartUsd: move(memory.dayStartUsd),
    dayPeakUsd: move(memory.dayPeakUsd),
    hourly,
  };
}
