/** The schema of the limits: what the operator may allow, in fractions of NAV, dollars and counts. */
import { z } from "zod";
import { count, factor, frac, minutes, MS_PER_HOUR, seconds, symbol, usd } from "../units.ts";
import { type Dict, type Side, type Tier, TIERS } from "../types.ts";
import type { TailRules } from "./advanced.ts";

/** Highest gross exposure that can be configured, as a multiple of NAV; any other cap ends at NAV. */
const GROSS_MAX = 10;
const LEVERAGE_MAX = 125;

const RENAMED: Dict<string> = {
  symbol_drawdown_cap_pct: "circuit_breakers.max_portfolio_dd_nav_pct (drawdown is per account)",
  max_symbol_exposure_pct: "symbol_notional_share_cap_pct",
  per_symbol_nav_pct: "max_tier_nav_pct",
  max_portfolio_gross_nav_pct: "max_gross_exposure_pct",
  max_gross_nav_pct: "max_gross_exposure_pct",
  equity_nav_pct: "trade_equity_nav_pct",
  equity_clamp_nav_pct: "trade_equity_nav_pct",
  fail_closed_on_nav_stale: "nothing: stale NAV always refuses entries",
  quote_symbols: "nothing: USDT, USDC and FDUSD count as dollars",
  non_prod: "mode: sim, paper or live in runtime.yaml",
  testnet_overrides: "testnet: true in runtime.yaml, and limits of their own in its config folder",
};

/** Keys that older systems used, with their successors: the loader prints them as hints. */
export const RENAMED_LIMITS = RENAMED;

const tierShape = Object.fromEntries(
  TIERS.map((tier) => [tier, z.strictObject({ max_tier_nav_pct: frac() })]),
) as Record<Tier, z.ZodObject<{ max_tier_nav_pct: z.ZodNumber }, z.core.$strict>>;

const blockedSide = z.enum(["LONG", "SHORT"], { error: '"LONG" or "SHORT" (BUY opens a LONG)' });

/**
 * Keys of `risk_limits.json` that belong to the gate. A cap of 0 blocks; an optional one that is
 * absent does not exist; nothing else switches a cap off.
 */
export const limitsShape = {
  global: z.strictObject({
    daily_loss_limit_pct: frac(0.95, 0),
    max_nav_drawdown_pct: frac(0.95, 0.001),
    drawdown_alert_pct: frac(0.95, 0).default(0.03),
    max_trade_nav_pct: frac(),
    trade_equity_nav_pct: frac().optional(),
    symbol_notional_share_cap_pct: frac(),
    max_gross_exposure_pct: frac(GROSS_MAX),
    max_concurrent_positions: count(1_000),
    max_leverage: factor(LEVERAGE_MAX),
    min_notional_usdt: usd(1e6),
    cooldown_minutes_after_stop: minutes(30 * 1_440),
    max_trades_per_symbol_per_hour: count(10_000).optional(),
    whitelist: z.array(symbol()).min(1, {
      error: "at least one symbol; leave the key out to allow all",
    }).optional(),
    burst_limit: z.strictObject({
      max_orders: count(10_000),
      window_sec: seconds(3_600, 1),
    }).optional(),
    error_circuit: z.strictObject({
      max_errors: count(10_000),
      window_sec: seconds(3_600, 1),
    }).optional(),
    tiers: z.strictObject(tierShape),
  }),
  per_symbol: z.record(
    symbol(),
    z.strictObject({
      min_notional: usd(1e6).optional(),
      max_order_notional: usd(1e9).optional(),
      max_leverage: factor(LEVERAGE_MAX).optional(),
      max_nav_pct: frac().optional(),
      /** In base units, per leg. */
      max_open_qty: factor(1e12).optional(),
      block_sides: z.array(blockedSide).optional(),
      cooldown_sec: seconds(30 * 86_400).optional(),
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
      max_group_nav_pct: frac(),
    }),
  ),
});

const LimitKeys = z.object(limitsShape);

/** The limits of one symbol; min(global, symbol) has been taken. */
export type SymbolLimits = {
  readonly orderUsd: number;
  readonly shareFrac: number;
  readonly minNotionalUsd: number;
  readonly leverage: number;
  readonly openQty: number;
  readonly blocked: ReadonlySet<Side>;
  readonly cooldownMs: number;
  readonly groups: readonly GroupLimit[];
};

