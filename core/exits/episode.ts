/** From flat to flat: what an episode of a leg came to, who earned it, how far it went. */
import { dayOf } from "../calendar.ts";
import type { EngineEvent } from "../events.ts";
import { unitsToNumber } from "../increments.ts";
import type { Conditions, Earned, ExitReason, Market, Side, Ticker } from "../types.ts";
import { positionKey, signOf } from "../types.ts";
import type { Holding } from "./ledger.ts";
import { addEarned, totalOf } from "./parcels.ts";

/** Lots and their sum of price times lots. */
export type Sum = { readonly lots: number; readonly pxLots: number };
export const NO_SUM: Sum = { lots: 0, pxLots: 0 };

/** The sum with some more lots at a price. */
export function addTo({ lots, pxLots }: Sum, more: { lots: number; px: number }): Sum {
  return { lots: lots + more.lots, pxLots: pxLots + more.px * more.lots };
}

/** Mean price; null of nothing. */
function averageOf({ lots, pxLots }: Sum): number | null {
  return lots === 0 ? null : pxLots / lots;
}

/** What trades that closed came to, net: those of one day that were made in one setting. */
export type Part = {
  /** UTC. */
  readonly day: string;
  readonly conditions: Conditions | null;
  readonly usd: number;
};

/** The parts with one more trade that closed. */
export function addPart(
  parts: readonly Part[],
  { atMs, conditions, usd }: Omit<Part, "day"> & { readonly atMs: number },
): readonly Part[] {
  const day = dayOf(atMs, "UTC");
  const at = parts.findIndex((one) => one.day === day && isSame(one.conditions, conditions));
  return at < 0
    ? [...parts, { day, conditions, usd }]
    : parts.with(at, { day, conditions, usd: parts[at]!.usd + usd });
}

function isSame(a: Conditions | null, b: Conditions | null): boolean {
  if (a === null || b === null) return a === b;
  return a.range === b.range && a.drawdown === b.drawdown && a.mode === b.mode;
}

/** One closed episode, kept for expectancy, performance and the report. */
export type Close = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly strategyId: string | null;
  readonly reason: ExitReason;
  readonly openedMs: number;
  readonly closedMs: number;
  readonly realizedUsd: number;
  readonly feesUsd: number;
  readonly fundingUsd: number;
  /** Dollars that were closed, at their prices. */
  readonly usd: number;
  /** Net result in multiples of what was at risk at the first stop; null without a stop. */
  readonly rMultiple: number | null;
  /** The result by strategy, first in first out; it adds up to the whole. */
  readonly earned: readonly Earned[];
  /** The result by day and setting, as far as trades of it were heard. */
  readonly parts: readonly Part[];
  /** What the last trade was made in; null where nobody saw it. */
  readonly conditions: Conditions | null;
};

/** What is left of a result after fees and funding. */
export function netUsd(
  { realizedUsd, feesUsd, fundingUsd }: Pick<Close, "realizedUsd" | "feesUsd" | "fundingUsd">,
): number {
  return realizedUsd - feesUsd + fundingUsd;
}

/** What is known of a leg besides its trades: how far it went, and the levels it began with. */
export type Journey = {
  readonly bestPx: number;
  readonly worstPx: number;
  readonly initialLevels: { readonly slPx: number | null; readonly tpPx: number | null };
};

/** The last row of a leg that is flat now: what it was, what it came to, how far it went. */
export function endEpisode(
  holding: Holding,
  reason: ExitReason,
  { closedMs, market, journey, conditions }: {
    closedMs: number;
    /** Null: what a lot is worth is not known, nor what was at risk. */
    market: Market | null;
    journey: Journey | null;
    conditions: Conditions | null;
  },
): { close: Close; event: EngineEvent } {
  const { ticker, side, strategyId, openedMs, realizedUsd, feesUsd, fundingUsd } = holding;
  const result = { realizedUsd, feesUsd, fundingUsd };
  const rMultiple = multipleOf(holding, market, journey?.initialLevels.slPx ?? null);
  const usd = holding.closedUsd;
  const earned = earnedBy(holding);
  return {
    close: {
      ticker,
      side,
      strategyId,
      reason,
      openedMs,
      closedMs,
      ...result,
      usd,
      rMultiple,
      earned,
      parts: holding.parts,
      conditions,
    },
    event: {
      kind: "episode_end",
      episodeId: holding.episodeId,
      key: positionKey(ticker, side),
      ticker,
      strategyId,
      openedMs,
      closedMs,
      ...result,
      exitReason: reason,
      earned,
      conditions,
      maxLots: holding.maxLots,
      entryPx: averageOf(holding.opened),
      exitPx: averageOf(holding.closed),
      slPx: journey?.initialLevels.slPx ?? null,
      tpPx: journey?.initialLevels.tpPx ?? null,
      ...excursions(holding, journey),
      rMultiple,
    },
  };
}

