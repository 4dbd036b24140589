/**
 * Log returns of closed candles, one unbroken run per symbol and timeframe: a gap ends a run,
 * because returns on both sides of it are not neighbours in time. Runs follow the candle history
 * bar by bar; what a run holds depends on the newest candles alone, so that a restart sees the same.
 */
import type { History, Series } from "../history.ts";
import { SERIES_CAPACITY } from "../history.ts";
import type { Ticker } from "../types.ts";

/** Returns a run can hold: one fewer than the candles that are kept. */
const RUN_CAPACITY = SERIES_CAPACITY - 1;

/** The newest unbroken returns of one symbol, oldest first. */
export class ReturnRun {
  readonly frameMs: number;
  readonly #values = new Float64Array(2 * RUN_CAPACITY);
  #end = 0;
  #lastCloseMs: number | null = null;

  constructor(frameMs: number) {
    this.frameMs = frameMs;
  }

  get length(): number {
    return Math.min(this.#end, RUN_CAPACITY);
  }

  /** When the newest return ended; null before the first candle. */
  get lastCloseMs(): number | null {
    return this.#lastCloseMs;
  }

  /** Returns in the run up to an instant on its grid; 0 beyond either end. */
  lengthAt(endMs: number): number {
    if (this.#lastCloseMs === null || endMs > this.#lastCloseMs) return 0;
    return Math.max(0, this.length - (this.#lastCloseMs - endMs) / this.frameMs);
  }

  /** `count` returns up to an instant on the grid, as a view that must not be kept. */
  window(endMs: number, count: number): Float64Array {
    const to = this.#end - (this.#lastCloseMs! - endMs) / this.frameMs;
    return this.#values.subarray(to - count, to);
  }

  /** Takes in what the series has got since the last call. */
  follow(series: Series): void {
    const closedMs = series.lastCloseMs;
    if (closedMs === this.#lastCloseMs || closedMs === null) return;
    const isNext = this.#lastCloseMs !== null && closedMs === this.#lastCloseMs + this.frameMs;
    if (isNext) {
      const [before, close] = series.column("close", 2);
      this.#append(Math.log(close! / before!));
    } else this.#rebuild(series);
    this.#lastCloseMs = closedMs;
  }

  #rebuild(series: Series): void {
    const opens = series.column("openMs");
    const closes = series.column("close");
    let from = closes.length - 1;
    while (from > 0 && opens[from]! - opens[from - 1]! === this.frameMs) from -= 1;
    this.#end = 0;
    for (let i = from + 1; i < closes.length; i++) {
      this.#append(Math.log(closes[i]! / closes[i - 1]!));
    }
  }

  #append(value: number): void {
    if (this.#end === this.#values.length) {
      this.#values.copyWithin(0, RUN_CAPACITY);
      this.#end = RUN_CAPACITY;
    }
    this.#values[this.#end] = value;
    this.#end += 1;
  }
}

/** All runs over one history; the same history always gives the same returns. */
export class Returns {
  readonly #history: History;
  readonly #runs = new Map<number, Map<Ticker, ReturnRun>>();

  constructor(history: History) {
    this.#history = history;
  }

  /** The timeframe that really answers a wish for `frameMs`. */
  frameFor(frameMs: number): number {
    return this.#history.frameFor(frameMs);
  }

  /** The run of a symbol, up to date; null while it has no candle. */
  run(ticker: Ticker, frameMs: number): ReturnRun | null {
    const series = this.#history.series(ticker, frameMs);
    if (series === null) return null;
    let runs = this.#runs.get(frameMs);
    if (runs === undefined) this.#runs.set(frameMs, runs = new Map());
    let run = runs.get(ticker);
    if (run === undefined) runs.set(ticker, run = new ReturnRun(series.frameMs));
    run.follow(series);
    return run;
  }
}
