/** Exits, ledger, registry, percentiles. */
import { z } from "zod";
import { hasMismatch, reconcileKeys } from "../../core/exits/status.ts";
import { exitRules, exitsShape } from "../../core/exits/registry.ts";
import {
  attachLevels,
  type LedgerRow,
  type LevelRow,
  readLeg,
  readLegs,
  readLevel,
  readLevels,
  seedRow,
  syncRegistry,
} from "../../core/exits/rows.ts";
import { equityCurve } from "../../core/intel/equity.ts";
import { levelDue } from "../../core/exits/scan.ts";
import { offer, quantile } from "../../core/stats.ts";
import { type PositionKey, positionKey, type Side } from "../../core/types.ts";
import { fromPercent, toSeconds } from "../../core/units.ts";
import { rowProblem } from "../../state/row_check.ts";
import { routerLabel } from "../../state/surfaces/kpis_routing.ts";
import { adapter, content, NEAR_ONE } from "./adapter.ts";

type Fields = Readonly<Record<string, unknown>>;
const seconds = (ms: number | null) => ms === null ? null : toSeconds(ms);

type Trigger = {
  readonly position: Fields;
  readonly last_price: number;
  readonly tp_sl_entry: Fields | null;
};

const exitTrigger = adapter<Trigger>(
  "exit_trigger",
  ({ position, last_price: px, tp_sl_entry: entry }) => {
    const leg = readLeg(position);
    const levels = readLevel(entry);
    if (typeof leg === "string" || leg === null || levels === null) return null;
    const { side, qty, ticker } = leg;
    const { slPx, tpPx, entryPx } = levels;
    const due = levelDue({ side, slPx, tpPx }, px);
    return due === null ? null : {
      symbol: ticker,
      position_side: side,
      qty,
      exit_reason: due.reason,
      trigger_price: px,
      tp_price: tpPx,
      sl_price: slPx,
      entry_price: entryPx,
    };
  },
  { tolerance: NEAR_ONE, ignores: ["strategy"] },
);

function ledgerFields(row: LedgerRow): Fields {
  return {
    symbol: row.ticker,
    side: row.side,
    qty: row.qty,
    entry_price: row.entryPx,
    tp: row.tpPx,
    sl: row.slPx,
    created_ts: seconds(row.openedMs),
    updated_ts: seconds(row.updatedMs),
  };
}

type Files = { readonly positions_state: unknown; readonly position_tp_sl: unknown };

function ledgerOf({ positions_state, position_tp_sl }: Files): Readonly<Record<string, LedgerRow>> {
  const { legs } = readLegs(content(positions_state));
  return attachLevels(legs, readLevels(content(position_tp_sl)).rows);
}

function mapped<T>(rows: Readonly<Record<string, T>>, rename: (row: T) => unknown): Fields {
  return Object.fromEntries(Object.entries(rows).map(([key, row]) => [key, rename(row)]));
}

const ledgerBuild = adapter<Files>(
  "ledger_build",
  (files) => mapped(ledgerOf(files), ledgerFields),
  {
    tolerance: NEAR_ONE,
    differs: ({ position_tp_sl }) =>
      /"(take_profit|stop_loss)_price":"/.test(JSON.stringify(position_tp_sl))
        ? "a level that is a text is a damaged entry, set aside and reported, never a level"
        : null,
  },
);

type LedgerLevels = { readonly tp: number | null; readonly sl: number | null };
type Reconcile = {
  readonly positions_state: unknown;
  readonly registry: unknown;
  readonly ledger: Readonly<Record<string, LedgerLevels>> | null;
};

const ledgerReconcile = adapter<Reconcile>("ledger_reconcile", (input) => {
  const { legs } = readLegs(content(input.positions_state));
  const venue: PositionKey[] = legs.map(({ ticker, side }) => positionKey(ticker, side));
  const registry = readLevels({ entries: input.registry }).rows;
  const given = mapped(input.ledger ?? {}, ({ tp, sl }) => ({ tpPx: tp, slPx: sl }));
  const ledger = input.ledger === null ? attachLevels(legs, registry) : given as typeof registry;
  const lists = reconcileKeys({ venue, ledger, registry });
  const named = {
    missing_ledger_positions: lists.missingLedger,
    ghost_ledger_entries: lists.ghostLedger,
    missing_tp_sl_entries: lists.missingLevels,
    stale_tp_sl_entries: lists.staleLevels,
  };
  return {
    ...named,
    position_keys: venue.toSorted(),
    has_mismatch: hasMismatch(lists),
    breakdown: mapped(named, (keys) => keys.length),
  };
}, { tolerance: NEAR_ONE });

const ExitKeys = z.object(exitsShape);
type Sync = Files & {
  readonly options: {
    readonly seed_missing?: boolean;
    readonly remove_stale?: boolean;
    readonly sl_atr_mult?: number;
    readonly tp_atr_mult?: number;
    readonly atr_pct?: number;
  };
};

const ledgerSync = adapter<Sync>("ledger_sync", ({ options, ...files }) => {
  const { seed_missing, remove_stale, ...exits } = options;
  const { slAtrMult, tpAtrMult, fallbackAtrFrac: atrFrac } = exitRules(ExitKeys.parse({ exits }));
  const legs = readLegs(content(files.positions_state));
  const before = readLevels(content(files.position_tp_sl)).rows;
  const synced = syncRegistry(legs, before, {
    removeStale: remove_stale ?? true,
    seed: seed_missing ?? true ? { slAtrMult, tpAtrMult, atrFrac } : null,
  });
  const ledger = attachLevels(legs.legs, synced.rows);
  const untouched = synced.seeded.length === 0 && synced.removed.length === 0;
  return {
    ledger: mapped(ledger, ledgerFields),
    registry_after: untouched && files.position_tp_sl === null
      ? null
      : registryFields(synced.rows, ledger, files.position_tp_sl),
  };
}, { tolerance: NEAR_ONE });

