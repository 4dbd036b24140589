/**
 * What rests at the venue for our legs: the right stop, the right target, nothing without a leg. What
 * was acknowledged is looked for in every reading; two that do not show it, and it is placed anew.
 */
import { sortedEntries } from "./dict.ts";
import type { Guard } from "./exits/registry.ts";
import { isForsaken, type StopSight, tendStop } from "./exits/stops.ts";
import { tendTarget } from "./exits/targets.ts";
import { startExit } from "./leaving.ts";
import type { Sighting } from "./memory.ts";
import type { NewOrder } from "./ports.ts";
import { isReadingFresh, isStopMissing, legMarkPx } from "./reading.ts";
import { cancelOrder, type Order, questionOrder, sendOrder } from "./router/orders.ts";
import { type Account, type PositionKey, positionKey } from "./types.ts";
import { MS_PER_SECOND } from "./units.ts";
import { change, putOrder, type Work } from "./work.ts";

/** An acknowledged order must show up among the open ones within this time. */
const SHOW_UP_MS = 5 * MS_PER_SECOND;
/** So many readings in a row without a stop that rested, and it is taken for gone. */
const MISSED_MAX_COUNT = 2;
/** Readings count as two when they are so far apart. */
const APART_MS = MS_PER_SECOND;

/** What the venue acknowledged is looked for; an order it does not show any more is asked about. */
export function checkResting(work: Work): void {
  const { account, nowMs } = work.seen;
  if (account.kind === "failed" || !isReadingFresh(work.seen)) return;
  const shown = new Set(account.value.openOrders.map(({ clientId }) => clientId));
  noteSightings(work, account.value, shown);
  for (const [, order] of sortedEntries(work.memory.orders)) {
    const quiet = order.state === "open" && order.query === null && order.ackMs !== null &&
      account.value.atMs - order.ackMs > SHOW_UP_MS;
    if (quiet && !shown.has(order.clientId)) putOrder(work, questionOrder(order, nowMs));
  }
}

/** Looks for the stops and targets that should rest. */
function noteSightings(
  work: Work,
  { positions, atMs }: Account,
  shown: ReadonlySet<string>,
): void {
  const { registry, orders, pulse } = work.memory;
  const sightings: Record<string, Sighting> = {};
  const legs = new Set(positions.map(({ ticker, side }) => positionKey(ticker, side)));
  for (const [key, { stop, bridge, target }] of sortedEntries(registry)) {
    for (const wanted of [stop, bridge, target]) {
      const order = wanted === null ? undefined : orders[wanted.clientId];
      if (order === undefined) continue;
      const sighting = look(order, pulse.sightings[order.clientId] ?? null, {
        isShown: shown.has(order.clientId),
        isOpen: legs.has(key),
        atMs,
      });
      if (sighting !== null) sightings[order.clientId] = sighting;
    }
  }
  change(work, { pulse: { ...pulse, sightings } });
}

/** A leg that is not shown itself says nothing about its stop: it may just have been closed by it. */
function look(
  { ackMs }: Order,
  before: Sighting | null,
  { isShown, isOpen, atMs }: { isShown: boolean; isOpen: boolean; atMs: number },
): Sighting | null {
  if (isShown) return { seenMs: atMs, missedCount: 0, missedMs: null };
  if (before === null && (ackMs === null || atMs - ackMs <= SHOW_UP_MS)) return null;
  const missedMs = before?.missedMs ?? null;
  if (!isOpen || (missedMs !== null && atMs - missedMs < APART_MS)) return before;
  return {
    seenMs: before?.seenMs ?? null,
    missedCount: (before?.missedCount ?? 0) + 1,
    missedMs: atMs,
  };
}

/** A stop that was missed once wants a second look. */
export function sightingDeadlines({ memory: { pulse } }: Work): number[] {
  return Object.values(pulse.sightings).flatMap(({ missedCount, missedMs }) =>
    missedMs === null || missedCount >= MISSED_MAX_COUNT ? [] : [missedMs + APART_MS]
  );
}

/** The right stop rests for every leg, and none without a leg. */
export function tendStops(work: Work): void {
  const { seen, rules } = work;
  if (!rules.exits.venueStops) return;
  for (const [key, guard] of sortedEntries(work.memory.registry)) {
    const market = seen.market.market(guard.ticker);
    if (market === null || guard.flatSinceMs !== null) continue;
    const { lineage } = work.memory;
    const move = tendStop(guard, restingSight(work, guard.stop), {
      market,
      markPx: legMarkPx(seen, guard),
      bridge: restingSight(work, guard.bridge),
      lineage,
      nowMs: seen.nowMs,
      graceMs: rules.exits.unprotectedGraceMs,
    });
    if (move.kind === "note") {
      change(work, { registry: { ...work.memory.registry, [key]: move.guard } });
    } else if (move.kind === "place" || move.kind === "bridge") {
      sendResting(work, key, move, move.kind === "place" ? "stop" : "bridge");
    } else if (move.kind === "cancel") cancelById(work, move.clientId, "stop_moved");
    else if (move.kind === "due" && guard.exit === null) {
      startExit(work, key, guard, { reason: "sl", levelPx: guard.levels.slPx });
    }
  }
  cancelOrphans(work);
  flattenForsaken(work);
}

