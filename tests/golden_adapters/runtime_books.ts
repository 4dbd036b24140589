/** Results lot by lot, closing rows, the exit scan as a whole, exposures. */
import { z } from "zod";
import { closeMark } from "../../core/exits/ledger.ts";
import { type Closed, type Deal, deal, type Parcel, totalOf } from "../../core/exits/parcels.ts";
import { reduceIntent } from "../../core/exits/reduce.ts";
import { attachLevels, type LegRow, readLeg, readLegs, readLevels } from "../../core/exits/rows.ts";
import { levelDue } from "../../core/exits/scan.ts";
import { hasMismatch, reconcileKeys, scanStatus, type Watched } from "../../core/exits/status.ts";
import { ceilUnits, increment, unitsToNumber } from "../../core/increments.ts";
import { spellingOf } from "../../core/router/position_side.ts";
import { loopRules, loopShape } from "../../core/rules.ts";
import { type PositionKey, positionKey, type Side, type Ticker } from "../../core/types.ts";
import { type Exposure, exposuresOf, worthOf } from "../../core/world.ts";
import { limits } from "../fixtures_risk.ts";
import { adapter, content, NEAR_ONE, Refusal } from "./adapter.ts";

type Fill = {
  readonly symbol: string;
  readonly side: string | null;
  readonly qty: number;
  readonly price: number;
  readonly fee?: number | null;
  readonly position_side?: string | null;
  readonly reduce_only?: boolean;
};

/** Quantities are decimals there: a lot is what is too small to be told apart. */
const LOT = increment("0.000000001");
const SIDES: Readonly<Record<string, Side>> = { BUY: "LONG", SELL: "SHORT" };
const LEGS: readonly string[] = ["LONG", "SHORT", "BOTH"];

const pnlFifo = adapter<{ readonly fills: readonly Fill[] }>("pnl_fifo", ({ fills }) => {
  const open: Record<string, readonly Parcel[]> = {};
  const results = fills.map((fill) => {
    const leg = (fill.position_side || "BOTH").toUpperCase();
    const made = LEGS.includes(leg) ? dealOf(fill, leg) : null;
    if (made === null) return new Refusal(`neither a buy nor a sell of a leg: ${fill.side}`);
    const symbol = fill.symbol.toUpperCase();
    const before = open[`${symbol}|${leg}`] ?? [];
    const { parcels, closed } = deal(before, made, LOT);
    if (parcels !== before) open[`${symbol}|${leg}`] = parcels;
    return closed === null ? null : { symbol, position_side: leg, ...closedFields(closed) };
  });
  const lots = Object.entries(open).map(([key, parcels]) => [key, parcels.map(lotFields)]);
  return { results, open_lots: Object.fromEntries(lots) };
}, { tolerance: NEAR_ONE });

function dealOf({ side: word, qty, price, fee, reduce_only }: Fill, leg: string): Deal | null {
  const side = SIDES[(word ?? "").toUpperCase()];
  if (side === undefined) return null;
  return {
    side,
    lots: ceilUnits(qty, LOT),
    px: price,
    feeUsd: fee ?? 0,
    atMs: 0,
    strategyId: null,
    intentId: null,
    closeOnly: reduce_only === true || (leg !== "BOTH" && leg !== side),
  };
}

function closedFields({ lots, lotsBefore, lotsAfter, earned }: Closed) {
  const { realizedUsd, exitFeesUsd } = totalOf(earned);
  return {
    closed_qty: unitsToNumber(lots, LOT),
    realized_pnl: realizedUsd,
    fees: exitFeesUsd,
    position_before: unitsToNumber(lotsBefore, LOT),
    position_after: unitsToNumber(lotsAfter, LOT),
  };
}

function lotFields({ side, lots, px }: Parcel) {
  return { side: side === "LONG" ? "BUY" : "SELL", qty: unitsToNumber(lots, LOT), price: px };
}

type Closes = { readonly closes: readonly (readonly [before: number, after: number])[] };

const closeEvent = adapter<Closes>(
  "close_event_rule",
  ({ closes }) =>
    closes.some(([lotsBefore, lotsAfter]) =>
      closeMark({ effect: "close", lotsBefore, lotsAfter }) !== null
    ),
);

type Scan = {
  readonly positions_state: unknown;
  readonly position_tp_sl: unknown;
  readonly price_map: Readonly<Record<string, number>>;
  readonly exit_pipeline_cfg?: { readonly tp_sl_underwater_threshold_pct?: number } | null;
  readonly now: string;
};
const LoopKeys = z.object(loopShape);

