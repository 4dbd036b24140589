/** The book proves itself: lots add up to their leg, and three ways to a result give one figure. */
import { totalOf } from "../../core/exits/parcels.ts";
import type { Holding } from "../../core/exits/ledger.ts";
import { unitsToNumber } from "../../core/increments.ts";
import { signOf } from "../../core/types.ts";
import type { Checker } from "./checkers.ts";

const ROUNDING_FRAC = 1e-6;
const ROUNDING_USD = 1e-9;

/**
 * What is open lot by lot is what the leg holds; what was closed lot by lot differs from the result
 * at average cost by exactly what the open lots differ from the average, so that nothing is left of
 * it when the leg is flat. Fees and funding are those of the leg, each once.
 */
export const proven: Checker = ({ memory, seen }) => {
  for (const [key, holding] of Object.entries(memory.holdings)) {
    const { parcels, lots, source, ticker } = holding;
    const open = parcels.reduce((sum, parcel) => sum + parcel.lots, 0);
    if (open !== lots) return `${key}: ${lots} lots, by entry ${open}`;
    if (parcels.some((parcel) => !(parcel.lots > 0))) return `${key}: an entry of nothing`;
    const market = seen.market.market(ticker);
    // A leg that was corrected without its trades has figures that nobody saw.
    if (source === "adjustment" || market === null) continue;
    const problem = unproven(holding, unitsToNumber(1, market.lot));
    if (problem !== null) return `${key}: ${problem}`;
  }
  return null;
};

function unproven({ parcels, earned, ...leg }: Holding, lotQty: number): string | null {
  const known = totalOf(earned);
  const most = ROUNDING_FRAC * (leg.closedUsd + leg.entryPx * leg.lots * lotQty) + ROUNDING_USD;
  const sum = (pick: (one: Holding["parcels"][number]) => number) =>
    parcels.reduce((total, one) => total + pick(one), 0);
  const shift = signOf(leg.side) * lotQty *
    (sum(({ px, lots }) => px * lots) - leg.entryPx * leg.lots);
  const figures = [
    ["result", leg.averageUsd, known.realizedUsd - shift],
    ["fees", leg.feesUsd, known.entryFeesUsd + known.exitFeesUsd + sum(({ feeUsd }) => feeUsd)],
    ["funding", leg.fundingUsd, known.fundingUsd + sum(({ fundingUsd }) => fundingUsd)],
  ] as const;
  for (const [name, whole, parts] of figures) {
    if (Math.abs(whole - parts) > most) return `${name} ${whole}, by entry ${parts}`;
  }
  return null;
}

/** Where every trade came once and in order, the exchange's own results are the book's. */
export const agreed: Checker = ({ decision, faultActive }, { restarted }) => {
  if (faultActive || restarted) return null;
  const gap = decision.events.find(({ kind }) => kind === "pnl_mismatch");
  return gap === undefined ? null : JSON.stringify(gap);
};
