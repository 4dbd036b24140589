/** What was earned, by whom, in what, and the proof that it is what the venue says. */
import assert from "node:assert/strict";
import { bookFill, bookFunding, type Holding, type Origin } from "../../core/exits/ledger.ts";
import { GAP_PATIENCE_MS, GAP_SHOWN_MS, proveResult } from "../../core/exits/proof.ts";
import {
  adjustParcels,
  deal,
  earnedNetUsd,
  fundParcels,
  type Parcel,
  totalOf,
} from "../../core/exits/parcels.ts";
import type { EngineEvent } from "../../core/events.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { protect } from "../../core/protect.ts";
import { type Conditions, type Side, signOf, type Trade } from "../../core/types.ts";
import { rowOf, type RowStamp } from "../../state/log_rows.ts";
import {
  account,
  dice,
  freeze,
  guard,
  holding,
  market,
  parcel,
  T0,
  trade,
  venueBook,
} from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";

const KEY = "BTCUSDT:LONG";
const LOT = market().lot;
const DAY = 86_400_000;
const IN: Conditions = { range: 2, drawdown: 1, mode: "WARN" };
const near = (got: number | null, wanted: number, most = 1e-9) =>
  assert.ok(got !== null && Math.abs(got - wanted) <= most, `${got}, not ${wanted}`);

/** Books trades one after the other; each names the strategy that ordered it. */
function booked(trades: readonly (readonly [strategyId: string | null, trade: Partial<Trade>])[]) {
  let holdings: Parameters<typeof bookFill>[0] = {};
  const events: EngineEvent[] = [];
  const told = venueBook();
  let last: ReturnType<typeof bookFill> | null = null;
  trades.forEach(([strategyId, changes], i) => {
    const one = changes.realizedUsd === undefined
      ? told({ id: i + 1, atMs: T0 + i, ...changes })
      : trade({ id: i + 1, atMs: T0 + i, ...changes });
    const origin: Origin = { intentId: `i-${i}`, strategyId, exitReason: "tp", leverage: 1 };
    last = bookFill(freeze(holdings), one, origin, {
      market: market(),
      executed: {
        lots: one.lots,
        avgPx: one.px,
        feesUsd: one.feeUsd,
        firstMs: one.atMs,
        isFilled: true,
      },
      journey: null,
      conditions: one.effect === "close" ? IN : null,
    });
    holdings = last.holdings;
    events.push(...last.events);
  });
  const rows = events.filter((event) => event.kind === "order_close");
  return { ...last!, rows, leg: holdings[KEY] ?? null };
}

Deno.test("a close pays the oldest entries back, each with its own price and fee", () => {
  const parcels = freeze([
    parcel({ lots: 4, px: 100, feeUsd: 0.4, fundingUsd: -0.2 }),
    parcel({ lots: 6, px: 120, feeUsd: 0.6, strategyId: "s2" }),
  ]);
  const sold = { side: "SHORT" as const, lots: 7, px: 130, feeUsd: 0.7, atMs: T0 };
  const { parcels: left, closed } = deal(
    parcels,
    { ...sold, strategyId: null, intentId: null, closeOnly: true },
    LOT,
  );
  assert.deepEqual(left.map(({ lots, px, strategyId }) => [lots, px, strategyId]), [[
    3,
    120,
    "s2",
  ]]);
  near(left[0]!.feeUsd, 0.3);
  const [first, second] = closed!.earned;
  assert.deepEqual([first!.strategyId, first!.lots, second!.strategyId, second!.lots], [
    "s1",
    4,
    "s2",
    3,
  ]);
  near(first!.realizedUsd, 0.12);
  near(second!.realizedUsd, 0.03);
  near(earnedNetUsd(first!), 0.12 - 0.4 - 0.4 - 0.2);
  near(earnedNetUsd(second!), 0.03 - 0.3 - 0.3);
});

Deno.test("what may only close opens nothing, whatever is held; what may do both turns the leg", () => {
  const sold = {
    side: "SHORT" as const,
    lots: 5,
    px: 100,
    feeUsd: 1,
    atMs: T0,
    strategyId: "s1",
    intentId: null,
  };
  const rows: readonly (readonly [held: readonly Parcel[], closeOnly: boolean, left: number[]])[] =
    [
      [[], true, []],
      [[], false, [-5]],
      [[parcel({ lots: 2 })], true, []],
      [[parcel({ lots: 2 })], false, [-3]],
      [[parcel({ lots: 8 })], false, [3]],
    ];
  for (const [held, closeOnly, left] of rows) {
    const { parcels, closed } = deal(held, { ...sold, closeOnly }, LOT);
    assert.deepEqual(parcels.map(({ side, lots }) => signOf(side) * lots), left);
    assert.equal(closed === null, held.length === 0, "a close of nothing has no result");
    near(
      parcels.filter(({ side }) => side === "SHORT")[0]?.feeUsd ?? 0,
      left[0]! < 0 ? -left[0]! / 5 : 0,
    );
  }
  const nothing = deal([], { ...sold, lots: 0, closeOnly: false }, LOT);
  assert.deepEqual(nothing.parcels, []);
  assert.deepEqual(deal([], { ...sold, px: 0, closeOnly: false }, LOT).parcels, []);
});

