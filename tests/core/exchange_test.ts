/** The simulated exchange: what it refuses, when it trades, what it keeps, and its own ledger. */
import assert from "node:assert/strict";
import type { Command, NewOrder } from "../../core/ports.ts";
import { makerTicks, touchOf } from "../../core/router/quote.ts";
import type { Candle, Ticker, Trade } from "../../core/types.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { foldLedger } from "../../core/venues/sim_state.ts";
import { BTC, dice, newOrder, T0 } from "../fixtures.ts";
import { candleFeed, candles, Floor } from "../fixtures_run.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
type Options = ConstructorParameters<typeof Floor>[1];

/** Ten calm minutes at 60,000; the touch is 59,996.2 to 60,003.8. */
const calm = (options: Options = {}) =>
  new Floor(candleFeed(candles(Array(10).fill(60_000), { frameMs: MINUTE, volume: 60 })), options);
/** One candle of a minute, and a calm one after it. */
const one = (candle: Omit<Candle, "openMs">, options: Options = {}) => {
  const next = { ...candle, openMs: T0 + MINUTE, open: candle.close, high: candle.close };
  const flat = { ...next, low: candle.close };
  return new Floor(candleFeed([{ openMs: T0, ...candle }, flat]), options);
};

const place = (changes: Partial<NewOrder> = {}): Command => ({
  kind: "place",
  order: newOrder({ tif: "IOC", priceTicks: 601_000, lots: 10, ...changes }),
});
const market = (clientId: string, changes: Partial<NewOrder> = {}): Command =>
  place({ clientId, kind: "market", tif: null, priceTicks: null, ...changes });
const stop = (clientId: string, stopTicks: number, changes: Partial<NewOrder> = {}): Command =>
  market(clientId, {
    kind: "stop_market",
    effect: "close",
    lots: 0,
    stopTicks,
    closePosition: true,
    ...changes,
  });
const tradesOf = (floor: Floor, clientId: string): Trade[] =>
  floor.heard.flatMap((event) =>
    event.kind === "trade" && event.trade.clientId === clientId ? [event.trade] : []
  );

Deno.test("an immediate order takes what its price allows, and the rest is over", () => {
  const floor = calm().send([place({ lots: 10 })]);
  assert.deepEqual(floor.about("c-1"), ["ack", "trade", "done filled"]);
  const [first] = tradesOf(floor, "c-1");
  assert.ok(first!.px > 60_000 && !first!.maker && first!.lots === 10);
  assert.ok(Math.abs(first!.feeUsd - first!.px * 0.01 * 0.0005) < 1e-9);
  assert.deepEqual(Object.keys(floor.state.positions), ["BTCUSDT:LONG"]);
  const bounded = calm().send([place({ priceTicks: 600_000 })]);
  assert.deepEqual(bounded.about("c-1"), ["ack", "done expired"]);
  const deep = calm({ walletUsd: 1e9 }).send([place({ lots: 100_000, priceTicks: 600_100 })]);
  assert.deepEqual(deep.about("c-1").at(-1), "done expired");
  const taken = tradesOf(deep, "c-1");
  assert.ok(taken.length > 1 && taken.every(({ px }) => px <= 60_010));
});

Deno.test("a post-only order that would take is refused, one that would not rests", () => {
  const quote = (priceTicks: number) => calm().send([place({ tif: "GTX", priceTicks })]);
  assert.deepEqual(quote(600_040).about("c-1"), ["reject post_only_would_take"]);
  assert.deepEqual(quote(599_900).about("c-1"), ["ack"]);
  const sell = (priceTicks: number) =>
    calm().send([place({ tif: "GTX", side: "SHORT", priceTicks })]).about("c-1");
  assert.deepEqual([sell(599_960), sell(600_100)], [["reject post_only_would_take"], ["ack"]]);
});

Deno.test("filters, margin and ids are checked on arrival", () => {
  const told = (changes: Partial<NewOrder>, options: Options = {}) =>
    calm(options).send([place(changes)]).about("c-1");
  assert.deepEqual(told({ lots: 1 }), ["reject filter"], "60 dollars are less than the least");
  assert.deepEqual(told({ lots: 0 }), ["reject filter"]);
  assert.deepEqual(told({ lots: 2.5 }), ["reject filter"]);
  assert.deepEqual(told({ lots: 2_000_000 }), ["reject filter"]);
  assert.deepEqual(told({ priceTicks: 0 }), ["reject filter"]);
  assert.deepEqual(told({ ticker: "NOUSDT" as Ticker }), ["reject symbol_closed"]);
  assert.deepEqual(told({ lots: 20 }, { walletUsd: 1_000 }), ["reject insufficient_margin"]);
  assert.equal(told({ lots: 20, leverage: 2 }, { walletUsd: 1_000 })[0], "ack");
  const twice = calm().send([place({ priceTicks: 599_000 })]).send([place()]);
  assert.deepEqual(twice.about("c-1"), ["ack", "done expired", "reject duplicate_id"]);
});

