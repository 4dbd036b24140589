/** The world a risk check sees: exposures at marks, with everything that is under way reserved. */
import { sortedEntries, sortedKeys } from "./dict.ts";
import { rivalIds } from "./ids.ts";
import { lotsToUsd, unitsToNumber } from "./increments.ts";
import type { Memory } from "./memory.ts";
import { viewAccount } from "./nav.ts";
import type { Past } from "./past.ts";
import type { MarketView } from "./ports.ts";
import type { Leg, Tradable, World } from "./risk/check.ts";
import type { Limits } from "./risk/limits.ts";
import { revokesEntries, riskMode } from "./risk/mode.ts";
import type { Rules } from "./rules.ts";
import type { Approved, Dict, Entry, PositionKey, Side, Ticker, Tier } from "./types.ts";
import { positionKey, signOf } from "./types.ts";
import { MS_PER_SECOND } from "./units.ts";

/** Something that counts against the limits: a leg, or what is still unfilled of an entry. */
export type Exposure = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly tier: Tier;
  readonly usd: number;
  /** In base units; 0 for what is not held yet. */
  readonly qty: number;
  readonly strategyId: string | null;
};

/** Sums over a book. */
export type Exposures = Pick<
  World,
  "grossUsd" | "symbolUsd" | "tierUsd" | "groupUsd" | "legs" | "legsCount" | "strategyLegs"
>;

export type Surroundings = {
  readonly market: MarketView;
  readonly past: Past;
  readonly rules: Rules;
};

/** Builds the world of this instant from memory and marks. */
export function worldOf(memory: Memory, { market: view, past, rules }: Surroundings): World {
  const { pulse, nav, operator, tempo } = memory;
  const { book, bad } = bookOf(memory, view, rules);
  const account = viewAccount(nav, pulse.nowMs, rules.nav);
  const positionsKnown = pulse.accountOk && Object.keys(memory.differences).length === 0;
  const inputs = {
    account,
    positionsKnown,
    badPositionsCount: bad.length,
    routerWarning: memory.routerHealth.warning,
  };
  const exposures = exposuresOf(book, rules.limits);
  return {
    ...exposures,
    nowMs: pulse.nowMs,
    account,
    operator: operator.state,
    storage: pulse.storage,
    rivals: rivalIds(sortedKeys(memory.strangers), memory.lineage),
    mode: riskMode(inputs, rules.limits),
    positionsKnown,
    badPositions: bad,
    nakedLegs: nakedLegsOf(memory),
    tempo,
    tail: past.tails.view(netUsdOf(exposures.legs), pulse.nowMs),
    tradable: (ticker) => tradable(ticker, view, rules),
  };
}

/** A stop is on its way for as long without anybody's worry. */
const NAKED_MAX_MS = 5 * MS_PER_SECOND;

function nakedLegsOf({ registry, pulse }: Memory): readonly PositionKey[] {
  return sortedEntries(registry).filter(([, { nakedSinceMs, exit }]) =>
    exit === null && nakedSinceMs !== null && pulse.nowMs - nakedSinceMs > NAKED_MAX_MS
  ).map(([key]) => key);
}

/** True when entries that are under way must be taken back as well. */
export function entriesRevoked({ nav, pulse }: Memory, rules: Rules): boolean {
  return pulse.storage !== null ||
    revokesEntries(viewAccount(nav, pulse.nowMs, rules.nav), rules.limits);
}

/** The world after one more entry has been approved in this tick. */
export function reserveEntry(
  world: World,
  entry: Approved<Entry>,
  { past, rules }: Pick<Surroundings, "past" | "rules">,
): World {
  const { ticker, side, tier, grossUsd: usd, strategyId } = entry;
  const sums = mutable(world);
  add(sums, { ticker, side, tier, usd, qty: 0, strategyId }, rules.limits);
  return { ...world, ...sums, tail: past.tails.view(netUsdOf(sums.legs), world.nowMs) };
}

/** The world without one leg: what a flip is judged in, because the leg goes first. */
export function withoutLeg(
  world: World,
  key: PositionKey,
  { past, rules }: Pick<Surroundings, "past" | "rules">,
): World {
  const leg = world.legs[key];
  if (leg === undefined) return world;
  const { [key]: _gone, ...legs } = world.legs;
  const book = Object.values(legs).map((other: Leg): Exposure => ({
    ticker: other.ticker as Ticker,
    side: other.side,
    tier: rules.universe[other.ticker]?.tier ?? "ALT-EXT",
    usd: other.notionalUsd,
    qty: other.qty,
    strategyId: other.strategyId,
  }));
  const exposures = exposuresOf(book, rules.limits);
  const tail = past.tails.view(netUsdOf(exposures.legs), world.nowMs);
  return { ...world, ...exposures, tail };
}

