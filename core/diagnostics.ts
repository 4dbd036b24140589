/**
 * What happened and whether it still happens: counters that continue across restarts, the funnel
 * from signal to fill minute by minute, and the watchers that tell silence from calm.
 */
import type { EngineEvent } from "./events.ts";
import {
  ENTRY_STEPS,
  type EntryCounts,
  type EntryStep,
  NO_ENTRIES,
  tallyOf,
  type Untaken,
} from "./tally.ts";
import type { Dict, PositionKey } from "./types.ts";
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "./units.ts";

export const BUCKET_MS = MS_PER_MINUTE;

/** One minute of the funnel: of entries, and what exits do is not in it. */
export type FunnelBucket = EntryCounts & {
  readonly signals: number;
  /** Trades of entries. */
  readonly fills: number;
  readonly vetoes: Dict<number>;
};
const EMPTY_BUCKET: FunnelBucket = { ...NO_ENTRIES, signals: 0, fills: 0, vetoes: {} };

/** Nested, so that what happens in a minute copies an hour and not a day. */
export type Buckets = Dict<Dict<FunnelBucket>>;

export type Counters = {
  readonly sinceMs: number | null;
  readonly totalSignals: number;
  /** Routes, of entries and exits, of which the venue took an order; each once. */
  readonly totalOrders: number;
  readonly totalFills: number;
  readonly totalMakerFills: number;
  readonly totalVetoes: number;
  /** Orders of exits that the venue refused; what rests is not among them. */
  readonly totalExitRefusals: number;
  readonly byReason: Dict<number>;
  readonly exitsByReason: Dict<number>;
  readonly lastSignalMs: number | null;
  readonly lastOrderMs: number | null;
  readonly lastVetoMs: number | null;
  readonly lastRouterMs: number | null;
  readonly lastExitTriggerMs: number | null;
  /** The newest entry that every gate let through. */
  readonly lastApprovedMs: number | null;
  /** The oldest such entry that no order, or nothing of the router, has followed since. */
  readonly unorderedMs: number | null;
  readonly unroutedMs: number | null;
  /** Routes under way of which the venue has taken no order, by the id of their wish. */
  readonly untaken: Dict<Untaken>;
  /** Key: start of the hour, then of the minute. */
  readonly buckets: Buckets;
};

export const EMPTY_COUNTERS: Counters = {
  sinceMs: null,
  totalSignals: 0,
  totalOrders: 0,
  totalFills: 0,
  totalMakerFills: 0,
  totalVetoes: 0,
  totalExitRefusals: 0,
  byReason: {},
  exitsByReason: {},
  lastSignalMs: null,
  lastOrderMs: null,
  lastVetoMs: null,
  lastRouterMs: null,
  lastExitTriggerMs: null,
  lastApprovedMs: null,
  unorderedMs: null,
  unroutedMs: null,
  untaken: {},
  buckets: {},
};

/** Counts what one tick did: each intent once, by its primary reason. */
export function countTick(
  counters: Counters,
  { nowMs, signals, events }: {
    nowMs: number;
    signals: number;
    events: readonly EngineEvent[];
  },
): Counters {
  const sinceMs = counters.sinceMs ?? nowMs;
  const tick = tallyOf(events, counters.untaken);
  if (!tick.anything && signals === 0) {
    return counters.sinceMs === null ? { ...counters, sinceMs } : counters;
  }
  const at = (happened: boolean, before: number | null) => happened ? nowMs : before;
  /** Since when something is owed: settled by what followed it, also within the tick. */
  const owed = (before: number | null, isSettled: boolean) =>
    isSettled ? null : before ?? at(tick.approved, null);
  const { bucket } = tick;
  const vetoCount = sum(bucket.vetoes);
  return {
    sinceMs,
    totalSignals: counters.totalSignals + signals,
    totalOrders: counters.totalOrders + tick.takenCount,
    totalFills: counters.totalFills + tick.fillsCount,
    totalMakerFills: counters.totalMakerFills + tick.makerFillsCount,
    totalVetoes: counters.totalVetoes + vetoCount,
    totalExitRefusals: counters.totalExitRefusals + tick.exitRefusals,
    byReason: addAll(counters.byReason, bucket.vetoes),
    exitsByReason: addAll(counters.exitsByReason, tick.exits),
    lastSignalMs: at(signals > 0, counters.lastSignalMs),
    lastOrderMs: at(tick.takenCount > 0, counters.lastOrderMs),
    lastVetoMs: at(vetoCount > 0, counters.lastVetoMs),
    lastRouterMs: at(tick.routed, counters.lastRouterMs),
    lastExitTriggerMs: at(tick.triggered, counters.lastExitTriggerMs),
    lastApprovedMs: at(tick.approved, counters.lastApprovedMs),
    unorderedMs: owed(counters.unorderedMs, tick.takenCount > 0),
    unroutedMs: owed(counters.unroutedMs, tick.routed),
    untaken: tick.untaken,
    buckets: intoBucket(counters.buckets, { ...bucket, signals }, nowMs),
  };
}

