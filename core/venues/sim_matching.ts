/**
 * How the simulated exchange treats an order: checks on arrival, the queue, the sweep of a book,
 * trades and their effect on position and wallet.
 */
import { assert } from "../assert.ts";
import { unitsToNumber } from "../increments.ts";
import type { NewOrder } from "../ports.ts";
import { rejectCodeOf } from "../router/errors.ts";
import { type Book, buys, type Market, type Side, signOf, type Trade } from "../types.ts";
import { BPS_PER_UNIT } from "../units.ts";
import { topLots } from "./sim_book.ts";
import type { SimDesk } from "./sim_desk.ts";
import { type Flow, type Progress, progressOf } from "./sim_fill.ts";
import { isConditional, type SimOrder, type SimPosition } from "./sim_state.ts";

/** Takes a new order: checks it, lets it rest or trades it at once. */
export function place(desk: SimDesk, order: NewOrder): void {
  const { clientId, ticker } = order;
  const { orders, done, nowMs } = desk.state;
  if (orders[clientId] !== undefined || done[clientId] !== undefined) {
    return reject(desk, clientId, -4116, "this client order id has been used");
  }
  const market = desk.feed.market(ticker);
  const book = desk.book(ticker);
  if (market === null || book === null) {
    return reject(desk, clientId, -4141, `${ticker} is not trading`);
  }
  if (isConditional(order)) return placeConditional(desk, order, market);
  const refused = refusal(desk, order, market, book);
  if (refused !== null) return reject(desk, clientId, ...refused);
  const lots = reducible(desk, order);
  const accepted = { ...order, lots, acceptedMs: nowMs, filledLots: 0, queueLots: 0 };
  const queueLots = order.tif === "GTX" ? queueAhead(desk, accepted, market, book) : 0;
  accept(desk, { ...accepted, queueLots });
  if (order.tif !== "GTX") sweep(desk, clientId, book, "order");
}

/** Why an order is refused before it reaches the book; null when it is not. */
function refusal(
  desk: SimDesk,
  order: NewOrder,
  market: Market,
  book: Book,
): [venueCode: number, message: string] | null {
  const { lots, priceTicks, kind, effect } = order;
  const [smallest, largest] = kind === "market"
    ? [market.marketMinLots, market.marketMaxLots]
    : [market.minLots, market.maxLots];
  if (!Number.isInteger(lots) || lots < smallest || lots > largest) {
    return [-4005, `${lots} lots are outside ${smallest} to ${largest}`];
  }
  if (kind === "limit" && (priceTicks === null || priceTicks < market.minTicks)) {
    return [-4014, "price below the smallest"];
  }
  if (effect === "close") {
    const held = desk.state.positions[`${order.ticker}:${order.side}`]?.lots ?? 0;
    const tooMuch = desk.rules.positionMode === "hedge" ? lots > held : held === 0;
    if (tooMuch) return [-2022, `the position holds ${held} lots`];
  }
  if (order.tif === "GTX" && crosses(order, book)) {
    return [-5022, "the order would immediately match and take"];
  }
  if (effect === "open") {
    const px = unitsToNumber(priceTicks ?? book.asks[0]!.priceTicks, market.tick);
    const usd = px * unitsToNumber(lots, market.lot);
    if (usd < market.minNotionalUsd) return [-4164, "below the smallest notional"];
    if (usd / order.leverage > desk.freeMarginUsd()) {
      return [-2019, "margin is insufficient"];
    }
  }
  return null;
}

/**
 * A stop or a target of a leg. Of those that close all of it one of each kind may rest; one with a
 * quantity may rest beside them, and takes no more than the leg holds when it triggers.
 */
