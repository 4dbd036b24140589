/**
 * The proof of a result: what the lots of a leg earned, what the book says at average cost and what
 * the venue says for the same trades must be one figure when the leg is flat. Trades may come late
 * and out of order: a difference is kept, what a later trade explains takes it back, and only one
 * that stands while nothing is held or under way is told.
 */
import type { EngineEvent } from "../events.ts";
import { keep, sortedEntries, without } from "../dict.ts";
import type { PositionKey } from "../types.ts";
import { positionKey } from "../types.ts";
import { MS_PER_DAY, MS_PER_SECOND } from "../units.ts";
import type { Holding, Holdings } from "./ledger.ts";
import { totalOf } from "./parcels.ts";

/** Differences up to this share of what was closed are rounding. */
const ROUNDING_FRAC = 1e-6;
/** How long trades that explain a difference may be under way. */
export const GAP_PATIENCE_MS = 10 * MS_PER_SECOND;
/** A difference that nothing has explained is shown for so long; its row stays in the log. */
export const GAP_SHOWN_MS = MS_PER_DAY;

/** By how much the figures of a leg are apart. */
export type Gap = {
  /** What the venue says more than the book. */
  readonly venueUsd: number;
  /** What the lots say more than the book. */
  readonly parcelsUsd: number;
  /** Dollars closed in the episodes it comes from. */
  readonly closedUsd: number;
  /** The newest of them, and when it was booked. */
  readonly episodeId: string;
  readonly atMs: number;
  readonly told: boolean;
};
export type Gaps = Readonly<Record<PositionKey, Gap>>;

/**
 * Holds a leg that has just become flat against the venue. A leg that was corrected without its
 * trades proves nothing: that it was has its own row.
 */
export function proveResult(gaps: Gaps, ended: Holding, nowMs: number): Gaps {
  const { ticker, side, episodeId, realizedUsd, averageUsd, closedUsd } = ended;
  const own: Gap = {
    venueUsd: realizedUsd - averageUsd,
    parcelsUsd: totalOf(ended.earned).realizedUsd - averageUsd,
    closedUsd,
    episodeId,
    atMs: nowMs,
    told: false,
  };
  if (ended.source === "adjustment" || isRounding(own)) return gaps;
  return addGap(gaps, positionKey(ticker, side), own, nowMs);
}

/**
 * An entry that was heard after its close: with it the book comes to `usd` more. Where nothing is
 * open to be explained nothing is explained.
 */
export function explainResult(
  gaps: Gaps,
  key: PositionKey,
  { usd, closedUsd }: { readonly usd: number; readonly closedUsd: number },
): Gaps {
  const known = gaps[key];
  if (known === undefined) return gaps;
  return addGap(gaps, key, { ...known, venueUsd: -usd, parcelsUsd: 0, closedUsd }, known.atMs);
}

function addGap(gaps: Gaps, key: PositionKey, own: Gap, nowMs: number): Gaps {
  const recent = keep(gaps, ({ atMs }) => nowMs - atMs < GAP_SHOWN_MS);
  const known = recent[key];
  const sum: Gap = known === undefined ? own : {
    ...own,
    venueUsd: known.venueUsd + own.venueUsd,
    parcelsUsd: known.parcelsUsd + own.parcelsUsd,
    closedUsd: known.closedUsd + own.closedUsd,
  };
  return isRounding(sum) ? without(recent, key) : { ...recent, [key]: sum };
}

/** Tells the differences that stand: the leg is flat, and nothing has explained them in time. */
export function tellGaps(
  gaps: Gaps,
  { holdings, nowMs }: { holdings: Holdings; nowMs: number },
): { readonly gaps: Gaps; readonly events: readonly EngineEvent[] } {
  const stands = ([key, { atMs, told }]: [PositionKey, Gap]) =>
    !told && holdings[key] === undefined && nowMs - atMs >= GAP_PATIENCE_MS;
  const due = sortedEntries(gaps).filter(stands);
  if (due.length === 0) return { gaps, events: [] };
  const told = due.map(([key, gap]) => [key, { ...gap, told: true }] as const);
  return {
    gaps: { ...gaps, ...Object.fromEntries(told) },
    events: due.map(([key, { told: _told, atMs: _atMs, ...gap }]): EngineEvent => ({
      kind: "pnl_mismatch",
      key,
      ...gap,
    })),
  };
}

function isRounding({ venueUsd, parcelsUsd, closedUsd }: Gap): boolean {
  const most = ROUNDING_FRAC * closedUsd;
  return Math.abs(venueUsd) <= most && Math.abs(parcelsUsd) <= most;
}
