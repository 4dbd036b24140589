/** The schema of the limits: what the operator may allow, in fractions of NAV, dollars and counts. */
import { z } from "zod";
import { count, factor, frac, minutes, symbol, usd } from "../units.ts";
import { type Dict, type Tier, TIERS } from "../types.ts";

/** Highest gross exposure that can be configured, as a multiple of NAV. */
const GROSS_MAX = 10;
const LEVERAGE_MAX = 125;

const RENAMED: Dict<string> = {
  symbol_drawdown_cap_pct: "circuit_breakers.max_portfolio_dd_nav_pct (drawdown is per account)",
  max_symbol_exposure_pct: "symbol_notional_share_cap_pct",
  per_symbol_nav_pct: "max_tier_nav_pct",
  max_portfolio_gross_nav_pct: "max_gross_exposure_pct",
  max_gross_nav_pct: "max_gross_exposure_pct",
};

/** Keys that older systems used, with their successors: the loader prints them as hints. */
export const RENAMED_LIMITS = RENAMED;

const tierShape = Object.fromEntries(
  TIERS.map((tier) => [tier, z.strictObject({ max_tier_nav_pct: frac(GROSS_MAX) })]),
) as Record<Tier, z.ZodObject<{ max_tier_nav_pct: z.ZodNumber }, z.core.$strict>>;

/** Keys of `risk_limits.json` that belong to the gate. 0 blocks; nothing switches a cap off. */
export const limitsShape = {
  global: z.strictObject({
    daily_loss_limit_pct: frac(0.95, 0),
    drawdown_alert_pct: frac(0.95, 0).default(0.03),
    max_trade_nav_pct: frac(0.5),
    symbol_notional_share_cap_pct: frac(GROSS_MAX),
    max_gross_exposure_pct: frac(GROSS_MAX),
    max_concurrent_positions: count(1_000),
    max_leverage: factor(LEVERAGE_MAX),
    min_notional_usdt: usd(1e6),
    cooldown_minutes_after_stop: minutes(30 * 1_440),
    tiers: z.strictObject(tierShape),
  }),
  per_symbol: z.record(
    symbol(),
    z.strictObject({
      min_notional: usd(1e6).optional(),
      max_order_notional: usd(1e9).optional(),
      max_leverage: factor(LEVERAGE_MAX).optional(),
      max_nav_pct: frac(GROSS_MAX).optional(),
    }),
  ).default({}),
  restricted_symbols: z.array(symbol()).default([]),
};

/** Keys of `correlation_groups.json`: symbols that count as one bet. */
export const CorrelationGroups = z.strictObject({
  $schema: z.string().optional(),
  groups: z.record(
    z.string(),
    z.strictObject({
      symbols: z.array(symbol()).min(1, { error: "at least one symbol" }),
      max_group_nav_pct: frac(GROSS_MAX),
    }),
  ),
});

const LimitKeys = z.object(limitsShape);

/** Limits in core units. Every number is a cap as configured; min(global, symbol) is taken here. */
export type Limits = {
  readonly dayLossFrac: number;
  readonly drawdownAlertFrac: number;
  readonly maxTradeFrac: number;
  readonly symbolFrac: (ticker: string) => number;
  readonly orderUsd: (ticker: string) => number;
  readonly minNotionalUsd: (ticker: string) => number;
  readonly leverage: (ticker: string) => number;
  readonly tierFrac: Readonly<Record<Tier, number>>;
  readonly grossFrac: number;
  readonly positionsCount: number;
  readonly cooldownAfterStopMs: number;
  readonly restricted: ReadonlySet<string>;
  readonly groups: readonly {
    readonly name: string;
    readonly symbols: ReadonlySet<string>;
    readonly maxFrac: number;
  }[];
  /** Most legs a strategy may hold at once. */
  readonly strategyLegs: Dict<number>;
};

/** Turns the parsed keys into limits. */
export function buildLimits(
  keys: z.output<typeof LimitKeys>,
  groups: z.output<typeof CorrelationGroups>,
  strategyLegs: Dict<number>,
): Limits {
  const { global, per_symbol: symbols } = keys;
  return {
    dayLossFrac: global.daily_loss_limit_pct,
    drawdownAlertFrac: global.drawdown_alert_pct,
    maxTradeFrac: global.max_trade_nav_pct,
    symbolFrac: (ticker) =>
      Math.min(global.symbol_notional_share_cap_pct, symbols[ticker]?.max_nav_pct ?? Infinity),
    orderUsd: (ticker) => symbols[ticker]?.max_order_notional ?? Infinity,
    minNotionalUsd: (ticker) =>
      Math.max(global.min_notional_usdt, symbols[ticker]?.min_notional ?? 0),
    leverage: (ticker) => Math.min(global.max_leverage, symbols[ticker]?.max_leverage ?? Infinity),
    tierFrac: Object.fromEntries(
      TIERS.map((tier) => [tier, global.tiers[tier].max_tier_nav_pct]),
    ) as Record<Tier, number>,
    grossFrac: global.max_gross_exposure_pct,
    positionsCount: global.max_concurrent_positions,
    cooldownAfterStopMs: global.cooldown_minutes_after_stop,
    restricted: new Set(keys.restricted_symbols),
    groups: Object.entries(groups.groups).map(([name, group]) => ({
      name,
      symbols: new Set(group.symbols),
      maxFrac: group.max_group_nav_pct,
    })),
    strategyLegs,
  };
}
