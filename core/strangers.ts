/**
 * Orders that the venue shows and nobody here remembers. Of this engine's own, a stop of a leg that
 * has none is taken up again and the rest is taken back; another engine's on the same account stop
 * entries, because two of them would spend the same margin; a human's are left alone.
 */
import { lineageOf } from "./ids.ts";
import { isReadingFresh } from "./reading.ts";
import { hearOrder, sendOrder } from "./router/orders.ts";
import { type Dict, positionKey, type VenueOrder } from "./types.ts";
import { MS_PER_SECOND } from "./units.ts";
import { restingSight } from "./resting.ts";
import { change, putOrder, type Work } from "./work.ts";

/** A reading may be a little behind: what it shows for as long as this is really there. */
const SHOWN_MS = 5 * MS_PER_SECOND;

/** Looks at what a fresh reading shows; an old or a failed one is no evidence of anything. */
export function meetStrangers(work: Work): void {
  const { account, nowMs } = work.seen;
  if (account.kind === "failed" || !isReadingFresh(work.seen)) return;
  const unknown = account.value.openOrders.filter(({ clientId }) =>
    work.memory.orders[clientId] === undefined
  );
  if (unknown.length === 0 && Object.keys(work.memory.strangers).length === 0) return;
  const sinceMs: Record<string, number> = {};
  for (const { clientId } of unknown) sinceMs[clientId] = work.memory.strangers[clientId] ?? nowMs;
  for (const order of unknown) {
    if (nowMs - sinceMs[order.clientId]! < SHOWN_MS) continue;
    if (lineageOf(order.clientId) !== work.memory.lineage) continue;
    if (takeUp(work, order)) delete sinceMs[order.clientId];
    else {
      takeBack(work, order);
      sinceMs[order.clientId] = nowMs;
    }
  }
  if (!isSame(sinceMs, work.memory.strangers)) change(work, { strangers: sinceMs });
}

/** When a stranger has been shown for long enough to be dealt with. */
export function strangerDeadlines({ strangers }: { strangers: Dict<number> }): number[] {
  return Object.values(strangers).map((sinceMs) => sinceMs + SHOWN_MS);
}

/**
 * True where the order is the stop that a leg of ours is missing: it is remembered again. One with a
 * quantity was a bridge: it closes what the leg held then, and is taken back.
 */
function takeUp(work: Work, shown: VenueOrder): boolean {
  const { ticker, side, effect, kind, clientId, stopTicks, lots } = shown;
  const key = positionKey(ticker, side);
  const guard = work.memory.registry[key];
  if (guard === undefined || kind !== "stop_market" || effect !== "close") return false;
  if (stopTicks === null || lots > 0 || restingSight(work, guard.stop)?.alive) return false;
  const { nowMs } = work.seen;
  const { order } = sendOrder({
    clientId,
    ticker,
    side,
    effect,
    kind,
    tif: null,
    lots: 0,
    priceTicks: null,
    stopTicks,
    closePosition: true,
    leverage: 1,
  }, { intentId: null, ownerId: key, nowMs, purpose: "stop", submission: null });
  const [resting, events] = hearOrder(order, { kind: "ack", clientId, atMs: nowMs });
  putOrder(work, resting);
  work.events.push(...events);
  const stop = { clientId, stopTicks };
  const registry = { ...work.memory.registry, [key]: { ...guard, stop, nakedSinceMs: null } };
  change(work, { registry });
  return true;
}

function takeBack({ commands, events }: Work, shown: VenueOrder): void {
  const { clientId, ticker, side, effect } = shown;
  commands.push({ kind: "cancel", clientId, ticker });
  events.push({
    kind: "order_cancel",
    clientId,
    intentId: null,
    ticker,
    side,
    effect,
    reason: "unknown_order",
  });
}

function isSame(one: Dict<number>, other: Dict<number>): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
