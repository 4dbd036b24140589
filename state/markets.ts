/**
 * `markets.json`: what the venue demands of an order in each symbol that is traded, and where the
 * symbol stands with us. Written once at a start: with a feed wider than the configuration nobody
 * else can tell.
 */
import { unitsToText } from "../core/increments.ts";
import type { Rules } from "../core/rules.ts";
import type { Ticker } from "../core/types.ts";
import type { Feed } from "../core/venues/feed.ts";
import { writeAtomic } from "./files.ts";
import { SCHEMA_VERSION } from "./surfaces/surface.ts";

/** The markets of a run, sizes and prices as exact decimals. */
export function marketsOf(feed: Pick<Feed, "id" | "market">, rules: Rules) {
  const symbols: Record<string, unknown> = {};
  for (const [ticker, pair] of Object.entries(rules.universe)) {
    const market = feed.market(ticker as Ticker);
    if (market === null) continue;
    const { tick, lot } = market;
    symbols[ticker] = {
      tick_size: unitsToText(1, tick),
      step_size: unitsToText(1, lot),
      min_qty: unitsToText(market.minLots, lot),
      max_qty: unitsToText(market.maxLots, lot),
      min_price: unitsToText(market.minTicks, tick),
      max_price: unitsToText(market.maxTicks, tick),
      min_notional_usd: market.minNotionalUsd,
      max_leverage: Math.min(pair.maxLeverage, market.maxLeverage),
      tier: pair.tier,
      bucket: rules.buckets[ticker]?.name ?? null,
      max_spread_bps: rules.buckets[ticker]?.maxSpreadBps ?? null,
    };
  }
  return { schema_version: SCHEMA_VERSION, feed: feed.id, symbols };
}

/** Writes them beside the surfaces. */
export async function writeMarkets(path: string, feed: Feed, rules: Rules): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(marketsOf(feed, rules))}\n`, { sync: false });
}
