/**
 * A crowd: a market of five hundred symbols, all of them routed before, fifty of them held, with an
 * engine that runs over it. Nothing is made up by hand that the product has a function for.
 */
import { buildRules, framesOf } from "../../config/load.ts";
import type { Decision } from "../../core/executor.ts";
import { BUCKET_MS, type Buckets, type FunnelBucket, intoBucket } from "../../core/diagnostics.ts";
import type { Close } from "../../core/exits/episode.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { VETO_REASONS } from "../../core/risk/mod.ts";
import {
  EMPTY_RECORD,
  noteChild,
  noteRoute,
  type RoutingRecord,
} from "../../core/router/record.ts";
import type { Rules } from "../../core/rules.ts";
import type { Side, Ticker } from "../../core/types.ts";
import { CandleFeed } from "../../core/venues/feed_candles.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState, type SimPosition } from "../../core/venues/sim_state.ts";
import { Engine } from "../../state/engine.ts";
import { dice } from "../fixtures.ts";
import { candles, table } from "../fixtures_run.ts";
import { swarmConfig } from "../swarm/config.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const HISTORY_BARS = 800;
const START_MS = Date.UTC(2026, 0, 1);
const NOW_MS = START_MS + HISTORY_BARS * HOUR;
const LINEAGE = "crowd0";
const ROUTES_EACH = 40;
const CLOSES_COUNT = 500;
const BUCKETS_COUNT = 1_440;

export type Crowd = {
  readonly engine: Engine;
  readonly rules: Rules;
  readonly venue: SimVenue;
  /** One tick a second later; what it decided. */
  readonly tick: () => Promise<Decision>;
};

/** Builds the market and lets the engine adopt and protect what is held. */
export async function crowd(
  { symbols, positions }: { symbols: number; positions: number },
): Promise<Crowd> {
  const tickers = Array.from({ length: symbols }, (_, i) => `S${i}USDT` as Ticker);
  const tables = tickers.map((ticker, i) => table(candles(walk(i), about), ticker));
  const feed = new CandleFeed(tables, { baseMs: HOUR, fromMs: NOW_MS, toMs: null });
  const config = swarmConfig();
  const rules = buildRules(config, { baseMs: HOUR, tickers: feed.tickers, universe: "all" });
  const past = new Past({ baseMs: HOUR, framesMs: framesOf(config), rules });
  const held = tickers.slice(0, positions).map((ticker, i) => legOf(feed, ticker, i));
  const venue = new SimVenue({
    feed,
    rules: {
      seed: 7,
      latencyMs: 60,
      makerBps: 2,
      takerBps: 5,
      positionMode: "hedge",
      bucketOf: () => ({ name: "B_MEDIUM", maxSpreadBps: 8, makerBiasFrac: 0.7 }),
    },
    state: blankState({ nowMs: NOW_MS, walletUsd: 1_000_000, positions: held }),
    lineage: LINEAGE,
    ledger: { append: () => {}, rotate: () => {} },
    gap: false,
    pace: () => Promise.resolve(),
  });
  const onFault = ({ message }: { message: string }) => {
    throw new Error(message);
  };
  const made = (memory: Memory) => new Engine({ memory, rules, past, protectOnly: false, onFault });
  const stepOf = (engine: Engine) => async () => {
    const decision = engine.decide((await venue.observe())!);
    await venue.submit(decision.commands);
    await venue.wait({ untilMs: decision.memory.pulse.nowMs + 1_000, alerts: [] });
    return decision;
  };
  const young = made(blankMemory(LINEAGE, NOW_MS));
  const first = stepOf(young);
  for (let i = 0; i < 30; i++) await first();
  const engine = made(withPast(young.memory, tickers, rules));
  return { engine, rules, venue, tick: stepOf(engine) };
}

const about = { startMs: START_MS, frameMs: HOUR, reach: 0.2, volume: 100_000 };

/** A symbol's closes, with a day beyond the moment at which the engine begins. */
function walk(seed: number): number[] {
  const roll = dice(seed + 1);
  let px = 50 + (seed % 50);
  return Array.from({ length: HISTORY_BARS + 24 }, () => {
    px *= Math.exp(0.01 * (roll() - 0.5));
    return Math.round(px * 100) / 100;
  });
}

