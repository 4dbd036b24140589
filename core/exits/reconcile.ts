/**
 * The venue's legs against the book's. A difference is a question first (trades may be under way),
 * then the venue's truth: the book takes it over, says so, and the leg is protected like any other.
 * Bounded and idempotent: without a difference nothing happens, with one it ends in two steps.
 */
import type { EngineEvent } from "../events.ts";
import type { Account, Dict, ExitReason, PositionKey, Ticker, VenuePosition } from "../types.ts";
import { positionKey } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";
import { type Close, endEpisode, NO_SUM } from "./episode.ts";
import { episodeName, type Holding, type Holdings } from "./ledger.ts";
import { adjustParcels, foundParcel } from "./parcels.ts";

/** How long trades that explain a difference may be under way. */
export const DIFFERENCE_PATIENCE_MS = 2 * MS_PER_SECOND;

/** A leg on which book and venue differ. */
export type Difference = {
  readonly sinceMs: number;
  readonly venueLots: number;
  readonly askedMs: number;
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

/**
 * Compares and acts. Call with good readings only: a failed read is no evidence of anything, nor is
 * one that was taken before the newest trade of its symbol (`lastFillMs`).
 */
export function reconcile(
  { holdings, differences, lastFillMs }: {
    holdings: Holdings;
    differences: Differences;
    lastFillMs: Dict<number>;
  },
  account: Account,
  nowMs: number,
): Reconciled {
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
    if (known === undefined || known.venueLots !== venueLots) {
      const fresh = { sinceMs: nowMs, venueLots, askedMs: nowMs, answered: false };
      result = remember(result, key, fresh, ticker);
    } else if (account.atMs - known.sinceMs < DIFFERENCE_PATIENCE_MS) {
      result = remember(result, key, known, null);
    } else if (!known.answered) {
      const again = nowMs - known.askedMs >= DIFFERENCE_PATIENCE_MS;
      const asked = again ? { ...known, askedMs: nowMs } : known;
      result = remember(result, key, asked, again ? ticker : null);
    } else result = takeOver(result, key, { leg, held, known, nowMs });
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

function takeOver(
  result: Reconciled,
  key: PositionKey,
  { leg, held, known, nowMs }: {
    leg: VenuePosition | null;
    held: Holding | null;
    known: Difference;
    nowMs: number;
  },
): Reconciled {
  const px = leg?.entryPx ?? leg?.mark?.px ?? null;
  const source = held === null ? "adopted" : "adjustment";
  const adjustment: EngineEvent = {
    kind: "adjustment",
    key,
    fromLots: held?.lots ?? 0,
    toLots: leg?.lots ?? 0,
    px,
    source,
  };
  if (leg === null) return dropped(result, key, held!, adjustment, nowMs);
  const entryPx = px ?? held?.entryPx ?? null;
  // Without any price there is nothing to book it at: it stays a difference, and entries stay off.
  if (entryPx === null) return remember(result, key, known, null);
  const shown = { side: leg.side, lots: leg.lots, entryPx, atMs: nowMs };
  const taken: Holding = held === null
    ? {
      ticker: leg.ticker,
      side: leg.side,
      lots: leg.lots,
      entryPx,
      leverage: leg.leverage ?? 1,
      episodeId: episodeName(key, nowMs),
      strategyId: null,
      source: "adopted",
      openedMs: nowMs,
      updatedMs: nowMs,
      realizedUsd: 0,
      feesUsd: 0,
      fundingUsd: 0,
      closedUsd: 0,
      maxLots: leg.lots,
      opened: { lots: leg.lots, pxLots: leg.lots * entryPx },
      closed: NO_SUM,
      parcels: [foundParcel({ ...shown, px: entryPx })],
      earned: [],
      parts: [],
      averageUsd: 0,
    }
    : {
      ...held,
      lots: leg.lots,
      entryPx,
      source: "adjustment",
      updatedMs: nowMs,
      maxLots: Math.max(held.maxLots, leg.lots),
      parcels: adjustParcels(held, shown),
    };
  return {
    ...result,
    holdings: { ...result.holdings, [key]: taken },
    events: [...result.events, adjustment],
  };
}

function dropped(
  result: Reconciled,
  key: PositionKey,
  held: Holding,
  adjustment: EngineEvent,
  nowMs: number,
): Reconciled {
  const reason: ExitReason = "external";
  // The book did not see how it ended: what it came to in multiples of its risk is not known.
  const ended = endEpisode(held, reason, {
    closedMs: nowMs,
    market: null,
    journey: null,
    conditions: null,
  });
  const { [key]: _gone, ...others } = result.holdings;
  return {
    ...result,
    holdings: others as Holdings,
    closes: [...result.closes, ended.close],
    events: [...result.events, adjustment, ended.event],
  };
}

function unchanged({ differences }: Reconciled, before: Differences): boolean {
  const keys = Object.keys(differences) as PositionKey[];
  return keys.length === Object.keys(before).length &&
    keys.every((key) => differences[key] === before[key]);
}
