/**
 * The venue's legs against the book's. A difference is a question first (trades may be under way),
 * then the venue's truth: the book takes it over, says so, and the leg is protected like any other.
 * Bounded and idempotent: without a difference nothing happens; with one it ends in two steps, or
 * after three questions that nobody answers.
 */
import type { EngineEvent } from "../events.ts";
import type { Account, Dict, ExitReason, PositionKey, Ticker, VenuePosition } from "../types.ts";
import { positionKey } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";
import { type Close, endEpisode, NO_SUM } from "./episode.ts";
import { episodeName, type Holding, type Holdings } from "./ledger.ts";
import { adjustParcels, foundParcel } from "./parcels.ts";
import type { Registry } from "./registry.ts";

/** How long trades that explain a difference may be under way. */
export const DIFFERENCE_PATIENCE_MS = 2 * MS_PER_SECOND;
/** After so many questions without an answer the venue's legs are believed without its trades. */
const ASKED_MAX_COUNT = 3;

/** A leg on which book and venue differ. */
export type Difference = {
  readonly sinceMs: number;
  readonly venueLots: number;
  readonly askedMs: number;
  readonly askedCount: number;
  readonly answered: boolean;
};
export type Differences = Readonly<Record<PositionKey, Difference>>;

export type Reconciled = {
  readonly holdings: Holdings;
  readonly differences: Differences;
  /** Symbols whose trades must be asked for at once. */
  readonly ask: readonly Ticker[];
  readonly closes: readonly Close[];
  readonly events: readonly EngineEvent[];
};

/** What a difference is judged by besides book and venue. */
export type ReconcileSight = {
  readonly registry: Registry;
  /** When the newest trade of each symbol was made. */
  readonly lastFillMs: Dict<number>;
  /** The market's own mark, for a leg that the venue tells without any price; null: unknown. */
  readonly markPx: (ticker: Ticker) => number | null;
  readonly nowMs: number;
};

/**
 * Compares and acts. Call with good readings only: a failed read is no evidence of anything, nor is
 * one that was taken before the newest trade of its symbol (`lastFillMs`).
 */
export function reconcile(
  { holdings, differences }: { holdings: Holdings; differences: Differences },
  account: Account,
  sight: ReconcileSight,
): Reconciled {
  const { nowMs, lastFillMs } = sight;
  const shown = new Map<PositionKey, VenuePosition>();
  for (const leg of account.positions) shown.set(positionKey(leg.ticker, leg.side), leg);
  const keys = [...new Set([...Object.keys(holdings), ...shown.keys()])] as PositionKey[];
  let result: Reconciled = { holdings, differences: {}, ask: [], closes: [], events: [] };
  for (const key of keys.toSorted()) {
    const leg = shown.get(key) ?? null;
    const held = holdings[key] ?? null;
    const venueLots = leg?.lots ?? 0;
    const known = differences[key];
    const ticker = (leg ?? held)!.ticker;
    if (account.atMs <= (lastFillMs[ticker] ?? 0)) {
      if (known !== undefined) result = remember(result, key, known, null);
      continue;
    }
    if (venueLots === (held?.lots ?? 0)) continue;
    const askedCount = known?.askedCount ?? 0;
    const isAnother = known?.venueLots !== venueLots && askedCount < ASKED_MAX_COUNT;
    if (known === undefined || isAnother) {
      const asked = { askedMs: nowMs, askedCount: askedCount + 1, answered: false };
      const fresh = { sinceMs: nowMs, venueLots, ...asked };
      result = remember(result, key, fresh, ticker);
    } else if (account.atMs - known.sinceMs < DIFFERENCE_PATIENCE_MS) {
      result = remember(result, key, known, null);
    } else if (known.answered) {
      result = takeOver(result, key, { leg, held, known, readMs: account.atMs, ...sight });
    } else if (nowMs - known.askedMs < DIFFERENCE_PATIENCE_MS) {
      result = remember(result, key, known, null);
    } else if (askedCount < ASKED_MAX_COUNT) {
      const asked = { ...known, askedMs: nowMs, askedCount: askedCount + 1 };
      result = remember(result, key, asked, ticker);
    } else result = takeOver(result, key, { leg, held, known, readMs: account.atMs, ...sight });
  }
  return unchanged(result, differences) ? { ...result, differences } : result;
}

/** Notes that the venue has answered for a symbol: what still differs then is the venue's truth. */
export function noteAnswer(differences: Differences, ticker: Ticker): Differences {
  const noted: Record<PositionKey, Difference> = { ...differences };
  let changed = false;
  for (const [key, difference] of Object.entries(differences) as [PositionKey, Difference][]) {
    if (!key.startsWith(`${ticker}:`) || difference.answered) continue;
    noted[key] = { ...difference, answered: true };
    changed = true;
  }
  return changed ? noted : differences;
}

