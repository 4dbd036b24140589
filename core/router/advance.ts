/**
 * Moves one working route forward by what is known now. Nothing waits in here: a step that must
 * wait names the instant at which it wants to be looked at again. Always true: a new order leaves
 * only when the one before is settled, a route never asks for more than was approved, and a close
 * never asks for more than the leg holds.
 */
import { unreachable } from "../assert.ts";
import { buys } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";
import {
  ackLatency,
  childLots,
  driftBps,
  isDust,
  type Moved,
  remainingLots,
  type RouteSight,
  send,
} from "./child.ts";
import { cancelOrder, isSettled, type Order } from "./orders.ts";
import { expectedSlippageBps, makerTicks, spreadBps, takerTicks, touchOf } from "./quote.ts";
import { endRow, type Route, type RouteStatus, type Step } from "./route.ts";
import type { RouterRules } from "./rules.ts";

const WIDE_PATIENCE_MS = 2 * MS_PER_SECOND;
const RETRY_MS = MS_PER_SECOND;
const RETRY_MAX_MS = 30 * MS_PER_SECOND;
const REQUOTE_FIRST_MS = 50;
const REQUOTE_MAX_MS = 400;
/** Room above the expected slippage when the bound of a taker order is set. */
const TAKER_ROOM_BPS = 2;
/** A route can take at most this many steps in one tick; more would be a loop. */
const STEPS_MAX = 8;

/** Moves a route as far as it goes in this tick. */
export function advance(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  let moved: Moved = { route, order: sight.order, commands: [], events: [] };
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const next = step(moved.route, { ...sight, order: moved.order }, rules);
    moved = {
      route: next.route,
      order: next.order,
      commands: [...moved.commands, ...next.commands],
      events: [...moved.events, ...next.events],
    };
    if (next.route.step === route.step || next.commands.length > 0) break;
    if (next.route.step.kind === "ended") {
      return { ...moved, events: [...moved.events, endRow(next.route)] };
    }
    route = next.route;
  }
  return moved;
}

/** When this route next needs a tick; null while only its order can move it. */
export function routeDeadlineMs({ step }: Route): number | null {
  switch (step.kind) {
    case "quote":
    case "cross":
    case "strike":
      return step.notBeforeMs;
    case "maker":
      return step.cancelReason === null ? step.nextCheckMs : null;
    case "taker":
    case "market":
    case "ended":
      return null;
    default:
      return unreachable(step);
  }
}

/** The order a route is waiting for. */
export function routeOrderId({ step }: Route): string | null {
  return "clientId" in step ? step.clientId : null;
}

function step(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  const { step: now } = route;
  switch (now.kind) {
    case "quote":
      return ready(route, sight, now.notBeforeMs, () => quote(route, now, sight, rules));
    case "maker":
      return makerStep(route, now, sight, rules);
    case "cross":
      return ready(route, sight, now.notBeforeMs, () => cross(route, now, sight, rules));
    case "taker":
    case "market":
      return crossed(route, sight, rules);
    case "strike":
      return ready(route, sight, now.notBeforeMs, () => strike(route, sight));
    case "ended":
      return stay(route, sight);
    default:
      return unreachable(now);
  }
}

/** Runs the next move when its time has come, unless there is nothing left to do or no leave to. */
function ready(route: Route, sight: RouteSight, notBeforeMs: number, move: () => Moved): Moved {
  if (remainingLots(route, sight) === 0) {
    const reason = route.filledLots >= route.lots ? "filled" : "already_flat";
    return finish(route, sight, reason);
  }
  if (route.effect === "open" && !sight.entriesAllowed) return finish(route, sight, "revoked");
  return sight.nowMs < notBeforeMs ? stay(route, sight) : move();
}

