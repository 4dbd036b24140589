/**
 * A busy day leaves nothing behind: every list and map that the engine remembers, and every one of
 * the simulated exchange, has a bound that does not depend on how long it has been running.
 */
import assert from "node:assert/strict";
import { SERIES_CAPACITY } from "../../core/history.ts";
import { DONE_KEPT, INCOMES_KEPT, TRADES_KEPT } from "../../core/venues/sim_state.ts";
import { MINUTE, Stage } from "../scenarios/stage.ts";

const HOURS = 24;
const CLOSES_KEPT = 25;
const SYMBOLS = 8;
const LEGS = 2 * SYMBOLS;

/** Maps and lists that grow with what happens, and how far; a star is any key. */
const BOUNDS: Readonly<Record<string, number>> = {
  "memory/holdings": LEGS,
  "memory/registry": LEGS,
  "memory/differences": LEGS,
  "memory/orders": 60,
  "memory/routes": 40,
  "memory/routes/*/clientIds": 120,
  "memory/flips": SYMBOLS,
  "memory/booked": SYMBOLS,
  "memory/booked/*/recentIds": 64,
  "memory/emittedMs": 4 * LEGS,
  "memory/closes": CLOSES_KEPT,
  "memory/routing": SYMBOLS,
  "memory/routing/*/samples": 400,
  "memory/routing/*/window/samples": 200,
  "memory/counters/buckets": 24 * 12 + 1,
  "memory/counters/byReason": 60,
  "memory/nav/hourly": 26,
  "memory/tempo/attemptsMs": 200,
  "memory/attention": 60,
  "exchange/positions": LEGS,
  "exchange/orders": 60,
  "exchange/done": DONE_KEPT,
  "exchange/trades": TRADES_KEPT,
  "exchange/incomes": INCOMES_KEPT,
};
/** Anything else is a record with fields, or a list as short as one. */
const SMALL = 40;

/** Sizes of every map and list in a value, by where it stands. */
function sizes(value: unknown, path: string, into: Map<string, number>): void {
  if (typeof value !== "object" || value === null) return;
  const entries = Object.entries(value);
  into.set(path, Math.max(into.get(path) ?? 0, entries.length));
  const isMap = Array.isArray(value) || path in BOUNDS;
  for (const [key, inner] of entries) sizes(inner, `${path}/${isMap ? "*" : key}`, into);
}

/** What has grown beyond its bound. */
function overgrown(stage: Stage): readonly string[] {
  const found = new Map<string, number>();
  sizes(stage.last.memory, "memory", found);
  sizes(stage.venue.exchange.desk.state, "exchange", found);
  return [...found].filter(([path, size]) => size > (BOUNDS[path] ?? SMALL))
    .map(([path, size]) => `${path} has ${size}`);
}

Deno.test("a busy day leaves nothing behind that grows with time", async () => {
  const stage = new Stage({
    seed: 5,
    rules: (rules) => ({ ...rules, loop: { ...rules.loop, keepClosesCount: CLOSES_KEPT } }),
  });
  for (let hour = 0; hour < HOURS; hour++) {
    await stage.play(60 * MINUTE);
    assert.deepEqual(overgrown(stage), [], `after ${hour + 1} hours`);
    stage.moments.splice(0, stage.moments.length - 1);
  }
  const { memory } = stage.last;
  assert.ok(stage.trades.length > 200, `${stage.trades.length} trades are a busy day`);
  assert.equal(Object.keys(memory.closes).length, CLOSES_KEPT, "older closes have gone");
  for (const ticker of stage.feed.tickers) {
    for (const frameMs of [MINUTE, 3 * MINUTE, 60 * MINUTE]) {
      const { length } = stage.past.history.series(ticker, frameMs)!;
      assert.ok(length <= SERIES_CAPACITY, `${ticker}: ${length} candles`);
    }
  }
});

Deno.test("the soak sees what grows", async () => {
  const stage = new Stage({ seed: 5 }, {
    decides: (decide) => (memory, seen) => {
      const decision = decide(memory, seen);
      // A mark for every tick, and none is ever taken away.
      const emittedMs = { ...decision.memory.emittedMs, [`at ${seen.nowMs}`]: seen.nowMs };
      return { ...decision, memory: { ...decision.memory, emittedMs } };
    },
  });
  await stage.play(60 * MINUTE);
  assert.match(overgrown(stage).join(), /memory\/emittedMs has \d+/);
});
