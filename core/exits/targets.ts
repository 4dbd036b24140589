/**
 * Targets that rest at the venue, where the operator wants them (`exits.venue_tp`): one per leg,
 * closing whatever the leg holds when price gets there. The exit scan watches the same level: a
 * target that cannot be placed costs nothing but its place in the queue.
 */
import { clientOrderId, type Lineage } from "../ids.ts";
import { ceilUnits, floorUnits } from "../increments.ts";
import type { NewOrder } from "../ports.ts";
import type { Market } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";
import type { Guard } from "./registry.ts";
import { closingOrder, type StopSight } from "./stops.ts";

const RETRY_FIRST_MS = 2 * MS_PER_SECOND;
const RETRY_MAX_MS = 60 * MS_PER_SECOND;

export type TargetMove =
  | { readonly kind: "keep" }
  | { readonly kind: "place"; readonly order: NewOrder; readonly guard: Guard }
  | { readonly kind: "cancel"; readonly clientId: string };

/** The target in ticks, rounded away from the market; null where the leg has none. */
export function targetTicks({ side, levels }: Guard, market: Market): number | null {
  if (levels.tpPx === null || !(levels.tpPx > 0)) return null;
  const ticks = side === "LONG"
    ? ceilUnits(levels.tpPx, market.tick)
    : floorUnits(levels.tpPx, market.tick);
  return ticks < market.minTicks ? null : ticks;
}

/** What has to happen so that the right target rests; a leg that is leaving gets no new one. */
export function tendTarget(
  guard: Guard,
  sight: StopSight,
  { market, lineage, nowMs }: { market: Market; lineage: Lineage; nowMs: number },
): TargetMove {
  const wanted = targetTicks(guard, market);
  const { target, targetAttempts: attempt } = guard;
  if (target !== null && sight?.alive) {
    return target.stopTicks === wanted
      ? { kind: "keep" }
      : { kind: "cancel", clientId: target.clientId };
  }
  if (wanted === null || guard.exit !== null || nowMs < guard.targetRetryMs) {
    return { kind: "keep" };
  }
  const clientId = clientOrderId(lineage, { key: `target:${guard.episodeId}`, child: 0, attempt });
  const order = closingOrder(guard, { clientId, kind: "take_profit_market", stopTicks: wanted });
  const waitMs = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(attempt, 5));
  return {
    kind: "place",
    order,
    guard: {
      ...guard,
      target: { clientId, stopTicks: wanted },
      targetAttempts: attempt + 1,
      targetRetryMs: nowMs + waitMs,
    },
  };
}

/** When a guard without a resting target wants to be looked at again. */
export function targetDeadlineMs(guard: Guard, sight: StopSight): number | null {
  return guard.target !== null && guard.exit === null && !sight?.alive ? guard.targetRetryMs : null;
}
