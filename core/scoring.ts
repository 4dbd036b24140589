/** What every symbol's trades and routing come to in one number: for the surface and the router. */
import { type Close, netUsd } from "./exits/episode.ts";
import {
  type ClosedTrade,
  type Expectancy,
  expectancyOf,
  type TradeStats,
} from "./intel/expectancy.ts";
import { type Score, scoreSymbol } from "./intel/scores.ts";
import type { Memory } from "./memory.ts";
import { recent, remembered } from "./remember.ts";
import { hybridMultiplier, type QualityRules } from "./router/quality.ts";
import { type Around, routingOfAll, type SymbolRouting } from "./routing.ts";
import type { Dict } from "./types.ts";
import { MS_PER_HOUR } from "./units.ts";

export const LOOKBACK_HOURS = 48;

const lately = recent<Close>(({ closedMs }) => closedMs);

/** Closed episodes of the last two days; the same list while none comes or leaves. */
export function recentCloses({ closes, pulse }: Pick<Memory, "closes" | "pulse">) {
  return lately(closes, pulse.nowMs - LOOKBACK_HOURS * MS_PER_HOUR);
}

/** What they say of the next one; results are net of fees and funding. */
export function recentTrades(memory: Pick<Memory, "closes" | "pulse">): Expectancy {
  return expectancy(recentCloses(memory));
}

const expectancy = remembered((closes: readonly Close[]) => expectancyOf(closes.map(tradeOf)));

/** A closed episode as far as statistics care: its result is net of fees and funding. */
export function tradeOf(close: Close): ClosedTrade {
  return { ticker: close.ticker, closedMs: close.closedMs, pnlUsd: netUsd(close) };
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
  const routing = routingOfAll(around, { isDefensive: false });
  return scored(routing, recentTrades(around.memory).symbols, around.rules.quality);
}

const scored = remembered((
  routing: Dict<SymbolRouting>,
  trades: Dict<TradeStats>,
  rules: QualityRules,
): Dict<SymbolScore> => {
  const tickers = new Set([...Object.keys(trades), ...Object.keys(routing)]);
  return Object.fromEntries(
    [...tickers].toSorted().map((
      ticker,
    ) => [ticker, scoreOf(routing[ticker], trades[ticker], rules)]),
  );
});

/** A symbol that was never routed has no quality and has paid no fees. */
function scoreOf(
  routed: SymbolRouting | undefined,
  trades: TradeStats | undefined,
  rules: QualityRules,
): SymbolScore {
  const isRated = routed !== undefined && !routed.quality.insufficient;
  const routerQuality = isRated ? routed.quality.score : null;
  const expectancyUsd = trades?.expectancyUsd ?? null;
  const score = scoreSymbol({
    expectancyUsd,
    hitRate: trades?.hitRate ?? null,
    routerQuality,
    slippageBps: routed?.effectiveness.slipQ50Bps ?? null,
    feesUsd: routed?.record.totals.feesUsd ?? 0,
    realizedUsd: expectancyUsd === null ? null : expectancyUsd * trades!.count,
  });
  return {
    ...score,
    expectancyUsd,
    hitFrac: trades?.hitRate ?? null,
    tradeCount: trades?.count ?? 0,
    routerQuality,
    multiplier: routed === undefined ? 1 : hybridMultiplier(routed.quality, rules),
  };
}
