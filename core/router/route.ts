/**
 * A route: one approved intent on its way to fills, as data. Its steps, its children, the booking
 * of trades and its last row. `plan.ts` makes it, `advance.ts` moves it.
 */
import type { EngineEvent, RouteStatus, RouteStyle } from "../events.ts";
import type { RejectCode } from "../ports.ts";
import { type Increment, unitsToNumber } from "../increments.ts";
import type { Trade } from "../types.ts";
import { buys } from "../types.ts";
import type { Effect, ExitReason, Levels, Side, Ticker } from "../types.ts";
import { BPS_PER_UNIT } from "../units.ts";
import type { MakerVeto, RouterPolicy } from "./policy.ts";
import { addFill, type Shortfall, shortfallBps, type Submission } from "./shortfall.ts";
import type { Schedule } from "./twap.ts";

/** Where a route stands. Each step that waits names the instant at which it wants to be looked at. */
export type Step =
  /** About to begin the next slice. */
  | { readonly kind: "slice"; readonly notBeforeMs: number }
  /** About to place a post-only quote. */
  | { readonly kind: "quote"; readonly sinceMs: number; readonly notBeforeMs: number }
  /** A post-only order is out. */
  | {
    readonly kind: "maker";
    readonly clientId: string;
    readonly sinceMs: number;
    readonly nextCheckMs: number;
    readonly wideSinceMs: number | null;
    readonly cancelReason: string | null;
  }
  /** About to cross the spread, within bounds. */
  | { readonly kind: "cross"; readonly sinceMs: number; readonly notBeforeMs: number }
  /** A bounded immediate-or-cancel order is out. */
  | { readonly kind: "taker"; readonly clientId: string }
  /** About to send a market order. */
  | { readonly kind: "strike"; readonly notBeforeMs: number; readonly isBanded: boolean }
  /** A market order is out, or one within a band around mark where the venue wants that. */
  | { readonly kind: "market"; readonly clientId: string; readonly isBanded: boolean }
  | { readonly kind: "ended"; readonly status: RouteStatus; readonly reason: string };

/** The piece of a route that works at the moment: all of it, or one slice. */
export type Child = {
  readonly number: number;
  /** Since when it waits for a free place; null while it does not. */
  readonly queuedMs: number | null;
  /** When it took a place; it keeps it until it ends. */
  readonly startedMs: number | null;
  /** Mid when it began: what an adverse drift is measured from. */
  readonly midPx: number | null;
  readonly offsetBps: number;
  readonly rejections: number;
  readonly requotes: number;
  readonly takerTries: number;
  /** Orders that the venue has not executed for reasons of its own. */
  readonly retries: number;
  /** Filled of the parent before this child began. */
  readonly filledBefore: number;
  /** Whether it has been told which way it goes, and why. */
  readonly isExplained: boolean;
};

/** A child that has not begun. */
export function freshChild(
  of: Pick<Child, "number" | "midPx" | "offsetBps" | "filledBefore">,
): Child {
  return {
    ...of,
    queuedMs: null,
    startedMs: null,
    rejections: 0,
    requotes: 0,
    takerTries: 0,
    retries: 0,
    isExplained: false,
  };
}

