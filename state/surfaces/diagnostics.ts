/** `diagnostics.json`: what happened, whether it still happens, and what needs attention. */
import { z } from "zod";
import { attentionOf } from "../../core/attention.ts";
import { BUCKET_MS, funnelOf, watch, type WatcherState } from "../../core/diagnostics.ts";
import { sortedEntries } from "../../core/dict.ts";
import { hasMismatch } from "../../core/exits/ledger.ts";
import { signOf } from "../../core/types.ts";
import { MS_PER_HOUR, MS_PER_SECOND } from "../../core/units.ts";
import { reconciliationOf } from "./positions.ts";
import {
  count,
  envelopeShape,
  fraction,
  iso,
  isoOrNull,
  isoTime,
  maybe,
  maybeTime,
  type Published,
  side,
  symbol,
} from "./surface.ts";

const RECENT_EXITS = 6;

const Counts = z.record(z.string(), count);
const Funnel = z.strictObject({
  signals: count,
  vetoed: count,
  scored_out: count,
  orders: count,
  fills: count,
  failed: count,
});
const Stage = z.strictObject({
  ok: z.boolean(),
  ms: z.number().min(0).nullable(),
  error: z.string().optional(),
});
const idle = z.number().min(0).nullable();

export const Diagnostics = z.strictObject({
  ...envelopeShape,
  engine_version: z.string(),
  runtime_diagnostics: z.strictObject({
    veto_counters: z.strictObject({
      by_reason: Counts,
      total_signals: count,
      total_orders: count,
      total_fills: count,
      total_maker_fills: count,
      total_vetoes: count,
      last_signal_ts: maybeTime,
      last_order_ts: maybeTime,
      last_veto_ts: maybeTime,
      since_ts: maybeTime,
      window: z.strictObject({
        seconds: z.number().positive(),
        by_reason: Counts,
        funnel: Funnel,
      }),
      /** Vetoes by reason in five-minute buckets of the last hour, oldest first. */
      heat: z.strictObject({
        bucket_s: count,
        from_ts: isoTime,
        rows: z.array(z.strictObject({ reason: z.string(), counts: z.array(count), total: count })),
      }),
    }),
    exit_pipeline: z.strictObject({
      last_exit_scan_ts: maybeTime,
      last_exit_trigger_ts: maybeTime,
      last_router_event_ts: maybeTime,
      open_positions_count: count,
      tp_sl_registered_count: count,
      tp_sl_missing_count: count,
      underwater_without_tp_sl_count: count,
      tp_sl_coverage_pct: fraction,
      ledger_registry_mismatch: z.boolean(),
      mismatch_breakdown: z.strictObject({
        missing_ledger_positions: count,
        ghost_ledger_entries: count,
        missing_tp_sl_entries: count,
        stale_tp_sl_entries: count,
      }),
      read_ok: z.boolean(),
      scan_ok: z.boolean(),
      unprotected_count: count,
      missing_sl_count: count,
      price_missing_count: count,
      exits_in_flight: count,
      exits_by_reason: Counts,
      /** The last positions that were closed, newest first. */
      recent_exits: z.array(z.strictObject({
        symbol,
        side,
        closed_ts: isoTime,
        reason: z.string(),
        net_usd: z.number(),
      })),
      exit_trigger_age_s: idle,
    }),
    liveness: z.strictObject({
      idle_signals: z.boolean(),
      idle_orders: z.boolean(),
      idle_exits: z.boolean(),
      idle_router: z.boolean(),
      details: z.strictObject({
        signals_idle_seconds: idle,
        orders_idle_seconds: idle,
        exits_idle_seconds: idle,
        router_idle_seconds: idle,
      }),
      missing: z.record(z.string(), z.boolean()),
      limits: z.record(z.string(), z.number()),
      states: z.record(z.string(), z.enum(["ok", "idle", "warming", "quiet", "never", "off"])),
    }),
    loop: z.strictObject({
      seq: count,
      phase: z.string(),
      started_ts: isoTime,
      period_s: z.number().positive(),
      last_ms: idle,
      p50_ms: idle,
      p99_ms: idle,
      overruns: count,
      stages: z.record(z.string(), Stage),
      positions_read_ok: z.boolean(),
      stop_requested: z.boolean(),
    }),
    exchange: z.strictObject({
      ok: z.boolean(),
      until: maybeTime,
      used_weight_1m: count.nullable(),
      order_count_10s: count.nullable(),
      clock_skew_ms: maybe,
      streams: z.array(z.strictObject({ name: z.string(), age_s: idle, ok: z.boolean() })),
      unknown_orders: count,
    }),
    operator_state: z.strictObject({
      state: z.enum(["RUNNING", "PAUSED", "FLATTENING", "KILLED"]),
      since: isoTime,
      by: z.string(),
      reason: z.string().nullable(),
      until: maybeTime,
    }),
    attention: z.array(z.strictObject({
      id: z.string(),
      level: z.enum(["info", "warn", "critical", "blind"]),
      since: isoTime,
      args: z.array(z.union([z.string(), z.number(), z.null()])),
    })),
    errors: z.array(z.strictObject({
      stage: z.string(),
      item: z.string().nullable(),
      code: z.string().nullable(),
      message: z.string(),
      count,
      first_ts: isoTime,
      last_ts: isoTime,
    })),
    notes: z.array(z.string()),
    rss_mb: z.number().min(0),
  }),
});

