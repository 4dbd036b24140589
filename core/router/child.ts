/**
 * The next order of a route: how much of it, under which id, and what may be left over. A child is
 * never larger than what was approved, and a closing one never larger than what the leg holds.
 */
import type { EngineEvent } from "../events.ts";
import { clientOrderId, type Lineage } from "../ids.ts";
import { lotsToUsd, unitsToNumber } from "../increments.ts";
import type { Command, NewOrder } from "../ports.ts";
import { type Book, buys, type Market } from "../types.ts";
import { BPS_PER_UNIT } from "../units.ts";
import { splitLots } from "./normalize.ts";
import { type Order, sendOrder } from "./orders.ts";
import { midTicks, type Touch, touchOf } from "./quote.ts";
import type { Route } from "./route.ts";
import type { RouterRules } from "./rules.ts";

/** Room above the exchange's smallest notional for a price move between rounding and arrival. */
const MIN_NOTIONAL_ROOM = 1.05;

/** What a route may see of the world. */
export type RouteSight = {
  readonly nowMs: number;
  readonly market: Market;
  readonly book: Book | null;
  readonly bucketMaxSpreadBps: number;
  /** False when entries have been revoked: working ones are taken back. */
  readonly entriesAllowed: boolean;
  /** Lots the leg holds now: the most a close may ask for. */
  readonly heldLots: number;
  /** The order of the current step, if it has one. */
  readonly order: Order | null;
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
  { nowMs, lineage }: RouteSight,
  shape: Pick<NewOrder, "kind" | "tif" | "lots" | "priceTicks">,
  purpose: "maker" | "taker" | "market",
): Moved {
  const clientId = clientOrderId(lineage, {
    key: route.id,
    child: 0,
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
  });
  return {
    route: { ...route, clientIds: [...route.clientIds, clientId] },
    order: sent.order,
    commands: [sent.command],
    events: [sent.event],
  };
}

/** What is still to do: never more than approved, and for a close never more than is held. */
export function remainingLots(route: Route, { heldLots }: RouteSight): number {
  const left = Math.max(0, route.lots - route.filledLots);
  return route.effect === "close" ? Math.min(left, heldLots) : left;
}

/** The size of the next order: all that is left, or an equal share when the exchange's limit binds. */
export function childLots(
  route: Route,
  sight: RouteSight,
  maxLots: number,
  rules: RouterRules,
): number {
  const remaining = remainingLots(route, sight);
  if (remaining <= maxLots) return remaining;
  const slices = Math.ceil(remaining / maxLots);
  const px = referencePx(route, sight) ?? 0;
  const lotUsd = lotsToUsd(1, { px, lot: sight.market.lot });
  return splitLots(remaining, { slices, lotUsd, minChildUsd: rules.minChildUsd })[0]!;
}

/** Too little left for an order of its own. */
export function isDust(route: Route, sight: RouteSight, rules: RouterRules): boolean {
  const px = referencePx(route, sight);
  if (px === null) return false;
  const leftUsd = lotsToUsd(remainingLots(route, sight), { px, lot: sight.market.lot });
  return leftUsd < Math.max(rules.minChildUsd, MIN_NOTIONAL_ROOM * sight.market.minNotionalUsd);
}

function referencePx(route: Route, { book, market }: RouteSight): number | null {
  const touch = touchOf(book);
  return touch === null ? route.decisionMidPx : unitsToNumber(midTicks(touch), market.tick);
}

/** How far mid has moved against the route since its decision, in basis points. */
export function driftBps(route: Route, touch: Touch, { market }: RouteSight): number {
  if (route.decisionMidPx === null) return 0;
  const midPx = unitsToNumber(midTicks(touch), market.tick);
  const moved = (midPx / route.decisionMidPx - 1) * BPS_PER_UNIT;
  return buys(route.side, route.effect) ? moved : -moved;
}

/** From sending to the venue's first word; null when it never acknowledged. */
export function ackLatency({ ackMs, sentMs }: Order): number | null {
  return ackMs === null ? null : ackMs - sentMs;
}