Deno.test("what closes never opens: hedge mode refuses too much, one-way mode trims it", () => {
  const held = (options: Options) => calm(options).send([market("open")]);
  const close = (lots: number): Command => market("close", { effect: "close", lots });
  assert.deepEqual(held({}).send([close(11)]).about("close"), ["reject reduce_only_rejected"]);
  const exact = held({}).send([close(10)]);
  assert.equal(exact.about("close").at(-1), "done filled");
  assert.deepEqual(exact.state.positions, {});
  const oneWay = held({ rules: { positionMode: "one_way" } }).send([close(99)]);
  assert.deepEqual([tradesOf(oneWay, "close")[0]!.lots, oneWay.state.positions], [10, {}]);
  assert.deepEqual(calm().send([close(1)]).about("close"), ["reject reduce_only_rejected"]);
});

Deno.test("in one-way mode the other side nets first, and what is left opens", () => {
  const floor = calm({ rules: { positionMode: "one_way" } })
    .send([market("a", { lots: 10 })])
    .send([market("b", { side: "SHORT", lots: 25 })]);
  const parts = tradesOf(floor, "b").map(({ side, effect, lots }) => [side, effect, lots]);
  assert.deepEqual(parts, [["LONG", "close", 10], ["SHORT", "open", 15]]);
  assert.deepEqual(Object.keys(floor.state.positions), ["BTCUSDT:SHORT"]);
  const hedge = calm().send([market("a")]).send([market("b", { side: "SHORT" })]);
  assert.deepEqual(Object.keys(hedge.state.positions), ["BTCUSDT:LONG", "BTCUSDT:SHORT"]);
});

Deno.test("a protective stop needs a leg, stands alone, and may not trigger at once", () => {
  const floor = calm().send([stop("early", 590_000)]).send([market("open")]);
  assert.deepEqual(floor.about("early"), ["reject reduce_only_rejected"]);
  floor.send([stop("s1", 590_000)]).send([stop("s2", 589_000)]).send([stop("s3", 600_000)]);
  assert.deepEqual(floor.about("s1"), ["ack"]);
  assert.deepEqual(floor.about("s2"), ["reject stop_exists"]);
  const crossed = calm().send([market("open")]).send([stop("s", 600_000)]);
  assert.deepEqual(crossed.about("s"), ["reject would_trigger"]);
});

Deno.test("a stop with a quantity rests beside the one that closes all, and closes no more than is held", () => {
  const fall = { open: 60_000, high: 60_000, low: 59_000, close: 59_000, volume: 500 };
  const part = (clientId: string, lots: number, stopTicks = 595_000) =>
    stop(clientId, stopTicks, { lots, closePosition: false });
  const floor = one(fall).send([market("open")]).send([stop("all", 592_000), part("part", 4)]);
  assert.deepEqual([floor.about("all"), floor.about("part")], [["ack"], ["ack"]]);
  assert.deepEqual(Object.keys(foldLedger(floor.rows)!.state.orders).toSorted(), ["all", "part"]);
  floor.run(T0 + 55 * SECOND);
  assert.deepEqual(tradesOf(floor, "part").map(({ lots, cause }) => [lots, cause]), [[4, "stop"]]);
  assert.equal(floor.about("part").at(-1), "done filled");
  assert.deepEqual(tradesOf(floor, "all").map(({ lots }) => lots), [6], "what was left");
  const large = one(fall).send([market("open")]).send([part("large", 99)]);
  large.run(T0 + 55 * SECOND);
  assert.deepEqual(tradesOf(large, "large").map(({ lots }) => lots), [10]);
  assert.deepEqual(large.state.positions, {});
  const gone = one(fall).send([market("open")]).send([part("late", 4)])
    .send([market("close", { effect: "close" })]);
  gone.run(T0 + 55 * SECOND);
  assert.deepEqual([tradesOf(gone, "late"), gone.about("late").at(-1)], [[], "done expired"]);
  const refused = calm().send([part("none", 4)]).send([market("open")]).send([
    part("empty", 0),
    part("passed", 4, 600_100),
  ]);
  assert.deepEqual(refused.about("none"), ["reject reduce_only_rejected"]);
  assert.deepEqual(refused.about("empty"), ["reject filter"]);
  assert.deepEqual(refused.about("passed"), ["reject would_trigger"]);
});

