/** What a run needs: the shipped configuration, candles, a feed, a simulated exchange. */
import correlationGroups from "../config/correlation_groups.json" with { type: "json" };
import liquidityBuckets from "../config/liquidity_buckets.json" with { type: "json" };
import offexchangeHoldings from "../config/offexchange_holdings.json" with { type: "json" };
import pairsUniverse from "../config/pairs_universe.json" with { type: "json" };
import riskLimits from "../config/risk_limits.json" with { type: "json" };
import settings from "../config/settings.json" with { type: "json" };
import strategyConfig from "../config/strategy_config.json" with { type: "json" };
import symbolTiers from "../config/symbol_tiers.json" with { type: "json" };
import { FILE_NAMES, type FileName, FILES, type Parsed } from "../config/files.ts";
import { buildRules, type Config } from "../config/load.ts";
import type { Command, Observation, VenueEvent } from "../core/ports.ts";
import type { Rules } from "../core/rules.ts";
import type { Candle, Mark, Ticker } from "../core/types.ts";
import { CandleFeed, type CandleTable } from "../core/venues/feed_candles.ts";
import type { Feed } from "../core/venues/feed.ts";
import type { ExchangeRules } from "../core/venues/sim_desk.ts";
import { SimExchange } from "../core/venues/sim_exchange.ts";
import { blankState, type LedgerRow, type SimState } from "../core/venues/sim_state.ts";
import { account, book, BTC, ETH, market, T0 } from "./fixtures.ts";

/** Candles from closes, an hour each by default: every one opens where the last one closed. */
export function candles(
  closes: readonly number[],
  { startMs = T0, frameMs = 3_600_000, reach = 0, volume = 100 }: {
    startMs?: number;
    frameMs?: number;
    /** Distance of high and low beyond the body. */
    reach?: number;
    volume?: number;
  } = {},
): Candle[] {
  return closes.map((close, i) => {
    const open = closes[i - 1] ?? close;
    return {
      openMs: startMs + i * frameMs,
      open,
      high: Math.max(open, close) + reach,
      low: Math.min(open, close) - reach,
      close,
      volume,
    };
  });
}

/** What the engine sees at one instant: one symbol at one price, an account without positions. */
export function observation(
  { nowMs = T0, px = 60_000, ...changes }: Partial<Observation> & { px?: number } = {},
): Observation {
  const mark: Mark = { px, atMs: nowMs };
  return {
    nowMs,
    candles: [],
    account: { kind: "read", value: account({ atMs: nowMs }) },
    market: {
      tickers: [BTC],
      market: () => market(),
      mark: () => mark,
      book: () => book({ bidTicks: px * 10 - 5, askTicks: px * 10 + 5, atMs: nowMs }),
    },
    events: [],
    faults: [],
    gap: false,
    ...changes,
  };
}

/** Candles of one symbol as a table. */
export function table(list: readonly Candle[], ticker = BTC): CandleTable {
  const column = (field: keyof Candle) => new Float64Array(list.map((candle) => candle[field]));
  return {
    ticker,
    length: list.length,
    openMs: column("openMs"),
    open: column("open"),
    high: column("high"),
    low: column("low"),
    close: column("close"),
    volume: column("volume"),
    priceDecimals: 2,
    volumeDecimals: 3,
  };
}

/** A feed over candles; their length is the distance of the first two, an hour for a single one. */
export function candleFeed(list: readonly Candle[], ticker = BTC): CandleFeed {
  const [first, second] = list;
  const baseMs = second === undefined ? 3_600_000 : second.openMs - first!.openMs;
  return new CandleFeed([table(list, ticker)], { baseMs, fromMs: null, toMs: null });
}

export function exchangeRules(changes: Partial<ExchangeRules> = {}): ExchangeRules {
  return {
    seed: 1,
    latencyMs: 60,
    makerBps: 2,
    takerBps: 5,
    positionMode: "hedge",
    bucketOf: () => ({ name: "A_HIGH", maxSpreadBps: 5, makerBiasFrac: 0.8 }),
    ...changes,
  };
}

/** A simulated exchange whose every word and every ledger row is kept. */
export class Floor {
  readonly exchange: SimExchange;
  readonly heard: VenueEvent[] = [];
  readonly rows: LedgerRow[] = [];

  constructor(
    feed: Feed,
    { rules = {}, walletUsd = 100_000, state = null }: {
      rules?: Partial<ExchangeRules>;
      walletUsd?: number;
      state?: SimState | null;
    } = {},
  ) {
    const { startMs: nowMs } = feed;
    const begin = state ?? blankState({ nowMs, walletUsd, positions: [] });
    this.exchange = new SimExchange(feed, exchangeRules(rules), begin);
    this.rows.push({ k: "genesis", at: nowMs, lineage: "t", feed: "t", walletUsd, positions: [] });
  }

  get state(): SimState {
    return this.exchange.desk.state;
  }

  /** Sends commands, then lets time pass. */
  send(commands: readonly Command[], forMs = 1_000): this {
    this.exchange.send(commands);
    return this.run(forMs);
  }

  run(forMs: number): this {
    const untilMs = this.state.nowMs + forMs;
    const { desk } = this.exchange;
    while (this.exchange.run(untilMs) < untilMs) this.heard.push(...desk.hear());
    this.heard.push(...desk.hear());
    this.rows.push(...desk.takeRows());
    return this;
  }

  /** Kinds of what was told about one order, with the code of a refusal. */
  about(clientId: string): string[] {
    return this.heard.flatMap((event) => {
      if (event.kind === "trade") return event.trade.clientId === clientId ? ["trade"] : [];
      if (!("clientId" in event) || event.clientId !== clientId) return [];
      if (event.kind === "reject") return [`reject ${event.code}`];
      return [event.kind === "done" ? `done ${event.status}` : event.kind];
    });
  }
}

type Changes = Readonly<Partial<Record<FileName, unknown>>>;

/**
 * The shipped configuration; `runtime.yaml` stands on its defaults. Parsed by the schemas alone:
 * the reader of texts wants the environment, which these tests do not have.
 */
export function config(changes: Changes = {}): Config {
  const inputs: Record<FileName, unknown> = {
    "runtime.yaml": {},
    "strategy_config.json": strategyConfig,
    "risk_limits.json": riskLimits,
    "pairs_universe.json": pairsUniverse,
    "symbol_tiers.json": symbolTiers,
    "correlation_groups.json": correlationGroups,
    "liquidity_buckets.json": liquidityBuckets,
    "settings.json": settings,
    "offexchange_holdings.json": offexchangeHoldings,
    ...changes,
  };
  const parsed = FILE_NAMES.map((name) => [name, FILES[name].parse(inputs[name])]);
  return { files: Object.fromEntries(parsed) as Parsed, inputs };
}

/** The rules of the shipped configuration over a feed. */
export function rules(
  { baseMs = 60_000, tickers = [BTC, ETH], changes = {} }: {
    baseMs?: number;
    tickers?: readonly Ticker[];
    changes?: Changes;
  } = {},
): Rules {
  return buildRules(config(changes), { baseMs, tickers, universe: "config" });
}
