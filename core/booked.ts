/**
 * Which rows of a list that the venue numbers have been taken in: trades of a symbol, income. Rows
 * come in any order, some twice, some never, and ids have gaps. Always true: a row is taken in once;
 * only an answer to "everything after this id" proves that nothing up to its newest row is missing,
 * and until it does the list is asked for from the last id that one has proved.
 */
import { MS_PER_SECOND } from "./units.ts";

export type Booked = {
  /** Nothing up to this id can be missing. */
  readonly verifiedId: number;
  /** Ids beyond it that have been taken in, in their order. */
  readonly recentIds: readonly number[];
  /** Since when the list has to be asked for; null: nothing speaks for it. */
  readonly doubtMs: number | null;
  readonly askedMs: number | null;
};
export const EMPTY_BOOKED: Booked = { verifiedId: 0, recentIds: [], doubtMs: null, askedMs: null };

/** From so many ids on that no answer has covered, one is asked for. */
const UNPROVED_COUNT = 32;
/** With so many nothing more is taken in as it is told: it has to come in an answer. */
const UNPROVED_MAX_COUNT = 1_000;
/** A list is asked for again after this time, not sooner. */
const ASK_AGAIN_MS = 5 * MS_PER_SECOND;

/** True when this row was taken in before. */
export function isBooked({ verifiedId, recentIds }: Booked, id: number): boolean {
  return id <= verifiedId || recentIds.includes(id);
}

/** Remembers a row that was taken in. */
export function markBooked(booked: Booked, id: number): Booked {
  if (isBooked(booked, id)) return booked;
  return { ...booked, recentIds: [...booked.recentIds, id].toSorted((a, b) => a - b) };
}

/** After a complete answer to "everything after id": nothing up to its newest row can be missing. */
export function markVerified(booked: Booked, throughId: number): Booked {
  const { doubtMs, askedMs } = booked;
  const verifiedId = Math.max(booked.verifiedId, throughId);
  const recentIds = booked.recentIds.filter((id) => id > verifiedId);
  // What came up after the question left may not be in the answer.
  const isAnswered = doubtMs !== null && askedMs !== null && askedMs >= doubtMs;
  return { ...booked, verifiedId, recentIds, doubtMs: isAnswered ? null : doubtMs };
}

/** Something may be missing: the list has to be asked for. */
export function markDoubted(booked: Booked, nowMs: number): Booked {
  return booked.doubtMs === nowMs ? booked : { ...booked, doubtMs: nowMs };
}

/** Remembers that the list has just been asked for. */
export function markAsked(booked: Booked, nowMs: number): Booked {
  return { ...booked, askedMs: nowMs };
}

/** True when it is time to ask for the list. */
export function isDue({ doubtMs, askedMs }: Booked, nowMs: number): boolean {
  return doubtMs !== null && (askedMs === null || nowMs - askedMs >= ASK_AGAIN_MS);
}

/** True where many rows wait for an answer that covers them. */
export function isUnproved({ recentIds }: Booked): boolean {
  return recentIds.length > UNPROVED_COUNT;
}

/** True where so many wait that what is told from now on has to come in an answer. */
export function isFull({ recentIds }: Booked): boolean {
  return recentIds.length >= UNPROVED_MAX_COUNT;
}
