/**
 * Which symbols can be traded at all at a level of NAV: caps that lie below the exchange's smallest
 * order veto every intent for ever, and nobody would see why until the first signal.
 */
import { blankMemory } from "./memory.ts";
import { updateNav } from "./nav.ts";
import { Past } from "./past.ts";
import type { MarketView } from "./ports.ts";
import { vet } from "./risk/mod.ts";
import type { Rules } from "./rules.ts";
import type { Entry, Ticker } from "./types.ts";
import { worldOf } from "./world.ts";

export type Feasible = {
  readonly ticker: Ticker;
  /** The largest order that the gate lets through on an empty book; 0: none of any size. */
  readonly largestUsd: number;
  /** The smallest one that exchange and operator take. */
  readonly smallestUsd: number;
};

/** More than any cap: the gate answers with what it would have let through. */
const BOUNDLESS_USD = 1e12;
const NOBODY = "feasible";
const STOP_FRAC = 0.01;

/** Symbols of the universe whose largest order is smaller than their smallest, in order of names. */
export function infeasible(
  { nowMs, navUsd, view, rules, baseMs }: {
    nowMs: number;
    navUsd: number;
    view: MarketView;
    rules: Rules;
    baseMs: number;
  },
): readonly Feasible[] {
  const past = new Past({ baseMs, framesMs: [], rules });
  const blank = blankMemory("feasible", nowMs);
  const value = { atMs: nowMs, walletQty: { USDT: navUsd }, positions: [], openOrders: [] };
  const account = { kind: "read", value } as const;
  const explained = { tradedUsd: 0, transfersUsd: 0 };
  const [nav] = updateNav(blank.nav, { nowMs, account, explained }, rules.nav);
  const memory = { ...blank, nav, pulse: { ...blank.pulse, accountOk: true, accountMs: nowMs } };
  const world = worldOf(memory, { market: view, past, rules });
  const limits = { ...rules.limits, strategyLegs: { ...rules.limits.strategyLegs, [NOBODY]: 1 } };
  return view.tickers.toSorted().flatMap((ticker) => {
    const [pair, market, mark] = [rules.universe[ticker], view.market(ticker), view.mark(ticker)];
    if (pair === undefined || market === null || mark === null) return [];
    const verdict = vet(wishFor(ticker, { px: mark.px, tier: pair.tier, nowMs }), world, limits);
    if (verdict.kind === "approved") return [];
    const smallestUsd = Math.max(market.minNotionalUsd, rules.limits.of(ticker).minNotionalUsd);
    const { maxNotionalUsd: largestUsd } = verdict;
    return largestUsd < smallestUsd ? [{ ticker, largestUsd, smallestUsd }] : [];
  });
}

function wishFor(
  ticker: Ticker,
  { px, tier, nowMs }: { px: number; tier: Entry["tier"]; nowMs: number },
): Entry {
  return {
    kind: "entry",
    id: `feasible:${ticker}`,
    strategyId: NOBODY,
    ticker,
    side: "LONG",
    tier,
    grossUsd: BOUNDLESS_USD,
    leverage: 1,
    allowAdd: false,
    refPx: px,
    levels: {
      slPx: px * (1 - STOP_FRAC),
      tpPx: null,
      trailFrac: null,
      maxHoldMs: null,
      slAtrMult: null,
      tpAtrMult: null,
      atr: null,
    },
    timeframeMs: 1,
    candleCloseMs: nowMs,
    decidedMs: nowMs,
  };
}
