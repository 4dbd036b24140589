/**
 * One order's life as data, for routes and protective stops alike. Always true: an id is sent once;
 * an outcome nobody reported is unknown until the venue proves it; an order is settled only when it
 * is terminal and every lot the venue executed has been booked from a trade.
 */
import { assert, unreachable } from "../assert.ts";
import type { EngineEvent } from "../events.ts";
import type { Command, NewOrder, OrderStatus, RejectCode, VenueEvent } from "../ports.ts";
import { MS_PER_SECOND } from "../units.ts";
import type { Account, Reading, Trade } from "../types.ts";
import { errorRule } from "./errors.ts";
import type { RouterRules } from "./rules.ts";
import type { Submission } from "./shortfall.ts";

/** An order the venue never heard of: believed after this many answers over this span. */
const NOT_FOUND_COUNT = 3;
const NOT_FOUND_SPAN_MS = 10 * MS_PER_SECOND;
/** Trades of an order that is over: waited for at least as long. */
const NOT_TOLD_SPAN_MS = 60 * MS_PER_SECOND;
const QUERY_FIRST_MS = 250;
const QUERY_MAX_MS = 4 * MS_PER_SECOND;
const SETTLE_PATIENCE_MS = MS_PER_SECOND;

export type Order = NewOrder & {
  readonly intentId: string | null;
  /** The route that works it, or the position key whose protective stop it is. */
  readonly ownerId: string;
  readonly state: "sent" | "open" | "cancelling" | "unknown" | "done";
  readonly sentMs: number;
  readonly ackMs: number | null;
  /** What was seen before it left; null for what is not judged, a protective stop. */
  readonly submission: Submission | null;
  /** Lots booked from trades, their sum of price times lots, their fees, first and last time. */
  readonly filledLots: number;
  readonly costPxLots: number;
  readonly feesUsd: number;
  readonly firstFillMs: number | null;
  readonly lastFillMs: number | null;
  readonly status: OrderStatus | null;
  /** The venue's own count at the end; null until it is terminal. */
  readonly executedLots: number | null;
  readonly rejectCode: RejectCode | null;
  readonly cancelMs: number | null;
  readonly doneMs: number | null;
  readonly query: {
    readonly nextMs: number;
    readonly waitMs: number;
    readonly notFoundCount: number;
    readonly firstNotFoundMs: number | null;
  } | null;
};

/** A new order on its way out, with the command that sends it and the row that tells of it. */
export function sendOrder(
  order: NewOrder,
  { intentId, ownerId, nowMs, purpose, submission }: {
    intentId: string | null;
    ownerId: string;
    nowMs: number;
    purpose: "maker" | "taker" | "market" | "stop" | "bridge" | "target";
    submission: Submission | null;
  },
): { order: Order; command: Command; event: EngineEvent } {
  assert(Number.isInteger(order.lots) && order.lots >= 0, "lots leave as whole numbers");
  assert(order.closePosition || order.lots > 0, "only what closes all has no size");
  const tracked: Order = {
    ...order,
    intentId,
    ownerId,
    state: "sent",
    sentMs: nowMs,
    ackMs: null,
    submission,
    filledLots: 0,
    costPxLots: 0,
    feesUsd: 0,
    firstFillMs: null,
    lastFillMs: null,
    status: null,
    executedLots: null,
    rejectCode: null,
    cancelMs: null,
    doneMs: null,
    query: null,
  };
  const event: EngineEvent = {
    kind: "order_submit",
    ...reference(tracked),
    orderKind: order.kind,
    tif: order.tif,
    lots: order.lots,
    priceTicks: order.priceTicks,
    stopTicks: order.stopTicks,
    purpose,
  };
  return { order: tracked, command: { kind: "place", order }, event };
}

/** Asks the venue to take an order back; the order is not gone before the venue says so. */
export function cancelOrder(
  order: Order,
  { nowMs, reason }: { nowMs: number; reason: string },
): { order: Order; commands: readonly Command[]; events: readonly EngineEvent[] } {
  if (order.state === "done" || order.state === "cancelling" || order.state === "unknown") {
    return { order, commands: [], events: [] };
  }
  return {
    order: { ...order, state: "cancelling", cancelMs: nowMs },
    commands: [{ kind: "cancel", clientId: order.clientId, ticker: order.ticker }],
    events: [{ kind: "order_cancel", ...reference(order), reason }],
  };
}

type Told = Extract<VenueEvent, { kind: "ack" | "reject" | "done" | "order_answer" }>;

