/**
 * Whether everything that is held is known and covered: venue against book against registry, and
 * what that comes to in figures.
 */
import type { Dict, PositionKey, Side } from "../types.ts";
import { signOf } from "../types.ts";

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

/** A leg as the exit scan sees it: of the book, or shown by the venue alone. */
export type Watched = LevelPair & {
  readonly side: Side;
  /** Null: the entry is not known, nor how far the leg has moved. */
  readonly entryPx: number | null;
  readonly markPx: number | null;
  /** A stop for it rests at the venue, or is on its way there. */
  readonly stopRests: boolean;
};

export type ScanStatus = {
  /** Legs that the venue shows. */
  readonly openCount: number;
  /** Those of them that the book holds with a level. */
  readonly registeredCount: number;
  /** Legs without a level, and legs that the book does not know. */
  readonly missingCount: number;
  readonly coverageFrac: number | null;
  /** Those without a level, known to the book or not, that have lost at least so much. */
  readonly underwaterCount: number;
  readonly missingStopCount: number;
  /** Legs with neither a level nor a stop at the venue. */
  readonly unprotectedCount: number;
};

/** Counts how well the legs are covered; coverage of nothing is unknown, not zero. */
export function scanStatus(
  lists: Reconciliation,
  { openCount, legs, underwaterFrac }: {
    openCount: number;
    legs: Dict<Watched>;
    /** Negative: a loss as a fraction of the entry. */
    underwaterFrac: number;
  },
): ScanStatus {
  const ghosts = new Set<string>(lists.ghostLedger);
  const held = Object.values(legs);
  const bare = [...lists.missingLevels, ...lists.missingLedger].flatMap((key) => legs[key] ?? []);
  const registeredCount =
    Object.entries(legs).filter(([key, leg]) => !ghosts.has(key) && hasLevel(leg)).length;
  return {
    openCount,
    registeredCount,
    missingCount: lists.missingLevels.length + lists.missingLedger.length,
    coverageFrac: openCount === 0 ? null : registeredCount / openCount,
    underwaterCount: bare.filter((leg) => isUnderwater(leg, underwaterFrac)).length,
    missingStopCount: held.filter(({ slPx }) => slPx === null).length,
    unprotectedCount: bare.filter(({ stopRests }) => !stopRests).length,
  };
}

function isUnderwater({ side, entryPx, markPx }: Watched, underwaterFrac: number): boolean {
  if (entryPx === null || markPx === null || !(markPx > 0)) return false;
  return signOf(side) * (markPx - entryPx) / entryPx <= underwaterFrac;
}

function hasLevel(pair: LevelPair | undefined): boolean {
  return pair !== undefined && (pair.slPx !== null || pair.tpPx !== null);
}
