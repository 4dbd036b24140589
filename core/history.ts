/**
 * Closed candles per symbol and timeframe in flat arrays, appended in place by the shell before a
 * decision and read-only inside it: the one mutable thing the core owns. Appending is idempotent by
 * open time. Coarser timeframes are built from the feed's own; what a series holds depends only on
 * the candles it was given last, so a restart that loads the same candles sees the same numbers.
 */
import { assert } from "./assert.ts";
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "./units.ts";
import type { Candle, Ticker } from "./types.ts";

/** Candles kept per series; the longest look-back of any part must fit. */
export const SERIES_CAPACITY = 800;

const UNIT_MS: Readonly<Record<string, number>> = {
  s: MS_PER_SECOND,
  m: MS_PER_MINUTE,
  h: MS_PER_HOUR,
  d: MS_PER_DAY,
  w: 7 * MS_PER_DAY,
};
/** A count and a unit, also spelt out; a bare "M" would be a month and is none of them. */
const TIMEFRAME = /^(\d+) ?(s|m|H|h|D|d|W|w|secs?|seconds?|mins?|minutes?|hours?|days?|weeks?)$/;

/** Milliseconds of a timeframe label such as "15m", "1h", "1d", "1w"; null when it is not one. */
export function timeframeMs(label: string): number | null {
  const parts = TIMEFRAME.exec(label.trim());
  if (parts === null || Number(parts[1]) === 0) return null;
  return Number(parts[1]) * UNIT_MS[parts[2]![0]!.toLowerCase()]!;
}

/** The usual label of a timeframe, e.g. 900000 is "15m". */
export function timeframeLabel(ms: number): string {
  for (const unit of ["d", "h"]) {
    if (ms % UNIT_MS[unit]! === 0) return `${ms / UNIT_MS[unit]!}${unit}`;
  }
  return `${ms / MS_PER_MINUTE}m`;
}

type Field = "openMs" | "open" | "high" | "low" | "close" | "volume";
const FIELDS: readonly Field[] = ["openMs", "open", "high", "low", "close", "volume"];

/** The newest candles of one symbol and timeframe, oldest first. */
export class Series {
  readonly frameMs: number;
  readonly #columns: Readonly<Record<Field, Float64Array>>;
  #end = 0;

  constructor(frameMs: number) {
    this.frameMs = frameMs;
    const column = () => new Float64Array(2 * SERIES_CAPACITY);
    this.#columns = {
      openMs: column(),
      open: column(),
      high: column(),
      low: column(),
      close: column(),
      volume: column(),
    };
  }

  get length(): number {
    return Math.min(this.#end, SERIES_CAPACITY);
  }

  /** When the newest candle closed; null when there is none. */
  get lastCloseMs(): number | null {
    return this.#end === 0 ? null : this.#columns.openMs[this.#end - 1]! + this.frameMs;
  }

  /** The newest `length` values of one column (all by default), as a view that must not be kept. */
  column(field: Field, length: number = SERIES_CAPACITY): Float64Array {
    const from = Math.max(0, this.#end - Math.min(length, this.length));
    return this.#columns[field].subarray(from, this.#end);
  }

  /** Adds a candle that is newer than the last one; an older or equal one is ignored. */
  append(candle: Candle): boolean {
    if (this.#end > 0 && candle.openMs <= this.#columns.openMs[this.#end - 1]!) return false;
    if (this.#end === 2 * SERIES_CAPACITY) this.#slide();
    for (const field of FIELDS) this.#columns[field][this.#end] = candle[field];
    this.#end += 1;
    return true;
  }

  #slide(): void {
    for (const field of FIELDS) this.#columns[field].copyWithin(0, SERIES_CAPACITY);
    this.#end = SERIES_CAPACITY;
  }
}

/** A coarse candle in the making and how many candles of the feed are in it. */
type Partial = { readonly candle: Candle; readonly count: number };
type Track = { readonly frames: Map<number, Series>; readonly partial: Map<number, Partial> };

/** All series of all symbols. Frames finer than the feed are not kept: see `frameFor`. */
export class History {
  readonly baseMs: number;
  readonly #frames: readonly number[];
  /** Grows with every candle that is new. */
  #version = 0;
  readonly #tracks = new Map<Ticker, Track>();

  constructor(baseMs: number, framesMs: readonly number[]) {
    this.baseMs = baseMs;
    const usable = framesMs.filter((frame) => frame > baseMs && frame % baseMs === 0);
    this.#frames = [...new Set(usable)];
  }

  /** The timeframe that really answers a wish for `frameMs`: itself, or the feed's own. */
  frameFor(frameMs: number): number {
    return this.#frames.includes(frameMs) ? frameMs : this.baseMs;
  }

  /** The series that answers a wish for `frameMs`; null when the symbol has no candle yet. */
  series(ticker: Ticker, frameMs: number): Series | null {
    return this.#tracks.get(ticker)?.frames.get(this.frameFor(frameMs)) ?? null;
  }

  /** Another one whenever any series is. */
  get version(): number {
    return this.#version;
  }

  append(ticker: Ticker, candle: Candle): void {
    let track = this.#tracks.get(ticker);
    if (track === undefined) {
      const frames = new Map([[this.baseMs, new Series(this.baseMs)]]);
      for (const frame of this.#frames) frames.set(frame, new Series(frame));
      track = { frames, partial: new Map() };
      this.#tracks.set(ticker, track);
    }
    if (!track.frames.get(this.baseMs)!.append(candle)) return;
    this.#version += 1;
    for (const frame of this.#frames) this.#merge(track, frame, candle);
  }

  /** A coarse candle counts only when none of its parts is missing: a gap makes no signal. */
  #merge({ frames, partial }: Track, frame: number, candle: Candle): void {
    const openMs = Math.floor(candle.openMs / frame) * frame;
    const started = partial.get(frame);
    const current = started?.candle.openMs === openMs ? started : null;
    const count = (current?.count ?? 0) + 1;
    const joined = current === null ? { ...candle, openMs } : join(current.candle, candle);
    partial.set(frame, { candle: joined, count });
    if (count === frame / this.baseMs) {
      const appended = frames.get(frame)!.append(joined);
      assert(appended, "coarse candles are completed in order");
    }
  }
}

function join(first: Candle, next: Candle): Candle {
  return {
    openMs: first.openMs,
    open: first.open,
    high: Math.max(first.high, next.high),
    low: Math.min(first.low, next.low),
    close: next.close,
    volume: first.volume + next.volume,
  };
}
