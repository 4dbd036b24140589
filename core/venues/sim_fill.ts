/**
 * When a resting order trades, as a pure function of the order and the price path: at the touch
 * only after the queue ahead has been eaten by the flow of the other side, at once when the price
 * trades through. So a fill needs the market to come, and what comes after it is adverse.
 */
import type { Bucket } from "../router/rules.ts";
import type { Market, Ticker } from "../types.ts";
import { unitsToNumber } from "../increments.ts";
import type { Paths } from "./feed.ts";
import { halfSpreadPx } from "./sim_book.ts";

/** A post-only order as the queue sees it. */
export type Resting = {
  readonly ticker: Ticker;
  readonly buys: boolean;
  readonly priceTicks: number;
  readonly lots: number;
  readonly queueLots: number;
  readonly acceptedMs: number;
};

export type Flow = {
  readonly paths: Paths;
  readonly market: Market;
  readonly bucket: Bucket;
  readonly baseMs: number;
};

export type Progress = {
  /** Whole lots that have traded by then. */
  readonly lots: number;
  /** When the last lot trades; null when that is after the horizon. */
  readonly completeMs: number | null;
};

/** How far an order has got between its acceptance and `toMs`. */
export function progressOf(order: Resting, toMs: number, flow: Flow): Progress {
  const px = unitsToNumber(order.priceTicks, flow.market.tick);
  const sign = order.buys ? 1 : -1;
  const needed = order.queueLots + order.lots;
  let eaten = 0;
  for (const piece of flow.paths.segments(order.ticker, order.acceptedMs, toMs)) {
    const { fromMs, candle } = piece;
    const lastsMs = piece.toMs - fromMs;
    const [start, end] = [sign * (piece.fromPx - px), sign * (piece.toPx - px)];
    if (start <= 0) return { lots: order.lots, completeMs: Math.ceil(fromMs) };
    const half = halfSpreadPx(px, candle, { bucket: flow.bucket, baseMs: flow.baseMs });
    const at = (level: number) => crossing({ start, end, level, lastsMs });
    const throughMs = end <= 0 ? at(0) : null;
    const touchFrom = start <= half ? 0 : end <= half ? at(half) : null;
    if (touchFrom !== null) {
      const leaves = start <= half && end > half ? at(half) : lastsMs;
      const touchTo = Math.min(leaves, throughMs ?? lastsMs);
      const lotsPerMs = flowLotsPerMs(candle.volume, flow);
      const eats = lotsPerMs * Math.max(0, touchTo - touchFrom);
      if (eaten + eats >= needed && lotsPerMs > 0) {
        const doneMs = fromMs + touchFrom + (needed - eaten) / lotsPerMs;
        return { lots: order.lots, completeMs: Math.ceil(doneMs) };
      }
      eaten += eats;
    }
    if (throughMs !== null) return { lots: order.lots, completeMs: Math.ceil(fromMs + throughMs) };
  }
  const lots = Math.floor(Math.max(0, eaten - order.queueLots));
  return { lots: Math.min(order.lots, lots), completeMs: null };
}

/** The first instant in (fromMs, toMs] at which the path is at or beyond a level; null if never. */
export function firstCrossMs(
  paths: Paths,
  { ticker, level, falling, fromMs, toMs }: {
    ticker: Ticker;
    level: number;
    /** True: reached from above. */
    falling: boolean;
    fromMs: number;
    toMs: number;
  },
): number | null {
  const sign = falling ? 1 : -1;
  for (const piece of paths.segments(ticker, fromMs, toMs)) {
    const [start, end] = [sign * (piece.fromPx - level), sign * (piece.toPx - level)];
    const lastsMs = piece.toMs - piece.fromMs;
    if (start <= 0) return Math.ceil(piece.fromMs);
    if (end <= 0) return Math.ceil(piece.fromMs + crossing({ start, end, level: 0, lastsMs }));
  }
  return null;
}

/** Lots that arrive per millisecond from one side: half of what the candle traded. */
function flowLotsPerMs(volumeQty: number, { market, baseMs }: Flow): number {
  return volumeQty / 2 / unitsToNumber(1, market.lot) / baseMs;
}

/** Where on a straight piece the distance equals `level`, in milliseconds from its start. */
function crossing(
  { start, end, level, lastsMs }: { start: number; end: number; level: number; lastsMs: number },
): number {
  if (start === end) return 0;
  return Math.min(lastsMs, Math.max(0, (lastsMs * (start - level)) / (start - end)));
}
