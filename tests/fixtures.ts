/** One constructor per thing, every option defaulted: a test names only what it is about. */
import type { Holding } from "../core/exits/ledger.ts";
import type { Parcel } from "../core/exits/parcels.ts";
import type { Close } from "../core/exits/episode.ts";
import type { Guard } from "../core/exits/registry.ts";
import { exitRules, exitsShape } from "../core/exits/registry.ts";
import type { NewOrder } from "../core/ports.ts";
import { type Filters, marketOf } from "../core/router/normalize.ts";
import type { Order } from "../core/router/orders.ts";
import type { RouterPolicy } from "../core/router/policy.ts";
import type { Child, Route } from "../core/router/route.ts";
import { NO_SHORTFALL } from "../core/router/shortfall.ts";
import { routerRules, routerShape } from "../core/router/rules.ts";
import type {
  Account,
  Approved,
  Book,
  Entry,
  Levels,
  Market,
  Reduce,
  Ticker,
  Trade,
  VenuePosition,
} from "../core/types.ts";
import { chance } from "../core/venues/chance.ts";
import { z } from "zod";

/** The first instant of most tests: midnight UTC, on the grid of every candle. */
export const T0 = Date.UTC(2026, 0, 5);
export const BTC = "BTCUSDT" as Ticker;
export const ETH = "ETHUSDT" as Ticker;

export function market(filters: Partial<Filters> = {}, ticker = BTC): Market {
  return marketOf({
    tick: "0.1",
    minPrice: "1",
    maxPrice: "1000000",
    step: "0.001",
    minQty: "0.001",
    maxQty: "1000",
    marketStep: "0.001",
    marketMinQty: "0.001",
    marketMaxQty: "1000",
    minNotional: "5",
    ...filters,
  }, { ticker, maxLeverage: 20 });
}

/** A book around 60,000: three levels a side, one tick apart. */
export function book(
  { bidTicks = 599_995, askTicks = 600_005, lots = 100_000, atMs = T0 }: {
    bidTicks?: number;
    askTicks?: number;
    lots?: number;
    atMs?: number;
  } = {},
): Book {
  const side = (best: number, step: 1 | -1) =>
    [0, 1, 2].map((i) => ({ priceTicks: best + i * step, lots }));
  return { atMs, bids: side(bidTicks, -1), asks: side(askTicks, 1) };
}

export function levels(changes: Partial<Levels> = {}): Levels {
  return {
    slPx: 59_000,
    tpPx: 62_000,
    trailFrac: null,
    maxHoldMs: null,
    slAtrMult: null,
    tpAtrMult: null,
    atr: null,
    ...changes,
  };
}

export function entry(changes: Partial<Entry> = {}): Entry {
  return {
    kind: "entry",
    id: "e-1",
    strategyId: "s1",
    ticker: BTC,
    side: "LONG",
    tier: "CORE",
    grossUsd: 300,
    leverage: 1,
    allowAdd: false,
    refPx: 60_000,
    levels: levels(),
    timeframeMs: 900_000,
    candleCloseMs: T0,
    decidedMs: T0,
    ...changes,
  };
}

export function approvedEntry(changes: Partial<Entry> = {}): Approved<Entry> {
  return entry(changes) as Approved<Entry>;
}

export function approvedReduce(changes: Partial<Reduce> = {}): Approved<Reduce> {
  const reduce: Omit<Reduce, "kind"> = {
    id: "x-1",
    strategyId: "s1",
    ticker: BTC,
    side: "LONG",
    lots: 5,
    reason: "tp",
    urgent: false,
    decidedMs: T0,
    ...changes,
  };
  return { kind: "reduce", ...reduce } as Approved<Reduce>;
}

export function trade(changes: Partial<Trade> = {}): Trade {
  return {
    id: 1,
    clientId: "c-1",
    ticker: BTC,
    side: "LONG",
    effect: "open",
    px: 60_000,
    lots: 5,
    feeUsd: 0.1,
    maker: true,
    realizedUsd: 0,
    atMs: T0,
    cause: "order",
    ...changes,
  };
}

/**
 * A venue's own book beside the engine's: gives each trade the result the venue would tell of it, at
 * the average price of all that was opened. A lot is a thousandth of a coin.
 */
export function venueBook(): (changes: Partial<Trade>) => Trade {
  const legs = new Map<string, { lots: number; pxLots: number }>();
  return (changes) => {
    const one = trade(changes);
    const leg = legs.get(one.side) ?? { lots: 0, pxLots: 0 };
    if (one.effect === "open") {
      legs.set(one.side, { lots: leg.lots + one.lots, pxLots: leg.pxLots + one.px * one.lots });
      return one;
    }
    const avgPx = leg.pxLots / leg.lots;
    legs.set(one.side, { lots: leg.lots - one.lots, pxLots: leg.pxLots - avgPx * one.lots });
    const gain = one.side === "LONG" ? one.px - avgPx : avgPx - one.px;
    return { ...one, realizedUsd: gain * one.lots / 1_000 };
  };
}

/** Lots of one entry, as big as the leg they are all of. */
export function parcel(changes: Partial<Parcel> = {}): Parcel {
  return {
    side: "LONG",
    lots: 5,
    px: 60_000,
    atMs: T0,
    strategyId: "s1",
    intentId: "e-1",
    feeUsd: 0,
    fundingUsd: 0,
    ...changes,
  };
}

