/**
 * What a venue told, without what cannot be true. A number that is none, a price below zero, half a
 * lot: such a value never reaches a decision. It becomes what the core knows how to live with: an
 * unknown price, a failed reading, a candle that is missing, a message that was never heard (and is
 * asked for again). What was dropped is told as a fault.
 */
import type { ClosedCandles, Income, MarketView, Observation, VenueEvent } from "./ports.ts";
import {
  type Account,
  type Book,
  type Candle,
  type Fault,
  type Level,
  type Mark,
  type Market,
  type PositionKey,
  positionKey,
  type Trade,
  type VenuePosition,
} from "./types.ts";

/** Income was told that cannot be: no order and no position would ever miss it. */
export const INCOME_DROPPED = "income_not_credible";

/** The observation as decisions may believe it. */
export function credible(seen: Observation): Observation {
  const faults: Fault[] = [];
  const doubt: Doubt = (message, code = "not_credible") =>
    void faults.push({ code, message, retryable: true });
  const account = accountOf(seen.account, doubt);
  const candles = candlesOf(seen.candles, doubt);
  const events = seen.events.filter((event) => believes(event, doubt));
  return {
    ...seen,
    account,
    candles,
    events,
    market: believable(seen.market),
    faults: faults.length === 0 ? seen.faults : [...seen.faults, ...faults],
  };
}

type Doubt = (message: string, code?: string) => void;

/** Lookups whose answers are usable or null. */
function believable(market: MarketView): MarketView {
  return {
    tickers: market.tickers,
    market: (ticker) => market.market(ticker),
    mark: (ticker) => orNull(market.mark(ticker), isMark),
    book: (ticker) => orNull(market.book(ticker), isBook),
  };
}

function orNull<T>(value: T | null, isGood: (value: T) => boolean): T | null {
  return value !== null && isGood(value) ? value : null;
}

function isMark({ px, atMs }: Mark): boolean {
  return isPrice(px) && Number.isFinite(atMs);
}

/** Every level a whole number of ticks and lots, each side best first, the sides not crossed. */
function isBook({ atMs, bids, asks }: Book): boolean {
  if (!Number.isFinite(atMs) || !isSide(bids, -1) || !isSide(asks, 1)) return false;
  const [bid, ask] = [bids[0], asks[0]];
  return bid === undefined || ask === undefined || bid.priceTicks < ask.priceTicks;
}

function isSide(levels: readonly Level[], away: 1 | -1): boolean {
  for (let i = 0; i < levels.length; i++) {
    const { priceTicks, lots } = levels[i]!;
    if (!isWhole(priceTicks, 1) || !isWhole(lots, 1)) return false;
    if (i > 0 && away * (priceTicks - levels[i - 1]!.priceTicks) < 0) return false;
  }
  return true;
}

/** A position without a size, or an order without one, makes the whole reading unknown. */
function accountOf(reading: Observation["account"], doubt: Doubt): Observation["account"] {
  if (reading.kind === "failed") return reading;
  const problem = problemOf(reading.value);
  if (problem === null) {
    const positions = onePerLeg(reading.value.positions.map(legOf), doubt);
    return { kind: "read", value: { ...reading.value, positions } };
  }
  const message = `account: ${problem}`;
  doubt(message);
  return { kind: "failed", fault: { code: "not_credible", message, retryable: true } };
}

function problemOf({ atMs, walletQty, positions, openOrders }: Account): string | null {
  if (!Number.isFinite(atMs)) return `its time is ${atMs}`;
  for (const [asset, qty] of Object.entries(walletQty)) {
    if (!Number.isFinite(qty)) return `${asset} is ${qty}`;
  }
  for (const { ticker, side, lots } of positions) {
    if (!isWhole(lots, 1)) return `${ticker} ${side} holds ${lots} lots`;
  }
  for (const { clientId, lots, filledLots } of openOrders) {
    if (!isWhole(lots, 0) || !isWhole(filledLots, 0)) {
      return `order ${clientId} is for ${lots} lots`;
    }
  }
  return null;
}

/** A leg keeps its size; a figure beside it that is none is unknown. */
function legOf(leg: VenuePosition): VenuePosition {
  const { entryPx, mark, unrealizedUsd, leverage, liquidationPx } = leg;
  return {
    ...leg,
    entryPx: orNull(entryPx, isPrice),
    mark: orNull(mark, isMark),
    unrealizedUsd: orNull(unrealizedUsd, Number.isFinite),
    leverage: orNull(leverage, isPrice),
    liquidationPx: orNull(liquidationPx, isPrice),
  };
}

