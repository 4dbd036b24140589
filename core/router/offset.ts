/** How far behind mid a quote stands: what the record of a symbol, the market and the hour say. */
import type { RangeRegime } from "../regimes.ts";
import type { Effectiveness } from "./effectiveness.ts";
import { BOOTSTRAP_COUNT } from "./policy.ts";

export const OFFSET_MIN_BPS = 1;
export const OFFSET_MAX_BPS = 10;
const BASE_BPS = 4;
const REGIME_BPS: Readonly<Record<RangeRegime, number>> = {
  quiet: -0.5,
  normal: 0,
  hot: 0.5,
  panic: 1,
  unknown: 0,
};

export type OffsetInputs = {
  readonly record: Pick<Effectiveness, "makerFillFrac" | "fallbackFrac" | "slipQ50Bps">;
  readonly range: RangeRegime;
  /** How dependable maker orders are, 0 to 1; null without enough of them. */
  readonly reliability: number | null;
  /** Risk is DEFENSIVE: quotes stand at half the distance. */
  readonly isDefensive: boolean;
  /** Profit per dollar traded in this hour of the day; null without enough trades. */
  readonly hourProfitFrac: number | null;
};

/** The offset in basis points, from 1 to 10. What is unknown adds no term. */
export function makerOffsetBps(inputs: OffsetInputs): number {
  const { record, range, reliability, isDefensive, hourProfitFrac } = inputs;
  const { makerFillFrac, fallbackFrac, slipQ50Bps } = record;
  let bps = BASE_BPS + REGIME_BPS[range];
  if (makerFillFrac !== null && makerFillFrac > 0.7) bps -= 0.5;
  if (fallbackFrac !== null && fallbackFrac > 0.5) bps += 1;
  if (fallbackFrac !== null && fallbackFrac > 0.8) bps += 1.5;
  if (slipQ50Bps !== null && slipQ50Bps > 5) bps += 0.8;
  else if (slipQ50Bps !== null && slipQ50Bps < 1) bps -= 0.2;
  const half = isDefensive ? 0.5 : 1;
  bps = Math.max(OFFSET_MIN_BPS, bps * trust(reliability) * half);
  if (hourProfitFrac !== null && hourProfitFrac > 0) bps -= 0.2;
  else if (hourProfitFrac !== null && hourProfitFrac < 0) bps += 0.2;
  return Math.min(OFFSET_MAX_BPS, Math.max(OFFSET_MIN_BPS, bps));
}

/** Unreliable quotes stand closer; without a record nobody is called unreliable. */
function trust(reliability: number | null): number {
  if (reliability === null || reliability >= 0.8) return 1;
  return reliability >= 0.5 ? 0.7 : 0.4;
}

/** How dependable maker orders are: filled, less what fell back, less what was refused. */
export function makerReliability(
  { makerFillFrac, fallbackFrac, sampleCount }: Pick<
    Effectiveness,
    "makerFillFrac" | "fallbackFrac" | "sampleCount"
  >,
  rejectFrac: number,
): number | null {
  if (makerFillFrac === null || sampleCount < BOOTSTRAP_COUNT) return null;
  const score = makerFillFrac - 0.3 * (fallbackFrac ?? 0) - 0.2 * rejectFrac;
  return Math.min(1, Math.max(0, score));
}
