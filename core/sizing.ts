/** How big an entry is: unlevered dollars from a share of NAV. Leverage never multiplies it. */

/**
 * `grossUsd` = NAV x share x what the state of risk leaves. Sizes are shrunk once, here, and never
 * raised: below a minimum the gate refuses.
 */
export function sizeEntry(
  { navUsd, sizeFrac, modeFrac }: { navUsd: number; sizeFrac: number; modeFrac: number },
): number {
  return Math.max(0, navUsd * sizeFrac * modeFrac);
}
