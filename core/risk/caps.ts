/** Caps on size: per order, symbol, tier, group, portfolio; on leverage and on the number of legs. */
import { positionKey } from "../types.ts";
import { cap, gate, usableNavUsd } from "./check.ts";
import type { Check } from "./check.ts";

/** The symbol is known, tradable and not on the restricted list. */
export const universe = gate(
  "symbol_not_in_universe",
  "symbol_not_in_universe",
  (entry, world) =>
    world.tradable(entry.ticker) === null
      ? { thresholds: {}, observations: { symbol: entry.ticker } }
      : null,
);

export const restricted = gate(
  "restricted_symbol",
  "restricted_symbol",
  (entry, _world, limits) =>
    limits.restricted.has(entry.ticker)
      ? { thresholds: {}, observations: { symbol: entry.ticker } }
      : null,
);

/** One leg, one position: a second entry on the same side is not an order but an accident. */
export const alreadyInTrade = gate("already_in_trade", "already_in_trade", (entry, world) => {
  const leg = world.legs[positionKey(entry.ticker, entry.side)];
  if (leg === undefined) return null;
  return { thresholds: { legs: 1 }, observations: { notional_usd: leg.notionalUsd } };
});

/** The other leg of the symbol is open: a flip closes first, it is never bought on top. */
export const oppositeLeg = gate("opposite_leg_open", "already_in_trade", (entry, world) => {
  const other = entry.side === "LONG" ? "SHORT" : "LONG";
  const leg = world.legs[positionKey(entry.ticker, other)];
  if (leg === undefined) return null;
  return { thresholds: { opposite_legs: 0 }, observations: { notional_usd: leg.notionalUsd } };
});

/** Strictly below the smallest order that makes sense is refused; sizes are never raised. */
export const minNotional: Check<"min_notional"> = {
  id: "min_notional",
  reason: "min_notional",
  judge: (entry, world, limits) => {
    const floorUsd = floorFor(entry.ticker, world, limits);
    if (entry.grossUsd >= floorUsd) return null;
    return {
      thresholds: { min_notional_usd: floorUsd },
      observations: { notional_usd: entry.grossUsd },
    };
  },
  room: () => Infinity,
};

function floorFor(
  ticker: string,
  world: Parameters<Check["judge"]>[1],
  limits: Parameters<Check["judge"]>[2],
): number {
  return Math.max(limits.minNotionalUsd(ticker), world.tradable(ticker)?.minNotionalUsd ?? 0);
}

export const maxOrder = cap(
  "max_order_notional",
  "symbol_cap",
  (entry, _world, limits) => limits.orderUsd(entry.ticker),
  (entry, _world, limits) => ({
    thresholds: { max_order_notional_usd: limits.orderUsd(entry.ticker) },
    observations: { notional_usd: entry.grossUsd },
  }),
);

export const symbolCap = cap(
  "symbol_cap",
  "symbol_cap",
  (entry, world, limits) =>
    usableNavUsd(world) * limits.symbolFrac(entry.ticker) - (world.symbolUsd[entry.ticker] ?? 0),
  (entry, world, limits) => ({
    thresholds: {
      max_nav_frac: limits.symbolFrac(entry.ticker),
      symbol_notional_cap_usd: usableNavUsd(world) * limits.symbolFrac(entry.ticker),
    },
    observations: {
      symbol_usd: world.symbolUsd[entry.ticker] ?? 0,
      notional_usd: entry.grossUsd,
    },
  }),
);

export const leverageCap = gate("leverage_exceeded", "leverage_cap", (entry, world, limits) => {
  const allowed = Math.min(
    limits.leverage(entry.ticker),
    world.tradable(entry.ticker)?.maxLeverage ?? 0,
  );
  if (entry.leverage <= allowed) return null;
  return { thresholds: { max_leverage: allowed }, observations: { leverage: entry.leverage } };
});

export const tradeCap = cap(
  "max_trade_nav_pct",
  "max_trade_nav",
  (_entry, world, limits) => usableNavUsd(world) * limits.maxTradeFrac,
  (entry, world, limits) => ({
    thresholds: { max_trade_nav_frac: limits.maxTradeFrac },
    observations: { trade_nav_frac: share(entry.grossUsd, world), notional_usd: entry.grossUsd },
  }),
);

export const portfolioCap = cap(
  "portfolio_cap",
  "portfolio_cap",
  (_entry, world, limits) => usableNavUsd(world) * limits.grossFrac - world.grossUsd,
  (entry, world, limits) => ({
    thresholds: { max_gross_exposure_frac: limits.grossFrac },
    observations: { gross_frac: share(world.grossUsd + entry.grossUsd, world) },
  }),
);

export const tierCap = cap(
  "tier_cap",
  "tier_cap",
  (entry, world, limits) =>
    usableNavUsd(world) * limits.tierFrac[entry.tier] - (world.tierUsd[entry.tier] ?? 0),
  (entry, world, limits) => ({
    thresholds: { tier: entry.tier, max_tier_nav_frac: limits.tierFrac[entry.tier] },
    observations: {
      tier_frac: share((world.tierUsd[entry.tier] ?? 0) + entry.grossUsd, world),
    },
  }),
);

/** Correlated symbols count as one bet; only the groups that hold the symbol are asked. */
export const groupCap = cap(
  "correlation_cap",
  "correlation_cap",
  (entry, world, limits) => {
    let roomUsd = Infinity;
    for (const group of limits.groups) {
      if (!group.symbols.has(entry.ticker)) continue;
      const left = usableNavUsd(world) * group.maxFrac - (world.groupUsd[group.name] ?? 0);
      roomUsd = Math.min(roomUsd, left);
    }
    return roomUsd;
  },
  (entry, world, limits) => {
    const thresholds: Record<string, number> = {};
    const observations: Record<string, number | null> = {};
    for (const { name, symbols, maxFrac } of limits.groups) {
      if (!symbols.has(entry.ticker)) continue;
      thresholds[`${name}_max_frac`] = maxFrac;
      observations[`${name}_frac`] = share((world.groupUsd[name] ?? 0) + entry.grossUsd, world);
    }
    return { thresholds, observations };
  },
);

export const maxConcurrent = gate("max_concurrent", "max_concurrent", (_entry, world, limits) => {
  const open = Object.keys(world.legs).length;
  if (open < limits.positionsCount) return null;
  return {
    thresholds: { max_concurrent_positions: limits.positionsCount },
    observations: { open_positions: open },
  };
});

export const strategyConcurrent = gate(
  "strategy_max_concurrent",
  "max_concurrent",
  (entry, world, limits) => {
    const allowed = limits.strategyLegs[entry.strategyId] ?? 0;
    const open = world.strategyLegs[entry.strategyId] ?? 0;
    if (open < allowed) return null;
    return {
      thresholds: { strategy: entry.strategyId, max_concurrent: allowed },
      observations: { open_positions: open },
    };
  },
);

function share(amountUsd: number, world: Parameters<Check["judge"]>[1]): number | null {
  const navUsd = usableNavUsd(world);
  return navUsd > 0 ? amountUsd / navUsd : null;
}