/** Entries that were kept stay as the file had them; seeded ones are spelt out. */
function registryFields(
  rows: Readonly<Record<string, LevelRow>>,
  ledger: Readonly<Record<string, LedgerRow>>,
  file: unknown,
): Fields {
  const kept = (file as { readonly entries: Fields } | null)?.entries ?? {};
  return Object.fromEntries(
    Object.entries(rows).map(([key, { tpPx, slPx, seed }]) => {
      if (seed === null) return [key, kept[key]];
      const { ticker, side, qty, entryPx } = ledger[key]!;
      const { slAtrMult: sl_atr_mult, tpAtrMult: tp_atr_mult, atrFrac: atr_pct } = seed;
      return [key, {
        symbol: ticker,
        position_side: side,
        entry_price: entryPx,
        take_profit_price: tpPx,
        stop_loss_price: slPx,
        qty,
        enable_tp_sl: true,
        source: "ledger_sync",
        metadata: { sl_atr_mult, tp_atr_mult, atr_pct },
      }];
    }),
  );
}

const ledgerSnapshot = adapter<Files & { readonly updated_at: string }>(
  "ledger_state_snapshot",
  ({ updated_at, ...files }) => {
    const entries = Object.entries(ledgerOf(files)).map(([key, row]) => ({
      position_key: key,
      ...ledgerFields(row),
    }));
    const levels = readLevels(content(files.position_tp_sl)).rows;
    return {
      updated_at,
      updated_ts: updated_at,
      entries,
      tp_sl_levels: mapped(levels, ({ tpPx, slPx }) => ({ tp: tpPx, sl: slPx })),
      metadata: { version: "v1", entry_count: entries.length },
    };
  },
  {
    tolerance: NEAR_ONE,
    differs: (_input, name) =>
      name === "levels_alias" ? "levels have one name each in a file of ours (no tp, sl)" : null,
  },
);

type Seed = {
  readonly side: Side;
  readonly entry_price: string;
  readonly sl_atr_mult: number;
  readonly tp_atr_mult: number;
  readonly atr_pct: number;
};

const seedFormula = adapter<Seed>("tp_sl_seed_formula", (input) => {
  const { side, entry_price, sl_atr_mult, tp_atr_mult, atr_pct } = input;
  const rules = { slAtrMult: sl_atr_mult, tpAtrMult: tp_atr_mult, atrFrac: atr_pct };
  const { tpPx, slPx } = seedRow(side, Number(entry_price), rules);
  return { tp: tpPx, sl: slPx };
}, { tolerance: NEAR_ONE });

type Percentile = {
  readonly values: readonly unknown[];
  readonly p?: number;
  readonly capacity?: number;
};

const percentile = adapter<Percentile>("percentile", ({ values, p, capacity }) => {
  const at = (list: readonly number[], percent: number) => quantile(list, fromPercent(percent));
  if (capacity === undefined) return at(values as readonly number[], p!);
  let window: readonly number[] = [];
  for (const value of values) window = offer(window, value, capacity);
  return { count: window.length, p50: at(window, 50), p95: at(window, 95), values: window };
}, { tolerance: NEAR_ONE });

type Records = {
  readonly records: readonly { readonly _ts?: number; readonly realized_pnl?: number }[];
  readonly initial_equity: number;
  readonly rolling_window: number;
};

const equitySeries = adapter<Records>("equity_series", (input) => {
  const results = input.records.flatMap(({ _ts, realized_pnl }) =>
    _ts === undefined ? [] : [{ atMs: _ts, pnlUsd: realized_pnl ?? NaN }]
  );
  const points = equityCurve(results, {
    startUsd: input.initial_equity,
    windowCount: input.rolling_window,
  });
  return {
    timestamps: points.map(({ atMs }) => atMs),
    equity: points.map(({ equityUsd }) => equityUsd),
    pnl: points.map(({ pnlUsd }) => pnlUsd),
    drawdown: points.map(({ drawdownFrac }) => drawdownFrac),
    rolling_pnl: points.flatMap(({ rollingUsd }) => rollingUsd ?? []),
  };
});

type LogEvent = { readonly event_type: string; readonly payload: Fields };

const orderEventValidation = adapter<LogEvent>(
  "order_event_validation",
  ({ event_type, payload }) => {
    const error = rowProblem(event_type, payload);
    return error === null ? { ok: true } : { ok: false, error };
  },
);

type Ratios = {
  readonly maker_fill_ratio: number | null;
  readonly fallback_ratio: number | null;
  readonly slip_q50: number | null;
};

const routerQualityLabel = adapter<Ratios>(
  "router_quality_label",
  ({ maker_fill_ratio: makerFillFrac, fallback_ratio: fallbackFrac, slip_q50: slipQ50Bps }) =>
    routerLabel({ makerFillFrac, fallbackFrac, slipQ50Bps }),
);

export const RUNTIME = [
  exitTrigger,
  ledgerBuild,
  ledgerReconcile,
  ledgerSync,
  ledgerSnapshot,
  seedFormula,
  percentile,
  equitySeries,
  orderEventValidation,
  routerQualityLabel,
];
