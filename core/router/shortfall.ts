/**
 * Implementation shortfall: what it cost to turn a decision into fills, against the mid of the
 * moment of the decision (Perold, "The implementation shortfall", 1988). Delay is how far mid moved
 * until an order was sent; spread is half of it for whoever crosses and earned by whoever waits;
 * impact is what a crossing order paid beyond the touch; fees are what the venue charged.
 */
import type { ShortfallBps } from "../events.ts";
import { BPS_PER_UNIT } from "../units.ts";

/** What was seen just before an order left: its fills are judged against it. */
export type Submission = {
  readonly midPx: number | null;
  readonly halfSpreadPx: number | null;
  /** What crossing was expected to cost, in basis points. */
  readonly expectedBps: number | null;
};

/** Sums of price times lots, cost positive. */
export type Shortfall = {
  readonly delayPxLots: number;
  readonly spreadPxLots: number;
  readonly impactPxLots: number;
  /** Lots that were filled without a book to judge them by: their cost has no parts. */
  readonly unsplitLots: number;
};

export const NO_SHORTFALL: Shortfall = {
  delayPxLots: 0,
  spreadPxLots: 0,
  impactPxLots: 0,
  unsplitLots: 0,
};

/** Adds one fill. */
export function addFill(
  sums: Shortfall,
  fill: { readonly px: number; readonly lots: number; readonly maker: boolean },
  { decisionMidPx, submission, buys }: {
    readonly decisionMidPx: number | null;
    readonly submission: Submission | null;
    readonly buys: boolean;
  },
): Shortfall {
  const { px, lots, maker } = fill;
  const midPx = submission?.midPx ?? null;
  const halfPx = submission?.halfSpreadPx ?? null;
  if (decisionMidPx === null || midPx === null || halfPx === null) {
    return { ...sums, unsplitLots: sums.unsplitLots + lots };
  }
  const cost = (fromPx: number, toPx: number) => (buys ? toPx - fromPx : fromPx - toPx) * lots;
  const beyondMid = cost(midPx, px);
  const spread = maker ? beyondMid : halfPx * lots;
  return {
    delayPxLots: sums.delayPxLots + cost(decisionMidPx, midPx),
    spreadPxLots: sums.spreadPxLots + spread,
    impactPxLots: sums.impactPxLots + beyondMid - spread,
    unsplitLots: sums.unsplitLots,
  };
}

/** The shortfall of what a route has filled. */
export function shortfallBps(
  { costs, decisionMidPx, filledLots, costPxLots, feesPxLots, buys }: {
    readonly costs: Shortfall;
    readonly decisionMidPx: number | null;
    readonly filledLots: number;
    readonly costPxLots: number;
    /** Fees in the same unit as the sums. */
    readonly feesPxLots: number;
    readonly buys: boolean;
  },
): ShortfallBps {
  if (decisionMidPx === null || !(decisionMidPx > 0) || filledLots === 0) {
    return {
      priceBps: null,
      delayBps: null,
      spreadBps: null,
      impactBps: null,
      feesBps: null,
      totalBps: null,
    };
  }
  const basis = decisionMidPx * filledLots;
  const inBps = (sum: number) => (sum / basis) * BPS_PER_UNIT;
  const part = (sum: number) => costs.unsplitLots > 0 ? null : inBps(sum);
  const price = inBps(buys ? costPxLots - basis : basis - costPxLots);
  const fees = inBps(feesPxLots);
  return {
    priceBps: price,
    delayBps: part(costs.delayPxLots),
    spreadBps: part(costs.spreadPxLots),
    impactBps: part(costs.impactPxLots),
    feesBps: fees,
    totalBps: price + fees,
  };
}
