/**
 * One tick under construction: the memory as it stands, and what has been decided so far. It lives
 * inside one call of `protect` or `seek` and never leaves it; what leaves is a `Step`.
 */
import { sortedEntries, without } from "./dict.ts";
import type { EngineEvent } from "./events.ts";
import type { Memory } from "./memory.ts";
import type { Past } from "./past.ts";
import type { Command, Observation } from "./ports.ts";
import { advance, routeOrderId } from "./router/advance.ts";
import { type Order, tendOrder } from "./router/orders.ts";
import { EMPTY_STATS, learn } from "./router/quality.ts";
import { averagePx, type Route } from "./router/route.ts";
import { lotsToUsd } from "./increments.ts";
import type { Rules } from "./rules.ts";
import { positionKey, type Ticker } from "./types.ts";

/** What a step of a tick gives back: the memory after it, and what is to be done and told. */
export type Step = {
  readonly memory: Memory;
  readonly commands: readonly Command[];
  readonly events: readonly EngineEvent[];
};

export type Work = {
  memory: Memory;
  readonly seen: Observation;
  readonly rules: Rules;
  readonly past: Past;
  readonly commands: Command[];
  readonly events: EngineEvent[];
};

/** Everything a step may look at. */
export type StepInput = {
  readonly memory: Memory;
  readonly seen: Observation;
  readonly rules: Rules;
  readonly past: Past;
};

export function begin(input: StepInput): Work {
  return { ...input, commands: [], events: [] };
}

export function finish({ memory, commands, events }: Work): Step {
  return { memory, commands, events };
}

/** Replaces some slices of the memory. */
export function change(work: Work, slices: Partial<Memory>): void {
  work.memory = { ...work.memory, ...slices };
}

export function putOrder(work: Work, order: Order): void {
  change(work, { orders: { ...work.memory.orders, [order.clientId]: order } });
}

/**
 * Moves one route as far as this tick allows, and forgets it when it has ended. While the venue
 * does not list its symbol there is nothing it could do: it stays as it is.
 */
export function moveRoute(work: Work, route: Route): void {
  const { seen, rules, memory } = work;
  const market = seen.market.market(route.ticker);
  if (market === null) return;
  const orderId = routeOrderId(route);
  const order = orderId === null ? null : memory.orders[orderId] ?? null;
  const key = positionKey(route.ticker, route.side);
  const leaving = memory.registry[key]?.exit ?? null;
  const moved = advance(route, {
    nowMs: seen.nowMs,
    market,
    book: seen.market.book(route.ticker),
    bucketMaxSpreadBps: rules.buckets[route.ticker]?.maxSpreadBps ?? 0,
    entriesAllowed: memory.operator.state === "RUNNING" && leaving === null,
    heldLots: memory.holdings[key]?.lots ?? 0,
    order,
    lineage: memory.lineage,
  }, rules.router);
  work.commands.push(...moved.commands);
  work.events.push(...moved.events);
  if (moved.order !== null && moved.order !== order) putOrder(work, moved.order);
  if (moved.route.step.kind === "ended") {
    change(work, { routes: without(work.memory.routes, route.id) });
    learnFrom(work, moved.route, moved.events);
  } else if (moved.route !== route || memory.routes[route.id] !== route) {
    change(work, { routes: { ...work.memory.routes, [route.id]: moved.route } });
  }
}

/** Lets time act on every order that is not settled: silence becomes a question. */
export function tendOrders(work: Work): void {
  const { seen, rules } = work;
  for (const [, order] of sortedEntries(work.memory.orders)) {
    const lastTradeId = work.memory.booked[order.ticker]?.verifiedId ?? 0;
    const tended = tendOrder(
      order,
      { nowMs: seen.nowMs, account: seen.account, lastTradeId },
      rules.router,
    );
    work.commands.push(...tended.commands);
    work.events.push(...tended.events);
    if (tended.order !== order) putOrder(work, tended.order);
  }
}

/** Value of lots at a price; 0 for a symbol the venue does not list any more. */
export function valueUsd(work: Work, ticker: Ticker, lots: number, px: number): number {
  const market = work.seen.market.market(ticker);
  return market === null ? 0 : lotsToUsd(lots, { px, lot: market.lot });
}

function learnFrom(work: Work, route: Route, events: readonly EngineEvent[]): void {
  const row = events.find((event) => event.kind === "route_end");
  if (row === undefined) return;
  const { ticker } = route;
  const px = averagePx(route);
  const filledUsd = px === null ? 0 : valueUsd(work, ticker, route.filledLots, px);
  const stats = work.memory.stats[ticker] ?? EMPTY_STATS;
  const learnt = learn(stats, row, { nowMs: work.seen.nowMs, filledUsd });
  change(work, { stats: { ...work.memory.stats, [ticker]: learnt } });
}
