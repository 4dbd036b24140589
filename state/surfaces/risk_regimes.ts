/** The blocks of `risk_snapshot.json` that say how wild the market is and what that leaves of sizes. */
import { z } from "zod";
import {
  DRAWDOWN_REGIMES,
  drawdownRegime,
  RANGE_BUCKETS,
  rangeBucket,
  rangeRegime,
} from "../../core/regimes.ts";
import type { Past } from "../../core/past.ts";
import { remembered } from "../../core/remember.ts";
import type { Rules } from "../../core/rules.ts";
import { quantile } from "../../core/stats.ts";
import { shrinkOf } from "../../core/seek.ts";
import type { Ticker } from "../../core/types.ts";
import { maybe, type Published } from "./surface.ts";

export const RegimeBlock = z.strictObject({
  drawdown: z.enum([...DRAWDOWN_REGIMES, "unknown"]),
  /** Of the symbol that stands for the market. */
  reference: z.string().nullable(),
  volatility: z.enum(["low", "normal", "high", "crisis", "unknown"]),
  volatility_ratio: maybe,
  true_range: z.enum([...RANGE_BUCKETS, "unknown"]),
  true_range_frac: maybe,
  /** What regimes and risk mode leave of every size; 0 where nothing is opened. */
  size_factor: z.number().min(0).max(1),
});

export function regimeBlock({ world, past, rules }: Published): z.output<typeof RegimeBlock> {
  const { reference } = rules;
  const drawdown = drawdownRegime(world.account.ddFrac);
  const vol = reference === null ? null : past.regimes.vol(reference);
  const range = reference === null ? null : past.regimes.range(reference);
  const bucket = rangeBucket(range?.frac ?? null);
  return {
    drawdown: drawdown === null ? "unknown" : DRAWDOWN_REGIMES[drawdown]!,
    reference,
    volatility: vol?.label ?? "unknown",
    volatility_ratio: vol?.ratio ?? null,
    true_range: bucket === null ? "unknown" : RANGE_BUCKETS[bucket]!,
    true_range_frac: range?.frac ?? null,
    size_factor: shrinkOf({ past, rules }, world),
  };
}

/**
 * Short over long true range per symbol, each looked up once. Ranges are a function of the candles,
 * of which there are more with each version.
 */
export const rangesOf = remembered((past: Past, _version: number) => {
  const known = new Map<string, number | null>();
  return (ticker: string): number | null => {
    let ratio = known.get(ticker);
    if (ratio === undefined) {
      known.set(ticker, ratio = past.regimes.range(ticker as Ticker)?.ratio ?? null);
    }
    return ratio;
  };
});

/** The median of the universe and its word. */
export function rangeBlock({ past, rules }: Published) {
  return blockOf(rangesOf(past, past.history.version), rules.universe);
}

const blockOf = remembered((
  ratioOf: (ticker: string) => number | null,
  universe: Rules["universe"],
) => {
  const symbols = Object.keys(universe).filter((ticker) => ratioOf(ticker) !== null);
  const median = quantile(symbols.map((ticker) => ratioOf(ticker)!), 0.5);
  const regime = rangeRegime(median);
  return { atr_regime: regime, atr: { atr_regime: regime, median_ratio: median, symbols } };
});
