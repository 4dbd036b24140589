/**
 * A route: one approved intent on its way to fills, as data. Its steps, its birth from an approved
 * intent, the booking of trades and its last row. `advance.ts` moves it.
 */
import { unitsToNumber } from "../increments.ts";
import type { EngineEvent } from "../events.ts";
import type { Approved, Book, Entry, Market, Reduce, Trade } from "../types.ts";
import { buys } from "../types.ts";
import type { Effect, ExitReason, Levels, Side, Ticker } from "../types.ts";
import { normalizeOrder, type RouteRefusal } from "./normalize.ts";
import { boundedBps, expectedSlippageBps, midTicks, slippageBps, touchOf } from "./quote.ts";
import type { RouterRules } from "./rules.ts";

export type RouteStatus = "FILLED" | "PARTIALLY_FILLED" | "EXPIRED" | "REJECTED";

/** Where a route stands. Each step that waits names the instant at which it wants to be looked at. */
export type Step =
  /** About to place a post-only quote. */
  | { readonly kind: "quote"; readonly sinceMs: number; readonly notBeforeMs: number }
  /** A post-only order is out. */
  | {
    readonly kind: "maker";
    readonly clientId: string;
    readonly sinceMs: number;
    readonly nextCheckMs: number;
    readonly wideSinceMs: number | null;
    readonly cancelReason: string | null;
  }
  /** About to cross the spread, within bounds. */
  | { readonly kind: "cross"; readonly sinceMs: number; readonly notBeforeMs: number }
  /** A bounded immediate-or-cancel order is out. */
  | { readonly kind: "taker"; readonly clientId: string }
  /** About to send a market order. */
  | { readonly kind: "strike"; readonly notBeforeMs: number }
  /** A market order is out. */
  | { readonly kind: "market"; readonly clientId: string }
  | { readonly kind: "ended"; readonly status: RouteStatus; readonly reason: string };

export type Route = {
  readonly id: string;
  readonly intentId: string;
  readonly strategyId: string | null;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly effect: Effect;
  readonly lots: number;
  readonly leverage: number;
  readonly urgent: boolean;
  readonly exitReason: ExitReason | null;
  /** Travel with an entry and become the position's registry entry at its first fill. */
  readonly levels: Levels | null;
  readonly decidedMs: number;
  readonly decisionMidPx: number | null;
  readonly expectedBps: number | null;
  readonly offsetBps: number;
  readonly filledLots: number;
  readonly makerLots: number;
  /** Sum of price times lots over the fills. */
  readonly costPxLots: number;
  readonly feesUsd: number;
  readonly rejections: number;
  readonly requotes: number;
  readonly takerTries: number;
  readonly failures: number;
  readonly ackLatencyMs: number | null;
  readonly clientIds: readonly string[];
  readonly step: Step;
};

/** What a plan needs to see: the exchange's filters and the book of this moment. */
export type PlanSight = {
  readonly nowMs: number;
  readonly market: Market | null;
  readonly book: Book | null;
};

export type Plan =
  | { readonly kind: "route"; readonly route: Route; readonly event: EngineEvent }
  | { readonly kind: "refused"; readonly reason: RouteRefusal };

/** Turns an approved entry into a route, or refuses it by the exchange's filters. */
export function planEntry(
  entry: Approved<Entry>,
  { nowMs, market, book }: PlanSight,
  rules: RouterRules,
): Plan {
  if (market === null) return { kind: "refused", reason: "market_unknown" };
  const wish = {
    buys: buys(entry.side, "open"),
    kind: "limit",
    price: entry.refPx,
    qty: entry.grossUsd / entry.refPx,
    reduceOnly: false,
  } as const;
  const normalized = normalizeOrder(wish, market);
  if (normalized.kind === "refused") return normalized;
  const route: Route = {
    ...blank(entry, { effect: "open", lots: normalized.lots, nowMs, market, book }, rules),
    leverage: entry.leverage,
    levels: entry.levels,
  };
  return { kind: "route", route, event: attempt(route, entry.grossUsd) };
}