/** Sums up a book: gross, per symbol, tier and group, and its legs. */
export function exposuresOf(book: readonly Exposure[], limits: Pick<Limits, "of">): Exposures {
  const sums: Sums = {
    grossUsd: 0,
    symbolUsd: {},
    tierUsd: {},
    groupUsd: {},
    legs: {},
    legsCount: 0,
    strategyLegs: {},
  };
  for (const exposure of book) add(sums, exposure, limits);
  return sums;
}

type Sums = {
  grossUsd: number;
  symbolUsd: Record<string, number>;
  tierUsd: Record<string, number>;
  groupUsd: Record<string, number>;
  legs: Record<PositionKey, Leg>;
  legsCount: number;
  strategyLegs: Record<string, number>;
};

function mutable({ grossUsd, legsCount, ...sums }: Exposures): Sums {
  return {
    grossUsd,
    legsCount,
    symbolUsd: { ...sums.symbolUsd },
    tierUsd: { ...sums.tierUsd },
    groupUsd: { ...sums.groupUsd },
    legs: { ...sums.legs },
    strategyLegs: { ...sums.strategyLegs },
  };
}

function add(sums: Sums, exposure: Exposure, limits: Pick<Limits, "of">): void {
  const { ticker, side, tier, usd, qty, strategyId } = exposure;
  const key = positionKey(ticker, side);
  const known = sums.legs[key];
  sums.grossUsd += usd;
  sums.symbolUsd[ticker] = (sums.symbolUsd[ticker] ?? 0) + usd;
  sums.tierUsd[tier] = (sums.tierUsd[tier] ?? 0) + usd;
  for (const { name } of limits.of(ticker).groups) {
    sums.groupUsd[name] = (sums.groupUsd[name] ?? 0) + usd;
  }
  sums.legs[key] = {
    ticker,
    side,
    notionalUsd: (known?.notionalUsd ?? 0) + usd,
    qty: (known?.qty ?? 0) + qty,
    strategyId: known?.strategyId ?? strategyId,
  };
  if (known !== undefined) return;
  sums.legsCount += 1;
  if (strategyId !== null) sums.strategyLegs[strategyId] = (sums.strategyLegs[strategyId] ?? 0) + 1;
}

/** Signed dollars per symbol: a long and a short of one symbol net. */
export function netUsdOf(legs: World["legs"]): Dict<number> {
  const net: Record<string, number> = {};
  for (const { ticker, side, notionalUsd } of Object.values(legs) as Leg[]) {
    net[ticker] = (net[ticker] ?? 0) + signOf(side) * notionalUsd;
  }
  return net;
}

type Book = { readonly book: readonly Exposure[]; readonly bad: readonly PositionKey[] };

/** What is held and what is under way, at marks; legs nobody can value are told apart. */
function bookOf(memory: Memory, view: MarketView, rules: Rules): Book {
  const book: Exposure[] = [];
  const bad: PositionKey[] = [];
  const put = (
    leg: { ticker: Ticker; side: Side; strategyId: string | null },
    { lots, isHeld, fallbackPx }: { lots: number; isHeld: boolean; fallbackPx: number | null },
  ) => {
    const { ticker, side, strategyId } = leg;
    const market = view.market(ticker);
    const px = view.mark(ticker)?.px ?? fallbackPx;
    if (market === null || px === null || !(px > 0)) {
      return void bad.push(positionKey(ticker, side));
    }
    const tier = rules.universe[ticker]?.tier ?? "ALT-EXT";
    const usd = lotsToUsd(lots, { px, lot: market.lot });
    const qty = isHeld ? unitsToNumber(lots, market.lot) : 0;
    book.push({ ticker, side, tier, usd, qty, strategyId });
  };
  for (const holding of Object.values(memory.holdings)) {
    put(holding, { lots: holding.lots, isHeld: true, fallbackPx: holding.entryPx });
  }
  for (const route of Object.values(memory.routes)) {
    if (route.effect === "close") continue;
    const lots = route.lots - route.filledLots;
    put(route, { lots, isHeld: false, fallbackPx: route.decisionMidPx });
  }
  return { book, bad };
}

function tradable(ticker: string, view: MarketView, rules: Rules): Tradable | null {
  const pair = rules.universe[ticker];
  const market = pair === undefined ? null : view.market(ticker as Ticker);
  if (pair === undefined || market === null) return null;
  const maxLeverage = Math.min(pair.maxLeverage, market.maxLeverage);
  return { tier: pair.tier, minNotionalUsd: market.minNotionalUsd, maxLeverage };
}
