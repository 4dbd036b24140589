/** Every signal has one row that says what it was judged by and what came of it, and no more. */
import assert from "node:assert/strict";
import { decisionOf, type Outcome, type Wish } from "../../core/decisions.ts";
import type { DecisionEvent, EngineEvent, VetoEvent } from "../../core/events.ts";
import { rowOf } from "../../state/log_rows.ts";
import { book, BTC, market, T0 } from "../fixtures.ts";
import { world } from "../fixtures_risk.ts";
import { configOf } from "../swarm/config.ts";
import { playSeed, type Tick } from "../swarm/run.ts";

const HOURS = 2;
/** The first ones have wishes that wait for a leg; more are played until every outcome occurred. */
const SEEDS = [14, 17, 7, 8, 9, 10, 11, 12, 13, 15];
const OUTCOMES = [
  "signal ordered",
  "signal vetoed",
  "signal waits",
  "signal refused",
  "flip ordered",
  "flip refused",
];

type Told<K extends EngineEvent["kind"]> = Extract<EngineEvent, { kind: K }>;

function of<K extends EngineEvent["kind"]>({ decision }: Tick, kind: K): readonly Told<K>[] {
  return decision.events.filter((event): event is Told<K> => event.kind === kind);
}

const ids = (events: readonly { readonly intentId: string }[]) =>
  events.map(({ intentId }) => intentId).toSorted();
const refused = ({ reason }: DecisionEvent) => reason !== null;
const ordered = ({ outcome }: DecisionEvent) => outcome === "ordered";

Deno.test("decision rows agree with signals, vetoes and orders, tick by tick", async () => {
  const outcomes = new Set<string>();
  let count = 0;
  const look = (tick: Tick): Tick => {
    const rows = of(tick, "decision");
    const signals = tick.memory.counters.totalSignals - tick.before.counters.totalSignals;
    const asked = rows.filter(({ occasion }) => occasion === "signal");
    assert.equal(asked.length, signals, "one row a signal");
    assert.equal(new Set(ids(asked)).size, asked.length, "each of another wish");
    const vetoes = of(tick, "veto");
    assert.deepEqual(ids(rows.filter(refused)), ids(vetoes), "the refused ones have their veto");
    const reasons = (events: readonly { readonly reason: string | null }[]) =>
      events.map(({ reason }) => reason);
    assert.deepEqual(reasons(rows.filter(refused)), reasons(vetoes));
    const attempts = of(tick, "order_attempt").filter(({ effect }) => effect === "open");
    const routes = (events: readonly { readonly routeId: string | null }[]) =>
      events.map(({ routeId }) => routeId).toSorted();
    assert.deepEqual(routes(rows.filter(ordered)), routes(attempts), "the ordered ones a route");
    const begun = Object.values(tick.memory.flips).map(({ entry }) => entry.id);
    for (const { outcome, intentId } of rows) {
      if (outcome === "waits") assert.ok(begun.includes(intentId), "what waits is remembered");
    }
    for (const { occasion, outcome } of rows) outcomes.add(`${occasion} ${outcome}`);
    count += rows.length;
    return tick;
  };
  for (const seed of SEEDS) {
    if (OUTCOMES.every((outcome) => outcomes.has(outcome))) break;
    const { violations } = await playSeed({
      seed,
      hours: HOURS,
      config: configOf(seed),
      plant: look,
    });
    assert.deepEqual(violations, []);
  }
  assert.ok(count > 200, `${count} rows are enough to tell`);
  assert.deepEqual(OUTCOMES.filter((outcome) => !outcomes.has(outcome)), [], "all of them occur");
});

const WISH: Wish = {
  intentId: "e:band:BTCUSDT:LONG:1",
  strategyId: "band",
  ticker: BTC,
  side: "LONG",
  notionalUsd: 100,
  refPx: 60_000,
  candleCloseMs: T0 - 2_000,
};

function veto(stage: VetoEvent["stage"], reason: string): Outcome {
  return {
    kind: "refused",
    veto: {
      ...WISH,
      kind: "veto",
      stage,
      reason,
      codes: [reason],
      gate: reason,
      thresholds: {},
      observations: {},
      navUsd: null,
      navAgeMs: null,
      maxNotionalUsd: null,
      context: {},
    },
  };
}

function scene(known: boolean) {
  const view = {
    tickers: [BTC],
    market: () => market(),
    mark: () => known ? { px: 60_001, atMs: T0 - 500 } : null,
    book: () => known ? book({ bidTicks: 599_990, askTicks: 600_010, atMs: T0 - 250 }) : null,
  };
  return { seen: { nowMs: T0, market: view }, world: world() };
}

Deno.test("a row tells who was asked, and what was known and how old it was", () => {
  const figures = { z: -2.1, trend: "up" };
  const decide = (outcome: Outcome, occasion: "signal" | "flip" = "signal") =>
    decisionOf(WISH, outcome, { occasion, figures }, scene(true));
  const asked = (...args: Parameters<typeof decide>) => {
    const { outcome, gates } = decide(...args);
    return [outcome, ...gates.map(({ gate, passed }) => `${passed ? "+" : "-"}${gate}`)].join(" ");
  };
  assert.equal(asked({ kind: "ordered", routeId: "r" }), "ordered +screen +risk +route");
  assert.equal(asked({ kind: "waits" }), "waits +screen +risk");
  assert.equal(asked(veto("screen", "dedupe")), "duplicate -screen");
  assert.equal(asked(veto("screen", "counter_trend")), "vetoed -screen");
  assert.equal(asked(veto("risk", "tier_cap")), "vetoed +screen -risk");
  assert.equal(asked(veto("route", "min_notional")), "refused +screen +risk -route");
  assert.equal(asked(veto("risk", "kill_switch"), "flip"), "vetoed -risk");
  assert.equal(asked(veto("route", "flip_timeout"), "flip"), "refused -route");
  assert.equal(asked({ kind: "ordered", routeId: "r" }, "flip"), "ordered +risk +route");

  const stamp = {
    seq: 5,
    nowMs: T0,
    loggedMs: T0,
    mode: "sim",
    runId: "r-1",
    env: "sim",
    positionMode: "hedge",
    venue: "sim",
  } as const;
  const row = rowOf(decide(veto("risk", "tier_cap")), stamp, { market: () => market() });
  assert.deepEqual(
    [row.intent_id, row.reason, row.route_id, row.candle_age_s, row.mark_age_s, row.book_age_s],
    [WISH.intentId, "tier_cap", null, 2, 0.5, 0.25],
  );
  assert.deepEqual([row.mark_price, row.figures], [60_001, figures]);
  assert.ok(Math.abs((row.spread_bps as number) - 20 / 600_000 * 10_000) < 1e-9);
});

Deno.test("what nobody knows is null in a row, not zero", () => {
  const { inputs } = decisionOf(
    WISH,
    { kind: "waits" },
    { occasion: "flip", figures: null },
    scene(false),
  );
  const { markPx, markAgeMs, spreadBps, bookAgeMs, figures } = inputs;
  assert.deepEqual([markPx, markAgeMs, spreadBps, bookAgeMs, figures], [
    null,
    null,
    null,
    null,
    null,
  ]);
});
