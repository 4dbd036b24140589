/**
 * Keeps every open leg protected: book against venue, levels against legs, stops that should rest.
 * Runs on every tick, before anything that could add risk.
 */
import { keep, sortedEntries, sortedKeys, without } from "./dict.ts";
import { askForTrades } from "./absorb.ts";
import { rememberClose } from "./closes.ts";
import { differenceDeadlineMs, reconcile } from "./exits/reconcile.ts";
import { follow, type Guard, levelsRow, seed, trackExtremes } from "./exits/registry.ts";
import { isFresh } from "./exits/scan.ts";
import { isForsaken, stopDeadlineMs, type StopSight, tendStop } from "./exits/stops.ts";
import { targetDeadlineMs, tendTarget } from "./exits/targets.ts";
import { startExit } from "./leaving.ts";
import type { EngineEvent } from "./events.ts";
import type { NewOrder } from "./ports.ts";
import { atr } from "./indicators.ts";
import { isReadingFresh, isStopMissing } from "./reading.ts";
import { cancelOrder, isSettled, questionOrder, sendOrder } from "./router/orders.ts";
import type { PositionKey } from "./types.ts";
import { change, putOrder, type Work } from "./work.ts";
import { MS_PER_HOUR, MS_PER_SECOND } from "./units.ts";

/** An acknowledged order must show up among the open ones within this time. */
const SHOW_UP_MS = 5 * MS_PER_SECOND;
/** A symbol rests for as long after a difference that no trade explains. */
const ADJUSTED_REST_MS = 60 * MS_PER_SECOND;

/** Book against venue; current readings only: an old one is no evidence of anything. */
export function reconcileBook(work: Work): void {
  const { account, nowMs } = work.seen;
  if (account.kind === "failed" || !isReadingFresh(work.seen)) return;
  const { holdings, differences, tempo: { lastFillMs } } = work.memory;
  const result = reconcile({ holdings, differences, lastFillMs }, account.value, nowMs);
  for (const ticker of result.ask) askForTrades(work, ticker);
  work.events.push(...result.events);
  change(work, { holdings: result.holdings, differences: result.differences });
  restAdjusted(work, result.events);
  result.closes.forEach((close, i) => rememberClose(work, close, -1 - i));
}

/** Where the book had to be corrected without knowing why, nothing is added for a while. */
function restAdjusted(work: Work, events: readonly EngineEvent[]): void {
  const { nowMs } = work.seen;
  for (const event of events) {
    if (event.kind !== "adjustment") continue;
    const ticker = event.key.slice(0, event.key.indexOf(":"));
    const { tempo } = work.memory;
    const untilMs = Math.max(nowMs + ADJUSTED_REST_MS, tempo.cooldownUntilMs[ticker] ?? 0);
    const cooldownUntilMs = { ...tempo.cooldownUntilMs, [ticker]: untilMs };
    change(work, { tempo: { ...tempo, cooldownUntilMs } });
  }
}

/** Every leg has levels; levels without a leg go. */
export function tendRegistry(work: Work): void {
  const { memory, seen, rules } = work;
  let { registry } = memory;
  for (const key of sortedKeys(memory.holdings)) {
    const holding = memory.holdings[key]!;
    const known = registry[key];
    const mark = seen.market.mark(holding.ticker);
    const markPx = isFresh(mark, seen.nowMs) ? mark.px : null;
    if (known !== undefined && known.episodeId === holding.episodeId) {
      const followed = follow(known, holding, seen.nowMs);
      const next = markPx === null ? followed : trackExtremes(followed, markPx);
      if (next !== known) registry = { ...registry, [key]: next };
      continue;
    }
    const sight = { markPx, atr: measuredAtr(work, key), nowMs: seen.nowMs };
    const { guard, event } = seed(holding, sight, rules.exits);
    work.events.push(event);
    registry = { ...registry, [key]: guard };
  }
  for (const key of sortedKeys(registry)) {
    if (memory.holdings[key] !== undefined) continue;
    work.events.push(levelsRow(registry[key]!, "removed"));
    registry = without(registry, key);
  }
  if (registry !== memory.registry) change(work, { registry });
}

