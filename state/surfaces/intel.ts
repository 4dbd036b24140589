/**
 * The surfaces of the intel run: expectancy and scores from closed trades; factors and suggestions
 * say that they have nothing to say yet, with the reason, and never an invented number.
 */
import { z } from "zod";
import type { TradeStats } from "../../core/intel/expectancy.ts";
import { MS_PER_HOUR } from "../../core/units.ts";
import { LOOKBACK_HOURS, recentTrades, scoresOf } from "../../core/scoring.ts";
import {
  count,
  envelopeShape,
  fraction,
  iso,
  isoTime,
  maybe,
  type Published,
  symbol,
} from "./surface.ts";
import { closesWindow } from "./window.ts";

const NOT_MEASURED = "not_measured";

const Stats = z.strictObject({
  count,
  hit_rate: fraction,
  avg_return: maybe,
  avg_win: maybe,
  avg_loss: maybe,
  expectancy: maybe,
  expectancy_per_risk: maybe,
  max_drawdown: maybe,
});

export const Expectancy = z.strictObject({
  ...envelopeShape,
  symbols: z.record(z.string(), Stats),
  hours: z.record(z.string(), Stats),
  regimes: z.strictObject({}),
  sample_count: count,
  lookback_hours: z.number().positive(),
  from_ts: isoTime,
  reason: z.string().nullable(),
});

/** Closed episodes of the last two days; results are net of fees and funding. */
export function projectExpectancy(published: Published) {
  const { sampleCount, symbols, hours } = recentTrades(published.memory);
  const rows = (groups: Readonly<Record<string, TradeStats>>) =>
    Object.fromEntries(Object.entries(groups).map(([name, stats]) => [name, statsRow(stats)]));
  return {
    symbols: rows(symbols),
    hours: rows(hours),
    regimes: {},
    sample_count: sampleCount,
    lookback_hours: LOOKBACK_HOURS,
    from_ts: closesWindow(published, LOOKBACK_HOURS * MS_PER_HOUR).from_ts,
    reason: sampleCount === 0 ? "no_closed_trades" : null,
  };
}

export const SymbolScores = z.strictObject({
  ...envelopeShape,
  symbols: z.array(z.strictObject({
    symbol,
    score: z.number(),
    components: z.strictObject({
      expectancy: z.number(),
      router: z.number(),
      slippage_penalty: z.number(),
      fee_drag_penalty: z.number(),
      volatility_penalty: maybe,
    }),
    router_quality_score: maybe,
    /** What routing quality does to the symbol's rank; 1 where it is unknown. */
    router_multiplier: z.number(),
    sample_count: count,
    hybrid_score: maybe,
  })),
  reason: z.string().nullable(),
});

/** One score per symbol that has traded, best first. */
export function projectSymbolScores(published: Published) {
  const rows = Object.entries(scoresOf(published)).map(([ticker, score]) => ({
    symbol: ticker,
    score: score.score,
    components: {
      expectancy: score.expectancy,
      router: score.router,
      slippage_penalty: score.slippagePenalty,
      fee_drag_penalty: score.feePenalty,
      volatility_penalty: null,
    },
    router_quality_score: score.routerQuality,
    router_multiplier: score.multiplier,
    sample_count: score.tradeCount,
    hybrid_score: null,
  }));
  return {
    symbols: rows.toSorted((a, b) => b.score - a.score),
    reason: rows.length === 0 ? "no_closed_trades" : null,
  };
}

const Empty = z.record(z.string(), z.never());

export const FactorDiagnostics = z.strictObject({
  ...envelopeShape,
  raw_factors: Empty,
  per_symbol: Empty,
  normalization_coeffs: Empty,
  covariance: z.null(),
  orthogonalized: z.null(),
  factor_ir: Empty,
  weights: Empty,
  factor_weights: z.null(),
  orthogonalization_enabled: z.boolean(),
  auto_weighting_enabled: z.boolean(),
  pnl_attribution: z.null(),
  config: z.null(),
  reason: z.string(),
});

export function projectFactorDiagnostics() {
  return {
    raw_factors: {},
    per_symbol: {},
    normalization_coeffs: {},
    covariance: null,
    orthogonalized: null,
    factor_ir: {},
    weights: {},
    factor_weights: null,
    orthogonalization_enabled: false,
    auto_weighting_enabled: false,
    pnl_attribution: null,
    config: null,
    reason: NOT_MEASURED,
  };
}

export const RiskAllocationSuggestions = z.strictObject({
  ...envelopeShape,
  generated_ts: isoTime,
  lookback_days: z.number().positive(),
  from_ts: isoTime,
  global: z.strictObject({
    current_equity_usd: maybe,
    current_drawdown_pct: fraction,
    risk_mode: z.string(),
  }),
  symbols: z.array(z.never()),
  reason: z.string(),
});

export function projectRiskAllocationSuggestions(published: Published) {
  const { memory, world } = published;
  return {
    generated_ts: iso(memory.pulse.nowMs),
    lookback_days: LOOKBACK_HOURS / 24,
    from_ts: closesWindow(published, LOOKBACK_HOURS * MS_PER_HOUR).from_ts,
    global: {
      current_equity_usd: memory.nav.level?.navUsd ?? null,
      current_drawdown_pct: world.account.ddFrac,
      risk_mode: world.mode.mode,
    },
    symbols: [],
    reason: NOT_MEASURED,
  };
}

function statsRow(stats: TradeStats): z.output<typeof Stats> {
  return {
    count: stats.count,
    hit_rate: stats.hitRate,
    avg_return: stats.avgReturnUsd,
    avg_win: stats.avgWinUsd,
    avg_loss: stats.avgLossUsd,
    expectancy: stats.expectancyUsd,
    expectancy_per_risk: stats.expectancyPerRisk,
    max_drawdown: stats.maxDrawdownUsd,
  };
}
