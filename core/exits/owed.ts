/**
 * Lots that were closed before their entry was heard. The entry, when it comes, opens nothing: it was
 * closed by then. What is owed is known by the id of the trade that closed it; a newer entry is one.
 */
import type { PositionKey, Trade } from "../types.ts";

export type Owed = {
  /** The newest trade that closed more than the book held. */
  readonly throughId: number;
  readonly lots: number;
  /** Lots times the price they were closed at. */
  readonly pxLots: number;
};
export type Debts = Readonly<Record<PositionKey, Owed>>;

/** A trade has closed so many lots more than the book held. */
export function owe(known: Owed | undefined, { id, px }: Trade, lots: number): Owed {
  const { throughId, lots: before, pxLots } = known ?? { throughId: 0, lots: 0, pxLots: 0 };
  return { throughId: Math.max(throughId, id), lots: before + lots, pxLots: pxLots + px * lots };
}

/** How many lots of an entry have been closed already, at which price; and what is still owed. */
export function payOff(
  owed: Owed | undefined,
  { id, effect, lots: opened }: Trade,
): { readonly lots: number; readonly closePx: number; readonly left: Owed | null } | null {
  if (owed === undefined || effect === "close" || id > owed.throughId) return null;
  const lots = Math.min(opened, owed.lots);
  const closePx = owed.pxLots / owed.lots;
  const rest = owed.lots - lots;
  const left = rest === 0 ? null : { ...owed, lots: rest, pxLots: closePx * rest };
  return { lots, closePx, left };
}
