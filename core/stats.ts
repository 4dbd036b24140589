/** Small numeric pieces: means, deviations, quantiles, returns, exponentially weighted volatility. */

/** Arithmetic mean; null for an empty list. */
export function mean(values: ArrayLike<number>): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Population standard deviation (divides by n); null for an empty list. */
export function populationStd(values: ArrayLike<number>): number | null {
  const centre = mean(values);
  if (centre === null) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - centre) ** 2;
  return Math.sqrt(sum / values.length);
}

/**
 * Linear-interpolation quantile of unsorted values: rank (n - 1) q on the sorted list.
 * `q` is clamped to [0, 1]; null for an empty list.
 */
export function quantile(values: readonly number[], q: number): number | null {
  return quantileOfSorted(Float64Array.from(values).sort(), q);
}

/** The same of values that ascend already: whoever wants several quantiles sorts once. */
export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number | null {
  if (sorted.length === 0) return null;
  const rank = (sorted.length - 1) * Math.min(1, Math.max(0, q));
  const low = Math.floor(rank);
  const below = sorted[low]!;
  const above = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return below + (above - below) * (rank - low);
}

/** A rolling window: its newest `capacity` finite numbers, oldest first; anything else is ignored. */
export function offer(
  window: readonly number[],
  value: unknown,
  capacity: number,
): readonly number[] {
  if (typeof value !== "number" || !Number.isFinite(value)) return window;
  return [...window, value].slice(-capacity);
}

/** Natural-log returns, one fewer than prices; 0 where either price is not positive. */
export function logReturns(prices: ArrayLike<number>): Float64Array {
  const returns = new Float64Array(Math.max(0, prices.length - 1));
  for (let i = 1; i < prices.length; i++) {
    const [before, after] = [prices[i - 1]!, prices[i]!];
    returns[i - 1] = before > 0 && after > 0 ? Math.log(after / before) : 0;
  }
  return returns;
}

/**
 * Exponentially weighted standard deviation of returns, newest last: weights 0.5^(age / half-life)
 * over at most the last `windowBars` returns (null: all), weighted mean removed, not annualised.
 * 0 when there are fewer than two returns or the half-life is not positive.
 * (RiskMetrics technical document, 1996, section 5.2, with the mean kept.)
 */
export function ewmaVolatility(
  returns: ArrayLike<number>,
  { halfLifeBars, windowBars }: { halfLifeBars: number; windowBars: number | null },
): number {
  const from = windowBars === null ? 0 : Math.max(0, returns.length - windowBars);
  if (returns.length - from < 2 || !(halfLifeBars > 0)) return 0;
  const decay = 0.5 ** (1 / halfLifeBars);
  let [weights, sum] = [0, 0];
  for (let i = from; i < returns.length; i++) {
    weights = weights * decay + 1;
    sum = sum * decay + returns[i]!;
  }
  const centre = sum / weights;
  let spread = 0;
  for (let i = from; i < returns.length; i++) {
    spread = spread * decay + (returns[i]! - centre) ** 2;
  }
  return Math.sqrt(spread / weights);
}
