/**
 * The seams to the outside. A venue reports what it knows and takes commands; a sink makes a
 * decision durable and visible. Both are asynchronous; the decision between them is not.
 */
import type {
  Account,
  Book,
  Candle,
  Effect,
  Fault,
  Mark,
  Market,
  OrderKind,
  Reading,
  Side,
  Ticker,
  TimeInForce,
  Trade,
} from "./types.ts";

/** An order as it leaves: whole ticks and whole lots, and an id that is sent once, ever. */
export type NewOrder = {
  readonly clientId: string;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly effect: Effect;
  readonly kind: OrderKind;
  readonly tif: TimeInForce | null;
  readonly lots: number;
  readonly priceTicks: number | null;
  /** Of an order that rests until price gets there; null: of any other. */
  readonly stopTicks: number | null;
  /** A protective stop: closes whatever the leg holds when it triggers. */
  readonly closePosition: boolean;
  readonly leverage: number;
};

/** What the engine may ask of a venue. Answers come back as events of a later observation. */
export type Command =
  | { readonly kind: "place"; readonly order: NewOrder }
  | { readonly kind: "cancel"; readonly clientId: string; readonly ticker: Ticker }
  | { readonly kind: "query_order"; readonly clientId: string; readonly ticker: Ticker }
  | { readonly kind: "query_trades"; readonly ticker: Ticker; readonly afterId: number }
  | { readonly kind: "query_income"; readonly afterId: number }
  | { readonly kind: "dead_man"; readonly ticker: Ticker; readonly timeoutMs: number };

export type OrderStatus = "open" | "filled" | "cancelled" | "expired" | "rejected";

/** Why a venue refused an order, in the words the router acts on (`router/errors.ts`). */
export type RejectCode =
  | "post_only_would_take"
  | "not_filled"
  | "would_trigger"
  | "reduce_only_rejected"
  | "stop_exists"
  | "duplicate_id"
  | "unknown_outcome"
  | "throttled"
  | "clock"
  | "insufficient_margin"
  | "filter"
  | "price_band"
  | "too_many_orders"
  | "symbol_closed"
  | "credentials"
  | "position_mode"
  | "restricted"
  | "unavailable"
  | "other";

/** What a venue tells, in the order in which it told it. */
export type VenueEvent =
  | { readonly kind: "ack"; readonly clientId: string; readonly atMs: number }
  | {
    readonly kind: "reject";
    readonly clientId: string;
    readonly code: RejectCode;
    /** The venue's own code; null where it has none. */
    readonly venueCode: number | null;
    readonly message: string;
    readonly atMs: number;
  }
  | { readonly kind: "trade"; readonly trade: Trade }
  | {
    readonly kind: "done";
    readonly clientId: string;
    readonly status: Exclude<OrderStatus, "open" | "rejected">;
    readonly executedLots: number;
    readonly atMs: number;
  }
  | {
    readonly kind: "order_answer";
    readonly clientId: string;
    /** Null: the venue does not know the id. */
    readonly found: { readonly status: OrderStatus; readonly executedLots: number } | null;
    readonly atMs: number;
  }
  | {
    readonly kind: "trades_answer";
    readonly ticker: Ticker;
    readonly afterId: number;
    readonly trades: readonly Trade[];
    readonly atMs: number;
  }
  | { readonly kind: "income"; readonly income: Income }
  | {
    readonly kind: "income_answer";
    readonly afterId: number;
    readonly incomes: readonly Income[];
    readonly atMs: number;
  };

/** Money that moved without a trade. Ids grow and are never reused. */
export type Income = {
  readonly id: number;
  readonly type: "funding" | "transfer" | "liquidation_fee";
  readonly ticker: Ticker | null;
  readonly side: Side | null;
  readonly usd: number;
  readonly atMs: number;
};

/** Closed candles, marks and books at one instant. Lookups only: nothing in here waits or changes. */
export type MarketView = {
  readonly tickers: readonly Ticker[];
  market(ticker: Ticker): Market | null;
  /** The last known mark with its own time; null when there was never one. */
  mark(ticker: Ticker): Mark | null;
  /** Null: no usable book at this instant. */
  book(ticker: Ticker): Book | null;
};

/** Candles of one symbol that closed since the last observation, oldest first. */
export type ClosedCandles = { readonly ticker: Ticker; readonly candles: readonly Candle[] };

/** Everything a decision may know. The shell appends `candles` to the history before it decides. */
export type Observation = {
  readonly nowMs: number;
  readonly candles: readonly ClosedCandles[];
  readonly account: Reading<Account>;
  readonly market: MarketView;
  readonly events: readonly VenueEvent[];
  readonly faults: readonly Fault[];
  /** True when events may have been lost since the last observation: ask again for everything. */
  readonly gap: boolean;
};

/** A price to be woken at: when a mark gets to a level from the other side, or turns round. */
export type Alert =
  | {
    readonly kind: "level";
    readonly ticker: Ticker;
    readonly px: number;
    readonly falling: boolean;
  }
  | { readonly kind: "turn"; readonly ticker: Ticker };

/** What a wait is for, in engine time. */
export type Wake = { readonly untilMs: number; readonly alerts: readonly Alert[] };

/**
 * A place to trade. `observe` gives null when the feed has ended. `wait` returns at `untilMs`, as
 * soon as an event has arrived, or at the first alert.
 */
export type Venue = {
  observe(): Promise<Observation | null>;
  submit(commands: readonly Command[]): Promise<void>;
  wait(wake: Wake): Promise<void>;
};
