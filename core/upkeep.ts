/**
 * Keeps the books of what is open: book against venue, levels against legs. Runs on every tick,
 * before anything that could add risk.
 */
import { keep, sortedEntries, sortedKeys, without } from "./dict.ts";
import { askForTrades } from "./absorb.ts";
import { rememberClose } from "./closes.ts";
import { differenceDeadlineMs, reconcile } from "./exits/reconcile.ts";
import {
  awaitFlat,
  follow,
  type Guard,
  inherit,
  levelsRow,
  reseed,
  seed,
  trackExtremes,
  wantsLevels,
} from "./exits/registry.ts";
import { stopDeadlineMs } from "./exits/stops.ts";
import { targetDeadlineMs } from "./exits/targets.ts";
import type { EngineEvent } from "./events.ts";
import { atr } from "./indicators.ts";
import { freshPx, isReadingFresh, isShownFlat, legMarkPx } from "./reading.ts";
import { restingSight, sightingDeadlines } from "./resting.ts";
import { isSettled, isUnderWay } from "./router/orders.ts";
import type { PositionKey, Ticker } from "./types.ts";
import { change, type Work } from "./work.ts";
import { MS_PER_HOUR, MS_PER_SECOND } from "./units.ts";

/** A symbol rests for as long after a difference that no trade explains. */
const ADJUSTED_REST_MS = 60 * MS_PER_SECOND;
/** While a reading has to say that a leg has gone, it is looked for this often. */
const LOOK_MS = MS_PER_SECOND;

/** Book against venue; current readings only: an old one is no evidence of anything. */
export function reconcileBook(work: Work): void {
  const { account, nowMs } = work.seen;
  if (account.kind === "failed" || !isReadingFresh(work.seen)) return;
  const { holdings, differences, registry, tempo: { lastFillMs } } = work.memory;
  const markPx = (ticker: Ticker) => freshPx(work.seen.market.mark(ticker), nowMs);
  const sight = { registry, lastFillMs, markPx, nowMs };
  const result = reconcile({ holdings, differences }, account.value, sight);
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

/**
 * Every leg has levels; levels without a leg go, once a reading of the account shows that it has
 * gone: what the book alone calls flat may still be there, and only its stop would know.
 */
export function tendRegistry(work: Work): void {
  for (const key of sortedKeys(work.memory.holdings)) tendLevels(work, key);
  const { nowMs } = work.seen;
  for (const [key, guard] of sortedEntries(work.memory.registry)) {
    if (work.memory.holdings[key] !== undefined) continue;
    if (isShownFlat(work.seen, guard, guard.flatSinceMs ?? nowMs)) {
      work.events.push(levelsRow(guard, "removed"));
      change(work, { registry: without(work.memory.registry, key) });
    } else if (guard.flatSinceMs === null) putGuard(work, key, awaitFlat(guard, nowMs));
  }
}

function tendLevels(work: Work, key: PositionKey): void {
  const { memory, seen, rules } = work;
  const holding = memory.holdings[key]!;
  const known = memory.registry[key];
  const markPx = legMarkPx(seen, holding);
  const sight = () => ({ markPx, atr: measuredAtr(work, key), nowMs: seen.nowMs });
  if (known === undefined || known.episodeId !== holding.episodeId) {
    const { guard, event } = seed(holding, sight(), rules.exits);
    if (known !== undefined) work.events.push(levelsRow(known, "removed"));
    work.events.push(event);
    const isOpen = (clientId: string) => isUnderWay(memory.orders[clientId]);
    return putGuard(work, key, known === undefined ? guard : inherit(guard, known, isOpen));
  }
  let guard = follow(known, holding, seen.nowMs);
  if (wantsLevels(guard, markPx)) {
    const made = reseed(guard, holding, sight(), rules.exits);
    guard = made.guard;
    work.events.push(made.event);
  }
  const next = markPx === null ? guard : trackExtremes(guard, markPx);
  if (next !== known) putGuard(work, key, next);
}

function putGuard(work: Work, key: PositionKey, guard: Guard): void {
  change(work, { registry: { ...work.memory.registry, [key]: guard } });
}

/** Forgets what can no longer matter: settled orders nobody waits for, times that have passed. */
export function prune(work: Work): void {
  const { memory, seen } = work;
  const resting = new Set(
    Object.values(memory.registry).flatMap(({ stop, bridge, target }) => [
      stop?.clientId,
      bridge?.clientId,
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
  const deadlines: (number | null)[] = [
    differenceDeadlineMs(memory.differences),
    ...sightingDeadlines(work),
  ];
  for (const guard of Object.values(memory.registry)) {
    if (guard.flatSinceMs !== null) {
      deadlines.push(work.seen.nowMs + LOOK_MS);
      continue;
    }
    deadlines.push(stopDeadlineMs(guard, restingSight(work, guard.stop)));
    if (work.rules.exits.venueTargets) {
      deadlines.push(targetDeadlineMs(guard, restingSight(work, guard.target)));
    }
    const { maxHoldMs } = guard.levels;
    if (maxHoldMs !== null && guard.exit === null) deadlines.push(guard.openedMs + maxHoldMs);
  }
  return deadlines;
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
