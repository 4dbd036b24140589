/** Caps on size: per order, symbol, tier, group, portfolio; on leverage and on the number of legs. */
import type { Entry } from "../types.ts";
import { positionKey } from "../types.ts";
import { cap, type Check, gate, navShare, usableNavUsd, type World } from "./check.ts";
import type { Limits } from "./limits.ts";

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

/** Where there is a whitelist, only what is on it may be opened. */
export const whitelist = gate("not_whitelisted", "not_whitelisted", (entry, _world, limits) => {
  const { whitelist: allowed } = limits;
  if (allowed === null || allowed.has(entry.ticker)) return null;
  return { thresholds: { whitelisted: allowed.size }, observations: { symbol: entry.ticker } };
});

/** One leg, one position: a second entry on the same side is an accident, unless it was asked for. */
export const alreadyInTrade = gate("already_in_trade", "already_in_trade", (entry, world) => {
  if (entry.allowAdd) return null;
  const leg = world.legs[positionKey(entry.ticker, entry.side)];
  if (leg === undefined) return null;
  return {
    thresholds: { legs: 1 },
    observations: { position_qty: leg.qty, position_usd: leg.notionalUsd },
  };
});

/** Strictly below the smallest order that makes sense is refused; sizes are never raised. */
export const minNotional: Check<"min_notional"> = {
  id: "min_notional",
  reason: "min_notional",
  judge: (entry, world, limits) => {
    const floorUsd = smallestUsd(entry.ticker, world, limits);
    if (entry.grossUsd >= floorUsd) return null;
    return {
      thresholds: { min_notional_usd: floorUsd },
      observations: { notional_usd: entry.grossUsd },
    };
  },
  room: () => Infinity,
};

/** The smallest notional that both the operator and the exchange take. */
export function smallestUsd(ticker: string, world: World, limits: Limits): number {
  return Math.max(limits.of(ticker).minNotionalUsd, world.tradable(ticker)?.minNotionalUsd ?? 0);
}

export const maxOrder = cap(
  "max_order_notional",
  "symbol_cap",
  (entry, _world, limits) => limits.of(entry.ticker).orderUsd,
  (entry, _world, limits) => ({
    thresholds: { max_order_notional_usd: limits.of(entry.ticker).orderUsd },
    observations: { notional_usd: entry.grossUsd },
  }),
);

export const symbolCap = cap(
  "symbol_cap",
  "symbol_cap",
  (entry, world, limits) =>
    usableNavUsd(world) * limits.of(entry.ticker).shareFrac -
    (world.symbolUsd[entry.ticker] ?? 0),
  (entry, world, limits) => {
    const { shareFrac } = limits.of(entry.ticker);
    return {
      thresholds: {
        max_nav_frac: shareFrac,
        symbol_notional_cap_usd: usableNavUsd(world) * shareFrac,
      },
      observations: {
        symbol_usd: world.symbolUsd[entry.ticker] ?? 0,
        notional_usd: entry.grossUsd,
      },
    };
  },
);

/** A leg that holds this many base units already takes no more, whatever they are worth. */
export const openQty = gate("max_open_qty", "symbol_cap", (entry, world, limits) => {
  const { openQty: most } = limits.of(entry.ticker);
  const qty = world.legs[positionKey(entry.ticker, entry.side)]?.qty ?? 0;
  if (qty < most) return null;
  return { thresholds: { max_open_qty: most }, observations: { open_qty: qty } };
});

export const sideBlocked = gate("side_blocked", "side_blocked", (entry, _world, limits) => {
  if (!limits.of(entry.ticker).blocked.has(entry.side)) return null;
  return { thresholds: {}, observations: { side: entry.side } };
});

export const leverageCap = gate(
  "leverage_exceeded",
  "leverage_exceeded",
  (entry, world, limits) => {
    const most = Math.min(
      limits.of(entry.ticker).leverage,
      world.tradable(entry.ticker)?.maxLeverage ?? 0,
    );
    if (entry.leverage <= most) return null;
    return { thresholds: { max_leverage: most }, observations: { leverage: entry.leverage } };
  },
);

/** A size per trade as a share of NAV: a limit of null does not exist. */
const tradeShare = <R extends string>(
  id: R,
  name: string,
  limitOf: (limits: Limits) => number | null,
): Check<R> =>
  cap(
    id,
    id,
    (_entry, world, limits) => {
      const frac = limitOf(limits);
      return frac === null ? Infinity : usableNavUsd(world) * frac;
    },
    (entry, world, limits) => ({
      thresholds: { [`${name}_frac`]: limitOf(limits) },
      observations: {
        trade_nav_frac: navShare(entry.grossUsd, world),
        notional_usd: entry.grossUsd,
      },
    }),
  );

export const equityCap = tradeShare(
  "trade_gt_equity_cap",
  "trade_equity_nav",
  (limits) => limits.equityTradeFrac,
);
export const tradeCap = tradeShare(
  "max_trade_nav_pct",
  "max_trade_nav",
  (limits) => limits.maxTradeFrac,
);

export const portfolioCap = cap(
  "portfolio_cap",
  "portfolio_cap",
  (_entry, world, limits) => usableNavUsd(world) * limits.grossFrac - world.grossUsd,
  (entry, world, limits) => ({
    thresholds: { max_gross_exposure_frac: limits.grossFrac },
    observations: { gross_frac: navShare(world.grossUsd + entry.grossUsd, world) },
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
      tier_frac: navShare((world.tierUsd[entry.tier] ?? 0) + entry.grossUsd, world),
    },
  }),
);

/** Correlated symbols count as one bet; only the groups that hold the symbol are asked. */
export const groupCap = cap("correlation_cap", "correlation_cap", groupRoom, describeGroups);

function groupRoom({ ticker }: Entry, world: World, limits: Limits): number {
  const navUsd = usableNavUsd(world);
  let roomUsd = Infinity;
  for (const { name, maxFrac } of limits.of(ticker).groups) {
    roomUsd = Math.min(roomUsd, navUsd * maxFrac - (world.groupUsd[name] ?? 0));
  }
  return roomUsd;
}

/** Every breached group is told. */
function describeGroups({ ticker, grossUsd }: Entry, world: World, limits: Limits) {
  const thresholds: Record<string, number> = {};
  const observations: Record<string, number | null> = {};
  for (const { name, maxFrac } of limits.of(ticker).groups) {
    const afterUsd = (world.groupUsd[name] ?? 0) + grossUsd;
    if (afterUsd <= usableNavUsd(world) * maxFrac) continue;
    thresholds[`${name}_max_frac`] = maxFrac;
    observations[`${name}_before_frac`] = navShare(world.groupUsd[name] ?? 0, world);
    observations[`${name}_after_frac`] = navShare(afterUsd, world);
  }
  return { thresholds, observations };
}

export const maxConcurrent = gate("max_concurrent", "max_concurrent", (_entry, world, limits) => {
  if (world.legsCount < limits.positionsCount) return null;
  return {
    thresholds: { max_concurrent_positions: limits.positionsCount },
    observations: { open_positions: world.legsCount },
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
