/** What every symbol's trades and routing come to in one number: for the surface and the router. */
import { netUsd } from "./exits/episode.ts";
import { type Expectancy, expectancyOf } from "./intel/expectancy.ts";
import { type Score, scoreSymbol } from "./intel/scores.ts";
import type { Memory } from "./memory.ts";
import { hybridMultiplier } from "./router/quality.ts";
import { type Around, routingOf } from "./routing.ts";
import type { Dict, Ticker } from "./types.ts";
import { MS_PER_HOUR } from "./units.ts";

export const LOOKBACK_HOURS = 48;

/** Closed episodes of the last two days; results net of fees and funding. */
export function recentTrades({ closes, pulse }: Pick<Memory, "closes" | "pulse">): Expectancy {
  const trades = Object.values(closes).map((close) => ({
    ticker: close.ticker,
    closedMs: close.closedMs,
    pnlUsd: netUsd(close),
  }));
  return expectancyOf(trades, { nowMs: pulse.nowMs, lookbackMs: LOOKBACK_HOURS * MS_PER_HOUR });
}

export type SymbolScore = Score & {
  readonly expectancyUsd: number | null;
  readonly hitFrac: number | null;
  readonly tradeCount: number;
  /** Null below the minimum of evidence. */
  readonly routerQuality: number | null;
  /** What routing quality does to the symbol's rank; 1 where it is unknown. */
  readonly multiplier: number;
};

/** One score per symbol that has traded or been routed. */
export function scoresOf(around: Around): Dict<SymbolScore> {
  const { memory, rules } = around;
  const { symbols } = recentTrades(memory);
  const tickers = new Set([...Object.keys(symbols), ...Object.keys(memory.routing)]);
  return Object.fromEntries(
    [...tickers].toSorted().map((ticker) => {
      const trades = symbols[ticker];
      const { quality, record, effectiveness } = routingOf(around, ticker as Ticker, {
        isDefensive: false,
      });
      const routerQuality = quality.insufficient ? null : quality.score;
      const realizedUsd = trades?.expectancyUsd == null
        ? null
        : trades.expectancyUsd * trades.count;
      const score = scoreSymbol({
        expectancyUsd: trades?.expectancyUsd ?? null,
        hitRate: trades?.hitRate ?? null,
        routerQuality,
        slippageBps: effectiveness.slipQ50Bps,
        feesUsd: record.totals.feesUsd,
        realizedUsd,
      });
      return [ticker, {
        ...score,
        expectancyUsd: trades?.expectancyUsd ?? null,
        hitFrac: trades?.hitRate ?? null,
        tradeCount: trades?.count ?? 0,
        routerQuality,
        multiplier: hybridMultiplier(quality, rules.quality),
      }] as const;
    }),
  );
}