/** When a difference wants to be looked at again; null without one. */
export function differenceDeadlineMs(differences: Differences): number | null {
  let earliest: number | null = null;
  for (const { sinceMs, askedMs } of Object.values(differences)) {
    const dueMs = Math.max(sinceMs, askedMs) + DIFFERENCE_PATIENCE_MS;
    if (earliest === null || dueMs < earliest) earliest = dueMs;
  }
  return earliest;
}

function remember(
  result: Reconciled,
  key: PositionKey,
  difference: Difference,
  ask: Ticker | null,
): Reconciled {
  return {
    ...result,
    differences: { ...result.differences, [key]: difference },
    ask: ask === null ? result.ask : [...result.ask, ask],
  };
}

type Taking = ReconcileSight & {
  readonly leg: VenuePosition | null;
  readonly held: Holding | null;
  readonly known: Difference;
  /** When the venue was read. */
  readonly readMs: number;
};

function takeOver(result: Reconciled, key: PositionKey, taking: Taking): Reconciled {
  const { leg, held, known, markPx } = taking;
  if (leg === null) return dropped(result, key, held!, taking);
  const entryPx = leg.entryPx ?? held?.entryPx ?? leg.mark?.px ?? markPx(leg.ticker);
  // Without any price there is nothing to book it at: it stays a difference, and entries stay off.
  if (entryPx === null) return remember(result, key, known, null);
  const taken = held === null
    ? adopted(leg, entryPx, taking)
    : adjusted(held, { ...leg, entryPx }, taking);
  return {
    ...result,
    holdings: { ...result.holdings, [key]: taken },
    events: [...result.events, adjustmentRow(key, entryPx, taking)],
  };
}

function adjustmentRow(
  key: PositionKey,
  px: number | null,
  { leg, held, known: { answered } }: Taking,
): EngineEvent {
  return {
    kind: "adjustment",
    key,
    fromLots: held?.lots ?? 0,
    toLots: leg?.lots ?? 0,
    px,
    source: held === null ? "adopted" : "adjustment",
    answered,
  };
}

function adopted(
  { ticker, side, lots, leverage }: VenuePosition,
  entryPx: number,
  { nowMs, readMs }: Taking,
): Holding {
  return {
    ticker,
    side,
    lots,
    entryPx,
    leverage: leverage ?? 1,
    episodeId: episodeName(positionKey(ticker, side), nowMs),
    strategyId: null,
    source: "adopted",
    openedMs: nowMs,
    updatedMs: nowMs,
    realizedUsd: 0,
    feesUsd: 0,
    fundingUsd: 0,
    closedUsd: 0,
    maxLots: lots,
    opened: { lots, pxLots: lots * entryPx },
    closed: NO_SUM,
    parcels: [foundParcel({ side, lots, px: entryPx, atMs: nowMs })],
    earned: [],
    parts: [],
    averageUsd: 0,
    takenMs: readMs,
  };
}

function adjusted(
  held: Holding,
  { side, lots, entryPx }: VenuePosition & { entryPx: number },
  { nowMs, readMs }: Taking,
): Holding {
  return {
    ...held,
    lots,
    entryPx,
    source: "adjustment",
    updatedMs: nowMs,
    maxLots: Math.max(held.maxLots, lots),
    parcels: adjustParcels(held, { side, lots, entryPx, atMs: nowMs }),
    takenMs: readMs,
  };
}

/** The book did not see how the leg ended: what it came to in multiples of its risk is not known. */
function dropped(
  result: Reconciled,
  key: PositionKey,
  held: Holding,
  taking: Taking,
): Reconciled {
  const guard = taking.registry[key];
  const reason: ExitReason = "external";
  const ended = endEpisode(held, reason, {
    closedMs: taking.nowMs,
    market: null,
    journey: guard?.episodeId === held.episodeId ? guard : null,
    conditions: null,
  });
  const { [key]: _gone, ...others } = result.holdings;
  return {
    ...result,
    holdings: others as Holdings,
    closes: [...result.closes, ended.close],
    events: [...result.events, adjustmentRow(key, null, taking), ended.event],
  };
}

function unchanged({ differences }: Reconciled, before: Differences): boolean {
  const keys = Object.keys(differences) as PositionKey[];
  return keys.length === Object.keys(before).length &&
    keys.every((key) => differences[key] === before[key]);
}
