/** The nine config files: which schema each has, assembled from the schemas of the parts. */
import { POSITION_MODES } from "../core/router/position_side.ts";
import { z } from "zod";
import { exitsShape } from "../core/exits/registry.ts";
import { navShape } from "../core/nav.ts";
import { RiskAdvanced } from "../core/risk/advanced.ts";
import { CorrelationGroups, limitsShape } from "../core/risk/limits.ts";
import { RouterQuality } from "../core/router/quality.ts";
import { LiquidityBuckets, routerShape } from "../core/router/rules.ts";
import { loopShape } from "../core/rules.ts";
import { sizingShape } from "../core/sizing.ts";
import { StrategyConfig } from "../core/strategies/mod.ts";
import { PairsUniverse, SymbolTiers } from "../core/universe.ts";
import { bps, count, factor, hours, symbol, usd } from "../core/units.ts";

const $schema = z.string().optional();

export const MODES = ["sim", "paper", "live"] as const;
export type Mode = (typeof MODES)[number];

/** Keys of `runtime.yaml` that belong to the process as a whole. */
const processShape = {
  mode: z.enum(MODES, { error: `one of ${MODES.join(", ")}` }).default("sim"),
  testnet: z.boolean().default(false),
  position_mode: z.enum(POSITION_MODES).default("hedge"),
  recording: z.boolean().default(false),
  logs: z.strictObject({
    keep_days: count(36_500, 2).default(90),
    keep_mb: count(1_000_000, 20).default(2_000),
  }).prefault({}),
  sim: z.strictObject({
    speed: factor(100_000).default(60),
    seed: count(2_147_483_647).default(7),
    start_equity_usd: usd(1e9, 1).default(25_000),
    history_days: count(60, 1).default(10),
    warmup_hours: hours(24 * 60).prefault(48),
    latency_ms: count(10_000, 1).default(60),
  }).prefault({}),
  fees: z.strictObject({
    maker_bps: bps(100, -10).prefault(2),
    taker_bps: bps(100, -10).prefault(5),
  }).prefault({}),
};

export const Runtime = z.strictObject({
  ...processShape,
  ...loopShape,
  ...sizingShape,
  ...routerShape,
  ...exitsShape,
});

export const RiskLimits = z.strictObject({ $schema, ...navShape, ...limitsShape });

export const Settings = z.strictObject({
  $schema,
  display_currency: z.enum(["USD"], { error: '"USD"' }).default("USD"),
  treasury: z.strictObject({ max_age_h: hours(24 * 365).prefault(24) }).prefault({}),
  aum: z.strictObject({
    include: z.array(z.enum(["futures", "offexchange"])).default(["futures", "offexchange"]),
  }).prefault({}),
});

export const OffexchangeHoldings = z.strictObject({
  $schema,
  /** When the quantities were true. */
  as_of: z.iso.datetime({ error: "an ISO time such as 2026-01-01T00:00:00Z" }).optional(),
  holdings: z.record(
    symbol(),
    z.strictObject({
      qty: factor(1e15),
      avg_cost: usd(1e12).nullable().default(null),
      kind: z.enum(["offexchange", "treasury"]).default("offexchange"),
    }),
  ),
});

/** Every config file with its schema. The order is the order in which problems are told. */
export const FILES = {
  "runtime.yaml": Runtime,
  "strategy_config.json": StrategyConfig.extend({
    risk_advanced: RiskAdvanced,
    router_quality: RouterQuality,
  }),
  "risk_limits.json": RiskLimits,
  "pairs_universe.json": PairsUniverse,
  "symbol_tiers.json": SymbolTiers,
  "correlation_groups.json": CorrelationGroups,
  "liquidity_buckets.json": LiquidityBuckets,
  "settings.json": Settings,
  "offexchange_holdings.json": OffexchangeHoldings,
} as const satisfies Record<string, z.ZodType>;

export type FileName = keyof typeof FILES;
export const FILE_NAMES = Object.keys(FILES) as readonly FileName[];
export type Parsed = { readonly [N in FileName]: z.output<(typeof FILES)[N]> };
