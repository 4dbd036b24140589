/**
 * Whether a symbol's quotes are worth their while: a word for how routing did, a word for the regime
 * it is in, and the policy that follows. One flag decides: the maker path is allowed or not.
 */
import type { RangeRegime } from "../regimes.ts";
import type { Effectiveness } from "./effectiveness.ts";

/** Fewer routes than this are a beginning, not a record. */
export const BOOTSTRAP_COUNT = 20;
const BROKEN = { slipBps: 50, latencyMs: 5_000 };
const DEGRADED = { slipBps: 25, latencyMs: 2_000, fallbackFrac: 0.85 };
const GOOD = { slipBps: 8, latencyMs: 1_000, fallbackFrac: 0.5, makerFrac: 0.5 };

export type RouterQuality = "good" | "ok" | "degraded" | "broken";
export type RouterRegime =
  | "broken"
  | "fallback_heavy"
  | "slippage_hot"
  | "maker_strong"
  | "balanced";
export type TakerBias = "prefer_maker" | "balanced" | "prefer_taker";

type Record = Pick<
  Effectiveness,
  "makerFillFrac" | "fallbackFrac" | "slipQ95Bps" | "ackLatencyP50Ms"
>;

/** What is unknown neither breaks a router nor makes it good. */
export function classifyQuality(
  record: Record & Pick<Effectiveness, "sampleCount">,
): RouterQuality {
  const { makerFillFrac, fallbackFrac, slipQ95Bps, ackLatencyP50Ms, sampleCount } = record;
  const isAt = (value: number | null, limit: number) => value !== null && value >= limit;
  if (isAt(slipQ95Bps, BROKEN.slipBps) || isAt(ackLatencyP50Ms, BROKEN.latencyMs)) return "broken";
  if (sampleCount < BOOTSTRAP_COUNT) return "ok";
  const isDegraded = isAt(fallbackFrac, DEGRADED.fallbackFrac) ||
    isAt(slipQ95Bps, DEGRADED.slipBps) || isAt(ackLatencyP50Ms, DEGRADED.latencyMs);
  if (isDegraded) return "degraded";
  const isGood = isAt(makerFillFrac, GOOD.makerFrac) && fallbackFrac !== null &&
    fallbackFrac <= GOOD.fallbackFrac && slipQ95Bps !== null && slipQ95Bps <= GOOD.slipBps &&
    (ackLatencyP50Ms === null || ackLatencyP50Ms <= GOOD.latencyMs);
  return isGood ? "good" : "ok";
}

/** First match wins. */
export function classifyRegime(record: Record): RouterRegime {
  const { makerFillFrac, fallbackFrac, slipQ95Bps, ackLatencyP50Ms } = record;
  const [maker, fallback] = [makerFillFrac ?? 0, fallbackFrac ?? 0];
  const hasFailed = fallback >= 0.95 && maker <= 0.05;
  const isSlow = (ackLatencyP50Ms ?? 0) >= BROKEN.latencyMs;
  if ((slipQ95Bps ?? 0) >= BROKEN.slipBps || isSlow || hasFailed) return "broken";
  if (fallback >= 0.7) return "fallback_heavy";
  if ((slipQ95Bps ?? 0) >= 20) return "slippage_hot";
  const isStrong = maker >= 0.7 && fallback <= 0.3 && (slipQ95Bps === null || slipQ95Bps <= 5);
  return isStrong ? "maker_strong" : "balanced";
}

export type RouterPolicy = {
  readonly quality: RouterQuality;
  /** The maker path is allowed. */
  readonly makerFirst: boolean;
  readonly bias: TakerBias;
  readonly offsetBps: number;
  readonly reason: string;
};

const BY_QUALITY: Readonly<
  { [Q in RouterQuality]: readonly [bias: TakerBias, code: string] }
> = {
  broken: ["prefer_taker", "router_broken"],
  degraded: ["balanced", "router_degraded_recovery"],
  good: ["prefer_maker", "router_good"],
  ok: ["prefer_maker", "router_ok"],
};

/** A bucket that would rather wait than cross makes a policy without a record wait. */
const WAITING_BIAS_FRAC = 0.5;

/** The policy of a symbol. In a panic nobody waits in a queue: whoever must trade, crosses. */
export function routerPolicy(
  record: Record & Pick<Effectiveness, "sampleCount">,
  { range, offsetBps, makerBiasFrac = WAITING_BIAS_FRAC }: {
    range: RangeRegime;
    offsetBps: number;
    /** What the symbol's bucket suggests before there is a record. */
    makerBiasFrac?: number;
  },
): RouterPolicy {
  const quality = classifyQuality(record);
  const [known, code] = BY_QUALITY[quality];
  const isSeeded = known === "prefer_maker" && record.sampleCount < BOOTSTRAP_COUNT;
  const usual = isSeeded && makerBiasFrac < WAITING_BIAS_FRAC ? "balanced" : known;
  const isPanic = range === "panic";
  const isWeak = quality === "broken" || quality === "degraded";
  const bias = isPanic ? "prefer_taker" : usual;
  const parts = [
    `quality=${quality}`,
    `regime=${range}`,
    ...record.sampleCount < BOOTSTRAP_COUNT ? [`bootstrap_mode(n=${record.sampleCount})`] : [],
    code,
    ...isPanic && isWeak ? ["panic_weak_router"] : [],
  ];
  return {
    quality,
    makerFirst: bias !== "prefer_taker",
    bias,
    offsetBps,
    reason: parts.join("; "),
  };
}

/** Why a route does not quote. The first three stand in a policy, the rest in the moment. */
export type MakerVeto =
  | "maker_not_requested"
  | "policy_maker_disabled"
  | "policy_quality_broken"
  | "policy_bias_prefers_taker"
  | "reduce_only_urgent"
  | "spread_too_wide"
  | "adverse_drift";

/** The vetoes that are known when a route begins; none means that it may quote. */
export function makerVetoes(
  policy: RouterPolicy,
  { isRequested, isUrgent }: { isRequested: boolean; isUrgent: boolean },
): readonly MakerVeto[] {
  return [
    ...isRequested ? [] : ["maker_not_requested" as const],
    ...policy.makerFirst ? [] : ["policy_maker_disabled" as const],
    ...policy.quality === "broken" ? ["policy_quality_broken" as const] : [],
    ...policy.bias === "prefer_taker" ? ["policy_bias_prefers_taker" as const] : [],
    ...isUrgent ? ["reduce_only_urgent" as const] : [],
  ];
}
