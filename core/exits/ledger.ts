/**
 * The engine's own book: what each leg holds, at what average price, booked trade by trade, and how
 * it compares with what the venue says. Always true: a trade id is booked once; a flat leg has no
 * entry; average cost per leg, fees and funding kept beside the gross result.
 */
import { lotsToUsd, unitsToNumber } from "../increments.ts";
import type { EngineEvent } from "../events.ts";
import type {
  Conditions,
  Earned,
  Effect,
  ExitReason,
  Market,
  PositionKey,
  Side,
  Ticker,
  Trade,
} from "../types.ts";
import { buys, positionKey, signOf } from "../types.ts";
import {
  addPart,
  addTo,
  type Close,
  endEpisode,
  type Journey,
  NO_SUM,
  type Part,
  type Sum,
} from "./episode.ts";
import { addEarned, type Closed, deal, fundParcels, type Parcel, totalOf } from "./parcels.ts";

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
  /** Gross, as the venue tells it of each trade. */
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
  /** What is open by entry, oldest first: it adds up to `lots`. */
  readonly parcels: readonly Parcel[];
  /** What has been closed in this episode, by strategy. */
  readonly earned: readonly Earned[];
  /** What has been closed in this episode, by day and setting. */
  readonly parts: readonly Part[];
  /** The result at the book's own average cost: the other opinion on `realizedUsd`. */
  readonly averageUsd: number;
  /** The venue's size was taken over as of then: trades up to then are in it. Null: never. */
  readonly takenMs: number | null;
};

export type Holdings = Readonly<Record<PositionKey, Holding>>;

/** Who ordered a trade: decides the strategy and the reason that its rows carry. */
export type Origin = {
  readonly intentId: string | null;
  readonly strategyId: string | null;
  readonly exitReason: ExitReason | null;
  readonly leverage: number;
};

export type Booking = {
  readonly holdings: Holdings;
  readonly events: readonly EngineEvent[];
  readonly close: Close | null;
  /** The leg as it ended, when this trade ended it. */
  readonly ended: Holding | null;
  /** Gross result as the venue tells it; fees stand beside it. */
  readonly realizedUsd: number;
  /** Lots of a trade that closes which the book did not hold. */
  readonly excessLots: number;
};

/** What is known beside the trade itself. */
type Sight = {
  readonly market: Market;
  readonly journey: Journey | null;
  /** Of a trade that closes. */
  readonly conditions: Conditions | null;
};

/** What an order has executed in all, this trade included. */
export type Executed = {
  readonly lots: number;
  readonly avgPx: number;
  readonly feesUsd: number;
  readonly firstMs: number;
  /** Nothing of the order is left to be filled; null where its size is not known. */
  readonly isFilled: boolean | null;
};

/** Books one trade into the leg it belongs to; `goneLots` of an entry have been closed already. */
export function bookFill(
  holdings: Holdings,
  trade: Trade,
  origin: Origin,
  { executed, goneLots = 0, ...sight }: Sight & { executed: Executed; goneLots?: number },
): Booking {
  const key = positionKey(trade.ticker, trade.side);
  const held = holdings[key];
  const fill = fillRow(trade, origin, { held, executed });
  if (isTaken(held, trade)) return bookTaken(holdings, trade, fill, { origin, ...sight });
  const { lotsBefore, lotsAfter } = moved(held, trade);
  const mark = closeMark({ effect: trade.effect, lotsBefore, lotsAfter });
  if (mark === null) {
    const nothing = { events: [fill], close: null, ended: null, realizedUsd: 0, excessLots: 0 };
    const lots = trade.lots - goneLots;
    if (lots === 0) return { holdings, ...nothing };
    const rest = { ...trade, lots, feeUsd: trade.feeUsd * lots / trade.lots };
    return { holdings: { ...holdings, [key]: openLeg(held, rest, origin, sight) }, ...nothing };
  }
  const { left, events, ...closing } = held === undefined
    ? closeNothing(trade, origin, sight)
    : closeLeg(held, trade, origin, { ...sight, mark });
  const { [key]: _flat, ...others } = holdings;
  const rest = left === null ? others as Holdings : { ...holdings, [key]: left };
  const excessLots = trade.lots - (lotsBefore - lotsAfter);
  return { ...closing, holdings: rest, events: [fill, ...events], excessLots };
}

function fillRow(
  trade: Trade,
  origin: Origin,
  { held, executed }: { held: Holding | undefined; executed: Executed },
): EngineEvent {
  return {
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
    isFilled: executed.isFilled,
    strategyId: origin.strategyId ?? held?.strategyId ?? null,
    exitReason: trade.effect === "close" ? origin.exitReason : null,
    atMs: trade.atMs,
  };
}

/** A trade that is in the leg's size already: it moves money alone, as the venue tells it. */
function bookTaken(
  holdings: Holdings,
  trade: Trade,
  fill: EngineEvent,
  { origin, ...sight }: Sight & { origin: Origin },
): Booking {
  const { realizedUsd, events } = closeNothing(trade, origin, sight);
  const rows = trade.effect === "open" ? [fill] : [fill, ...events];
  const result = trade.effect === "open" ? 0 : realizedUsd;
  return { holdings, events: rows, close: null, ended: null, realizedUsd: result, excessLots: 0 };
}

/** True for a trade that came late: the leg's size was taken over from the venue with it in. */
function isTaken(held: Holding | undefined, { atMs }: Trade): boolean {
  return held !== undefined && held.takenMs !== null && atMs <= held.takenMs;
}

/** A trade that closes: every one has its row, and the one after which nothing is held says so. */
export type CloseMark = "part" | "final";

const HALF_LOT = 0.5;

