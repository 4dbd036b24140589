/**
 * Every working route of a tick: who goes first, who waits for a free place, and what is learnt
 * when one of their orders, or all of it, is over.
 */
import { sortedEntries } from "./dict.ts";
import { unitsToNumber } from "./increments.ts";
import { advance, routeOrderId } from "./router/advance.ts";
import { routerModeAt } from "./router/modes.ts";
import { isSettled, type Order } from "./router/orders.ts";
import { slippageBps } from "./router/quote.ts";
import { EMPTY_RECORD, noteChild, noteRoute, type RoutingRecord } from "./router/record.ts";
import { averagePx, type Route } from "./router/route.ts";
import type { EngineEvent } from "./events.ts";
import { isCloseMissing } from "./reading.ts";
import { buys, positionKey, type Ticker } from "./types.ts";
import { change, putOrder, valueUsd, type Work } from "./work.ts";
import { BPS_PER_UNIT } from "./units.ts";
import { arePositionsKnown, entriesRevoked } from "./world.ts";

/** What all routes of one tick share. */
type Floor = {
  /** Children that work; they keep their places until they end. */
  workingCount: number;
  readonly workingMaxCount: number;
  readonly minChildUsd: number;
  /** Routes that have moved, null for those that have ended: put down once, after all of them. */
  readonly moved: Map<string, Route | null>;
  /** Nothing that opens may be out any more. */
  readonly isRevoked: boolean;
  /** A start is over, and book and venue agree. */
  readonly isAccountKnown: boolean;
};

/**
 * Moves every route. What is urgent goes first and needs no place; then what has a place; then, for
 * the places that are free by now, closes before entries and first come first served.
 */
export function moveRoutes(work: Work): void {
  const floor = floorOf(work);
  const routes = sortedEntries(work.memory.routes).map(([, route]) => route);
  const waits = (route: Route) => !route.urgent && route.child.startedMs === null;
  for (const route of routes.filter((one) => !waits(one))) move(work, route, floor);
  for (const route of routes.filter(waits).toSorted(byTurn)) move(work, route, floor);
  putDown(work, floor);
}

/** Moves one route that has just been planned. */
export function moveRoute(work: Work, route: Route): void {
  const floor = floorOf(work);
  move(work, route, floor);
  putDown(work, floor);
}

function putDown(work: Work, { moved }: Floor): void {
  if (moved.size === 0) return;
  const routes: Record<string, Route> = { ...work.memory.routes };
  for (const [id, route] of moved) {
    if (route === null) delete routes[id];
    else routes[id] = route;
  }
  change(work, { routes });
}

function byTurn(a: Route, b: Route): number {
  const isClosing = ({ effect }: Route) => effect === "close" ? 0 : 1;
  const since = ({ child, decidedMs }: Route) => child.queuedMs ?? decidedMs;
  return isClosing(a) - isClosing(b) || since(a) - since(b) || (a.id < b.id ? -1 : 1);
}

function floorOf(work: Work): Floor {
  const { seen, rules, memory } = work;
  const { minChildUsd, workingMaxCount } = routerModeAt(seen.nowMs, rules.router.modes);
  const routes = Object.values(memory.routes);
  const opens = routes.some(({ effect }) => effect === "open");
  return {
    workingCount: routes.filter(takesPlace).length,
    workingMaxCount,
    minChildUsd,
    moved: new Map(),
    isRevoked: opens && entriesRevoked(memory, rules),
    isAccountKnown: memory.pulse.phase === "run" && arePositionsKnown(memory),
  };
}

function takesPlace({ urgent, child, step }: Route): boolean {
  return !urgent && child.startedMs !== null && step.kind !== "ended";
}

/**
 * Moves one route as far as this tick allows, and forgets it when it has ended. While the venue
 * does not list its symbol there is nothing it could do: it stays as it is.
 */
function move(work: Work, before: Route, floor: Floor): void {
  const { seen, rules, memory } = work;
  const market = seen.market.market(before.ticker);
  if (market === null) return;
  const route = forgetLeft(work, before);
  const orderId = routeOrderId(route);
  const order = orderId === null ? null : memory.orders[orderId] ?? null;
  const heldLots = heldLotsOf(work, route);
  const moved = advance(route, {
    nowMs: seen.nowMs,
    market,
    book: seen.market.book(route.ticker),
    bucketMaxSpreadBps: rules.buckets[route.ticker]?.maxSpreadBps ?? 0,
    entriesAllowed: memory.operator.state === "RUNNING" && !floor.isRevoked &&
      !isLeaving(work, route),
    isAccountKnown: floor.isAccountKnown,
    heldLots,
    order,
    reservedLots: reservedLots(work, route),
    isMissing: order !== null && isCloseMissing(seen, order, heldLots),
    mayStart: floor.workingCount < floor.workingMaxCount,
    minChildUsd: floor.minChildUsd,
    lineage: memory.lineage,
  }, rules.router);
  work.commands.push(...moved.commands);
  work.events.push(...moved.events);
  if (moved.order !== null && moved.order !== order) putOrder(work, moved.order);
  const [had, has] = [takesPlace(before), takesPlace(moved.route)];
  if (had !== has) floor.workingCount += has ? 1 : -1;
  if (order !== null && isSettled(order) && routeOrderId(moved.route) !== orderId) {
    learnChild(work, moved.route, order);
  }
  if (moved.route.step.kind === "ended") {
    floor.moved.set(route.id, null);
    learnRoute(work, moved.route, moved.events);
  } else if (moved.route !== before || memory.routes[route.id] !== before) {
    floor.moved.set(route.id, moved.route);
  }
}