/** Two rows of one leg add up, the worse entry counts, and it is told: no venue may do that. */
function onePerLeg(rows: readonly VenuePosition[], doubt: Doubt): readonly VenuePosition[] {
  const legs = new Map<PositionKey, VenuePosition>();
  for (const row of rows) {
    const key = positionKey(row.ticker, row.side);
    const known = legs.get(key);
    legs.set(key, known === undefined ? row : added(known, row));
    if (known !== undefined) doubt(`account: ${key} is told twice`);
  }
  return [...legs.values()];
}

function added(one: VenuePosition, other: VenuePosition): VenuePosition {
  const both = <T>(a: T | null, b: T | null, join: (a: T, b: T) => T) =>
    a === null || b === null ? null : join(a, b);
  const worse = one.side === "LONG" ? Math.max : Math.min;
  return {
    ...one,
    lots: one.lots + other.lots,
    entryPx: both(one.entryPx, other.entryPx, worse),
    mark: one.mark ?? other.mark,
    unrealizedUsd: both(one.unrealizedUsd, other.unrealizedUsd, (a, b) => a + b),
    liquidationPx: both(one.liquidationPx, other.liquidationPx, worse),
  };
}

/**
 * What is missing of a leg so that nobody can say what it is worth or what it cost; null when it is
 * whole. Such a leg is set apart and told, and nothing is added to the book beside it.
 */
export function flawOf(
  { entryPx }: Pick<VenuePosition, "entryPx">,
  market: Market | null,
): "market_unknown" | "entry_unknown" | null {
  if (market === null) return "market_unknown";
  return entryPx === null ? "entry_unknown" : null;
}

/** The legs of a reading that are set apart, in the order of their keys. */
export function flawedLegs(
  positions: readonly VenuePosition[],
  view: Pick<MarketView, "market">,
): readonly PositionKey[] {
  return positions.filter((leg) => flawOf(leg, view.market(leg.ticker)) !== null)
    .map(({ ticker, side }) => positionKey(ticker, side)).toSorted();
}

function candlesOf(closed: readonly ClosedCandles[], doubt: Doubt): readonly ClosedCandles[] {
  return closed.map(({ ticker, candles }) => {
    const good = candles.filter(isCandle);
    if (good.length === candles.length) return { ticker, candles };
    doubt(`${ticker}: ${candles.length - good.length} candles without usable prices`);
    return { ticker, candles: good };
  });
}

function isCandle({ openMs, open, high, low, close, volume }: Candle): boolean {
  return Number.isFinite(openMs) && isPrice(low) && Number.isFinite(high) &&
    low <= Math.min(open, close) && Math.max(open, close) <= high &&
    Number.isFinite(volume) && volume >= 0;
}

function believes(event: VenueEvent, doubt: Doubt): boolean {
  const problem = wrongWith(event);
  if (problem === null) return true;
  const isIncome = event.kind === "income" || event.kind === "income_answer";
  doubt(`${event.kind}: ${problem}`, isIncome ? INCOME_DROPPED : undefined);
  return false;
}

function wrongWith(event: VenueEvent): string | null {
  switch (event.kind) {
    case "trade":
      return wrongTrade(event.trade);
    // An answer is believed as a whole: half of one would pass for all there is.
    case "trades_answer":
      return event.trades.map(wrongTrade).find((problem) => problem !== null) ?? null;
    case "income":
      return wrongIncome(event.income);
    case "income_answer":
      return event.incomes.map(wrongIncome).find((problem) => problem !== null) ?? null;
    case "done":
      return wrongCount(event.clientId, event.executedLots, event.atMs);
    case "order_answer":
      return wrongCount(event.clientId, event.found?.executedLots ?? 0, event.atMs);
    default:
      return Number.isFinite(event.atMs) ? null : `${event.clientId} at ${event.atMs}`;
  }
}

function wrongIncome({ id, usd, atMs }: Income): string | null {
  if (!isWhole(id, 0) || !Number.isFinite(atMs)) return `income ${id} at ${atMs}`;
  return Number.isFinite(usd) ? null : `income ${id} is ${usd} USD`;
}

function wrongCount(clientId: string, executedLots: number, atMs: number): string | null {
  if (!Number.isFinite(atMs)) return `${clientId} at ${atMs}`;
  return isWhole(executedLots, 0) ? null : `${clientId} executed ${executedLots} lots`;
}

function wrongTrade({ id, px, lots, feeUsd, realizedUsd, atMs }: Trade): string | null {
  if (!isWhole(id, 0) || !Number.isFinite(atMs)) return `trade ${id} at ${atMs}`;
  if (!isPrice(px)) return `trade ${id} at a price of ${px}`;
  if (!isWhole(lots, 1)) return `trade ${id} of ${lots} lots`;
  return Number.isFinite(feeUsd) && Number.isFinite(realizedUsd)
    ? null
    : `trade ${id} with a fee of ${feeUsd} and a result of ${realizedUsd}`;
}

function isPrice(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}

function isWhole(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}
