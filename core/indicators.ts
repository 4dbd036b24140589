/** Technical indicators over closed candles. Arrays run oldest to newest; pure and total. */
import { mean, populationStd } from "./stats.ts";
import type { Side } from "./types.ts";

/** Half-width of the dead band around the moving average in which there is no trend. */
const TREND_BAND_FRAC = 0.005;
const RSI_MAX = 100;
export const RSI_NEUTRAL = 50;

export type Trend = "BULL" | "BEAR" | "NEUTRAL";

/**
 * Relative strength index with simple averages over the last `period` changes (no Wilder
 * smoothing), 0 to 100. Flat prices give 50: no movement is not strength. Null when there are not
 * more closes than `period`.
 */
export function rsi(closes: ArrayLike<number>, period: number): number | null {
  if (period < 1 || closes.length <= period) return null;
  let [gain, loss] = [0, 0];
  for (let i = closes.length - period; i < closes.length; i++) {
    const change = closes[i]! - closes[i - 1]!;
    if (change > 0) gain += change;
    else loss -= change;
  }
  if (loss === 0) return gain === 0 ? RSI_NEUTRAL : RSI_MAX;
  return RSI_MAX - RSI_MAX / (1 + gain / loss);
}

/**
 * Distance of the last close from the mean of the last `lookback` closes (itself included) in
 * population standard deviations. 0 when there are too few closes; a deviation of 0 counts as 1.
 */
export function zscore(closes: ArrayLike<number>, lookback: number): number {
  if (lookback < 1 || closes.length < lookback) return 0;
  const window = tail(closes, lookback);
  const deviation = populationStd(window)!;
  return (window[lookback - 1]! - mean(window)!) / (deviation === 0 ? 1 : deviation);
}

/** Last close against the simple average of the last `period` closes, with a dead band of 0.5 %. */
export function trend(closes: ArrayLike<number>, period: number): Trend {
  if (period < 1 || closes.length < period) return "NEUTRAL";
  const average = mean(tail(closes, period))!;
  const last = closes[closes.length - 1]!;
  if (last > average * (1 + TREND_BAND_FRAC)) return "BULL";
  if (last < average * (1 - TREND_BAND_FRAC)) return "BEAR";
  return "NEUTRAL";
}

/** True when a trend runs against a side: nobody buys into a fall or sells into a rise. */
export function opposes(trend: Trend, side: Side): boolean {
  return side === "LONG" ? trend === "BEAR" : trend === "BULL";
}

/**
 * Exponential moving average over the whole series, seeded with its first value, k = 2/(period+1).
 * Null when there are fewer values than `period`.
 */
export function ema(values: ArrayLike<number>, period: number): number | null {
  if (period < 1 || values.length < period) return null;
  const weight = 2 / (period + 1);
  let average = values[0]!;
  for (let i = 1; i < values.length; i++) average = weight * values[i]! + (1 - weight) * average;
  return average;
}

/** The three series a true range needs. */
export type Bars = {
  readonly high: ArrayLike<number>;
  readonly low: ArrayLike<number>;
  readonly close: ArrayLike<number>;
};

/**
 * Average true range in price units: plain mean of the last `lookback` true ranges, each against
 * the previous close. 0 when there are not more than `lookback` bars.
 */
export function atr({ high, low, close }: Bars, lookback: number): number {
  if (lookback < 1 || close.length <= lookback) return 0;
  let sum = 0;
  for (let i = close.length - lookback; i < close.length; i++) {
    const before = close[i - 1]!;
    sum += Math.max(high[i]! - low[i]!, Math.abs(high[i]! - before), Math.abs(low[i]! - before));
  }
  return sum / lookback;
}

function tail(values: ArrayLike<number>, length: number): ArrayLike<number> {
  const from = values.length - length;
  if (values instanceof Float64Array) return values.subarray(from);
  return Array.from({ length }, (_, i) => values[from + i]!);
}
