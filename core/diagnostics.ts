/**
 * What happened and whether it still happens: counters that continue across restarts, the funnel
 * from signal to fill in five-minute buckets, and the watchers that tell silence from calm.
 */
import type { EngineEvent } from "./events.ts";
import type { Dict } from "./types.ts";
import { MS_PER_DAY, MS_PER_MINUTE } from "./units.ts";

export const BUCKET_MS = 5 * MS_PER_MINUTE;

/** One five-minute bucket of the funnel. */
export type FunnelBucket = {
  readonly signals: number;
  readonly orders: number;
  readonly fills: number;
  readonly failed: number;
  readonly vetoes: Dict<number>;
};
const EMPTY_BUCKET: FunnelBucket = { signals: 0, orders: 0, fills: 0, failed: 0, vetoes: {} };

export type Counters = {
  readonly sinceMs: number | null;
  readonly totalSignals: number;
  readonly totalOrders: number;
  readonly totalFills: number;
  readonly totalMakerFills: number;
  readonly totalVetoes: number;
  readonly byReason: Dict<number>;
  readonly exitsByReason: Dict<number>;
  readonly lastSignalMs: number | null;
  readonly lastOrderMs: number | null;
  readonly lastVetoMs: number | null;
  readonly lastRouterMs: number | null;
  readonly lastExitTriggerMs: number | null;
  /** Key: start of the bucket. */
  readonly buckets: Dict<FunnelBucket>;
};

export const EMPTY_COUNTERS: Counters = {
  sinceMs: null,
  totalSignals: 0,
  totalOrders: 0,
  totalFills: 0,
  totalMakerFills: 0,
  totalVetoes: 0,
  byReason: {},
  exitsByReason: {},
  lastSignalMs: null,
  lastOrderMs: null,
  lastVetoMs: null,
  lastRouterMs: null,
  lastExitTriggerMs: null,
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
  let next = counters.sinceMs === null ? { ...counters, sinceMs: nowMs } : counters;
  if (signals > 0) {
    next = { ...next, totalSignals: next.totalSignals + signals, lastSignalMs: nowMs };
    next = inBucket(next, nowMs, (bucket) => ({ ...bucket, signals: bucket.signals + signals }));
  }
  for (const event of events) next = countEvent(next, event, nowMs);
  return next;
}

function countEvent(counters: Counters, event: EngineEvent, nowMs: number): Counters {
  switch (event.kind) {
    case "veto": {
      const { reason } = event;
      const counted = {
        ...counters,
        totalVetoes: counters.totalVetoes + 1,
        byReason: add(counters.byReason, reason),
        lastVetoMs: nowMs,
      };
      const count = (bucket: FunnelBucket) => ({ ...bucket, vetoes: add(bucket.vetoes, reason) });
      return inBucket(counted, nowMs, count);
    }
    case "order_attempt": {
      const counted = { ...counters, totalOrders: counters.totalOrders + 1, lastOrderMs: nowMs };
      return inBucket(counted, nowMs, (bucket) => ({ ...bucket, orders: bucket.orders + 1 }));
    }
    case "order_fill": {
      const counted = {
        ...counters,
        totalFills: counters.totalFills + 1,
        totalMakerFills: counters.totalMakerFills + (event.maker ? 1 : 0),
        lastRouterMs: nowMs,
      };
      return inBucket(counted, nowMs, (bucket) => ({ ...bucket, fills: bucket.fills + 1 }));
    }
    case "route_end": {
      const counted = { ...counters, lastRouterMs: nowMs };
      if (event.filledLots > 0) return counted;
      return inBucket(counted, nowMs, (bucket) => ({ ...bucket, failed: bucket.failed + 1 }));
    }
    case "order_submit":
    case "order_cancel":
      return { ...counters, lastRouterMs: nowMs };
    case "exit_trigger":
      return { ...counters, lastExitTriggerMs: nowMs };
    case "episode_end":
      return { ...counters, exitsByReason: add(counters.exitsByReason, event.exitReason) };
    default:
      return counters;
  }
}

function inBucket(
  counters: Counters,
  nowMs: number,
  change: (bucket: FunnelBucket) => FunnelBucket,
): Counters {
  const start = String(Math.floor(nowMs / BUCKET_MS) * BUCKET_MS);
  const known = counters.buckets[start];
  if (known !== undefined) {
    return { ...counters, buckets: { ...counters.buckets, [start]: change(known) } };
  }
  const buckets: Record<string, FunnelBucket> = {};
  for (const [key, bucket] of Object.entries(counters.buckets)) {
    if (Number(key) > nowMs - MS_PER_DAY) buckets[key] = bucket;
  }
  buckets[start] = change(EMPTY_BUCKET);
  return { ...counters, buckets };
}

function add(counts: Dict<number>, key: string): Dict<number> {
  return { ...counts, [key]: (counts[key] ?? 0) + 1 };
}

/** The funnel of the last `windowMs`. */
export function funnelOf({ buckets }: Counters, nowMs: number, windowMs: number): FunnelBucket {
  let sum = EMPTY_BUCKET;
  for (const [start, bucket] of Object.entries(buckets)) {
    if (Number(start) + BUCKET_MS <= nowMs - windowMs) continue;
    const vetoes: Record<string, number> = { ...sum.vetoes };
    for (const [reason, n] of Object.entries(bucket.vetoes)) {
      vetoes[reason] = (vetoes[reason] ?? 0) + n;
    }
    sum = {
      signals: sum.signals + bucket.signals,
      orders: sum.orders + bucket.orders,
      fills: sum.fills + bucket.fills,
      failed: sum.failed + bucket.failed,
      vetoes,
    };
  }
  return sum;
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

export type AttentionLevel = "info" | "warn" | "critical";
/** Something an operator must know, for as long as it is true. */
export type Attention = {
  readonly id: string;
  readonly level: AttentionLevel;
  readonly args: readonly (string | number | null)[];
};

/** Keeps the instant since when each item has been true. */
export function sinceWhen(
  before: Dict<number>,
  items: readonly Attention[],
  nowMs: number,
): Dict<number> {
  const kept: Record<string, number> = {};
  for (const { id } of items) kept[id] = before[id] ?? nowMs;
  const keys = Object.keys(kept);
  const same = keys.length === Object.keys(before).length && keys.every((key) => key in before);
  return same ? before : kept;
}
