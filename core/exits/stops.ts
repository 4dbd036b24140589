/**
 * Protective stops that rest at the venue: if this process dies, the leg is still protected. One
 * per leg, closing whatever the leg holds when it triggers, at the registry's stop level; what
 * rests is compared with what should rest on every tick.
 */
import type { EngineEvent } from "../events.ts";
import { clientOrderId, type Lineage } from "../ids.ts";
import { ceilUnits, floorUnits } from "../increments.ts";
import type { NewOrder, RejectCode } from "../ports.ts";
import type { Market } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";
import type { Guard } from "./registry.ts";

const RETRY_MS = MS_PER_SECOND;
/** Patience between two tries: short while the leg may still be saved, long after that. */
const RETRY_MAX_MS = 2 * MS_PER_SECOND;
const RETRY_LATE_MS = 30 * MS_PER_SECOND;

/** How the resting order of a guard stands, as far as the exits care. */
export type StopSight = {
  /** Not over yet: it may come to rest. */
  readonly alive: boolean;
  /** The venue has acknowledged it. */
  readonly resting: boolean;
  /** The venue refused it. */
  readonly rejected: RejectCode | null;
} | null;

export type StopMove =
  | { readonly kind: "keep" }
  | { readonly kind: "place"; readonly order: NewOrder; readonly guard: Guard }
  /** The right stop rests: nothing is naked any more. */
  | { readonly kind: "rests"; readonly guard: Guard }
  | { readonly kind: "cancel"; readonly clientId: string }
  /** The stop would trigger at once: the exit is due now. */
  | { readonly kind: "due" };

/** The stop level in ticks, rounded away from the market. */
export function stopTicks({ side, levels }: Guard, market: Market): number | null {
  if (levels.slPx === null || !(levels.slPx > 0)) return null;
  return side === "LONG"
    ? floorUnits(levels.slPx, market.tick)
    : ceilUnits(levels.slPx, market.tick);
}

/** An order that rests until price gets there, and then closes whatever the leg holds. */
export function closingOrder(
  { ticker, side }: Guard,
  trigger: Pick<NewOrder, "clientId" | "kind" | "stopTicks">,
): NewOrder {
  return {
    ...trigger,
    ticker,
    side,
    effect: "close",
    tif: null,
    lots: 0,
    priceTicks: null,
    closePosition: true,
    leverage: 1,
  };
}

/** What has to happen so that the right stop rests. */
export function tendStop(
  guard: Guard,
  sight: StopSight,
  { market, lineage, nowMs, graceMs }: {
    market: Market;
    lineage: Lineage;
    nowMs: number;
    graceMs: number;
  },
): StopMove {
  const wanted = stopTicks(guard, market);
  if (wanted === null || wanted < market.minTicks) return { kind: "keep" };
  if (guard.stop !== null && sight !== null) {
    if (sight.alive && guard.stop.stopTicks !== wanted) {
      return { kind: "cancel", clientId: guard.stop.clientId };
    }
    if (sight.resting && guard.nakedSinceMs !== null) {
      return { kind: "rests", guard: { ...guard, nakedSinceMs: null } };
    }
    if (sight.alive) return { kind: "keep" };
    if (sight.rejected === "would_trigger") return { kind: "due" };
    if (nowMs < guard.stopRetryMs) return { kind: "keep" };
  }
  const attempt = guard.stopAttempts;
  const nakedSinceMs = guard.nakedSinceMs ?? nowMs;
  const late = nowMs - nakedSinceMs > graceMs;
  const waitMs = late ? RETRY_LATE_MS : Math.min(RETRY_MAX_MS, RETRY_MS * (attempt + 1));
  const clientId = clientOrderId(lineage, { key: `stop:${guard.episodeId}`, child: 0, attempt });
  const order = closingOrder(guard, { clientId, kind: "stop_market", stopTicks: wanted });
  const next: Guard = {
    ...guard,
    stop: { clientId, stopTicks: wanted },
    stopAttempts: attempt + 1,
    stopRetryMs: nowMs + waitMs,
    nakedSinceMs,
  };
  return { kind: "place", order, guard: next };
}

/** When a guard without a resting stop wants to be looked at again. */
export function stopDeadlineMs(guard: Guard, sight: StopSight): number | null {
  return guard.stop !== null && sight !== null && !sight.alive ? guard.stopRetryMs : null;
}

/** True when a leg that this engine opened has been without a resting stop for too long. */
export function isForsaken(
  { source, nakedSinceMs, exit }: Guard,
  { nowMs, graceMs }: { nowMs: number; graceMs: number },
): boolean {
  return source === "intent" && exit === null && nakedSinceMs !== null &&
    nowMs - nakedSinceMs > graceMs;
}

/** The row that tells why an exit started. */
export function triggerRow(
  row: Omit<Extract<EngineEvent, { kind: "exit_trigger" }>, "kind">,
): EngineEvent {
  return { kind: "exit_trigger", ...row };
}