Deno.test("a stop triggers at the instant of the crossing and closes the whole leg", () => {
  for (const side of ["LONG", "SHORT"] as const) {
    const fall = { open: 60_000, high: 60_400, low: 59_600, close: 60_000, volume: 500 };
    const [floor, stopPx] = [one(fall), side === "LONG" ? 59_800 : 60_200];
    floor.send([market("open", { side }), market("more", { side, lots: 7 })], 500);
    floor.send([stop("s", stopPx * 10, { side })], 2 * MINUTE);
    const hits = tradesOf(floor, "s");
    const { paths } = floor.exchange.desk;
    const atMs = hits[0]!.atMs;
    const sign = side === "LONG" ? 1 : -1;
    assert.ok(sign * (paths.pxAt(BTC, atMs)! - stopPx) <= 0, "crossed by then");
    assert.ok(sign * (paths.pxAt(BTC, atMs - 1)! - stopPx) > 0, "and not a millisecond before");
    assert.equal(hits.reduce((sum, { lots }) => sum + lots, 0), 17);
    assert.ok(hits.every(({ cause, px }) => cause === "stop" && sign * (px - stopPx) < 0));
    assert.deepEqual(floor.state.positions, {});
  }
});

Deno.test("a target rests beside a stop and closes the whole leg when price gets there", () => {
  for (const side of ["LONG", "SHORT"] as const) {
    const rise = { open: 60_000, high: 60_400, low: 59_600, close: 60_000, volume: 500 };
    const floor = one(rise);
    const sign = side === "LONG" ? 1 : -1;
    const at = (away: number) => (60_000 + sign * away) * 10;
    const target = (clientId: string, ticks: number) =>
      stop(clientId, ticks, { side, kind: "take_profit_market" });
    floor.send([market("open", { side, lots: 17 })], 500);
    floor.send([target("passed", at(-300)), stop("s", at(-5_000), { side })]);
    assert.deepEqual(floor.about("passed"), ["reject would_trigger"]);
    floor.send([target("t", at(200))], 200).send([target("twin", at(250))], 2 * MINUTE);
    assert.deepEqual(floor.about("twin"), ["reject stop_exists"]);
    const hits = tradesOf(floor, "t");
    assert.equal(hits.reduce((sum, { lots }) => sum + lots, 0), 17);
    assert.ok(sign * (floor.exchange.desk.paths.pxAt(BTC, hits[0]!.atMs)! - at(200) / 10) >= 0);
    assert.deepEqual(floor.state.positions, {});
  }
});

Deno.test("funding is paid every eight hours on what is held then", () => {
  const floor = new Floor(candleFeed(candles(Array(30).fill(60_000), { volume: 3_600 })));
  floor.send([market("open", { lots: 100 })]);
  const beforeUsd = floor.state.walletUsd;
  floor.run(8 * HOUR - 2 * SECOND);
  assert.equal(floor.state.walletUsd, beforeUsd, "not before its time");
  floor.run(17 * HOUR);
  const paid = floor.heard.flatMap((event) => event.kind === "income" ? [event.income] : []);
  assert.deepEqual(paid.map(({ atMs }) => (atMs - T0) / HOUR), [8, 16, 24]);
  assert.ok(paid.every(({ usd, type }) => type === "funding" && usd <= 0 && usd > -6_000 * 0.0003));
  const sum = paid.reduce((total, { usd }) => total + usd, 0);
  assert.ok(sum < -6_000 * 0.00005, `${sum} in three periods`);
  assert.ok(Math.abs(floor.state.walletUsd - beforeUsd - sum) < 1e-9);
  assert.deepEqual(paid.map(({ id }) => id), [1, 2, 3]);
});

Deno.test("when nobody renews the dead-man switch quotes go and stops stay", () => {
  const quote = place({ tif: "GTX", priceTicks: 590_000 });
  const arm: Command = { kind: "dead_man", ticker: BTC, timeoutMs: 10 * SECOND };
  const floor = () => calm().send([market("open")]).send([quote, stop("s", 580_000), arm], SECOND);
  const died = floor().run(15 * SECOND);
  assert.deepEqual(died.about("c-1"), ["ack", "done cancelled"]);
  assert.deepEqual(died.about("s"), ["ack"]);
  const alive = floor();
  for (let i = 0; i < 5; i++) alive.send([arm], 8 * SECOND);
  assert.deepEqual(alive.about("c-1"), ["ack"]);
  const off = floor().send([{ ...arm, timeoutMs: 0 }], MINUTE);
  assert.deepEqual(off.about("c-1"), ["ack"]);
});

