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

/** Needs no permission: the files are part of the program. */
export function swarmConfig(): Config {
  const strategies = strategyConfig.strategies.map((strategy) => ({
    ...strategy,
    timeframe: TIMEFRAME,
  }));
  const vol = { ...strategyConfig.vol_target, timeframe: TIMEFRAME };
  const loaded = checkConfig({
    "strategy_config.json": { strategies, vol_target: vol },
    "risk_limits.json": riskLimits,
    "pairs_universe.json": pairsUniverse,
    "symbol_tiers.json": symbolTiers,
    "correlation_groups.json": correlationGroups,
    "liquidity_buckets.json": liquidityBuckets,
    "offexchange_holdings.json": { holdings: {} },
  });
  if (loaded.kind === "problems") throw new Error(loaded.problems.join("\n"));
  return loaded.kind === "config" ? loaded.config : unreachable(loaded);
}
