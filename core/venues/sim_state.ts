/**
 * What the simulated exchange knows, and the rows of its own ledger. The ledger is append-only and
 * written before anything is acknowledged; folding it gives the state back after any crash.
 */
import type { Command, Income, NewOrder, OrderStatus, RejectCode, VenueEvent } from "../ports.ts";
import type { Side, Ticker, Trade } from "../types.ts";
import type { SyntheticState } from "./feed_synthetic.ts";

/** An order that the exchange accepted and that is still open. */
export type SimOrder = NewOrder & {
  readonly acceptedMs: number;
  readonly filledLots: number;
  /** Lots that were in front of it when it arrived. */
  readonly queueLots: number;
};

/** True for a stop or a target: it waits for a price, and then takes what the market gives. */
export function isConditional({ stopTicks }: Pick<NewOrder, "stopTicks">): boolean {
  return stopTicks !== null;
}

/** An order that is over, kept so that questions about it can be answered. */
export type SimDone = {
  readonly status: Exclude<OrderStatus, "open">;
  readonly executedLots: number;
};

export type SimPosition = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly lots: number;
  readonly entryPx: number;
  readonly leverage: number;
};

/** Something on its way: a command to the exchange, or an event to the engine. */
export type InFlight<T> = { readonly atMs: number; readonly n: number; readonly what: T };

export type SimState = {
  readonly nowMs: number;
  readonly walletUsd: number;
  readonly positions: Readonly<Record<string, SimPosition>>;
  readonly orders: Readonly<Record<string, SimOrder>>;
  readonly done: Readonly<Record<string, SimDone>>;
  readonly trades: readonly Trade[];
  readonly incomes: readonly Income[];
  readonly deadManMs: Readonly<Record<string, number>>;
  readonly lastTradeId: number;
  readonly lastIncomeId: number;
  readonly fundedMs: number;
  readonly commandCount: number;
  readonly eventCount: number;
  readonly arrivals: readonly InFlight<Command>[];
  readonly deliveries: readonly InFlight<VenueEvent>[];
  /** Candles that closed up to here have been shown. */
  readonly shownMs: number | null;
};

/** Terminal orders, trades and income rows that questions can still reach. */
export const DONE_KEPT = 1_000;
export const TRADES_KEPT = 2_000;
export const INCOMES_KEPT = 1_000;

/** One row of `venue.jsonl`; `at` is exchange time. */
export type LedgerRow =
  | {
    readonly k: "genesis";
    readonly at: number;
    readonly lineage: string;
    readonly feed: string;
    readonly walletUsd: number;
    readonly positions: readonly SimPosition[];
  }
  | { readonly k: "order"; readonly at: number; readonly order: SimOrder }
  | {
    readonly k: "trade";
    readonly at: number;
    readonly trade: Trade;
    readonly walletUsd: number;
    readonly position: SimPosition | null;
    readonly positionKey: string;
  }
  | { readonly k: "done"; readonly at: number; readonly clientId: string; readonly done: SimDone }
  | {
    readonly k: "reject";
    readonly at: number;
    readonly clientId: string;
    readonly code: RejectCode;
  }
  | {
    readonly k: "income";
    readonly at: number;
    readonly income: Income;
    readonly walletUsd: number;
  }
  | {
    readonly k: "dead_man";
    readonly at: number;
    readonly ticker: Ticker;
    readonly untilMs: number;
  }
  | { readonly k: "at"; readonly at: number; readonly fundedMs: number }
  | { readonly k: "anchors"; readonly at: number; readonly anchors: readonly SyntheticState[] }
  | {
    readonly k: "snapshot";
    readonly at: number;
    readonly lineage: string;
    readonly feed: string;
    /** True: written by an orderly stop; nothing was lost and time stands still. */
    readonly clean: boolean;
    readonly state: SimState;
    readonly anchors: readonly SyntheticState[];
  };

/** Where the exchange keeps its ledger. Rows are on disk when `append` returns. */
export type LedgerPort = {
  append(rows: readonly LedgerRow[]): void;
  /** Starts a new file whose first row is a snapshot; older files stay as they are. */
  rotate(snapshot: LedgerRow): void;
};

