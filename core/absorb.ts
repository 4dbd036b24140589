/**
 * Takes what the venue told into the memory: order states, trades (each once), income, answers.
 * After a gap in the event stream everything that may have moved is asked for again.
 */
import { unreachable } from "./assert.ts";
import {
  type Booked,
  EMPTY_BOOKED,
  isBooked,
  isDue,
  isFull,
  isUnproved,
  markAsked,
  markBooked,
  markDoubted,
  markVerified,
} from "./booked.ts";
import { addCash, askForIncome, hearIncome, hearIncomes, isBefore, tendIncome } from "./cash.ts";
import { amend, closeAt, madeIn, rememberClose } from "./closes.ts";
import { keep, sortedEntries, sortedKeys, without } from "./dict.ts";
import { bookFill, type Executed, type Origin } from "./exits/ledger.ts";
import { owe, payOff } from "./exits/owed.ts";
import { explainResult, proveResult, tellGaps } from "./exits/proof.ts";
import { noteAnswer } from "./exits/reconcile.ts";
import { type Guard, inherit, levelsRow, register, tighten } from "./exits/registry.ts";
import { lineageOf } from "./ids.ts";
import { unitsToNumber } from "./increments.ts";
import type { Memory } from "./memory.ts";
import type { VenueEvent } from "./ports.ts";
import { noteFill } from "./risk/tempo.ts";
import {
  bookOrderTrade,
  hearOrder,
  isShort,
  isUnderWay,
  missTrades,
  type Order,
  questionOrder,
} from "./router/orders.ts";
import { bookTrade } from "./router/route.ts";
import {
  type ExitReason,
  type Levels,
  positionKey,
  signOf,
  type Ticker,
  type Trade,
} from "./types.ts";
import { change, putOrder, type Work } from "./work.ts";

/** Takes every event of this observation in, in the order in which the venue told it. */
export function absorb(work: Work): void {
  if (work.seen.gap) askForEverything(work);
  for (const event of work.seen.events) hear(work, event);
  const due = keep(work.memory.booked, (booked) => isDue(booked, work.seen.nowMs));
  for (const ticker of sortedKeys(due)) askForTrades(work, ticker as Ticker);
  tendIncome(work);
  const { holdings } = work.memory;
  const { gaps, events } = tellGaps(work.memory.gaps, { holdings, nowMs: work.seen.nowMs });
  work.events.push(...events);
  change(work, { gaps });
}

function hear(work: Work, event: VenueEvent): void {
  switch (event.kind) {
    case "ack":
    case "reject":
    case "done":
    case "order_answer": {
      const order = work.memory.orders[event.clientId];
      if (order === undefined) return;
      const [heard, events] = hearOrder(order, event);
      work.events.push(...events);
      if (heard !== order) putOrder(work, heard);
      return;
    }
    case "trade":
      return isFull(bookedOf(work, event.trade.ticker)) ? undefined : book(work, event.trade);
    case "trades_answer":
      return hearTrades(work, event);
    case "income":
      return hearIncome(work, event.income);
    case "income_answer":
      return hearIncomes(work, event);
    default:
      return unreachable(event);
  }
}

/** All trades of a symbol after an id. While an order lacks some of its own they prove nothing. */
function hearTrades(
  work: Work,
  { ticker, afterId, trades, atMs }: Extract<VenueEvent, { kind: "trades_answer" }>,
): void {
  if (work.seen.market.market(ticker) === null) return;
  const ordered = trades.toSorted((a, b) => a.id - b.id);
  for (const trade of ordered) book(work, trade);
  change(work, { differences: noteAnswer(work.memory.differences, ticker) });
  const short = sortedEntries(work.memory.orders)
    .filter(([, order]) => order.ticker === ticker && isShort(order));
  for (const [, order] of short) putOrder(work, missTrades(order, atMs));
  if (short.length > 0 && !isFull(bookedOf(work, ticker))) return;
  const throughId = ordered.at(-1)?.id ?? afterId;
  putBooked(work, ticker, markVerified(bookedOf(work, ticker), throughId));
}

function bookedOf({ memory }: Work, ticker: Ticker): Booked {
  return memory.booked[ticker] ?? EMPTY_BOOKED;
}

