/**
 * What a tick did, in words: every event becomes a row of exactly one log file (`state/telemetry`)
 * and, except for vetoes and decisions, a part of the journal row of its tick.
 */
import type {
  Adjustment,
  Conditions,
  Earned,
  Effect,
  ExitReason,
  Levels,
  PositionKey,
  Side,
  Ticker,
} from "./types.ts";
import type { Income, OrderStatus, RejectCode } from "./ports.ts";

/** One intent that did not become an order: every failing gate with what it saw and what it allows. */
export type VetoEvent = {
  readonly kind: "veto";
  readonly intentId: string;
  readonly strategyId: string;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly stage: "screen" | "risk" | "route";
  /** What counters and the page call it; several codes may share a name. */
  readonly reason: string;
  /** The codes of all breaches in order of precedence; the first is the primary one. */
  readonly codes: readonly string[];
  /** The check that refused first. */
  readonly gate: string;
  readonly thresholds: Readonly<Record<string, number | string | null>>;
  readonly observations: Readonly<Record<string, number | string | null>>;
  readonly notionalUsd: number | null;
  readonly refPx: number | null;
  readonly navUsd: number | null;
  readonly navAgeMs: number | null;
  /** The largest notional that every check would have let through; 0 where none would. */
  readonly maxNotionalUsd: number | null;
  readonly candleCloseMs: number;
  /** The state of the book when it was refused. */
  readonly context: Readonly<Record<string, number | string | null>>;
};

/**
 * What became of one wish to open, and what it was judged by. A strategy's signal has exactly one,
 * of the occasion `signal`; a wish that waits for a leg to go has another one when that is over.
 */
export type DecisionEvent = {
  readonly kind: "decision";
  readonly intentId: string;
  readonly strategyId: string;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly occasion: "signal" | "flip";
  readonly outcome: "ordered" | "waits" | "duplicate" | "vetoed" | "refused";
  /** Who was asked, in order; only the last one can have said no. */
  readonly gates: readonly { readonly gate: VetoEvent["stage"]; readonly passed: boolean }[];
  /** The primary reason and the codes of all breaches, as the veto of the same id has them. */
  readonly reason: string | null;
  readonly codes: readonly string[];
  readonly routeId: string | null;
  readonly notionalUsd: number | null;
  readonly inputs: DecisionInputs;
};

/** What a wish was judged by; an age is engine time since it was true, null where nothing is known. */
export type DecisionInputs = {
  readonly candleCloseMs: number;
  readonly candleAgeMs: number;
  readonly refPx: number | null;
  readonly markPx: number | null;
  readonly markAgeMs: number | null;
  readonly spreadBps: number | null;
  readonly bookAgeMs: number | null;
  readonly navUsd: number | null;
  readonly navAgeMs: number | null;
  /** What the strategy's opinion was taken from; null where none was asked. */
  readonly figures: Readonly<Record<string, number | string | null>> | null;
};

type OrderRef = {
  readonly clientId: string;
  readonly intentId: string | null;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly effect: Effect;
};

type RouteRef = {
  readonly routeId: string;
  readonly intentId: string;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly effect: Effect;
};

/** The routing policy a route was begun with. */
export type PolicyFacts = {
  readonly makerFirst: boolean;
  readonly bias: string;
  readonly quality: string;
  readonly offsetBps: number;
  readonly reason: string;
};

/**
 * What a route's fills cost against the mid of its decision, in basis points, cost positive; a part
 * that nobody can tell is null.
 */
export type ShortfallBps = {
  /** Delay, spread and impact together: average fill against the decision's mid. */
  readonly priceBps: number | null;
  readonly delayBps: number | null;
  readonly spreadBps: number | null;
  readonly impactBps: number | null;
  readonly feesBps: number | null;
  /** Price and fees: what routing cost in all. */
  readonly totalBps: number | null;
};

export type RouteStyle = "maker_first" | "taker" | "market" | "twap";
export type RouteStatus = "FILLED" | "PARTIALLY_FILLED" | "EXPIRED" | "REJECTED";

type ResolvedStatus = OrderStatus | "never_arrived" | "trades_missing";