Deno.test("two strategies in one leg have each their own result, and together the leg's", () => {
  const { rows, close } = booked([
    ["a", { px: 60_000, lots: 5, feeUsd: 0.5 }],
    ["b", { px: 61_000, lots: 10, feeUsd: 1 }],
    ["b", { effect: "close", px: 62_000, lots: 9, feeUsd: 0.9 }],
    ["a", { effect: "close", px: 60_500, lots: 6, feeUsd: 0.6 }],
  ]);
  // Oldest first: all of a's and four of b's went at 62,000, whoever ordered the close.
  const byName = Object.fromEntries(close!.earned.map((one) => [one.strategyId, one]));
  near(byName.a!.realizedUsd, 10);
  near(byName.b!.realizedUsd, 4 - 3);
  near(earnedNetUsd(byName.a!), 10 - 0.5 - 0.5);
  near(earnedNetUsd(byName.b!), 1 - 1 - 1);
  const whole = close!.realizedUsd - close!.feesUsd + close!.fundingUsd;
  near(totalOf(close!.earned).realizedUsd, close!.realizedUsd);
  near(close!.earned.reduce((sum, one) => sum + earnedNetUsd(one), 0), whole);
  near(rows.reduce((sum, row) => sum + row.netUsd!, 0), whole);
  assert.deepEqual(rows.map(({ final }) => final), [false, true]);
  assert.deepEqual(rows.map(({ earned }) => earned.map(({ lots }) => lots)), [[5, 4], [6]]);
});

Deno.test("a closing row tells what is left of it, and in what it was made", () => {
  const opened = booked([["s1", { px: 60_000, lots: 10, feeUsd: 1 }]]).leg!;
  const funded = bookFunding({ [KEY]: opened }, KEY, -0.4)[KEY]!;
  assert.equal(funded.fundingUsd, -0.4);
  const { events } = bookFill(
    { [KEY]: funded },
    trade({ id: 9, effect: "close", px: 61_000, lots: 5, feeUsd: 0.6, realizedUsd: 5 }),
    { intentId: "x", strategyId: "s1", exitReason: "tp", leverage: 1 },
    {
      market: market(),
      executed: { lots: 5, avgPx: 61_000, feesUsd: 0.6, firstMs: T0, isFilled: true },
      journey: null,
      conditions: IN,
    },
  );
  const row = written(events.find(({ kind }) => kind === "order_close")!);
  near(row.realizedPnlUsd as number, 5);
  near(row.entry_fees_usd as number, 0.5);
  near(row.funding_usd as number, -0.2);
  near(row.net_pnl_usd as number, 5 - 0.5 - 0.6 - 0.2);
  assert.deepEqual(row.regime, { atr: 2, dd: 1, risk_mode: "WARN" });
  assert.equal((row.by_strategy as readonly unknown[]).length, 1);
});

Deno.test("a close of what the book does not hold has its row, with what is not known left open", () => {
  const { rows, leg } = booked([["s1", { effect: "close", realizedUsd: -3, lots: 4 }]]);
  const row = written(rows[0]!);
  assert.equal(leg, null);
  assert.deepEqual([row.realizedPnlUsd, row.net_pnl_usd, row.entry_fees_usd, row.funding_usd], [
    -3,
    null,
    null,
    null,
  ]);
  assert.deepEqual([row.closed_qty, row.episode_id, row.final], [0, null, true]);
});