function putBooked(work: Work, ticker: Ticker, booked: Booked): void {
  change(work, { booked: { ...work.memory.booked, [ticker]: booked } });
}

/** Remembers a trade that has been taken in; where many are unproved an answer has to cover them. */
function noteTrade(work: Work, { ticker, id }: Trade): void {
  const booked = markBooked(bookedOf(work, ticker), id);
  const { nowMs } = work.seen;
  putBooked(work, ticker, isUnproved(booked) ? markDoubted(booked, nowMs) : booked);
}

function doubtTrades(work: Work, ticker: Ticker): void {
  putBooked(work, ticker, markDoubted(bookedOf(work, ticker), work.seen.nowMs));
}

/**
 * Books one trade: leg, cash, order, route, registry. A trade that was booked before is ignored; so
 * is one of a symbol whose lot is not known: its size says nothing, and it is asked for again. One
 * from before the engine's start is not its own: what is left of it is found and adopted.
 */
function book(work: Work, trade: Trade): void {
  const { memory, seen } = work;
  if (isBooked(bookedOf(work, trade.ticker), trade.id)) return;
  const market = seen.market.market(trade.ticker);
  if (market === null) return doubtTrades(work, trade.ticker);
  noteTrade(work, trade);
  if (isBefore(work, trade.atMs)) return;
  const order = memory.orders[trade.clientId];
  const filled = order === undefined ? undefined : bookOrderTrade(order, trade);
  const gone = payOff(memory.debts[positionKey(trade.ticker, trade.side)], trade);
  const booking = bookFill(memory.holdings, trade, originOf(memory, trade, order), {
    market,
    goneLots: gone?.lots ?? 0,
    executed: executedOf(filled, trade, heldLots(memory, trade)),
    journey: memory.registry[positionKey(trade.ticker, trade.side)] ?? null,
    conditions: trade.effect === "open" ? null : madeIn(work, trade.ticker),
  });
  work.events.push(...booking.events);
  change(work, { holdings: booking.holdings });
  settleDebts(work, trade, { gone, excessLots: booking.excessLots });
  addCash(work, {
    realizedUsd: booking.realizedUsd,
    feesUsd: trade.feeUsd,
    fundingUsd: 0,
  });
  change(work, { tempo: noteFill(work.memory.tempo, trade) });
  if (filled !== undefined) putOrder(work, filled);
  const route = order === undefined ? undefined : memory.routes[order.ownerId];
  if (route !== undefined) {
    const booked = bookTrade(route, trade, order?.submission ?? null);
    change(work, { routes: { ...work.memory.routes, [route.id]: booked } });
  }
  const opens = trade.effect === "open" && (gone?.lots ?? 0) < trade.lots;
  if (opens && route?.levels) registerLeg(work, trade, route.levels);
  if (booking.close !== null) rememberClose(work, booking.close, trade.id);
  if (booking.ended !== null) {
    change(work, { gaps: proveResult(work.memory.gaps, booking.ended, seen.nowMs) });
  }
}

/**
 * A close of more than the book held is remembered: the entry of those lots is still to come. One
 * that comes was closed by then: what it cost belongs to the episode that ended.
 */
function settleDebts(
  work: Work,
  trade: Trade,
  { gone, excessLots }: { gone: ReturnType<typeof payOff>; excessLots: number },
): void {
  const key = positionKey(trade.ticker, trade.side);
  const { debts, gaps } = work.memory;
  if (excessLots > 0) {
    change(work, { debts: { ...debts, [key]: owe(debts[key], trade, excessLots) } });
  }
  const market = work.seen.market.market(trade.ticker);
  if (gone === null || market === null) return;
  const { lots, closePx, left } = gone;
  const qty = unitsToNumber(lots, market.lot);
  const usd = signOf(trade.side) * (closePx - trade.px) * qty;
  change(work, {
    debts: left === null ? without(debts, key) : { ...debts, [key]: left },
    gaps: explainResult(gaps, key, { usd, closedUsd: closePx * qty }),
  });
  const name = closeAt(work, key, { atMs: trade.atMs, isOpen: false });
  const feesUsd = trade.feeUsd * lots / trade.lots;
  if (name !== null) amend(work, name, { feesUsd, fundingUsd: 0, reason: "late_entry" });
}

