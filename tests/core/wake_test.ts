/** Targets and trails act at their price, however long the loop would have slept. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { protect } from "../../core/protect.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState } from "../../core/venues/sim_state.ts";
import { wakeOf } from "../../core/wake.ts";
import { BTC, freeze, guard, holding, levels, order, route, T0 } from "../fixtures.ts";
import { candleFeed, exchangeRules, rules } from "../fixtures_run.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const KEY = "BTCUSDT:LONG";
/** Nothing but exits makes a tick: signals are asked for once in a quarter of an hour. */
const RULES = { ...rules(), screenMs: 15 * MINUTE };
const STOP = { clientId: "s-1", stopTicks: 590_000 };

const withLeg = (changes: Parameters<typeof guard>[0], rest: Partial<Memory> = {}): Memory =>
  freeze({
    ...blankMemory("test00", T0),
    holdings: { [KEY]: holding() },
    registry: { [KEY]: guard({ stop: STOP, ...changes }) },
    orders: { "s-1": order({ clientId: "s-1", kind: "stop_market", closePosition: true }) },
    ...rest,
  });

Deno.test("a leg is watched at what may end it, and a stop that rests watches itself", () => {
  const alertsOf = (memory: Memory) =>
    wakeOf(memory).alerts.map((alert) =>
      alert.kind === "turn" ? "turn" : `${alert.falling ? "falls" : "rises"} to ${alert.px}`
    );
  const both = levels({ slPx: 59_000, tpPx: 62_000 });
  assert.deepEqual(alertsOf(withLeg({ levels: both })), ["rises to 62000"]);
  assert.deepEqual(alertsOf(withLeg({ levels: both }, { orders: {} })), [
    "falls to 59000",
    "rises to 62000",
  ]);
  const trailing = levels({ slPx: 59_000, tpPx: null, trailFrac: 0.01 });
  assert.deepEqual(alertsOf(withLeg({ levels: trailing, bestPx: 61_000 })), [
    "falls to 60390",
    "turn",
  ]);
  const short = { side: "SHORT", levels: levels({ slPx: 61_000, tpPx: 58_000 }) } as const;
  assert.deepEqual(alertsOf(withLeg(short, { orders: {} })), ["rises to 61000", "falls to 58000"]);
  const exit = { routeId: "r:x", reason: "tp", firstMs: T0 } as const;
  const leaving = (urgent: boolean) =>
    withLeg({ levels: both, exit }, { orders: {}, routes: { "r:x": route({ urgent }) } });
  assert.deepEqual(alertsOf(leaving(true)), [], "what is leaving at market waits for no price");
  assert.deepEqual(alertsOf(leaving(false)), ["falls to 59000"], "a patient exit gives way");
});

/** An hour that goes from open to its low or high, to the other, to its close. */
function played(path: { low: number; high: number; close: number }, seed: number) {
  const candle = { openMs: T0, open: 60_000, ...path, volume: 100 };
  const next = {
    ...candle,
    openMs: T0 + HOUR,
    open: path.close,
    high: path.close,
    low: path.close,
  };
  const feed = candleFeed([candle, next]);
  return new SimVenue({
    feed,
    rules: exchangeRules({ seed }),
    state: blankState({
      nowMs: T0,
      walletUsd: 10_000,
      positions: [{ ticker: BTC, side: "LONG", lots: 5, entryPx: 60_000, leverage: 1 }],
    }),
    lineage: "test00",
    ledger: { append: () => {}, rotate: () => {} },
    gap: false,
    pace: () => Promise.resolve(),
  });
}

/** Plays until an exit starts: why, at which mark, how long after the hour began. */
async function firstExit(venue: SimVenue, begin: Memory) {
  const past = new Past({ baseMs: HOUR, framesMs: [], rules: RULES });
  let memory = begin;
  for (;;) {
    const seen = await venue.observe();
    if (seen === null) return null;
    const step = protect({ memory, seen, rules: RULES, past });
    memory = step.memory;
    const [exit] = step.events.filter((event) => event.kind === "exit_trigger");
    if (exit?.kind === "exit_trigger") return { ...exit, atMs: seen.nowMs - T0 };
    await venue.submit(step.commands);
    await venue.wait(wakeOf(memory));
  }
}

Deno.test("a target is taken at its price, not at the next quarter of an hour", async () => {
  for (const seed of [1, 2, 3, 4]) {
    const venue = played({ low: 59_500, high: 61_000, close: 60_000 }, seed);
    const memory = withLeg({ levels: levels({ slPx: 50_000, tpPx: 60_777 }), stop: null });
    const exit = await firstExit(venue, { ...memory, orders: {} });
    assert.equal(exit!.reason, "tp");
    assert.ok(exit!.markPx! - 60_777 >= 0 && exit!.markPx! - 60_777 < 0.01, `${exit!.markPx}`);
  }
});

Deno.test("a trail follows to the very top and leaves at what it may give back", async () => {
  const exits = [];
  for (const seed of [1, 2, 3, 4]) {
    const venue = played({ low: 59_900, high: 61_000, close: 60_000 }, seed);
    const memory = withLeg({
      levels: levels({ slPx: 50_000, tpPx: null, trailFrac: 0.01 }),
      stop: null,
    });
    exits.push(await firstExit(venue, { ...memory, orders: {} }));
  }
  for (const exit of exits) {
    assert.equal(exit!.reason, "trail");
    assert.equal(exit!.levelPx, 60_390, "one percent below the high");
    assert.ok(Math.abs(exit!.markPx! - 60_390) < 0.01, `${exit!.markPx}`);
  }
});

Deno.test("what has been reached goes off once, and again only from the other side", async () => {
  const venue = played({ low: 59_500, high: 61_000, close: 60_000 }, 1);
  const wait = async (px: number) => {
    const alerts = [{ kind: "level", ticker: BTC, px, falling: false } as const];
    await venue.wait({ untilMs: T0 + HOUR, alerts });
    return venue.exchange.desk.state.nowMs - T0;
  };
  const first = await wait(60_500);
  assert.ok(first > 0 && first < HOUR);
  assert.equal(await wait(60_500), HOUR, "the price stays beyond it, or comes back from above");
});

Deno.test("time goes on at every wake, however near to its level a price is", async () => {
  const venue = played({ low: 59_500, high: 61_000, close: 60_000 }, 1);
  const { paths } = venue.exchange.desk;
  for (let step = 1; step < 400; step++) {
    const nowMs = venue.exchange.desk.state.nowMs;
    const px = paths.pxAt(BTC, nowMs)!;
    const alerts = [1e-12, 1e-9, -1e-12, -1e-9].map((hair) => ({
      kind: "level" as const,
      ticker: BTC,
      px: px * (1 + hair),
      falling: hair < 0,
    }));
    await venue.wait({ untilMs: T0 + HOUR, alerts });
    assert.ok(venue.exchange.desk.state.nowMs > nowMs, `step ${step} stands still at ${nowMs}`);
  }
});
