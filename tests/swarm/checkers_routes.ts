/**
 * What must hold of routes, whatever the faults: one order at a time, never more out than approved,
 * slices that add up, parents that end once with the fills the exchange knows of.
 */
import type { Memory } from "../../core/memory.ts";
import { targetLots } from "../../core/router/twap.ts";
import type { Checker } from "./checkers.ts";
import type { Tick } from "./run.ts";

const FRESH_MS = 5_000;
const STRAY_MS = 30_000;

/** Lots of one order that the exchange may still execute; null where it does not have it. */
function outLots({ venue }: Tick, clientId: string): number | null {
  const { orders, arrivals } = venue.exchange.desk.state;
  const resting = orders[clientId];
  if (resting !== undefined) return resting.lots - resting.filledLots;
  for (const { what } of arrivals) {
    if (what.kind === "place" && what.order.clientId === clientId) return what.order.lots;
  }
  return null;
}

/** A route has one order at the exchange; a close that must not wait may leave others behind. */
export const single: Checker = (tick, { owners }) => {
  const next = new Map(owners);
  for (const command of tick.submitted) {
    if (command.kind !== "place" || command.order.stopTicks !== null) continue;
    const { clientId } = command.order;
    const owner = tick.memory.orders[clientId]?.ownerId;
    if (owner === undefined) continue;
    const left = tick.memory.routes[owner]?.leftIds ?? [];
    for (const [other, known] of next) {
      if (known !== owner || left.includes(other)) continue;
      if (outLots(tick, other) !== null) return `${clientId} leaves while ${other} is out`;
    }
    next.set(clientId, owner);
  }
  return { owners: next };
};

/**
 * What a route has executed and what it has out are never more than was approved. Of closes beside
 * each other no more can execute than the exchange holds of their leg.
 */
export const allotted: Checker = (tick, { owners, executed }) => {
  const { positions } = tick.venue.exchange.desk.state;
  for (const [id, route] of Object.entries(tick.memory.routes)) {
    let outside = 0;
    for (const clientId of route.clientIds) {
      if (owners.get(clientId) === id) outside += outLots(tick, clientId) ?? 0;
    }
    if (route.leftIds.length > 0) {
      outside = Math.min(outside, positions[`${route.ticker}:${route.side}`]?.lots ?? 0);
    }
    const lots = (executed.get(id) ?? 0) + outside;
    if (lots > route.lots) return `${id}: ${lots} executed or out, ${route.lots} approved`;
  }
  return null;
};

/** Slices are whole lots that add up to the parent; none begins before its time. */
export const sliced: Checker = ({ memory, seen }) => {
  for (const [id, { twap, lots, filledLots, effect }] of Object.entries(memory.routes)) {
    if (twap === null) continue;
    const sum = twap.slices.reduce((total, slice) => total + slice, 0);
    if (sum !== lots || !twap.slices.every(Number.isInteger)) return `${id}: slices of ${sum}`;
    if (filledLots > targetLots(twap)) return `${id}: filled more than its slices`;
    const due = 1 + Math.floor((seen.nowMs - twap.startMs) / twap.intervalMs);
    if (effect === "open" && twap.begunCount > due) return `${id}: a slice before its time`;
  }
  return null;
};

/** Each parent ends once, with exactly the fills that the exchange knows of. */
export const ended: Checker = (tick, { attempted, finished, executed }) => {
  const next = new Set(finished);
  for (const event of tick.decision.events) {
    if (event.kind !== "route_end") continue;
    if (next.has(event.routeId)) return `${event.routeId} ended twice`;
    next.add(event.routeId);
    const real = executed.get(event.routeId) ?? 0;
    if (real !== event.filledLots) {
      return `${event.routeId}: ended with ${event.filledLots} lots, the exchange says ${real}`;
    }
  }
  for (const id of attempted) {
    if (!next.has(id) && tick.memory.routes[id] === undefined) return `${id} never ended`;
  }
  return { finished: next };
};

/** One stop and one target that close a leg; one that has gone leaves none behind, nor a bridge. */
export const conditionals: Checker = ({ venue, seen, settled, faultActive }, { strayMs }) => {
  const { orders, positions } = venue.exchange.desk.state;
  const kinds = new Set<string>();
  const strays = new Map<string, number>();
  for (const { clientId, closePosition, stopTicks, ticker, side, kind } of Object.values(orders)) {
    if (stopTicks === null) continue;
    const key = `${ticker}:${side}`;
    if (closePosition && kinds.has(`${key} ${kind}`)) {
      return `${key} has two orders of kind ${kind}`;
    }
    if (closePosition) kinds.add(`${key} ${kind}`);
    if (positions[key] !== undefined) continue;
    const fromMs = strayMs.get(clientId) ?? seen.nowMs;
    strays.set(clientId, fromMs);
    if (settled && !faultActive && seen.nowMs - fromMs > STRAY_MS) {
      return `${clientId} of ${key} rests without a leg`;
    }
  }
  return { strayMs: strays };
};

/** A stop that is due waits for no slice, no spread and no place in a queue. */
export const stopsFirst: Checker = ({ memory, seen }) => {
  for (const [key, guard] of Object.entries(memory.registry)) {
    const mark = seen.market.mark(guard.ticker);
    const { slPx } = guard.levels;
    if (mark === null || seen.nowMs - mark.atMs > FRESH_MS || slPx === null) continue;
    const sign = guard.side === "LONG" ? 1 : -1;
    if (sign * (mark.px - slPx) > 0 || guard.exit === null) continue;
    const route: Memory["routes"][string] | undefined = memory.routes[guard.exit.routeId];
    if (route !== undefined && !route.urgent) return `${key}: its stop waits behind ${route.id}`;
  }
  return null;
};
