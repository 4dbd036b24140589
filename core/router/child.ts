/**
 * The next order of a route: how much of it, under which id, and what may be left over. A child is
 * never larger than what was approved, and a closing one never larger than what the leg holds.
 */
import type { EngineEvent } from "../events.ts";
import { clientOrderId, type Lineage } from "../ids.ts";
import { lotsToUsd, unitsToNumber } from "../increments.ts";
import type { Command, NewOrder } from "../ports.ts";
import { type Book, buys, type Market } from "../types.ts";
import { splitLots } from "./normalize.ts";
import { type Order, sendOrder } from "./orders.ts";
import { boundedBps, expectedSlippageBps, midPxOf, type Touch, touchOf } from "./quote.ts";
import { adverseBps, type Route, type Step } from "./route.ts";
import type { RouterRules } from "./rules.ts";
import type { Submission } from "./shortfall.ts";
import { targetLots } from "./twap.ts";

/** Room above the exchange's smallest notional for a price move between rounding and arrival. */
export const MIN_NOTIONAL_ROOM = 1.05;

/** What a route may see of the world. */
export type RouteSight = {
  readonly nowMs: number;
  readonly market: Market;
  readonly book: Book | null;
  readonly bucketMaxSpreadBps: number;
  /** False when entries have been revoked: working ones are taken back. */
  readonly entriesAllowed: boolean;
  /** False while a start is under way, or nobody knows what is held: nothing new leaves that opens. */
  readonly isAccountKnown: boolean;
  /** Lots the leg holds now. */
  readonly heldLots: number;
  /** The order of the current step, if it has one. */
  readonly order: Order | null;
  /** What orders that the route goes on without will probably still fill. */
  readonly reservedLots: number;
  /** The order of this step closes and is nowhere to be seen, nor is anything it has done. */
  readonly isMissing: boolean;
  /** Whether a child that has not begun may take a place now. */
  readonly mayStart: boolean;
  /** Smallest child worth its own order at this hour. */
  readonly minChildUsd: number;
  readonly lineage: Lineage;
};

export type Moved = {
  readonly route: Route;
  readonly order: Order | null;
  readonly commands: readonly Command[];
  readonly events: readonly EngineEvent[];
};

/** Sends one child order: its id is a pure function of the route and of how many went before. */
export function send(
  route: Route,
  sight: RouteSight,
  shape: Pick<NewOrder, "kind" | "tif" | "lots" | "priceTicks">,
  purpose: "maker" | "taker" | "market",
): Moved {
  const { nowMs, lineage } = sight;
  const clientId = clientOrderId(lineage, {
    key: route.id,
    child: route.child.number,
    attempt: route.clientIds.length,
  });
  const { ticker, side, effect, leverage } = route;
  const order: NewOrder = {
    clientId,
    ticker,
    side,
    effect,
    leverage,
    ...shape,
    stopTicks: null,
    closePosition: false,
  };
  const sent = sendOrder(order, {
    intentId: route.intentId,
    ownerId: route.id,
    nowMs,
    purpose,
    submission: submissionOf(sight, { buys: buys(side, effect), lots: shape.lots }),
  });
  return {
    route: {
      ...route,
      clientIds: [...route.clientIds, clientId],
      makerOrders: route.makerOrders + (purpose === "maker" ? 1 : 0),
    },
    order: sent.order,
    commands: [sent.command],
    events: [sent.event],
  };
}

/** The book of the moment before an order leaves: afterwards it holds the order's own trace. */
function submissionOf(
  { book, market }: RouteSight,
  order: { readonly buys: boolean; readonly lots: number },
): Submission {
  const touch = touchOf(book);
  const estimateBps = book === null ? null : expectedSlippageBps(book, order);
  return {
    midPx: midPxOf(book, market.tick),
    halfSpreadPx: touch === null
      ? null
      : unitsToNumber((touch.askTicks - touch.bidTicks) / 2, market.tick),
    expectedBps: estimateBps === null ? null : boundedBps(estimateBps),
  };
}

/** What is still to do of the whole: never more than approved, nor, for a close, than is held. */
export function openLots(route: Route, { heldLots, reservedLots }: RouteSight): number {
  const left = route.lots - route.filledLots;
  const most = route.effect === "close" ? Math.min(left, heldLots) : left;
  return Math.max(0, most - reservedLots);
}

/** What is still to do of the current child: its slice and what earlier ones have left over. */
export function remainingLots(route: Route, sight: RouteSight): number {
  const left = openLots(route, sight);
  if (route.twap === null) return left;
  return Math.min(left, Math.max(0, targetLots(route.twap) - route.filledLots));
}

/** The size of the next order: all that is left, or an equal share where a largest order binds. */
export function childLots(
  route: Route,
  sight: RouteSight,
  { maxChildUsd }: RouterRules,
): number {
  const remaining = remainingLots(route, sight);
  const px = referencePx(route, sight) ?? 0;
  const lotUsd = lotsToUsd(1, { px, lot: sight.market.lot });
  const byUsd = maxChildUsd === null || lotUsd === 0
    ? 1
    : Math.ceil((remaining * lotUsd) / maxChildUsd);
  const pieces = Math.max(byUsd, Math.ceil(remaining / sight.market.maxLots));
  if (pieces <= 1) return remaining;
  const shares = splitLots(remaining, { slices: pieces, lotUsd, minChildUsd: smallestUsd(sight) });
  return Math.min(shares[0]!, sight.market.maxLots);
}

/** The smallest child worth an order of its own, with room above the exchange's own minimum. */
function smallestUsd({ minChildUsd, market }: RouteSight): number {
  return Math.max(minChildUsd, MIN_NOTIONAL_ROOM * market.minNotionalUsd);
}

/** Too little left for an order of its own. */
export function isDust(route: Route, sight: RouteSight): boolean {
  const px = referencePx(route, sight);
  if (px === null) return false;
  const leftUsd = lotsToUsd(remainingLots(route, sight), { px, lot: sight.market.lot });
  return leftUsd < smallestUsd(sight);
}

function referencePx(route: Route, { book, market }: RouteSight): number | null {
  return midPxOf(book, market.tick) ?? route.decisionMidPx;
}

/** How far mid has moved against the route since its child began, in basis points. */
export function childDriftBps(route: Route, touch: Touch, sight: RouteSight): number {
  return driftFrom(route.child.midPx, route, touch, sight);
}

/** How far mid has moved against the route since its decision, in basis points. */
export function driftBps(route: Route, touch: Touch, sight: RouteSight): number {
  return driftFrom(route.decisionMidPx, route, touch, sight);
}

function driftFrom(
  fromPx: number | null,
  { side, effect }: Route,
  touch: Touch,
  { market }: RouteSight,
): number {
  if (fromPx === null) return 0;
  const midPx = unitsToNumber((touch.bidTicks + touch.askTicks) / 2, market.tick);
  return adverseBps(fromPx, midPx, buys(side, effect));
}

/** From sending to the venue's first word; null when it never acknowledged. */
export function ackLatency({ ackMs, sentMs }: Order): number | null {
  return ackMs === null ? null : ackMs - sentMs;
}

/** The route with another step, nothing sent. */
export function goTo(route: Route, { order }: RouteSight, next: Step): Moved {
  return { route: { ...route, step: next }, order, commands: [], events: [] };
}

/** Nothing to do in this tick. */
export function stay(route: Route, { order }: RouteSight): Moved {
  return { route, order, commands: [], events: [] };
}
