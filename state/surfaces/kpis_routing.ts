/** Routing in single words, as readers of `kpis_v7.json` know them. */
import type { Effectiveness } from "../../core/router/effectiveness.ts";
import type { RouterPolicy } from "../../core/router/policy.ts";

type Shares = Pick<Effectiveness, "makerFillFrac" | "fallbackFrac" | "slipQ50Bps">;

const MAKER_POOR_FRAC = 0.35;
const MAKER_GOOD_FRAC = 0.55;
const FALLBACK_POOR_FRAC = 0.6;
const FALLBACK_DEGRADED_FRAC = 0.35;
const FALLBACK_GOOD_FRAC = 0.25;
const SLIP_POOR_BPS = 6;

/** How well orders are executed: a figure that is not known speaks for nothing; none is unknown. */
export function routerLabel(
  { makerFillFrac: maker, fallbackFrac: fallback, slipQ50Bps: slip }: Shares,
): "poor" | "degraded" | "ok" | "good" | "unknown" {
  if (maker === null && fallback === null && slip === null) return "unknown";
  const isAbove = (value: number | null, limit: number) => value !== null && value > limit;
  const isPoor = maker !== null && maker < MAKER_POOR_FRAC ||
    isAbove(fallback, FALLBACK_POOR_FRAC) || isAbove(slip, SLIP_POOR_BPS);
  if (isPoor) return "poor";
  const isGood = maker !== null && maker >= MAKER_GOOD_FRAC &&
    !isAbove(fallback, FALLBACK_GOOD_FRAC);
  if (isGood) return "good";
  return isAbove(fallback, FALLBACK_DEGRADED_FRAC) ? "degraded" : "ok";
}

const QUALITIES = ["good", "ok", "degraded", "broken"] as const;

/** The quality that most symbols are routed by, the better one where two are as many. */
export function policyQuality(policies: readonly Pick<RouterPolicy, "quality">[]): string {
  const count = (quality: string) => policies.filter((one) => one.quality === quality).length;
  if (policies.length === 0) return "unknown";
  return QUALITIES.toSorted((a, b) => count(b) - count(a))[0]!;
}

/** True where at least half of the symbols begin with a quote; null before the first one. */
export function isMakerFirst(
  policies: readonly Pick<RouterPolicy, "makerFirst">[],
): boolean | null {
  if (policies.length === 0) return null;
  return policies.filter(({ makerFirst }) => makerFirst).length * 2 >= policies.length;
}