/** Turns an approved reduce into a route; nothing about a reduce can be refused here. */
export function planReduce(
  reduce: Approved<Reduce>,
  { nowMs, market, book }: PlanSight & { readonly market: Market },
  rules: RouterRules,
): { route: Route; event: EngineEvent } {
  const born = blank(reduce, { effect: "close", lots: reduce.lots, nowMs, market, book }, rules);
  const step: Step = reduce.urgent ? { kind: "strike", notBeforeMs: nowMs } : born.step;
  const route = { ...born, step, urgent: reduce.urgent, exitReason: reduce.reason };
  return { route, event: attempt(route, null) };
}

/** Adds one trade to the route that ordered it. */
export function bookTrade(route: Route, trade: Trade): Route {
  return {
    ...route,
    filledLots: route.filledLots + trade.lots,
    makerLots: route.makerLots + (trade.maker ? trade.lots : 0),
    costPxLots: route.costPxLots + trade.px * trade.lots,
    feesUsd: route.feesUsd + trade.feeUsd,
  };
}

/** Average fill price; null before the first fill. */
export function averagePx({ filledLots, costPxLots }: Route): number | null {
  return filledLots === 0 ? null : costPxLots / filledLots;
}

/** The row that tells what routing did and what it cost. */
export function endRow(route: Route): EngineEvent {
  const { step } = route;
  const avgPx = averagePx(route);
  const referencePx = route.decisionMidPx;
  const slippage = avgPx === null || referencePx === null
    ? null
    : slippageBps({ px: avgPx, referencePx, buys: buys(route.side, route.effect) });
  const makerStarted = !route.urgent && route.clientIds.length > route.takerTries;
  return {
    kind: "route_end",
    routeId: route.id,
    intentId: route.intentId,
    strategyId: route.strategyId,
    ticker: route.ticker,
    side: route.side,
    effect: route.effect,
    style: route.urgent ? "market" : makerStarted ? "maker_first" : "taker",
    status: step.kind === "ended" ? step.status : "EXPIRED",
    reason: step.kind === "ended" ? step.reason : "open",
    lots: route.lots,
    filledLots: route.filledLots,
    makerLots: route.makerLots,
    avgPx,
    decisionMidPx: referencePx,
    slippageBps: slippage,
    expectedBps: route.expectedBps,
    feesUsd: route.feesUsd,
    rejections: route.rejections,
    requotes: route.requotes,
    orders: route.clientIds.length,
    decidedMs: route.decidedMs,
    ackLatencyMs: route.ackLatencyMs,
    clientIds: route.clientIds,
  };
}

type Birth = PlanSight & { effect: Effect; lots: number; market: Market };

function blank(intent: Entry | Reduce, birth: Birth, rules: RouterRules): Route {
  const { effect, lots, nowMs, market, book } = birth;
  const touch = touchOf(book);
  const direction = buys(intent.side, effect);
  const estimateBps = book === null ? null : expectedSlippageBps(book, { buys: direction, lots });
  return {
    id: `r:${intent.id}`,
    intentId: intent.id,
    strategyId: intent.strategyId,
    ticker: intent.ticker,
    side: intent.side,
    effect,
    lots,
    leverage: 1,
    urgent: false,
    exitReason: null,
    levels: null,
    decidedMs: nowMs,
    decisionMidPx: touch === null ? null : unitsToNumber(midTicks(touch), market.tick),
    expectedBps: estimateBps === null ? null : boundedBps(estimateBps),
    offsetBps: rules.offsetBps,
    filledLots: 0,
    makerLots: 0,
    costPxLots: 0,
    feesUsd: 0,
    rejections: 0,
    requotes: 0,
    takerTries: 0,
    failures: 0,
    ackLatencyMs: null,
    clientIds: [],
    step: rules.makerFirst
      ? { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs }
      : { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs },
  };
}

function attempt(route: Route, notionalUsd: number | null): EngineEvent {
  const { id, intentId, strategyId, ticker, side, effect, lots, levels } = route;
  return {
    kind: "order_attempt",
    intentId,
    routeId: id,
    strategyId,
    ticker,
    side,
    effect,
    lots,
    notionalUsd,
    levels,
  };
}
