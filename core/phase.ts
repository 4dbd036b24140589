/**
 * How far a start has come. Nothing is opened before the account has been read, everything that an
 * earlier process left under way is known, and every leg has its stop; protection is first, whatever
 * else there is to load. Once trading, a run stays there: what fails later has rules of its own.
 */
import type { Memory, StartPhase } from "./memory.ts";
import type { Order } from "./router/orders.ts";
import { isReadingFresh } from "./reading.ts";
import { MS_PER_SECOND } from "./units.ts";
import { restingSight } from "./resting.ts";
import { change, type Work } from "./work.ts";

/** While a start is under way it is looked at this often. */
const LOOK_MS = MS_PER_SECOND;

/** The memory with which a process begins that may have missed something. */
export function atStart(memory: Memory): Memory {
  return { ...memory, pulse: { ...memory.pulse, phase: "wait_exchange" } };
}

/** Goes on to the phase that this tick allows; a read that failed goes back to waiting. */
export function moveOn(work: Work): void {
  const { pulse } = work.memory;
  const phase = phaseOf(work);
  if (phase !== pulse.phase) change(work, { pulse: { ...pulse, phase } });
}

/** When a start wants its next look; null once it is over. */
export function phaseDeadlineMs({ pulse }: Memory): number | null {
  return pulse.phase === "run" ? null : pulse.nowMs + LOOK_MS;
}

function phaseOf(work: Work): StartPhase {
  const { pulse, differences, orders } = work.memory;
  if (pulse.phase === "run") return "run";
  if (!isReadingFresh(work.seen)) return "wait_exchange";
  if (Object.keys(differences).length > 0 || Object.values(orders).some(isOpenQuestion)) {
    return "reconcile";
  }
  return isEveryLegCovered(work) ? "run" : "protect";
}

function isOpenQuestion({ state, query }: Order): boolean {
  return state === "unknown" || query !== null;
}

function isEveryLegCovered(work: Work): boolean {
  const { holdings, registry } = work.memory;
  return (Object.keys(holdings) as (keyof typeof holdings)[]).every((key) => {
    const guard = registry[key];
    if (guard === undefined) return false;
    if (guard.exit !== null || !work.rules.exits.venueStops) return true;
    return restingSight(work, guard.stop)?.resting === true;
  });
}
