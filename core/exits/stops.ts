/**
 * Protective stops that rest at the venue: if this process dies, the leg is still protected. One
 * per leg, closing whatever the leg holds when it triggers, at the registry's stop level; what
 * rests is compared with what should rest on every tick.
 */
import type { EngineEvent } from "../events.ts";
import { clientOrderId, type Lineage } from "../ids.ts";
import { ceilUnits, floorUnits } from "../increments.ts";
import type { NewOrder, RejectCode } from "../ports.ts";
import { type Market, signOf } from "../types.ts";
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
  /** The venue has acknowledged it, and shows it. */
  readonly resting: boolean;
  /** The last reading did not show what rested before. */
  readonly missed: boolean;
  /** The venue refused it. */
  readonly rejected: RejectCode | null;
} | null;

export type StopMove =
  | { readonly kind: "keep" }
  | { readonly kind: "place"; readonly order: NewOrder; readonly guard: Guard }
  /** A stop with a quantity rests at the new level while the other is moved. */
  | { readonly kind: "bridge"; readonly order: NewOrder; readonly guard: Guard }
  /** The leg is naked since now, or is not any more. */
  | { readonly kind: "note"; readonly guard: Guard }
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

/** Where a stop is looked after: the market, its price, and what rests beside the stop. */
export type StopPlace = {
  readonly market: Market;
  readonly markPx: number | null;
  readonly bridge: StopSight;
  readonly lineage: Lineage;
  readonly nowMs: number;
  readonly graceMs: number;
};

/** What has to happen so that the right stop rests. */
export function tendStop(guard: Guard, sight: StopSight, place: StopPlace): StopMove {
  const { market, markPx, bridge, lineage, nowMs, graceMs } = place;
  const wanted = stopTicks(guard, market);
  if (wanted === null || wanted < market.minTicks) return { kind: "keep" };
  if (guard.isProvisional) return naked(guard, nowMs);
  if (guard.stop !== null && sight !== null) {
    if (sight.alive && guard.stop.stopTicks !== wanted) {
      return moveStop(guard, guard.stop.clientId, wanted, place);
    }
    if (sight.alive) return noted(guard, sight, nowMs);
    const wasPassed = sight.rejected === "would_trigger";
    if (wasPassed && guard.exit === null) return { kind: "due" };
    if (nowMs < guard.stopRetryMs) return { kind: "keep" };
    // While the exit is under way it may take long: the stop comes back as soon as price does.
    if (wasPassed && !isBefore(guard, markPx)) return { kind: "keep" };
  }
  const attempt = guard.stopAttempts;
  const nakedSinceMs = bridge?.resting ? guard.nakedSinceMs : guard.nakedSinceMs ?? nowMs;
  const late = nakedSinceMs !== null && nowMs - nakedSinceMs > graceMs;
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

/**
 * Moves a stop without leaving its leg naked: a bridge rests at the new level before the old stop
 * goes, and stays until the new one rests. Each step follows from what rests, so a process that dies
 * in between goes on where it was. Where no bridge can be had the stop is moved without one.
 */
function moveStop(
  guard: Guard,
  oldId: string,
  wanted: number,
  { market, markPx, bridge, lineage, nowMs }: StopPlace,
): StopMove {
  if (bridge?.resting) return { kind: "cancel", clientId: oldId };
  if (bridge?.alive) return { kind: "keep" };
  const wasPassed = bridge?.rejected === "would_trigger";
  if (wasPassed && guard.exit === null) return { kind: "due" };
  if (wasPassed && !isBefore(guard, markPx)) return { kind: "keep" };
  if (guard.bridge !== null && !wasPassed) return { kind: "cancel", clientId: oldId };
  if (nowMs < guard.stopRetryMs) return { kind: "keep" };
  const attempt = guard.stopAttempts;
  const clientId = clientOrderId(lineage, { key: `stop:${guard.episodeId}`, child: 1, attempt });
  const order: NewOrder = {
    ...closingOrder(guard, { clientId, kind: "stop_market", stopTicks: wanted }),
    lots: Math.min(guard.lots, market.marketMaxLots),
    closePosition: false,
  };
  const next: Guard = {
    ...guard,
    bridge: { clientId, stopTicks: wanted },
    stopAttempts: attempt + 1,
    stopRetryMs: nowMs + RETRY_MS,
  };
  return { kind: "bridge", order, guard: next };
}

/** A stop that was missed once leaves its leg naked until it shows again. */
function noted(
  guard: Guard,
  { resting, missed }: NonNullable<StopSight>,
  nowMs: number,
): StopMove {
  if (resting && (guard.nakedSinceMs !== null || guard.bridge !== null)) {
    return { kind: "note", guard: { ...guard, nakedSinceMs: null, bridge: null } };
  }
  return missed ? naked(guard, nowMs) : { kind: "keep" };
}

function naked(guard: Guard, nowMs: number): StopMove {
  return guard.nakedSinceMs === null
    ? { kind: "note", guard: { ...guard, nakedSinceMs: nowMs } }
    : { kind: "keep" };
}

/** True where price has not come to the stop; an unknown price has come to nothing. */
function isBefore({ side, levels: { slPx } }: Guard, markPx: number | null): boolean {
  return markPx !== null && slPx !== null && signOf(side) * (markPx - slPx) > 0;
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
