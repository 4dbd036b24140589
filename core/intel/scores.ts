/** One number per symbol: what its trades earned and what routing them cost. */

const EXPECTANCY_SCALE_USD = 10;
const EXPECTANCY_WEIGHT = 0.55;
const ROUTER_WEIGHT = 0.35;
const HIT_RATE_WEIGHT = 0.3;
const PENALTY_MAX = 0.4;
const SLIP_SCALE_BPS = 20;
const FEE_WEIGHT = 0.2;
const NEUTRAL = 0.5;

export type ScoreInput = {
  readonly expectancyUsd: number | null;
  readonly hitRate: number | null;
  /** Null below the minimum of evidence: it then counts as neutral. */
  readonly routerQuality: number | null;
  readonly slippageBps: number | null;
  readonly feesUsd: number | null;
  readonly realizedUsd: number | null;
};

export type Score = {
  readonly score: number;
  readonly expectancy: number;
  readonly router: number;
  readonly slippagePenalty: number;
  readonly feePenalty: number;
};

/** Score in [0, 1]: weighted expectancy and router quality, less slippage and fee drag. */
export function scoreSymbol(input: ScoreInput): Score {
  const base = NEUTRAL + NEUTRAL * Math.tanh((input.expectancyUsd ?? 0) / EXPECTANCY_SCALE_USD);
  const expectancy = input.hitRate === null
    ? base
    : (1 - HIT_RATE_WEIGHT) * base + HIT_RATE_WEIGHT * unit(input.hitRate);
  const router = unit(input.routerQuality ?? NEUTRAL);
  const slippagePenalty = Math.min(
    PENALTY_MAX,
    Math.max(0, input.slippageBps ?? 0) / SLIP_SCALE_BPS,
  );
  const feePenalty = feeDrag(input);
  const score = unit(
    EXPECTANCY_WEIGHT * expectancy + ROUTER_WEIGHT * router - slippagePenalty - feePenalty,
  );
  return { score, expectancy, router, slippagePenalty, feePenalty };
}

function feeDrag({ feesUsd, realizedUsd }: ScoreInput): number {
  if (feesUsd === null || realizedUsd === null || realizedUsd === 0) return 0;
  return Math.min(PENALTY_MAX, (FEE_WEIGHT * Math.abs(feesUsd)) / Math.abs(realizedUsd));
}

function unit(value: number): number {
  return Math.min(1, Math.max(0, value));
}
