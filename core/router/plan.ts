/**
 * From an approved intent to a route, or to a refusal by the exchange's filters: urgent ones strike
 * at once, large ones are sliced over time, the rest is one child.
 */
import type { EngineEvent } from "../events.ts";
import { floorUnits, lotsToUsd } from "../increments.ts";
import type { Approved, Book, Effect, Entry, Market, Reduce } from "../types.ts";
import { buys } from "../types.ts";
import { MIN_NOTIONAL_ROOM } from "./child.ts";
import { routerModeAt } from "./modes.ts";
import { normalizeOrder, type RouteRefusal } from "./normalize.ts";
import { makerVetoes, type RouterPolicy } from "./policy.ts";
import { boundedBps, expectedSlippageBps, midPxOf } from "./quote.ts";
import { freshChild, type Route, type Step } from "./route.ts";
import type { RouterRules } from "./rules.ts";
import { NO_SHORTFALL } from "./shortfall.ts";
import { scheduleOf } from "./twap.ts";

/** What a plan needs to see: the exchange's filters, the book of this moment, the policy. */
export type PlanSight = {
  readonly nowMs: number;
  readonly market: Market | null;
  readonly book: Book | null;
  readonly policy: RouterPolicy;
  readonly bucket: string;
};

export type Plan =
  | { readonly kind: "route"; readonly route: Route; readonly events: readonly EngineEvent[] }
  | { readonly kind: "refused"; readonly reason: RouteRefusal };

/** Turns an approved entry into a route, or refuses it by the exchange's filters. */
export function planEntry(
  entry: Approved<Entry>,
  sight: PlanSight,
  rules: RouterRules,
): Plan {
  const { market } = sight;
  if (market === null) return { kind: "refused", reason: "market_unknown" };
  const qty = entry.grossUsd / entry.refPx;
  const wish = {
    buys: buys(entry.side, "open"),
    kind: "limit",
    price: entry.refPx,
    qty,
    reduceOnly: false,
  } as const;
  // More than one order may carry is no reason to refuse: the parent is sent in several children.
  const whole = Math.max(market.maxLots, floorUnits(qty, market.lot));
  const normalized = normalizeOrder(wish, { ...market, maxLots: whole });
  if (normalized.kind === "refused") return normalized;
  const born = blank(entry, { ...sight, market, effect: "open", lots: normalized.lots }, rules);
  const route = { ...born, leverage: entry.leverage, levels: entry.levels };
  return { kind: "route", route, events: told(route, entry.grossUsd) };
}

/** Turns an approved reduce into a route; nothing about a reduce can be refused here. */
export function planReduce(
  reduce: Approved<Reduce>,
  sight: PlanSight & { readonly market: Market },
  rules: RouterRules,
): { route: Route; events: readonly EngineEvent[] } {
  const born = blank(reduce, { ...sight, effect: "close", lots: reduce.lots }, rules);
  const route = { ...born, exitReason: reduce.reason };
  return { route, events: told(route, null) };
}

type Birth = PlanSight & { effect: Effect; lots: number; market: Market };

function blank(intent: Entry | Reduce, birth: Birth, rules: RouterRules): Route {
  const { effect, lots, nowMs, market, book, policy, bucket } = birth;
  const direction = buys(intent.side, effect);
  const estimateBps = book === null ? null : expectedSlippageBps(book, { buys: direction, lots });
  const midPx = midPxOf(book, market.tick);
  const urgent = intent.kind === "reduce" && intent.urgent;
  const usd = midPx === null ? 0 : lotsToUsd(lots, { px: midPx, lot: market.lot });
  const { minChildUsd } = routerModeAt(nowMs, rules.modes);
  const smallestUsd = Math.max(minChildUsd, MIN_NOTIONAL_ROOM * market.minNotionalUsd);
  const twap = urgent
    ? null
    : scheduleOf(lots, { usd, minChildUsd: smallestUsd, nowMs }, rules.twap);
  return {
    id: `r:${intent.id}`,
    intentId: intent.id,
    strategyId: intent.strategyId,
    ticker: intent.ticker,
    side: intent.side,
    effect,
    lots,
    leverage: 1,
    urgent,
    exitReason: null,
    levels: null,
    decidedMs: nowMs,
    decisionMidPx: midPx,
    expectedBps: estimateBps === null ? null : boundedBps(estimateBps),
    policy,
    bucket,
    makerVetoes: makerVetoes(policy, { isRequested: rules.makerFirst, isUrgent: urgent }),
    twap,
    child: freshChild({ number: 0, midPx, offsetBps: policy.offsetBps, filledBefore: 0 }),
    leftIds: [],
    filledLots: 0,
    makerLots: 0,
    costPxLots: 0,
    costs: NO_SHORTFALL,
    feesUsd: 0,
    makerOrders: 0,
    rejections: 0,
    requotes: 0,
    failures: 0,
    refusedCode: null,
    makerEnd: null,
    ackLatencyMs: null,
    clientIds: [],
    step: firstStep({ urgent, isSliced: twap !== null, nowMs }),
  };
}

function firstStep(
  { urgent, isSliced, nowMs }: { urgent: boolean; isSliced: boolean; nowMs: number },
): Step {
  if (urgent) return { kind: "strike", notBeforeMs: nowMs, isBanded: false };
  if (isSliced) return { kind: "slice", notBeforeMs: nowMs };
  return { kind: "quote", sinceMs: nowMs, notBeforeMs: nowMs };
}

function told(route: Route, notionalUsd: number | null): readonly EngineEvent[] {
  const { id, intentId, strategyId, ticker, side, effect, lots, levels, twap } = route;
  const ref = { routeId: id, intentId, ticker, side, effect };
  const attempt: EngineEvent = {
    kind: "order_attempt",
    ...ref,
    strategyId,
    lots,
    notionalUsd,
    levels,
  };
  if (route.urgent) {
    const { policy, makerVetoes: reasons } = route;
    return [attempt, {
      kind: "route_decision",
      ...ref,
      child: 0,
      style: "market",
      path: "market",
      lots,
      makerRequested: false,
      makerAllowed: false,
      offsetBps: null,
      spreadBps: null,
      reasons,
      policy,
    }];
  }
  if (twap === null) return [attempt];
  const { slices, intervalMs } = twap;
  return [attempt, { kind: "twap_start", ...ref, lots, slices, intervalMs }];
}
