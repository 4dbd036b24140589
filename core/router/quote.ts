/** Prices of orders in whole ticks, and what crossing a book would cost. */
import { type Increment, unitsToNumber } from "../increments.ts";
import type { Book, Level } from "../types.ts";
import { BPS_PER_UNIT } from "../units.ts";

/** Offsets are exact to this fraction of a basis point. */
const OFFSET_STEPS_PER_BP = 10_000;
const ESTIMATE_MIN_BPS = -10;
const ESTIMATE_MAX_BPS = 200;

export type Touch = { readonly bidTicks: number; readonly askTicks: number };

/** Best bid and ask; null when a side is empty or the book is crossed: such a book is unusable. */
export function touchOf(book: Book | null): Touch | null {
  const bidTicks = book?.bids[0]?.priceTicks;
  const askTicks = book?.asks[0]?.priceTicks;
  if (bidTicks === undefined || askTicks === undefined || bidTicks >= askTicks) return null;
  return { bidTicks, askTicks };
}

/** Spread over mid, in basis points. */
export function spreadBps({ bidTicks, askTicks }: Touch): number {
  return ((askTicks - bidTicks) / midTicks({ bidTicks, askTicks })) * BPS_PER_UNIT;
}

/** The middle of the touch, in ticks (it may lie between two). */
export function midTicks({ bidTicks, askTicks }: Touch): number {
  return (bidTicks + askTicks) / 2;
}

/** Mid as a price; null where the book is unusable. */
export function midPxOf(book: Book | null, tick: Increment): number | null {
  const touch = touchOf(book);
  return touch === null ? null : unitsToNumber(midTicks(touch), tick);
}

/**
 * A post-only quote `offsetBps` behind mid, rounded away from the market, at least one tick inside
 * the far touch, and one tick further back for each rejection after the first. Fees never move it.
 */
export function makerTicks(
  { bidTicks, askTicks }: Touch,
  { buys, offsetBps, rejections }: { buys: boolean; offsetBps: number; rejections: number },
): number {
  const steps = Math.round(offsetBps * OFFSET_STEPS_PER_BP);
  const unit = BPS_PER_UNIT * OFFSET_STEPS_PER_BP;
  const back = Math.max(0, rejections - 1);
  const twice = bidTicks + askTicks;
  if (buys) {
    const behind = divide(twice, unit - steps, 2 * unit, false);
    const inside = Math.min(behind, askTicks - 1);
    return rejections > 0 ? Math.min(inside, bidTicks - back) : inside;
  }
  const behind = divide(twice, unit + steps, 2 * unit, true);
  const inside = Math.max(behind, bidTicks + 1);
  return rejections > 0 ? Math.max(inside, askTicks + back) : inside;
}

/** The worst price a bounded taker order may pay: `boundBps` beyond the touch, rounded outwards. */
export function takerTicks(
  { bidTicks, askTicks }: Touch,
  { buys, boundBps }: { buys: boolean; boundBps: number },
): number {
  const steps = Math.round(boundBps * OFFSET_STEPS_PER_BP);
  const unit = BPS_PER_UNIT * OFFSET_STEPS_PER_BP;
  return buys
    ? divide(askTicks, unit + steps, unit, true)
    : Math.max(1, divide(bidTicks, unit - steps, unit, false));
}

/**
 * Cost of taking `lots` from one side of a book against mid, in basis points, cost positive; null
 * when the levels do not hold that much: unknown depth is never cheap.
 */
export function expectedSlippageBps(
  book: Book,
  { buys, lots }: { buys: boolean; lots: number },
): number | null {
  const touch = touchOf(book);
  if (touch === null) return null;
  return sweepBps(buys ? book.asks : book.bids, { buys, lots, mid: midTicks(touch) });
}

/** The same for the levels of one side and a mid of their own, all in the same units. */
export function sweepBps(
  levels: readonly Level[],
  { buys, lots, mid }: { buys: boolean; lots: number; mid: number },
): number | null {
  const average = mid > 0 && lots > 0 ? walk(levels, lots) : null;
  return average === null ? null : slippageBps({ px: average, referencePx: mid, buys });
}

/** An estimate as it may enter an average: one absurd book must not rule it for a hundred trades. */
export function boundedBps(estimateBps: number): number {
  return Math.min(ESTIMATE_MAX_BPS, Math.max(ESTIMATE_MIN_BPS, estimateBps));
}

/** What a fill cost against a reference price, in basis points, cost positive. */
export function slippageBps(
  { px, referencePx, buys }: { px: number; referencePx: number; buys: boolean },
): number | null {
  if (!(referencePx > 0) || !(px > 0)) return null;
  return ((buys ? px - referencePx : referencePx - px) / referencePx) * BPS_PER_UNIT;
}

/** Average price over the levels that `lots` would take; null when they do not suffice. */
function walk(levels: readonly Level[], lots: number): number | null {
  let [left, sum] = [lots, 0];
  for (const level of levels) {
    const taken = Math.min(left, level.lots);
    sum += taken * level.priceTicks;
    left -= taken;
    if (left === 0) return sum / lots;
  }
  return null;
}

/** value * top / bottom as a whole number, exact for any size. */
function divide(value: number, top: number, bottom: number, up: boolean): number {
  const product = value * top;
  if (Number.isSafeInteger(product)) {
    const rest = product % bottom;
    const quotient = (product - rest) / bottom;
    return up && rest > 0 ? quotient + 1 : quotient;
  }
  const exact = BigInt(value) * BigInt(top);
  const rest = exact % BigInt(bottom);
  const quotient = Number(exact / BigInt(bottom));
  return up && rest > 0n ? quotient + 1 : quotient;
}
