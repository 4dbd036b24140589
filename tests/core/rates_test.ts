/**
 * Odd records make no odd figures: whatever the counters and records hold, and in whatever order it
 * came, a rate is a share of 1 or unknown, and every surface keeps its schema.
 */
import assert from "node:assert/strict";
import {
  BUCKET_MS,
  type Buckets,
  EMPTY_COUNTERS,
  type FunnelBucket,
  intoBucket,
} from "../../core/diagnostics.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { EMPTY_RECORD, EMPTY_TOTALS } from "../../core/router/record.ts";
import { EXECUTOR_SURFACES, PROJECTIONS, SURFACES } from "../../state/surfaces/mod.ts";
import { account, close, dice, ETH, holding, position, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const RUNS = 300;
const HOUR = 3_600_000;
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const NOW = T0 + 12 * HOUR;
/** Shares by their name; a ratio of two prices or of fees to a result may be anything. */
const RATE = /(?:_rate|_ratio|_share|coverage_pct|dd_pct|drawdown_pct)$/;
const UNBOUNDED = /^(?:fee_pnl_ratio|atr_ratio|median_ratio|volatility_ratio)$|vol.*ratio|max_/;

type Draw = {
  readonly chance: () => number;
  readonly upTo: (n: number) => number;
  readonly usd: () => number;
};

function draws(seed: number): Draw {
  const chance = dice(seed);
  const upTo = (n: number) => Math.floor(chance() * (n + 1));
  return { chance, upTo, usd: () => (chance() - 0.5) * 10 ** upTo(6) };
}

/** Fills, failures and parts in any proportion to orders, as after a restart or a late row. */
function bucket({ upTo }: Draw): FunnelBucket {
  return {
    signals: upTo(3),
    orders: upTo(3),
    fills: upTo(9),
    submitted: upTo(3),
    filled: upTo(9),
    partial: upTo(9),
    unfilled: upTo(9),
    rejected: upTo(9),
    abandoned: upTo(9),
    vetoes: upTo(1) === 0 ? {} : { nav_stale: upTo(9), already_in_trade: upTo(2) },
  };
}

function record({ chance, upTo, usd }: Draw): Memory["routing"][string] {
  const count = () => upTo(8);
  const totals = Object.fromEntries(
    Object.keys(EMPTY_TOTALS).map((name) => [
      name,
      name.endsWith("Ms") ? T0 + upTo(HOUR) : name.endsWith("Usd") ? Math.abs(usd()) : count(),
    ]),
  );
  const samples = Object.fromEntries(Array.from({ length: upTo(6) }, (_, i) => [`r${i}`, {
    atMs: NOW - upTo(48) * HOUR,
    isTwap: chance() < 0.5,
    plannedUsd: Math.abs(usd()),
    filledUsd: Math.abs(usd()),
    makerStarted: chance() < 0.5,
    makerFinal: chance() < 0.3 ? null : chance() < 0.5,
    usedFallback: chance() < 0.5,
    slippageBps: chance() < 0.3 ? null : usd(),
    ackLatencyMs: chance() < 0.3 ? null : upTo(5_000),
  }]));
  const fills = Array.from({ length: upTo(6) }, () => ({
    sentMs: NOW - upTo(HOUR),
    fillMs: NOW - upTo(HOUR),
    ackLatencyMs: chance() < 0.3 ? null : upTo(5_000),
    slippageBps: chance() < 0.3 ? null : usd(),
    isSlice: chance() < 0.5,
    usd: Math.abs(usd()),
    intendedUsd: chance() < 0.3 ? 0 : Math.abs(usd()),
  }));
  return {
    ...EMPTY_RECORD,
    totals: totals as Memory["routing"][string]["totals"],
    samples,
    window: { samples: fills, driftBps: chance() < 0.3 ? null : usd() },
  };
}

function oddMemory(draw: Draw): Memory {
  const { chance, upTo, usd } = draw;
  const blank = blankMemory("test00", T0);
  const start = Math.floor(NOW / BUCKET_MS) * BUCKET_MS;
  let buckets: Buckets = {};
  for (let i = upTo(5); i > 0; i--) {
    buckets = intoBucket(buckets, bucket(draw), start - i * BUCKET_MS);
  }
  const closes = Object.fromEntries(Array.from({ length: upTo(5) }, (_, i) => [
    `c${i}`,
    close({
      ticker: ETH,
      strategyId: chance() < 0.5 ? null : "s1",
      closedMs: NOW - upTo(80) * HOUR,
      realizedUsd: usd(),
      feesUsd: Math.abs(usd()),
      fundingUsd: usd(),
      usd: chance() < 0.3 ? 0 : Math.abs(usd()),
      rMultiple: chance() < 0.3 ? null : usd(),
      earned: chance() < 0.5 ? [] : [{
        strategyId: "s1",
        lots: upTo(9),
        realizedUsd: usd(),
        entryFeesUsd: Math.abs(usd()),
        exitFeesUsd: Math.abs(usd()),
        fundingUsd: usd(),
      }],
      conditions: chance() < 0.5 ? null : { range: upTo(3), drawdown: upTo(3), mode: "WARN" },
    }),
  ]));
  const navUsd = usd();
  const level = { navUsd, walletUsd: usd(), unrealizedUsd: usd(), atMs: NOW - upTo(200_000) };
  const isHeld = chance() < 0.5;
  return {
    ...blank,
    pulse: { ...blank.pulse, nowMs: NOW, accountMs: NOW, accountOk: chance() < 0.5 },
    nav: {
      ...blank.nav,
      level: chance() < 0.2 ? null : level,
      peakUsd: chance() < 0.2 ? null : usd(),
      highUsd: chance() < 0.2 ? null : usd(),
      dayPeakUsd: chance() < 0.2 ? null : usd(),
    },
    cash: { ...blank.cash, startUsd: chance() < 0.5 ? null : usd() },
    dayCash: { day: null, realizedUsd: usd(), feesUsd: Math.abs(usd()), fundingUsd: usd() },
    holdings: isHeld ? { "BTCUSDT:LONG": holding() } : {},
    counters: { ...EMPTY_COUNTERS, buckets, totalFills: upTo(9), totalOrders: upTo(2) },
    routing: chance() < 0.2 ? {} : { BTCUSDT: record(draw), ETHUSDT: record(draw) },
    closes,
  };
}

/** Every rate in a surface that is no share. */
function oddRates(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const at = `${path}/${name}`;
    if (typeof inner !== "number") return oddRates(inner, at);
    const isRate = RATE.test(name) && !UNBOUNDED.test(name);
    return isRate && !(inner >= 0 && inner <= 1) ? [`${at} is ${inner}`] : [];
  });
}

