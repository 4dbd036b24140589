/** The maker path of a child: a post-only quote, its watch, and what becomes of it when it ends. */
import { buys } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";
import {
  ackLatency,
  childDriftBps,
  childLots,
  goTo,
  isDust,
  type Moved,
  remainingLots,
  type RouteSight,
  send,
  stay,
} from "./child.ts";
import { cancelOrder, isSettled, type Order } from "./orders.ts";
import { endChild, failed, giveUp, refOf } from "./outcome.ts";
import type { MakerVeto } from "./policy.ts";
import { makerTicks, spreadBps, type Touch, touchOf } from "./quote.ts";
import type { Route, Step } from "./route.ts";
import type { RouterRules } from "./rules.ts";

const WIDE_PATIENCE_MS = 2 * MS_PER_SECOND;
const RETRY_MS = MS_PER_SECOND;
const REQUOTE_FIRST_MS = 50;
const REQUOTE_MAX_MS = 400;
const OFFSET_HALVED_MIN_BPS = 1;

/** Places a quote, or crosses where the policy or the book of this moment is against quoting. */
export function quote(
  route: Route,
  { sinceMs }: Extract<Step, { kind: "quote" }>,
  sight: RouteSight,
  rules: RouterRules,
): Moved {
  const { nowMs, book } = sight;
  const touch = touchOf(book);
  if (touch === null) {
    if (nowMs - sinceMs >= rules.windowMs) return giveUp(route, sight, "no_book");
    return goTo(route, sight, { kind: "quote", sinceMs, notBeforeMs: nowMs + RETRY_MS });
  }
  const vetoes = vetoesNow(route, touch, sight, rules);
  const spread = spreadBps(touch);
  const isClamped = spread > rules.offsetClampSpreadBps;
  const offsetBps = isClamped
    ? Math.min(route.child.offsetBps, rules.offsetClampSpreadBps)
    : route.child.offsetBps;
  const events = explain(route, { vetoes, spreadBps: spread, offsetBps, isClamped }, sight);
  const known = { ...route, child: { ...route.child, isExplained: true } };
  if (vetoes.length > 0) {
    const crossing = goTo(known, sight, { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs });
    return { ...crossing, events };
  }
  const priceTicks = makerTicks(touch, {
    buys: buys(route.side, route.effect),
    offsetBps,
    rejections: route.child.rejections,
  });
  const lots = childLots(known, sight, rules);
  const sent = send(known, sight, { kind: "limit", tif: "GTX", lots, priceTicks }, "maker");
  const next: Step = {
    kind: "maker",
    clientId: sent.order!.clientId,
    sinceMs: nowMs,
    nextCheckMs: nowMs + rules.recheckMs,
    wideSinceMs: null,
    cancelReason: null,
  };
  return { ...sent, route: { ...sent.route, step: next }, events: [...events, ...sent.events] };
}

/** Why this child does not quote: what the plan said, and what the book says now. */
function vetoesNow(
  route: Route,
  touch: Touch,
  sight: RouteSight,
  rules: RouterRules,
): readonly MakerVeto[] {
  const isWide = spreadBps(touch) > rules.maxSpreadBps;
  const hasLeft = childDriftBps(route, touch, sight) > rules.slipMaxBps;
  return [
    ...route.makerVetoes,
    ...isWide ? ["spread_too_wide" as const] : [],
    ...hasLeft ? ["adverse_drift" as const] : [],
  ];
}

/** One row per child tells which way it goes and why. */
function explain(
  route: Route,
  { vetoes, spreadBps: spread, offsetBps, isClamped }: {
    vetoes: readonly MakerVeto[];
    spreadBps: number;
    offsetBps: number;
    isClamped: boolean;
  },
  sight: RouteSight,
): Moved["events"] {
  if (route.child.isExplained) return [];
  const closes = route.effect === "close" && vetoes.length === 0;
  return [{
    kind: "route_decision",
    ...refOf(route),
    child: route.child.number,
    style: route.twap !== null ? "twap" : vetoes.length === 0 ? "maker_first" : "taker",
    path: vetoes.length === 0 ? "maker" : "taker",
    lots: remainingLots(route, sight),
    makerRequested: !route.makerVetoes.includes("maker_not_requested"),
    makerAllowed: vetoes.length === 0,
    offsetBps,
    spreadBps: spread,
    reasons: [
      ...vetoes,
      ...isClamped ? ["wide_spread_clamped"] : [],
      ...closes ? ["reduce_only_maker_allowed"] : [],
    ],
    policy: route.policy,
  }];
}