/** The right stop rests for every leg, and none without a leg. */
export function tendStops(work: Work): void {
  const { seen, rules } = work;
  if (!rules.exits.venueStops) return;
  for (const [key, guard] of sortedEntries(work.memory.registry)) {
    const market = seen.market.market(guard.ticker);
    if (market === null) continue;
    const { lineage } = work.memory;
    const move = tendStop(guard, restingSight(work, guard.stop), {
      market,
      lineage,
      nowMs: seen.nowMs,
      graceMs: rules.exits.unprotectedGraceMs,
    });
    if (move.kind === "rests") {
      change(work, { registry: { ...work.memory.registry, [key]: move.guard } });
    } else if (move.kind === "place") {
      sendResting(work, key, move, "stop");
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
    if (market === null) continue;
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
  purpose: "stop" | "target",
): void {
  const { nowMs } = work.seen;
  const sent = sendOrder(order, { intentId: null, ownerId: key, nowMs, purpose, submission: null });
  putOrder(work, sent.order);
  work.commands.push(sent.command);
  work.events.push(sent.event);
  change(work, { registry: { ...work.memory.registry, [key]: guard } });
}

/** An order the venue acknowledged but does not show any more is asked about. */
export function checkResting(work: Work): void {
  const { account, nowMs } = work.seen;
  if (account.kind === "failed" || !isReadingFresh(work.seen)) return;
  const shown = new Set(account.value.openOrders.map(({ clientId }) => clientId));
  for (const [, order] of sortedEntries(work.memory.orders)) {
    const quiet = order.state === "open" && order.query === null && order.ackMs !== null &&
      account.value.atMs - order.ackMs > SHOW_UP_MS;
    if (quiet && !shown.has(order.clientId)) putOrder(work, questionOrder(order, nowMs));
  }
}

/** Forgets what can no longer matter: settled orders nobody waits for, times that have passed. */
export function prune(work: Work): void {
  const { memory, seen } = work;
  const resting = new Set(
    Object.values(memory.registry).flatMap(({ stop, target }) => [
      stop?.clientId,
      target?.clientId,
    ]),
  );
  const orders = keep(
    memory.orders,
    (order) =>
      !isSettled(order) || memory.routes[order.ownerId] !== undefined ||
      resting.has(order.clientId),
  );
  if (orders !== memory.orders) change(work, { orders });
  const { tempo } = memory;
  const cooldownUntilMs = keep(tempo.cooldownUntilMs, (untilMs) => untilMs > seen.nowMs);
  if (cooldownUntilMs !== tempo.cooldownUntilMs) {
    change(work, { tempo: { ...tempo, cooldownUntilMs } });
  }
}

/** Instants at which legs, levels and stops want a tick of their own. */
export function upkeepDeadlines(work: Work): (number | null)[] {
  const { memory } = work;
  const deadlines: (number | null)[] = [differenceDeadlineMs(memory.differences)];
  for (const guard of Object.values(memory.registry)) {
    deadlines.push(stopDeadlineMs(guard, restingSight(work, guard.stop)));
    if (work.rules.exits.venueTargets) {
      deadlines.push(targetDeadlineMs(guard, restingSight(work, guard.target)));
    }
    const { maxHoldMs } = guard.levels;
    if (maxHoldMs !== null && guard.exit === null) deadlines.push(guard.openedMs + maxHoldMs);
  }
  return deadlines;
}

/** How the stop or target that should rest stands. */
export function restingSight(work: Work, wanted: Guard["stop"]): StopSight {
  if (wanted === null) return null;
  const order = work.memory.orders[wanted.clientId];
  if (order === undefined) return { alive: false, resting: false, rejected: null };
  const alive = order.state !== "done" && !isStopMissing(work.seen, order);
  return { alive, resting: alive && order.ackMs !== null, rejected: order.rejectCode };
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
    if (!order.closePosition) continue;
    const guard = work.memory.registry[order.ownerId as PositionKey];
    const isWanted = guard?.stop?.clientId === order.clientId ||
      guard?.target?.clientId === order.clientId;
    if (!isWanted) cancelById(work, order.clientId, "leg_flat");
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

/** The true range of the hour (or of the feed's own candles); null while history is short. */
function measuredAtr({ past, memory, rules }: Work, key: PositionKey): number | null {
  const bars = past.history.series(memory.holdings[key]!.ticker, MS_PER_HOUR);
  const { atrLookback } = rules.exits;
  if (bars === null || bars.length <= atrLookback) return null;
  const column = (field: "high" | "low" | "close") => bars.column(field, atrLookback + 1);
  const range = atr(
    { high: column("high"), low: column("low"), close: column("close") },
    atrLookback,
  );
  return range > 0 ? range : null;
}
