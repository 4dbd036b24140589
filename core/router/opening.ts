/**
 * Whether an entry under way may send its next order. It was approved for a market and an account of
 * its time; both are looked at again before anything more leaves, above all after a restart.
 */
import { signOf } from "../types.ts";
import { MS_PER_MINUTE } from "../units.ts";
import type { RouteSight } from "./child.ts";
import { midPxOf } from "./quote.ts";
import type { Route } from "./route.ts";

/** What has not left this long after its plan ended was decided in another market. */
const LATE_MAX_MS = 15 * MS_PER_MINUTE;

export type Opening =
  | { readonly kind: "go" }
  /** The account is not known at the moment: nothing more leaves, what is out stays. */
  | { readonly kind: "wait" }
  | { readonly kind: "over"; readonly reason: "revoked" | "entry_stale" | "stop_passed" };

/** What holds for the next order of an entry; a close always goes. */
export function openingOf(route: Route, sight: RouteSight): Opening {
  if (route.effect === "close") return { kind: "go" };
  if (!sight.entriesAllowed) return { kind: "over", reason: "revoked" };
  if (sight.nowMs - plannedEndMs(route) > LATE_MAX_MS) {
    return { kind: "over", reason: "entry_stale" };
  }
  if (isStopPassed(route, sight)) return { kind: "over", reason: "stop_passed" };
  return { kind: sight.isAccountKnown ? "go" : "wait" };
}

function plannedEndMs({ twap, decidedMs }: Route): number {
  return twap === null
    ? decidedMs
    : twap.startMs + twap.slices.length * twap.intervalMs + twap.pausedMs;
}

/** The price is where the position would be left again: it is not opened there. */
function isStopPassed({ levels, side }: Route, { book, market }: RouteSight): boolean {
  const midPx = midPxOf(book, market.tick);
  if (levels === null || levels.slPx === null || midPx === null) return false;
  return signOf(side) * (midPx - levels.slPx) <= 0;
}
