/** Where the simulated exchange gets its prices: candles, and the path a price takes inside one. */
import type { Candle, Market, Ticker } from "../types.ts";
import { chance, label } from "./chance.ts";

/** A source of candles. Lookups are pure; a synthetic feed makes candles as they are asked for. */
export interface Feed {
  /** A name that is part of the run's lineage. */
  readonly id: string;
  readonly baseMs: number;
  readonly tickers: readonly Ticker[];
  /** The first instant that is played; candles before it are history. */
  readonly startMs: number;
  /** The last instant; null for a feed without end. */
  readonly endMs: number | null;
  market(ticker: Ticker): Market | null;
  /** The candle that holds an instant; null where one is missing. */
  candleAt(ticker: Ticker, ms: number): Candle | null;
  /** Candles that closed after `fromMs` and up to `toMs`, oldest first. */
  closed(ticker: Ticker, fromMs: number, toMs: number): readonly Candle[];
}

/** A straight piece of a price path. */
export type Segment = {
  readonly fromMs: number;
  readonly toMs: number;
  readonly fromPx: number;
  readonly toPx: number;
  readonly candle: Candle;
};

/**
 * The path inside a candle: open, then low and high in the order that the seed picks, then close,
 * at 0, 1/3, 2/3 and 1 of its time, straight in between.
 */
export class Paths {
  readonly #feed: Feed;
  readonly #seed: number;
  readonly #labels = new Map<Ticker, number>();

  constructor(feed: Feed, seed: number) {
    this.#feed = feed;
    this.#seed = seed;
  }

  /** The price at an instant; null in a gap. At a candle's very end its close still counts. */
  pxAt(ticker: Ticker, ms: number): number | null {
    const candle = this.candleAt(ticker, ms);
    return candle === null ? null : this.#pxIn(ticker, candle, ms);
  }

  /** The candle whose path an instant lies on. */
  candleAt(ticker: Ticker, ms: number): Candle | null {
    const candle = this.#feed.candleAt(ticker, ms);
    if (candle !== null) return candle;
    const before = this.#feed.candleAt(ticker, ms - 1);
    return before !== null && before.openMs + this.#feed.baseMs === ms ? before : null;
  }

  /** The pieces of the path between two instants, in order; gaps are left out. */
  *segments(ticker: Ticker, fromMs: number, toMs: number): Generator<Segment> {
    const { baseMs } = this.#feed;
    let openMs = Math.floor(fromMs / baseMs) * baseMs;
    for (; openMs <= toMs; openMs += baseMs) {
      const candle = this.#feed.candleAt(ticker, openMs);
      if (candle === null) continue;
      for (const piece of this.#pieces(ticker, candle)) {
        const clippedFrom = Math.max(fromMs, piece.fromMs);
        const clippedTo = Math.min(toMs, piece.toMs);
        if (clippedFrom > clippedTo) continue;
        yield {
          fromMs: clippedFrom,
          toMs: clippedTo,
          fromPx: along(piece, clippedFrom),
          toPx: along(piece, clippedTo),
          candle,
        };
      }
    }
  }

  /** The next instant at which paths may turn. */
  turnAfter(ms: number): number {
    const third = this.#feed.baseMs / 3;
    return Math.ceil((Math.floor(ms / third) + 1) * third);
  }

  #pxIn(ticker: Ticker, candle: Candle, ms: number): number {
    const pieces = this.#pieces(ticker, candle);
    const piece = pieces.find(({ toMs }) => ms <= toMs) ?? pieces[2]!;
    return along(piece, ms);
  }

  #pieces(ticker: Ticker, candle: Candle): readonly Segment[] {
    const { openMs, open, high, low, close } = candle;
    const third = this.#feed.baseMs / 3;
    const lowFirst = chance(this.#seed, this.#label(ticker), openMs) < 0.5;
    const [first, second] = lowFirst ? [low, high] : [high, low];
    const piece = (part: number, fromPx: number, toPx: number): Segment => ({
      fromMs: openMs + part * third,
      toMs: openMs + (part + 1) * third,
      fromPx,
      toPx,
      candle,
    });
    return [piece(0, open, first), piece(1, first, second), piece(2, second, close)];
  }

  #label(ticker: Ticker): number {
    let known = this.#labels.get(ticker);
    if (known === undefined) this.#labels.set(ticker, known = label(ticker));
    return known;
  }
}

function along({ fromMs, toMs, fromPx, toPx }: Segment, ms: number): number {
  if (ms <= fromMs) return fromPx;
  if (ms >= toMs) return toPx;
  return fromPx + (toPx - fromPx) * ((ms - fromMs) / (toMs - fromMs));
}
