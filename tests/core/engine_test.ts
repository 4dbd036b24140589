/** A whole run of the engine: pure, repeatable, in balance with the exchange; and the loop. */
import assert from "node:assert/strict";
import { framesOf } from "../../config/load.ts";
import { type Decision, run } from "../../core/executor.ts";
import { blankMemory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { diff } from "../../core/patch.ts";
import type { Command, Observation } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import { seek } from "../../core/seek.ts";
import type { Effect } from "../../core/types.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState, type LedgerRow } from "../../core/venues/sim_state.ts";
import { freeze, newOrder, T0 } from "../fixtures.ts";
import { config, exchangeRules, observation as seen, rules } from "../fixtures_run.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

type Log = {
  readonly text: string[];
  readonly decisions: Decision[];
  readonly venue: SimVenue;
  readonly rows: readonly LedgerRow[];
};

/** Hours of trading with everything frozen; each step is decided twice. */
async function trade6h(seed: number): Promise<Log> {
  const feed = new SyntheticFeed({ seed, historyDays: 3, anchors: [], nowMs: null });
  const by = rules({ tickers: feed.tickers });
  const state = blankState({ nowMs: feed.startMs, walletUsd: 25_000, positions: [] });
  const rows: LedgerRow[] = [];
  const bucketOf = (ticker: string) => by.buckets[ticker]!;
  const venue = new SimVenue({
    feed,
    state,
    rules: exchangeRules({ seed, bucketOf }),
    lineage: "test00",
    ledger: { append: (more) => rows.push(...more), rotate: () => {} },
    gap: false,
    pace: () => Promise.resolve(),
  });
  const past = new Past({ baseMs: feed.baseMs, framesMs: framesOf(config()), rules: by });
  let at = freeze(blankMemory("test00", feed.startMs));
  const log: Log = { text: [], decisions: [], venue, rows };
  const decide = (observation: Observation): Decision => {
    for (const { ticker, candles } of observation.candles) {
      for (const candle of candles) past.append(ticker, candle);
    }
    const before = at;
    const input = { memory: before, seen: observation, rules: by, past };
    const safe = freeze(protect(input));
    assert.deepEqual(protect(input), safe, "deciding again gives the same");
    const next = freeze(seek({ ...input, memory: safe.memory }));
    assert.deepEqual(seek({ ...input, memory: safe.memory }), next);
    at = next.memory;
    return {
      before,
      memory: at,
      seen: observation,
      commands: [...safe.commands, ...next.commands],
      events: [...safe.events, ...next.events],
    };
  };
  await run(decide, {
    venue,
    sink: {
      record: (decision) => {
        log.decisions.push(decision);
        const { before, memory: after, commands, events } = decision;
        log.text.push(JSON.stringify([diff(before, after), commands, events]));
        return Promise.resolve(true);
      },
      publish: () => {},
    },
    stop: () => at.pulse.nowMs >= feed.startMs + 6 * HOUR,
    resume: null,
  });
  return log;
}

Deno.test("the same seed decides the same, step by step, and nothing is changed in place", async () => {
  const [first, again, other] = [await trade6h(3), await trade6h(3), await trade6h(4)];
  assert.deepEqual(again.text, first.text);
  assert.notDeepEqual(other.text, first.text);
  const { memory: last } = first.decisions.at(-1)!;
  assert.deepEqual(JSON.parse(JSON.stringify(last)), last, "memory is plain JSON");
  const counted = last.counters;
  assert.ok(counted.totalFills > 5, `${counted.totalFills} fills`);
  for (const { memory: after, seen: { nowMs } } of first.decisions) {
    assert.ok(after.pulse.wakeMs > nowMs);
  }
});

Deno.test("the engine's sums are those of the exchange, and its legs are the exchange's", async () => {
  const { decisions, venue, rows } = await trade6h(6);
  const { memory: last } = decisions.at(-1)!;
  const { state } = venue.exchange.desk;
  const told = rows.filter((row) => row.at <= last.pulse.nowMs - SECOND);
  const sum = { realizedUsd: 0, feesUsd: 0, fundingUsd: 0, transfersUsd: 0 };
  for (const row of told) {
    if (row.k === "trade") {
      sum.realizedUsd += row.trade.realizedUsd;
      sum.feesUsd += row.trade.feeUsd;
    }
    if (row.k === "income") sum.fundingUsd += row.income.usd;
  }
  assert.ok(told.length > 20 && sum.feesUsd > 0);
  for (const [name, usd] of Object.entries(sum)) {
    const own = last.cash[name as keyof typeof sum];
    assert.ok(Math.abs(own - usd) < 1e-6, `${name}: ${own} against ${usd}`);
  }
  const closed = Object.values(last.closes);
  const open = Object.values(last.holdings);
  for (const name of ["realizedUsd", "feesUsd", "fundingUsd"] as const) {
    const legs = [...closed, ...open].reduce((total, leg) => total + leg[name], 0);
    assert.ok(Math.abs(legs - last.cash[name]) < 1e-6, `${name} of all legs`);
  }
  const lots = (legs: Readonly<Record<string, { readonly lots: number }>>) =>
    Object.entries(legs).map(([key, leg]) => `${key} ${leg.lots}`).toSorted();
  assert.deepEqual(lots(last.holdings), lots(state.positions));
  assert.ok(closed.length > 0, "something was closed");
});

Deno.test("a veto says which NAV it was judged by", async () => {
  const { decisions } = await trade6h(3);
  const vetoes = decisions.flatMap(({ events, seen: { nowMs } }) =>
    events.flatMap((event) => event.kind === "veto" ? [{ ...event, nowMs }] : [])
  );
  assert.ok(vetoes.length > 0);
  for (const { navUsd, navAgeMs, stage, candleCloseMs, nowMs } of vetoes) {
    assert.ok(navUsd !== null && navUsd > 0 && candleCloseMs <= nowMs);
    if (stage !== "screen") assert.ok(navAgeMs !== null && navAgeMs >= 0);
  }
});

Deno.test("an order leaves after its record, and a tick that has begun is finished", async () => {
  const told: string[] = [];
  let ticks = 0;
  const decision = (observation: Observation): Decision => {
    ticks += 1;
    const at = blankMemory("test00", T0);
    return { before: at, memory: at, seen: observation, commands: [], events: [] };
  };
  const note = (what: string) => {
    told.push(what);
    return Promise.resolve();
  };
  await run(decision, {
    venue: {
      observe: () => note("observe").then(() => ticks < 3 ? seen() : null),
      submit: () => note("submit"),
      wait: () => note("wait"),
    },
    sink: {
      record: () => note("record").then(() => true),
      publish: () => void told.push("publish"),
    },
    stop: () => ticks >= 2,
    resume: { untilMs: T0, alerts: [] },
  });
  const wholeTick = ["observe", "record", "submit", "publish"];
  assert.deepEqual(told, ["wait", ...wholeTick, "wait", ...wholeTick]);
});

Deno.test("where the record is refused only what closes, cancels and asks may leave", async () => {
  const place = (clientId: string, effect: Effect): Command => ({
    kind: "place",
    order: { ...newOrder(), clientId, effect },
  });
  const asked: Command = { kind: "query_income", afterId: 0 };
  const commands = [place("opens", "open"), place("closes", "close"), asked];
  for (const [isKept, left] of [[true, commands], [false, commands.slice(1)]] as const) {
    const at = blankMemory("test00", T0);
    let submitted: readonly Command[] = [];
    await run(
      (observation) => ({ before: at, memory: at, seen: observation, commands, events: [] }),
      {
        venue: {
          observe: () => Promise.resolve(seen()),
          submit: (some) => Promise.resolve(void (submitted = some)),
          wait: () => Promise.resolve(),
        },
        sink: { record: () => Promise.resolve(isKept), publish: () => {} },
        stop: () => submitted.length > 0,
        resume: null,
      },
    );
    assert.deepEqual(submitted, left);
  }
});
