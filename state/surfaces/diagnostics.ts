/** `diagnostics.json`: what happened, whether it still happens, and what needs attention. */
import { z } from "zod";
import { attentionOf } from "../../core/attention.ts";
import { type Attention, BUCKET_MS, bucketAt, funnelOf } from "../../core/diagnostics.ts";
import { failedCount } from "../../core/tally.ts";
import { START_PHASES } from "../../core/memory.ts";
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "../../core/units.ts";
import { shellItems } from "./attention.ts";
import { ExitPipeline, exitPipeline } from "./exit_pipeline.ts";
import { Liveness, liveness } from "./liveness.ts";
import {
  count,
  counts,
  envelopeShape,
  iso,
  isoOrNull,
  isoTime,
  maybe,
  maybeTime,
  type Published,
  seconds,
} from "./surface.ts";

/** A column of the heat map. */
const HEAT_MS = 5 * MS_PER_MINUTE;

/** Entries on their way; `fills` are trades of theirs, and nothing came of `failed`. */
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

const PHASES = [...START_PHASES, "drain", "exit"] as const;

export const Diagnostics = z.strictObject({
  ...envelopeShape,
  engine_version: z.string(),
  runtime_diagnostics: z.strictObject({
    veto_counters: z.strictObject({
      by_reason: counts,
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
        /** The window is shorter where so many signals are newer. */
        signals_max: count,
        from_ts: isoTime,
        by_reason: counts,
        funnel: Funnel,
      }),
      /** Vetoes by reason in five-minute columns of the last hour, oldest first. */
      heat: z.strictObject({
        bucket_s: count,
        from_ts: isoTime,
        rows: z.array(z.strictObject({ reason: z.string(), counts: z.array(count), total: count })),
      }),
    }),
    exit_pipeline: ExitPipeline,
    liveness: Liveness,
    loop: z.strictObject({
      seq: count,
      phase: z.enum(PHASES),
      started_ts: isoTime,
      period_s: z.number().positive(),
      last_ms: seconds,
      p50_ms: seconds,
      p99_ms: seconds,
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
      streams: z.array(z.strictObject({ name: z.string(), age_s: seconds, ok: z.boolean() })),
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
    /** What was published of each surface, and whether its file could be written. */
    surfaces: z.record(
      z.string(),
      z.strictObject({
        seq: count,
        updated_ts: isoTime,
        ok: z.boolean(),
        error: z.string().optional(),
      }),
    ),
    /** Figures of what is published now that were no finite number: they read null. */
    nonfinite_dropped: count,
    /** Log files whose torn last line was cut off at the start. */
    torn_files: z.array(z.string()),
    /** Rows of the execution logs that lacked a required field: `invalid_events.jsonl` has them. */
    invalid_events: count,
    notes: z.array(z.string()),
    rss_mb: z.number().min(0),
    /** Null: the binary has no permission to ask. */
    disk_free_mb: z.number().min(0).nullable(),
  }),
});

export function projectDiagnostics(published: Published) {
  const { memory, run, loop, view, rules, past, world } = published;
  const { pulse } = memory;
  const { nowMs, seq, accountOk } = pulse;
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
        phase: phaseOf(published),
        started_ts: iso(run.startedMs),
        period_s: rules.screenMs / MS_PER_SECOND,
        last_ms: loop.lastMs,
        p50_ms: loop.p50Ms,
        p99_ms: loop.p99Ms,
        overruns: loop.overrunsCount,
        stages: { ...loop.stages },
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
      attention: [
        ...attentionOf(memory, { market: view, past, rules }, world)
          .map((item) => itemOf(item, memory.attention[item.id] ?? nowMs)),
        ...loopItems(published),
        ...shellItems(published)
          .map((item) => itemOf(item, loop.showing.sinceMs[item.id] ?? nowMs)),
      ],
      errors: loop.faults.map(({ firstMs, lastMs, ...fault }) => ({
        ...fault,
        first_ts: iso(firstMs),
        last_ts: iso(lastMs),
      })),
      surfaces: { ...loop.surfaces },
      nonfinite_dropped: loop.nonfiniteCount,
      torn_files: [...loop.tornFiles],
      invalid_events: loop.invalidRowsCount,
      notes: [...run.notes],
      rss_mb: loop.rssBytes / 1_048_576,
      disk_free_mb: null,
    },
  };
}

function itemOf({ id, level, args }: Attention, sinceMs: number) {
  return { id, level, since: iso(sinceMs), args: [...args] };
}

/** What is wrong with the loop by the machine's clock, which the engine does not see. */
function loopItems({ loop, rules }: Published) {
  const { p99Ms, overBudgetSinceMs, slow } = loop;
  const { sleepMs } = rules.loop;
  const items: ReturnType<typeof itemOf>[] = [];
  if (overBudgetSinceMs !== null) {
    const args = [sleepMs, p99Ms, rules.nav.freshMs];
    items.push(itemOf({ id: "freshness_budget", level: "warn", args }, overBudgetSinceMs));
  }
  if (slow !== null) {
    const args = [slow.workMs, sleepMs];
    items.push(itemOf({ id: "loop_slow", level: "warn", args }, slow.sinceMs));
  }
  return items;
}

function phaseOf({ memory, loop }: Published): (typeof PHASES)[number] {
  if (loop.ended) return "exit";
  return loop.stopRequested ? "drain" : memory.pulse.phase;
}

function vetoCounters(published: Published) {
  const { memory, rules } = published;
  const { counters, pulse } = memory;
  const { vetoWindow } = rules.loop;
  const { funnel, fromMs } = funnelOf(counters, pulse.nowMs, vetoWindow);
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
      seconds: vetoWindow.windowMs / MS_PER_SECOND,
      signals_max: vetoWindow.signalsMaxCount,
      from_ts: iso(Math.max(memory.startedMs, fromMs)),
      by_reason: { ...funnel.vetoes },
      funnel: {
        signals: funnel.signals,
        vetoed,
        scored_out: 0,
        orders: funnel.orders,
        fills: funnel.fills,
        failed: failedCount(funnel),
      },
    },
    heat: heatOf({ counters, nowMs: pulse.nowMs }),
  };
}

/** One row per reason that occurred in the last hour, the most frequent first; each minute once. */
function heatOf(
  { counters, nowMs }: { counters: Published["memory"]["counters"]; nowMs: number },
) {
  const columns = MS_PER_HOUR / HEAT_MS;
  const lastStart = Math.floor(nowMs / HEAT_MS) * HEAT_MS;
  const fromMs = lastStart - (columns - 1) * HEAT_MS;
  const rows: Record<string, number[]> = {};
  for (let atMs = fromMs; atMs <= nowMs; atMs += BUCKET_MS) {
    const column = Math.floor((atMs - fromMs) / HEAT_MS);
    for (const [reason, n] of Object.entries(bucketAt(counters, atMs)?.vetoes ?? {})) {
      const row = rows[reason] ??= Array.from({ length: columns }, () => 0);
      row[column]! += n;
    }
  }
  const totals = Object.entries(rows).map(([reason, counts]) => ({
    reason,
    counts,
    total: counts.reduce((sum, n) => sum + n, 0),
  }));
  return {
    bucket_s: HEAT_MS / MS_PER_SECOND,
    from_ts: iso(fromMs),
    rows: totals.toSorted((a, b) => b.total - a.total || (a.reason < b.reason ? -1 : 1)),
  };
}
