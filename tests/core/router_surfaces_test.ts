/** What routing publishes: one shape with and without data, suggestions that move nothing. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { EMPTY_RECORD, noteChild, noteRoute } from "../../core/router/record.ts";
import { rowOf } from "../../state/log_rows.ts";
import { projectRouterHealth } from "../../state/surfaces/router_health.ts";
import { projectRouterPolicySuggestions } from "../../state/surfaces/router_policy.ts";
import { RoutingTally } from "../../state/routing_report.ts";
import type { EngineEvent } from "../../core/events.ts";
import { endRow } from "../../core/router/route.ts";
import { BTC, market, route, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

/** Thirty routes whose quotes all filled, at a cost. */
function busy(slippageBps: number): Memory {
  const ended = {
    atMs: T0,
    makerStarted: true,
    makerFinal: true,
    usedFallback: false,
    slippageBps,
    ackLatencyMs: 60,
    isTwap: false,
    plannedUsd: 300,
    filledUsd: 300,
    ordersCount: 1,
    rejectCount: 0,
    requoteCount: 0,
    makerUsd: 300,
    feesUsd: 0.06,
    shortfallUsd: 0.03,
  };
  const fill = {
    sentMs: T0,
    fillMs: T0,
    ackLatencyMs: 60,
    slippageBps,
    isSlice: false,
    usd: 300,
    intendedUsd: 300,
    realizedBps: slippageBps,
    expectedBps: slippageBps,
  };
  let record = EMPTY_RECORD;
  for (let i = 0; i < 30; i++) {
    record = noteRoute(record, { ...ended, id: `r:${i}` }, RULES.router);
    record = noteChild(record, fill, { ...RULES.quality, halfLifeTrades: 50 });
  }
  return { ...blankMemory("test00", T0), routing: { [BTC]: record } };
}

const seenBy = (memory: Memory) =>
  publishedOf({ memory, seen: observation(), rules: RULES, past: PAST });

Deno.test("router health has one shape, and without data it says that nothing is known", () => {
  const [none, some] = [blankMemory("test00", T0), busy(1)].map((memory) =>
    projectRouterHealth(seenBy(memory))
  );
  assert.deepEqual(Object.keys(none!), Object.keys(some!));
  assert.deepEqual(Object.keys(none!.global), Object.keys(some!.global));
  assert.deepEqual([none!.router_health_score, none!.global.label, none!.global.insufficient], [
    0.95,
    "UNKNOWN",
    true,
  ]);
  assert.deepEqual([none!.symbols, none!.router_health.per_symbol], [[], {}]);
  assert.equal(none!.global.maker_fill_ratio, null, "unknown is not zero");
  const [row] = some!.symbols;
  assert.equal(some!.router_health_score, some!.global.quality_score);
  assert.deepEqual(Object.keys(some!.router_health.per_symbol), [BTC]);
  assert.deepEqual([row!.label, row!.quality, row!.maker_first], ["STRONG", "good", true]);
  assert.deepEqual(some!.symbol_stats[BTC]!.maker_reliability, 1);
  assert.deepEqual(some!.summary.quality_counts, { good: 1, ok: 0, degraded: 0, broken: 0 });
});

Deno.test("suggestions are written with their reasons, and the policy stays what it was", () => {
  const { applied, symbols, reason } = projectRouterPolicySuggestions(seenBy(busy(1)));
  assert.deepEqual([applied, reason], [false, null]);
  const [told] = symbols;
  assert.deepEqual([told!.symbol, told!.regime, told!.quality], [BTC, "maker_strong", "good"]);
  assert.ok(told!.rationale.includes("maker_strong"));
  assert.ok(told!.proposed_policy.taker_bias < told!.current_policy.taker_bias);
  const health = projectRouterHealth(seenBy(busy(1))).symbols[0]!;
  assert.deepEqual([health.offset_bps, health.autotune], [told!.current_policy.offset_bps, null]);
  const hot = projectRouterPolicySuggestions(seenBy(busy(60))).symbols[0]!;
  assert.deepEqual([hot.quality, hot.proposed_policy.maker_first], ["broken", false]);
  const none = projectRouterPolicySuggestions(seenBy(blankMemory("test00", T0)));
  assert.deepEqual([none.symbols, none.reason], [[], "no_routes"]);
});

const stamp = {
  seq: 1,
  nowMs: T0,
  loggedMs: T0,
  mode: "sim",
  runId: "r",
  env: "sim",
  positionMode: "hedge",
  venue: "sim",
} as const;
const rowFor = (event: EngineEvent) => rowOf(event, stamp, { market: () => market() });