function legOf(feed: CandleFeed, ticker: Ticker, i: number): SimPosition {
  const entryPx = feed.closed(ticker, NOW_MS - 2 * HOUR, NOW_MS).at(-1)!.close;
  const side: Side = i % 3 === 0 ? "SHORT" : "LONG";
  return { ticker, side, lots: 20_000 + i, entryPx, leverage: 3 };
}

/** The same memory after days of trading: routes of every symbol, closed episodes, vetoes. */
function withPast(memory: Memory, tickers: readonly Ticker[], rules: Rules): Memory {
  const { nowMs } = memory.pulse;
  const routing = Object.fromEntries(
    tickers.map((ticker, i) => [ticker, recordOf(i, nowMs, rules)] as const),
  );
  const closes = Object.fromEntries(
    Array.from({ length: CLOSES_COUNT }, (_, i) => {
      const close = closeOf(tickers[i % tickers.length]!, i, nowMs);
      return [`${close.ticker}:${close.side}:${close.closedMs}:${i}`, close] as const;
    }),
  );
  let buckets: Buckets = {};
  for (let i = 1; i <= BUCKETS_COUNT; i++) {
    buckets = intoBucket(buckets, bucketOf(i), nowMs - (BUCKETS_COUNT - i) * BUCKET_MS);
  }
  return { ...memory, routing, closes, counters: { ...memory.counters, buckets } };
}

function recordOf(seed: number, nowMs: number, rules: Rules): RoutingRecord {
  const roll = dice(seed + 1_000);
  let record = EMPTY_RECORD;
  for (let i = 0; i < ROUTES_EACH; i++) {
    const atMs = nowMs - (ROUTES_EACH - i) * 37 * MINUTE - seed;
    const usd = 100 + 900 * roll();
    record = noteChild(record, {
      sentMs: atMs - 4_000,
      fillMs: atMs,
      ackLatencyMs: 60 + 40 * roll(),
      slippageBps: 4 * roll() - 2,
      isSlice: i % 4 === 0,
      usd,
      intendedUsd: usd,
      realizedBps: 4 * roll() - 2,
      expectedBps: 3 * roll() - 1,
    }, { ...rules.router, ...rules.quality });
    record = noteRoute(record, {
      id: `r:${seed}:${i}`,
      atMs,
      isTwap: i % 4 === 0,
      plannedUsd: usd,
      filledUsd: usd,
      makerStarted: true,
      makerFinal: roll() > 0.3,
      usedFallback: roll() > 0.8,
      slippageBps: 4 * roll() - 2,
      ackLatencyMs: 60 + 40 * roll(),
      ordersCount: 2,
      rejectCount: 0,
      requoteCount: 1,
      makerUsd: usd / 2,
      feesUsd: usd / 4_000,
      shortfallUsd: usd / 10_000,
    }, rules.router);
  }
  return record;
}

function closeOf(ticker: Ticker, i: number, nowMs: number): Close {
  const closedMs = nowMs - (CLOSES_COUNT - i) * 11 * MINUTE;
  return {
    ticker,
    side: i % 2 === 0 ? "LONG" : "SHORT",
    strategyId: i % 3 === 0 ? "s1" : "s2",
    reason: i % 2 === 0 ? "tp" : "sl",
    openedMs: closedMs - HOUR,
    closedMs,
    realizedUsd: (i % 7) - 2.5,
    feesUsd: 0.2,
    fundingUsd: 0.01,
    usd: 400,
    rMultiple: (i % 5) / 2 - 1,
    earned: [],
    parts: [],
    conditions: null,
  };
}

function bucketOf(i: number): FunnelBucket {
  const reasons = [...VETO_REASONS].slice(0, 8);
  const vetoes = Object.fromEntries(reasons.map((reason, j) => [reason, (i + j) % 9]));
  const ends = { filled: 3, partial: 1, unfilled: 1, rejected: 0, abandoned: 0 };
  return { signals: 20, submitted: 5, orders: 5, fills: 9, ...ends, vetoes };
}
