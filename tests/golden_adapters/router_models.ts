/** What the router learns and concludes: averages, windows, records, policies, suggestions. */
import { effectivenessOf, type RouteSample } from "../../core/router/effectiveness.ts";
import {
  EMPTY_WINDOW,
  fillFigures,
  type FillWindow,
  noteFillSample,
} from "../../core/router/fills.ts";
import { bestHours, hourlyExpectancy } from "../../core/router/hours.ts";
import { makerOffsetBps } from "../../core/router/offset.ts";
import { classifyQuality, classifyRegime, routerPolicy } from "../../core/router/policy.ts";
import { slippageBps } from "../../core/router/quote.ts";
import { bucketOf, LiquidityBuckets } from "../../core/router/rules.ts";
import { learnSlippage, newestWeight, type SlippageAverages } from "../../core/router/slippage.ts";
import { BIAS_OF, biasLabel, suggest, suggestionBounds } from "../../core/router/suggest.ts";
import type { RangeRegime } from "../../core/regimes.ts";
import { seconds, toSeconds } from "../../core/units.ts";
import { type About, adapter } from "./adapter.ts";

const number = (value: unknown) =>
  typeof value === "number" && Number.isFinite(value) ? value : null;
/** The recordings count seconds; the product's own reader of config files turns them into ours. */
const ms = (value: number) => seconds(1e12).parse(value);

type Record = {
  readonly maker_fill_ratio?: number | null;
  readonly fallback_ratio?: number | null;
  readonly slip_q50?: number | null;
  readonly slip_q95?: number | null;
  readonly latency_p50_ms?: number | null;
  readonly sample_count?: number;
};

const recordOf = (eff: Record) => ({
  makerFillFrac: number(eff.maker_fill_ratio),
  fallbackFrac: number(eff.fallback_ratio),
  slipQ25Bps: null,
  slipQ50Bps: number(eff.slip_q50),
  slipQ75Bps: null,
  slipQ95Bps: number(eff.slip_q95),
  ackLatencyP50Ms: number(eff.latency_p50_ms),
  sampleCount: eff.sample_count ?? 0,
});

type Offset = {
  readonly effectiveness: Record;
  readonly atr_regime: RangeRegime;
  readonly maker_reliability: number | null;
  readonly risk_mode: string;
  readonly hourly: { readonly [hour: string]: { readonly exp_per_notional: unknown } } | null;
  readonly utc_hour: number;
};

const makerOffset = adapter<Offset>("maker_offset", (input) =>
  makerOffsetBps({
    record: recordOf(input.effectiveness),
    range: input.atr_regime,
    reliability: input.maker_reliability,
    isDefensive: input.risk_mode === "DEFENSIVE",
    hourProfitFrac: number(input.hourly?.[input.utc_hour]?.exp_per_notional),
  }));

type Averages = {
  readonly ewma_expected_bps: number;
  readonly ewma_realized_bps: number;
  readonly trade_count: number;
  readonly last_obs_ts: number;
};
type Ewma = {
  readonly halflife_trades: number;
  readonly prev?: Averages | null;
  readonly observations: readonly (readonly [expected: number, realized: number])[];
};

const slippageEwma = adapter<Ewma>("slippage_ewma", (input, { fn }) => {
  if (fn === "compute_ewma_alpha") return newestWeight(input.halflife_trades);
  const seconds = [...Array(2_000).keys()].slice(fn === "update_slippage_ewma_from" ? 5 : 1000);
  let averages = averagesOf(input.prev ?? null);
  return input.observations.map(([expectedBps, realizedBps], i) => {
    const trade = { expectedBps, realizedBps, atMs: ms(seconds[i]!) };
    averages = learnSlippage(averages, trade, input.halflife_trades);
    return {
      ewma_expected_bps: averages.expectedBps,
      ewma_realized_bps: averages.realizedBps,
      trade_count: averages.tradeCount,
      last_obs_ts: toSeconds(averages.lastMs),
    };
  });
});