Deno.test("a row of fills adds this one up, and tells the order's own sums beside it", () => {
  const fill: EngineEvent = {
    kind: "order_fill",
    clientId: "c-1",
    intentId: "e-1",
    ticker: BTC,
    side: "LONG",
    effect: "open",
    tradeId: 7,
    px: 60_000,
    lots: 2,
    feeUsd: 0.02,
    maker: true,
    executedLots: 5,
    avgPx: 60_012,
    feesUsd: 0.06,
    firstMs: T0 - 900,
    isFilled: false,
    strategyId: "s1",
    exitReason: null,
    atMs: T0,
  };
  const row = rowFor(fill);
  assert.deepEqual(
    [row.tradeIds, row.lastQty, row.lastPrice, row.lastFee, row.executedQty, row.avgPrice],
    [[7], 0.002, 60_000, 0.02, 0.005, 60_012],
  );
  assert.deepEqual([row.fee_total, row.ts_fill_first], [0.06, new Date(T0 - 900).toISOString()]);
  assert.equal(row.status, "PARTIALLY_FILLED");
});

Deno.test("an order's row shows side, leg and flag as the exchange is told them", () => {
  const submit = (purpose: "market" | "stop") =>
    rowOf(
      {
        kind: "order_submit",
        clientId: "c-1",
        intentId: null,
        ticker: BTC,
        side: "LONG",
        effect: "close",
        orderKind: "market",
        tif: null,
        lots: 5,
        priceTicks: null,
        stopTicks: null,
        purpose,
      },
      { ...stamp, positionMode: "one_way" },
      { market: () => market() },
    );
  const [close, stopped] = [submit("market"), submit("stop")];
  assert.deepEqual(close.sent, { side: "SELL", positionSide: "BOTH", reduceOnly: true });
  assert.deepEqual([stopped.close_position, stopped.sent], [true, {
    ...close.sent as object,
    reduceOnly: false,
  }]);
});

Deno.test("a report adds up what routing cost, weighted by dollars", () => {
  const tally = new RoutingTally();
  const ended = (changes: Parameters<typeof route>[0]) =>
    endRow(
      route({ step: { kind: "ended", status: "FILLED", reason: "filled" }, ...changes }),
      { lot: market().lot, endMidPx: 60_000, nowMs: T0 },
    );
  const view = { market: () => market() };
  const quoted = { makerOrders: 1, filledLots: 5, makerLots: 5, costPxLots: 5 * 59_994 };
  tally.count(ended(quoted), view);
  tally.count(ended({ filledLots: 15, lots: 15, costPxLots: 15 * 60_018 }), view);
  tally.count(ended({ step: { kind: "ended", status: "REJECTED", reason: "no_book" } }), view);
  const { entries, routes, shortfall_bps: all, abandoned_by_reason } = tally.report();
  assert.equal(routes, 3);
  assert.deepEqual([entries.maker!.routes, entries.taker!.routes, entries.abandoned!.routes], [
    1,
    1,
    1,
  ]);
  assert.ok(Math.abs(entries.maker!.shortfall_bps.price! + 1) < 1e-9);
  assert.ok(Math.abs(entries.taker!.shortfall_bps.price! - 3) < 1e-9);
  assert.ok(Math.abs(all.price! - 2) < 1e-2, "three dollars in four were the taker's");
  assert.deepEqual(abandoned_by_reason, { no_book: 1 });
});

Deno.test("a figure of routing says since when: fills that are kept however old they are, too", () => {
  const later = T0 + 20 * 3_600_000;
  const blank = busy(1);
  const memory = { ...blank, pulse: { ...blank.pulse, nowMs: later } };
  const seen = observation({ nowMs: later });
  const { router_health, global } = projectRouterHealth(
    publishedOf({ memory, seen, rules: RULES, past: PAST }),
  );
  const iso = (ms: number) => new Date(ms).toISOString();
  const row = router_health.per_symbol[BTC]!;
  assert.deepEqual([row.event_count, row.fills_from_ts], [RULES.quality.minCount, iso(T0)]);
  assert.deepEqual(row.window, {
    window_s: RULES.router.recordMs / 1_000,
    from_ts: iso(T0),
    n: 30,
  });
  assert.deepEqual([router_health.meta.from_ts, global.fills_from_ts], [iso(T0), iso(T0)]);
  assert.equal(global.window.from_ts, iso(T0));
  const unrouted = seenBy({ ...blank, routing: { [BTC]: EMPTY_RECORD } });
  const none = projectRouterHealth(unrouted).router_health.per_symbol[BTC]!;
  assert.deepEqual([none.fills_from_ts, none.window.from_ts, none.window.n], [null, null, 0]);
  const idleMs = T0 + 3 * RULES.router.recordMs;
  const idle = projectRouterHealth(publishedOf({
    memory: { ...blank, pulse: { ...blank.pulse, nowMs: idleMs } },
    seen: observation({ nowMs: idleMs }),
    rules: RULES,
    past: PAST,
  }));
  assert.deepEqual(idle.router_health.per_symbol[BTC]!.window.n, 0, "routes do grow too old");
  assert.equal(idle.global.window.from_ts, iso(T0), "the whole is of all that is remembered");
});
