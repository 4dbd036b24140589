/** What a decision was given, written down and given back: the same is decided from it. */
import assert from "node:assert/strict";
import { framesOf, recordedConfig } from "../../config/load.ts";
import type { Decision } from "../../core/executor.ts";
import { blankMemory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Observation } from "../../core/ports.ts";
import {
  type CandlesRow,
  differences,
  lineOf,
  Notebook,
  Recall,
  rowOfLine,
  type TickRow,
} from "../../core/replay.ts";
import type { Mark } from "../../core/types.ts";
import { wakeOf } from "../../core/wake.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState } from "../../core/venues/sim_state.ts";
import { Engine } from "../../state/engine.ts";
import { journalRow } from "../../state/journal.ts";
import { BTC, ETH, market, T0 } from "../fixtures.ts";
import { candles, exchangeRules, observation, rules } from "../fixtures_run.ts";
import { swarmConfig } from "../swarm/config.ts";
import { drawWindows, FaultyVenue } from "../swarm/faults.ts";

const SPAN_MS = 4 * 3_600_000;
const SEED = 4;
const CONFIG = swarmConfig();
const CALM_HOST = { said: [], storage: null };

/** Ticks of a market with every fault of the swarm: each as it was given, with its decision. */
async function playFaulty(
  engineOf: (feed: SyntheticFeed) => Engine,
  see: (seen: Observation, engine: Engine) => Decision,
): Promise<void> {
  const feed = new SyntheticFeed({ seed: SEED, historyDays: 3, anchors: [], nowMs: null });
  const engine = engineOf(feed);
  const by = engine.rules;
  const venue = new SimVenue({
    feed,
    state: blankState({ nowMs: feed.startMs, walletUsd: 25_000, positions: [] }),
    rules: exchangeRules({ seed: SEED, bucketOf: (ticker) => by.buckets[ticker]! }),
    lineage: "test00",
    ledger: { append: () => {}, rotate: () => {} },
    gap: false,
    pace: () => Promise.resolve(),
  });
  const span = { fromMs: feed.startMs, toMs: feed.startMs + SPAN_MS };
  const faulty = new FaultyVenue(venue, drawWindows(SEED, span), SEED);
  for (;;) {
    const seen = await faulty.observe();
    if (seen === null || seen.nowMs >= span.toMs) return;
    const { commands, memory } = see(seen, engine);
    await faulty.submit(commands);
    await faulty.wait(wakeOf(memory));
  }
}

function engineOf({ baseMs, tickers, startMs }: SyntheticFeed): Engine {
  const by = rules({ baseMs, tickers, changes: CONFIG.inputs });
  return new Engine({
    memory: blankMemory("test00", startMs),
    rules: by,
    past: new Past({ baseMs, framesMs: framesOf(CONFIG), rules: by }),
    protectOnly: false,
    onFault: () => {},
  });
}

Deno.test("what was written down decides the same, whatever the exchange had told", async () => {
  const notes = new Notebook();
  const recall = new Recall();
  let again: Engine | null = null;
  let [ticks, rows, marks] = [0, 0, 0];
  await playFaulty((feed) => {
    again = engineOf(feed);
    return engineOf(feed);
  }, (told, engine) => {
    const decision = engine.decide(notes.watch(told), CALM_HOST);
    const lines = notes.tick(decision.memory.pulse.seq, told, CALM_HOST).map(lineOf);
    for (const line of lines.slice(0, -1)) recall.candles(rowOfLine(line) as CandlesRow);
    const row = rowOfLine(lines.at(-1)!) as TickRow;
    const { seen, host, missing } = recall.tick(row);
    const copy = again!.decide(seen, host);
    assert.deepEqual(missing, []);
    const [was, now] = [decision, copy].map((one) => journalRow(one.before, one));
    assert.equal(JSON.stringify(now), JSON.stringify(was), `tick ${row.seq}`);
    assert.deepEqual(copy.memory, decision.memory);
    assert.deepEqual(copy.events, decision.events);
    ticks += 1;
    if (was !== null) rows += 1;
    if (/not_finite/.test(lines.at(-1)!)) marks += 1;
    return decision;
  });
  assert.ok(ticks > 500 && rows > 200, `${ticks} ticks, ${rows} rows`);
  assert.ok(marks > 0, "numbers that are none were told and kept");
});

/** Watches one observation, looks something up, and gives the row. */
function noted(notes: Notebook, seen: Observation, look: (seen: Observation) => void): TickRow {
  look(notes.watch(seen));
  const rows = notes.tick(1, seen, CALM_HOST);
  return rowOfLine(lineOf(rows.at(-1))) as TickRow;
}