function averagesOf(prev: Averages | null): SlippageAverages | null {
  if (prev === null) return null;
  return {
    expectedBps: prev.ewma_expected_bps,
    realizedBps: prev.ewma_realized_bps,
    tradeCount: prev.trade_count,
    lastMs: ms(prev.last_obs_ts),
  };
}

type Buckets = { readonly config: unknown; readonly symbol: string };

const liquidityBuckets = adapter<Buckets>("liquidity_buckets", ({ config, symbol }, about) => {
  const keys = bucketsOf(config, about);
  const told = (ticker: string) => {
    const { name, maxSpreadBps, makerBiasFrac } = bucketOf(keys, ticker.toUpperCase());
    return { name, max_spread_bps: maxSpreadBps, default_maker_bias: makerBiasFrac };
  };
  if (about.fn === "resolve_bucket") return told(symbol);
  if (about.fn === "bucket_names") return [...Object.keys(keys.buckets), "GENERIC"];
  const symbols = Object.values(keys.buckets).flatMap((bucket) => bucket.symbols);
  return Object.fromEntries(symbols.map((ticker) => {
    const { name, ...rest } = told(ticker);
    return [ticker, { bucket: name, ...rest }];
  }));
});

function bucketsOf(config: unknown, { data }: About) {
  const file = typeof config === "string" ? data("liquidity_buckets.config.json") : config;
  const { buckets = {}, defaults = {} } = Object(file);
  const capitals = Object.entries(buckets as { [name: string]: { symbols: string[] } })
    .map(([name, bucket]) =>
      [name, { ...bucket, symbols: bucket.symbols.map((ticker) => ticker.toUpperCase()) }] as const
    );
  return LiquidityBuckets.parse({ buckets: Object.fromEntries(capitals), defaults });
}

type Fill = {
  readonly symbol: string;
  readonly intended_price: number;
  readonly fill_price: number;
  readonly ts_sent: number;
  readonly ts_fill: number;
  readonly is_twap_child: boolean;
  readonly notional: number;
  readonly intended_notional?: number;
};
type Fills = {
  readonly params: {
    readonly window_seconds: number;
    readonly min_events: number;
    readonly ema_alpha?: number;
  };
  readonly events: readonly Fill[];
  readonly now: number;
};

const positive = (value: number) => value < 0 ? -value : value;

const routerStats = adapter<Fills>("router_stats", ({ params, events, now }) => {
  const rules = {
    windowMs: ms(params.window_seconds),
    minCount: params.min_events,
  };
  const weight = params.ema_alpha ?? 0.3;
  const windows = new Map<string, FillWindow>();
  for (const fill of events) {
    const symbol = fill.symbol.toUpperCase();
    if (symbol === "") continue;
    const window = windows.get(symbol) ?? EMPTY_WINDOW;
    windows.set(symbol, noteFillSample(window, sampleOf(fill), rules, weight));
  }
  const perSymbol = [...windows].map(([symbol, window]) =>
    [symbol, figuresOf(symbol, fillFigures(window, ms(now), rules))] as const
  );
  return { per_symbol: Object.fromEntries(perSymbol), ...params };
  // Milliseconds are whole here: a latency from seconds differs in the seventh digit.
}, { ignores: ["updated_ts", "ema_alpha"], tolerance: { rel: 2e-6, abs: 1e-9 } });

/** The recordings have no side: a fill above the intended price was a purchase, it cost. */
function sampleOf(fill: Fill) {
  const buys = fill.fill_price >= fill.intended_price;
  return {
    sentMs: ms(fill.ts_sent),
    fillMs: ms(fill.ts_fill),
    ackLatencyMs: null,
    slippageBps: slippageBps({ px: fill.fill_price, referencePx: fill.intended_price, buys }),
    isSlice: fill.is_twap_child,
    usd: positive(fill.notional),
    intendedUsd: positive(fill.intended_notional ?? fill.notional),
  };
}