export type Route = {
  readonly id: string;
  readonly intentId: string;
  readonly strategyId: string | null;
  readonly ticker: Ticker;
  readonly side: Side;
  readonly effect: Effect;
  readonly lots: number;
  readonly leverage: number;
  readonly urgent: boolean;
  readonly exitReason: ExitReason | null;
  /** Travel with an entry and become the position's registry entry at its first fill. */
  readonly levels: Levels | null;
  readonly decidedMs: number;
  readonly decisionMidPx: number | null;
  readonly expectedBps: number | null;
  readonly policy: RouterPolicy;
  /** Liquidity bucket of the symbol. */
  readonly bucket: string;
  /** Why it does not quote at all; none: the maker path is allowed. */
  readonly makerVetoes: readonly MakerVeto[];
  readonly twap: Schedule | null;
  readonly child: Child;
  /** Orders it already goes on without that may still fill: being taken back, or out of sight. */
  readonly leftIds: readonly string[];
  readonly filledLots: number;
  readonly makerLots: number;
  /** Sum of price times lots over the fills. */
  readonly costPxLots: number;
  readonly costs: Shortfall;
  readonly feesUsd: number;
  readonly makerOrders: number;
  readonly rejections: number;
  readonly requotes: number;
  readonly failures: number;
  /** Why the venue refused an order of it the last time; null while none was refused. */
  readonly refusedCode: RejectCode | null;
  /** Why quoting last ended without a full fill. */
  readonly makerEnd: string | null;
  readonly ackLatencyMs: number | null;
  readonly clientIds: readonly string[];
  readonly step: Step;
};

/** Adds one trade to the route that ordered it. */
export function bookTrade(route: Route, trade: Trade, submission: Submission | null): Route {
  const { decisionMidPx, side, effect } = route;
  return {
    ...route,
    filledLots: route.filledLots + trade.lots,
    makerLots: route.makerLots + (trade.maker ? trade.lots : 0),
    costPxLots: route.costPxLots + trade.px * trade.lots,
    costs: addFill(route.costs, trade, { decisionMidPx, submission, buys: buys(side, effect) }),
    feesUsd: route.feesUsd + trade.feeUsd,
  };
}

/** Average fill price; null before the first fill. */
export function averagePx({ filledLots, costPxLots }: Route): number | null {
  return filledLots === 0 ? null : costPxLots / filledLots;
}

/** How the route went about it. */
export function styleOf({ urgent, twap, makerOrders }: Route): RouteStyle {
  if (twap !== null) return "twap";
  return urgent ? "market" : makerOrders > 0 ? "maker_first" : "taker";
}

/** The row that tells what routing did and what it cost; `endMidPx` prices what was not filled. */
export function endRow(
  route: Route,
  { lot, endMidPx, nowMs }: { lot: Increment; endMidPx: number | null; nowMs: number },
): Extract<EngineEvent, { kind: "route_end" }> {
  const { step, filledLots, decisionMidPx } = route;
  const direction = buys(route.side, route.effect);
  const shortfall = shortfallBps({
    ...route,
    feesPxLots: route.feesUsd / unitsToNumber(1, lot),
    buys: direction,
  });
  return {
    kind: "route_end",
    routeId: route.id,
    intentId: route.intentId,
    strategyId: route.strategyId,
    ticker: route.ticker,
    side: route.side,
    effect: route.effect,
    style: styleOf(route),
    bucket: route.bucket,
    status: step.kind === "ended" ? step.status : "EXPIRED",
    reason: step.kind === "ended" ? step.reason : "open",
    lots: route.lots,
    filledLots,
    makerLots: route.makerLots,
    avgPx: averagePx(route),
    decisionMidPx,
    expectedBps: route.expectedBps,
    shortfall,
    missedBps: filledLots >= route.lots || decisionMidPx === null || endMidPx === null
      ? null
      : adverseBps(decisionMidPx, endMidPx, direction),
    feesUsd: route.feesUsd,
    makerStarted: route.makerOrders > 0,
    makerEnd: route.makerEnd,
    policy: route.policy,
    rejections: route.rejections,
    requotes: route.requotes,
    orders: route.clientIds.length,
    slices: route.twap?.slices.length ?? null,
    slicesBegun: route.twap?.begunCount ?? null,
    decidedMs: route.decidedMs,
    endedMs: nowMs,
    ackLatencyMs: route.ackLatencyMs,
    clientIds: route.clientIds,
  };
}

/** How far a price has moved against whoever wants to trade, in basis points. */
export function adverseBps(fromPx: number, toPx: number, isBuying: boolean): number {
  const movedBps = (toPx / fromPx - 1) * BPS_PER_UNIT;
  return isBuying ? movedBps : -movedBps;
}
