/**
 * The vocabulary every part shares. Numbers carry their unit in the name; a field is `null` when it
 * is known to be absent and never holds an invented value. Everything here is immutable.
 */
import type { Increment } from "./increments.ts";

declare const brand: unique symbol;
/** For values we pass along and never compute with. */
export type Brand<T, B extends string> = T & { readonly [brand]: B };

/** An exchange symbol, upper case, checked once where it entered. */
export type Ticker = Brand<string, "Ticker">;

/** The side of a position. Orders say which side they act on and whether they open or close it. */
export type Side = "LONG" | "SHORT";

/** One leg of one symbol: the key of positions, ledger, registry and surfaces. */
export type PositionKey = `${string}:${Side}`;

/** Builds the key of one leg, e.g. `BTCUSDT:LONG`. */
export function positionKey(ticker: Ticker, side: Side): PositionKey {
  return `${ticker}:${side}`;
}

/** +1 for LONG, -1 for SHORT: the sign of profit when the price rises. */
export function signOf(side: Side): 1 | -1 {
  return side === "LONG" ? 1 : -1;
}

export const TIERS = ["CORE", "SATELLITE", "TACTICAL", "ALT-EXT"] as const;
export type Tier = (typeof TIERS)[number];

/** One closed candle. Prices in quote currency, volume in base units. */
export type Candle = {
  readonly openMs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
};

/** What the exchange says about one symbol. Sizes are whole lots, prices whole ticks. */
export type Market = {
  readonly ticker: Ticker;
  readonly tick: Increment;
  readonly minTicks: number;
  readonly maxTicks: number;
  readonly lot: Increment;
  readonly minLots: number;
  readonly maxLots: number;
  /** Market orders have their own step (in lots), smallest and largest size. */
  readonly marketStepLots: number;
  readonly marketMinLots: number;
  readonly marketMaxLots: number;
  readonly minNotionalUsd: number;
  readonly maxLeverage: number;
};

/** One price level of a book. */
export type Level = { readonly priceTicks: number; readonly lots: number };

/** An order book at one instant, best level first; never crossed. */
export type Book = {
  readonly atMs: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
};

/** A price and the engine time at which it was true. */
export type Mark = { readonly px: number; readonly atMs: number };

/** Where a position leaves: a level of `null` does not exist. */
export type Levels = {
  readonly slPx: number | null;
  readonly tpPx: number | null;
  /** Give-back from the best price since entry that closes the position. */
  readonly trailFrac: number | null;
  /** Longest holding time; counted from the first fill. */
  readonly maxHoldMs: number | null;
  readonly slAtrMult: number | null;
  readonly tpAtrMult: number | null;
  readonly atr: number | null;
};

/** A leg of the book that was brought to what the venue shows. */
export type Adjustment = {
  readonly key: PositionKey;
  readonly fromLots: number;
  readonly toLots: number;
  readonly px: number | null;
  readonly source: "adopted" | "adjustment";
  /** The venue was asked for the trades that explain it, and has answered. */
  readonly answered: boolean;
};

/** Why a position leaves. A closed vocabulary: surfaces, logs and reports use these words. */
export const EXIT_REASONS = [
  "sl",
  "tp",
  "trail",
  "time",
  "sl_venue",
  "tp_venue",
  "liquidation",
  "external",
  "flip",
  "operator_flatten",
  "seed_breach",
  "unprotected",
] as const;
export type ExitReason = (typeof EXIT_REASONS)[number];

/** A wish to open or add to a position. `grossUsd` is unlevered; leverage is metadata. */
export type Entry = {
  readonly kind: "entry";
  readonly id: string;
  readonly strategyId: string;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly tier: Tier;
  readonly grossUsd: number;
  readonly leverage: number;
  /** The strategy means to add to a leg that it holds already. */
  readonly allowAdd: boolean;
  readonly refPx: number;
  readonly levels: Levels;
  readonly timeframeMs: number;
  readonly candleCloseMs: number;
  readonly decidedMs: number;
};