function figuresOf(symbol: string, figures: ReturnType<typeof fillFigures>) {
  return {
    symbol,
    avg_slippage_bps: figures.slippageBps,
    slippage_drift_bps: figures.driftBps,
    avg_latency_ms: figures.latencyMs,
    twap_usage_ratio: figures.sliceFrac,
    last_order_ts: secondsOf(figures.lastSentMs),
    last_fill_ts: secondsOf(figures.lastFillMs),
    total_notional: figures.usd,
    twap_notional: figures.sliceUsd,
    event_count: figures.count,
    child_orders: { count: figures.sliceCount, fill_ratio: figures.sliceFillFrac },
  };
}

const secondsOf = (at: number | null) => at === null ? null : toSeconds(at);

type Policy = {
  readonly eff: Record;
  readonly effectiveness: Record;
  readonly metrics: { readonly [key: string]: number };
  readonly atr_regime: RangeRegime;
  readonly offset_bps: number;
};

const policy = adapter<Policy>("router_policy", (input, { fn }) => {
  if (fn === "classify_router_quality") return classifyQuality(recordOf(input.eff));
  if (fn === "classify_router_regime") {
    const { maker_fill_rate, fallback_rate, slippage_p95, latency_ms, ack_latency_ms } =
      input.metrics;
    return classifyRegime({
      makerFillFrac: number(maker_fill_rate),
      fallbackFrac: number(fallback_rate),
      slipQ95Bps: number(slippage_p95),
      ackLatencyP50Ms: number(latency_ms ?? ack_latency_ms),
    });
  }
  const own = { range: input.atr_regime, offsetBps: input.offset_bps };
  const told = routerPolicy(recordOf(input.effectiveness), own);
  const { quality, makerFirst, bias, offsetBps, reason } = told;
  return { maker_first: makerFirst, taker_bias: bias, quality, reason, offset_bps: offsetBps };
});

type Row = { readonly [key: string]: unknown };

const effectiveness = adapter<{ readonly events: readonly Row[] }>(
  "router_effectiveness",
  ({ events }, { fn }) => {
    const rows = events.filter(({ event }) => event !== "position_close").map(sampleOfRow);
    const record = effectivenessOf(rows);
    if (fn === "compute_router_summary") {
      return {
        maker_fill_rate: record.makerFillFrac,
        fallback_rate: record.fallbackFrac,
        slippage_p50: record.slipQ50Bps,
        slippage_p95: record.slipQ95Bps,
        ack_latency_p50_ms: record.ackLatencyP50Ms,
        sample_count: record.sampleCount,
      };
    }
    return {
      maker_fill_ratio: record.makerFillFrac,
      fallback_ratio: record.fallbackFrac,
      slip_q25: record.slipQ25Bps,
      slip_q50: record.slipQ50Bps,
      slip_q75: record.slipQ75Bps,
      ...record.slipQ95Bps === null ? {} : { slip_q95: record.slipQ95Bps },
      sample_count: record.sampleCount,
    };
  },
);

function sampleOfRow(row: Row): RouteSample {
  return {
    makerStarted: row.maker_start === true,
    makerFinal: typeof row.is_maker_final === "boolean" ? row.is_maker_final : null,
    usedFallback: row.used_fallback === true,
    slippageBps: number(row.slippage_bps),
    ackLatencyMs: number(row.ack_latency_ms),
  };
}

type Hours = {
  readonly events: readonly Row[];
  readonly min_trades?: number;
  readonly min_expectancy?: number;
};

const expectancyMap = adapter<Hours>("expectancy_map", (input, { fn }) => {
  const samples = input.events.map(({ ts, realized_pnl, notional, slippage_bps }) => ({
    // The recordings hold seconds, or milliseconds where those would lie far ahead.
    atMs: typeof ts !== "number" ? NaN : ts > 1e11 ? ts : ms(ts),
    profitUsd: number(realized_pnl),
    usd: number(notional),
    slippageBps: number(slippage_bps),
  }));
  const hours = hourlyExpectancy(samples);
  if (fn === "best_hours") {
    const { min_trades: countMin, min_expectancy: profitMinFrac } = input;
    return bestHours(hours, { countMin: countMin!, profitMinFrac: profitMinFrac! });
  }
  return Object.fromEntries(
    Object.entries(hours).map(([hour, { count, profitFrac, slippageBps }]) =>
      [hour, { count, exp_per_notional: profitFrac, slip_bps_avg: slippageBps }] as const
    ),
  );
});

