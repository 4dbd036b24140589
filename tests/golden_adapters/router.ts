/** Ticks and lots, quotes, and what crossing a book costs. */
import {
  floorUnits,
  increment,
  lotsToUsd,
  unitsToNumber,
  unitsToText,
} from "../../core/increments.ts";
import { type Filters, marketOf, normalizeOrder, splitLots } from "../../core/router/normalize.ts";
import {
  boundedBps,
  makerTicks,
  slippageBps,
  spreadBps,
  sweepBps,
} from "../../core/router/quote.ts";
import type { Ticker } from "../../core/types.ts";
import { adapter, Refusal } from "./adapter.ts";

type Listing = { readonly tickSize: string; readonly stepSize: string };
type Rounding = {
  readonly symbol: string;
  readonly price: number;
  readonly qty: number;
  readonly value: string;
};

const rounding = adapter<Rounding>("rounding", ({ symbol, price, qty, value }, { fn, data }) => {
  if (fn === "count_decimals") return increment(value).decimals;
  const listing = (data("precision_table.json") as Record<string, Listing>)[symbol];
  if (listing === undefined) return new Refusal(`no filter for ${symbol}`);
  const isPrice = fn === "normalize_price" || fn === "format_price";
  const inc = increment(isPrice ? listing.tickSize : listing.stepSize);
  const units = floorUnits(isPrice ? price : qty, inc);
  return fn === "format_price" || fn === "format_qty"
    ? unitsToText(units, inc)
    : unitsToNumber(units, inc);
});

type Split = {
  readonly total_qty: string;
  readonly slices: number;
  readonly step: string;
  readonly price: string;
  readonly min_child_notional: string;
};

const lotSplit = adapter<Split>("clean_lot_split", (input) => {
  const lot = increment(input.step);
  const children = splitLots(floorUnits(input.total_qty, lot), {
    slices: input.slices,
    lotUsd: lotsToUsd(1, { px: Number(input.price), lot }),
    minChildUsd: Number(input.min_child_notional),
  });
  return children.map((lots) => unitsToText(lots, lot));
});

type Quote = {
  readonly bid: string;
  readonly ask: string;
  readonly tick: string;
  readonly side: "BUY" | "SELL";
  readonly offset_bps: string;
  readonly rejections: number;
};

const makerQuote = adapter<Quote>("clean_maker_quote", (input) => {
  const tick = increment(input.tick);
  const touch = {
    bidTicks: floorUnits(input.bid, tick),
    askTicks: floorUnits(input.ask, tick),
  };
  const { side, offset_bps, rejections } = input;
  const wish = { buys: side === "BUY", offsetBps: Number(offset_bps), rejections };
  return unitsToText(makerTicks(touch, wish), tick);
});

type Wish = {
  readonly side: "BUY" | "SELL";
  readonly type: "LIMIT" | "MARKET";
  readonly price: string;
  readonly qty: string;
  readonly filters: Filters;
  readonly reduce_only: boolean;
};

const normalization = adapter<Wish>("clean_order_normalization", (input) => {
  const { side, type, price, qty, filters, reduce_only: reduceOnly } = input;
  const market = marketOf(filters, { ticker: "X" as Ticker, maxLeverage: 1 });
  const kind = type === "MARKET" ? "market" : "limit";
  const order = normalizeOrder({ buys: side === "BUY", kind, price, qty, reduceOnly }, market);
  if (order.kind === "refused") return { refuse: order.reason };
  const lots = unitsToText(order.lots, market.lot);
  return kind === "market"
    ? { qty: lots }
    : { qty: lots, price: unitsToText(order.priceTicks, market.tick) };
});

type Cost = {
  readonly side: string;
  readonly qty: number;
  readonly depth: readonly (readonly [px: number, qty: number])[];
  readonly mid: number;
  readonly fill: number;
  readonly bid: number;
  readonly ask: number;
};

const slippage = adapter<Cost>("slippage_estimate", (input, { fn }) => {
  const { side, qty: lots, depth, mid, fill, bid: bidTicks, ask: askTicks } = input;
  const buys = side === "BUY";
  if (fn === "compute_spread_bps") return spreadBps({ bidTicks, askTicks });
  if (fn === "compute_realized_slippage_bps") {
    return slippageBps({ px: fill, referencePx: mid, buys });
  }
  const levels = depth.map(([priceTicks, lots]) => ({ priceTicks, lots }));
  const cost = sweepBps(levels, { buys, lots, mid });
  return cost === null ? null : boundedBps(cost);
}, {
  differs: ({ qty }) => qty <= 0 ? "the cost of nothing is unknown, never 0" : null,
});

export const ROUTER = [rounding, lotSplit, makerQuote, normalization, slippage];
