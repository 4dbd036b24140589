/** What rows of the logs have in common: legs, quantities, prices and times as they are written. */
import { unitsToNumber } from "../core/increments.ts";
import type { MarketView } from "../core/ports.ts";
import { buys, type Effect, type Side, type Ticker } from "../core/types.ts";

export type Row = Readonly<Record<string, unknown>>;

/** Where the increments of a symbol are looked up. */
export type Markets = Pick<MarketView, "market">;

/** Symbol, BUY or SELL, and the leg it works on. */
export function legOf(
  { ticker, side, effect }: { ticker: Ticker; side: Side; effect: Effect },
): Row {
  return { symbol: ticker, side: buys(side, effect) ? "BUY" : "SELL", positionSide: side };
}

/** Lots as a decimal in base units; null while the symbol is not listed. */
export function qty(view: Markets, ticker: Ticker, lots: number): number | null {
  const market = view.market(ticker);
  return market === null ? null : unitsToNumber(lots, market.lot);
}

/** Ticks as a price; null while the symbol is not listed. */
export function px(view: Markets, ticker: Ticker, ticks: number | null): number | null {
  const market = view.market(ticker);
  return market === null || ticks === null ? null : unitsToNumber(ticks, market.tick);
}
