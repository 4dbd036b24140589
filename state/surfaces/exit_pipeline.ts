/** The block `exit_pipeline` of `diagnostics.json`: whether everything held is watched and covered. */
import { z } from "zod";
import { sortedEntries } from "../../core/dict.ts";
import { hasMismatch } from "../../core/exits/ledger.ts";
import { signOf } from "../../core/types.ts";
import { MS_PER_SECOND } from "../../core/units.ts";
import { reconciliationOf } from "./positions.ts";
import {
  count,
  counts,
  fraction,
  iso,
  isoOrNull,
  isoTime,
  maybeTime,
  type Published,
  seconds,
  side,
  symbol,
} from "./surface.ts";

const RECENT_EXITS = 6;

export const ExitPipeline = z.strictObject({
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
  /** Orders of exits that the exchange refused, since counting began. */
  exit_failures: count,
  exits_by_reason: counts,
  /** The last positions that were closed, newest first. */
  recent_exits: z.array(z.strictObject({
    symbol,
    side,
    closed_ts: isoTime,
    reason: z.string(),
    net_usd: z.number(),
  })),
  exit_trigger_age_s: seconds,
});

export function exitPipeline(published: Published) {
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
    exit_failures: counters.totalExitRefusals,
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
