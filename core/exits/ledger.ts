/**
 * The engine's own book: what each leg holds, at what average price, booked trade by trade, and how
 * it compares with what the venue says. Always true: a trade id is booked once; a flat leg has no
 * entry; average cost per leg, fees and funding kept beside the gross result.
 */
import { lotsToUsd, unitsToNumber } from "../increments.ts";
import type { EngineEvent } from "../events.ts";
import type { Dict, ExitReason, Market, PositionKey, Side, Ticker, Trade } from "../types.ts";
import { positionKey, signOf } from "../types.ts";

/** One open leg. An episode lasts from flat to flat. */
export type Holding = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly lots: number;
  readonly entryPx: number;
  readonly leverage: number;
  readonly episodeId: string;
  readonly strategyId: string | null;
  readonly source: "fill" | "adopted" | "adjustment";
  readonly openedMs: number;
  readonly updatedMs: number;
  readonly realizedUsd: number;
  readonly feesUsd: number;
  readonly fundingUsd: number;
  /** Dollars that have been closed of it, at their prices. */
  readonly closedUsd: number;
  /** The most it ever held in this episode. */
  readonly maxLots: number;
  /** All that was opened and closed in this episode. */
  readonly opened: Sum;
  readonly closed: Sum;
};

/** Lots and their sum of price times lots. */
export type Sum = { readonly lots: number; readonly pxLots: number };
export const NO_SUM: Sum = { lots: 0, pxLots: 0 };

function plus({ lots, pxLots }: Sum, more: { lots: number; px: number }): Sum {
  return { lots: lots + more.lots, pxLots: pxLots + more.px * more.lots };
}

function averageOf({ lots, pxLots }: Sum): number | null {
  return lots === 0 ? null : pxLots / lots;
}

export type Holdings = Readonly<Record<PositionKey, Holding>>;

/** Trades already booked, per symbol: the newest ids, and up to where nothing can be missing. */
export type Booked = { readonly verifiedId: number; readonly recentIds: readonly number[] };
export const EMPTY_BOOKED: Booked = { verifiedId: 0, recentIds: [] };
const RECENT_IDS_MAX = 64;

/** True when this trade was booked before. */
export function isBooked(booked: Booked | undefined, tradeId: number): boolean {
  if (booked === undefined) return false;
  return tradeId <= booked.verifiedId || booked.recentIds.includes(tradeId);
}

/** Remembers a booked trade. */
export function markBooked(booked: Booked | undefined, tradeId: number): Booked {
  const { verifiedId, recentIds } = booked ?? EMPTY_BOOKED;
  const ids = [...recentIds, tradeId].toSorted((a, b) => a - b);
  const dropped = ids.slice(0, -RECENT_IDS_MAX);
  // What is pushed out of the window is old enough that nothing before it can still be missing.
  return {
    verifiedId: Math.max(verifiedId, dropped.at(-1) ?? 0),
    recentIds: ids.slice(-RECENT_IDS_MAX),
  };
}

/** After a complete answer to "trades after id": nothing up to its newest trade can be missing. */
export function markVerified(booked: Booked | undefined, throughId: number): Booked {
  const { verifiedId, recentIds } = booked ?? EMPTY_BOOKED;
  const through = Math.max(verifiedId, throughId);
  return { verifiedId: through, recentIds: recentIds.filter((id) => id > through) };
}

/** Who ordered a trade: decides the strategy and the reason that its rows carry. */
export type Origin = {
  readonly intentId: string | null;
  readonly strategyId: string | null;
  readonly exitReason: ExitReason | null;
  readonly leverage: number;
};

/** One closed episode, kept for expectancy, performance and the report. */
export type Close = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly strategyId: string | null;
  readonly reason: ExitReason;
  readonly openedMs: number;
  readonly closedMs: number;
  readonly realizedUsd: number;
  readonly feesUsd: number;
  readonly fundingUsd: number;
  /** Dollars that were closed, at their prices. */
  readonly usd: number;
  /** Net result in multiples of what was at risk at the first stop; null without a stop. */
  readonly rMultiple: number | null;
};

/** What is known of a leg besides its trades: how far it went, and the levels it began with. */
export type Journey = {
  readonly bestPx: number;
  readonly worstPx: number;
  readonly levels: { readonly slPx: number | null; readonly tpPx: number | null };
};

export type Booking = {
  readonly holdings: Holdings;
  readonly events: readonly EngineEvent[];
  readonly close: Close | null;
  /** Gross result of the part that was closed; fees stand beside it. */
  readonly realizedUsd: number;
};

/** What an order has executed in all, this trade included. */
export type Executed = {
  readonly lots: number;
  readonly avgPx: number;
  readonly feesUsd: number;
  readonly firstMs: number;
};