const exitScan = adapter<Scan>("exit_scan", ({ price_map: prices, now, ...files }) => {
  const { legs } = readLegs(content(files.positions_state));
  const registry = readLevels(content(files.position_tp_sl)).rows;
  const ledger = attachLevels(legs, registry);
  const { tp_sl_underwater_threshold_pct } = files.exit_pipeline_cfg ?? {};
  const diagnostics = { tp_sl_underwater_threshold_pct };
  const { underwaterFrac } = loopRules(LoopKeys.parse({ diagnostics }));
  const venue = Object.keys(ledger) as PositionKey[];
  const lists = reconcileKeys({ venue, ledger, registry });
  const watched = Object.entries(ledger).map(([key, row]): [string, Watched] => {
    return [key, { ...row, markPx: prices[row.ticker] ?? null, stopRests: false }];
  });
  const legsSeen = Object.fromEntries(watched);
  const status = scanStatus(lists, { openCount: venue.length, legs: legsSeen, underwaterFrac });
  const exits = Object.values(ledger).flatMap((row) => exitFields(row, prices[row.ticker]));
  const triggered = exits.length > 0 ? now : null;
  const stamps = { last_exit_scan_ts: now, last_exit_trigger_ts: triggered };
  return { exits, status: { ...stamps, ...statusFields(status), ...mismatchFields(lists) } };
}, { tolerance: NEAR_ONE });

function exitFields(
  row: ReturnType<typeof attachLevels>[string],
  px: number | undefined,
): readonly object[] {
  const due = px === undefined ? null : levelDue(row, px);
  if (due === null) return [];
  return [{
    symbol: row.ticker,
    position_side: row.side,
    qty: row.qty,
    exit_reason: due.reason,
    trigger_price: px,
    tp_price: row.tpPx,
    sl_price: row.slPx,
    entry_price: row.entryPx,
  }];
}

function statusFields(status: ReturnType<typeof scanStatus>) {
  return {
    open_positions_count: status.openCount,
    tp_sl_registered_count: status.registeredCount,
    tp_sl_missing_count: status.missingCount,
    underwater_without_tp_sl_count: status.underwaterCount,
    tp_sl_coverage_pct: status.coverageFrac,
  };
}

function mismatchFields(lists: ReturnType<typeof reconcileKeys>) {
  return {
    ledger_registry_mismatch: hasMismatch(lists),
    mismatch_breakdown: {
      missing_ledger_positions: lists.missingLedger.length,
      ghost_ledger_entries: lists.ghostLedger.length,
      missing_tp_sl_entries: lists.missingLevels.length,
      stale_tp_sl_entries: lists.staleLevels.length,
    },
  };
}

type Exposures = {
  readonly symbol: string;
  readonly position_side: string;
  readonly positions: readonly unknown[];
};
const exposureHelpers = adapter<Exposures>("exposure_helpers", (input) => {
  const rows = input.positions.map(readLeg).filter((row) => row !== null)
    .filter((row) => typeof row !== "string");
  const { grossUsd, legs } = exposuresOf(rows.flatMap(exposureOfRow), limits());
  const ticker = input.symbol.toUpperCase() as Ticker;
  const side = input.position_side.toUpperCase() as Side;
  const leg = legs[positionKey(ticker, side)];
  const other = rows.find((row) => row.ticker === ticker && row.side !== side);
  return {
    portfolio_gross: grossUsd,
    open_qty: leg?.qty ?? 0,
    symbol_gross: leg?.notionalUsd ?? 0,
    opposite: other === undefined
      ? [null, 0, 0]
      : [other.side, other.qty, worthOf({ ...other, otherPx: other.entryPx })?.px ?? 0],
  };
}, { tolerance: NEAR_ONE });

/** A row that nobody can value counts nowhere. */
function exposureOfRow(row: LegRow): readonly Exposure[] {
  const { ticker, side, qty, entryPx } = row;
  const worth = worthOf({ ...row, otherPx: entryPx });
  if (worth === null) return [];
  const { usd, atMark } = worth;
  return [{ ticker, side, tier: "CORE", usd, qty, atMark, strategyId: null }];
}

type Candidate = Readonly<Record<string, unknown>> & {
  readonly position_side: string;
  readonly exit_reason: "tp" | "sl";
};

const exitIntent = adapter<Candidate>("exit_intent", (candidate) => {
  const leg = readLeg(candidate);
  if (leg === null || typeof leg === "string") return new Refusal(leg ?? "nothing is held");
  const wish = { ...leg, lots: ceilUnits(leg.qty, LOT), reason: candidate.exit_reason };
  const made = { strategyId: null, episodeId: "", attempt: 0, nowMs: 0 };
  const { ticker, side, lots, reason } = reduceIntent({ ...wish, ...made });
  const closing = { side, effect: "close" as const, closePosition: false };
  const { orderSide: signal, positionSide } = spellingOf("hedge", closing);
  const quantity = unitsToNumber(lots, LOT);
  return { symbol: ticker, signal, positionSide, quantity, metadata: { exit_reason: reason } };
}, {
  tolerance: NEAR_ONE,
  only: ["symbol", "signal", "positionSide", "quantity"],
  differs: ({ position_side }) =>
    LEGS.includes(position_side) ? null : "a side is LONG or SHORT; an order side is none",
});

export const RUNTIME_BOOKS = [exitIntent, pnlFifo, closeEvent, exitScan, exposureHelpers];
