/** An engine that is stopped in order and started again writes the rows of one that was not. */
import assert from "node:assert/strict";
import { buildRules, framesOf } from "../../config/load.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { wakeOf } from "../../core/wake.ts";
import { CandleFeed } from "../../core/venues/feed_candles.ts";
import type { Feed } from "../../core/venues/feed.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState, foldLedger, type LedgerRow } from "../../core/venues/sim_state.ts";
import { Engine } from "../../state/engine.ts";
import { journalRow } from "../../state/journal.ts";
import { table } from "../fixtures_run.ts";
import { swarmConfig } from "../swarm/config.ts";

const SEED = 7;
const LINEAGE = "again0";
const CONFIG = swarmConfig();

type Feeder = (anchors: ConstructorParameters<typeof SyntheticFeed>[0]["anchors"]) => Feed;

const synthetic: Feeder = (anchors) =>
  new SyntheticFeed({ seed: SEED, historyDays: 2, anchors, nowMs: null });

/** Candles of the synthetic market as somebody might have recorded them. */
function recorded(): Feeder {
  const market = new SyntheticFeed({ seed: 3, historyDays: 1, anchors: [], nowMs: null });
  const fromMs = market.startMs;
  const tables = market.tickers.map((ticker) =>
    table(market.closed(ticker, fromMs, fromMs + 8 * 3_600_000), ticker)
  );
  const feed = new CandleFeed(tables, { baseMs: market.baseMs, fromMs: null, toMs: null });
  return () => feed;
}

type Played = { readonly rows: readonly string[]; readonly kinds: ReadonlySet<string> };

/** Plays some hours; after each tick that `stops` names everything goes through its file form. */
async function play(
  feeder: Feeder,
  { hours, stops }: { hours: number; stops: (tick: number) => boolean },
): Promise<Played> {
  const first = feeder([]);
  const rules = buildRules(CONFIG, {
    baseMs: first.baseMs,
    tickers: first.tickers,
    universe: "config",
  });
  const { startMs } = first;
  let snapshot: LedgerRow | null = null;
  const open = (feed: Feed, state: Parameters<typeof blankState>[0] | null) =>
    new SimVenue({
      feed,
      rules: {
        seed: SEED,
        latencyMs: 60,
        makerBps: 2,
        takerBps: 5,
        positionMode: "hedge",
        bucketOf: (ticker) => rules.buckets[ticker]!,
      },
      state: state === null ? foldLedger([asFile(snapshot!)])!.state : blankState(state),
      lineage: LINEAGE,
      ledger: { append: (more) => void (snapshot = more.at(-1)!), rotate: () => {} },
      gap: false,
      pace: () => Promise.resolve(),
    });
  const start = (memory: Memory) =>
    new Engine({
      memory,
      rules,
      past: new Past({ baseMs: first.baseMs, framesMs: framesOf(CONFIG), rules }),
      protectOnly: false,
      onFault: ({ message }) => assert.fail(message),
    });
  let venue = open(first, { nowMs: startMs, walletUsd: 25_000, positions: [] });
  let engine = start(blankMemory(LINEAGE, startMs));
  let written = engine.memory;
  const rows: string[] = [];
  const kinds = new Set<string>();
  for (let tick = 1;; tick++) {
    const seen = await venue.observe();
    if (seen === null || seen.nowMs >= startMs + hours * 3_600_000) break;
    const decision = engine.decide(seen);
    const row = journalRow(written, decision);
    if (row !== null) {
      rows.push(JSON.stringify(row));
      for (const { kind } of [...row.events, ...row.commands]) kinds.add(kind);
      written = decision.memory;
    }
    await venue.submit(decision.commands);
    if (stops(tick)) {
      venue.close();
      const { anchors } = foldLedger([asFile(snapshot!)])!;
      venue = open(feeder(anchors), null);
      engine = start(asFile(decision.memory));
      written = engine.memory;
    }
    await venue.wait(wakeOf(decision.memory));
  }
  return { rows, kinds };
}

/** A value as it comes back from disk. */
function asFile<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

type Case = readonly [name: string, feeder: Feeder, every: number];

// A synthetic market makes its history anew at each start: there, some stops must do.
const CASES: readonly Case[] = [["synthetic", synthetic, 29], ["recorded", recorded(), 1]];

for (const [name, feeder, every] of CASES) {
  Deno.test(`orderly stops change no byte of the journal (${name} candles)`, async () => {
    const whole = await play(feeder, { hours: 6, stops: () => false });
    for (const kind of ["order_fill", "order_close", "exit_trigger", "cancel"]) {
      assert.ok(whole.kinds.has(kind), `${kind} is among what happens`);
    }
    const pieces = await play(feeder, { hours: 6, stops: (tick) => tick % every === 0 });
    const first = whole.rows.findIndex((row, i) => row !== pieces.rows[i]);
    assert.equal(first, -1, `row ${first} differs: ${pieces.rows[first]?.slice(0, 400)}`);
    assert.equal(pieces.rows.length, whole.rows.length);
  });
}
