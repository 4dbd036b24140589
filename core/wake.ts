/**
 * When the engine wants to be woken: at an instant, or as soon as a held symbol's price gets to where
 * its leg has to leave. So targets and trails act at their price, however rarely signals are asked
 * for. A stop that rests at the venue needs no such alarm: it acts by itself.
 */
import { sortedEntries } from "./dict.ts";
import type { Guard } from "./exits/registry.ts";
import { trailPx } from "./exits/scan.ts";
import type { Memory } from "./memory.ts";
import type { Alert, Wake } from "./ports.ts";
import { isMissed } from "./reading.ts";

/** What to wait for after the tick that left this memory. */
export function wakeOf(memory: Memory): Wake {
  const alerts = sortedEntries(memory.registry).flatMap(([, guard]) => alertsOf(memory, guard));
  return { untilMs: memory.pulse.wakeMs, alerts };
}

function alertsOf(memory: Memory, guard: Guard): readonly Alert[] {
  const { orders, routes } = memory;
  if (guard.flatSinceMs !== null || guard.isProvisional) return [];
  const { ticker, side, levels, stop, exit } = guard;
  const isLong = side === "LONG";
  const against = (px: number): Alert => ({ kind: "level", ticker, px, falling: isLong });
  const rests = stop !== null && orders[stop.clientId]?.state === "open" &&
    !isMissed(memory, stop.clientId);
  const stops = levels.slPx === null || rests ? [] : [against(levels.slPx)];
  // A patient exit gives way to a stop; any other is under way already.
  if (exit !== null) return routes[exit.routeId]?.urgent === false ? stops : [];
  const target: readonly Alert[] = levels.tpPx === null
    ? []
    : [{ kind: "level", ticker, px: levels.tpPx, falling: !isLong }];
  const trail = trailPx(guard);
  const trails: readonly Alert[] = trail === null ? [] : [against(trail), { kind: "turn", ticker }];
  return [...stops, ...target, ...trails];
}