const ENVELOPE = {
  schema_version: 1,
  updated_ts: new Date(NOW).toISOString(),
  seq: 1,
  run_id: "r-test",
  env: "sim",
  writer: "executor",
  wall_ts: new Date(0).toISOString(),
  speed: 0,
};

Deno.test("whatever the records hold, a rate is a share or unknown, and surfaces keep their schemas", () => {
  let rates = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const memory = oddMemory(draws(seed));
    const seen = observation({
      nowMs: NOW,
      account: { kind: "read", value: account({ positions: [position()], atMs: NOW }) },
    });
    const published = publishedOf({ memory, seen, rules: RULES, past: PAST });
    for (const name of EXECUTOR_SURFACES) {
      const text = JSON.stringify({ ...ENVELOPE, ...PROJECTIONS[name](published) });
      const body: unknown = JSON.parse(text);
      assert.deepEqual(oddRates(body), [], `${name}.json, seed ${seed}`);
      const parsed = SURFACES[name].schema.safeParse(body);
      assert.ok(parsed.success, `${name}.json, seed ${seed}: ${parsed.error}`);
      rates += [...text.matchAll(/_(?:rate|ratio|share)":(?!null)/g)].length;
    }
  }
  assert.ok(rates > RUNS, `${rates} rates were looked at`);
  assert.deepEqual(oddRates({ a: { fill_rate: 1.2, atr_ratio: 3 }, dd_pct: -0.1 }), [
    "/a/fill_rate is 1.2",
    "/dd_pct is -0.1",
  ]);
});
