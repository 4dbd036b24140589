/**
 * Tail figures: value at risk of a normal portfolio, expected shortfall of one position from its
 * own history. Losses are positive; a fraction is of NAV; a horizon is one day.
 */
import { assert } from "../assert.ts";

/** Two-sided rounding of the quantiles everybody quotes, as risk tables print them. */
const QUOTED: readonly (readonly [confidence: number, z: number])[] = [
  [0.9, 1.2816],
  [0.95, 1.6449],
  [0.975, 1.96],
  [0.99, 2.3263],
  [0.995, 2.5758],
  [0.999, 3.0902],
];

/**
 * Quantile of the standard normal distribution: quoted values where there are any, else the
 * rational approximation of Abramowitz and Stegun, 26.2.23 (error below 4.5e-4). Null outside
 * (0, 1).
 */
export function normalQuantile(confidence: number): number | null {
  if (!(confidence > 0 && confidence < 1)) return null;
  if (confidence === 0.5) return 0;
  if (confidence < 0.5) return -normalQuantile(1 - confidence)!;
  const quoted = QUOTED.find(([known]) => known === confidence);
  if (quoted !== undefined) return quoted[1];
  const t = Math.sqrt(-2 * Math.log(1 - confidence));
  const top = 2.515517 + 0.802853 * t + 0.010328 * t ** 2;
  const bottom = 1 + 1.432788 * t + 0.189269 * t ** 2 + 0.001308 * t ** 3;
  return t - top / bottom;
}

/** w' S w: the variance of a portfolio with signed weights, in the square of their unit. */
export function portfolioVariance(
  weights: readonly number[],
  covariance: { readonly size: number; at(i: number, j: number): number },
): number {
  assert(weights.length === covariance.size, "one weight for each series");
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    for (let j = 0; j < weights.length; j++) sum += weights[i]! * weights[j]! * covariance.at(i, j);
  }
  // A sum that is no number stays none: it must never look like no risk.
  return sum < 0 ? 0 : sum;
}

/** Trading never closes: a year has this many days. */
const DAYS_PER_YEAR = 365;

export type VarFigures = {
  readonly usd: number;
  readonly frac: number;
  /** Of the portfolio's daily result, as a share of NAV. */
  readonly annualVolatility: number;
};

/**
 * Parametric value at risk of a zero-drift normal portfolio: z sigma sqrt(days). `variance` is of
 * the daily result as a share of NAV. Null where any of it is no base for a figure.
 */
export function valueAtRisk(
  { variance, navUsd, confidence, days, daysPerYear = DAYS_PER_YEAR }: {
    variance: number;
    navUsd: number;
    confidence: number;
    days: number;
    daysPerYear?: number;
  },
): VarFigures | null {
  const z = normalQuantile(confidence);
  if (z === null || !(navUsd > 0) || !Number.isFinite(navUsd) || !(variance >= 0)) return null;
  const sigma = Math.sqrt(variance);
  const frac = z * sigma * Math.sqrt(days);
  return { usd: frac * navUsd, frac, annualVolatility: sigma * Math.sqrt(daysPerYear) };
}

export type Shortfall = { readonly var: number; readonly shortfall: number };

/**
 * Historical simulation of a position of one dollar: the k-th worst outcome and the mean of the k
 * worst, k = max(1, floor(n (1 - confidence))), both floored at 0. `sign` is -1 for a short.
 * Null without observations, with one that is no number, and for a confidence outside [0, 1].
 * (Acerbi and Tasche, 2002, for the estimator.)
 */
export function historicalShortfall(
  returns: ArrayLike<number>,
  { from, sign, confidence }: { from: number; sign: 1 | -1; confidence: number },
): Shortfall | null {
  const n = returns.length - from;
  if (n <= 0 || !(confidence >= 0 && confidence <= 1)) return null;
  for (let i = from; i < returns.length; i++) if (!Number.isFinite(returns[i]!)) return null;
  // A product such as 1000 x (1 - 0.9) comes out a hair below the whole number it means.
  const count = Math.max(1, Math.floor(n * (1 - confidence) + COUNT_SLACK));
  const worst = new Float64Array(count).fill(Infinity);
  for (let i = from; i < returns.length; i++) insert(worst, sign * returns[i]!);
  let sum = 0;
  for (const outcome of worst) sum += outcome;
  return { var: Math.max(0, -worst[count - 1]!), shortfall: Math.max(0, -sum / count) };
}

export type CvarFigures = {
  readonly cvarUsd: number;
  readonly cvarFrac: number;
  readonly varUsd: number;
  readonly varFrac: number;
};

/** The tail of a position from the tail of one dollar of it; null where NAV is no base. */
export function positionTail(
  unit: Shortfall,
  { notionalUsd, navUsd }: { notionalUsd: number; navUsd: number },
): CvarFigures | null {
  const sizeUsd = Math.abs(notionalUsd);
  if (!Number.isFinite(sizeUsd) || !(navUsd > 0) || !Number.isFinite(navUsd)) return null;
  const [cvarUsd, varUsd] = [unit.shortfall * sizeUsd, unit.var * sizeUsd];
  return { cvarUsd, cvarFrac: cvarUsd / navUsd, varUsd, varFrac: varUsd / navUsd };
}

/** The tail of a normal with this sigma: z sigmas, and phi(z) / (1 - confidence) sigmas beyond. */
export function normalTail(sigma: number, confidence: number): Shortfall {
  const z = normalQuantile(confidence)!;
  const density = Math.exp(-(z ** 2) / 2) / Math.sqrt(2 * Math.PI);
  return { var: z * sigma, shortfall: (density / (1 - confidence)) * sigma };
}

const COUNT_SLACK = 1e-9;

/** Keeps the smallest outcomes, in ascending order. */
function insert(worst: Float64Array, outcome: number): void {
  let at = worst.length - 1;
  if (!(outcome < worst[at]!)) return;
  for (; at > 0 && worst[at - 1]! > outcome; at--) worst[at] = worst[at - 1]!;
  worst[at] = outcome;
}