Deno.test("an added lot averages the entry, and resting quotes hold margin", () => {
  const floor = calm().send([market("a")]).send([market("b", { lots: 30 })]);
  const [a, b] = [tradesOf(floor, "a")[0]!, tradesOf(floor, "b")[0]!];
  const leg = floor.state.positions["BTCUSDT:LONG"]!;
  assert.ok(Math.abs(leg.entryPx - (a.px * 10 + b.px * 30) / 40) < 1e-9);
  assert.equal(leg.lots, 40);
  const quote = (clientId: string) =>
    place({ clientId, tif: "GTX", priceTicks: 590_000, lots: 10 });
  const poor = calm({ walletUsd: 1_000 }).send([quote("q1")]).send([quote("q2")]);
  assert.deepEqual([poor.about("q1"), poor.about("q2")], [["ack"], ["reject insufficient_margin"]]);
  const freed = poor.send([{ kind: "cancel", clientId: "q1", ticker: BTC }]).send([quote("q3")]);
  assert.deepEqual(freed.about("q3"), ["ack"]);
});

Deno.test("commands and words take their time, and words keep their order", () => {
  const floor = busy(6);
  let lastMs = 0;
  for (const event of floor.heard) {
    if (!("atMs" in event)) continue;
    assert.ok(event.atMs >= lastMs);
    lastMs = event.atMs;
  }
  const quick = calm({ rules: { latencyMs: 100 } });
  quick.exchange.send([market("a")]);
  const [arrival] = quick.state.arrivals;
  assert.ok(arrival!.atMs >= T0 + 50 && arrival!.atMs <= T0 + 150);
});

Deno.test("a quote that fills bit by bit is told from a fifth of it on", () => {
  const candle = { open: 60_000, high: 60_000, low: 59_992, close: 59_992, volume: 60 };
  const floor = one(candle, { walletUsd: 1e7 });
  const wide = place({ tif: "GTX", priceTicks: 599_900, lots: 20_000 });
  floor.exchange.send([wide]);
  let before = 0;
  for (let s = 0; s < 60; s++) {
    floor.run(SECOND);
    const filled = floor.state.orders["c-1"]?.filledLots ?? before;
    assert.ok(filled <= 500 * (s + 2), "no more than came");
    assert.ok(filled === before || filled - before >= 4_000, `${filled - before} at once`);
    before = filled;
  }
  assert.ok(before >= 4_000 && tradesOf(floor, "c-1").every(({ maker }) => maker));
});

Deno.test("a ledger that ends in order loses nothing; one that does not loses what was on its way", () => {
  const floor = calm();
  floor.exchange.send([market("a")]);
  const { state } = floor;
  const snapshot = { k: "snapshot", at: T0, lineage: "t", feed: "f", anchors: [], state } as const;
  const clean = foldLedger([{ ...snapshot, clean: true }])!;
  assert.equal(clean.state.arrivals.length, 1);
  assert.deepEqual(foldLedger([{ ...snapshot, clean: false }])!.state.arrivals, []);
  const on = foldLedger([{ ...snapshot, clean: true }, { k: "at", at: T0 + 5, fundedMs: T0 }])!;
  assert.deepEqual([on.clean, on.state.arrivals, on.state.nowMs], [false, [], T0 + 5]);
  assert.equal(foldLedger([]), null);
});

Deno.test("a cancel that comes too late is answered with what happened", () => {
  const cancel: Command = { kind: "cancel", clientId: "c-1", ticker: BTC };
  const floor = calm().send([place()]).send([cancel]);
  assert.equal(floor.about("c-1").at(-1), "order_answer");
  const answer = floor.heard.findLast((event) => event.kind === "order_answer");
  assert.deepEqual(answer?.kind === "order_answer" && answer.found, {
    status: "filled",
    executedLots: 10,
  });
  const unknown = calm().send([{ ...cancel, clientId: "never" }]);
  assert.deepEqual(unknown.heard.map((event) => event.kind === "order_answer" && event.found), [
    null,
  ]);
  assert.deepEqual(
    calm().send([place({ tif: "GTX", priceTicks: 590_000 })]).send([cancel]).about("c-1"),
    [
      "ack",
      "done cancelled",
    ],
  );
});

