/** What closed positions say about the next one: per symbol, per hour of day. */
import type { Dict } from "../types.ts";
import { MS_PER_HOUR } from "../units.ts";

/** One closed trade, as far as statistics care. */
export type ClosedTrade = {
  readonly ticker: string;
  readonly closedMs: number;
  readonly pnlUsd: number;
};

export type TradeStats = {
  readonly count: number;
  readonly hitRate: number | null;
  readonly avgReturnUsd: number | null;
  readonly avgWinUsd: number | null;
  readonly avgLossUsd: number | null;
  readonly expectancyUsd: number | null;
  readonly expectancyPerRisk: number | null;
  readonly maxDrawdownUsd: number | null;
};

/**
 * Statistics of a group of trades in the order in which they closed. Expectancy is the mean result;
 * drawdown is the deepest fall of the running sum from its highest point, which begins at 0.
 */
export function tradeStats(trades: readonly ClosedTrade[]): TradeStats {
  const count = trades.length;
  if (count === 0) {
    return {
      count,
      hitRate: null,
      avgReturnUsd: null,
      avgWinUsd: null,
      avgLossUsd: null,
      expectancyUsd: null,
      expectancyPerRisk: null,
      maxDrawdownUsd: null,
    };
  }
  let [wins, losses, won, lost, sum, peak, maxDrawdownUsd] = [0, 0, 0, 0, 0, 0, 0];
  for (const { pnlUsd } of trades) {
    sum += pnlUsd;
    peak = Math.max(peak, sum);
    maxDrawdownUsd = Math.max(maxDrawdownUsd, peak - sum);
    if (pnlUsd > 0) [wins, won] = [wins + 1, won + pnlUsd];
    if (pnlUsd < 0) [losses, lost] = [losses + 1, lost + pnlUsd];
  }
  const avgLossUsd = losses === 0 ? 0 : lost / losses;
  const expectancyUsd = sum / count;
  return {
    count,
    hitRate: wins / count,
    avgReturnUsd: expectancyUsd,
    avgWinUsd: wins === 0 ? 0 : won / wins,
    avgLossUsd,
    expectancyUsd,
    expectancyPerRisk: expectancyUsd / (Math.abs(avgLossUsd) || 1),
    maxDrawdownUsd,
  };
}

export type Expectancy = {
  readonly sampleCount: number;
  readonly symbols: Dict<TradeStats>;
  /** Key: hour of day, UTC. */
  readonly hours: Dict<TradeStats>;
};

/** Groups trades by symbol and by hour of their close. */
export function expectancyOf(trades: readonly ClosedTrade[]): Expectancy {
  const hourOf = ({ closedMs }: ClosedTrade) => String(Math.floor(closedMs / MS_PER_HOUR) % 24);
  return {
    sampleCount: trades.length,
    symbols: statsBy(trades, ({ ticker }) => ticker),
    hours: statsBy(trades, hourOf),
  };
}

function statsBy(
  trades: readonly ClosedTrade[],
  keyOf: (trade: ClosedTrade) => string,
): Dict<TradeStats> {
  const groups: Record<string, ClosedTrade[]> = {};
  for (const trade of trades) (groups[keyOf(trade)] ??= []).push(trade);
  return Object.fromEntries(
    Object.keys(groups).toSorted().map((key) => [key, tradeStats(groups[key]!)]),
  );
}