export function projectDiagnostics(published: Published) {
  const { memory, run, loop, view, rules } = published;
  const { nowMs, seq, accountOk } = memory.pulse;
  const { operator } = memory;
  const unknown = Object.values(memory.orders).filter(({ state }) => state === "unknown").length;
  return {
    engine_version: run.version,
    runtime_diagnostics: {
      veto_counters: vetoCounters(published),
      exit_pipeline: exitPipeline(published),
      liveness: liveness(published),
      loop: {
        seq,
        phase: loop.stopRequested ? "drain" : "run",
        started_ts: iso(run.startedMs),
        period_s: rules.screenMs / MS_PER_SECOND,
        last_ms: loop.lastMs,
        p50_ms: loop.p50Ms,
        p99_ms: loop.p99Ms,
        overruns: 0,
        stages: Object.fromEntries(
          loop.faults.map(({ stage, message }) => [stage, { ok: false, ms: null, error: message }]),
        ),
        positions_read_ok: accountOk,
        stop_requested: loop.stopRequested,
      },
      exchange: {
        ok: accountOk,
        until: null,
        used_weight_1m: null,
        order_count_10s: null,
        clock_skew_ms: null,
        streams: [],
        unknown_orders: unknown,
      },
      operator_state: {
        state: operator.state,
        since: iso(operator.sinceMs),
        by: operator.by,
        reason: operator.reason,
        until: null,
      },
      attention: attentionOf(memory, view, rules).map(({ id, level, args }) => ({
        id,
        level,
        since: iso(memory.attention[id] ?? nowMs),
        args: [...args],
      })),
      errors: loop.faults.map(({ stage, message, count: times, firstMs, lastMs }) => ({
        stage,
        item: null,
        code: null,
        message,
        count: times,
        first_ts: iso(firstMs),
        last_ts: iso(lastMs),
      })),
      notes: [...run.notes],
      rss_mb: loop.rssBytes / 1_048_576,
    },
  };
}

function vetoCounters({ memory, rules }: Published) {
  const { counters, pulse } = memory;
  const { vetoWindowMs } = rules.loop;
  const funnel = funnelOf(counters, pulse.nowMs, vetoWindowMs);
  const vetoed = Object.values(funnel.vetoes).reduce((sum, n) => sum + n, 0);
  return {
    by_reason: { ...counters.byReason },
    total_signals: counters.totalSignals,
    total_orders: counters.totalOrders,
    total_fills: counters.totalFills,
    total_maker_fills: counters.totalMakerFills,
    total_vetoes: counters.totalVetoes,
    last_signal_ts: isoOrNull(counters.lastSignalMs),
    last_order_ts: isoOrNull(counters.lastOrderMs),
    last_veto_ts: isoOrNull(counters.lastVetoMs),
    since_ts: isoOrNull(counters.sinceMs),
    window: {
      seconds: vetoWindowMs / MS_PER_SECOND,
      by_reason: { ...funnel.vetoes },
      funnel: {
        signals: funnel.signals,
        vetoed,
        scored_out: 0,
        orders: funnel.orders,
        fills: funnel.fills,
        failed: funnel.failed,
      },
    },
    heat: heatOf({ counters, nowMs: pulse.nowMs }),
  };
}

/** One row per reason that occurred in the last hour, the most frequent first. */
function heatOf(
  { counters, nowMs }: { counters: Published["memory"]["counters"]; nowMs: number },
) {
  const columns = MS_PER_HOUR / BUCKET_MS;
  const lastStart = Math.floor(nowMs / BUCKET_MS) * BUCKET_MS;
  const fromMs = lastStart - (columns - 1) * BUCKET_MS;
  const rows: Record<string, number[]> = {};
  for (let column = 0; column < columns; column++) {
    const bucket = counters.buckets[String(fromMs + column * BUCKET_MS)];
    for (const [reason, n] of Object.entries(bucket?.vetoes ?? {})) {
      (rows[reason] ??= Array.from({ length: columns }, () => 0))[column] = n;
    }
  }
  const totals = Object.entries(rows).map(([reason, counts]) => ({
    reason,
    counts,
    total: counts.reduce((sum, n) => sum + n, 0),
  }));
  return {
    bucket_s: BUCKET_MS / MS_PER_SECOND,
    from_ts: iso(fromMs),
    rows: totals.toSorted((a, b) => b.total - a.total || (a.reason < b.reason ? -1 : 1)),
  };
}

