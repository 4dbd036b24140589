/** The rows of routes: what was decided, how slices went, and what each parent cost in the end. */
import { unreachable } from "../core/assert.ts";
import type { EngineEvent, PolicyFacts, ShortfallBps } from "../core/events.ts";
import { legOf, type Markets, qty, type Row } from "./row_parts.ts";
import { iso } from "./surfaces/surface.ts";

type RouteEvent = Extract<EngineEvent, { routeId: string; effect: string }>;
type TwapEvent = Extract<RouteEvent, { kind: `twap_${string}` }>;
type RouteEnd = Extract<RouteEvent, { kind: "route_end" }>;

/** One event of a route as the body of its row. */
export function routeRow(
  event: Exclude<RouteEvent, { kind: "order_attempt" }>,
  view: Markets,
  venue: string,
): Row {
  switch (event.kind) {
    case "route_decision":
      return {
        ...routeOf(event),
        child: event.child,
        route: event.style,
        path: event.path,
        qty: qty(view, event.ticker, event.lots),
        maker_requested: event.makerRequested,
        maker_allowed: event.makerAllowed,
        offset_bps: event.offsetBps,
        spread_bps: event.spreadBps,
        reasons: event.reasons,
        policy: policyOf(event.policy),
      };
    case "order_requote":
      return {
        ...routeOf(event),
        reason: event.reason,
        qty: qty(view, event.ticker, event.lots),
        offset_bps: event.offsetBps,
      };
    case "exit_forced":
      return { ...routeOf(event), reason: event.reason };
    case "route_end":
      return { ...routeOf(event), venue, ...endBody(event, view) };
    case "twap_start":
    case "twap_pause":
    case "twap_slice":
    case "twap_complete":
      return { ...routeOf(event), ...twapBody(event, view) };
    default:
      return unreachable(event);
  }
}

function twapBody(event: TwapEvent, view: Markets): Row {
  const size = (lots: number) => qty(view, event.ticker, lots);
  switch (event.kind) {
    case "twap_start":
      return {
        qty: size(event.lots),
        slices: event.slices.map(size),
        interval_seconds: event.intervalMs / 1_000,
      };
    case "twap_pause":
      return {
        slice: event.index,
        slices_total: event.count,
        spread_bps: event.spreadBps,
        threshold_bps: event.thresholdBps,
      };
    case "twap_slice":
      return {
        slice: event.index,
        slices_total: event.count,
        planned_qty: size(event.plannedLots),
        filled_qty: size(event.filledLots),
        reason: event.reason,
      };
    case "twap_complete":
      return {
        status: event.status,
        reason: event.reason,
        slices_total: event.slicesTotal,
        slices_executed: event.slicesBegun,
        qty: size(event.lots),
        total_filled_qty: size(event.filledLots),
        maker_qty: size(event.makerLots),
        weighted_avg_price: event.avgPx,
        avg_slippage_bps: event.slippageBps,
        paused_ms: event.pausedMs,
      };
    default:
      return unreachable(event);
  }
}

function endBody(event: RouteEnd, view: Markets): Row {
  const size = (lots: number) => qty(view, event.ticker, lots);
  return {
    attempt_id: event.routeId,
    strategy: event.strategyId,
    route: event.style,
    execution_style: event.slices === null ? "single" : "twap",
    liquidity_bucket: event.bucket,
    result: {
      status: event.status,
      reason: event.reason,
      retries: Math.max(0, event.orders - 1),
    },
    prices: { mid_at_decision: event.decisionMidPx, avg_fill: event.avgPx },
    qty: {
      requested: size(event.lots),
      contracts: size(event.filledLots),
      maker: size(event.makerLots),
    },
    fill_ratio: event.lots === 0 ? null : event.filledLots / event.lots,
    slippage_bps: event.shortfall.priceBps,
    expected_bps: event.expectedBps,
    shortfall_bps: shortfallOf(event.shortfall),
    missed_bps: event.missedBps,
    fees_usd: event.feesUsd,
    timing_ms: {
      ack: event.ackLatencyMs,
      total: event.endedMs - event.decidedMs,
    },
    ack_latency_ms: event.ackLatencyMs,
    rejections: event.rejections,
    requotes: event.requotes,
    orders: event.orders,
    maker_start: event.makerStarted,
    maker_end: event.makerEnd,
    is_maker_final: event.filledLots > 0 ? event.makerLots * 2 > event.lots : null,
    used_fallback: event.makerStarted && event.makerLots < event.filledLots,
    policy: policyOf(event.policy),
    twap: event.slices === null
      ? null
      : { slices: event.slices, slices_executed: event.slicesBegun },
    decided_ts: iso(event.decidedMs),
    client_order_ids: event.clientIds,
  };
}

function shortfallOf(parts: ShortfallBps): Row {
  return {
    price: parts.priceBps,
    delay: parts.delayBps,
    spread: parts.spreadBps,
    impact: parts.impactBps,
    fees: parts.feesBps,
    total: parts.totalBps,
  };
}

function policyOf({ makerFirst, bias, quality, reason, offsetBps }: PolicyFacts): Row {
  return { maker_first: makerFirst, taker_bias: bias, quality, reason, offset_bps: offsetBps };
}

function routeOf(event: RouteEvent): Row {
  const { routeId, intentId, effect } = event;
  const reduceOnly = effect === "close";
  return { route_id: routeId, intent_id: intentId, ...legOf(event), reduceOnly };
}
