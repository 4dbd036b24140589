/** One order's life: planned, acknowledged, silent, asked about, settled. */
import assert from "node:assert/strict";
import type { VenueEvent } from "../../core/ports.ts";
import {
  bookOrderTrade,
  cancelOrder,
  hearOrder,
  isSettled,
  type Order,
  orderDeadlineMs,
  questionOrder,
  sendOrder,
  tendOrder,
} from "../../core/router/orders.ts";
import { makerTicks, takerTicks, touchOf } from "../../core/router/quote.ts";
import { planEntry } from "../../core/router/plan.ts";
import { spellingOf } from "../../core/router/position_side.ts";
import { bucketOf } from "../../core/router/rules.ts";
import { normalizeOrder } from "../../core/router/normalize.ts";
import type { Account, Reading } from "../../core/types.ts";
import {
  account,
  approvedEntry,
  book,
  dice,
  freeze,
  market,
  newOrder,
  order,
  POLICY,
  ROUTER_RULES,
  T0,
} from "../fixtures.ts";

const SECOND = 1_000;
const CLEAR: Reading<Account> = { kind: "read", value: account() };
const FAILED: Reading<Account> = {
  kind: "failed",
  fault: { code: "timeout", message: "", retryable: true },
};

const sent = (): Order =>
  freeze(
    sendOrder(newOrder(), {
      intentId: "e-1",
      ownerId: "r",
      nowMs: T0,
      purpose: "maker",
      submission: null,
    }).order,
  );

const booked = (of: Order, lots: number): Order =>
  bookOrderTrade(of, { lots, px: 60_000, feeUsd: 0.1, atMs: T0 + 50 });

type Told = Extract<VenueEvent, { kind: "ack" | "reject" | "done" | "order_answer" }>;
const ack = (atMs = T0 + 40): Told => ({ kind: "ack", clientId: "c-1", atMs });
const done = (executedLots: number, status: "filled" | "cancelled" = "filled"): Told => ({
  kind: "done",
  clientId: "c-1",
  status,
  executedLots,
  atMs: T0 + 50,
});
const notFound = (atMs: number): Told => ({
  kind: "order_answer",
  clientId: "c-1",
  found: null,
  atMs,
});

function heard(start: Order, ...told: readonly Told[]): Order {
  return told.reduce((at, event) => freeze(hearOrder(at, event)[0]), start);
}

function tended(
  start: Order,
  nowMs: number,
  reading = CLEAR,
): ReturnType<typeof tendOrder> {
  return freeze(tendOrder(start, { nowMs, account: reading, lastTradeId: 7 }, ROUTER_RULES));
}

Deno.test("an order is open once acknowledged, and only the first word counts", () => {
  const [open, events] = hearOrder(sent(), ack());
  assert.deepEqual([open.state, open.ackMs], ["open", T0 + 40]);
  assert.deepEqual(events.map((e) => e.kind === "order_ack" && e.latencyMs), [40]);
  assert.equal(heard(open, ack(T0 + 900)), open);
  const over = heard(open, done(5));
  assert.equal(heard(over, ack(), done(3), notFound(T0)), over, "late words change nothing");
});

Deno.test("an order is settled when every executed lot has been booked", () => {
  const over = heard(sent(), ack(), done(5));
  assert.equal(isSettled(over), false);
  assert.equal(isSettled(booked(over, 4)), false);
  assert.equal(isSettled(booked(over, 5)), true);
  assert.equal(isSettled(heard(sent(), done(0, "cancelled"))), true);
  const early = heard(booked(sent(), 3), done(2, "cancelled"));
  assert.equal(early.executedLots, 3, "a booked trade has happened whatever the count says");
});