/** Adds to the minute of `nowMs`; hours older than a day go. */
export function intoBucket(
  buckets: Buckets,
  added: FunnelBucket,
  nowMs: number,
): Buckets {
  const stepsCount = ENTRY_STEPS.reduce((total, step) => total + added[step], 0);
  if (added.signals + added.fills + stepsCount + sum(added.vetoes) === 0) return buckets;
  const hour = startOf(nowMs, MS_PER_HOUR);
  const minute = startOf(nowMs, BUCKET_MS);
  const before = buckets[hour];
  const known = before?.[minute];
  const bucket = known === undefined ? added : join(known, added);
  const within = (key: string) => Number(key) + MS_PER_HOUR > nowMs - MS_PER_DAY;
  const kept = before === undefined
    ? Object.fromEntries(Object.entries(buckets).filter(([key]) => within(key)))
    : buckets;
  return { ...kept, [hour]: { ...before, [minute]: bucket } };
}

function startOf(atMs: number, spanMs: number): string {
  return String(Math.floor(atMs / spanMs) * spanMs);
}

/** What was counted in the minute that begins at `startMs`; null where nothing was. */
export function bucketAt(
  { buckets }: Pick<Counters, "buckets">,
  startMs: number,
): FunnelBucket | null {
  return buckets[startOf(startMs, MS_PER_HOUR)]?.[String(startMs)] ?? null;
}

function join(one: FunnelBucket, other: FunnelBucket): FunnelBucket {
  const entries = { ...NO_ENTRIES } as Record<EntryStep, number>;
  for (const step of ENTRY_STEPS) entries[step] = one[step] + other[step];
  return {
    ...entries,
    signals: one.signals + other.signals,
    fills: one.fills + other.fills,
    vetoes: addAll(one.vetoes, other.vetoes),
  };
}

function addAll(counts: Dict<number>, added: Dict<number>): Dict<number> {
  const entries = Object.entries(added);
  if (entries.length === 0) return counts;
  const result: Record<string, number> = { ...counts };
  for (const [key, n] of entries) result[key] = (result[key] ?? 0) + n;
  return result;
}

function sum(counts: Dict<number>): number {
  let total = 0;
  for (const n of Object.values(counts)) total += n;
  return total;
}

/**
 * The funnel of the last `windowMs`, or of the newest `signalsMaxCount` signals where those are
 * fewer: in whole minutes, and the instant at which the oldest of them begins.
 */
