/** `positions_state.json` and `positions_ledger.json`: what the venue shows, and what is behind it. */
import { z } from "zod";
import { flawOf } from "../../core/credible.ts";
import { type Holding, unrealizedUsd } from "../../core/exits/ledger.ts";
import type { Guard } from "../../core/exits/registry.ts";
import { reconcileKeys } from "../../core/exits/status.ts";
import type { Route } from "../../core/router/route.ts";
import { unitsToNumber } from "../../core/increments.ts";
import { remembered } from "../../core/remember.ts";
import { type PositionKey, positionKey, signOf, type VenuePosition } from "../../core/types.ts";
import { MS_PER_SECOND } from "../../core/units.ts";
import {
  count,
  entriesOf,
  envelopeShape,
  iso,
  isoOrNull,
  isoTime,
  key,
  maybe,
  maybeTime,
  type Published,
  side,
  symbol,
  valueOf,
  wasAccountRead,
} from "./surface.ts";

const MARK_STALE_MS = 5 * MS_PER_SECOND;

const Row = z.strictObject({
  symbol,
  side,
  position_key: key,
  /** Signed: a short is negative. */
  qty: z.number().refine((qty) => qty !== 0),
  entry_price: z.number().positive(),
  mark_price: z.number().positive(),
  mark_ts: isoTime,
  mark_stale: z.boolean(),
  unrealized_pnl: z.number(),
  realized_pnl: maybe,
  notional: z.number().min(0),
  leverage: z.number().min(0).nullable(),
  ts: isoTime,
  positionSide: z.enum(["LONG", "SHORT", "BOTH"]),
  liquidation_price: maybe,
});

export const PositionsState = z.strictObject({
  ...envelopeShape,
  updated_at: isoTime,
  read_ok: z.boolean(),
  last_ok_ts: maybeTime,
  age_s: z.number().min(0).nullable(),
  position_mode: z.enum(["hedge", "one_way"]),
  positions: z.array(Row),
  quarantined: z.array(z.strictObject({
    symbol: z.string().nullable(),
    side: z.string().nullable(),
    qty: maybe,
    problem: z.string(),
  })),
});

/** A leg as it is shown. */
type Shown = Omit<VenuePosition, "unrealizedUsd">;

/** Legs of the last good read; before a process has had one the book is all that is known. */
export function shownLegs({ memory, account }: Published): readonly Shown[] {
  if (account !== null) return account.positions;
  return entriesOf(memory.holdings).map(([, { ticker, side, lots, entryPx, leverage }]) => ({
    ticker,
    side,
    lots,
    entryPx,
    leverage,
    mark: null,
    liquidationPx: null,
  }));
}

/** Rows of the last good read. A row that breaks the contract is set apart, never dropped. */
export function projectPositionsState(published: Published) {
  const { memory, run } = published;
  const { nowMs, accountMs, accountOk } = memory.pulse;
  const rows: z.output<typeof Row>[] = [];
  const quarantined: z.output<typeof PositionsState>["quarantined"] = [];
  for (const leg of shownLegs(published)) {
    const row = rowOf(published, leg);
    if ("problem" in row) quarantined.push(row);
    else rows.push(row);
  }
  return {
    updated_at: iso(nowMs),
    read_ok: accountOk,
    last_ok_ts: isoOrNull(accountMs),
    age_s: accountMs === null ? null : Math.max(0, nowMs - accountMs) / MS_PER_SECOND,
    position_mode: run.positionMode,
    positions: rows.toSorted((a, b) => (a.position_key < b.position_key ? -1 : 1)),
    quarantined,
  };
}

function rowOf({ memory, view, run, account }: Published, leg: Shown) {
  const market = view.market(leg.ticker);
  const mark = view.mark(leg.ticker) ?? leg.mark;
  const qty = market === null ? null : signOf(leg.side) * unitsToNumber(leg.lots, market.lot);
  const apart = (problem: string) => ({ symbol: leg.ticker, side: leg.side, qty, problem });
  const flaw = flawOf(leg, market);
  const isPriced = leg.entryPx !== null && leg.entryPx > 0;
  if (flaw !== null || qty === null || !isPriced) return apart(flaw ?? "entry_unknown");
  if (mark === null || !(mark.px > 0)) return apart("mark_unknown");
  const [unrealized_pnl, notional] = [(mark.px - leg.entryPx) * qty, Math.abs(qty) * mark.px];
  if (!Number.isFinite(unrealized_pnl + notional)) return apart("not_finite");
  const held = memory.holdings[positionKey(leg.ticker, leg.side)];
  return {
    symbol: leg.ticker,
    side: leg.side,
    position_key: positionKey(leg.ticker, leg.side),
    qty,
    entry_price: leg.entryPx,
    mark_price: mark.px,
    mark_ts: iso(mark.atMs),
    mark_stale: memory.pulse.nowMs - mark.atMs > MARK_STALE_MS,
    unrealized_pnl,
    realized_pnl: held?.realizedUsd ?? null,
    notional,
    leverage: leg.leverage,
    ts: iso(account?.atMs ?? memory.pulse.accountMs ?? memory.pulse.nowMs),
    positionSide: run.positionMode === "hedge" ? leg.side : "BOTH" as const,
    liquidation_price: leg.liquidationPx,
  };
}

