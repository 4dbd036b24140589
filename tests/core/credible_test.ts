/** What a venue tells that cannot be true never reaches a decision, and is never read as zero. */
import assert from "node:assert/strict";
import { credible } from "../../core/credible.ts";
import type { Observation, VenueEvent } from "../../core/ports.ts";
import type { Candle, Trade, VenuePosition } from "../../core/types.ts";
import { account, book, BTC, position, T0, trade } from "../fixtures.ts";
import { candles, observation } from "../fixtures_run.ts";

const NONE = [NaN, Infinity, -Infinity];

const heard = (...events: VenueEvent[]) => credible(observation({ events })).events.length;
const seenWith = (changes: Partial<Observation["market"]>) => {
  const seen = observation();
  return credible({ ...seen, market: { ...seen.market, ...changes } }).market;
};
const read = (leg: Partial<VenuePosition>) =>
  credible(observation({
    account: { kind: "read", value: account({ positions: [position(leg)] }) },
  }));

Deno.test("an observation that can be true stays as it is", () => {
  const seen = observation({
    candles: [{ ticker: BTC, candles: candles([1, 2, 3]) }],
    account: { kind: "read", value: account({ positions: [position()] }) },
    events: [{ kind: "trade", trade: trade() }],
  });
  const { market, ...told } = credible(seen);
  const { market: shown, ...given } = seen;
  assert.deepEqual(told, given);
  assert.deepEqual(market.book(BTC), shown.book(BTC));
  assert.deepEqual(market.mark(BTC), shown.mark(BTC));
});

Deno.test("a price that is none is an unknown price", () => {
  for (const px of [...NONE, 0, -1]) {
    assert.equal(seenWith({ mark: () => ({ px, atMs: T0 }) }).mark(BTC), null, String(px));
  }
  assert.equal(seenWith({ mark: () => ({ px: 1, atMs: NaN }) }).mark(BTC), null);
});

Deno.test("a book with a level that is none, out of order or crossed is no book", () => {
  const good = book({ bidTicks: 99, askTicks: 101 });
  const books = [
    { ...good, bids: [{ priceTicks: NaN, lots: 1 }] },
    { ...good, asks: [{ priceTicks: 101.5, lots: 1 }] },
    { ...good, asks: [{ priceTicks: 101, lots: 0 }] },
    { ...good, asks: [{ priceTicks: 102, lots: 1 }, { priceTicks: 101, lots: 1 }] },
    { ...good, bids: [{ priceTicks: 101, lots: 1 }], asks: [{ priceTicks: 101, lots: 1 }] },
    { ...good, atMs: NaN },
  ];
  for (const one of books) assert.equal(seenWith({ book: () => one }).book(BTC), null);
  const oneSided = { ...good, asks: [] };
  assert.deepEqual(seenWith({ book: () => oneSided }).book(BTC), oneSided);
});

Deno.test("two rows of one leg add up at the worse entry, and are told", () => {
  const both = (side: "LONG" | "SHORT") =>
    credible(observation({
      account: {
        kind: "read",
        value: account({
          positions: [
            position({ side, lots: 5, entryPx: 60_000, unrealizedUsd: 2 }),
            position({ side, lots: 3, entryPx: 61_000, unrealizedUsd: -1 }),
          ],
        }),
      },
    }));
  for (const [side, worst] of [["LONG", 61_000], ["SHORT", 60_000]] as const) {
    const { account: reading, faults } = both(side);
    assert.ok(reading.kind === "read");
    assert.deepEqual(
      reading.value.positions.map((
        { lots, entryPx, unrealizedUsd },
      ) => [lots, entryPx, unrealizedUsd]),
      [[8, worst, 1]],
    );
    assert.deepEqual(faults.map(({ message }) => message), [
      `account: BTCUSDT:${side} is told twice`,
    ]);
  }
});

Deno.test("a position without a size makes the whole reading unknown, never flat", () => {
  for (const lots of [...NONE, 0, -3, 0.5]) {
    const { account: reading, faults } = read({ lots });
    assert.equal(reading.kind, "failed", String(lots));
    assert.match(faults[0]!.message, /BTCUSDT LONG holds/);
  }
  for (const value of [account({ atMs: NaN }), account({ walletQty: { USDT: NaN } })]) {
    assert.equal(
      credible(observation({ account: { kind: "read", value } })).account.kind,
      "failed",
    );
  }
});

Deno.test("a figure beside a position that is none is unknown, and the position stays", () => {
  const { account: reading, faults } = read({
    entryPx: 0,
    unrealizedUsd: NaN,
    leverage: Infinity,
    liquidationPx: -1,
    mark: { px: NaN, atMs: T0 },
  });
  assert.ok(reading.kind === "read");
  const [leg] = reading.value.positions;
  assert.deepEqual(
    [leg!.entryPx, leg!.unrealizedUsd, leg!.leverage, leg!.liquidationPx, leg!.mark],
    [null, null, null, null, null],
  );
  assert.equal(leg!.lots, position().lots);
  assert.deepEqual(faults, []);
});

Deno.test("a trade that cannot be was not heard; an answer with one in it is none", () => {
  const wrong: Partial<Trade>[] = [
    ...NONE.flatMap((none) => [{ px: none }, { lots: none }, { feeUsd: none }]),
    { realizedUsd: NaN },
    { px: 0 },
    { lots: 0 },
    { lots: 1.5 },
    { id: NaN },
    { atMs: NaN },
  ];
  for (const changes of wrong) {
    const bad = trade(changes);
    assert.equal(heard({ kind: "trade", trade: bad }), 0, JSON.stringify(changes));
    const trades = [trade({ id: 7 }), bad];
    const answer = { kind: "trades_answer", ticker: BTC, afterId: 0, trades, atMs: T0 } as const;
    assert.equal(heard(answer), 0);
  }
  assert.equal(heard({ kind: "trade", trade: trade() }), 1);
});

Deno.test("counts and sums that are none were not heard", () => {
  const clientId = "x";
  const income = { id: 1, type: "funding", ticker: BTC, side: "LONG", usd: NaN, atMs: T0 } as const;
  const events: VenueEvent[] = [
    { kind: "income", income },
    { kind: "done", clientId, status: "filled", executedLots: NaN, atMs: T0 },
    { kind: "done", clientId, status: "filled", executedLots: -1, atMs: T0 },
    { kind: "order_answer", clientId, found: { status: "open", executedLots: 0.5 }, atMs: T0 },
    { kind: "ack", clientId, atMs: NaN },
  ];
  for (const event of events) assert.equal(heard(event), 0, JSON.stringify(event));
  assert.equal(heard({ kind: "order_answer", clientId, found: null, atMs: T0 }), 1);
});

Deno.test("a candle without usable prices is a candle that is missing", () => {
  const [good] = candles([100]);
  const bad: Partial<Candle>[] = [
    { close: NaN },
    { open: Infinity, high: Infinity },
    { low: 0 },
    { high: 50 },
    { volume: -1 },
    { openMs: NaN },
  ];
  for (const changes of bad) {
    const closed = [{ ticker: BTC, candles: [good!, { ...good!, ...changes }] }];
    const seen = credible(observation({ candles: closed }));
    assert.deepEqual(seen.candles[0]!.candles, [good], JSON.stringify(changes));
    assert.equal(seen.faults.length, 1);
  }
});