export function funnelOf(
  counters: Counters,
  nowMs: number,
  { windowMs, signalsMaxCount = Infinity }: { windowMs: number; signalsMaxCount?: number },
): { readonly funnel: FunnelBucket; readonly fromMs: number } {
  const vetoes: Record<string, number> = {};
  const total = { ...EMPTY_BUCKET, vetoes };
  const firstMs = Math.floor((nowMs - windowMs) / BUCKET_MS) * BUCKET_MS;
  let fromMs = Math.floor(nowMs / BUCKET_MS) * BUCKET_MS + BUCKET_MS;
  while (fromMs > firstMs && total.signals < signalsMaxCount) {
    fromMs -= BUCKET_MS;
    const bucket = bucketAt(counters, fromMs);
    if (bucket === null) continue;
    total.signals += bucket.signals;
    total.fills += bucket.fills;
    for (const step of ENTRY_STEPS) total[step] += bucket[step];
    for (const reason in bucket.vetoes) {
      vetoes[reason] = (vetoes[reason] ?? 0) + bucket.vetoes[reason]!;
    }
  }
  return { funnel: total, fromMs };
}

export type WatcherState = "ok" | "idle" | "warming" | "quiet" | "never" | "off";

/**
 * One watcher: how long ago its event was, and whether that is a worry. A process younger than the
 * threshold is warming up; expected silence is quiet; a threshold of 0 switches it off.
 */
export function watch(
  { lastMs, nowMs, limitMs, startedMs, expected }: {
    lastMs: number | null;
    nowMs: number;
    limitMs: number;
    startedMs: number;
    expected: boolean;
  },
): { readonly state: WatcherState; readonly idleMs: number | null } {
  const idleMs = lastMs === null ? null : Math.max(0, nowMs - lastMs);
  if (limitMs === 0) return { state: "off", idleMs };
  if (idleMs !== null && idleMs <= limitMs) return { state: "ok", idleMs };
  if (nowMs - startedMs < limitMs) return { state: "warming", idleMs };
  if (!expected) return { state: "quiet", idleMs };
  return { state: idleMs === null ? "never" : "idle", idleMs };
}

/** What can be wrong with the whole, in the words of surfaces and page. */
export type AccountItem =
  | "killed"
  | "engine_fault"
  | "entries_paused"
  | "starting"
  | "state_corrupt"
  | "freshness_budget"
  | "loop_slow"
  | "storage_failing"
  | "foreign_instance"
  | "flattening"
  | "positions_unknown"
  | "exit_scan_late"
  | "orders_unknown"
  | "position_quarantined"
  | "nav_stale"
  | "nav_jump"
  | "ledger_mismatch"
  | "caps_full"
  | "circuit_tripped"
  | "circuit_rebased"
  | "drawdown_latched"
  | "venue_failing"
  | "drawdown_near"
  | "dd_flap"
  | "daily_loss_near"
  | "daily_loss_hit"
  | "rolling_loss_near"
  | "rolling_loss_hit"
  | "var_breach"
  | "cvar_breach"
  | "risk_halted"
  | "risk_defensive"
  | "risk_warn"
  | "veto_storm"
  | "router_weak"
  | "idle_signals"
  | "idle_orders"
  | "idle_exits"
  | "idle_router"
  | "surface_stale"
  | "surface_cross"
  | "nonfinite_dropped"
  | "invalid_events"
  | "nav_regressed"
  | "torn_files"
  | "restarted"
  | "treasury_stale";

/** What can be wrong with one leg. */
export type LegItem =
  | "symbol_unlisted"
  | "price_missing"
  | "pos_unprotected"
  | "stop_not_resting"
  | "adopted"
  | "seed_breached"
  | "adjusted"
  | "exit_due"
  | "exit_forced"
  | "pnl_mismatch";

export type AttentionLevel = "info" | "warn" | "critical";
/** Something an operator must know, for as long as it is true. */
export type Attention = {
  readonly id: AccountItem | `${LegItem}:${PositionKey}`;
  readonly level: AttentionLevel;
  readonly args: readonly (string | number | null)[];
};

/** Keeps the instant since when each item has been true. */
export function sinceWhen(
  before: Dict<number>,
  items: readonly { readonly id: string }[],
  nowMs: number,
): Dict<number> {
  const kept: Record<string, number> = {};
  for (const { id } of items) kept[id] = before[id] ?? nowMs;
  const keys = Object.keys(kept);
  const same = keys.length === Object.keys(before).length && keys.every((key) => key in before);
  return same ? before : kept;
}