function exitPipeline(published: Published) {
  const { memory, rules, view } = published;
  const { pulse, counters, registry, holdings } = memory;
  const open = Object.keys(holdings).length;
  const lists = reconciliationOf(published);
  let [registered, missingSl, underwater, unprotected] = [0, 0, 0, 0];
  for (const [key, holding] of sortedEntries(holdings)) {
    const guard = registry[key];
    const levels = guard?.levels;
    const covered = levels !== undefined && (levels.slPx !== null || levels.tpPx !== null);
    if (covered) registered += 1;
    if (levels === undefined || levels.slPx === null) missingSl += 1;
    const order = guard?.stop ? memory.orders[guard.stop.clientId] : undefined;
    const resting = order !== undefined && order.state !== "done";
    if (!covered && !resting) unprotected += 1;
    const mark = view.mark(holding.ticker);
    const gain = mark === null ? null : signOf(holding.side) * (mark.px / holding.entryPx - 1);
    if (!covered && gain !== null && gain <= rules.loop.underwaterFrac) underwater += 1;
  }
  const { lastExitTriggerMs } = counters;
  return {
    last_exit_scan_ts: isoOrNull(pulse.scanMs),
    last_exit_trigger_ts: isoOrNull(lastExitTriggerMs),
    last_router_event_ts: isoOrNull(counters.lastRouterMs),
    open_positions_count: open,
    tp_sl_registered_count: registered,
    tp_sl_missing_count: open - registered,
    underwater_without_tp_sl_count: underwater,
    tp_sl_coverage_pct: open === 0 ? null : registered / open,
    ledger_registry_mismatch: hasMismatch(lists),
    mismatch_breakdown: {
      missing_ledger_positions: lists.missingLedger.length,
      ghost_ledger_entries: lists.ghostLedger.length,
      missing_tp_sl_entries: lists.missingLevels.length,
      stale_tp_sl_entries: lists.staleLevels.length,
    },
    read_ok: pulse.accountOk,
    scan_ok: pulse.scanMs === pulse.nowMs,
    unprotected_count: unprotected,
    missing_sl_count: missingSl,
    price_missing_count: pulse.priceMissingCount,
    exits_in_flight: Object.values(registry).filter(({ exit }) => exit !== null).length,
    exits_by_reason: { ...counters.exitsByReason },
    recent_exits: Object.values(memory.closes).slice(-RECENT_EXITS).toReversed().map((close) => ({
      symbol: close.ticker,
      side: close.side,
      closed_ts: iso(close.closedMs),
      reason: close.reason,
      net_usd: close.realizedUsd - close.feesUsd + close.fundingUsd,
    })),
    exit_trigger_age_s: lastExitTriggerMs === null
      ? null
      : Math.max(0, pulse.nowMs - lastExitTriggerMs) / MS_PER_SECOND,
  };
}

function liveness({ memory, rules, run }: Published) {
  const { counters, pulse, operator } = memory;
  const { liveness: limits } = rules.loop;
  const running = operator.state === "RUNNING";
  const held = Object.keys(memory.holdings).length > 0;
  const scanLimitMs = Math.max(3 * rules.screenMs, 15 * MS_PER_SECOND);
  const approved = counters.lastOrderMs !== null &&
    pulse.nowMs - counters.lastOrderMs <= limits.ordersMs;
  const look = (lastMs: number | null, limitMs: number, expected: boolean) =>
    watch({
      lastMs,
      nowMs: pulse.nowMs,
      limitMs: limits.enabled ? limitMs : 0,
      startedMs: run.startedMs,
      expected,
    });
  const signals = look(counters.lastSignalMs, limits.signalsMs, running);
  const orders = look(counters.lastOrderMs, limits.ordersMs, running && approved);
  const exits = look(pulse.scanMs, held ? scanLimitMs : limits.exitsMs, held);
  const router = look(counters.lastRouterMs, limits.routerMs, running && approved);
  const isIdle = (state: WatcherState) => state === "idle" || state === "never";
  const inSeconds = (ms: number | null) => ms === null ? null : ms / MS_PER_SECOND;
  const missing: Record<string, boolean> = {};
  if (counters.lastSignalMs === null) missing.signals = true;
  if (counters.lastOrderMs === null) missing.orders = true;
  if (pulse.scanMs === null) missing.exits = true;
  if (counters.lastRouterMs === null) missing.router = true;
  return {
    idle_signals: isIdle(signals.state),
    idle_orders: isIdle(orders.state),
    idle_exits: isIdle(exits.state),
    idle_router: isIdle(router.state),
    details: {
      signals_idle_seconds: inSeconds(signals.idleMs),
      orders_idle_seconds: inSeconds(orders.idleMs),
      exits_idle_seconds: inSeconds(exits.idleMs),
      router_idle_seconds: inSeconds(router.idleMs),
    },
    missing,
    limits: {
      signals: limits.signalsMs / MS_PER_SECOND,
      orders: limits.ordersMs / MS_PER_SECOND,
      exits: (held ? scanLimitMs : limits.exitsMs) / MS_PER_SECOND,
      router: limits.routerMs / MS_PER_SECOND,
    },
    states: {
      signals: signals.state,
      orders: orders.state,
      exits: exits.state,
      router: router.state,
    },
  };
}
