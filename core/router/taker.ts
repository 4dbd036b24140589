/** The taker path of a child: bounded crossing, and the unbounded market order of what must close. */
import { buys, type Market } from "../types.ts";
import { BPS_PER_UNIT, MS_PER_SECOND } from "../units.ts";
import {
  ackLatency,
  childLots,
  goTo,
  isDust,
  type Moved,
  remainingLots,
  type RouteSight,
  send,
  stay,
} from "./child.ts";
import { isSettled, type Order } from "./orders.ts";
import { endChild, failed, giveUp, refOf } from "./outcome.ts";
import { expectedSlippageBps, spreadBps, takerTicks, touchOf } from "./quote.ts";
import type { Route, Step } from "./route.ts";
import type { RouterRules } from "./rules.ts";

const RETRY_MS = MS_PER_SECOND;
/** How far from the touch a close goes that may not go by market order. */
const BAND_BPS = 0.01 * BPS_PER_UNIT;
/** Room above the expected slippage when the bound of a taker order is set. */
const TAKER_ROOM_BPS = 2;
/** So many closes of one leg may be unaccounted for before the next waits for an answer. */
const LEFT_MAX_COUNT = 3;

/** Crosses the spread by an immediate-or-cancel order, if spread and depth allow it. */
export function cross(
  route: Route,
  { sinceMs }: Extract<Step, { kind: "cross" }>,
  sight: RouteSight,
  rules: RouterRules,
): Moved {
  const { nowMs, book } = sight;
  const touch = touchOf(book);
  const direction = buys(route.side, route.effect);
  const lots = childLots(route, sight, rules);
  const cost = book === null ? null : expectedSlippageBps(book, { buys: direction, lots });
  const blocked = touch === null
    ? "no_book"
    : spreadBps(touch) > sight.bucketMaxSpreadBps
    ? "taker_blocked_spread"
    : cost === null || cost > rules.maxSlippageBps
    ? "taker_blocked_slippage"
    : null;
  if (blocked !== null || touch === null) {
    const patient = nowMs - sinceMs < rules.windowMs;
    if (!patient) return giveUp(route, sight, blocked ?? "no_book");
    return goTo(route, sight, { kind: "cross", sinceMs, notBeforeMs: nowMs + RETRY_MS });
  }
  const boundBps = Math.max(rules.slipMaxBps, cost! + TAKER_ROOM_BPS);
  const priceTicks = takerTicks(touch, { buys: direction, boundBps });
  const sent = send(route, sight, { kind: "limit", tif: "IOC", lots, priceTicks }, "taker");
  const { child } = sent.route;
  const step: Step = { kind: "taker", clientId: sent.order!.clientId };
  const tried = { ...child, takerTries: child.takerTries + 1 };
  return { ...sent, route: { ...sent.route, child: tried, step } };
}

/** A crossing order is out, or has come back: filled, in part, or refused. */
export function crossed(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  const { order, nowMs } = sight;
  if (order === null || !isSettled(order)) {
    return order !== null && sight.isMissing ? leave(route, order, sight) : stay(route, sight);
  }
  const known = { ...route, ackLatencyMs: route.ackLatencyMs ?? ackLatency(order) };
  if (remainingLots(known, sight) === 0) {
    return known.leftIds.length > 0 ? stay(known, sight) : endChild(known, sight, "filled");
  }
  if (order.rejectCode !== null) return failed(known, sight, order.rejectCode);
  if (route.step.kind === "market") {
    const { isBanded } = route.step;
    // All of it was filled and there is more: a further piece, or what another order had held.
    const waitMs = order.filledLots >= order.lots ? 0 : RETRY_MS;
    const heard = { ...known, failures: 0 };
    return goTo(heard, sight, { kind: "strike", notBeforeMs: nowMs + waitMs, isBanded });
  }
  const next: Step = { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs };
  if (order.filledLots >= order.lots) {
    // A piece of a child that is larger than one order may be: the next piece.
    return goTo({ ...known, child: { ...known.child, takerTries: 0 } }, sight, next);
  }
  if (isDust(known, sight)) return giveUp(known, sight, "dust");
  if (known.child.takerTries >= rules.takerTriesMaxCount) {
    return giveUp(known, sight, "taker_exhausted");
  }
  return goTo(known, sight, next);
}

/**
 * What must close does not wait until an order that cannot rest, and shows nowhere, is proved never
 * to have arrived: the leg may have no stop for as long. Another one strikes beside it.
 */
function leave(route: Route, { clientId }: Order, sight: RouteSight): Moved {
  if (route.step.kind !== "market" || route.leftIds.length >= LEFT_MAX_COUNT) {
    return stay(route, sight);
  }
  const { isBanded } = route.step;
  const left = { ...route, leftIds: [...route.leftIds, clientId] };
  const forced = goTo(left, sight, { kind: "strike", notBeforeMs: sight.nowMs, isBanded });
  return { ...forced, events: [{ kind: "exit_forced", ...refOf(left), reason: "order_missing" }] };
}

/**
 * A market order for what must close, as much as one order may carry. Where the venue has refused
 * that as too far from mark, an immediate-or-cancel order within a band.
 */
export function strike(
  route: Route,
  { isBanded }: Extract<Step, { kind: "strike" }>,
  sight: RouteSight,
): Moved {
  const { market, book } = sight;
  const remaining = remainingLots(route, sight);
  const touch = isBanded ? touchOf(book) : null;
  const sent = touch === null
    ? send(route, sight, {
      kind: "market",
      tif: null,
      lots: marketLots(remaining, market),
      priceTicks: null,
    }, "market")
    : send(route, sight, {
      kind: "limit",
      tif: "IOC",
      lots: Math.min(remaining, market.maxLots),
      priceTicks: takerTicks(touch, { buys: buys(route.side, route.effect), boundBps: BAND_BPS }),
    }, "market");
  const step: Step = { kind: "market", clientId: sent.order!.clientId, isBanded };
  return { ...sent, route: { ...sent.route, step } };
}

/** Whole market steps up to the largest order. */
function marketLots(remaining: number, { marketMaxLots, marketStepLots }: Market): number {
  const capped = Math.min(remaining, marketMaxLots);
  const whole = capped - (capped % marketStepLots);
  // Less than one market step: a close may go as it is, the exchange exempts it from the minimum.
  return whole > 0 ? whole : capped;
}
