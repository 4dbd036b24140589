/** The world a risk check sees: exposures at marks, with everything that is under way reserved. */
import { lotsToUsd } from "./increments.ts";
import type { Memory } from "./memory.ts";
import { viewAccount } from "./nav.ts";
import type { MarketView } from "./ports.ts";
import type { Leg, Tradable, World } from "./risk/check.ts";
import type { Limits } from "./risk/limits.ts";
import type { Rules } from "./rules.ts";
import { type Approved, type Entry, type PositionKey, positionKey, type Ticker } from "./types.ts";

/** Builds the world of this instant from memory and marks. */
export function worldOf(memory: Memory, view: MarketView, rules: Rules): World {
  const { pulse, nav, operator, cooldownUntilMs } = memory;
  const tradable = (ticker: string): Tradable | null => {
    const pair = rules.universe[ticker];
    const market = view.market(ticker as Ticker);
    if (pair === undefined || market === null) return null;
    const maxLeverage = Math.min(pair.maxLeverage, market.maxLeverage);
    return { tier: pair.tier, minNotionalUsd: market.minNotionalUsd, maxLeverage };
  };
  let world: World = {
    nowMs: pulse.nowMs,
    account: viewAccount(nav, pulse.nowMs, rules.nav),
    operator: operator.state,
    positionsKnown: pulse.accountOk && Object.keys(memory.differences).length === 0 &&
      isListed(memory, view),
    grossUsd: 0,
    symbolUsd: {},
    tierUsd: {},
    groupUsd: {},
    legs: {},
    strategyLegs: {},
    cooldownUntilMs,
    tradable,
  };
  for (const holding of Object.values(memory.holdings)) {
    const { ticker, side, lots, strategyId } = holding;
    const px = view.mark(ticker)?.px ?? holding.entryPx;
    const market = view.market(ticker);
    if (market === null) continue;
    const usd = lotsToUsd(lots, { px, lot: market.lot });
    world = reserve(world, { ticker, side, usd, lots, strategyId }, rules);
  }
  for (const route of Object.values(memory.routes)) {
    if (route.effect !== "open") continue;
    const { ticker, side, strategyId, decisionMidPx } = route;
    const px = view.mark(ticker)?.px ?? decisionMidPx;
    const market = view.market(ticker);
    if (market === null || px === null) continue;
    const usd = lotsToUsd(route.lots - route.filledLots, { px, lot: market.lot });
    world = reserve(world, { ticker, side, usd, lots: 0, strategyId }, rules);
  }
  return world;
}

/** A leg or an entry under way whose symbol is not listed has no size that could be counted. */
function isListed({ holdings, routes }: Memory, view: MarketView): boolean {
  return [...Object.values(holdings), ...Object.values(routes)]
    .every(({ ticker }) => view.market(ticker) !== null);
}

/** The world after one more entry has been approved in this tick. */
export function reserveEntry(world: World, entry: Approved<Entry>, rules: Rules): World {
  const { ticker, side, grossUsd, strategyId } = entry;
  return reserve(world, { ticker, side, usd: grossUsd, lots: 0, strategyId }, rules);
}

type Exposure = {
  readonly ticker: Ticker;
  readonly side: "LONG" | "SHORT";
  readonly usd: number;
  readonly lots: number;
  readonly strategyId: string | null;
};

function reserve(world: World, exposure: Exposure, rules: Rules): World {
  const { ticker, side, usd, lots, strategyId } = exposure;
  const tier = rules.universe[ticker]?.tier ?? "ALT-EXT";
  const key: PositionKey = positionKey(ticker, side);
  const known = world.legs[key];
  const leg: Leg = {
    notionalUsd: (known?.notionalUsd ?? 0) + usd,
    lots: (known?.lots ?? 0) + lots,
    strategyId: known?.strategyId ?? strategyId,
  };
  const owner = known === undefined ? strategyId : null;
  return {
    ...world,
    grossUsd: world.grossUsd + usd,
    symbolUsd: add(world.symbolUsd, ticker, usd),
    tierUsd: add(world.tierUsd, tier, usd),
    groupUsd: addGroups(world.groupUsd, ticker, usd, rules.limits),
    legs: { ...world.legs, [key]: leg },
    strategyLegs: owner === null ? world.strategyLegs : add(world.strategyLegs, owner, 1),
  };
}

function addGroups(
  groupUsd: World["groupUsd"],
  ticker: Ticker,
  usd: number,
  { groups }: Limits,
): World["groupUsd"] {
  let sums = groupUsd;
  for (const { name, symbols } of groups) {
    if (symbols.has(ticker)) sums = add(sums, name, usd);
  }
  return sums;
}

function add(sums: Readonly<Record<string, number>>, key: string, amount: number) {
  return { ...sums, [key]: (sums[key] ?? 0) + amount };
}
