/**
 * What the record of a symbol suggests for its routing: a little more or less patience, a little
 * nearer or farther. Suggestions are written down; nothing in here changes a policy.
 */
import type { Effectiveness } from "./effectiveness.ts";
import { OFFSET_MAX_BPS, OFFSET_MIN_BPS } from "./offset.ts";
import {
  classifyQuality,
  classifyRegime,
  type RouterQuality,
  type RouterRegime,
  type TakerBias,
} from "./policy.ts";

/** How far one suggestion may move a policy. */
export type SuggestionBounds = {
  readonly biasMin: number;
  readonly biasMax: number;
  readonly biasStep: number;
  readonly offsetMinBps: number;
  readonly offsetMaxBps: number;
  readonly offsetStepBps: number;
};

/** 0 always waits, 1 always crosses. */
export const BIAS_OF: Readonly<Record<TakerBias, number>> = {
  prefer_maker: 0.25,
  balanced: 0.5,
  prefer_taker: 0.75,
};

export function biasLabel(bias: number): TakerBias {
  return bias <= 0.35 ? "prefer_maker" : bias >= 0.65 ? "prefer_taker" : "balanced";
}

export type PolicyPoint = {
  readonly makerFirst: boolean;
  readonly bias: number;
  readonly offsetBps: number;
};

/** What is known of a symbol besides its routing; null where there is nothing. */
export type Strength = {
  readonly expectancyUsd: number | null;
  readonly hitFrac: number | null;
  readonly score: number | null;
};

export type Suggestion = {
  readonly regime: RouterRegime;
  readonly quality: RouterQuality;
  readonly current: PolicyPoint;
  readonly proposed: PolicyPoint;
  readonly rationale: readonly string[];
};

type Push = { readonly bias: number; readonly offset: number; readonly code: string };

/** Where the policy of a symbol should move, by one bounded step. */
export function suggest(
  record: Effectiveness,
  { current, strength, bounds }: {
    current: PolicyPoint;
    strength: Strength;
    bounds: SuggestionBounds;
  },
): Suggestion {
  const quality = classifyQuality(record);
  // Latency speaks through quality: the regime is about fills and what they cost.
  const regime = classifyRegime({ ...record, ackLatencyP50Ms: null });
  const x = strengthOf(strength);
  const pushes = [
    ...routingPushes(quality, regime, strength.expectancyUsd === null),
    ...strengthPushes(x, strength),
  ];
  const [bias, offset] = pushes.reduce(
    ([b, o], push) => [b + push.bias, o + push.offset],
    [0, 0],
  );
  const isBroken = quality === "broken" || regime === "broken";
  const hasNothing = pushes.some(({ code }) => code === "fallback_heavy_no_expectancy");
  const stays = current.makerFirst && !isBroken && !hasNothing;
  const returns = !stays && !isBroken && regime === "maker_strong" && x >= 0.5;
  const from = Math.min(bounds.biasMax, Math.max(bounds.biasMin, current.bias));
  const moved = (at: number, push: number, step: number) => at + clamp(push, -1, 1) * step;
  return {
    regime,
    quality,
    current: { ...current, bias: from },
    proposed: {
      makerFirst: stays || returns,
      bias: clamp(moved(from, bias, bounds.biasStep), bounds.biasMin, bounds.biasMax),
      offsetBps: clamp(
        moved(current.offsetBps, offset, bounds.offsetStepBps),
        bounds.offsetMinBps,
        bounds.offsetMaxBps,
      ),
    },
    rationale: [
      "regime_and_quality",
      ...pushes.map(({ code }) => code).filter((code) => code !== ""),
      ...returns ? ["maker_reenabled"] : [],
    ],
  };
}

function routingPushes(
  quality: RouterQuality,
  regime: RouterRegime,
  isAlone: boolean,
): readonly Push[] {
  const pushes: Push[] = [];
  if (quality === "broken" || regime === "broken") {
    pushes.push({ bias: 1, offset: 1, code: "broken" });
  } else if (quality === "degraded") pushes.push({ bias: 0.5, offset: 0.5, code: "degraded" });
  if (regime === "fallback_heavy") {
    const code = isAlone ? "fallback_heavy_no_expectancy" : "fallback_heavy";
    pushes.push({ bias: 0.75, offset: 0.5, code });
  } else if (regime === "slippage_hot") {
    pushes.push({ bias: 0.5, offset: 0.75, code: "slippage_hot" });
  } else if (regime === "maker_strong") {
    pushes.push({ bias: -0.75, offset: -0.5, code: "maker_strong" });
  }
  return pushes;
}

function strengthPushes(x: number, strength: Strength): readonly Push[] {
  const isKnown = Object.values(strength).some((value) => value !== null);
  if (!isKnown || Math.abs(x) < 0.5) return [];
  const code = x > 0 ? "positive_expectancy" : "weak_expectancy";
  const isStrong = Math.abs(x) >= 1.5;
  const away = x > 0 ? -1 : 1;
  return [{ bias: away * (isStrong ? 1 : 0.5), offset: isStrong ? away * 0.5 : 0, code }];
}

/** How much a symbol deserves patience: what it earned, how often, what it scores. */
function strengthOf({ expectancyUsd, hitFrac, score }: Strength): number {
  let x = 0;
  if (expectancyUsd !== null) {
    x += expectancyUsd >= 5
      ? 1.5
      : expectancyUsd >= 1
      ? 0.75
      : expectancyUsd <= -3
      ? -1.5
      : expectancyUsd <= -1
      ? -0.75
      : 0;
  }
  if (hitFrac !== null) x += hitFrac >= 0.65 ? 0.25 : hitFrac <= 0.45 ? -0.25 : 0;
  if (score !== null) x += score >= 0.7 ? 0.75 : score <= 0.3 ? -0.75 : 0;
  return x;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** Bounds whose steps can neither leap nor stand still. */
export function suggestionBounds(
  keys: {
    readonly min_bias: number;
    readonly max_bias: number;
    readonly max_bias_step: number;
    readonly min_offset_bps: number;
    readonly max_offset_bps: number;
    readonly max_offset_step_bps: number;
  },
): SuggestionBounds {
  return {
    biasMin: keys.min_bias,
    biasMax: keys.max_bias,
    biasStep: clamp(keys.max_bias_step, 0.01, 0.25),
    offsetMinBps: Math.max(OFFSET_MIN_BPS, keys.min_offset_bps),
    offsetMaxBps: Math.min(OFFSET_MAX_BPS, keys.max_offset_bps),
    offsetStepBps: clamp(keys.max_offset_step_bps, 0.25, 3),
  };
}
