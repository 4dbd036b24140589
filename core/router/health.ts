/**
 * Whether routing as a whole gives reason to worry, with patience both ways: one bad minute is no
 * alarm and one good minute no all-clear. It warns and shrinks sizes; it never ends the maker path,
 * or a warning would make the fallbacks it warns of.
 */
import type { Dict } from "../types.ts";
import type { RouterPolicy } from "./policy.ts";
import type { Quality } from "./quality.ts";

/** Snapshots in a row that it takes to begin a warning, and to end it. */
const STREAK_COUNT = 3;
/** More symbols than this without a maker path are no exception any more. */
const MAKER_OFF_MAX_COUNT = 5;
/** Above this share of fallbacks the maker path does not work. */
const FALLBACK_MAX_FRAC = 0.5;

export type RouterHealth = {
  /** What is wrong, as of the snapshot that began the warning; null: nothing. */
  readonly warning: string | null;
  /** Snapshots in a row that spoke against the present word. */
  readonly streak: number;
};

export const CALM_ROUTER: RouterHealth = { warning: null, streak: 0 };

/** One symbol as a snapshot sees it. */
export type RoutingFacts = {
  readonly quality: Pick<Quality, "label">;
  readonly policy: Pick<RouterPolicy, "quality" | "makerFirst">;
  readonly makerStartedCount: number;
  readonly fallbackFrac: number | null;
  /** Ended routes of the last days: a symbol with too few of them speaks for nobody. */
  readonly sampleCount: number;
};

/** What a snapshot says by itself; null where nothing is wrong or too little is known. */
export function complaintOf(symbols: Dict<RoutingFacts>, countMin: number): string | null {
  let [weak, makerOff, fallbacks, known] = [0, 0, 0, 0];
  for (const facts of Object.values(symbols)) {
    const { quality, policy, makerStartedCount, fallbackFrac, sampleCount } = facts;
    if (sampleCount < countMin) continue;
    const isBad = policy.quality === "degraded" || policy.quality === "broken";
    if (quality.label === "WEAK" || isBad) weak += 1;
    if (!policy.makerFirst) makerOff += 1;
    if (fallbackFrac === null || makerStartedCount < countMin) continue;
    fallbacks += fallbackFrac;
    known += 1;
  }
  if (weak > 0) return `router_degraded_symbols=${weak}`;
  if (makerOff > MAKER_OFF_MAX_COUNT) return `router_maker_off_symbols=${makerOff}`;
  const meanFrac = known === 0 ? 0 : fallbacks / known;
  return meanFrac > FALLBACK_MAX_FRAC ? `high_fallback_ratio=${meanFrac.toFixed(2)}` : null;
}

/** The word after one more snapshot. */
export function hearSnapshot(health: RouterHealth, complaint: string | null): RouterHealth {
  const speaksAgainst = (complaint === null) !== (health.warning === null);
  if (!speaksAgainst) return health.streak === 0 ? health : { ...health, streak: 0 };
  const streak = health.streak + 1;
  return streak < STREAK_COUNT ? { ...health, streak } : { warning: complaint, streak: 0 };
}
