/** What the venue shows, as it is published: every leg, at its mark, and none lost for one bad field. */
import assert from "node:assert/strict";
import { EMPTY_BOOKED } from "../../core/booked.ts";
import { hasMismatch, reconcileKeys, scanStatus, type Watched } from "../../core/exits/status.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Account, Side, VenuePosition } from "../../core/types.ts";
import { projectKpis } from "../../state/surfaces/kpis_v7.ts";
import { projectPnlAttribution } from "../../state/surfaces/pnl_attribution.ts";
import type { Published } from "../../state/surfaces/surface.ts";
import { exitPipeline } from "../../state/surfaces/exit_pipeline.ts";
import { projectFillTracker } from "../../state/surfaces/fill_tracker.ts";
import { projectPositionTpSl } from "../../state/surfaces/durable.ts";
import { projectPositionsLedger, projectPositionsState } from "../../state/surfaces/positions.ts";
import { account, BTC, ETH, guard, holding, order, position, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const KEY = "BTCUSDT:LONG";
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

/** A reading of the account as the publisher has it; null: none was ever good. */
function published(
  read: Partial<Account> | null,
  { memory = {}, markPx = 60_000 }: { memory?: Partial<Memory>; markPx?: number | null } = {},
) {
  const seen = observation({ px: 60_000 });
  const market = { ...seen.market, mark: () => markPx === null ? null : { px: markPx, atMs: T0 } };
  const whole = { ...blankMemory("test00", T0), ...memory };
  const view = publishedOf({ memory: whole, seen: { ...seen, market }, rules: RULES, past: PAST });
  return { ...view, account: read === null ? null : account(read) };
}
const legs = (...positions: VenuePosition[]) => ({ positions });

Deno.test("a row that cannot be valued is set apart with its problem; the others are published", () => {
  const rows: readonly (readonly [string, Partial<VenuePosition>, number | null])[] = [
    ["entry_unknown", { entryPx: null }, 60_000],
    ["entry_unknown", { entryPx: 0 }, 60_000],
    ["mark_unknown", { mark: null }, null],
    ["mark_unknown", {}, 0],
  ];
  for (const [problem, changes, markPx] of rows) {
    const state = projectPositionsState(published(legs(position(changes)), { markPx }));
    assert.deepEqual(state.positions, []);
    assert.deepEqual(state.quarantined, [{ symbol: BTC, side: "LONG", qty: 0.005, problem }]);
  }
  const bad = position({ ticker: ETH, entryPx: null });
  const both = projectPositionsState(published(legs(bad, position())));
  assert.deepEqual([both.positions.length, both.quarantined.length], [1, 1]);
});

Deno.test("a leg is published with its own side and sign, and its result at the mark", () => {
  for (const side of ["LONG", "SHORT"] as const satisfies readonly Side[]) {
    const sign = side === "LONG" ? 1 : -1;
    const leg = position({ side, entryPx: 59_000, unrealizedUsd: 123 });
    const [row] = projectPositionsState(published(legs(leg))).positions;
    assert.deepEqual([row!.side, row!.qty, row!.notional], [side, sign * 0.005, 300]);
    assert.ok(Math.abs(row!.unrealized_pnl - sign * 5) < 1e-9, "not what the reply says");
    assert.equal(row!.position_key, `BTCUSDT:${side}`);
  }
});

Deno.test("a start that cannot read the account shows the book, and says that it is not read", () => {
  const { pulse } = blankMemory("test00", T0);
  const held = { [KEY]: holding() };
  const memory = { holdings: held, pulse: { ...pulse, accountMs: T0 - 60_000 } };
  const state = projectPositionsState(published(null, { memory }));
  const [row] = state.positions;
  assert.deepEqual([state.positions.length, state.read_ok, state.age_s], [1, false, 60]);
  assert.deepEqual([row!.position_key, row!.qty, row!.entry_price], [KEY, 0.005, 60_000]);
  assert.equal(row!.ts, new Date(T0 - 60_000).toISOString());
  const dark = projectPositionsState(published(null, { memory, markPx: null }));
  assert.deepEqual(dark.quarantined.map(({ problem }) => problem), ["mark_unknown"]);
  assert.deepEqual(projectPositionsState(published(legs(), { memory })).positions, [], "flat");
});

Deno.test("until the exchange has been read once, what is held is unknown and not nothing", () => {
  const told = (from: Published) => {
    const { mismatch_breakdown, ...exits } = exitPipeline(from);
    const { total_unrealized, total_pnl } = projectPnlAttribution(from).summary;
    return {
      ...projectPositionsLedger(from).metadata.reconciliation,
      mismatches: mismatch_breakdown.ghost_ledger_entries,
      open: exits.open_positions_count,
      unprotected: exits.unprotected_count,
      bare: exits.missing_sl_count,
      mismatch: exits.ledger_registry_mismatch,
      loss_at_stops: projectKpis(from).portfolio.loss_at_stops_usd,
      total_unrealized,
      total_pnl,
    };
  };
  const blind = told(published(null));
  assert.deepEqual(Object.entries(blind).filter(([, value]) => value !== null), []);
  const flat = told(published(legs()));
  assert.deepEqual(Object.entries(flat).filter(([, value]) => value === null), []);
  const { pulse } = blankMemory("test00", T0);
  const again = { pulse: { ...pulse, accountMs: T0 - 60_000 } };
  assert.deepEqual(told(published(null, { memory: again })), flat, "an earlier life has read it");
});

Deno.test("before the first good read nothing is called a ghost; after it a ghost covers nothing", () => {
  const { pulse } = blankMemory("test00", T0);
  const memory = {
    holdings: { [KEY]: holding() },
    registry: { [KEY]: guard() },
    pulse: { ...pulse, accountMs: T0 - 60_000 },
  };
  const blind = exitPipeline(published(null, { memory }));
  assert.deepEqual([blind.open_positions_count, blind.tp_sl_coverage_pct], [1, 1]);
  assert.equal(blind.ledger_registry_mismatch, false);
  const flat = exitPipeline(published(legs(), { memory }));
  assert.deepEqual([flat.open_positions_count, flat.tp_sl_coverage_pct], [0, null]);
  assert.deepEqual(flat.mismatch_breakdown, {
    missing_ledger_positions: 0,
    ghost_ledger_entries: 1,
    missing_tp_sl_entries: 0,
    stale_tp_sl_entries: 1,
  });
  const foreign = exitPipeline(published(legs(position())));
  assert.deepEqual([foreign.tp_sl_coverage_pct, foreign.tp_sl_missing_count], [0, 1]);
  assert.deepEqual(
    [foreign.unprotected_count, foreign.missing_sl_count, foreign.underwater_without_tp_sl_count],
    [1, 1, 0],
    "a leg that the book does not know has no stop that anybody knows of",
  );
  const sunk = exitPipeline(published(legs(position({ entryPx: 62_000 }))));
  assert.equal(sunk.underwater_without_tp_sl_count, 1);
  const known = exitPipeline(published(legs(position()), { memory }));
  assert.deepEqual([known.tp_sl_coverage_pct, known.unprotected_count], [1, 0]);
});

Deno.test("a stop was checked when a reading last showed it, not when it was acknowledged", () => {
  const stop = order({ clientId: "s-1", kind: "stop_market", closePosition: true, ackMs: T0 });
  const seenMs = T0 + 61_500;
  const checked = (sightings: Memory["pulse"]["sightings"]) => {
    const memory = {
      holdings: { [KEY]: holding() },
      registry: { [KEY]: guard({ stop: { clientId: "s-1", stopTicks: 590_000 } }) },
      orders: { "s-1": stop },
      pulse: { ...blankMemory("test00", T0).pulse, sightings },
    };
    const view = published(legs(position()), { memory });
    return [
      projectPositionsLedger(view).entries[0]!.protective!.checked_ts,
      projectPositionTpSl(view).entries[KEY]!.protective!.checked_ts,
    ];
  };
  assert.deepEqual(checked({}), [null, null]);
  assert.deepEqual(checked({ "s-1": { seenMs, missedCount: 0, missedMs: null } }), [
    new Date(seenMs).toISOString(),
    new Date(T0 + 60_000).toISOString(),
  ]);
});

Deno.test("coverage counts what the venue shows: a ghost covers nothing, nothing is no share", () => {
  const leg = (changes: Partial<Watched> = {}): Watched => ({
    side: "LONG",
    entryPx: 100,
    markPx: 98,
    slPx: 90,
    tpPx: null,
    stopRests: true,
    ...changes,
  });
  const bare = { slPx: null, tpPx: null };
  const status = (
    venue: readonly (typeof KEY | "ETHUSDT:SHORT")[],
    legs: Readonly<Record<string, Watched>>,
  ) => {
    const lists = reconcileKeys({ venue, ledger: legs, registry: legs });
    const counts = scanStatus(lists, { openCount: venue.length, legs, underwaterFrac: -0.02 });
    return { ...counts, mismatch: hasMismatch(lists) };
  };
  const full = status([KEY], { [KEY]: leg() });
  assert.deepEqual([full.coverageFrac, full.missingCount, full.mismatch], [1, 0, false]);
  const ghost = status([], { [KEY]: leg() });
  assert.deepEqual([ghost.coverageFrac, ghost.registeredCount, ghost.mismatch], [null, 0, true]);
  const unknown = status([KEY, "ETHUSDT:SHORT"], { [KEY]: leg() });
  assert.deepEqual([unknown.coverageFrac, unknown.missingCount], [0.5, 1]);
  const under = status([KEY], { [KEY]: leg({ ...bare, stopRests: false }) });
  assert.deepEqual([under.underwaterCount, under.unprotectedCount, under.missingStopCount], [
    1,
    1,
    1,
  ]);
  const target = status([KEY], { [KEY]: leg({ slPx: null, tpPx: 120 }) });
  assert.deepEqual([target.coverageFrac, target.missingStopCount, target.underwaterCount], [
    1,
    1,
    0,
  ]);
  for (const markPx of [null, 0, NaN]) {
    assert.equal(status([KEY], { [KEY]: leg({ ...bare, markPx }) }).underwaterCount, 0);
  }
});

Deno.test("the fill tracker tells every open lot by its entry, and the newest trade of a symbol", () => {
  const parcel = (lots: number, strategyId: string | null) => ({
    side: "LONG" as const,
    lots,
    px: 60_000,
    atMs: T0,
    strategyId,
    intentId: strategyId === null ? null : "e-1",
    feeUsd: 0.1,
    fundingUsd: -0.2,
  });
  const memory = {
    holdings: { [KEY]: holding({ parcels: [parcel(3, "s1"), parcel(2, null)] }) },
    booked: { BTCUSDT: { ...EMPTY_BOOKED, verifiedId: 7, recentIds: [9, 11, 12] } },
  };
  const { last_trade_id, lots, crc32 } = projectFillTracker(published(legs(), { memory }));
  assert.deepEqual(last_trade_id, { BTCUSDT: 12 });
  assert.deepEqual(
    lots[KEY]!.map(({ side, qty, strategy_id, fee_usd }) => [side, qty, strategy_id, fee_usd]),
    [["BUY", 0.003, "s1", 0.1], ["BUY", 0.002, null, 0.1]],
  );
  const other = projectFillTracker(published(legs(), { memory: { ...memory, booked: {} } }));
  assert.notEqual(other.crc32, crc32, "the checksum is of what is said");
});