/** What the venue said about one order. Late and repeated messages change nothing. */
export function hearOrder(order: Order, told: Told): readonly [Order, readonly EngineEvent[]] {
  if (order.state === "done" && told.kind !== "done") return [order, []];
  switch (told.kind) {
    case "ack": {
      if (order.ackMs !== null) return [order, []];
      const latencyMs = told.atMs - order.sentMs;
      const state = order.state === "cancelling" ? "cancelling" : "open";
      const event = {
        kind: "order_ack",
        ...reference(order),
        orderKind: order.kind,
        latencyMs,
        lots: order.lots,
        atMs: told.atMs,
      } as const;
      return [{ ...order, state, ackMs: told.atMs, query: null }, [event]];
    }
    case "reject": {
      const { code, venueCode, message, atMs } = told;
      if (errorRule(code).entry === "ask") return doubt(order, atMs);
      const ended = end(order, { status: "rejected", executedLots: 0, atMs });
      const event = {
        kind: "order_reject",
        ...reference(order),
        code,
        venueCode,
        message,
      } as const;
      return [{ ...ended, rejectCode: code }, [event]];
    }
    case "done": {
      if (order.state === "done") return [order, []];
      return [end(order, told), [doneEvent(order, told)]];
    }
    case "order_answer":
      return hearAnswer(order, told);
    default:
      return unreachable(told);
  }
}

/** The venue's answer leaves open whether the order exists: it is asked about at once. */
function doubt(order: Order, atMs: number): readonly [Order, readonly EngineEvent[]] {
  if (order.query !== null) return [order, []];
  const silentMs = Math.max(0, atMs - order.sentMs);
  const event = { kind: "order_unknown", ...reference(order), silentMs } as const;
  return [questionOrder(order, atMs), [event]];
}

/** Counts one booked trade; the venue's own count stays what it said. */
export function bookOrderTrade(
  order: Order,
  { lots, px, feeUsd, atMs }: Pick<Trade, "lots" | "px" | "feeUsd" | "atMs">,
): Order {
  return {
    ...order,
    filledLots: order.filledLots + lots,
    costPxLots: order.costPxLots + px * lots,
    feesUsd: order.feesUsd + feeUsd,
    firstFillMs: Math.min(order.firstFillMs ?? atMs, atMs),
    lastFillMs: Math.max(order.lastFillMs ?? 0, atMs),
  };
}

/** True where trades of an order that is over are still to come. */
export function isShort(order: Order): boolean {
  return order.state === "done" && !isSettled(order);
}

/** The venue has told its trades, and not all of this order were among them. */
export function missTrades(order: Order, atMs: number): Order {
  return isShort(order) ? countMissing(order, atMs) : order;
}

/** True for an order that rests, or may yet come to rest. */
export function isUnderWay(order: Order | undefined): boolean {
  return order !== undefined && order.state !== "done";
}

/** True when nothing about this order can still change. */
export function isSettled(order: Order): boolean {
  return order.state === "done" && order.filledLots >= (order.executedLots ?? 0);
}

/** What time alone does to an order: silence becomes a question, a missing trade is asked for. */
export function tendOrder(
  order: Order,
  { nowMs, account, lastTradeId }: {
    nowMs: number;
    account: Reading<Account>;
    lastTradeId: number;
  },
  rules: RouterRules,
): { order: Order; commands: readonly Command[]; events: readonly EngineEvent[] } {
  if (isSettled(order)) return { order, commands: [], events: [] };
  const silentMs = nowMs - Math.max(order.cancelMs ?? 0, order.sentMs);
  const asked = order.query;
  if (asked === null) {
    const patienceMs = order.state === "done" ? SETTLE_PATIENCE_MS : rules.ackTimeoutMs;
    const waitsFrom = order.state === "done" ? nowMs - order.doneMs! : silentMs;
    if (order.state === "open" || waitsFrom < patienceMs) {
      return { order, commands: [], events: [] };
    }
    const query = {
      nextMs: nowMs + QUERY_FIRST_MS,
      waitMs: QUERY_FIRST_MS,
      notFoundCount: 0,
      firstNotFoundMs: null,
    };
    const state = order.state === "sent" ? "unknown" : order.state;
    const events: EngineEvent[] = state === "unknown"
      ? [{ kind: "order_unknown", ...reference(order), silentMs }]
      : [];
    return { order: { ...order, state, query }, commands: ask(order, lastTradeId), events };
  }
  if (neverArrived(order, nowMs, account, rules)) {
    const ended = end(order, { status: "rejected", executedLots: 0, atMs: nowMs });
    const event = { kind: "order_resolved", ...reference(order), status: "never_arrived" } as const;
    return { order: { ...ended, rejectCode: "unavailable" }, commands: [], events: [event] };
  }
  if (neverTold(order, nowMs)) {
    const event = {
      kind: "order_resolved",
      ...reference(order),
      status: "trades_missing",
    } as const;
    const ended = { ...order, executedLots: order.filledLots, query: null };
    return { order: ended, commands: [], events: [event] };
  }
  if (nowMs < asked.nextMs) return { order, commands: [], events: [] };
  const waitMs = Math.min(QUERY_MAX_MS, asked.waitMs * 2);
  const query = { ...asked, waitMs, nextMs: nowMs + waitMs };
  return { order: { ...order, query }, commands: ask(order, lastTradeId), events: [] };
}