Deno.test("lots, average cost and venue give one result, whatever the order of fills", () => {
  const roll = dice(11);
  for (let run = 0; run < 200; run++) {
    const side: Side = roll() < 0.5 ? "LONG" : "SHORT";
    const key = `BTCUSDT:${side}` as const;
    let [legs, px, id]: [Parameters<typeof bookFill>[0], number, number] = [{}, 60_000, 0];
    let ended: Holding | null = null;
    const told = venueBook();
    while (ended === null) {
      px *= 1 + (roll() - 0.5) / 20;
      id += 1;
      const held = legs[key];
      const closes = held !== undefined && (id > 25 || roll() < 0.4);
      const most = held?.lots ?? 0;
      const lots = closes ? (id > 30 ? most : 1 + Math.floor(roll() * most)) : 1 + id % 7;
      const one = told({
        id,
        side,
        effect: closes ? "close" : "open",
        px,
        lots,
        feeUsd: roll(),
      });
      const origin: Origin = {
        intentId: null,
        strategyId: roll() < 0.5 ? "a" : "b",
        exitReason: null,
        leverage: 1,
      };
      const booking = bookFill(freeze(legs), one, origin, {
        market: market(),
        executed: { lots, avgPx: px, feesUsd: 0, firstMs: T0, isFilled: true },
        journey: null,
        conditions: null,
      });
      legs = roll() < 0.3 ? bookFunding(booking.holdings, key, roll() - 0.5) : booking.holdings;
      ended = booking.ended;
      if (booking.close !== null) {
        const sums = totalOf(booking.close.earned);
        near(sums.entryFeesUsd + sums.exitFeesUsd, booking.close.feesUsd, 1e-9);
        near(sums.fundingUsd, booking.close.fundingUsd, 1e-9);
      }
    }
    assert.deepEqual(proveResult({}, ended, T0), {});
  }
});

Deno.test("a correction of size keeps the lots in step, at the price that explains it", () => {
  const parcels = [parcel({ lots: 4, px: 100 }), parcel({ lots: 6, px: 110, feeUsd: 6 })];
  const held = { parcels, lots: 10, entryPx: 106 };
  const to = (lots: number, entryPx: number) =>
    adjustParcels(held, { side: "LONG", lots, entryPx, atMs: T0 });
  const more = to(20, 113);
  assert.deepEqual(more.map(({ lots, px, strategyId }) => [lots, px, strategyId]), [
    [4, 100, "s1"],
    [6, 110, "s1"],
    [10, 120, null],
  ]);
  assert.deepEqual(to(20, 1).at(-1)!.px, 1, "a price below nothing explains nothing");
  const less = to(3, 106);
  assert.deepEqual(less.map(({ lots, px, feeUsd }) => [lots, px, feeUsd]), [[3, 110, 3]]);
  assert.deepEqual(fundParcels([], 1), []);
});

/** A leg of which a close is told, with a result that is the venue's to say. */
function toldOf(realizedUsd: number) {
  const memory: Memory = freeze({
    ...blankMemory("test00", T0),
    holdings: { [KEY]: holding() },
    registry: { [KEY]: guard() },
  });
  const closing = trade({ effect: "close", px: 61_000, realizedUsd, atMs: T0 });
  const seen = observation({ px: 61_000, events: [{ kind: "trade", trade: closing }] });
  const past = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
  return { ...protect({ memory, seen, rules: RULES, past }), past };
}
const RULES = rules();

Deno.test("lots that nobody of ours ordered are nobody's, whoever holds the leg", () => {
  const memory: Memory = freeze({
    ...blankMemory("test00", T0),
    holdings: { [KEY]: holding() },
    registry: { [KEY]: guard() },
  });
  const foreign = trade({ clientId: "someone", lots: 3, px: 61_000 });
  const past = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
  const seen = observation({ events: [{ kind: "trade", trade: foreign }] });
  const { holdings } = protect({ memory, seen, rules: RULES, past }).memory;
  const { parcels, strategyId } = holdings[KEY]!;
  assert.deepEqual(parcels.map((one) => [one.strategyId, one.lots]), [["s1", 5], [null, 3]]);
  assert.equal(strategyId, "s1");
});

/** The tick after so much time, with nothing new. */
function later({ memory, past }: ReturnType<typeof toldOf>, nowMs: number, changes = {}) {
  const seen = observation({ nowMs, account: { kind: "read", value: account({ atMs: nowMs }) } });
  const step = protect({ memory: { ...memory, ...changes }, seen, rules: RULES, past });
  return { ...step, past };
}
const told = (events: readonly EngineEvent[]) => events.find(({ kind }) => kind === "pnl_mismatch");