function placeConditional(desk: SimDesk, order: NewOrder, market: Market): void {
  const { clientId, ticker, side, stopTicks, closePosition, lots } = order;
  const { marketMinLots, marketMaxLots } = market;
  const isOdd = !Number.isInteger(lots) || lots < marketMinLots || lots > marketMaxLots;
  if (!closePosition && isOdd) {
    return reject(
      desk,
      clientId,
      -4005,
      `${lots} lots are outside ${marketMinLots} to ${marketMaxLots}`,
    );
  }
  const leg = desk.state.positions[`${ticker}:${side}`];
  if (leg === undefined || stopTicks === null) {
    return reject(desk, clientId, -2022, "no position to close");
  }
  const rival = closePosition &&
    Object.values(desk.state.orders).some((other) =>
      other.closePosition && other.kind === order.kind && other.ticker === ticker &&
      other.side === side
    );
  if (rival) return reject(desk, clientId, -4130, "a closing order of this kind rests already");
  const stopPx = unitsToNumber(stopTicks, market.tick);
  const mark = desk.mark(ticker)!;
  const away = signOf(side) * (mark.px - stopPx) * (order.kind === "stop_market" ? 1 : -1);
  if (away <= 0) {
    return reject(desk, clientId, -2021, "it would trigger at once");
  }
  const { nowMs } = desk.state;
  accept(desk, { ...order, acceptedMs: nowMs, filledLots: 0, queueLots: 0 });
}

function accept(desk: SimDesk, order: SimOrder): void {
  const { nowMs } = desk.state;
  desk.commit({ k: "order", at: nowMs, order });
  desk.tell({ kind: "ack", clientId: order.clientId, atMs: nowMs });
}

function reject(desk: SimDesk, clientId: string, venueCode: number, message: string): void {
  const { nowMs } = desk.state;
  const code = rejectCodeOf(venueCode, message);
  desk.commit({ k: "reject", at: nowMs, clientId, code });
  desk.tell({ kind: "reject", clientId, code, venueCode, message, atMs: nowMs });
}

/** Takes what the book offers up to the order's price, and ends the order. */
export function sweep(desk: SimDesk, clientId: string, book: Book, cause: Trade["cause"]): void {
  const order = desk.state.orders[clientId]!;
  const market = desk.feed.market(order.ticker)!;
  const direction = buys(order.side, order.effect);
  let left = order.lots - order.filledLots;
  for (const level of direction ? book.asks : book.bids) {
    const bound = order.priceTicks;
    const beyond = bound !== null &&
      (direction ? level.priceTicks > bound : level.priceTicks < bound);
    if (left === 0 || beyond) break;
    const lots = Math.min(left, level.lots);
    trade(desk, order, {
      px: unitsToNumber(level.priceTicks, market.tick),
      lots,
      maker: false,
      cause,
    });
    left -= lots;
  }
  finish(desk, clientId, left === 0 ? "filled" : "expired");
}

/**
 * Brings a resting order up to `lots` filled in total. What closes is capped by what the leg holds:
 * a closing quote whose leg has gone ends instead of opening anything.
 */
export function fillResting(desk: SimDesk, order: SimOrder, lots: number): void {
  const current = desk.state.orders[order.clientId];
  if (current === undefined || current.priceTicks === null) return;
  const held = desk.state.positions[`${order.ticker}:${order.side}`]?.lots ?? 0;
  const wanted = lots - current.filledLots;
  const allowed = order.effect === "close" ? Math.min(wanted, held) : wanted;
  if (allowed <= 0) return;
  const market = desk.feed.market(order.ticker)!;
  const px = unitsToNumber(current.priceTicks, market.tick);
  trade(desk, current, { px, lots: allowed, maker: true, cause: "order" });
}

function trade(desk: SimDesk, order: NewOrder, { px, lots, maker, cause }: {
  px: number;
  lots: number;
  maker: boolean;
  cause: Trade["cause"];
}): void {
  const other = order.side === "LONG" ? "SHORT" : "LONG";
  const against = desk.state.positions[`${order.ticker}:${other}`];
  const nets = desk.rules.positionMode === "one_way" && order.effect === "open" &&
    against !== undefined;
  const netted = nets ? Math.min(lots, against.lots) : 0;
  if (netted > 0) {
    book(desk, { order, side: other, effect: "close", px, lots: netted, maker, cause });
  }
  if (lots > netted) {
    const { side, effect } = order;
    book(desk, { order, side, effect, px, lots: lots - netted, maker, cause });
  }
}

