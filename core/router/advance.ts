/**
 * Moves one working route forward by what is known now. Nothing waits in here: a step that must
 * wait names the instant at which it wants to be looked at again. Always true: a new order leaves
 * only when the one before is settled, or is a close that the route has left behind (`leftIds`); an
 * entry never asks for more than was approved, and a close never for more than the leg holds.
 */
import { unreachable } from "../assert.ts";
import type { ExitReason } from "../types.ts";
import { type Moved, remainingLots, type RouteSight, stay } from "./child.ts";
import { makerStep, quote } from "./maker.ts";
import { openingOf } from "./opening.ts";
import { cancelOrder, isSettled, type Order } from "./orders.ts";
import { complete, endChild, finish, refOf } from "./outcome.ts";
import { midPxOf } from "./quote.ts";
import { endRow, type Route } from "./route.ts";
import type { RouterRules } from "./rules.ts";
import { slice } from "./slice.ts";
import { cross, crossed, strike } from "./taker.ts";
import { hurry } from "./twap.ts";

/** A route can take at most this many steps in one tick; more would be a loop. */
const STEPS_MAX = 12;

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
      return { ...moved, events: [...moved.events, ...lastRows(next.route, sight)] };
    }
    route = next.route;
  }
  return moved;
}

/** When this route next needs a tick; null while only its order or a free place can move it. */
export function routeDeadlineMs({ step, child, effect }: Route, rules: RouterRules): number | null {
  switch (step.kind) {
    case "slice":
    case "quote":
    case "cross":
    case "strike":
      return child.queuedMs !== null && child.startedMs === null && effect === "open"
        ? child.queuedMs + rules.queueMaxMs
        : step.notBeforeMs;
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

/**
 * A patient close becomes an urgent one: its order is taken back, and what that order does not hold
 * strikes in the same tick. What it does hold strikes as soon as the venue says what became of it.
 */
export function makeUrgent(
  route: Route,
  order: Order | null,
  { reason, nowMs }: { reason: ExitReason; nowMs: number },
): Moved {
  const isOut = order !== null && !isSettled(order);
  const taken = isOut ? cancelOrder(order, { nowMs, reason: "superseded" }) : null;
  return {
    route: {
      ...route,
      urgent: true,
      exitReason: reason,
      makerVetoes: ["reduce_only_urgent"],
      twap: route.twap === null ? null : hurry(route.twap),
      leftIds: isOut ? [...route.leftIds, order.clientId] : route.leftIds,
      step: { kind: "strike", notBeforeMs: nowMs, isBanded: false },
    },
    order: taken?.order ?? order,
    commands: taken?.commands ?? [],
    events: taken?.events ?? [],
  };
}

function step(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  const { step: now } = route;
  switch (now.kind) {
    case "slice":
      return ready(route, sight, now.notBeforeMs, () => slice(route, sight, rules));
    case "quote":
      return placed(
        route,
        sight,
        rules,
        (begun) => ready(begun, sight, now.notBeforeMs, () => quote(begun, now, sight, rules)),
      );
    case "maker":
      return makerStep(route, now, sight, rules);
    case "cross":
      return placed(
        route,
        sight,
        rules,
        (begun) => ready(begun, sight, now.notBeforeMs, () => cross(begun, now, sight, rules)),
      );
    case "taker":
    case "market":
      return crossed(route, sight, rules);
    case "strike":
      return ready(route, sight, now.notBeforeMs, () => strike(route, now, sight));
    case "ended":
      return stay(route, sight);
    default:
      return unreachable(now);
  }
}

/** Runs the next move when its time has come, unless there is nothing left to do or no leave to. */
function ready(route: Route, sight: RouteSight, notBeforeMs: number, move: () => Moved): Moved {
  const opening = openingOf(route, sight);
  if (opening.kind === "over") return finish(route, sight, opening.reason);
  const isBetween = route.step.kind === "slice";
  if (!isBetween && remainingLots(route, sight) === 0) {
    return route.leftIds.length > 0 ? stay(route, sight) : endChild(route, sight, "filled");
  }
  if (isBetween && isDone(route, sight)) return complete(route, sight);
  return sight.nowMs < notBeforeMs || opening.kind === "wait" ? stay(route, sight) : move();
}

function isDone({ lots, filledLots, effect }: Route, { heldLots }: RouteSight): boolean {
  return filledLots >= lots || (effect === "close" && heldLots === 0);
}

/**
 * A child begins when there is a free place; until then it waits in line. An entry that waits too
 * long is given up: the market it was decided in is gone.
 */
function placed(
  route: Route,
  sight: RouteSight,
  rules: RouterRules,
  move: (begun: Route) => Moved,
): Moved {
  const { child } = route;
  if (route.urgent || child.startedMs !== null) return move(route);
  const { nowMs } = sight;
  if (sight.mayStart) return move({ ...route, child: { ...child, startedMs: nowMs } });
  const queuedMs = child.queuedMs ?? nowMs;
  const queued = child.queuedMs === null ? { ...route, child: { ...child, queuedMs } } : route;
  const isOver = remainingLots(queued, sight) === 0 ||
    (route.effect === "open" && !sight.entriesAllowed);
  if (isOver) return move(queued);
  if (route.effect === "open" && nowMs - queuedMs >= rules.queueMaxMs) {
    return endChild(queued, sight, "queue_timeout");
  }
  return stay(queued, sight);
}

function lastRows(route: Route, sight: RouteSight): Moved["events"] {
  const { market, book, nowMs } = sight;
  const row = endRow(route, { lot: market.lot, endMidPx: midPxOf(book, market.tick), nowMs });
  const { twap } = route;
  if (twap === null) return [row];
  const { status, reason, lots, filledLots, makerLots, avgPx, shortfall } = row;
  return [row, {
    kind: "twap_complete",
    ...refOf(route),
    status,
    reason,
    slicesTotal: twap.slices.length,
    slicesBegun: twap.begunCount,
    lots,
    filledLots,
    makerLots,
    avgPx,
    slippageBps: shortfall.priceBps,
    pausedMs: twap.pausedMs,
  }];
}