/** The right target rests for every leg, where that is wanted; elsewhere none stays. */
export function tendTargets(work: Work): void {
  const { seen, rules } = work;
  for (const [key, guard] of sortedEntries(work.memory.registry)) {
    if (!rules.exits.venueTargets) {
      if (guard.target !== null) cancelById(work, guard.target.clientId, "target_unwanted");
      continue;
    }
    const market = seen.market.market(guard.ticker);
    if (market === null || guard.flatSinceMs !== null || guard.isProvisional) continue;
    const { lineage } = work.memory;
    const sight = restingSight(work, guard.target);
    const move = tendTarget(guard, sight, { market, lineage, nowMs: seen.nowMs });
    if (move.kind === "place") sendResting(work, key, move, "target");
    else if (move.kind === "cancel") cancelById(work, move.clientId, "target_moved");
  }
}

/** Sends a stop or a target and remembers it as the one that should rest. */
function sendResting(
  work: Work,
  key: PositionKey,
  { order, guard }: { order: NewOrder; guard: Guard },
  purpose: "stop" | "bridge" | "target",
): void {
  const { nowMs } = work.seen;
  const sent = sendOrder(order, { intentId: null, ownerId: key, nowMs, purpose, submission: null });
  putOrder(work, sent.order);
  work.commands.push(sent.command);
  work.events.push(sent.event);
  change(work, { registry: { ...work.memory.registry, [key]: guard } });
}

/** How the stop or target that should rest stands. */
export function restingSight(work: Work, wanted: Guard["stop"]): StopSight {
  if (wanted === null) return null;
  const order = work.memory.orders[wanted.clientId];
  if (order === undefined) return { alive: false, resting: false, missed: false, rejected: null };
  const missedCount = work.memory.pulse.sightings[order.clientId]?.missedCount ?? 0;
  const alive = order.state !== "done" && missedCount < MISSED_MAX_COUNT &&
    !isStopMissing(work.seen, order);
  const resting = alive && missedCount === 0 && order.ackMs !== null;
  return { alive, resting, missed: missedCount > 0, rejected: order.rejectCode };
}

/** A leg of ours for which no stop can be placed is not kept: better flat than naked. */
function flattenForsaken(work: Work): void {
  const { seen, rules } = work;
  const { unprotectedGraceMs: graceMs, flattenUnprotected } = rules.exits;
  if (!flattenUnprotected) return;
  for (const [key, guard] of sortedEntries(work.memory.registry)) {
    if (!isForsaken(guard, { nowMs: seen.nowMs, graceMs }) || isCovered(work, guard)) continue;
    startExit(work, key, guard, { reason: "unprotected", levelPx: guard.levels.slPx });
  }
}

/** True where a closing stop rests for the leg, whoever placed it: the venue takes one, not two. */
function isCovered({ seen: { account } }: Work, { ticker, side }: Guard): boolean {
  return account.kind === "read" &&
    account.value.openOrders.some((order) =>
      order.kind === "stop_market" && order.effect === "close" && order.ticker === ticker &&
      order.side === side
    );
}

/** A protective order whose leg is gone must not stay: it is cancelled until the venue agrees. */
function cancelOrphans(work: Work): void {
  for (const [, order] of sortedEntries(work.memory.orders)) {
    if (order.stopTicks === null) continue;
    const guard = work.memory.registry[order.ownerId as PositionKey];
    const isWanted = [guard?.stop, guard?.bridge, guard?.target]
      .some((wanted) => wanted?.clientId === order.clientId);
    if (isWanted) continue;
    cancelById(work, order.clientId, guard === undefined ? "leg_flat" : "replaced");
  }
}

function cancelById(work: Work, clientId: string, reason: string): void {
  const order = work.memory.orders[clientId];
  if (order === undefined) return;
  const cancelled = cancelOrder(order, { nowMs: work.seen.nowMs, reason });
  work.commands.push(...cancelled.commands);
  work.events.push(...cancelled.events);
  if (cancelled.order !== order) putOrder(work, cancelled.order);
}
