/** How routing of a symbol went over the last days: shares, quantiles of cost, how many routes. */
import { mean, quantileOfSorted } from "../stats.ts";

/** One ended route, as far as its effectiveness is concerned. */
export type RouteSample = {
  readonly makerStarted: boolean;
  /** Null: it is not known who made the fills. */
  readonly makerFinal: boolean | null;
  readonly usedFallback: boolean;
  /** Against the decision's mid, cost positive; null without a fill. */
  readonly slippageBps: number | null;
  readonly ackLatencyMs: number | null;
};

/** A figure of null has no evidence: that is not zero. */
export type Effectiveness = {
  /** Share of routes whose larger part the maker path filled. */
  readonly makerFillFrac: number | null;
  /** Share of maker routes that had to cross the spread after all. */
  readonly fallbackFrac: number | null;
  readonly slipQ25Bps: number | null;
  readonly slipQ50Bps: number | null;
  readonly slipQ75Bps: number | null;
  readonly slipQ95Bps: number | null;
  readonly ackLatencyP50Ms: number | null;
  readonly sampleCount: number;
};

/** Figures over any number of routes. Quantiles interpolate linearly. */
export function effectivenessOf(samples: readonly RouteSample[]): Effectiveness {
  const finals = samples.flatMap(({ makerFinal }) => makerFinal ?? []);
  const started = samples.filter(({ makerStarted }) => makerStarted);
  const slips = ascending(samples.map(({ slippageBps }) => slippageBps));
  return {
    makerFillFrac: share(finals),
    fallbackFrac: share(started.map(({ usedFallback }) => usedFallback)),
    slipQ25Bps: quantileOfSorted(slips, 0.25),
    slipQ50Bps: quantileOfSorted(slips, 0.5),
    slipQ75Bps: quantileOfSorted(slips, 0.75),
    slipQ95Bps: quantileOfSorted(slips, 0.95),
    ackLatencyP50Ms: quantileOfSorted(
      ascending(samples.map(({ ackLatencyMs }) => ackLatencyMs)),
      0.5,
    ),
    sampleCount: samples.length,
  };
}

/** What is known of a list, sorted once for all its quantiles. */
function ascending(values: readonly (number | null)[]): Float64Array {
  return Float64Array.from(values.filter((value) => value !== null)).sort();
}

function share(facts: readonly boolean[]): number | null {
  return mean(facts.map((fact) => fact ? 1 : 0));
}