/** What the trade's order has executed in all; of an order that is not known, the trade alone. */
function executedOf(
  order: Order | undefined,
  { lots, px, feeUsd, atMs }: Trade,
  legLots: number,
): Executed {
  if (order === undefined) {
    return { lots, avgPx: px, feesUsd: feeUsd, firstMs: atMs, isFilled: null };
  }
  const { filledLots, costPxLots, feesUsd, firstFillMs, stopTicks } = order;
  return {
    lots: filledLots,
    avgPx: costPxLots / filledLots,
    feesUsd,
    firstMs: firstFillMs ?? atMs,
    // A resting stop or target takes what the leg holds: it is done when the leg has gone.
    isFilled: (stopTicks !== null && lots >= legLots) ||
      (order.lots > 0 && filledLots >= order.lots),
  };
}

function heldLots({ holdings }: Memory, { ticker, side }: Trade): number {
  return holdings[positionKey(ticker, side)]?.lots ?? 0;
}

function originOf(memory: Memory, trade: Trade, order: Order | undefined): Origin {
  const route = order === undefined ? undefined : memory.routes[order.ownerId];
  const guard = memory.registry[positionKey(trade.ticker, trade.side)];
  // What somebody else closed while an exit was under way was not closed by the exit.
  const isOwn = order !== undefined || lineageOf(trade.clientId) === memory.lineage;
  const exitReason: ExitReason = trade.cause === "liquidation"
    ? "liquidation"
    : order !== undefined && order.stopTicks !== null
    ? order.kind === "take_profit_market" ? "tp_venue" : "sl_venue"
    : route?.exitReason ?? (isOwn ? guard?.exit?.reason : null) ?? "external";
  return {
    intentId: order?.intentId ?? null,
    // What nobody of ours ordered is nobody's, whoever holds the leg.
    strategyId: route?.strategyId ?? (order === undefined ? null : guard?.strategyId ?? null),
    exitReason,
    leverage: order?.leverage ?? 1,
  };
}

/**
 * The levels an entry was approved with become the leg's way out at its first fill; what is added
 * later can only make its stop tighter. A leg that was flat in between has nothing to inherit.
 */
function registerLeg(work: Work, trade: Trade, levels: Levels): void {
  const { nowMs } = work.seen;
  const key = positionKey(trade.ticker, trade.side);
  const holding = work.memory.holdings[key];
  const known = work.memory.registry[key];
  if (holding === undefined) return;
  const put = (guard: Guard) => {
    change(work, { registry: { ...work.memory.registry, [key]: guard } });
  };
  if (known?.episodeId === holding.episodeId) {
    const tightened = tighten(known, levels, nowMs);
    if (tightened === known) return;
    work.events.push(levelsRow(tightened, "tightened"));
    return put(tightened);
  }
  const { guard, event } = register(holding, levels, nowMs);
  if (known !== undefined) work.events.push(levelsRow(known, "removed"));
  work.events.push(event);
  const isOpen = (clientId: string) => isUnderWay(work.memory.orders[clientId]);
  put(known === undefined ? guard : inherit(guard, known, isOpen));
}

function askForEverything(work: Work): void {
  const { memory, seen } = work;
  const tickers = new Set<Ticker>();
  for (const [, order] of sortedEntries(memory.orders)) {
    putOrder(work, questionOrder(order, seen.nowMs));
    tickers.add(order.ticker);
  }
  for (const key of sortedKeys(memory.holdings)) tickers.add(memory.holdings[key]!.ticker);
  for (const ticker of [...tickers].toSorted()) askForTrades(work, ticker);
  askForIncome(work);
}

/** Asks for all trades of a symbol after the last one before which none can be missing. */
export function askForTrades(work: Work, ticker: Ticker): void {
  const booked = bookedOf(work, ticker);
  work.commands.push({ kind: "query_trades", ticker, afterId: booked.verifiedId });
  putBooked(work, ticker, markAsked(booked, work.seen.nowMs));
}