/** Best and worst result on the way, as fractions of the entry; the exit itself was on the way. */
function excursions(
  { side, opened, closed }: Holding,
  journey: Journey | null,
): { mfeFrac: number | null; maeFrac: number | null } {
  const entryPx = averageOf(opened);
  if (entryPx === null || journey === null) return { mfeFrac: null, maeFrac: null };
  const pricesPx = [journey.bestPx, journey.worstPx, averageOf(closed) ?? entryPx, entryPx];
  const gains = pricesPx.map((px) => signOf(side) * (px / entryPx - 1));
  return { mfeFrac: Math.max(...gains), maeFrac: Math.min(...gains) };
}

/** Net result over what the largest size would have lost from entry to its first stop. */
function multipleOf(
  holding: Holding,
  market: Market | null,
  slPx: number | null,
): number | null {
  const { opened, maxLots } = holding;
  const entryPx = averageOf(opened);
  if (entryPx === null || market === null || slPx === null) return null;
  const riskUsd = Math.abs(entryPx - slPx) * unitsToNumber(maxLots, market.lot);
  return riskUsd > 0 ? netUsd(holding) / riskUsd : null;
}

/** Below this share of a dollar a rest is the rounding of sums. */
const REST_USD = 1e-9;
/** The venue rounds its results: so much of what was closed may be apart. */
const ROUNDING_FRAC = 1e-6;

/**
 * The result by strategy. What no lot accounts for (a leg that ended or was corrected without its
 * trades) is nobody's, so that the parts always add up to the whole; the venue's rounding goes to
 * the oldest.
 */
function earnedBy(
  { earned, realizedUsd, feesUsd, fundingUsd, closedUsd }: Holding,
): readonly Earned[] {
  const known = totalOf(earned);
  const rest = {
    strategyId: null,
    lots: 0,
    realizedUsd: realizedUsd - known.realizedUsd,
    entryFeesUsd: feesUsd - known.entryFeesUsd - known.exitFeesUsd,
    exitFeesUsd: 0,
    fundingUsd: fundingUsd - known.fundingUsd,
  };
  const isPaid = [rest.entryFeesUsd, rest.fundingUsd].every((usd) => Math.abs(usd) < REST_USD);
  if (isPaid && Math.abs(rest.realizedUsd) < REST_USD) return earned;
  const [oldest] = earned;
  const isRounded = isPaid && Math.abs(rest.realizedUsd) <= ROUNDING_FRAC * closedUsd;
  const strategyId = isRounded && oldest !== undefined ? oldest.strategyId : null;
  return addEarned(earned, { ...rest, strategyId });
}

/** What a closed episode turns out to have paid or received besides. */
export type Amendment = { readonly feesUsd: number; readonly fundingUsd: number };

/** The closed episode with it: funding by the lots that earned, a fee that no lot knows nobody's. */
export function amendClose(close: Close, { feesUsd, fundingUsd }: Amendment): Close {
  const { lots } = totalOf(close.earned);
  const paid = close.earned.map((one): Earned => ({
    ...one,
    fundingUsd: one.fundingUsd + (lots === 0 ? 0 : fundingUsd * one.lots / lots),
  }));
  const rest: Earned = {
    strategyId: null,
    lots: 0,
    realizedUsd: 0,
    entryFeesUsd: feesUsd,
    exitFeesUsd: 0,
    fundingUsd: lots === 0 ? fundingUsd : 0,
  };
  const isWhole = paid.length === 0 || (rest.entryFeesUsd === 0 && rest.fundingUsd === 0);
  const amended = {
    ...close,
    feesUsd: close.feesUsd + feesUsd,
    fundingUsd: close.fundingUsd + fundingUsd,
    earned: isWhole ? paid : addEarned(paid, rest),
  };
  const beforeUsd = netUsd(close);
  if (close.rMultiple === null || beforeUsd === 0) return amended;
  return { ...amended, rMultiple: close.rMultiple * netUsd(amended) / beforeUsd };
}
