/**
 * Order books of the simulated exchange, derived from the path of a candle: the spread widens with
 * the candle's range, the depth follows its volume, both scaled by the symbol's liquidity bucket.
 */
import { floorUnits } from "../increments.ts";
import type { Bucket } from "../router/rules.ts";
import type { Book, Candle, Level, Market } from "../types.ts";
import { BPS_PER_UNIT, MS_PER_MINUTE } from "../units.ts";

const LEVELS_COUNT = 20;
/** A calm book is this share of the widest spread its bucket allows. */
const CALM_SPREAD_SHARE = 0.25;
/** Range of a minute at which the spread has doubled, in basis points. */
const DOUBLING_RANGE_BPS = 20;
/** Share of a minute's volume that rests at the best level, and how much deeper each next one is. */
const TOP_VOLUME_SHARE = 0.03;
const DEEPENING = 0.35;
const TOP_MIN_USD = 500;

/** Half of the spread at a candle's pace, in price units. */
export function halfSpreadPx(
  px: number,
  candle: Candle,
  { bucket, baseMs }: { bucket: Bucket; baseMs: number },
): number {
  const rangeFrac = (candle.high - candle.low) / candle.open;
  const minuteRangeBps = (rangeFrac / Math.sqrt(baseMs / MS_PER_MINUTE)) * BPS_PER_UNIT;
  const spreadBps = bucket.maxSpreadBps * CALM_SPREAD_SHARE *
    (1 + minuteRangeBps / DOUBLING_RANGE_BPS);
  return (px * spreadBps) / BPS_PER_UNIT / 2;
}

/** Lots at the best level. */
export function topLots(
  px: number,
  candle: Candle,
  { market, baseMs }: { market: Market; baseMs: number },
): number {
  const minuteQty = (candle.volume * MS_PER_MINUTE) / baseMs;
  const qty = Math.max(minuteQty * TOP_VOLUME_SHARE, TOP_MIN_USD / px);
  return Math.max(1, floorUnits(qty, market.lot));
}

/** The book around a price. */
export function bookAt(
  px: number,
  candle: Candle,
  { market, bucket, baseMs, atMs }: {
    market: Market;
    bucket: Bucket;
    baseMs: number;
    atMs: number;
  },
): Book {
  const half = halfSpreadPx(px, candle, { bucket, baseMs });
  const bidTicks = Math.max(1, floorUnits(px - half, market.tick));
  const askTicks = Math.max(bidTicks + 1, floorUnits(px + half, market.tick) + 1);
  const top = topLots(px, candle, { market, baseMs });
  const stepTicks = Math.max(1, Math.round((askTicks - bidTicks) / 2));
  const side = (best: number, direction: 1 | -1): readonly Level[] => {
    const levels: Level[] = [];
    for (let i = 0; i < LEVELS_COUNT; i++) {
      const priceTicks = best + direction * i * stepTicks;
      if (priceTicks < 1) break;
      levels.push({ priceTicks, lots: Math.floor(top * (1 + DEEPENING * i)) });
    }
    return levels;
  };
  return { atMs, bids: side(bidTicks, -1), asks: side(askTicks, 1) };
}
