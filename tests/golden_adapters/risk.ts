/** The figures of risk: NAV jumps, quantiles, covariance, tails, drawdown, regimes. */
import { z } from "zod";
import { EMPTY_NAV, isNavAnomalous, navShape, updateNav, viewAccount } from "../../core/nav.ts";
import {
  drawdownRegime,
  rangeBucket,
  rangeRegime,
  sizeFactor,
  volRegime,
  volRegimeOf,
} from "../../core/regimes.ts";
import { dot, ewmaWeights, RollingCovariance } from "../../core/risk/covariance.ts";
import { VETO_REASONS, vetoGroup, type VetoReason } from "../../core/risk/mod.ts";
import { MODE_SIZE_FRAC } from "../../core/risk/mode.ts";
import {
  historicalShortfall,
  normalQuantile,
  portfolioVariance,
  positionTail,
  valueAtRisk,
} from "../../core/risk/tail_numbers.ts";
import { ewmaVolatility, logReturns } from "../../core/stats.ts";
import type { RiskMode } from "../../core/types.ts";
import { fromPercent } from "../../core/units.ts";
import { account } from "../fixtures.ts";
import { NO_GUARD } from "../fixtures_nav.ts";
import { type About, adapter, Refusal } from "./adapter.ts";
import { correlationExposure, tierCaps } from "./risk_gate.ts";
import { checkOrder } from "./risk_order.ts";

const AnomalyKeys = z.object({ nav_anomalies: navShape.nav_anomalies });

type Anomaly = {
  readonly previous_peak: number;
  readonly new_nav: number;
  readonly config: {
    readonly enabled: boolean;
    readonly max_multiplier_intraday: number;
    readonly max_gap_abs_usd: number;
  } | null;
};

const navAnomaly = adapter<Anomaly>("nav_anomaly", ({ previous_peak, new_nav, config }, { fn }) => {
  if (fn === "load_nav_anomaly_config") return AnomalyKeys.parse(config ?? {}).nav_anomalies;
  const step = { previousUsd: previous_peak, currentUsd: new_nav, explainedUsd: 0 };
  const { enabled, max_multiplier_intraday, max_gap_abs_usd } = config!;
  const rules = { enabled, maxMultiplier: max_multiplier_intraday, maxGapUsd: max_gap_abs_usd };
  return { result: isNavAnomalous(step, rules) };
});

const normPpf = adapter<{ readonly confidence: number }>(
  "norm_ppf",
  ({ confidence }) => {
    const result = normalQuantile(confidence);
    return result === null ? new Refusal("outside (0, 1)") : { result };
  },
);

type Ewma = {
  readonly n: number;
  readonly halflife: number;
  readonly returns: readonly (readonly number[])[];
};

const ewma = adapter<Ewma>("ewma", ({ n, halflife, returns }, { fn }) => {
  if (fn === "ewma_cov") {
    const covariance = new RollingCovariance(returns, halflife);
    const result = returns.map((_row, i) => returns.map((_column, j) => covariance.at(i, j)));
    return { result };
  }
  const weights = ewmaWeights(n, halflife);
  if (fn === "ewma_weights") return { result: [...weights] };
  const result = {
    sum: dot(weights, new Float64Array(n).fill(1)),
    first: weights[0],
    last: weights.at(-1),
    sum_sq: dot(weights, weights),
  };
  return { result };
});

type PortfolioVar = {
  readonly returns: readonly (readonly number[])[];
  readonly weights: readonly number[];
  readonly nav_usd: number;
  readonly confidence: number;
  readonly halflife_bars: number;
  readonly holding_period_days: number;
};

const portfolioVar = adapter<PortfolioVar>("portfolio_var", (input) => {
  const { returns, weights, confidence } = input;
  const covariance = new RollingCovariance(returns, input.halflife_bars);
  const figures = valueAtRisk({
    variance: portfolioVariance(weights, covariance),
    navUsd: input.nav_usd,
    confidence,
    days: input.holding_period_days,
    // The recording counts the trading days of shares.
    daysPerYear: 252,
  });
  if (figures === null) return new Refusal("no base for a figure");
  const result = {
    var_usd: figures.usd,
    var_nav_pct: figures.frac,
    portfolio_volatility: figures.annualVolatility,
    n_assets: weights.length,
    lookback_used: returns[0]?.length ?? 0,
    confidence,
  };
  return { result };
}, { ignores: ["within_limit", "limit_nav_pct", "weights"] });

type PositionCvar = {
  readonly returns: readonly number[];
  readonly nav_usd: number;
  readonly notional_usd: number;
  readonly confidence: number;
};

