/**
 * How a leg is left: what is due on this tick, one exit a leg at a time, tried until it is flat. A
 * patient exit gives way to one that must not wait.
 */
import { assert } from "./assert.ts";
import { sortedEntries } from "./dict.ts";
import { isUrgent, reduceIntent } from "./exits/reduce.ts";
import type { Guard } from "./exits/registry.ts";
import { type Due, exitDue, isFresh } from "./exits/scan.ts";
import { triggerRow } from "./exits/stops.ts";
import { vetReduce } from "./risk/mod.ts";
import { makeUrgent, routeOrderId } from "./router/advance.ts";
import { planReduce } from "./router/plan.ts";
import type { Route } from "./router/route.ts";
import { routingOf } from "./routing.ts";
import { lateScanMs } from "./rules.ts";
import type { Mark, PositionKey } from "./types.ts";
import { MS_PER_MINUTE, MS_PER_SECOND } from "./units.ts";
import { change, putOrder, type Work } from "./work.ts";
import { entriesRevoked } from "./world.ts";

/** For as long it is told that legs went unwatched. */
const LATE_SCAN_TOLD_MS = 10 * MS_PER_MINUTE;

/** What an exit has left over is tried again after this time. */
const REARM_MS = MS_PER_SECOND;

/** Starts the exits that are due. One per leg at a time; it ends when the leg is flat. */
export function scanExits(work: Work): void {
  const { seen } = work;
  let priceMissingCount = 0;
  for (const [key, guard] of sortedEntries(work.memory.registry)) {
    if (guard.flatSinceMs !== null) continue;
    const mark = seen.market.mark(guard.ticker);
    if (!isFresh(mark, seen.nowMs)) priceMissingCount += 1;
    const due = dueNow(work, guard, mark);
    if (guard.exit !== null) {
      if (!supersede(work, key, guard, due)) rearm(work, key, guard);
      continue;
    }
    if (due !== null) startExit(work, key, guard, due);
  }
  const pulse = { ...work.memory.pulse, scanMs: seen.nowMs, priceMissingCount };
  change(work, { pulse: { ...pulse, lateScan: lateScanOf(work) } });
}

/** Notes that legs were not watched: nobody looked, whoever is to blame. */
function lateScanOf({ memory: { pulse, registry }, seen: { nowMs }, rules }: Work) {
  const { scanMs, lateScan } = pulse;
  const gapMs = scanMs === null ? 0 : nowMs - scanMs;
  const isLate = Object.keys(registry).length > 0 && gapMs > lateScanMs(rules).warnMs;
  if (isLate) return { gapMs, atMs: nowMs };
  return lateScan !== null && nowMs - lateScan.atMs < LATE_SCAN_TOLD_MS ? lateScan : null;
}

/** What a leg must leave for: its levels, or the operator who wants everything closed. */
function dueNow({ memory, seen }: Work, guard: Guard, mark: Mark | null): Due | null {
  const due = exitDue(guard, { mark, nowMs: seen.nowMs });
  if (memory.operator.state !== "FLATTENING" || (due !== null && isUrgent(due.reason))) return due;
  return { reason: "operator_flatten", levelPx: null };
}

/** Starts to close a leg; its route, or null where there is nothing that could be closed. */
export function startExit(
  work: Work,
  key: PositionKey,
  guard: Guard,
  due: Due,
): Route | null {
  const { seen, rules, memory } = work;
  const holding = memory.holdings[key];
  const market = seen.market.market(guard.ticker);
  if (holding === undefined || market === null) return null;
  const reduce = reduceIntent({
    ticker: guard.ticker,
    side: guard.side,
    lots: holding.lots,
    reason: due.reason,
    strategyId: guard.strategyId,
    episodeId: guard.episodeId,
    attempt: guard.exitAttempts,
    nowMs: seen.nowMs,
  });
  const verdict = vetReduce(reduce, memory.holdings);
  assert(verdict.kind === "approved", "an exit of what is held is never refused");
  const book = seen.market.book(guard.ticker);
  const isDefensive = entriesRevoked(memory, rules);
  const { policy, bucket } = routingOf(work, guard.ticker, { isDefensive });
  const sight = { nowMs: seen.nowMs, market, book, policy, bucket };
  const { route, events } = planReduce(verdict.intent, sight, rules.router);
  const mark = seen.market.mark(guard.ticker);
  work.events.push(
    triggerRow({
      key,
      reason: due.reason,
      markPx: mark?.px ?? null,
      levelPx: due.levelPx,
      intentId: reduce.id,
    }),
    ...events,
  );
  const exit = {
    routeId: route.id,
    reason: due.reason,
    firstMs: guard.exit?.firstMs ?? seen.nowMs,
  };
  const armed: Guard = { ...guard, exit, exitAttempts: guard.exitAttempts + 1 };
  change(work, {
    routes: { ...work.memory.routes, [route.id]: route },
    registry: { ...work.memory.registry, [key]: armed },
  });
  return route;
}

/** An exit whose route is over while the leg is not flat starts again: it never gives up. */
function rearm(work: Work, key: PositionKey, guard: Guard): void {
  const { exit } = guard;
  if (exit === null || work.memory.routes[exit.routeId] !== undefined) return;
  startExit(work, key, guard, { reason: exit.reason, levelPx: null });
}

/** When exits whose route is over while their leg is not flat want to start again. */
export function leavingDeadlines({ memory: { registry, routes }, seen }: Work): number[] {
  return Object.values(registry)
    .filter(({ exit }) => exit !== null && routes[exit.routeId] === undefined)
    .map(() => seen.nowMs + REARM_MS);
}

/**
 * A patient exit is under way and something that must not wait becomes due: it takes over. True
 * where it has.
 */
function supersede(work: Work, key: PositionKey, guard: Guard, due: Due | null): boolean {
  const { exit } = guard;
  const route = exit === null ? undefined : work.memory.routes[exit.routeId];
  if (exit === null || route === undefined || route.urgent) return false;
  if (due === null || !isUrgent(due.reason)) return false;
  const { nowMs, market } = work.seen;
  const orderId = routeOrderId(route);
  const order = orderId === null ? null : work.memory.orders[orderId] ?? null;
  const moved = makeUrgent(route, order, { reason: due.reason, nowMs });
  work.commands.push(...moved.commands);
  work.events.push(
    triggerRow({
      key,
      reason: due.reason,
      markPx: market.mark(guard.ticker)?.px ?? null,
      levelPx: due.levelPx,
      intentId: route.intentId,
    }),
    ...moved.events,
  );
  if (moved.order !== null && moved.order !== order) putOrder(work, moved.order);
  const armed = { ...guard, exit: { ...exit, reason: due.reason } };
  change(work, {
    routes: { ...work.memory.routes, [route.id]: moved.route },
    registry: { ...work.memory.registry, [key]: armed },
  });
  return true;
}