/** Books one trade into the leg it belongs to. */
export function bookFill(
  holdings: Holdings,
  trade: Trade,
  origin: Origin,
  { market, executed, journey }: { market: Market; executed: Executed; journey: Journey | null },
): Booking {
  const key = positionKey(trade.ticker, trade.side);
  const held = holdings[key];
  const fill: EngineEvent = {
    kind: "order_fill",
    clientId: trade.clientId,
    intentId: origin.intentId,
    ticker: trade.ticker,
    side: trade.side,
    effect: trade.effect,
    tradeId: trade.id,
    px: trade.px,
    lots: trade.lots,
    feeUsd: trade.feeUsd,
    maker: trade.maker,
    executedLots: executed.lots,
    avgPx: executed.avgPx,
    feesUsd: executed.feesUsd,
    firstMs: executed.firstMs,
    strategyId: origin.strategyId ?? held?.strategyId ?? null,
    exitReason: trade.effect === "close" ? origin.exitReason : null,
    atMs: trade.atMs,
  };
  if (trade.effect === "open") {
    const opened = { ...holdings, [key]: openLeg(held, trade, origin) };
    return { holdings: opened, events: [fill], close: null, realizedUsd: 0 };
  }
  const closing = closeLeg(held, trade, origin, { market, journey });
  const { [key]: _flat, ...others } = holdings;
  const rest = closing.left === null ? others as Holdings : { ...holdings, [key]: closing.left };
  return {
    holdings: rest,
    events: [fill, ...closing.events],
    close: closing.close,
    realizedUsd: closing.realizedUsd,
  };
}

/** Unrealised result of a leg at a price. */
export function unrealizedUsd(holding: Holding, px: number, market: Market): number {
  const qty = unitsToNumber(holding.lots, market.lot);
  return signOf(holding.side) * (px - holding.entryPx) * qty;
}

/** Value of a leg at a price, without sign. */
export function notionalUsd(holding: Holding, px: number, market: Market): number {
  return lotsToUsd(holding.lots, { px, lot: market.lot });
}

/** A name for the time from flat to flat, the same after any restart. */
export function episodeName(key: PositionKey, openedMs: number): string {
  return `${key}:${openedMs}`;
}

function openLeg(held: Holding | undefined, trade: Trade, origin: Origin): Holding {
  if (held === undefined) {
    const key = positionKey(trade.ticker, trade.side);
    return {
      ticker: trade.ticker,
      side: trade.side,
      lots: trade.lots,
      entryPx: trade.px,
      leverage: origin.leverage,
      episodeId: episodeName(key, trade.atMs),
      strategyId: origin.strategyId,
      source: "fill",
      openedMs: trade.atMs,
      updatedMs: trade.atMs,
      realizedUsd: 0,
      feesUsd: trade.feeUsd,
      fundingUsd: 0,
      closedUsd: 0,
      maxLots: trade.lots,
      opened: plus(NO_SUM, trade),
      closed: NO_SUM,
    };
  }
  const lots = held.lots + trade.lots;
  return {
    ...held,
    lots,
    entryPx: (held.entryPx * held.lots + trade.px * trade.lots) / lots,
    feesUsd: held.feesUsd + trade.feeUsd,
    updatedMs: trade.atMs,
    maxLots: Math.max(held.maxLots, lots),
    opened: plus(held.opened, trade),
  };
}

type Closing = {
  readonly left: Holding | null;
  readonly realizedUsd: number;
  readonly close: Close | null;
  readonly events: readonly EngineEvent[];
};

function closeLeg(
  held: Holding | undefined,
  trade: Trade,
  origin: Origin,
  { market, journey }: { market: Market; journey: Journey | null },
): Closing {
  const exitReason = origin.exitReason ?? "external";
  if (held === undefined) {
    // A close without a leg happens when the venue liquidated or a human traded: the venue's own
    // figure is all there is, and reconciliation brings the book back to the venue's truth.
    return { left: null, realizedUsd: trade.realizedUsd, close: null, events: [] };
  }
  const closedLots = Math.min(held.lots, trade.lots);
  const gain = signOf(held.side) * (trade.px - held.entryPx);
  const realizedUsd = gain * unitsToNumber(closedLots, market.lot);
  const lotsAfter = held.lots - closedLots;
  const after: Holding = {
    ...held,
    lots: lotsAfter,
    realizedUsd: held.realizedUsd + realizedUsd,
    feesUsd: held.feesUsd + trade.feeUsd,
    closedUsd: held.closedUsd + trade.px * unitsToNumber(closedLots, market.lot),
    closed: plus(held.closed, { lots: closedLots, px: trade.px }),
    updatedMs: trade.atMs,
  };
  const closeRow: EngineEvent = {
    kind: "order_close",
    clientId: trade.clientId,
    intentId: origin.intentId,
    ticker: trade.ticker,
    side: trade.side,
    effect: "close",
    tradeId: trade.id,
    px: trade.px,
    closedLots,
    realizedUsd,
    feeUsd: trade.feeUsd,
    lotsBefore: held.lots,
    lotsAfter,
    strategyId: held.strategyId,
    exitReason,
    episodeId: held.episodeId,
    final: lotsAfter === 0,
    atMs: trade.atMs,
  };
  if (lotsAfter > 0) return { left: after, realizedUsd, close: null, events: [closeRow] };
  const ended = endEpisode(after, exitReason, { closedMs: trade.atMs, market, journey });
  return { left: null, realizedUsd, close: ended.close, events: [closeRow, ended.event] };
}

