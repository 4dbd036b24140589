/**
 * The schedule of a large parent: whole-lot slices, each due at its own time. What a slice leaves
 * over is added to the next: a slice has a target for the parent's total, not a size of its own.
 */
import { splitLots } from "./normalize.ts";
import type { TwapRules } from "./rules.ts";

export type Schedule = {
  /** Lots of each slice; together they are the parent. */
  readonly slices: readonly number[];
  readonly startMs: number;
  readonly intervalMs: number;
  /** Slices that have begun. */
  readonly begunCount: number;
  /** Time spent waiting for a narrower spread, without the pause that is on now. */
  readonly pausedMs: number;
  readonly pausedSinceMs: number | null;
  /** Slices in a row that the venue refused. */
  readonly failuresCount: number;
};

/** After so many refusals in a row the venue does not want this parent. */
export const FAILURES_MAX_COUNT = 3;

/** The schedule for a parent; null where it is too small for more than one slice. */
export function scheduleOf(
  lots: number,
  { usd, minChildUsd, nowMs }: { usd: number; minChildUsd: number; nowMs: number },
  rules: TwapRules,
): Schedule | null {
  if (!rules.enabled || usd < rules.minUsd || rules.slicesCount < 2) return null;
  const lotUsd = usd / lots;
  const slices = splitLots(lots, { slices: rules.slicesCount, lotUsd, minChildUsd });
  if (slices.length < 2) return null;
  return {
    slices,
    startMs: nowMs,
    intervalMs: rules.intervalMs,
    begunCount: 0,
    pausedMs: 0,
    pausedSinceMs: null,
    failuresCount: 0,
  };
}

/** Lots of the parent that may be filled by now: those of all slices that have begun. */
export function targetLots({ slices, begunCount }: Schedule): number {
  let lots = 0;
  for (let i = 0; i < begunCount; i++) lots += slices[i]!;
  return lots;
}

/** When the next slice is due; null after the last one. */
export function sliceDueMs({ slices, begunCount, startMs, intervalMs }: Schedule): number | null {
  return begunCount < slices.length ? startMs + begunCount * intervalMs : null;
}

/** The next slice may go: any pause is over. */
export function beginSlice(schedule: Schedule, nowMs: number): Schedule {
  return {
    ...schedule,
    begunCount: schedule.begunCount + 1,
    pausedMs: pausedForMs(schedule, nowMs),
    pausedSinceMs: null,
  };
}

/** Everything that is left may go at once. */
export function hurry(schedule: Schedule): Schedule {
  return { ...schedule, begunCount: schedule.slices.length, pausedSinceMs: null };
}

/** How long this parent has waited for a narrower spread in all. */
export function pausedForMs({ pausedMs, pausedSinceMs }: Schedule, nowMs: number): number {
  return pausedMs + (pausedSinceMs === null ? 0 : nowMs - pausedSinceMs);
}