/** A wish to close (part of) a position. Made by `exits/reduce.ts` only. */
export type Reduce = {
  readonly kind: "reduce";
  readonly id: string;
  readonly strategyId: string | null;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly lots: number;
  readonly reason: ExitReason;
  /** True for everything that must not wait for a better price. */
  readonly urgent: boolean;
  readonly decidedMs: number;
};

export type Intent = Entry | Reduce;

export const RISK_MODES = ["OK", "WARN", "DEFENSIVE", "HALTED"] as const;
export type RiskMode = (typeof RISK_MODES)[number];

/** What a trade was made in; regimes count from 0 (calm) to 3. */
export type Conditions = {
  /** How wild the symbol was, by its true range; null while its history is short. */
  readonly range: number | null;
  /** How deep the account's drawdown was; null where that was unknown. */
  readonly drawdown: number | null;
  readonly mode: RiskMode;
};

/** What lots of one strategy have come to when they were closed; costs are positive, funding has its sign. */
export type Earned = {
  readonly strategyId: string | null;
  readonly lots: number;
  /** Against the prices they were opened at, before fees. */
  readonly realizedUsd: number;
  readonly entryFeesUsd: number;
  readonly exitFeesUsd: number;
  readonly fundingUsd: number;
};

/** Proof that risk agreed. Minted in `risk/mod.ts` only; the router takes nothing else. */
export type Approved<I extends Intent = Intent> = Brand<I, "Approved">;

/** A position as the venue reports it; quantity is always positive, the side says the direction. */
export type VenuePosition = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly lots: number;
  /** Null when the venue did not give a usable price. */
  readonly entryPx: number | null;
  readonly mark: Mark | null;
  readonly unrealizedUsd: number | null;
  readonly leverage: number | null;
  readonly liquidationPx: number | null;
};

export type OrderKind = "limit" | "market" | "stop_market" | "take_profit_market";
/** GTX: post-only. IOC: what does not trade at once is cancelled. */
export type TimeInForce = "GTX" | "IOC";
/** Whether an order makes the leg bigger or smaller. Nothing that closes may ever open. */
export type Effect = "open" | "close";

/** Whether an order buys: opening a long or closing a short. */
export function buys(side: Side, effect: Effect): boolean {
  return (side === "LONG") === (effect === "open");
}

/** An open order as the venue reports it. */
export type VenueOrder = {
  readonly clientId: string;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly effect: Effect;
  readonly kind: OrderKind;
  readonly lots: number;
  readonly filledLots: number;
  readonly stopTicks: number | null;
};

/** One trade of one of our orders. `id` is unique per symbol and never reused by the venue. */
export type Trade = {
  readonly id: number;
  readonly clientId: string;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly effect: Effect;
  readonly px: number;
  readonly lots: number;
  readonly feeUsd: number;
  readonly maker: boolean;
  /** Gross profit the venue booked for the closed part; 0 for an opening trade. */
  readonly realizedUsd: number;
  readonly atMs: number;
  readonly cause: "order" | "stop" | "liquidation";
};

/** The account at one instant. */
export type Account = {
  readonly atMs: number;
  /** Wallet balance per asset, without unrealised profit. */
  readonly walletQty: Readonly<Record<string, number>>;
  readonly positions: readonly VenuePosition[];
  readonly openOrders: readonly VenueOrder[];
};

/** A call that failed. Never thrown across the port; never read as zero, flat or empty. */
export type Fault = {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
};

/** What has to be kept cannot be written: which kind of file, and what is wrong with its disk. */
export type StorageFault = {
  readonly what: "journal" | "checkpoint" | "surfaces" | "logs";
  readonly why: "full" | "read_only" | "failing";
};

/** A read that either happened or did not. */
export type Reading<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "failed"; readonly fault: Fault };

/** Plain JSON objects as maps; the core iterates them in sorted key order where order matters. */
export type Dict<T> = Readonly<Record<string, T>>;