const positionCvar = adapter<PositionCvar>("position_cvar", (input) => {
  const { returns, confidence, notional_usd: notionalUsd, nav_usd: navUsd } = input;
  const sign = notionalUsd < 0 ? -1 : 1;
  const unit = historicalShortfall(returns, { from: 0, sign, confidence });
  const figures = unit === null ? null : positionTail(unit, { notionalUsd, navUsd });
  if (figures === null) return new Refusal("no base for a figure");
  const result = {
    cvar_usd: figures.cvarUsd,
    cvar_nav_pct: figures.cvarFrac,
    var_usd: figures.varUsd,
    var_nav_pct: figures.varFrac,
    position_notional_usd: notionalUsd,
    confidence,
    lookback_used: returns.length,
  };
  return { result };
}, { ignores: ["symbol", "within_limit", "limit_nav_pct"] });

const portfolioDd = adapter<{ readonly nav_history: readonly unknown[] }>(
  "portfolio_dd",
  ({ nav_history }) => {
    let memory = EMPTY_NAV;
    const explained = { tradedUsd: 0, transfersUsd: 0 };
    nav_history.forEach((nav, nowMs) => {
      const value = account({ atMs: nowMs, walletQty: { USDT: nav as number } });
      const seen = { nowMs, account: { kind: "read", value }, explained } as const;
      [memory] = updateNav(memory, seen, NO_GUARD);
    });
    const { ddFrac } = viewAccount(memory, nav_history.length, NO_GUARD);
    if (ddFrac === null) return { result: null };
    const result = {
      current_dd_pct: ddFrac,
      peak_nav_usd: memory.peakUsd,
      latest_nav_usd: memory.level?.navUsd,
    };
    return { result };
  },
);

type Regimes = {
  readonly dd_frac: number;
  readonly atr_value: number;
  readonly ratio: number;
  readonly atr_regime: number;
  readonly dd_regime: number;
  readonly risk_mode: RiskMode;
  readonly vol_short: number;
  readonly vol_long: number;
  readonly closes: string;
  readonly halflife_bars: number;
  readonly window_bars: number | null;
};

const closesOf = (name: string, { data }: About): readonly number[] =>
  (data("fixtures_closes.json") as { series: Record<string, number[]> }).series[name]!;
const told = ({ label, short, long, ratio }: ReturnType<typeof volRegime>) => ({
  label,
  vol_short: short,
  vol_long: long,
  ratio,
});
const factor = ({ atr_regime, dd_regime, risk_mode }: Partial<Regimes>) =>
  sizeFactor({
    range: atr_regime ?? null,
    drawdown: dd_regime ?? null,
    modeFrac: MODE_SIZE_FRAC[risk_mode!] ?? 0,
  });

const REGIMES: Readonly<Record<string, (input: Regimes, about: About) => unknown>> = {
  classify_dd_regime: ({ dd_frac }) => drawdownRegime(dd_frac),
  classify_atr_regime_bucket: ({ atr_value }) => rangeBucket(fromPercent(atr_value)),
  atr_regime_from_ratio: ({ ratio }) => rangeRegime(ratio),
  adaptive_factor: factor,
  strategy_enablement: (input) => factor({ ...input, atr_regime: 0 }) > 0,
  classify_vol_regime: ({ vol_short, vol_long }) => told(volRegime(vol_short, vol_long)),
  compute_vol_regime_from_prices: ({ closes }, about) => told(volRegimeOf(closesOf(closes, about))),
  compute_ewma_vol: ({ closes, halflife_bars, window_bars }, about) =>
    ewmaVolatility(logReturns(closesOf(closes, about)), {
      halfLifeBars: halflife_bars,
      windowBars: window_bars,
    }),
};

const regimes = adapter<Regimes>("regimes", (input, about) => {
  return { result: REGIMES[about.fn]!(input, about) };
});

/** Codes that the product does not have are names that another system had. */
const vetoReasonMap = adapter<{ readonly original_reason: string }>(
  "veto_reason_map",
  ({ original_reason }) => ({ veto_reason: vetoGroup(original_reason as VetoReason) }),
  {
    differs: ({ original_reason: code }) =>
      VETO_REASONS.includes(code as VetoReason) ? null : "a code that nothing here gives",
  },
);

export const RISK = [
  navAnomaly,
  normPpf,
  ewma,
  portfolioVar,
  positionCvar,
  portfolioDd,
  regimes,
  correlationExposure,
  tierCaps,
  checkOrder,
  vetoReasonMap,
];
