/**
 * Exponentially weighted covariance of returns: weights 0.5^(age / half-life) that sum to 1, the
 * weighted mean removed, no bias correction (RiskMetrics technical document, 1996, section 5.2).
 * A window that slides by one bar is moved by a recurrence instead of being summed anew.
 */
import { assert } from "../assert.ts";

/** Weights of `n` observations, oldest first; equal ones where the half-life is not positive. */
export function ewmaWeights(n: number, halfLifeBars: number): Float64Array {
  const weights = new Float64Array(n);
  const decay = decayOf(halfLifeBars);
  let [weight, sum] = [1, 0];
  for (let i = n - 1; i >= 0; i--) {
    weights[i] = weight;
    sum += weight;
    weight *= decay;
  }
  for (let i = 0; i < n; i++) weights[i]! /= sum;
  return weights;
}

/** Weighted deviations, scaled so that the product of two of them is their covariance. */
export function deviations(
  returns: ArrayLike<number>,
  from: number,
  weights: Float64Array,
): Float64Array {
  const scaled = new Float64Array(weights.length);
  let mean = 0;
  for (let i = 0; i < weights.length; i++) mean += weights[i]! * returns[from + i]!;
  for (let i = 0; i < weights.length; i++) {
    scaled[i] = Math.sqrt(weights[i]!) * (returns[from + i]! - mean);
  }
  return scaled;
}

/** The sum of products of two series of one length. */
export function dot(one: Float64Array, other: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < one.length; i++) sum += one[i]! * other[i]!;
  return sum;
}

/** The covariance matrix of a fixed set of series over a window of fixed length. */
export class RollingCovariance {
  #size: number;
  #decay: number;
  /** What the weight of an observation has shrunk to when it leaves the window. */
  #leaving: number;
  #total: number;
  #sums: Float64Array;
  #products: Float64Array;

  /** Sums a whole window; all series have one length. */
  constructor(returns: readonly ArrayLike<number>[], halfLifeBars: number) {
    const size = returns.length;
    const length = returns[0]?.length ?? 0;
    this.#size = size;
    this.#decay = decayOf(halfLifeBars);
    this.#leaving = this.#decay ** length;
    this.#sums = new Float64Array(size);
    this.#products = new Float64Array(size * size);
    const [weights, total] = unscaled(length, this.#decay);
    this.#total = total;
    const weighted = new Float64Array(length);
    for (let i = 0; i < size; i++) {
      const series = returns[i]!;
      assert(series.length === length, "covariance needs series of one length");
      for (let t = 0; t < length; t++) weighted[t] = weights[t]! * series[t]!;
      for (let t = 0; t < length; t++) this.#sums[i]! += weighted[t]!;
      for (let j = i; j < size; j++) this.#put(i, j, product(weighted, returns[j]!));
    }
  }

  /** How many series it is of. */
  get size(): number {
    return this.#size;
  }

  /** The same sums, to be slid on without touching these. */
  clone(): RollingCovariance {
    const copy = new RollingCovariance([], 0);
    copy.#size = this.#size;
    copy.#decay = this.#decay;
    copy.#leaving = this.#leaving;
    copy.#total = this.#total;
    copy.#sums = this.#sums.slice();
    copy.#products = this.#products.slice();
    return copy;
  }

  /** Moves the window by one bar: O(n²) instead of O(n² T). */
  roll(newest: ArrayLike<number>, oldest: ArrayLike<number>): void {
    for (let i = 0; i < this.#size; i++) {
      const [entering, gone] = [newest[i]!, this.#leaving * oldest[i]!];
      this.#sums[i] = this.#decay * this.#sums[i]! + entering - gone;
      for (let j = i; j < this.#size; j++) {
        const before = this.#products[i * this.#size + j]!;
        this.#put(i, j, this.#decay * before + entering * newest[j]! - gone * oldest[j]!);
      }
    }
  }

  /** Covariance of two of the series; a variance is never below 0. */
  at(i: number, j: number): number {
    const mean = (k: number) => this.#sums[k]! / this.#total;
    const value = this.#products[i * this.#size + j]! / this.#total - mean(i) * mean(j);
    return i === j ? Math.max(0, value) : value;
  }

  #put(i: number, j: number, value: number): void {
    this.#products[i * this.#size + j] = value;
    this.#products[j * this.#size + i] = value;
  }
}

function decayOf(halfLifeBars: number): number {
  return halfLifeBars > 0 ? 0.5 ** (1 / halfLifeBars) : 1;
}

/** Weights whose newest is 1, and their sum. */
function unscaled(length: number, decay: number): [weights: Float64Array, total: number] {
  const weights = new Float64Array(length);
  let [weight, total] = [1, 0];
  for (let t = length - 1; t >= 0; t--) {
    weights[t] = weight;
    total += weight;
    weight *= decay;
  }
  return [weights, total];
}

function product(one: Float64Array, other: ArrayLike<number>): number {
  let sum = 0;
  for (let t = 0; t < one.length; t++) sum += one[t]! * other[t]!;
  return sum;
}
