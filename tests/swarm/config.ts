/** The shipped configuration for the swarm, on a finer timeframe so that hours hold many trades. */
import correlationGroups from "../../config/correlation_groups.json" with { type: "json" };
import liquidityBuckets from "../../config/liquidity_buckets.json" with { type: "json" };
import pairsUniverse from "../../config/pairs_universe.json" with { type: "json" };
import riskLimits from "../../config/risk_limits.json" with { type: "json" };
import strategyConfig from "../../config/strategy_config.json" with { type: "json" };
import symbolTiers from "../../config/symbol_tiers.json" with { type: "json" };
import { checkConfig, type Config } from "../../config/load.ts";
import { unreachable } from "../../core/assert.ts";

const TIMEFRAME = "3m";

/** Losses of this size happen within hours: circuits trip, rest, and are opened by somebody. */
const TENDER = {
  circuit_breakers: { max_portfolio_dd_nav_pct: 0.002, cooloff_hours: 1 },
  global: { max_nav_drawdown_pct: 0.003 },
};

/** Most orders of the swarm's account go in slices, and a wide spread is soon too wide. */
const SLICED = {
  priority: { min_child_notional: 10 },
  offpeak: { min_child_notional: 10 },
  router: {
    slippage: { spread_pause_factor: 1 },
    twap: { min_notional_usd: 60, slices: 3, interval_seconds: 20, max_pause_s: 120 },
  },
};
/** Targets rest at the exchange. */
const TARGETED = { exits: { venue_tp: true } };
/** Suggestions are followed as soon as there are any. */
const TUNED = { router_autotune: { apply: true, interval_s: 300, allow_flip: true } };

/**
 * Needs no permission: the files are part of the program. `tender` circuits trip in every run,
 * `sliced` orders are large ones, a `tuned` router follows its own suggestions, and `targeted` legs
 * have their targets at the exchange.
 */
export function swarmConfig(
  { tender = false, sliced = false, tuned = false, targeted = false }: {
    tender?: boolean;
    sliced?: boolean;
    tuned?: boolean;
    targeted?: boolean;
  } = {},
): Config {
  const strategies = strategyConfig.strategies.map((strategy) => ({
    ...strategy,
    timeframe: TIMEFRAME,
  }));
  const vol = { ...strategyConfig.vol_target, timeframe: TIMEFRAME };
  const { var: value, cvar } = strategyConfig.risk_advanced;
  const tails = {
    ...strategyConfig.risk_advanced,
    var: { ...value, timeframe: TIMEFRAME },
    cvar: { ...cvar, timeframe: TIMEFRAME },
  };
  const loaded = checkConfig({
    "runtime.yaml": {
      ...sliced ? SLICED : {},
      ...tuned ? TUNED : {},
      ...targeted ? TARGETED : {},
    },
    "strategy_config.json": { strategies, vol_target: vol, risk_advanced: tails },
    "risk_limits.json": tender
      ? {
        ...riskLimits,
        circuit_breakers: { ...riskLimits.circuit_breakers, ...TENDER.circuit_breakers },
        global: { ...riskLimits.global, ...TENDER.global },
      }
      : riskLimits,
    "pairs_universe.json": pairsUniverse,
    "symbol_tiers.json": symbolTiers,
    "correlation_groups.json": correlationGroups,
    "liquidity_buckets.json": liquidityBuckets,
    "offexchange_holdings.json": { holdings: {} },
  });
  if (loaded.kind === "problems") throw new Error(loaded.problems.join("\n"));
  return loaded.kind === "config" ? loaded.config : unreachable(loaded);
}

/** Every so many seeds run with circuits that trip, in slices, tuned, or with resting targets. */
const TENDER_EVERY = 5;
const SLICED_EVERY = 2;
const TUNED_EVERY = 3;
const TARGETED_EVERY = 4;
const known = new Map<string, Config>();

/** The configuration of one seed of the swarm. */
export function configOf(seed: number): Config {
  const variant = {
    tender: seed % TENDER_EVERY === 0,
    sliced: seed % SLICED_EVERY === 0,
    tuned: seed % TUNED_EVERY === 0,
    targeted: seed % TARGETED_EVERY === 1,
  };
  const key = JSON.stringify(variant);
  const config = known.get(key) ?? swarmConfig(variant);
  known.set(key, config);
  return config;
}