Deno.test("trades and income can be asked for from any id on", () => {
  const floor = calm().send([market("a")]).send([market("b")]);
  floor.exchange.transfer(500);
  floor.heard.length = 0;
  floor.send([{ kind: "query_trades", ticker: BTC, afterId: 1 }, {
    kind: "query_income",
    afterId: 0,
  }]);
  const answer = floor.heard.find((event) => event.kind === "trades_answer");
  assert.deepEqual(answer?.kind === "trades_answer" && answer.trades.map(({ id }) => id), [2]);
  const told = floor.heard.flatMap((event) =>
    event.kind === "income"
      ? [event.income.usd]
      : event.kind === "income_answer"
      ? event.incomes.map(({ usd }) => usd)
      : []
  );
  assert.deepEqual(told, [500, 500], "as it happened, and in the answer");
});

Deno.test("an account that cannot hold its legs is closed by the exchange", () => {
  const crash = { open: 60_000, high: 60_000, low: 50_000, close: 50_000, volume: 5_000 };
  const floor = one(crash, { walletUsd: 1_000 });
  floor.send([market("open", { lots: 200, leverage: 20 })], MINUTE).run(10 * SECOND);
  assert.deepEqual(floor.state.positions, {});
  const causes = floor.heard.flatMap((event) => event.kind === "trade" ? [event.trade.cause] : []);
  assert.deepEqual(new Set(causes), new Set(["order", "liquidation"]));
});

/** Random commands over the synthetic market; every word and row is kept. */
function busy(seed: number): Floor {
  const feed = new SyntheticFeed({ seed, historyDays: 1, anchors: [], nowMs: null });
  const floor = new Floor(feed, {
    rules: { seed, bucketOf: () => ({ name: "B", maxSpreadBps: 12, makerBiasFrac: 0.6 }) },
  });
  const roll = dice(seed);
  for (let i = 0; i < 250; i++) {
    const ticker = feed.tickers[Math.floor(roll() * 3)]!;
    const book = floor.exchange.desk.book(ticker)!;
    const buys = roll() < 0.5;
    const side = buys ? "LONG" : "SHORT";
    const held = floor.state.positions[`${ticker}:${side}`]?.lots ?? 0;
    const closes = held > 0 && roll() < 0.4;
    const quotes = roll() < 0.6;
    const priceTicks = makerTicks(touchOf(book)!, {
      buys: buys !== closes,
      offsetBps: roll() * 3,
      rejections: 0,
    });
    const lots = closes ? held : 1 + Math.floor((400 * roll()) / (book.asks[0]!.priceTicks * 1e-4));
    const base = {
      clientId: `o${i}`,
      ticker,
      side,
      lots,
      effect: closes ? "close" : "open",
    } as const;
    const order = quotes ? place({ ...base, tif: "GTX", priceTicks }) : market(`o${i}`, base);
    const cancel: Command = { kind: "cancel", clientId: `o${i - 3}`, ticker };
    floor.send(roll() < 0.3 ? [order, cancel] : [order], Math.floor(roll() * 5 * MINUTE));
  }
  return floor;
}

/** What a crash may not lose: everything but what was on its way, as it would be written. */
function kept(state: Floor["state"]): unknown {
  const { arrivals: _a, deliveries: _d, commandCount: _c, eventCount: _e, shownMs: _s, ...rest } =
    state;
  return JSON.parse(JSON.stringify(rest));
}

Deno.test("folding the exchange's ledger gives the state it is in", () => {
  for (const seed of [1, 2, 3]) {
    const floor = busy(seed);
    floor.exchange.noteTime();
    floor.run(0);
    const folded = foldLedger(JSON.parse(JSON.stringify(floor.rows)))!.state;
    assert.deepEqual(kept(folded), kept(floor.state));
    assert.ok(floor.state.lastTradeId > 100, `${floor.state.lastTradeId} trades`);
  }
});

Deno.test("wallet, trades, fees and funding of the exchange add up", () => {
  const { rows, state } = busy(4);
  let walletUsd = 100_000;
  for (const row of rows) {
    if (row.k === "trade") walletUsd += row.trade.realizedUsd - row.trade.feeUsd;
    if (row.k === "income") walletUsd += row.income.usd;
  }
  assert.ok(Math.abs(walletUsd - state.walletUsd) < 1e-6);
});

Deno.test("the same seed and commands give the same rows and words", () => {
  const [first, again] = [busy(5), busy(5)];
  assert.deepEqual(again.rows, first.rows);
  assert.deepEqual(again.heard, first.heard);
});