/** The state of an exchange nobody has traded on. */
export function blankState(
  { nowMs, walletUsd, positions }: {
    nowMs: number;
    walletUsd: number;
    positions: readonly SimPosition[];
  },
): SimState {
  return {
    nowMs,
    walletUsd,
    positions: Object.fromEntries(positions.map((leg) => [`${leg.ticker}:${leg.side}`, leg])),
    orders: {},
    done: {},
    trades: [],
    incomes: [],
    deadManMs: {},
    lastTradeId: 0,
    lastIncomeId: 0,
    fundedMs: nowMs,
    commandCount: 0,
    eventCount: 0,
    arrivals: [],
    deliveries: [],
    shownMs: null,
  };
}

export type Recovered = {
  readonly state: SimState;
  readonly anchors: readonly SyntheticState[];
  readonly clean: boolean;
  readonly lineage: string;
  readonly feed: string;
};

/** Folds a ledger from its last snapshot (or genesis); null when it has neither. */
export function foldLedger(rows: readonly LedgerRow[]): Recovered | null {
  let recovered: Recovered | null = null;
  for (const row of rows) recovered = foldRow(recovered, row);
  if (recovered === null || recovered.clean) return recovered;
  // Whatever was on its way when the process died has been lost with its connection.
  const state = { ...recovered.state, arrivals: [], deliveries: [], shownMs: null };
  return { ...recovered, state };
}

function foldRow(recovered: Recovered | null, row: LedgerRow): Recovered | null {
  if (row.k === "genesis") {
    const { lineage, feed, at, walletUsd, positions } = row;
    const state = blankState({ nowMs: at, walletUsd, positions });
    return { state, anchors: [], clean: false, lineage, feed };
  }
  if (row.k === "snapshot") {
    const { state, anchors, clean, lineage, feed } = row;
    return { state, anchors, clean, lineage, feed };
  }
  if (recovered === null) return null;
  const anchors = row.k === "anchors" ? row.anchors : recovered.anchors;
  return { ...recovered, anchors, clean: false, state: applyRow(recovered.state, row) };
}

/** The state after one more row. The live exchange and the fold use this one function. */
export function applyRow(state: SimState, row: LedgerRow): SimState {
  const now = { ...state, nowMs: Math.max(state.nowMs, row.at) };
  switch (row.k) {
    case "order":
      return { ...now, orders: { ...state.orders, [row.order.clientId]: row.order } };
    case "trade": {
      const { trade, position, positionKey: key } = row;
      const order = state.orders[trade.clientId];
      const positions = { ...state.positions };
      if (position === null) delete positions[key];
      else positions[key] = position;
      const orders = order === undefined ? state.orders : {
        ...state.orders,
        [order.clientId]: { ...order, filledLots: order.filledLots + trade.lots },
      };
      return {
        ...now,
        positions,
        orders,
        walletUsd: row.walletUsd,
        lastTradeId: trade.id,
        trades: [...state.trades, trade].slice(-TRADES_KEPT),
      };
    }
    case "done": {
      const { [row.clientId]: _over, ...orders } = state.orders;
      return { ...now, orders, done: keepDone(state.done, row.clientId, row.done) };
    }
    case "reject": {
      const done: SimDone = { status: "rejected", executedLots: 0 };
      return { ...now, done: keepDone(state.done, row.clientId, done) };
    }
    case "income":
      return {
        ...now,
        walletUsd: row.walletUsd,
        lastIncomeId: row.income.id,
        incomes: [...state.incomes, row.income].slice(-INCOMES_KEPT),
      };
    case "dead_man": {
      const { [row.ticker]: _old, ...others } = state.deadManMs;
      const deadManMs = row.untilMs === 0 ? others : { ...others, [row.ticker]: row.untilMs };
      return { ...now, deadManMs };
    }
    case "at":
      return { ...now, fundedMs: row.fundedMs };
    default:
      return now;
  }
}

function keepDone(
  done: SimState["done"],
  clientId: string,
  entry: SimDone,
): SimState["done"] {
  const next = { ...done, [clientId]: entry };
  const keys = Object.keys(next);
  if (keys.length <= DONE_KEPT) return next;
  return Object.fromEntries(Object.entries(next).slice(keys.length - DONE_KEPT));
}