export function holding(changes: Partial<Holding> = {}): Holding {
  const { side = "LONG", lots = 5, entryPx = 60_000, strategyId = "s1" } = changes;
  return {
    ticker: BTC,
    side,
    lots,
    entryPx,
    leverage: 1,
    episodeId: `BTCUSDT:LONG:${T0}`,
    strategyId: "s1",
    source: "fill",
    openedMs: T0,
    updatedMs: T0,
    realizedUsd: 0,
    feesUsd: 0,
    fundingUsd: 0,
    closedUsd: 0,
    maxLots: 5,
    opened: { lots: 5, pxLots: 300_000 },
    closed: { lots: 0, pxLots: 0 },
    parcels: [parcel({ side, lots, px: entryPx, strategyId })],
    earned: [],
    parts: [],
    averageUsd: 0,
    takenMs: null,
    ...changes,
  };
}

/** A closed position that left at its target. */
export function close(changes: Partial<Close> = {}): Close {
  return {
    ticker: BTC,
    side: "LONG",
    strategyId: "s1",
    reason: "tp",
    openedMs: T0,
    closedMs: T0 + 1,
    realizedUsd: 10,
    feesUsd: 1,
    fundingUsd: -0.5,
    usd: 300,
    rMultiple: 2,
    earned: [],
    parts: [],
    conditions: { range: 1, drawdown: 0, mode: "OK" },
    ...changes,
  };
}

export function guard(changes: Partial<Guard> = {}): Guard {
  const { slPx, tpPx } = changes.levels ?? levels();
  return {
    ticker: BTC,
    side: "LONG",
    episodeId: `BTCUSDT:LONG:${T0}`,
    strategyId: "s1",
    source: "intent",
    entryPx: 60_000,
    lots: 5,
    levels: levels(),
    initialLevels: { slPx, tpPx },
    isProvisional: false,
    openedMs: T0,
    registeredMs: T0,
    updatedMs: T0,
    bestPx: 60_000,
    worstPx: 60_000,
    stop: null,
    bridge: null,
    stopAttempts: 0,
    target: null,
    targetAttempts: 0,
    targetRetryMs: 0,
    stopRetryMs: 0,
    nakedSinceMs: null,
    exit: null,
    exitAttempts: 0,
    passedPx: null,
    flatSinceMs: null,
    ...changes,
  };
}

export function position(changes: Partial<VenuePosition> = {}): VenuePosition {
  return {
    ticker: BTC,
    side: "LONG",
    lots: 5,
    entryPx: 60_000,
    mark: { px: 60_000, atMs: T0 },
    unrealizedUsd: 0,
    leverage: 1,
    liquidationPx: null,
    ...changes,
  };
}

export function account(changes: Partial<Account> = {}): Account {
  return { atMs: T0, walletQty: { USDT: 10_000 }, positions: [], openOrders: [], ...changes };
}

export function newOrder(changes: Partial<NewOrder> = {}): NewOrder {
  return {
    clientId: "c-1",
    ticker: BTC,
    side: "LONG",
    effect: "open",
    kind: "limit",
    tif: "GTX",
    lots: 5,
    priceTicks: 599_990,
    stopTicks: null,
    closePosition: false,
    leverage: 1,
    ...changes,
  };
}

export function order(changes: Partial<Order> = {}): Order {
  return {
    ...newOrder(),
    intentId: "e-1",
    ownerId: "r:e-1",
    state: "open",
    sentMs: T0,
    ackMs: T0 + 50,
    submission: null,
    filledLots: 0,
    costPxLots: 0,
    feesUsd: 0,
    firstFillMs: null,
    lastFillMs: null,
    status: null,
    executedLots: null,
    rejectCode: null,
    cancelMs: null,
    doneMs: null,
    query: null,
    ...changes,
  };
}

/** A policy that quotes two basis points behind mid. */
export const POLICY: RouterPolicy = {
  makerFirst: true,
  bias: "prefer_maker",
  quality: "ok",
  offsetBps: 2,
  reason: "test",
};

/** A child that has just begun. */
export function child(changes: Partial<Child> = {}): Child {
  return {
    number: 0,
    queuedMs: null,
    startedMs: null,
    midPx: 60_000,
    offsetBps: 2,
    rejections: 0,
    requotes: 0,
    takerTries: 0,
    retries: 0,
    filledBefore: 0,
    isExplained: false,
    ...changes,
  };
}

export function route(changes: Partial<Route> = {}): Route {
  return {
    id: "r:e-1",
    intentId: "e-1",
    strategyId: "s1",
    ticker: BTC,
    side: "LONG",
    effect: "open",
    lots: 5,
    leverage: 1,
    urgent: false,
    exitReason: null,
    levels: levels(),
    decidedMs: T0,
    decisionMidPx: 60_000,
    expectedBps: null,
    policy: POLICY,
    bucket: "A_HIGH",
    makerVetoes: [],
    twap: null,
    child: child(),
    leftIds: [],
    filledLots: 0,
    makerLots: 0,
    costPxLots: 0,
    costs: NO_SHORTFALL,
    feesUsd: 0,
    makerOrders: 0,
    rejections: 0,
    requotes: 0,
    failures: 0,
    refusedCode: null,
    makerEnd: null,
    ackLatencyMs: null,
    clientIds: [],
    step: { kind: "quote", sinceMs: T0, notBeforeMs: T0 },
    ...changes,
  };
}

/** The router's rules with every key at its default. */
export const ROUTER_RULES = routerRules(z.object(routerShape).parse({}));
/** The exits' rules with every key at its default. */
export const EXIT_RULES = exitRules(z.object(exitsShape).parse({}));

/** Numbers in [0, 1) that are the same in every run. */
export function dice(seed: number): () => number {
  let count = 0;
  return () => chance(seed, count++);
}

/** Makes a write anywhere inside a value an error. */
export function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) freeze(item);
  }
  return value;
}
