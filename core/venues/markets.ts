/** Filters of the shipped symbols on the simulated exchange, as an exchange would list them. */
import type { Filters } from "../router/normalize.ts";

export const SIM_MAX_LEVERAGE = 20;

type Listing = {
  readonly tick: string;
  readonly step: string;
  readonly minNotional: string;
  readonly maxQty: string;
};

/** Spelt as Binance USD-M lists them (tick, step, smallest notional, largest quantity). */
const LISTINGS: Readonly<Record<string, Listing>> = {
  BTCUSDT: { tick: "0.10", step: "0.001", minNotional: "100", maxQty: "1000" },
  ETHUSDT: { tick: "0.01", step: "0.001", minNotional: "20", maxQty: "10000" },
  SOLUSDT: { tick: "0.0100", step: "0.01", minNotional: "5", maxQty: "1000000" },
  DOGEUSDT: { tick: "0.000010", step: "1", minNotional: "5", maxQty: "50000000" },
  LINKUSDT: { tick: "0.001", step: "0.01", minNotional: "20", maxQty: "200000" },
  LTCUSDT: { tick: "0.01", step: "0.001", minNotional: "20", maxQty: "10000" },
  SUIUSDT: { tick: "0.000100", step: "0.1", minNotional: "5", maxQty: "2000000" },
  WIFUSDT: { tick: "0.0001000", step: "0.1", minNotional: "5", maxQty: "4000000" },
};

/** Filters of a shipped symbol; null for any other. */
export function knownFilters(ticker: string): Filters | null {
  const listing = LISTINGS[ticker];
  if (listing === undefined) return null;
  const { tick, step, minNotional, maxQty } = listing;
  return {
    tick,
    minPrice: tick,
    maxPrice: "10000000",
    step,
    minQty: step,
    maxQty,
    marketStep: step,
    marketMinQty: step,
    marketMaxQty: maxQty,
    minNotional,
  };
}