/** Watches a quote: it is taken back when it does not fill, or when the market has left it. */
export function makerStep(
  route: Route,
  now: Extract<Step, { kind: "maker" }>,
  sight: RouteSight,
  rules: RouterRules,
): Moved {
  const { order, nowMs } = sight;
  if (order !== null && isSettled(order)) return makerSettled(route, now, sight, order, rules);
  if (order === null) return stay(route, sight);
  if (now.cancelReason !== null) {
    // Found open after nobody knew whether it had arrived: it is still to be taken back.
    return order.state === "open"
      ? takeBack(route, now, sight, order, now.cancelReason)
      : stay(route, sight);
  }
  if (route.effect === "open" && !sight.entriesAllowed) {
    return takeBack(route, now, sight, order, "revoked");
  }
  if (nowMs < now.nextCheckMs) return stay(route, sight);
  const touch = touchOf(sight.book);
  const wide = touch !== null && spreadBps(touch) > rules.maxSpreadBps;
  const wideSinceMs = wide ? now.wideSinceMs ?? nowMs : null;
  const windowMs = windowOf(route, rules);
  const ageMs = nowMs - now.sinceMs;
  const filledFrac = order.filledLots / order.lots;
  const reason = touch !== null && childDriftBps(route, touch, sight) > rules.slipMaxBps
    ? "drift"
    : wideSinceMs !== null && nowMs - wideSinceMs >= WIDE_PATIENCE_MS
    ? "spread"
    : ageMs >= windowMs && filledFrac < rules.minFillFrac
    ? "low_fill"
    : ageMs >= 2 * windowMs
    ? "window"
    : null;
  if (reason !== null) return takeBack(route, { ...now, wideSinceMs }, sight, order, reason);
  const nextCheckMs = Math.min(
    nowMs + (wide ? WIDE_PATIENCE_MS : rules.recheckMs),
    ageMs < windowMs ? now.sinceMs + windowMs : Infinity,
  );
  return goTo(route, sight, { ...now, wideSinceMs, nextCheckMs });
}

/** How long a quote may take: a slice must be done by the time the next one is due. */
function windowOf({ twap }: Route, { windowMs }: RouterRules): number {
  return twap === null ? windowMs : Math.min(windowMs, twap.intervalMs);
}

function makerSettled(
  route: Route,
  { cancelReason }: Extract<Step, { kind: "maker" }>,
  sight: RouteSight,
  order: Order,
  rules: RouterRules,
): Moved {
  const { nowMs } = sight;
  const known = { ...route, ackLatencyMs: route.ackLatencyMs ?? ackLatency(order) };
  if (remainingLots(known, sight) === 0) return endChild(known, sight, "filled");
  if (order.rejectCode === "post_only_would_take") return rejected(known, sight, rules);
  if (order.rejectCode !== null) return failed(known, sight, order.rejectCode);
  if (cancelReason === "revoked") return endChild(known, sight, "revoked");
  if (order.filledLots >= order.lots) {
    // A piece of a child that is larger than one order may be: the next piece.
    return goTo(known, sight, { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs });
  }
  const { child } = known;
  if (cancelReason === "low_fill" && child.requotes < rules.requotesMaxCount) {
    const offsetBps = Math.max(OFFSET_HALVED_MIN_BPS, child.offsetBps / 2);
    const again = {
      ...known,
      requotes: known.requotes + 1,
      child: { ...child, requotes: child.requotes + 1, offsetBps },
    };
    if (isDust(again, sight)) return toCross(again, sight, "low_fill");
    const requoted = goTo(again, sight, { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs });
    return { ...requoted, events: [requoteRow(again, "low_fill", sight)] };
  }
  return toCross(known, sight, cancelReason ?? "expired");
}

/** The venue would not let it rest: further back, a little later, a few times. */
function rejected(route: Route, sight: RouteSight, rules: RouterRules): Moved {
  const { nowMs } = sight;
  const rejections = route.child.rejections + 1;
  const again = {
    ...route,
    rejections: route.rejections + 1,
    child: { ...route.child, rejections },
  };
  if (rejections >= rules.rejectsMaxCount) return toCross(again, sight, "post_only_rejects");
  const waitMs = Math.min(REQUOTE_MAX_MS, REQUOTE_FIRST_MS * 2 ** (rejections - 1));
  const moved = goTo(again, sight, { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs + waitMs });
  return { ...moved, events: [requoteRow(again, "post_only_would_take", sight)] };
}

function requoteRow(route: Route, reason: string, sight: RouteSight) {
  return {
    kind: "order_requote" as const,
    ...refOf(route),
    reason,
    lots: remainingLots(route, sight),
    offsetBps: route.child.offsetBps,
  };
}

/** Quoting is over: what is left crosses the spread, unless it is too little. */
function toCross(route: Route, sight: RouteSight, reason: string): Moved {
  const ended = { ...route, makerEnd: reason };
  if (isDust(ended, sight)) return giveUp(ended, sight, "dust");
  const { nowMs } = sight;
  return goTo(ended, sight, { kind: "cross", sinceMs: nowMs, notBeforeMs: nowMs });
}

function takeBack(
  route: Route,
  now: Extract<Step, { kind: "maker" }>,
  sight: RouteSight,
  order: Order,
  reason: string,
): Moved {
  const taken = cancelOrder(order, { nowMs: sight.nowMs, reason });
  return {
    route: { ...route, step: { ...now, cancelReason: reason } },
    order: taken.order,
    commands: taken.commands,
    events: taken.events,
  };
}