export const Protective = z.strictObject({
  client_order_id: z.string(),
  venue_id: z.string().nullable(),
  kind: z.enum(["stop_market", "algo", "quantity_stop"]),
  /** Null: what a tick of the symbol is has never been known. */
  trigger: z.number().positive().nullable(),
  close_position: z.boolean(),
  qty: z.number().positive().nullable(),
  status: z.string(),
  placed_ts: isoTime,
  checked_ts: maybeTime,
});

export const Exit = z.strictObject({
  state: z.enum(["idle", "armed", "partial", "done", "failed"]),
  reason: z.string().nullable(),
  intent_id: z.string().nullable(),
  attempts: count,
  first_ts: maybeTime,
  last_error: z.string().nullable(),
});

const Entry = z.strictObject({
  position_key: key,
  symbol,
  side,
  qty: z.number().positive(),
  entry_price: z.number().positive(),
  tp: z.number().positive().nullable(),
  sl: z.number().positive().nullable(),
  created_ts: maybeTime,
  updated_ts: maybeTime,
  episode_id: z.string(),
  strategy_id: z.string().nullable(),
  source: z.enum(["fill", "adopted", "adjustment"]),
  tp_sl_source: z.enum(["intent", "seed", "operator", "adopted", "none"]),
  trail_frac: maybe,
  max_hold_s: maybe,
  protective: Protective.nullable(),
  exit: Exit,
  unrealized_pnl: maybe,
  mark_price: maybe,
  stop_distance_pct: maybe,
  risk_at_stop_usd: maybe,
  realized_pnl: maybe,
  fees_usd: maybe,
  funding_usd: maybe,
});

const Keys = z.array(key);

export const PositionsLedger = z.strictObject({
  ...envelopeShape,
  updated_at: isoTime,
  entries: z.array(Entry),
  tp_sl_levels: z.record(
    key,
    z.strictObject({ tp: z.number().positive().nullable(), sl: z.number().positive().nullable() }),
  ),
  metadata: z.strictObject({
    version: z.literal("v2"),
    entry_count: count,
    /** Legs of the book that are set apart: something of them is not known. */
    quarantined: z.array(z.strictObject({ position_key: key, problem: z.string() })),
    /** Null before the first good read: there is nothing to compare the book with. */
    reconciliation: z.strictObject({
      missing_ledger_positions: Keys.nullable(),
      ghost_ledger_entries: Keys.nullable(),
      missing_tp_sl_entries: Keys.nullable(),
      stale_tp_sl_entries: Keys.nullable(),
    }),
  }),
});

/** The engine's own book with its levels, stops and exits. */
export function projectPositionsLedger(published: Published) {
  const { memory } = published;
  const entries: z.output<typeof Entry>[] = [];
  const quarantined: { position_key: PositionKey; problem: string }[] = [];
  for (const [name, holding] of entriesOf(memory.holdings)) {
    const entry = entryOf(published, name, holding);
    if (typeof entry === "string") quarantined.push({ position_key: name, problem: entry });
    else entries.push(entry);
  }
  const levels = entriesOf(memory.registry).map(([name, { levels: { slPx, tpPx } }]) =>
    [name, { tp: positive(tpPx), sl: positive(slPx) }] as const
  );
  const lists = reconciliationOf(published);
  const known = (keys: readonly PositionKey[]) => wasAccountRead(published) ? [...keys] : null;
  return {
    updated_at: iso(memory.pulse.nowMs),
    entries,
    tp_sl_levels: Object.fromEntries(levels),
    metadata: {
      version: "v2" as const,
      entry_count: entries.length,
      quarantined,
      reconciliation: {
        missing_ledger_positions: known(lists.missingLedger),
        ghost_ledger_entries: known(lists.ghostLedger),
        missing_tp_sl_entries: known(lists.missingLevels),
        stale_tp_sl_entries: known(lists.staleLevels),
      },
    },
  };
}

