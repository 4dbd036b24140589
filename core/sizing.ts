/** How big an entry is: unlevered dollars from a share of NAV. Leverage never multiplies it. */

/**
 * `grossUsd` = NAV x share x what regimes and risk mode leave. Sizes are shrunk once, here, and
 * never raised: below a minimum the gate refuses.
 */
export function sizeEntry(
  { navUsd, sizeFrac, shrinkFrac }: { navUsd: number; sizeFrac: number; shrinkFrac: number },
): number {
  return Math.max(0, navUsd * sizeFrac * shrinkFrac);
}
