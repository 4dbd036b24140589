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

/** Needs no permission: the files are part of the program. `tender` circuits trip in every run. */
export function swarmConfig({ tender = false }: { tender?: boolean } = {}): Config {
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