Deno.test("a rejected order keeps the venue's word for it", () => {
  const [over, events] = hearOrder(sent(), {
    kind: "reject",
    clientId: "c-1",
    code: "post_only_would_take",
    venueCode: -5022,
    message: "would take",
    atMs: T0 + 9,
  });
  assert.deepEqual([over.state, over.status, over.rejectCode, over.ackMs], [
    "done",
    "rejected",
    "post_only_would_take",
    null,
  ]);
  assert.deepEqual(events.map(({ kind }) => kind), ["order_reject"]);
});

Deno.test("silence becomes a question after the patience is over", () => {
  const start = sent();
  assert.equal(tended(start, T0 + 3 * SECOND - 1).order, start);
  assert.equal(orderDeadlineMs(start, ROUTER_RULES), T0 + 3 * SECOND);
  const asked = tended(start, T0 + 3 * SECOND);
  assert.equal(asked.order.state, "unknown");
  assert.deepEqual(asked.commands.map(({ kind }) => kind), ["query_order", "query_trades"]);
  assert.deepEqual(asked.events.map(({ kind }) => kind), ["order_unknown"]);
});

Deno.test("questions are repeated at 250 ms, then 0.5, 1, 2, 4 and 4 seconds", () => {
  let { order: at } = tended(sent(), T0 + 3 * SECOND);
  let nowMs = T0 + 3 * SECOND;
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    const dueMs = orderDeadlineMs(at, ROUTER_RULES)!;
    assert.deepEqual(tended(at, dueMs - 1).commands, []);
    const again = tended(at, dueMs);
    assert.ok(again.commands.length > 0);
    waits.push(dueMs - nowMs);
    [at, nowMs] = [again.order, dueMs];
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 4_000]);
});

Deno.test("never arrived is believed after three answers over ten seconds, and no sooner", () => {
  const unknown = tended(sent(), T0 + 3 * SECOND).order;
  const at = (s: number) => T0 + s * SECOND;
  const three = heard(unknown, notFound(at(4)), notFound(at(8)), notFound(at(13)));
  const isBelieved = (start: Order, nowMs: number, reading?: Reading<Account>) =>
    tended(start, nowMs, reading).order.state === "done";
  assert.equal(isBelieved(heard(unknown, notFound(at(4)), notFound(at(14))), at(30)), false);
  assert.equal(isBelieved(three, at(14) - 1), false);
  assert.equal(isBelieved(three, at(14)), true);
  assert.equal(isBelieved(three, at(14), FAILED), false, "a failed read is no evidence");
  const shown = account({
    openOrders: [{ ...newOrder(), filledLots: 0, kind: "limit" }],
  });
  assert.equal(isBelieved(three, at(14), { kind: "read", value: shown }), false);
  assert.equal(isBelieved(booked(three, 1), at(14)), false);
  const ended = tended(three, at(14));
  assert.equal(ended.order.rejectCode, "unavailable");
  assert.deepEqual(ended.events.map((e) => e.kind === "order_resolved" && e.status), [
    "never_arrived",
  ]);
});

Deno.test("an order in question that is found goes on as what it was found to be", () => {
  const unknown = tended(sent(), T0 + 3 * SECOND).order;
  const found = (status: "open" | "filled", executedLots: number) =>
    heard(unknown, {
      kind: "order_answer",
      clientId: "c-1",
      found: { status, executedLots },
      atMs: T0 + 4 * SECOND,
    });
  assert.deepEqual([found("open", 0).state, found("open", 0).query], ["open", null]);
  assert.deepEqual([found("filled", 5).state, found("filled", 5).executedLots], ["done", 5]);
  assert.equal(heard(unknown, ack()).state, "open");
});

Deno.test("an execution without its trade is asked for until the trade is there", () => {
  const over = heard(sent(), ack(), done(5));
  assert.deepEqual(tended(over, T0 + 50 + SECOND - 1).commands, []);
  const asked = tended(over, T0 + 50 + SECOND);
  assert.deepEqual(asked.commands, [{ kind: "query_trades", ticker: over.ticker, afterId: 7 }]);
  assert.equal(tended(booked(asked.order, 5), T0 + 60 * SECOND).commands.length, 0);
});