/** One trade in the books: position, wallet, fee, and the word to the engine. */
function book(desk: SimDesk, { order, side, effect, px, lots, maker, cause }: {
  order: NewOrder;
  side: Side;
  effect: "open" | "close";
  px: number;
  lots: number;
  maker: boolean;
  cause: Trade["cause"];
}): void {
  const { nowMs, positions, walletUsd, lastTradeId } = desk.state;
  const market = desk.feed.market(order.ticker)!;
  const key = `${order.ticker}:${side}`;
  const leg = positions[key];
  const qty = unitsToNumber(lots, market.lot);
  const feeBps = maker ? desk.rules.makerBps : desk.rules.takerBps;
  const feeUsd = (px * qty * feeBps) / BPS_PER_UNIT;
  assert(effect === "open" || leg !== undefined, "a closing trade has a position");
  const realizedUsd = effect === "open" ? 0 : signOf(side) * (px - leg!.entryPx) * qty;
  const trade: Trade = {
    id: lastTradeId + 1,
    clientId: order.clientId,
    ticker: order.ticker,
    side,
    effect,
    px,
    lots,
    feeUsd,
    maker,
    realizedUsd,
    atMs: nowMs,
    cause,
  };
  desk.commit({
    k: "trade",
    at: nowMs,
    trade,
    walletUsd: walletUsd + realizedUsd - feeUsd,
    position: after(leg, { order, side, effect, px, lots }),
    positionKey: key,
  });
  desk.tell({ kind: "trade", trade });
}

/** Ends an open order and tells what it had executed. */
export function finish(
  desk: SimDesk,
  clientId: string,
  status: "filled" | "cancelled" | "expired",
): void {
  const order = desk.state.orders[clientId];
  if (order === undefined) return;
  const { nowMs } = desk.state;
  const executedLots = order.filledLots;
  desk.commit({ k: "done", at: nowMs, clientId, done: { status, executedLots } });
  desk.tell({ kind: "done", clientId, status, executedLots, atMs: nowMs });
}

/** One-way mode trims a closing order to the position, as exchanges do. */
function reducible(desk: SimDesk, order: NewOrder): number {
  if (order.effect === "open") return order.lots;
  const held = desk.state.positions[`${order.ticker}:${order.side}`]?.lots ?? 0;
  return Math.min(order.lots, held);
}

function crosses(order: NewOrder, book: Book): boolean {
  const direction = buys(order.side, order.effect);
  return direction
    ? order.priceTicks! >= book.asks[0]!.priceTicks
    : order.priceTicks! <= book.bids[0]!.priceTicks;
}

/** Nothing is ahead of a quote that improves the touch; at the touch or behind it, a level is. */
function queueAhead(desk: SimDesk, order: SimOrder, market: Market, book: Book): number {
  const direction = buys(order.side, order.effect);
  const best = (direction ? book.bids[0] : book.asks[0])!.priceTicks;
  const improves = direction ? order.priceTicks! > best : order.priceTicks! < best;
  if (improves) return 0;
  const px = unitsToNumber(order.priceTicks!, market.tick);
  const candle = desk.paths.candleAt(order.ticker, desk.state.nowMs)!;
  return topLots(px, candle, { market, baseMs: desk.feed.baseMs });
}

/** How far a resting order has got by an instant. */
export function progress(desk: SimDesk, order: SimOrder, toMs: number): Progress {
  const market = desk.feed.market(order.ticker);
  if (market === null || order.priceTicks === null) return { lots: 0, completeMs: null };
  const flow: Flow = {
    paths: desk.paths,
    market,
    bucket: desk.rules.bucketOf(order.ticker),
    baseMs: desk.feed.baseMs,
  };
  return progressOf(
    {
      ticker: order.ticker,
      buys: buys(order.side, order.effect),
      priceTicks: order.priceTicks,
      lots: order.lots,
      queueLots: order.queueLots,
      acceptedMs: order.acceptedMs,
    },
    toMs,
    flow,
  );
}

function after(
  leg: SimPosition | undefined,
  { order, side, effect, px, lots }: {
    order: NewOrder;
    side: Side;
    effect: "open" | "close";
    px: number;
    lots: number;
  },
): SimPosition | null {
  if (effect === "close") {
    const left = leg!.lots - lots;
    assert(left >= 0, "a position never falls below nothing");
    return left === 0 ? null : { ...leg!, lots: left };
  }
  if (leg === undefined) {
    return { ticker: order.ticker, side, lots, entryPx: px, leverage: order.leverage };
  }
  const total = leg.lots + lots;
  return { ...leg, lots: total, entryPx: (leg.entryPx * leg.lots + px * lots) / total };
}