export type GroupLimit = {
  readonly name: string;
  readonly symbols: ReadonlySet<string>;
  readonly maxFrac: number;
};

/** So many of something within a window; null where nobody limits it. */
export type Pace = { readonly maxCount: number; readonly windowMs: number } | null;

/** Limits in core units. Every number is a cap as configured. */
export type Limits = {
  readonly dayLossFrac: number;
  readonly drawdownFrac: number;
  readonly drawdownAlertFrac: number;
  readonly maxTradeFrac: number;
  readonly equityTradeFrac: number | null;
  readonly symbolShareFrac: number;
  readonly tierFrac: Readonly<Record<Tier, number>>;
  readonly grossFrac: number;
  /** No more than all strategies together may hold. */
  readonly positionsCount: number;
  readonly cooldownAfterStopMs: number;
  readonly tradesPerHour: Pace;
  readonly burst: Pace;
  readonly errors: Pace;
  readonly whitelist: ReadonlySet<string> | null;
  readonly restricted: ReadonlySet<string>;
  readonly groups: readonly GroupLimit[];
  /** Most legs a strategy may hold at once. */
  readonly strategyLegs: Dict<number>;
  readonly tail: TailRules;
  readonly of: (ticker: string) => SymbolLimits;
};

/** Turns the parsed keys into limits. */
export function buildLimits(
  keys: z.output<typeof LimitKeys>,
  { groups: groupKeys, strategyLegs, tail }: {
    groups: z.output<typeof CorrelationGroups>;
    strategyLegs: Dict<number>;
    tail: TailRules;
  },
): Limits {
  const { global } = keys;
  const budget = Object.values(strategyLegs).reduce((sum, legs) => sum + legs, 0);
  const groups = Object.entries(groupKeys.groups).map(([name, group]) => ({
    name,
    symbols: new Set(group.symbols),
    maxFrac: group.max_group_nav_pct,
  }));
  return {
    dayLossFrac: global.daily_loss_limit_pct,
    drawdownFrac: global.max_nav_drawdown_pct,
    drawdownAlertFrac: global.drawdown_alert_pct,
    maxTradeFrac: global.max_trade_nav_pct,
    equityTradeFrac: global.trade_equity_nav_pct ?? null,
    symbolShareFrac: global.symbol_notional_share_cap_pct,
    tierFrac: Object.fromEntries(
      TIERS.map((tier) => [tier, global.tiers[tier].max_tier_nav_pct]),
    ) as Record<Tier, number>,
    grossFrac: global.max_gross_exposure_pct,
    positionsCount: Math.min(global.max_concurrent_positions, budget > 0 ? budget : Infinity),
    cooldownAfterStopMs: global.cooldown_minutes_after_stop,
    tradesPerHour: pace(global.max_trades_per_symbol_per_hour, MS_PER_HOUR),
    burst: pace(global.burst_limit?.max_orders, global.burst_limit?.window_sec),
    errors: pace(global.error_circuit?.max_errors, global.error_circuit?.window_sec),
    whitelist: global.whitelist === undefined ? null : new Set(global.whitelist),
    restricted: new Set(keys.restricted_symbols),
    groups,
    strategyLegs,
    tail,
    of: perSymbol(keys, groups),
  };
}

/** Each symbol's limits are put together once. */
function perSymbol(
  { global, per_symbol: symbols }: z.output<typeof LimitKeys>,
  groups: readonly GroupLimit[],
): Limits["of"] {
  const known = new Map<string, SymbolLimits>();
  return (ticker) => {
    let limits = known.get(ticker);
    if (limits === undefined) {
      const own = symbols[ticker];
      limits = {
        orderUsd: own?.max_order_notional ?? Infinity,
        shareFrac: Math.min(global.symbol_notional_share_cap_pct, own?.max_nav_pct ?? Infinity),
        minNotionalUsd: Math.max(global.min_notional_usdt, own?.min_notional ?? 0),
        leverage: Math.min(global.max_leverage, own?.max_leverage ?? Infinity),
        openQty: own?.max_open_qty ?? Infinity,
        blocked: new Set(own?.block_sides ?? []),
        cooldownMs: own?.cooldown_sec ?? 0,
        groups: groups.filter((group) => group.symbols.has(ticker)),
      };
      known.set(ticker, limits);
    }
    return limits;
  };
}

function pace(maxCount: number | undefined, windowMs: number | undefined): Pace {
  return maxCount === undefined || windowMs === undefined ? null : { maxCount, windowMs };
}