Deno.test("a cancel waits for the venue's word, and is repeated when it got lost", () => {
  const open = heard(sent(), ack());
  const taken = cancelOrder(open, { nowMs: T0 + SECOND, reason: "drift" });
  assert.equal(taken.order.state, "cancelling");
  assert.equal(cancelOrder(taken.order, { nowMs: T0, reason: "again" }).commands.length, 0);
  assert.deepEqual(tended(taken.order, T0 + 4 * SECOND - 1).commands, []);
  const again = tended(taken.order, T0 + 4 * SECOND);
  assert.deepEqual(again.commands.map(({ kind }) => kind), [
    "cancel",
    "query_order",
    "query_trades",
  ]);
  assert.equal(heard(taken.order, ack()).state, "cancelling", "an ack does not undo a cancel");
  assert.equal(cancelOrder(heard(open, done(5)), { nowMs: T0, reason: "late" }).commands.length, 0);
});

Deno.test("after a gap in the stream an unsettled order is asked about at once", () => {
  const open = heard(sent(), ack());
  const question = questionOrder(open, T0 + SECOND);
  assert.equal(orderDeadlineMs(question, ROUTER_RULES), T0 + SECOND);
  assert.ok(tended(question, T0 + SECOND).commands.length > 0);
  assert.equal(questionOrder(sent(), T0).state, "unknown");
  const settled = heard(open, done(0, "cancelled"));
  assert.equal(questionOrder(settled, T0), settled);
});

Deno.test("sizes leave as whole lots", () => {
  for (const lots of [0, -1, 1.5, NaN]) {
    assert.throws(() =>
      sendOrder(newOrder({ lots }), {
        intentId: null,
        ownerId: "r",
        nowMs: T0,
        purpose: "maker",
        submission: null,
      }), /Invariant/);
  }
});

Deno.test("a quote never takes, and each rejection after the first moves it a tick back", () => {
  const roll = dice(8);
  for (let i = 0; i < 2_000; i++) {
    const bidTicks = 1_000 + Math.floor(roll() * 1_000_000);
    const touch = { bidTicks, askTicks: bidTicks + 1 + Math.floor(roll() * 50) };
    const offsetBps = Math.round(roll() * 100) / 10;
    const at = (buys: boolean, rejections: number) =>
      makerTicks(touch, { buys, offsetBps, rejections });
    assert.ok(at(true, 0) < touch.askTicks && at(false, 0) > touch.bidTicks);
    for (let k = 1; k < 5; k++) {
      assert.ok(at(true, k) <= bidTicks - (k - 1));
      assert.ok(at(false, k) >= touch.askTicks + (k - 1));
    }
    const bound = { boundBps: offsetBps };
    assert.ok(takerTicks(touch, { ...bound, buys: true }) >= touch.askTicks);
    assert.ok(takerTicks(touch, { ...bound, buys: false }) <= bidTicks);
  }
  const wide = { bidTicks: 600_000, askTicks: 600_010 };
  const sell = (rejections: number) => makerTicks(wide, { buys: false, offsetBps: 0, rejections });
  assert.deepEqual([0, 1, 2, 3].map(sell), [600_005, 600_010, 600_011, 600_012]);
});

Deno.test("a book with an empty or a crossed side is unusable", () => {
  const level = (priceTicks: number) => [{ priceTicks, lots: 1 }];
  const touch = (bids: ReturnType<typeof level>, asks: ReturnType<typeof level>) =>
    touchOf({ atMs: T0, bids, asks });
  assert.deepEqual(touch(level(5), level(6)), { bidTicks: 5, askTicks: 6 });
  for (const crossed of [touch(level(6), level(6)), touch(level(7), level(6))]) {
    assert.equal(crossed, null);
  }
  assert.deepEqual([touch([], level(6)), touch(level(5), []), touchOf(null)], [null, null, null]);
});