type Tuned = {
  readonly symbol: string;
  readonly maker_fill_rate?: number;
  readonly fallback_rate?: number;
  readonly slippage_p50?: number;
  readonly slippage_p95?: number;
  readonly ack_latency_ms?: number | null;
  readonly policy?: { readonly maker_first: boolean; readonly taker_bias: string };
};
type Autotune = {
  readonly router_symbols: readonly Tuned[];
  readonly expectancy: { readonly [symbol: string]: { expectancy: number; hit_rate?: number } };
  readonly scores: readonly { readonly symbol: string; readonly score: number }[];
  readonly risk_config: { readonly [key: string]: Row };
  readonly current_offset_bps: number;
  readonly lookback_days: number;
};

const BOUNDS = {
  min_bias: 0,
  max_bias: 1,
  max_bias_step: 0.05,
  min_offset_bps: 1,
  max_offset_bps: 10,
  max_offset_step_bps: 1,
};
/** Words that the recordings have besides ours. */
const WORDS: { readonly [label: string]: number } = {
  ...BIAS_OF,
  maker: BIAS_OF.prefer_maker,
  neutral: BIAS_OF.balanced,
  taker: 0.8,
};

const suggestions = adapter<Autotune>("autotune_suggestions", (input) => {
  const symbols = Array.isArray(input.router_symbols) ? input.router_symbols : [];
  return {
    lookback_days: input.lookback_days,
    symbols: symbols.map((row: Tuned) => suggestionOf(row, input)),
  };
}, { ignores: ["generated_ts"] });

function suggestionOf(row: Tuned, input: Autotune) {
  const { maker_first: makerFirst = true, taker_bias: label = "balanced" } = row.policy ?? {};
  const config = input.risk_config.router_autotune_v6 ?? input.risk_config.router_autotune ?? {};
  const known = input.expectancy[row.symbol];
  const record = {
    ...recordOf({}),
    makerFillFrac: number(row.maker_fill_rate),
    fallbackFrac: number(row.fallback_rate),
    slipQ50Bps: number(row.slippage_p50),
    slipQ95Bps: number(row.slippage_p95),
    ackLatencyP50Ms: number(row.ack_latency_ms),
  };
  const told = suggest(record, {
    current: { makerFirst, bias: WORDS[label]!, offsetBps: input.current_offset_bps },
    strength: {
      expectancyUsd: number(known?.expectancy),
      hitFrac: number(known?.hit_rate),
      score: number(input.scores.find(({ symbol }) => symbol === row.symbol)?.score),
    },
    bounds: suggestionBounds({ ...BOUNDS, ...config }),
  });
  return spelt(row, told, { label, record });
}

const pointOf = (
  { makerFirst, bias, offsetBps }: ReturnType<typeof suggest>["current"],
  word: string,
) => ({
  maker_first: makerFirst,
  taker_bias: bias,
  bias_label: word,
  offset_bps: offsetBps,
});

function spelt(
  row: Tuned,
  told: ReturnType<typeof suggest>,
  { label, record }: { label: string; record: ReturnType<typeof recordOf> },
) {
  return {
    symbol: row.symbol.toUpperCase(),
    regime: told.regime,
    quality: told.quality,
    metrics: {
      fill_rate: record.makerFillFrac,
      fallback_rate: record.fallbackFrac,
      slip_p50_bps: record.slipQ50Bps,
      slip_p95_bps: record.slipQ95Bps,
      latency_p50_ms: record.ackLatencyP50Ms,
    },
    current_policy: pointOf(told.current, label),
    proposed_policy: pointOf(told.proposed, biasLabel(told.proposed.bias)),
    rationale: told.rationale,
  };
}

export const ROUTER_MODELS = [
  makerOffset,
  slippageEwma,
  liquidityBuckets,
  routerStats,
  policy,
  effectiveness,
  expectancyMap,
  suggestions,
];