export type EngineEvent =
  | VetoEvent
  | DecisionEvent
  | {
    readonly kind: "order_attempt";
    readonly intentId: string;
    readonly routeId: string;
    readonly strategyId: string | null;
    readonly ticker: Ticker;
    readonly side: Side;
    readonly effect: Effect;
    readonly lots: number;
    readonly notionalUsd: number | null;
    readonly levels: Levels | null;
  }
  | OrderRef & {
    readonly kind: "order_submit";
    readonly orderKind: string;
    readonly tif: string | null;
    readonly lots: number;
    readonly priceTicks: number | null;
    readonly stopTicks: number | null;
    readonly purpose: "maker" | "taker" | "market" | "stop" | "bridge" | "target";
  }
  | OrderRef & {
    readonly kind: "order_ack";
    readonly orderKind: string;
    readonly latencyMs: number;
    readonly lots: number;
    readonly atMs: number;
  }
  | OrderRef & {
    readonly kind: "order_reject";
    readonly code: RejectCode;
    readonly venueCode: number | null;
    readonly message: string;
  }
  | OrderRef & { readonly kind: "order_cancel"; readonly reason: string }
  | OrderRef & { readonly kind: "order_unknown"; readonly silentMs: number }
  | OrderRef & { readonly kind: "order_resolved"; readonly status: ResolvedStatus }
  | OrderRef & {
    readonly kind: "order_done";
    readonly status: OrderStatus;
    readonly executedLots: number;
  }
  | OrderRef & {
    readonly kind: "order_fill";
    readonly tradeId: number;
    readonly px: number;
    readonly lots: number;
    readonly feeUsd: number;
    readonly maker: boolean;
    /** Of the whole order, this trade included. */
    readonly executedLots: number;
    readonly avgPx: number;
    readonly feesUsd: number;
    readonly firstMs: number;
    /** Nothing of the order is left to be filled; null where its size is not known. */
    readonly isFilled: boolean | null;
    readonly strategyId: string | null;
    readonly exitReason: ExitReason | null;
    readonly atMs: number;
  }
  | OrderRef & {
    readonly kind: "order_close";
    readonly tradeId: number;
    readonly px: number;
    readonly closedLots: number;
    readonly realizedUsd: number;
    /** Of this trade. */
    readonly feeUsd: number;
    /** Shares of the lots that went; null where the book held none. */
    readonly entryFeesUsd: number | null;
    readonly fundingUsd: number | null;
    readonly netUsd: number | null;
    readonly earned: readonly Earned[];
    readonly conditions: Conditions | null;
    readonly lotsBefore: number;
    readonly lotsAfter: number;
    readonly strategyId: string | null;
    readonly exitReason: ExitReason;
    /** Null: the book held nothing, the venue closed it all the same. */
    readonly episodeId: string | null;
    readonly final: boolean;
    readonly atMs: number;
  }
  | {
    readonly kind: "episode_end";
    readonly episodeId: string;
    readonly key: PositionKey;
    readonly ticker: Ticker;
    readonly strategyId: string | null;
    readonly openedMs: number;
    readonly closedMs: number;
    readonly realizedUsd: number;
    readonly feesUsd: number;
    readonly fundingUsd: number;
    readonly exitReason: ExitReason;
    readonly earned: readonly Earned[];
    readonly conditions: Conditions | null;
    readonly maxLots: number;
    /** Averages over all that was opened and closed; null where the book saw no trade of it. */
    readonly entryPx: number | null;
    readonly exitPx: number | null;
    /** Levels it was registered with. */
    readonly slPx: number | null;
    readonly tpPx: number | null;
    /** Best and worst result on the way, as fractions of the entry. */
    readonly mfeFrac: number | null;
    readonly maeFrac: number | null;
    readonly rMultiple: number | null;
  }
  /** A closed episode turns out to have paid or received more: what its end said and this are all. */
  | {
    readonly kind: "episode_amend";
    readonly episodeId: string;
    readonly key: PositionKey;
    readonly strategyId: string | null;
    readonly closedMs: number;
    readonly feesUsd: number;
    readonly fundingUsd: number;
    /** Of the whole episode, with this. */
    readonly netUsd: number;
    readonly reason: "late_funding" | "late_entry";
  }
  | {
    readonly kind: "pnl_mismatch";
    readonly key: PositionKey;
    /** The newest episode that it comes from. */
    readonly episodeId: string;
    /** What the venue says more than the book, and what the lots do, before fees. */
    readonly venueUsd: number;
    readonly parcelsUsd: number;
    readonly closedUsd: number;
  }
  | RouteRef & {
    readonly kind: "route_decision";
    readonly child: number;
    readonly style: RouteStyle;
    readonly path: "maker" | "taker" | "market";
    readonly lots: number;
    readonly makerRequested: boolean;
    readonly makerAllowed: boolean;
    readonly offsetBps: number | null;
    readonly spreadBps: number | null;
    /** Vetoes of the maker path first, then remarks. */
    readonly reasons: readonly string[];
    readonly policy: PolicyFacts;
  }
  | RouteRef & {
    readonly kind: "order_requote";
    readonly reason: string;
    readonly lots: number;
    readonly offsetBps: number;
  }
  | RouteRef & {
    readonly kind: "twap_start";
    readonly lots: number;
    readonly slices: readonly number[];
    readonly intervalMs: number;
  }
  | RouteRef & {
    readonly kind: "twap_pause";
    readonly index: number;
    readonly count: number;
    /** Null: there is no usable book. */
    readonly spreadBps: number | null;
    readonly thresholdBps: number;
  }
  | RouteRef & {
    readonly kind: "twap_slice";
    readonly index: number;
    readonly count: number;
    readonly plannedLots: number;
    readonly filledLots: number;
    readonly reason: string;
  }
  | RouteRef & {
    readonly kind: "twap_complete";
    readonly status: RouteStatus;
    readonly reason: string;
    readonly slicesTotal: number;
    readonly slicesBegun: number;
    readonly lots: number;
    readonly filledLots: number;
    readonly makerLots: number;
    readonly avgPx: number | null;
    readonly slippageBps: number | null;
    readonly pausedMs: number;
  }
  | RouteRef & {
    readonly kind: "route_end";
    readonly strategyId: string | null;
    readonly style: RouteStyle;
    /** Liquidity bucket of the symbol. */
    readonly bucket: string;
    readonly status: RouteStatus;
    readonly reason: string;
    readonly lots: number;
    readonly filledLots: number;
    readonly makerLots: number;
    readonly avgPx: number | null;
    readonly decisionMidPx: number | null;
    readonly expectedBps: number | null;
    readonly shortfall: ShortfallBps;
    /** How far mid has left what was not filled; null where all was, or nobody knows. */
    readonly missedBps: number | null;
    readonly feesUsd: number;
    readonly makerStarted: boolean;
    readonly makerEnd: string | null;
    readonly policy: PolicyFacts;
    readonly rejections: number;
    readonly requotes: number;
    readonly orders: number;
    readonly slices: number | null;
    readonly slicesBegun: number | null;
    readonly decidedMs: number;
    readonly endedMs: number;
    readonly ackLatencyMs: number | null;
    readonly clientIds: readonly string[];
  }
  /** A close that could not be had patiently goes on without bounds. */
  | RouteRef & { readonly kind: "exit_forced"; readonly reason: string }
  | {
    readonly kind: "exit_trigger";
    readonly key: PositionKey;
    readonly reason: ExitReason;
    readonly markPx: number | null;
    readonly levelPx: number | null;
    readonly intentId: string;
  }
  | {
    readonly kind: "registry";
    readonly key: PositionKey;
    readonly change: "registered" | "tightened" | "seeded" | "removed";
    readonly slPx: number | null;
    readonly tpPx: number | null;
    readonly source: string;
  }
  | ({ readonly kind: "adjustment" } & Adjustment)
  | { readonly kind: "income"; readonly income: Income }
  | {
    readonly kind: "operator";
    readonly id: number;
    readonly by: string;
    readonly reason: string;
    readonly order: string;
    /** False: nothing was changed; the note says why. */
    readonly done: boolean;
    readonly note: string;
  }
  | {
    readonly kind: "account_rule";
    readonly rule:
      | "new_day"
      | "circuit_tripped"
      | "circuit_rebased"
      | "drawdown_latched"
      | "nav_anomaly"
      | "nav_level_accepted"
      | "transfer"
      | "entries_paused"
      | "flattened";
    readonly navUsd: number | null;
    readonly note: string;
  };

export type EventKind = EngineEvent["kind"];