/** When this order next needs a tick whatever happens; null when only the venue can move it. */
export function orderDeadlineMs(order: Order, rules: RouterRules): number | null {
  if (isSettled(order)) return null;
  if (order.query !== null) return order.query.nextMs;
  if (order.state === "done") return order.doneMs! + SETTLE_PATIENCE_MS;
  if (order.state === "open") return null;
  return Math.max(order.cancelMs ?? 0, order.sentMs) + rules.ackTimeoutMs;
}

/** After a gap in the event stream: every order that is not settled is asked about at once. */
export function questionOrder(order: Order, nowMs: number): Order {
  if (isSettled(order)) return order;
  const state = order.state === "sent" ? "unknown" : order.state;
  const query = {
    nextMs: nowMs,
    waitMs: QUERY_FIRST_MS / 2,
    notFoundCount: 0,
    firstNotFoundMs: null,
  };
  return { ...order, state, query };
}

function hearAnswer(
  order: Order,
  { found, atMs }: Extract<VenueEvent, { kind: "order_answer" }>,
): readonly [Order, readonly EngineEvent[]] {
  if (found === null) return [countMissing(order, atMs), []];
  const resolved: EngineEvent[] = order.state === "unknown"
    ? [{ kind: "order_resolved", ...reference(order), status: found.status }]
    : [];
  if (found.status === "open") {
    const state = order.state === "cancelling" ? "cancelling" : "open";
    const query = state === "cancelling" ? order.query : null;
    return [{ ...order, state, ackMs: order.ackMs ?? atMs, query }, resolved];
  }
  const ended = end(order, { status: found.status, executedLots: found.executedLots, atMs });
  return [ended, [...resolved, doneEvent(order, found)]];
}

/** One more answer without what was asked for. */
function countMissing(order: Order, atMs: number): Order {
  if (order.query === null) return order;
  const { notFoundCount, firstNotFoundMs } = order.query;
  const query = {
    ...order.query,
    notFoundCount: notFoundCount + 1,
    firstNotFoundMs: firstNotFoundMs ?? atMs,
  };
  return { ...order, query };
}

/**
 * The venue counts more of an order than its trades come to, and keeps answering without the rest:
 * what was told is then all there is to book, and the leg's size is for its reading to say.
 */
function neverTold(order: Order, nowMs: number): boolean {
  const { query } = order;
  return isShort(order) && query !== null && query.firstNotFoundMs !== null &&
    query.notFoundCount >= NOT_FOUND_COUNT && nowMs - query.firstNotFoundMs >= NOT_TOLD_SPAN_MS;
}

/** Three not-founds over ten seconds, past the venue's receive window, and no trace in the account. */
function neverArrived(
  order: Order,
  nowMs: number,
  account: Reading<Account>,
  rules: RouterRules,
): boolean {
  const { query } = order;
  if (query === null || query.firstNotFoundMs === null || account.kind === "failed") return false;
  return query.notFoundCount >= NOT_FOUND_COUNT &&
    nowMs - query.firstNotFoundMs >= NOT_FOUND_SPAN_MS &&
    nowMs > order.sentMs + rules.recvWindowMs + MS_PER_SECOND &&
    order.filledLots === 0 &&
    !account.value.openOrders.some(({ clientId }) => clientId === order.clientId);
}

function ask(order: Order, lastTradeId: number): readonly Command[] {
  const { clientId, ticker } = order;
  const trades: Command = { kind: "query_trades", ticker, afterId: lastTradeId };
  if (order.state === "done") return [trades];
  const query: Command = { kind: "query_order", clientId, ticker };
  // A cancel that got lost is repeated: taking back what is gone already changes nothing.
  return order.state === "cancelling"
    ? [{ kind: "cancel", clientId, ticker }, query, trades]
    : [query, trades];
}

function end(
  order: Order,
  { status, executedLots, atMs }: { status: OrderStatus; executedLots: number; atMs: number },
): Order {
  return {
    ...order,
    state: "done",
    status,
    executedLots: Math.max(executedLots, order.filledLots),
    ackMs: order.ackMs ?? (status === "rejected" ? null : atMs),
    doneMs: atMs,
    query: null,
  };
}

function doneEvent(
  order: Order,
  { status, executedLots }: { status: OrderStatus; executedLots: number },
): EngineEvent {
  return { kind: "order_done", ...reference(order), status, executedLots };
}

/** The fields every row about an order carries. */
export function reference(order: Order) {
  const { clientId, intentId, ticker, side, effect } = order;
  return { clientId, intentId, ticker, side, effect };
}
