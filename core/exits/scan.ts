/**
 * Which legs leave, and why. Scanned on every tick. A mark that is missing, old or not positive
 * triggers nothing and is counted; nothing else can stop an exit.
 */
import type { ExitReason, Levels, Mark, Side } from "../types.ts";
import { signOf } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";

/** A mark older than this triggers nothing: the resting stop protects meanwhile. */
export const MARK_FRESH_MS = 5 * MS_PER_SECOND;

export type Due = { readonly reason: ExitReason; readonly levelPx: number | null };

/**
 * The trigger rule for stop and target: equality triggers, the target is tested first (it matters
 * for crossed levels only, which are refused at registration). Null: nothing is due.
 */
export function levelDue(
  { side, slPx, tpPx }: { side: Side; slPx: number | null; tpPx: number | null },
  px: number,
): Due | null {
  if (!(Number.isFinite(px) && px > 0)) return null;
  const ahead = signOf(side);
  if (tpPx !== null && ahead * (px - tpPx) >= 0) return { reason: "tp", levelPx: tpPx };
  if (slPx !== null && ahead * (px - slPx) <= 0) return { reason: "sl", levelPx: slPx };
  return null;
}

/** The full rule: target, stop, give-back from the best price, holding time. */
export function exitDue(
  leg: { side: Side; levels: Levels; bestPx: number; openedMs: number },
  { mark, nowMs }: { mark: Mark | null; nowMs: number },
): Due | null {
  const { side, levels, bestPx, openedMs } = leg;
  if (isFresh(mark, nowMs)) {
    const due = levelDue({ side, slPx: levels.slPx, tpPx: levels.tpPx }, mark.px);
    if (due !== null) return due;
    const trail = trailPx({ side, levels, bestPx });
    if (trail !== null && signOf(side) * (mark.px - trail) <= 0) {
      return { reason: "trail", levelPx: trail };
    }
  }
  if (levels.maxHoldMs !== null && nowMs - openedMs >= levels.maxHoldMs) {
    return { reason: "time", levelPx: null };
  }
  return null;
}

/** Where a leg has given back as much of its best price as it may; null where it does not trail. */
export function trailPx(
  { side, levels: { trailFrac }, bestPx }: { side: Side; levels: Levels; bestPx: number },
): number | null {
  return trailFrac === null ? null : bestPx * (1 - signOf(side) * trailFrac);
}

/** True when a mark may trigger an exit. */
export function isFresh(mark: Mark | null, nowMs: number): mark is Mark {
  return mark !== null && Number.isFinite(mark.px) && mark.px > 0 &&
    nowMs - mark.atMs <= MARK_FRESH_MS;
}
