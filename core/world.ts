/** The world a risk check sees: exposures at marks, with everything that is under way reserved. */
import { keep, sortedEntries, sortedKeys } from "./dict.ts";
import { DIFFERENCE_PATIENCE_MS } from "./exits/reconcile.ts";
import { rivalIds } from "./ids.ts";
import { unitsToNumber } from "./increments.ts";
import type { Memory } from "./memory.ts";
import { viewAccount } from "./nav.ts";
import type { Past } from "./past.ts";
import type { MarketView } from "./ports.ts";
import { isAccountKnown } from "./reading.ts";
import { drawdownRegime, rangeBucket } from "./regimes.ts";
import type { Leg, Tradable, World } from "./risk/check.ts";
import type { Limits } from "./risk/limits.ts";
import { type ModeInputs, type ModeView, revokesEntries, riskMode } from "./risk/mode.ts";
import type { Rules } from "./rules.ts";
import type {
  Approved,
  Conditions,
  Dict,
  Entry,
  PositionKey,
  Side,
  Ticker,
  Tier,
} from "./types.ts";
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
  /** False: no mark was known, it counts at its entry. */
  readonly atMark: boolean;
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
  const { book, bad: unvalued } = bookOf(memory, view, rules);
  const bad = [...new Set([...unvalued, ...pulse.quarantined])];
  const account = viewAccount(nav, pulse.nowMs, rules.nav);
  const exposures = exposuresOf(book, rules.limits);
  return {
    ...exposures,
    nowMs: pulse.nowMs,
    account,
    operator: operator.state,
    storage: pulse.storage,
    rivals: rivalIds(sortedKeys(memory.strangers), memory.lineage),
    mode: modeOf(memory, { account, badPositionsCount: bad.length }, rules),
    positionsKnown: arePositionsKnown(memory),
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

function modeOf(
  memory: Memory,
  account: Pick<ModeInputs, "account" | "badPositionsCount">,
  rules: Rules,
): ModeView {
  const { routerHealth: { warning: routerWarning } } = memory;
  const positionsKnown = arePositionsKnown(memory);
  return riskMode({ ...account, positionsKnown, routerWarning }, rules.limits);
}

/** True where the last reading was good and is not old, and the book agrees with it. */
export function arePositionsKnown({ pulse, differences }: Memory): boolean {
  return isAccountKnown(pulse) && Object.keys(differences).length === 0;
}

/** What a trade of this instant is made in: a small part of the world, cheap enough for each one. */
export function conditionsOf(
  memory: Memory,
  { market: view, past, rules }: Surroundings,
  ticker: Ticker,
): Conditions {
  const { nowMs } = memory.pulse;
  const account = viewAccount(memory.nav, nowMs, rules.nav);
  const badPositionsCount = bookOf(memory, view, rules).bad.length;
  // A difference of this very moment is the trade itself, on its way to the book.
  const differences = keep(
    memory.differences,
    ({ sinceMs }) => nowMs - sinceMs >= DIFFERENCE_PATIENCE_MS,
  );
  return {
    range: rangeBucket(past.regimes.range(ticker)?.frac ?? null),
    drawdown: drawdownRegime(account.ddFrac),
    mode: modeOf({ ...memory, differences }, { account, badPositionsCount }, rules).mode,
  };
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
  add(sums, { ticker, side, tier, usd, qty: 0, atMark: true, strategyId }, rules.limits);
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
    atMark: other.atMark,
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
  const { ticker, side, tier, usd, qty, atMark, strategyId } = exposure;
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
    // One of them is held; what is under way holds nothing yet.
    qty: Math.max(known?.qty ?? 0, qty),
    atMark: atMark && (known?.atMark ?? true),
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

/** What a quantity is worth, and at which price. */
export type Worth = {
  readonly usd: number;
  readonly px: number;
  /** False: no mark is known, so that it counts at another price. */
  readonly atMark: boolean;
};

/** Worth at the mark; at the other price only where there is no usable mark, and then it says so. */
export function worthOf(
  { qty, markPx, otherPx }: { qty: number; markPx: number | null; otherPx: number | null },
): Worth | null {
  const atMark = markPx !== null && markPx > 0;
  const px = atMark ? markPx : otherPx;
  return px === null || !(px > 0) ? null : { usd: qty * px, px, atMark };
}

type Book = { readonly book: readonly Exposure[]; readonly bad: readonly PositionKey[] };

/** What is held and what is under way, at marks; legs nobody can value are told apart. */
function bookOf(memory: Memory, view: MarketView, rules: Rules): Book {
  const book: Exposure[] = [];
  const bad: PositionKey[] = [];
  const put = (
    leg: { ticker: Ticker; side: Side; strategyId: string | null },
    { lots, isHeld, otherPx }: { lots: number; isHeld: boolean; otherPx: number | null },
  ) => {
    const { ticker, side, strategyId } = leg;
    const market = view.market(ticker);
    const qty = market === null ? null : unitsToNumber(lots, market.lot);
    const markPx = view.mark(ticker)?.px ?? null;
    const worth = qty === null ? null : worthOf({ qty, markPx, otherPx });
    if (qty === null || worth === null) return void bad.push(positionKey(ticker, side));
    const tier = rules.universe[ticker]?.tier ?? "ALT-EXT";
    const { usd, atMark } = worth;
    book.push({ ticker, side, tier, usd, qty: isHeld ? qty : 0, atMark, strategyId });
  };
  for (const holding of Object.values(memory.holdings)) {
    put(holding, { lots: holding.lots, isHeld: true, otherPx: holding.entryPx });
  }
  for (const route of Object.values(memory.routes)) {
    if (route.effect === "close") continue;
    const lots = route.lots - route.filledLots;
    put(route, { lots, isHeld: false, otherPx: route.decisionMidPx });
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
