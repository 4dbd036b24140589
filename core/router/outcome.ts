/**
 * How a child of a route ends, and what that means for the whole. An entry may give up; a close
 * never does: where quoting and bounded crossing have failed it strikes, whatever the book says.
 */
import type { RouteStatus } from "../events.ts";
import type { RejectCode } from "../ports.ts";
import { MS_PER_SECOND } from "../units.ts";
import { type ErrorRule, errorRule, RETRIES_MAX_COUNT } from "./errors.ts";
import { goTo, type Moved, openLots, type RouteSight, stay } from "./child.ts";
import { midPxOf } from "./quote.ts";
import { freshChild, type Route } from "./route.ts";
import { FAILURES_MAX_COUNT, hurry, type Schedule, sliceDueMs, targetLots } from "./twap.ts";

const RETRY_MS = MS_PER_SECOND;
const RETRY_MAX_MS = 30 * MS_PER_SECOND;
/** So often a close is sent as it is; after that market and banded orders take turns. */
const UNCHANGED_MAX_COUNT = 3;

/** The current child has nothing more to do, or gives up with a reason. */
export function endChild(route: Route, sight: RouteSight, reason: string): Moved {
  return end(route, sight, { reason, isFailure: false });
}

/** A close goes on by market order whatever the book looks like; an entry's child ends here. */
export function giveUp(route: Route, sight: RouteSight, reason: string): Moved {
  if (route.effect === "open") return endChild(route, sight, reason);
  const forced = goTo(route, sight, {
    kind: "strike",
    notBeforeMs: sight.nowMs,
    isBanded: false,
  });
  return { ...forced, events: [{ kind: "exit_forced", ...refOf(route), reason }] };
}

/** The venue refused an order: what follows stands in the table of errors. */
export function failed(route: Route, sight: RouteSight, code: RejectCode): Moved {
  const refused = { ...route, rejections: route.rejections + 1, refusedCode: code };
  return afterRefusal(refused, sight, errorRule(code));
}

function afterRefusal(route: Route, sight: RouteSight, rule: ErrorRule): Moved {
  const { nowMs } = sight;
  const isNotExecuted = rule.entry === "retry";
  // What has been forced to strike does not go back to waiting.
  const isPatient = !route.urgent && route.step.kind !== "market" &&
    route.child.retries < RETRIES_MAX_COUNT;
  if (isNotExecuted && isPatient) return again(route, sight, rule);
  if (route.effect === "open") return end(route, sight, { reason: rule.code, isFailure: true });
  const strike = (waitMs: number, isBanded: boolean) =>
    goTo(
      { ...route, failures: route.failures + 1 },
      sight,
      { kind: "strike", notBeforeMs: nowMs + waitMs, isBanded },
    );
  if (rule.exit === "strike") return strike(0, false);
  if (rule.exit === "banded") return strike(isBanded(route) ? RETRY_MS : 0, true);
  const waitMs = Math.min(RETRY_MAX_MS, rule.waitMs * 2 ** route.failures);
  // What was refused again and again is not sent again unchanged.
  const isStuck = rule.rests && route.failures >= UNCHANGED_MAX_COUNT - 1;
  return strike(waitMs, isStuck !== isBanded(route));
}

function isBanded({ step }: Route): boolean {
  return "isBanded" in step && step.isBanded;
}

/** The same again a little later: nothing of it was executed. */
function again(route: Route, sight: RouteSight, { waitMs }: ErrorRule): Moved {
  const { child, step } = route;
  const { nowMs } = sight;
  const tried = { ...route, child: { ...child, retries: child.retries + 1 } };
  const next = { sinceMs: nowMs, notBeforeMs: nowMs + waitMs * 2 ** child.retries };
  return goTo(tried, sight, { kind: step.kind === "maker" ? "quote" : "cross", ...next });
}

/** The whole route is over. */
export function finish(route: Route, sight: RouteSight, reason: string): Moved {
  const status: RouteStatus = route.filledLots >= route.lots
    ? "FILLED"
    : route.filledLots > 0
    ? "PARTIALLY_FILLED"
    : route.clientIds.length > 0
    ? "EXPIRED"
    : "REJECTED";
  // An order it goes on without may still fill: its trades must find their route.
  if (route.leftIds.length > 0) return stay(route, sight);
  return goTo(route, sight, { kind: "ended", status, reason });
}

/** Nothing is left to do: all is filled, or the leg that was to be closed is gone. */
export function complete(route: Route, sight: RouteSight): Moved {
  return finish(route, sight, route.filledLots >= route.lots ? "filled" : "already_flat");
}

/** Gives the schedule up: an entry ends, a close goes on with everything at once, within bounds. */
export function abortSchedule(route: Route, sight: RouteSight, reason: string): Moved {
  const { twap } = route;
  if (route.effect === "open" || twap === null) return finish(route, sight, reason);
  const rushed = { ...nextChild(route, sight), twap: hurry(twap) };
  const { nowMs } = sight;
  const moved = goTo(rushed, sight, { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs });
  return { ...moved, events: [{ kind: "exit_forced", ...refOf(route), reason }] };
}

/** The route with a fresh child in place of the one that is over. */
export function nextChild(route: Route, { book, market }: RouteSight): Route {
  return {
    ...route,
    child: freshChild({
      number: route.child.number + 1,
      midPx: midPxOf(book, market.tick) ?? route.decisionMidPx,
      offsetBps: route.policy.offsetBps,
      filledBefore: route.filledLots,
    }),
  };
}

/** What every row about a route carries. */
export function refOf({ id, intentId, ticker, side, effect }: Route) {
  return { routeId: id, intentId, ticker, side, effect };
}

function end(
  route: Route,
  sight: RouteSight,
  { reason, isFailure }: { reason: string; isFailure: boolean },
): Moved {
  const { twap } = route;
  const isComplete = openLots(route, sight) === 0;
  if (twap === null) return isComplete ? complete(route, sight) : finish(route, sight, reason);
  const failuresCount = isFailure ? twap.failuresCount + 1 : 0;
  const told = sliceRow(route, twap, reason);
  const dueMs = sliceDueMs(twap);
  const kept = { ...route, twap: { ...twap, failuresCount } };
  const isRefused = failuresCount >= FAILURES_MAX_COUNT;
  const moved = isComplete
    ? complete(kept, sight)
    : dueMs === null || isRefused
    ? finish(kept, sight, isRefused ? "twap_aborted_failures" : reason)
    : goTo({ ...kept, child: { ...kept.child, startedMs: null } }, sight, {
      kind: "slice",
      notBeforeMs: Math.max(dueMs, sight.nowMs + backoffMs(twap, failuresCount)),
    });
  return { ...moved, events: [told, ...moved.events] };
}

function backoffMs({ intervalMs }: Schedule, failuresCount: number): number {
  return failuresCount === 0 ? 0 : Math.min(intervalMs, RETRY_MS * 2 ** (failuresCount - 1));
}

/** The row of a slice that is over. */
function sliceRow(route: Route, twap: Schedule, reason: string) {
  return {
    kind: "twap_slice" as const,
    ...refOf(route),
    index: twap.begunCount,
    count: twap.slices.length,
    plannedLots: targetLots(twap) - route.child.filledBefore,
    filledLots: route.filledLots - route.child.filledBefore,
    reason,
  };
}
