/** When the next slice of a parent may begin: it is due, the spread is narrow, the price is near. */
import { MS_PER_SECOND } from "../units.ts";
import { driftBps, goTo, type Moved, type RouteSight } from "./child.ts";
import { abortSchedule, nextChild, refOf } from "./outcome.ts";
import { spreadBps, touchOf } from "./quote.ts";
import type { Route } from "./route.ts";
import type { RouterRules } from "./rules.ts";
import { beginSlice, pausedForMs, type Schedule } from "./twap.ts";

const RECHECK_MS = MS_PER_SECOND;
/** Beyond this many times the drift that ends a quote, the decision itself is out of date. */
const ABORT_DRIFTS = 4;

/** Begins the next slice, waits for a narrower spread, or gives the schedule up. */
export function slice(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  const { nowMs } = sight;
  const twap = route.twap!;
  const touch = touchOf(sight.book);
  if (touch !== null && driftBps(route, touch, sight) > ABORT_DRIFTS * rules.slipMaxBps) {
    return abortSchedule(route, sight, "twap_aborted_drift");
  }
  const spread = touch === null ? null : spreadBps(touch);
  const widestBps = sight.bucketMaxSpreadBps * rules.spreadPauseFactor;
  if (spread !== null && spread <= widestBps) {
    const isFirst = twap.begunCount === 0;
    const fresh = isFirst ? route : nextChild(route, sight);
    const begun = { ...fresh, twap: beginSlice(twap, nowMs) };
    return goTo(begun, sight, { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs });
  }
  if (pausedForMs(twap, nowMs) >= rules.twap.maxPauseMs) {
    return abortSchedule(route, sight, "twap_aborted_spread");
  }
  return pause(route, twap, { spread, widestBps }, sight);
}

function pause(
  route: Route,
  twap: Schedule,
  { spread, widestBps }: { spread: number | null; widestBps: number },
  sight: RouteSight,
): Moved {
  const { nowMs } = sight;
  const paused = { ...route, twap: { ...twap, pausedSinceMs: twap.pausedSinceMs ?? nowMs } };
  const moved = goTo(paused, sight, { kind: "slice", notBeforeMs: nowMs + RECHECK_MS });
  if (twap.pausedSinceMs !== null) return moved;
  return {
    ...moved,
    events: [{
      kind: "twap_pause",
      ...refOf(route),
      index: twap.begunCount + 1,
      count: twap.slices.length,
      spreadBps: spread,
      thresholdBps: widestBps,
    }],
  };
}
