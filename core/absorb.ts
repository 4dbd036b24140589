/**
 * Takes what the venue told into the memory: order states, trades (each once), income, answers.
 * After a gap in the event stream everything that may have moved is asked for again.
 */
import { unreachable } from "./assert.ts";
import { keep, sortedEntries, sortedKeys } from "./dict.ts";
import type { Close } from "./exits/episode.ts";
import {
  bookFill,
  bookFunding,
  type Executed,
  isBooked,
  markBooked,
  markVerified,
  type Origin,
} from "./exits/ledger.ts";
import { proveResult, tellGaps } from "./exits/proof.ts";
import { noteAnswer } from "./exits/reconcile.ts";
import { type Guard, levelsRow, register, tighten } from "./exits/registry.ts";
import type { Memory } from "./memory.ts";
import { dayOf } from "./nav.ts";
import type { Income, VenueEvent } from "./ports.ts";
import { noteFill } from "./risk/tempo.ts";
import { bookOrderTrade, hearOrder, type Order, questionOrder } from "./router/orders.ts";
import { bookTrade } from "./router/route.ts";
import {
  type Conditions,
  type ExitReason,
  type Levels,
  positionKey,
  type Ticker,
  type Trade,
} from "./types.ts";
import { change, putOrder, type Work } from "./work.ts";
import { conditionsOf } from "./world.ts";

/** Older transfers are in the sums and in the log of the account. */
const TRANSFERS_KEPT_COUNT = 64;
/** Exits after which a symbol rests. */
const STOPS: ReadonlySet<ExitReason> = new Set(["sl", "sl_venue", "liquidation", "unprotected"]);

/** Takes every event of this observation in, in the order in which the venue told it. */
export function absorb(work: Work): void {
  if (work.seen.gap) askForEverything(work);
  for (const event of work.seen.events) hear(work, event);
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
      return book(work, event.trade);
    case "trades_answer": {
      if (work.seen.market.market(event.ticker) === null) return;
      const trades = event.trades.toSorted((a, b) => a.id - b.id);
      for (const trade of trades) book(work, trade);
      const { booked, differences } = work.memory;
      const throughId = trades.at(-1)?.id ?? event.afterId;
      const verified = markVerified(booked[event.ticker], throughId);
      return change(work, {
        booked: { ...booked, [event.ticker]: verified },
        differences: noteAnswer(differences, event.ticker),
      });
    }
    case "income":
      return receive(work, event.income);
    default:
      return unreachable(event);
  }
}

/**
 * Books one trade: leg, cash, order, route, registry. A trade that was booked before is ignored; so
 * is one of a symbol whose lot is not known: its size says nothing, and it is asked for again.
 */
function book(work: Work, trade: Trade): void {
  const { memory, seen } = work;
  if (isBooked(memory.booked[trade.ticker], trade.id)) return;
  const market = seen.market.market(trade.ticker);
  if (market === null) return;
  const order = memory.orders[trade.clientId];
  const filled = order === undefined ? undefined : bookOrderTrade(order, trade);
  const booking = bookFill(memory.holdings, trade, originOf(memory, trade, order), {
    market,
    executed: executedOf(filled, trade, heldLots(memory, trade)),
    journey: memory.registry[positionKey(trade.ticker, trade.side)] ?? null,
    conditions: trade.effect === "open" ? null : madeIn(work, trade.ticker),
  });
  work.events.push(...booking.events);
  change(work, {
    holdings: booking.holdings,
    booked: {
      ...memory.booked,
      [trade.ticker]: markBooked(memory.booked[trade.ticker], trade.id),
    },
  });
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
  if (trade.effect === "open" && route?.levels) registerLeg(work, trade, route.levels);
  if (booking.close !== null) rememberClose(work, booking.close, trade.id);
  if (booking.ended !== null) {
    change(work, { gaps: proveResult(work.memory.gaps, booking.ended, seen.nowMs) });
  }
}

/** Of the tick before: NAV of now has not been read when a trade is booked. */
function madeIn({ before, seen, past, rules }: Work, ticker: Ticker): Conditions {
  return conditionsOf(before, { market: seen.market, past, rules }, ticker);
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
  const { filledLots, costPxLots, feesUsd, firstFillMs, closePosition } = order;
  return {
    lots: filledLots,
    avgPx: costPxLots / filledLots,
    feesUsd,
    firstMs: firstFillMs ?? atMs,
    // A resting stop or target has no size of its own: it is done when the leg has gone.
    isFilled: closePosition ? lots >= legLots : filledLots >= order.lots,
  };
}

