/** The block `exit_pipeline` of `diagnostics.json`: whether everything held is watched and covered. */
import { z } from "zod";
import { netUsd } from "../../core/exits/episode.ts";
import { hasMismatch, scanStatus, type Watched } from "../../core/exits/status.ts";
import { hasStop } from "../../core/reading.ts";
import { MS_PER_SECOND } from "../../core/units.ts";
import { positionKey } from "../../core/types.ts";
import { reconciliationOf, shownLegs } from "./positions.ts";
import {
  count,
  counts,
  entriesOf,
  fraction,
  iso,
  isoOrNull,
  isoTime,
  maybeTime,
  type Published,
  seconds,
  side,
  symbol,
  wasAccountRead,
} from "./surface.ts";

const RECENT_EXITS = 6;

export const ExitPipeline = z.strictObject({
  last_exit_scan_ts: maybeTime,
  last_exit_trigger_ts: maybeTime,
  last_router_event_ts: maybeTime,
  /** Counts of legs are null until the exchange has been read once. */
  open_positions_count: count.nullable(),
  tp_sl_registered_count: count.nullable(),
  tp_sl_missing_count: count.nullable(),
  underwater_without_tp_sl_count: count.nullable(),
  tp_sl_coverage_pct: fraction,
  ledger_registry_mismatch: z.boolean().nullable(),
  mismatch_breakdown: z.strictObject({
    missing_ledger_positions: count.nullable(),
    ghost_ledger_entries: count.nullable(),
    missing_tp_sl_entries: count.nullable(),
    stale_tp_sl_entries: count.nullable(),
  }),
  read_ok: z.boolean(),
  scan_ok: z.boolean(),
  unprotected_count: count.nullable(),
  missing_sl_count: count.nullable(),
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
  const { memory, rules } = published;
  const { pulse, counters } = memory;
  const lists = reconciliationOf(published);
  const status = scanStatus(lists, {
    openCount: shownLegs(published).length,
    legs: watchedLegs(published),
    underwaterFrac: rules.loop.underwaterFrac,
  });
  const { lastExitTriggerMs } = counters;
  const known = <T>(value: T) => wasAccountRead(published) ? value : null;
  return {
    last_exit_scan_ts: isoOrNull(pulse.scanMs),
    last_exit_trigger_ts: isoOrNull(lastExitTriggerMs),
    last_router_event_ts: isoOrNull(counters.lastRouterMs),
    open_positions_count: known(status.openCount),
    tp_sl_registered_count: known(status.registeredCount),
    tp_sl_missing_count: known(status.missingCount),
    underwater_without_tp_sl_count: known(status.underwaterCount),
    tp_sl_coverage_pct: status.coverageFrac,
    ledger_registry_mismatch: known(hasMismatch(lists)),
    mismatch_breakdown: {
      missing_ledger_positions: known(lists.missingLedger.length),
      ghost_ledger_entries: known(lists.ghostLedger.length),
      missing_tp_sl_entries: known(lists.missingLevels.length),
      stale_tp_sl_entries: known(lists.staleLevels.length),
    },
    read_ok: pulse.accountOk,
    scan_ok: pulse.scanMs === pulse.nowMs,
    unprotected_count: known(status.unprotectedCount),
    missing_sl_count: known(status.missingStopCount),
    price_missing_count: pulse.priceMissingCount,
    exits_in_flight: Object.values(memory.registry).filter(({ exit }) => exit !== null).length,
    exit_failures: counters.totalExitRefusals,
    exits_by_reason: { ...counters.exitsByReason },
    recent_exits: recentExits(published),
    exit_trigger_age_s: lastExitTriggerMs === null
      ? null
      : Math.max(0, pulse.nowMs - lastExitTriggerMs) / MS_PER_SECOND,
  };
}

/** The book as the exit scan sees it, and legs that the venue shows and the book does not know. */
function watchedLegs(published: Published): Record<string, Watched> {
  const { memory, view } = published;
  const strange = shownLegs(published).map(({ ticker, side, entryPx, mark }) =>
    [positionKey(ticker, side), {
      side,
      entryPx,
      slPx: null,
      tpPx: null,
      markPx: (view.mark(ticker) ?? mark)?.px ?? null,
      stopRests: false,
    }] as const
  );
  const booked = Object.fromEntries(
    entriesOf(memory.holdings).map(([key, { side, entryPx, ticker }]) => {
      const guard = memory.registry[key];
      return [key, {
        side,
        entryPx,
        slPx: guard?.levels.slPx ?? null,
        tpPx: guard?.levels.tpPx ?? null,
        markPx: view.mark(ticker)?.px ?? null,
        stopRests: guard !== undefined && hasStop(memory, guard),
      }];
    }),
  );
  return { ...Object.fromEntries(strange), ...booked };
}

function recentExits({ memory }: Published) {
  return Object.values(memory.closes).slice(-RECENT_EXITS).toReversed().map((close) => ({
    symbol: close.ticker,
    side: close.side,
    closed_ts: iso(close.closedMs),
    reason: close.reason,
    net_usd: netUsd(close),
  }));
}
