/**
 * Expected against realised cost of a symbol's routes, as exponential averages over its trades: what
 * the book promised and what came of it. Basis points, cost positive.
 */
export type SlippageAverages = {
  readonly expectedBps: number | null;
  readonly realizedBps: number | null;
  readonly tradeCount: number;
  readonly lastMs: number;
};

/** Weight of the newest trade when the weight of an old one halves every so many trades. */
export function newestWeight(halfLifeTrades: number): number {
  return halfLifeTrades > 0 ? 1 - 0.5 ** (1 / halfLifeTrades) : 1;
}

/** Takes one confirmed trade in; a figure that is not known leaves its average as it was. */
export function learnSlippage(
  averages: SlippageAverages | null,
  trade: {
    readonly expectedBps: number | null;
    readonly realizedBps: number | null;
    readonly atMs: number;
  },
  halfLifeTrades: number,
): SlippageAverages {
  const weight = newestWeight(halfLifeTrades);
  const blend = (average: number | null, value: number | null) =>
    value === null ? average : average === null ? value : weight * value + (1 - weight) * average;
  return {
    expectedBps: blend(averages?.expectedBps ?? null, trade.expectedBps),
    realizedBps: blend(averages?.realizedBps ?? null, trade.realizedBps),
    tradeCount: (averages?.tradeCount ?? 0) + 1,
    lastMs: trade.atMs,
  };
}
