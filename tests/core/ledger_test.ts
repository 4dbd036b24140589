/** The engine's own book, trade by trade, and the rows that legs and levels are read from. */
import assert from "node:assert/strict";
import {
  bookFill,
  bookFunding,
  type Holdings,
  type Origin,
  unrealizedUsd,
} from "../../core/exits/ledger.ts";
import type { Journey } from "../../core/exits/episode.ts";
import { readLegs, readLevels, syncRegistry } from "../../core/exits/rows.ts";
import { type Conditions, signOf, type Trade } from "../../core/types.ts";
import { dice, freeze, holding, market, T0, trade, venueBook } from "../fixtures.ts";

const KEY = "BTCUSDT:LONG";
const ORIGIN: Origin = { intentId: "e-1", strategyId: "s1", exitReason: "tp", leverage: 2 };
const CONDITIONS: Conditions = { range: 2, drawdown: 1, mode: "WARN" };
const book = (holdings: Holdings, one: Trade, journey: Journey | null = null) =>
  bookFill(freeze(holdings), one, ORIGIN, {
    market: market(),
    journey,
    conditions: CONDITIONS,
    executed: {
      lots: one.lots,
      avgPx: one.px,
      feesUsd: one.feeUsd,
      firstMs: one.atMs,
      isFilled: true,
    },
  });

Deno.test("adding averages the entry, reducing leaves it, closing ends the episode", () => {
  const told = venueBook();
  const opened = book({}, told({ px: 60_000, lots: 5 }));
  const added = book(opened.holdings, told({ id: 2, px: 60_600, lots: 10 }));
  assert.deepEqual([added.holdings[KEY]!.lots, added.holdings[KEY]!.entryPx], [15, 60_400]);
  const cut = book(added.holdings, told({ id: 3, effect: "close", px: 61_400, lots: 5 }));
  assert.deepEqual([cut.holdings[KEY]!.lots, cut.holdings[KEY]!.entryPx], [10, 60_400]);
  assert.ok(Math.abs(cut.realizedUsd - 5) < 1e-9);
  assert.equal(cut.close, null);
  const flat = book(cut.holdings, told({ id: 4, effect: "close", px: 60_400, lots: 10 }));
  assert.deepEqual(flat.holdings, {});
  assert.ok(Math.abs(flat.close!.realizedUsd - 5) < 1e-9);
  assert.deepEqual(flat.events.map(({ kind }) => kind), [
    "order_fill",
    "order_close",
    "episode_end",
  ]);
});

Deno.test("an episode tells how far it went, both ways, and what it came to in risks", () => {
  const ended = (side: "LONG" | "SHORT", journey: Journey | null) => {
    const sign = signOf(side);
    const at = (away: number) => 60_000 + sign * away;
    const told = venueBook();
    let { holdings } = book({}, told({ side, px: at(0), lots: 5, feeUsd: 0.5 }));
    ({ holdings } = book(holdings, told({ id: 2, side, px: at(600), lots: 5, feeUsd: 0.5 })));
    const close = (id: number, px: number, feeUsd: number) =>
      told({ id, side, effect: "close", px, lots: 5, feeUsd });
    ({ holdings } = book(holdings, close(3, at(900), 0.25)));
    const flat = book(holdings, close(4, at(1_500), 0.25), journey);
    const row = flat.events.at(-1);
    assert.ok(row?.kind === "episode_end");
    return { ...row, close: flat.close! };
  };
  for (const side of ["LONG", "SHORT"] as const) {
    const at = (away: number) => 60_000 + signOf(side) * away;
    const slPx = at(-700);
    const journey = { bestPx: at(2_000), worstPx: at(-300), initialLevels: { slPx, tpPx: null } };
    const row = ended(side, journey);
    assert.deepEqual([row.maxLots, row.entryPx, row.exitPx], [10, at(300), at(1_200)]);
    assert.ok(Math.abs(row.mfeFrac! - 1_700 / at(300)) < 1e-12);
    assert.ok(Math.abs(row.maeFrac! + 600 / at(300)) < 1e-12);
    // 0.01 BTC won 900 dollars a coin less 1.50 of fees, and risked 1,000 a coin.
    assert.ok(Math.abs(row.rMultiple! - (9 - 1.5) / 10) < 1e-9);
    assert.equal(row.close.rMultiple, row.rMultiple);
    assert.equal(
      ended(side, { ...journey, initialLevels: { slPx: null, tpPx: null } }).rMultiple,
      null,
    );
    const blind = ended(side, null);
    assert.deepEqual([blind.mfeFrac, blind.maeFrac, blind.rMultiple], [null, null, null]);
    const short = { bestPx: at(0), worstPx: at(0), initialLevels: journey.initialLevels };
    assert.ok(ended(side, short).mfeFrac! > 0, "the exit itself was on the way");
  }
});

