/**
 * Applying suggestions, which is off unless the operator turns it on: one small bounded step at a
 * time, never while risk is tense, never for a router that does badly. The adaptive offset stays
 * adaptive: a step shifts it, it does not replace it.
 */
import { z } from "zod";
import { bps, frac, seconds, symbol } from "../units.ts";
import { OFFSET_MAX_BPS, OFFSET_MIN_BPS } from "./offset.ts";
import type { RouterPolicy } from "./policy.ts";
import { BIAS_OF, biasLabel, type Suggestion, suggestionBounds } from "./suggest.ts";

/** `runtime.yaml: router_autotune`. */
export const RouterAutotune = z.strictObject({
  /** Suggestions are always written; only with this they are also followed. */
  apply: z.boolean().default(false),
  interval_s: seconds(86_400, 60).prefault(900),
  /** Symbols whose policy may move; none named means all. */
  symbols: z.array(symbol()).default([]),
  /** Whether the maker path itself may be switched, and not only its terms. */
  allow_flip: z.boolean().default(false),
  min_bias: frac(1).default(0),
  max_bias: frac(1).default(1),
  max_bias_step: frac(0.25, 0.01).default(0.05),
  min_offset_bps: bps(10, 0.5).prefault(1),
  max_offset_bps: bps(10, 0.5).prefault(10),
  max_offset_step_bps: bps(3, 0.25).prefault(1),
}).prefault({});

export type TuningRules = ReturnType<typeof tuningRules>;

export function tuningRules(keys: z.output<typeof RouterAutotune>) {
  return {
    applies: keys.apply,
    intervalMs: keys.interval_s,
    symbols: keys.symbols,
    flips: keys.allow_flip,
    bounds: suggestionBounds(keys),
  };
}

/** How far followed suggestions have moved the policy of a symbol. */
export type Tuned = {
  readonly bias: number;
  readonly shiftBps: number;
  readonly makerFirst: boolean;
  readonly atMs: number;
};

/** One application moves a policy at most this far, whatever the bounds of a suggestion are. */
const BIAS_STEP_MAX = 0.05;
const OFFSET_STEP_MAX_BPS = 2;

/** The policy with what has been applied; a broken router and a panic keep their own. */
export function tunedPolicy(policy: RouterPolicy, tuned: Tuned | null): RouterPolicy {
  if (tuned === null || policy.bias === "prefer_taker") return policy;
  const bias = biasLabel(tuned.bias);
  const offsetBps = clamp(policy.offsetBps + tuned.shiftBps, OFFSET_MIN_BPS, OFFSET_MAX_BPS);
  return {
    ...policy,
    bias,
    makerFirst: tuned.makerFirst && bias !== "prefer_taker",
    offsetBps,
    reason: `${policy.reason}; autotune`,
  };
}

/** The number behind a policy's bias. */
export function biasOf({ bias }: Pick<RouterPolicy, "bias">, tuned: Tuned | null): number {
  return tuned?.bias ?? BIAS_OF[bias];
}

/** What following one suggestion makes of a policy; what may not be followed changes nothing. */
export function applySuggestion(
  { proposed, current, quality }: Suggestion,
  { tuned, ticker, isCalm, nowMs }: {
    readonly tuned: Tuned | null;
    readonly ticker: string;
    /** Risk is OK: neither tense nor unknown. */
    readonly isCalm: boolean;
    readonly nowMs: number;
  },
  rules: TuningRules,
): Tuned | null {
  const isListed = rules.symbols.length === 0 || rules.symbols.includes(ticker);
  const isSound = quality === "good" || quality === "ok";
  if (!rules.applies || !isListed || !isCalm || !isSound) return tuned;
  const step = (from: number, to: number, most: number) => clamp(to - from, -most, most);
  return {
    bias: current.bias + step(current.bias, proposed.bias, BIAS_STEP_MAX),
    shiftBps: clamp(
      (tuned?.shiftBps ?? 0) + step(current.offsetBps, proposed.offsetBps, OFFSET_STEP_MAX_BPS),
      -OFFSET_MAX_BPS,
      OFFSET_MAX_BPS,
    ),
    makerFirst: rules.flips ? proposed.makerFirst : current.makerFirst,
    atMs: nowMs,
  };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