/** Whether a trade closes, and whether it is the last of its leg; null: it writes no closing row. */
export function closeMark(
  { effect, lotsBefore, lotsAfter }: { effect: Effect; lotsBefore: number; lotsAfter: number },
): CloseMark | null {
  if (effect === "open") return null;
  const isFlat = Math.abs(lotsAfter) < HALF_LOT || lotsBefore * lotsAfter < 0;
  return isFlat ? "final" : "part";
}

/** What a trade does to the size of its leg; nothing that closes takes more than there is. */
function moved(held: Holding | undefined, { effect, lots }: Trade) {
  const lotsBefore = held?.lots ?? 0;
  const lotsAfter = effect === "open" ? lotsBefore + lots : Math.max(0, lotsBefore - lots);
  return { lotsBefore, lotsAfter };
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

function openLeg(
  held: Holding | undefined,
  trade: Trade,
  origin: Origin,
  { market }: Sight,
): Holding {
  const { parcels } = dealt(held, trade, origin, market);
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
      opened: addTo(NO_SUM, trade),
      closed: NO_SUM,
      parcels,
      earned: [],
      parts: [],
      averageUsd: 0,
      takenMs: null,
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
    opened: addTo(held.opened, trade),
    parcels,
  };
}

/** The trade among the parcels of its leg; one that closes never opens any. */
function dealt(held: Holding | undefined, trade: Trade, origin: Origin, market: Market) {
  const { lots, px, feeUsd, atMs, effect } = trade;
  const { strategyId, intentId } = origin;
  const side = buys(trade.side, effect) ? "LONG" as const : "SHORT" as const;
  const made = { side, lots, px, feeUsd, atMs, strategyId, intentId };
  return deal(held?.parcels ?? [], { ...made, closeOnly: effect === "close" }, market.lot);
}

type Closing = Omit<Booking, "holdings" | "excessLots"> & { readonly left: Holding | null };

/**
 * A close without a leg happens when the venue liquidated or a human traded: the venue's own figure
 * is all there is, and reconciliation brings the book back to the venue's truth.
 */
function closeNothing(trade: Trade, origin: Origin, { conditions }: Sight): Closing {
  const { realizedUsd } = trade;
  const row = closeRow(trade, origin, { held: null, realizedUsd, closed: null, conditions });
  return { left: null, realizedUsd, close: null, ended: null, events: [row] };
}

function closeLeg(
  held: Holding,
  trade: Trade,
  origin: Origin,
  { mark, ...sight }: Sight & { mark: CloseMark },
): Closing {
  const { market, conditions } = sight;
  const { parcels, closed } = dealt(held, trade, origin, market);
  const { lotsBefore, lotsAfter } = moved(held, trade);
  const closedLots = lotsBefore - lotsAfter;
  const { realizedUsd } = trade;
  const gain = signOf(held.side) * (trade.px - held.entryPx);
  const row = closeRow(trade, origin, { held, realizedUsd, closed, conditions });
  const after: Holding = {
    ...held,
    lots: lotsAfter,
    realizedUsd: held.realizedUsd + realizedUsd,
    feesUsd: held.feesUsd + trade.feeUsd,
    closedUsd: held.closedUsd + trade.px * unitsToNumber(closedLots, market.lot),
    closed: addTo(held.closed, { lots: closedLots, px: trade.px }),
    parcels,
    earned: (closed?.earned ?? []).reduce(addEarned, held.earned),
    parts: addPart(held.parts, { atMs: trade.atMs, conditions, usd: row.netUsd ?? 0 }),
    averageUsd: held.averageUsd + gain * unitsToNumber(closedLots, market.lot),
    updatedMs: trade.atMs,
  };
  if (mark === "part") {
    return { left: after, realizedUsd, close: null, ended: null, events: [row] };
  }
  const reason = origin.exitReason ?? "external";
  const { close, event } = endEpisode(after, reason, { closedMs: trade.atMs, ...sight });
  return { left: null, realizedUsd, close, ended: after, events: [row, event] };
}

/** Every trade that closes has its row; figures that nobody can tell of it are null. */
function closeRow(
  trade: Trade,
  origin: Origin,
  { held, realizedUsd, closed, conditions }: {
    held: Holding | null;
    realizedUsd: number;
    closed: Closed | null;
    conditions: Conditions | null;
  },
): Extract<EngineEvent, { kind: "order_close" }> {
  const { lotsBefore, lotsAfter } = moved(held ?? undefined, trade);
  const sums = closed === null ? null : totalOf(closed.earned);
  return {
    kind: "order_close",
    clientId: trade.clientId,
    intentId: origin.intentId,
    ticker: trade.ticker,
    side: trade.side,
    effect: "close",
    tradeId: trade.id,
    px: trade.px,
    closedLots: lotsBefore - lotsAfter,
    realizedUsd,
    feeUsd: trade.feeUsd,
    entryFeesUsd: sums?.entryFeesUsd ?? null,
    fundingUsd: sums?.fundingUsd ?? null,
    netUsd: sums === null ? null : realizedUsd - sums.entryFeesUsd - trade.feeUsd + sums.fundingUsd,
    earned: closed?.earned ?? [],
    conditions,
    lotsBefore,
    lotsAfter,
    strategyId: held === null ? origin.strategyId : held.strategyId,
    exitReason: origin.exitReason ?? "external",
    episodeId: held?.episodeId ?? null,
    final: lotsAfter === 0,
    atMs: trade.atMs,
  };
}

/** Adds funding to the leg that paid or received it. */
export function bookFunding(holdings: Holdings, key: PositionKey, usd: number): Holdings {
  const held = holdings[key];
  if (held === undefined) return holdings;
  const parcels = fundParcels(held.parcels, usd);
  return { ...holdings, [key]: { ...held, parcels, fundingUsd: held.fundingUsd + usd } };
}