Deno.test("the venue's result is the result; the book's own stands beside it", () => {
  const opened = book({}, trade({ px: 60_000, lots: 10, feeUsd: 0 }));
  const part = trade({
    id: 2,
    effect: "close",
    px: 61_000,
    lots: 5,
    realizedUsd: 4.5,
    feeUsd: 0.25,
  });
  const cut = book(opened.holdings, part);
  const leg = cut.holdings[KEY]!;
  assert.deepEqual([cut.realizedUsd, leg.realizedUsd, leg.averageUsd], [4.5, 4.5, 5]);
  const row = cut.events[1]!;
  assert.ok(row.kind === "order_close");
  assert.deepEqual([row.realizedUsd, row.netUsd], [4.5, 4.25]);
  const all = trade({ id: 3, effect: "close", px: 61_000, lots: 8, realizedUsd: 8, feeUsd: 0 });
  const flat = book(cut.holdings, all);
  assert.deepEqual([flat.realizedUsd, flat.close!.realizedUsd, flat.excessLots], [8, 12.5, 3]);
  const known = flat.close!.earned.map(({ strategyId, realizedUsd }) => [strategyId, realizedUsd]);
  assert.deepEqual(known, [["s1", 10], [null, 2.5]], "what no lot accounts for is nobody's");
});

Deno.test("what trades closed is kept by day and setting, and adds up to the episode", () => {
  const DAY = 86_400_000;
  const told = venueBook();
  let { holdings } = book({}, told({ px: 60_000, lots: 10, feeUsd: 1 }));
  const cuts = [[2, 0], [3, 1_000], [4, DAY]] as const;
  for (const [id, afterMs] of cuts) {
    const one = told({ id, effect: "close", px: 61_000, lots: 2, feeUsd: 0.2, atMs: T0 + afterMs });
    ({ holdings } = book(holdings, one));
  }
  const { parts } = holdings[KEY]!;
  assert.deepEqual(parts.map(({ day, conditions }) => [day, conditions]), [
    ["2026-01-05", CONDITIONS],
    ["2026-01-06", CONDITIONS],
  ]);
  assert.ok(Math.abs(parts[0]!.usd - 2 * (2 - 0.2 - 0.2)) < 1e-9);
  const last = told({ id: 5, effect: "close", px: 60_000, lots: 4, feeUsd: 0, atMs: T0 + DAY });
  const { close } = book(holdings, last);
  const sum = close!.parts.reduce((total, { usd }) => total + usd, 0);
  assert.ok(Math.abs(sum - (close!.realizedUsd - close!.feesUsd)) < 1e-9);
});

Deno.test("the venue's rounding is no result of its own", () => {
  const opened = book({}, trade({ px: 60_000, lots: 5 }));
  const closing = { id: 2, effect: "close", px: 60_333, lots: 5, feeUsd: 0 } as const;
  const { close } = book(opened.holdings, trade({ ...closing, realizedUsd: 1.66500001 }));
  assert.deepEqual(close!.earned.map(({ strategyId }) => strategyId), ["s1"]);
  assert.equal(close!.earned[0]!.realizedUsd, 1.66500001);
});

Deno.test("a close without a leg books what the venue says and opens nothing", () => {
  const stray = book({}, trade({ effect: "close", realizedUsd: -3 }));
  assert.deepEqual([stray.holdings, stray.realizedUsd, stray.close], [{}, -3, null]);
});