/** True where the leg of an entry goes, or has gone after its first fills: it is not opened again. */
function isLeaving({ memory }: Work, { ticker, side, filledLots }: Route): boolean {
  const key = positionKey(ticker, side);
  const hasGone = filledLots > 0 && memory.holdings[key] === undefined;
  return hasGone || (memory.registry[key]?.exit ?? null) !== null;
}

function heldLotsOf({ memory }: Work, { ticker, side }: Route): number {
  return memory.holdings[positionKey(ticker, side)]?.lots ?? 0;
}

/** Orders the route went on without are settled: it need not wait for them any more. */
function forgetLeft(work: Work, route: Route): Route {
  const leftIds = route.leftIds.filter((id) => {
    const order = work.memory.orders[id];
    if (order !== undefined && isSettled(order)) learnChild(work, route, order);
    return order !== undefined && !isSettled(order);
  });
  return leftIds.length === route.leftIds.length ? route : { ...route, leftIds };
}

/**
 * What the orders that the route goes on without may still close. One that shows nowhere holds
 * nothing back: if it was lost, what it would have closed would wait for the proof.
 */
function reservedLots(work: Work, route: Route): number {
  const heldLots = heldLotsOf(work, route);
  let lots = 0;
  for (const id of route.leftIds) {
    const order = work.memory.orders[id];
    if (order === undefined || isCloseMissing(work.seen, order, heldLots)) continue;
    lots += order.lots - order.filledLots;
  }
  return lots;
}

/** An order with fills is over: what the book promised before it left, what came of it. */
function learnChild(work: Work, route: Route, order: Order): void {
  const { filledLots, costPxLots, submission, sentMs, lastFillMs } = order;
  if (filledLots === 0 || lastFillMs === null) return;
  const px = costPxLots / filledLots;
  const isBuying = buys(route.side, route.effect);
  const against = (referencePx: number | null | undefined) =>
    referencePx == null ? null : slippageBps({ px, referencePx, buys: isBuying });
  const { router, quality } = work.rules;
  const learnt = noteChild(recordOf(work, route.ticker), {
    sentMs,
    fillMs: Math.max(sentMs, lastFillMs),
    ackLatencyMs: order.ackMs === null ? null : Math.max(0, order.ackMs - sentMs),
    slippageBps: against(route.decisionMidPx),
    isSlice: route.twap !== null,
    usd: valueUsd(work, route.ticker, filledLots, px),
    intendedUsd: valueUsd(work, route.ticker, order.lots, px),
    realizedBps: against(submission?.midPx),
    expectedBps: submission?.expectedBps ?? null,
  }, { ...quality, halfLifeTrades: router.halfLifeTrades });
  putRecord(work, route.ticker, learnt);
}

function learnRoute(work: Work, route: Route, events: readonly EngineEvent[]): void {
  const row = events.find((event) => event.kind === "route_end");
  const market = work.seen.market.market(route.ticker);
  if (row === undefined || market === null) return;
  const px = averagePx(route);
  const referencePx = px ?? route.decisionMidPx ?? 0;
  const usd = (lots: number) => unitsToNumber(lots, market.lot) * referencePx;
  const filledUsd = usd(route.filledLots);
  const { priceBps } = row.shortfall;
  const isFilled = route.filledLots > 0;
  const learnt = noteRoute(recordOf(work, route.ticker), {
    id: route.id,
    atMs: work.seen.nowMs,
    makerStarted: row.makerStarted,
    makerFinal: isFilled ? route.makerLots * 2 > route.lots : null,
    usedFallback: row.makerStarted && route.makerLots < route.filledLots,
    slippageBps: priceBps,
    ackLatencyMs: route.ackLatencyMs,
    isTwap: route.twap !== null,
    plannedUsd: usd(route.lots),
    filledUsd,
    ordersCount: row.orders,
    rejectCount: route.rejections,
    requoteCount: route.requotes,
    makerUsd: usd(route.makerLots),
    feesUsd: route.feesUsd,
    shortfallUsd: ((priceBps ?? 0) * filledUsd) / BPS_PER_UNIT,
  }, work.rules.router);
  putRecord(work, route.ticker, learnt);
}

function recordOf({ memory }: Work, ticker: Ticker): RoutingRecord {
  return memory.routing[ticker] ?? EMPTY_RECORD;
}

function putRecord(work: Work, ticker: Ticker, record: RoutingRecord): void {
  change(work, { routing: { ...work.memory.routing, [ticker]: record } });
}
