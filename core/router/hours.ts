/** What each hour of the day (UTC) has earned per dollar traded. */
import type { Dict } from "../types.ts";
import { MS_PER_DAY, MS_PER_HOUR } from "../units.ts";

/** An hour with fewer trades than this says nothing about the next one. */
export const HOUR_COUNT_MIN = 20;

/** One closed piece of a position. What is unknown is null, never 0. */
export type HourSample = {
  readonly atMs: number;
  readonly profitUsd: number | null;
  readonly usd: number | null;
  readonly slippageBps: number | null;
};

export type HourFigures = {
  readonly count: number;
  /** Null without dollars traded or without a known profit. */
  readonly profitFrac: number | null;
  readonly slippageBps: number | null;
};

/** Figures by hour of the day, "0" to "23"; hours without a sample are not there. */
export function hourlyExpectancy(samples: readonly HourSample[]): Dict<HourFigures> {
  const hours = new Map<number, HourSample[]>();
  for (const sample of samples) {
    if (!Number.isFinite(sample.atMs)) continue;
    const hour = Math.floor((((sample.atMs % MS_PER_DAY) + MS_PER_DAY) % MS_PER_DAY) / MS_PER_HOUR);
    hours.set(hour, [...hours.get(hour) ?? [], sample]);
  }
  const ordered = [...hours].toSorted(([a], [b]) => a - b);
  return Object.fromEntries(ordered.map(([hour, list]) => [String(hour), figuresOf(list)]));
}

/** Hours with enough samples that have earned at least so much. */
export function bestHours(
  figures: Dict<HourFigures>,
  { countMin = HOUR_COUNT_MIN, profitMinFrac = 0 }: { countMin?: number; profitMinFrac?: number } =
    {},
): readonly number[] {
  return Object.entries(figures)
    .filter(([, { count, profitFrac }]) =>
      count >= countMin && profitFrac !== null && profitFrac >= profitMinFrac
    )
    .map(([hour]) => Number(hour)).toSorted((a, b) => a - b);
}

function figuresOf(samples: readonly HourSample[]): HourFigures {
  let [usd, profitUsd, slipped, slippageBps] = [0, 0, 0, 0];
  let isKnown = true;
  for (const sample of samples) {
    usd += sample.usd ?? 0;
    if (sample.profitUsd === null) isKnown = false;
    else profitUsd += sample.profitUsd;
    if (sample.slippageBps === null) continue;
    slipped += 1;
    slippageBps += sample.slippageBps;
  }
  return {
    count: samples.length,
    profitFrac: isKnown && usd > 0 ? profitUsd / usd : null,
    slippageBps: slipped > 0 ? slippageBps / slipped : null,
  };
}