Deno.test("cash, result and open profit always add up to the same equity", () => {
  const roll = dice(7);
  for (let run = 0; run < 200; run++) {
    const told = venueBook();
    let [holdings, cashUsd, fees]: [Holdings, number, number] = [{}, 10_000, 0];
    let boughtUsd = 0;
    let px = 60_000;
    for (let id = 1; id <= 30; id++) {
      px *= 1 + (roll() - 0.5) / 50;
      const side = roll() < 0.5 ? "LONG" : "SHORT";
      const held = holdings[`BTCUSDT:${side}`];
      const closes = held !== undefined && roll() < 0.5;
      const lots = closes ? 1 + Math.floor(roll() * held.lots) : 1 + Math.floor(roll() * 50);
      const one = told({ id, side, effect: closes ? "close" : "open", px, lots, feeUsd: roll() });
      const direction = closes ? -signOf(side) : signOf(side);
      boughtUsd += direction * px * lots * 0.001;
      const booking = book(holdings, one);
      cashUsd += booking.realizedUsd;
      fees += one.feeUsd;
      holdings = booking.holdings;
    }
    let [openUsd, worthUsd] = [0, 0];
    for (const one of Object.values(holdings)) {
      openUsd += unrealizedUsd(one, px, market());
      worthUsd += signOf(one.side) * one.lots * 0.001 * px;
    }
    const equityUsd = cashUsd + openUsd - fees;
    assert.ok(Math.abs(equityUsd - (10_000 - fees - boughtUsd + worthUsd)) < 1e-6);
  }
});

Deno.test("funding belongs to its leg, and to nobody when the leg is gone", () => {
  const held = freeze({ [KEY]: holding() }) as Holdings;
  assert.equal(bookFunding(held, KEY, -2)[KEY]!.fundingUsd, -2);
  assert.equal(bookFunding(held, "ETHUSDT:LONG", -2), held);
});

Deno.test("rows are read strictly: what cannot be read is told, and nothing is then called flat", () => {
  const row = {
    symbol: "btcusdt",
    positionSide: "BOTH",
    positionAmt: "-0.5",
    entryPrice: "60000.1",
  };
  const read = (...positions: unknown[]) => readLegs({ positions });
  assert.deepEqual(read(row).legs[0], {
    ticker: "BTCUSDT",
    side: "SHORT",
    qty: 0.5,
    entryPx: 60_000.1,
    markPx: null,
    leverage: null,
    openedMs: null,
    updatedMs: null,
  });
  for (
    const bad of [
      { ...row, positionAmt: "x" },
      { ...row, positionAmt: undefined },
      { ...row, symbol: "" },
      { ...row, positionSide: "BUY" },
      5,
    ]
  ) assert.deepEqual([read(row, bad).legs.length, read(row, bad).complete], [1, false]);
  for (const form of [null, [], {}, "x", { positions: {} }]) {
    assert.equal(readLegs(form).complete, false);
  }
  assert.equal(
    read({ ...row, entryPrice: 0 }).legs[0]!.entryPx,
    null,
    "kept, with its entry unknown",
  );
  const twice = read({ ...row, entryPrice: 61_000 }, { ...row, positionAmt: -1 }).legs;
  assert.deepEqual([twice.length, twice[0]!.qty, twice[0]!.entryPx], [1, 1.5, 60_000.1]);
  const timed = read({ ...row, created_ts: 1_765_000_000, updateTime: 1_765_000_001_000 }).legs[0]!;
  assert.deepEqual([timed.openedMs, timed.updatedMs], [1_765_000_000_000, 1_765_000_001_000]);
  assert.equal(read({ ...row, created_ts: "2026-01-05T00:00:00Z" }).legs[0]!.openedMs, T0);
  assert.equal(read({ ...row, created_ts: "2026-01-05" }).legs[0]!.openedMs, null);
});

Deno.test("syncing levels twice is the same as once, and a bad read removes nothing", () => {
  const rules = { slAtrMult: 2, tpAtrMult: 3, atrFrac: 0.007 };
  const options = { seedMissing: true, removeStale: true, seed: rules };
  const legs = readLegs({ positions: [{ symbol: "BTCUSDT", qty: 1, entry_price: 100 }] });
  const stale = readLevels({ entries: { "ETHUSDT:LONG": { stop_loss_price: 1 } } }).rows;
  const once = syncRegistry(legs, stale, options);
  assert.deepEqual([once.seeded, once.removed], [[KEY], ["ETHUSDT:LONG"]]);
  assert.equal(once.rows[KEY]!.slPx, 98.6);
  const twice = syncRegistry(legs, once.rows, options);
  assert.deepEqual([twice.rows, twice.seeded, twice.removed], [once.rows, [], []]);
  assert.deepEqual(syncRegistry(readLegs(null), stale, options).rows, stale);
  const off = readLevels({ entries: { [KEY]: { stop_loss_price: 90, enable_tp_sl: false } } });
  assert.equal(off.rows[KEY]!.slPx, null, "switched off means not covered");
});
