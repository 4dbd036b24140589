/** The curve of closed results: equity after each, how far below its peak, the newest ones' sum. */

export type Result = { readonly atMs: number; readonly pnlUsd: number };

export type EquityPoint = {
  readonly atMs: number;
  readonly equityUsd: number;
  readonly pnlUsd: number;
  /** Below the highest equity so far, as a share of it; null while there was none above zero. */
  readonly drawdownFrac: number | null;
  /** Sum of this and the results before it, as many as the window holds; null without a window. */
  readonly rollingUsd: number | null;
};

/** One point a result, in the order of time; results of one instant keep theirs. */
export function equityCurve(
  results: readonly Result[],
  { startUsd, windowCount }: { startUsd: number; windowCount: number },
): readonly EquityPoint[] {
  const ordered = results.toSorted((a, b) => a.atMs - b.atMs);
  let [equityUsd, peakUsd, rollingUsd] = [startUsd, startUsd, 0];
  return ordered.map(({ atMs, pnlUsd }, i) => {
    equityUsd += pnlUsd;
    peakUsd = Math.max(peakUsd, equityUsd);
    rollingUsd += pnlUsd - (i >= windowCount ? ordered[i - windowCount]!.pnlUsd : 0);
    return {
      atMs,
      equityUsd,
      pnlUsd,
      drawdownFrac: peakUsd > 0 ? (peakUsd - equityUsd) / peakUsd : null,
      rollingUsd: windowCount > 0 ? rollingUsd : null,
    };
  });
}
