/**
 * Exchange filters: from a wish in decimals to whole ticks and lots, or a refusal with its reason.
 * Rounding is passive on both sides and never enlarges a quantity.
 */
import { ceilUnits, floorUnits, increment, unitsToNumber } from "../increments.ts";
import type { Market, Ticker } from "../types.ts";

export const ROUTE_REFUSALS = [
  "qty_below_step",
  "qty_below_min",
  "qty_above_max",
  "price_out_of_range",
  "below_min_notional",
  "market_unknown",
] as const;
export type RouteRefusal = (typeof ROUTE_REFUSALS)[number];

/** Filters as an exchange spells them, decimals as text. */
export type Filters = {
  readonly tick: string;
  readonly minPrice: string;
  readonly maxPrice: string;
  readonly step: string;
  readonly minQty: string;
  readonly maxQty: string;
  readonly marketStep: string;
  readonly marketMinQty: string;
  readonly marketMaxQty: string;
  readonly minNotional: string;
};

/** Reads the filters of one symbol into whole ticks and lots. */
export function marketOf(
  filters: Filters,
  { ticker, maxLeverage }: { ticker: Ticker; maxLeverage: number },
): Market {
  const tick = increment(filters.tick);
  const lot = increment(filters.step);
  return {
    ticker,
    tick,
    minTicks: ceilUnits(filters.minPrice, tick),
    maxTicks: floorUnits(filters.maxPrice, tick),
    lot,
    minLots: ceilUnits(filters.minQty, lot),
    maxLots: floorUnits(filters.maxQty, lot),
    marketStepLots: Math.max(1, ceilUnits(filters.marketStep, lot)),
    marketMinLots: ceilUnits(filters.marketMinQty, lot),
    marketMaxLots: floorUnits(filters.marketMaxQty, lot),
    minNotionalUsd: Number(filters.minNotional),
    maxLeverage,
  };
}

export type Wish = {
  readonly buys: boolean;
  readonly kind: "limit" | "market";
  /** The limit price; for a market order the price its notional is judged at. */
  readonly price: number | string;
  readonly qty: number | string;
  readonly reduceOnly: boolean;
};

export type Normalized =
  | { readonly kind: "order"; readonly lots: number; readonly priceTicks: number }
  | { readonly kind: "refused"; readonly reason: RouteRefusal };

/** Applies the filters of one symbol. Reduce-only orders are exempt from the smallest notional. */
export function normalizeOrder(wish: Wish, market: Market): Normalized {
  const refused = (reason: RouteRefusal): Normalized => ({ kind: "refused", reason });
  const isMarket = wish.kind === "market";
  const stepLots = isMarket ? market.marketStepLots : 1;
  const whole = floorUnits(wish.qty, market.lot);
  const lots = whole - (whole % stepLots);
  if (lots <= 0) return refused("qty_below_step");
  if (lots < (isMarket ? market.marketMinLots : market.minLots)) return refused("qty_below_min");
  if (lots > (isMarket ? market.marketMaxLots : market.maxLots)) return refused("qty_above_max");
  const priceTicks = wish.buys
    ? floorUnits(wish.price, market.tick)
    : ceilUnits(wish.price, market.tick);
  if (priceTicks < market.minTicks || priceTicks > market.maxTicks) {
    return refused("price_out_of_range");
  }
  const px = isMarket ? Number(wish.price) : unitsToNumber(priceTicks, market.tick);
  const notionalUsd = px * unitsToNumber(lots, market.lot);
  if (!wish.reduceOnly && notionalUsd < market.minNotionalUsd) return refused("below_min_notional");
  return { kind: "order", lots, priceTicks };
}

/**
 * Splits whole lots into at most `slices` near-equal children, none of them worth less than
 * `minChildUsd`; the later children take the remainder. Empty when there is nothing to split.
 */
export function splitLots(
  lots: number,
  { slices, lotUsd, minChildUsd }: { slices: number; lotUsd: number; minChildUsd: number },
): readonly number[] {
  if (lots < 1 || slices < 1) return [];
  let children = Math.min(slices, lots);
  while (children > 1 && Math.floor(lots / children) * lotUsd < minChildUsd) children -= 1;
  const base = Math.floor(lots / children);
  const larger = lots % children;
  return Array.from({ length: children }, (_, i) => i < children - larger ? base : base + 1);
}