function quote(
  route: Route,
  { sinceMs }: Extract<Step, { kind: "quote" }>,
  sight: RouteSight,
  rules: RouterRules,
): Moved {
  const { nowMs, book, market } = sight;
  const touch = touchOf(book);
  if (touch === null) {
    if (nowMs - sinceMs >= rules.windowMs) return giveUp(route, sight, "no_book");
    return goTo(route, sight, { kind: "quote", sinceMs, notBeforeMs: nowMs + RETRY_MS });
  }
  const spread = spreadBps(touch);
  if (spread > rules.maxSpreadBps) {
    return goTo(route, sight, { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs });
  }
  const offsetBps = spread > rules.offsetClampSpreadBps
    ? Math.min(route.offsetBps, rules.offsetClampSpreadBps)
    : route.offsetBps;
  const priceTicks = makerTicks(touch, {
    buys: buys(route.side, route.effect),
    offsetBps,
    rejections: route.rejections,
  });
  const lots = childLots(route, sight, market.maxLots, rules);
  const sent = send(route, sight, { kind: "limit", tif: "GTX", lots, priceTicks }, "maker");
  const next: Step = {
    kind: "maker",
    clientId: sent.order!.clientId,
    sinceMs: nowMs,
    nextCheckMs: nowMs + rules.recheckMs,
    wideSinceMs: null,
    cancelReason: null,
  };
  return { ...sent, route: { ...sent.route, step: next } };
}

function makerStep(
  route: Route,
  now: Extract<Step, { kind: "maker" }>,
  sight: RouteSight,
  rules: RouterRules,
): Moved {
  const { order, nowMs } = sight;
  if (order !== null && isSettled(order)) return makerSettled(route, now, sight, order, rules);
  if (order === null) return stay(route, sight);
  if (now.cancelReason !== null) {
    // Found open after nobody knew whether it had arrived: it is still to be taken back.
    return order.state === "open"
      ? takeBack(route, now, sight, order, now.cancelReason)
      : stay(route, sight);
  }
  if (route.effect === "open" && !sight.entriesAllowed) {
    return takeBack(route, now, sight, order, "revoked");
  }
  if (nowMs < now.nextCheckMs) return stay(route, sight);
  const touch = touchOf(sight.book);
  const wide = touch !== null && spreadBps(touch) > rules.maxSpreadBps;
  const wideSinceMs = wide ? now.wideSinceMs ?? nowMs : null;
  const ageMs = nowMs - now.sinceMs;
  const filledFrac = order.filledLots / order.lots;
  const reason = touch !== null && driftBps(route, touch, sight) > rules.slipMaxBps
    ? "drift"
    : wideSinceMs !== null && nowMs - wideSinceMs >= WIDE_PATIENCE_MS
    ? "spread"
    : ageMs >= rules.windowMs && filledFrac < rules.minFillFrac
    ? "low_fill"
    : ageMs >= 2 * rules.windowMs
    ? "window"
    : null;
  if (reason !== null) return takeBack(route, { ...now, wideSinceMs }, sight, order, reason);
  const nextCheckMs = Math.min(
    nowMs + (wide ? WIDE_PATIENCE_MS : rules.recheckMs),
    ageMs < rules.windowMs ? now.sinceMs + rules.windowMs : Infinity,
  );
  return goTo(route, sight, { ...now, wideSinceMs, nextCheckMs });
}

function makerSettled(
  route: Route,
  { cancelReason }: Extract<Step, { kind: "maker" }>,
  sight: RouteSight,
  order: Order,
  rules: RouterRules,
): Moved {
  const { nowMs } = sight;
  const known = { ...route, ackLatencyMs: route.ackLatencyMs ?? ackLatency(order) };
  const remaining = remainingLots(known, sight);
  if (remaining === 0) {
    return finish(known, sight, known.filledLots > 0 ? "filled" : "already_flat");
  }
  if (order.rejectCode === "post_only_would_take") {
    const rejections = known.rejections + 1;
    if (rejections >= rules.rejectsMaxCount) return toCross({ ...known, rejections }, sight, rules);
    const waitMs = Math.min(REQUOTE_MAX_MS, REQUOTE_FIRST_MS * 2 ** (rejections - 1));
    const next: Step = { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs + waitMs };
    return goTo({ ...known, rejections }, sight, next);
  }
  if (order.rejectCode !== null) return failed(known, sight, order.rejectCode);
  if (cancelReason === "revoked") return finish(known, sight, "revoked");
  if (cancelReason === "low_fill" && known.requotes < rules.requotesMaxCount) {
    const again = {
      ...known,
      requotes: known.requotes + 1,
      offsetBps: Math.max(1, known.offsetBps / 2),
    };
    if (isDust(again, sight, rules)) return toCross(again, sight, rules);
    return goTo(again, sight, { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs });
  }
  return toCross(known, sight, rules);
}