function heldLots({ holdings }: Memory, { ticker, side }: Trade): number {
  return holdings[positionKey(ticker, side)]?.lots ?? 0;
}

function originOf(memory: Memory, trade: Trade, order: Order | undefined): Origin {
  const route = order === undefined ? undefined : memory.routes[order.ownerId];
  const guard = memory.registry[positionKey(trade.ticker, trade.side)];
  const exitReason: ExitReason = trade.cause === "liquidation"
    ? "liquidation"
    : order?.closePosition
    ? order.kind === "take_profit_market" ? "tp_venue" : "sl_venue"
    : route?.exitReason ?? guard?.exit?.reason ?? "external";
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
  if (known !== undefined) work.events.push(levelsRow(known, "removed"));
  const { guard, event } = register(holding, levels, nowMs);
  work.events.push(event);
  put(guard);
}

/** Keeps a closed episode for the statistics, and lets the symbol rest after a stop. */
export function rememberClose(work: Work, close: Close, tradeId: number): void {
  const { closes, tempo } = work.memory;
  const { keepClosesCount } = work.rules.loop;
  const key = `${close.ticker}:${close.side}:${close.closedMs}:${tradeId}`;
  const conditions = close.conditions ?? madeIn(work, close.ticker);
  const next = { ...closes, [key]: { ...close, conditions } };
  const oldest = Object.keys(next)[0]!;
  const kept = Object.keys(next).length > keepClosesCount
    ? keep(next, (_value, name) => name !== oldest)
    : next;
  change(work, { closes: kept });
  if (!STOPS.has(close.reason)) return;
  const untilMs = close.closedMs + work.rules.limits.cooldownAfterStopMs;
  const cooldownUntilMs = { ...tempo.cooldownUntilMs, [close.ticker]: untilMs };
  change(work, { tempo: { ...tempo, cooldownUntilMs } });
}

function receive(work: Work, income: Income): void {
  const { memory } = work;
  if (income.id <= memory.incomeId) return;
  work.events.push({ kind: "income", income });
  change(work, { incomeId: income.id });
  if (income.type === "transfer") {
    const { id, usd, atMs } = income;
    const transfersUsd = memory.cash.transfersUsd + usd;
    const transfers = [...memory.transfers, { id, usd, atMs }].slice(-TRANSFERS_KEPT_COUNT);
    return change(work, { cash: { ...memory.cash, transfersUsd }, transfers });
  }
  addCash(work, { realizedUsd: 0, feesUsd: 0, fundingUsd: income.usd });
  if (income.ticker === null || income.side === null) return;
  const key = positionKey(income.ticker, income.side);
  change(work, { holdings: bookFunding(work.memory.holdings, key, income.usd) });
}

function addCash(
  work: Work,
  moved: { realizedUsd: number; feesUsd: number; fundingUsd: number },
): void {
  const { cash, dayCash } = work.memory;
  const day = dayOf(work.seen.nowMs, work.rules.nav.zone);
  const today = dayCash.day === day ? dayCash : { day, realizedUsd: 0, feesUsd: 0, fundingUsd: 0 };
  change(work, {
    cash: {
      ...cash,
      realizedUsd: cash.realizedUsd + moved.realizedUsd,
      feesUsd: cash.feesUsd + moved.feesUsd,
      fundingUsd: cash.fundingUsd + moved.fundingUsd,
    },
    dayCash: {
      day,
      realizedUsd: today.realizedUsd + moved.realizedUsd,
      feesUsd: today.feesUsd + moved.feesUsd,
      fundingUsd: today.fundingUsd + moved.fundingUsd,
    },
  });
}

function askForEverything(work: Work): void {
  const { memory, seen } = work;
  const tickers = new Set<Ticker>();
  for (const [, order] of sortedEntries(memory.orders)) {
    putOrder(work, questionOrder(order, seen.nowMs));
    tickers.add(order.ticker);
  }
  for (const key of sortedKeys(memory.holdings)) tickers.add(memory.holdings[key]!.ticker);
  for (const ticker of [...tickers].toSorted()) {
    const afterId = memory.booked[ticker]?.verifiedId ?? 0;
    work.commands.push({ kind: "query_trades", ticker, afterId });
  }
  work.commands.push({ kind: "query_income", afterId: memory.incomeId });
}