Deno.test("a result that is not the venue's is told, shown for a day, and kept in the log", () => {
  const id = `pnl_mismatch:${KEY}` as const;
  const right = later(toldOf(5), T0 + GAP_PATIENCE_MS);
  assert.deepEqual([right.memory.gaps, told(right.events)], [{}, undefined]);
  const first = toldOf(4.99);
  near(first.memory.gaps[KEY]!.venueUsd, -0.01);
  assert.equal(told(first.events), undefined, "a trade that explains it may be under way");
  const held = later(first, T0 + GAP_PATIENCE_MS, { holdings: { [KEY]: holding() } });
  assert.equal(told(held.events), undefined, "only what is flat can be judged");
  const second = later(first, T0 + GAP_PATIENCE_MS);
  const row = written(told(second.events)!);
  near(row.venue_minus_book_usd as number, -0.01);
  assert.deepEqual([row.position_key, row.lots_minus_book_usd], [KEY, 0]);
  assert.equal(second.memory.attention[id], T0 + GAP_PATIENCE_MS);
  const third = later(second, T0 + GAP_PATIENCE_MS + 1);
  assert.equal(told(third.events), undefined, "once");
  assert.equal(later(third, T0 + GAP_SHOWN_MS).memory.attention[id], undefined);
});

Deno.test("a trade is made in a regime and a mode; what nobody knew is not zero", () => {
  const { memory, events } = toldOf(5);
  const row = events.find((event) => event.kind === "order_close")!;
  assert.deepEqual(row.conditions, { range: null, drawdown: null, mode: "HALTED" });
  assert.deepEqual(Object.values(memory.closes)[0]!.conditions, row.conditions);
  assert.deepEqual(written(row).regime, { atr: null, dd: null, risk_mode: "HALTED" });
});

Deno.test("the mode of a trade is the one of the tick before: its own arrival does not count", () => {
  const first = toldOf(5);
  const known: Memory = {
    ...first.memory,
    holdings: { [KEY]: holding() },
    booked: {},
    closes: {},
  };
  const [LATER, QUARTER] = [T0 + 900_000, 900_000];
  const closing = trade({ effect: "close", px: 61_000, realizedUsd: 5, atMs: LATER });
  const modeIn = (changes: Partial<Memory>) => {
    const seen = observation({
      nowMs: LATER,
      px: 61_000,
      events: [{ kind: "trade", trade: closing }],
    });
    const memory = freeze({ ...known, ...changes });
    const { events } = protect({ memory, seen, rules: RULES, past: first.past });
    const row = events.find((event) => event.kind === "order_close")!;
    return [row.conditions!.mode, row.conditions!.drawdown];
  };
  const apart = (sinceMs: number) => ({
    [KEY]: { sinceMs, venueLots: 0, askedMs: sinceMs, askedCount: 1, answered: false },
  });
  assert.deepEqual(modeIn({}), ["OK", 0], "NAV of the tick before was fresh then");
  assert.deepEqual(modeIn({ differences: apart(T0) }), ["OK", 0], "the close is on its way");
  assert.deepEqual(modeIn({ differences: apart(T0 - QUARTER) }), ["HALTED", 0]);
  assert.deepEqual(modeIn({ nav: blankMemory("test00", T0).nav }), ["HALTED", null]);
});

Deno.test("a difference that the next trades explain is taken back; a new one adds to it", () => {
  const ended = (changes: Partial<Holding>) =>
    holding({ closedUsd: 1_000, realizedUsd: 0, ...changes });
  const first = proveResult({}, ended({ realizedUsd: 7 }), T0);
  assert.deepEqual([first[KEY]!.venueUsd, first[KEY]!.parcelsUsd], [7, 0]);
  assert.equal(proveResult(first, ended({ realizedUsd: 2 }), T0 + 1)[KEY]!.venueUsd, 9);
  assert.deepEqual(proveResult(first, ended({ realizedUsd: -7 }), T0 + 1), {});
  const rounded = proveResult(first, ended({ realizedUsd: 0.000_9 }), T0 + 1);
  assert.equal(rounded, first, "rounding explains nothing and adds nothing");
  const old = proveResult(first, ended({ realizedUsd: -7 }), T0 + DAY);
  assert.equal(old[KEY]!.venueUsd, -7, "what is a day old explains nothing");
  const corrected = proveResult({}, ended({ realizedUsd: 7, source: "adjustment" }), T0);
  assert.deepEqual(corrected, {}, "a corrected leg proves nothing");
  const byLots = proveResult({}, ended({ earned: [{ ...NOTHING, realizedUsd: 1 }] }), T0);
  assert.equal(byLots[KEY]!.parcelsUsd, 1);
});
const NOTHING = {
  strategyId: null,
  lots: 0,
  realizedUsd: 0,
  entryFeesUsd: 0,
  exitFeesUsd: 0,
  fundingUsd: 0,
};

/** The row of an event as the log has it. */
function written(event: EngineEvent): Readonly<Record<string, unknown>> {
  const stamp: RowStamp = {
    seq: 1,
    nowMs: T0,
    loggedMs: T0,
    mode: "sim",
    runId: "r",
    env: "sim",
    positionMode: "hedge",
    venue: "sim",
  };
  return rowOf(event, stamp, { market: () => market() });
}