function cross(
  route: Route,
  { sinceMs }: Extract<Step, { kind: "cross" }>,
  sight: RouteSight,
  rules: RouterRules,
): Moved {
  const { nowMs, book, market } = sight;
  const touch = touchOf(book);
  const direction = buys(route.side, route.effect);
  const lots = childLots(route, sight, market.maxLots, rules);
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
  const next: Step = { kind: "taker", clientId: sent.order!.clientId };
  return { ...sent, route: { ...sent.route, takerTries: route.takerTries + 1, step: next } };
}

function crossed(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  const { order, nowMs } = sight;
  if (order === null || !isSettled(order)) return stay(route, sight);
  const known = { ...route, ackLatencyMs: route.ackLatencyMs ?? ackLatency(order) };
  if (remainingLots(known, sight) === 0) {
    return finish(known, sight, known.filledLots > 0 ? "filled" : "already_flat");
  }
  if (order.rejectCode !== null) return failed(known, sight, order.rejectCode);
  if (route.step.kind === "market") {
    return goTo(known, sight, { kind: "strike", notBeforeMs: nowMs + RETRY_MS });
  }
  if (isDust(known, sight, rules)) return giveUp(known, sight, "dust");
  if (known.takerTries >= rules.takerTriesMaxCount) return giveUp(known, sight, "taker_exhausted");
  return goTo(known, sight, { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs });
}

function strike(route: Route, sight: RouteSight): Moved {
  const { market } = sight;
  const remaining = remainingLots(route, sight);
  const capped = Math.min(remaining, market.marketMaxLots);
  const whole = capped - (capped % market.marketStepLots);
  // Less than one market step: a close may go as it is, the exchange exempts it from the minimum.
  const lots = whole > 0 ? whole : capped;
  const sent = send(route, sight, { kind: "market", tif: null, lots, priceTicks: null }, "market");
  return {
    ...sent,
    route: { ...sent.route, step: { kind: "market", clientId: sent.order!.clientId } },
  };
}

/** A close goes on by market order whatever the book looks like; an entry stops here. */
function giveUp(route: Route, sight: RouteSight, reason: string): Moved {
  if (route.effect === "open") return finish(route, sight, reason);
  return goTo(route, sight, { kind: "strike", notBeforeMs: sight.nowMs });
}

/** The venue refused: an entry ends with the code, a close tries again with growing patience. */
function failed(route: Route, sight: RouteSight, code: string): Moved {
  if (route.effect === "open") return finish(route, sight, code);
  const waitMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** route.failures);
  const next: Step = { kind: "strike", notBeforeMs: sight.nowMs + waitMs };
  return goTo({ ...route, failures: route.failures + 1 }, sight, next);
}

function toCross(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  if (isDust(route, sight, rules)) return giveUp(route, sight, "dust");
  const { nowMs } = sight;
  return goTo(route, sight, { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs });
}

function takeBack(
  route: Route,
  now: Extract<Step, { kind: "maker" }>,
  sight: RouteSight,
  order: Order,
  reason: string,
): Moved {
  const taken = cancelOrder(order, { nowMs: sight.nowMs, reason });
  return {
    route: { ...route, step: { ...now, cancelReason: reason } },
    order: taken.order,
    commands: taken.commands,
    events: taken.events,
  };
}

function finish(route: Route, sight: RouteSight, reason: string): Moved {
  const status: RouteStatus = route.filledLots >= route.lots
    ? "FILLED"
    : route.filledLots > 0
    ? "PARTIALLY_FILLED"
    : route.clientIds.length > 0
    ? "EXPIRED"
    : "REJECTED";
  return goTo(route, sight, { kind: "ended", status, reason });
}

function goTo(route: Route, { order }: RouteSight, next: Step): Moved {
  return { route: { ...route, step: next }, order, commands: [], events: [] };
}

function stay(route: Route, { order }: RouteSight): Moved {
  return { route, order, commands: [], events: [] };
}