/** The last row of a leg that is flat now: what it was, what it came to, how far it went. */
export function endEpisode(
  holding: Holding,
  reason: ExitReason,
  { closedMs, market, journey }: {
    closedMs: number;
    /** Null: what a lot is worth is not known, nor what was at risk. */
    market: Market | null;
    journey: Journey | null;
  },
): { close: Close; event: EngineEvent } {
  const { ticker, side, strategyId, openedMs, realizedUsd, feesUsd, fundingUsd } = holding;
  const result = { realizedUsd, feesUsd, fundingUsd };
  const rMultiple = multipleOf(holding, market, journey?.levels.slPx ?? null);
  const usd = holding.closedUsd;
  return {
    close: { ticker, side, strategyId, reason, openedMs, closedMs, ...result, usd, rMultiple },
    event: {
      kind: "episode_end",
      episodeId: holding.episodeId,
      key: positionKey(ticker, side),
      ticker,
      strategyId,
      openedMs,
      closedMs,
      ...result,
      exitReason: reason,
      maxLots: holding.maxLots,
      entryPx: averageOf(holding.opened),
      exitPx: averageOf(holding.closed),
      slPx: journey?.levels.slPx ?? null,
      tpPx: journey?.levels.tpPx ?? null,
      ...excursions(holding, journey),
      rMultiple,
    },
  };
}

/** Best and worst result on the way, as fractions of the entry; the exit itself was on the way. */
function excursions(
  { side, opened, closed }: Holding,
  journey: Journey | null,
): { mfeFrac: number | null; maeFrac: number | null } {
  const entryPx = averageOf(opened);
  if (entryPx === null || journey === null) return { mfeFrac: null, maeFrac: null };
  const pricesPx = [journey.bestPx, journey.worstPx, averageOf(closed) ?? entryPx, entryPx];
  const gains = pricesPx.map((px) => signOf(side) * (px / entryPx - 1));
  return { mfeFrac: Math.max(...gains), maeFrac: Math.min(...gains) };
}

/** Net result over what the largest size would have lost from entry to its first stop. */
function multipleOf(
  { opened, maxLots, realizedUsd, feesUsd, fundingUsd }: Holding,
  market: Market | null,
  slPx: number | null,
): number | null {
  const entryPx = averageOf(opened);
  if (entryPx === null || market === null || slPx === null) return null;
  const riskUsd = Math.abs(entryPx - slPx) * unitsToNumber(maxLots, market.lot);
  return riskUsd > 0 ? (realizedUsd - feesUsd + fundingUsd) / riskUsd : null;
}

/** Adds funding to the leg that paid or received it. */
export function bookFunding(holdings: Holdings, key: PositionKey, usd: number): Holdings {
  const held = holdings[key];
  if (held === undefined) return holdings;
  return { ...holdings, [key]: { ...held, fundingUsd: held.fundingUsd + usd } };
}

/** The four lists that say whether venue, book and registry agree; each is sorted. */
export type Reconciliation = {
  readonly missingLedger: readonly PositionKey[];
  readonly ghostLedger: readonly PositionKey[];
  readonly missingLevels: readonly PositionKey[];
  readonly staleLevels: readonly PositionKey[];
};

/** True when any of the four lists names a leg. */
export function hasMismatch(lists: Reconciliation): boolean {
  return Object.values(lists).some((keys) => keys.length > 0);
}

type LevelPair = { readonly slPx: number | null; readonly tpPx: number | null };

/**
 * Compares the legs the venue shows with the engine's book and with the registry of levels. A leg
 * counts as covered only when both the book's view and the registry have at least one level.
 */
export function reconcileKeys(
  { venue, ledger, registry }: {
    venue: readonly PositionKey[];
    ledger: Dict<LevelPair>;
    registry: Dict<LevelPair>;
  },
): Reconciliation {
  const shown = new Set<string>(venue);
  const hasLevel = (pair: LevelPair | undefined) =>
    pair !== undefined && (pair.slPx !== null || pair.tpPx !== null);
  const sorted = (keys: readonly string[]) => keys.toSorted() as PositionKey[];
  const booked = Object.keys(ledger);
  return {
    missingLedger: sorted([...shown].filter((key) => ledger[key] === undefined)),
    ghostLedger: sorted(booked.filter((key) => !shown.has(key))),
    missingLevels: sorted(
      booked.filter((key) => !hasLevel(ledger[key]) || !hasLevel(registry[key])),
    ),
    staleLevels: sorted(Object.keys(registry).filter((key) => !shown.has(key))),
  };
}
