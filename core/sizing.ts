/** How big an entry is: unlevered dollars from a share of NAV. Leverage never multiplies it. */
import { z } from "zod";
import type { NavLevel } from "./nav.ts";

/** Keys of `runtime.yaml` that belong to sizes. */
export const sizingShape = {
  nav: z.strictObject({ count_unrealized_gains: z.boolean().default(false) }).prefault({}),
};

/**
 * The NAV that sizes are taken of. Gains that are not realised yet make no entry larger unless the
 * operator says so; losses always count. Every guard and every cap looks at NAV itself.
 */
export function sizingNavUsd(
  { navUsd, walletUsd }: Pick<NavLevel, "navUsd" | "walletUsd">,
  { countsGains }: { countsGains: boolean },
): number {
  return countsGains ? navUsd : Math.min(navUsd, walletUsd);
}

/**
 * `grossUsd` = NAV x share x what regimes and risk mode leave. Sizes are shrunk once, here, and
 * never raised: below a minimum the gate refuses.
 */
export function sizeEntry(
  { navUsd, sizeFrac, shrinkFrac }: { navUsd: number; sizeFrac: number; shrinkFrac: number },
): number {
  return Math.max(0, navUsd * sizeFrac * shrinkFrac);
}