Deno.test("only what was looked up is written, and what is as before is not written again", () => {
  const notes = new Notebook();
  const mark: Mark = { px: 60_000, atMs: T0 };
  const seen = observation();
  const view = { ...seen.market, mark: () => mark };
  const same = { ...seen, market: view };
  const look = ({ market: asked }: Observation) => {
    asked.market(BTC);
    asked.mark(BTC);
    asked.mark(ETH);
  };
  const first = noted(notes, same, look);
  assert.deepEqual(Object.keys(first.marks!), [BTC, ETH]);
  assert.deepEqual([Object.keys(first.markets!), first.books], [[BTC], undefined]);
  const second = noted(notes, { ...same, nowMs: T0 + 1_000 }, look);
  assert.deepEqual(second.marks, { [BTC]: "=", [ETH]: "=" });
  assert.deepEqual([second.markets, second.account, second.tickers], [undefined, [], undefined]);

  const recall = new Recall();
  recall.tick(first);
  const { seen: back, missing } = recall.tick(second);
  assert.deepEqual(back.account, same.account);
  assert.deepEqual([back.market.mark(BTC), back.market.market(BTC)], [mark, market()]);
  assert.deepEqual(missing, []);
});

Deno.test("a price of an earlier tick is no answer to a later one", () => {
  const notes = new Notebook();
  const recall = new Recall();
  recall.tick(noted(notes, observation(), ({ market: asked }) => asked.mark(BTC)));
  const { seen, missing } = recall.tick(noted(notes, observation(), () => {}));
  assert.equal(seen.market.mark(BTC), null);
  assert.equal(seen.market.book(ETH), null);
  assert.deepEqual(missing, ["the mark of BTCUSDT", "the book of ETHUSDT"]);
});

Deno.test("what is looked up behind the decision is no part of it", () => {
  const notes = new Notebook();
  const seen = observation();
  const watched = notes.watch(seen);
  watched.market.mark(BTC);
  const [row] = notes.tick(1, seen, CALM_HOST);
  assert.notEqual(watched.market.book(BTC), null, "it is still answered");
  const { seen: back, missing } = new Recall().tick(row as TickRow);
  back.market.book(BTC);
  assert.deepEqual(missing, ["the book of BTCUSDT"]);
});

Deno.test("a long history is written in pieces and is one list again", () => {
  const closed = [
    { ticker: BTC, candles: candles(Array.from({ length: 4_500 }, (_, i) => 100 + i)) },
    { ticker: ETH, candles: candles([1, 2, 3]) },
  ];
  const rows = new Notebook().tick(1, observation({ candles: closed }), CALM_HOST);
  assert.equal(rows.length, 3);
  const recall = new Recall();
  const lines = rows.map(lineOf).map(rowOfLine);
  for (const row of lines.slice(0, -1)) recall.candles(row as CandlesRow);
  assert.deepEqual(recall.tick(lines.at(-1) as TickRow).seen.candles, closed);
});

Deno.test("a number that is none comes back as it was", () => {
  const row = { a: [NaN, 1, -Infinity], b: { c: Infinity, d: null }, e: "not_finite" };
  assert.deepEqual(rowOfLine(lineOf(row)), row);
});

Deno.test("a difference has a place", () => {
  const was = { events: [{ lots: 3, side: "LONG" }], patch: { "a.b": 1 }, gone: 1 };
  const now = { events: [{ lots: 4, side: "LONG" }, { lots: 1 }], patch: { "a.b": 1 } };
  assert.deepEqual(differences(was, now), [
    { path: "gone", was: 1, now: undefined },
    { path: "events[0].lots", was: 3, now: 4 },
    { path: "events[1]", was: undefined, now: { lots: 1 } },
  ]);
  assert.deepEqual(differences(was, structuredClone(was)), []);
  assert.deepEqual(differences({ a: [1] }, { a: null }), [{ path: "a", was: [1], now: null }]);
});

Deno.test("a recorded configuration is taken as it was, or refused with what is wrong", () => {
  const { files } = recordedConfig(JSON.parse(JSON.stringify(CONFIG.inputs)));
  assert.deepEqual(files, CONFIG.files);
  const wrong = { ...CONFIG.inputs, "runtime.yaml": { moed: "sim" } };
  assert.throws(() => recordedConfig(wrong), /the recorded configuration:\nruntime\.yaml: .*moed/);
});