Deno.test("the largest order is a whole number of lots below the filter", () => {
  const small = market({ maxQty: "0.0105", marketMaxQty: "0.0109", minQty: "0.0011" });
  assert.deepEqual([small.maxLots, small.marketMaxLots, small.minLots], [10, 10, 2]);
});

Deno.test("an order that is open waits for the venue alone", () => {
  assert.equal(orderDeadlineMs(order(), ROUTER_RULES), null);
});

Deno.test("an entry is planned in whole lots and ticks or refused by name", () => {
  const sight = {
    nowMs: T0,
    market: market(),
    book: book(),
    policy: POLICY,
    bucket: "A_HIGH",
  };
  const plan = planEntry(approvedEntry({ grossUsd: 300 }), sight, ROUTER_RULES);
  assert.ok(plan.kind === "route");
  assert.deepEqual([plan.route.lots, plan.route.leverage, plan.route.levels?.slPx], [5, 1, 59_000]);
  const refused = (grossUsd: number, filters = {}) => {
    const planned = planEntry(
      approvedEntry({ grossUsd }),
      { ...sight, market: market(filters) },
      ROUTER_RULES,
    );
    return planned.kind === "refused" ? planned.reason : planned.kind;
  };
  assert.equal(refused(59), "qty_below_step");
  assert.equal(refused(60, { minNotional: "61" }), "below_min_notional");
  assert.equal(refused(60, { minQty: "0.002" }), "qty_below_min");
  assert.equal(
    refused(600, { maxQty: "0.009" }),
    "route",
    "more than one order carries goes in two",
  );
  assert.equal(refused(600, { maxPrice: "59999" }), "price_out_of_range");
  const unlisted = planEntry(approvedEntry(), { ...sight, market: null }, ROUTER_RULES);
  assert.deepEqual(unlisted, { kind: "refused", reason: "market_unknown" });
  const wish = { buys: true, kind: "limit", price: 60_000, qty: 0.001, reduceOnly: true } as const;
  assert.equal(normalizeOrder(wish, market({ minNotional: "1000" })).kind, "order");
});

Deno.test("a symbol no bucket names is GENERIC, and the last bucket that names it wins", () => {
  const named = (max_spread_bps: number) => ({ symbols: ["AUSDT"], max_spread_bps });
  const buckets = {
    buckets: { one: named(3), two: named(7) },
    defaults: { max_spread_bps: 15, default_maker_bias: 0.5 },
  };
  assert.deepEqual(bucketOf(buckets, "AUSDT"), {
    name: "two",
    maxSpreadBps: 7,
    makerBiasFrac: 0.5,
  });
  assert.deepEqual(bucketOf(buckets, "BUSDT"), {
    name: "GENERIC",
    maxSpreadBps: 15,
    makerBiasFrac: 0.5,
  });
});

Deno.test("an order is spelt by the position mode, and what reduces says so where it may", () => {
  const spelt = (mode: "hedge" | "one_way", side: "LONG" | "SHORT", effect: "open" | "close") => {
    const { orderSide, positionSide, reduceOnly } = spellingOf(mode, {
      side,
      effect,
      closePosition: false,
    });
    return `${orderSide} ${positionSide}${reduceOnly ? " reduce" : ""}`;
  };
  assert.deepEqual(
    (["hedge", "one_way"] as const).map((mode) => [
      spelt(mode, "LONG", "open"),
      spelt(mode, "LONG", "close"),
      spelt(mode, "SHORT", "open"),
      spelt(mode, "SHORT", "close"),
    ]),
    [
      ["BUY LONG", "SELL LONG", "SELL SHORT", "BUY SHORT"],
      ["BUY BOTH", "SELL BOTH reduce", "SELL BOTH", "BUY BOTH reduce"],
    ],
  );
  const stop = { side: "LONG", effect: "close", closePosition: true } as const;
  assert.equal(spellingOf("one_way", stop).reduceOnly, false, "it reduces by its nature");
});