/** Venue against book against registry, at this instant. */
export const reconciliationOf = remembered(compare);

function compare(published: Published) {
  const { memory } = published;
  const venue = shownLegs(published).map(({ ticker, side }) => positionKey(ticker, side));
  const registry: Record<string, { slPx: number | null; tpPx: number | null }> = {};
  for (const [name, { levels }] of entriesOf(memory.registry)) registry[name] = levels;
  const ledger: typeof registry = {};
  for (const name of Object.keys(memory.holdings)) {
    ledger[name] = registry[name] ?? { slPx: null, tpPx: null };
  }
  return reconcileKeys({ venue, ledger, registry });
}

/** One leg of the book, or why it is set apart. */
function entryOf(
  published: Published,
  name: PositionKey,
  holding: Holding,
): z.output<typeof Entry> | string {
  const { memory, view } = published;
  const guard: Guard | undefined = memory.registry[name];
  const market = view.market(holding.ticker);
  if (market === null) return "market_unknown";
  if (!Number.isFinite(holding.lots * holding.entryPx)) return "not_finite";
  const value = valueOf(published, holding);
  const slPx = positive(guard?.levels.slPx ?? null);
  const away = slPx === null || value === null
    ? null
    : signOf(holding.side) * (value.markPx - slPx);
  return {
    position_key: name,
    symbol: holding.ticker,
    side: holding.side,
    qty: unitsToNumber(holding.lots, market.lot),
    entry_price: holding.entryPx,
    tp: positive(guard?.levels.tpPx ?? null),
    sl: slPx,
    created_ts: iso(holding.openedMs),
    updated_ts: iso(holding.updatedMs),
    episode_id: holding.episodeId,
    strategy_id: holding.strategyId,
    source: holding.source,
    tp_sl_source: guard?.source ?? "none" as const,
    trail_frac: guard?.levels.trailFrac ?? null,
    max_hold_s: seconds(guard?.levels.maxHoldMs ?? null),
    protective: protectiveOf(published, guard),
    exit: exitOf(published, guard),
    unrealized_pnl: value === null ? null : unrealizedUsd(holding, value.markPx, market),
    mark_price: value?.markPx ?? null,
    stop_distance_pct: away === null || value === null ? null : away / value.markPx,
    risk_at_stop_usd: away === null || value === null ? null : away * value.qty,
    realized_pnl: holding.realizedUsd,
    fees_usd: holding.feesUsd,
    funding_usd: holding.fundingUsd,
  };
}

/**
 * The stop that should rest for a leg, as far as it is known; null without one. When a reading last
 * showed it moves on in steps of `seenStepMs`, and is never said to be later than it was.
 */
export function protectiveOf(
  { memory, sizeOf }: Published,
  guard: Guard | undefined,
  seenStepMs = 1,
) {
  if (guard?.stop === null || guard === undefined) return null;
  const order = memory.orders[guard.stop.clientId];
  if (order === undefined) return null;
  const size = sizeOf(guard.ticker);
  const seenMs = memory.pulse.sightings[order.clientId]?.seenMs ?? null;
  return {
    client_order_id: order.clientId,
    venue_id: null,
    kind: "stop_market" as const,
    trigger: size === null ? null : unitsToNumber(guard.stop.stopTicks, size.tick),
    close_position: true,
    qty: null,
    status: order.status === null ? order.state.toUpperCase() : order.status.toUpperCase(),
    placed_ts: iso(order.sentMs),
    checked_ts: isoOrNull(seenMs === null ? null : seenMs - seenMs % seenStepMs),
  };
}

/** How far a leg's exit has come. */
export function exitOf({ memory }: Published, guard: Guard | undefined) {
  const exit = guard?.exit ?? null;
  const route = exit === null ? undefined : memory.routes[exit.routeId];
  return {
    state: exit === null ? "idle" as const : stateOf(route),
    reason: exit?.reason ?? null,
    intent_id: exit?.routeId.replace(/^r:/, "") ?? null,
    attempts: guard?.exitAttempts ?? 0,
    first_ts: isoOrNull(exit?.firstMs ?? null),
    last_error: route?.refusedCode ?? null,
  };
}

/** An exit that was refused, or whose route is over with something left, is tried again. */
function stateOf(route: Route | undefined): "armed" | "partial" | "failed" {
  if (route === undefined || route.failures > 0) return "failed";
  return route.filledLots > 0 ? "partial" : "armed";
}

/** A level as it is written: one at or below zero is none. */
export function positive(value: number | null): number | null {
  return value !== null && value > 0 ? value : null;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / MS_PER_SECOND;
}
