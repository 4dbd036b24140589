/**
 * `markets.json`: what the venue demands of an order in each symbol that is traded, and where the
 * symbol stands with us. Written once at a start: with a feed wider than the configuration nobody
 * else can tell. Symbols that the venue does not list at a start stay as they were last known.
 */
import { z } from "zod";
import { increment, unitsToText } from "../core/increments.ts";
import type { MarketView } from "../core/ports.ts";
import type { Rules } from "../core/rules.ts";
import type { Ticker } from "../core/types.ts";
import type { Feed } from "../core/venues/feed.ts";
import { readIfThere, writeAtomic } from "./files.ts";
import { SCHEMA_VERSION, type Size, type SizeOf } from "./surfaces/surface.ts";

const size = z.string().regex(/^\d+(\.\d+)?$/).refine((text) => Number(text) > 0);
const Sized = z.looseObject({ tick_size: size, step_size: size });
type Sized = z.output<typeof Sized>;
const Markets = z.looseObject({ symbols: z.record(z.string(), Sized) });

/** The markets of a run, sizes and prices as exact decimals. */
function marketsOf(
  feed: Pick<Feed, "id" | "market">,
  rules: Rules,
  earlier: Readonly<Record<string, Sized>>,
) {
  const symbols: Record<string, unknown> = { ...earlier };
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

/** Writes them beside the surfaces, and gives the sizes as far as anybody ever knew them. */
export async function writeMarkets(
  path: string,
  feed: Pick<Feed, "id" | "market">,
  rules: Rules,
): Promise<Sizes> {
  const earlier = earlierIn(await readIfThere(path));
  const markets = marketsOf(feed, rules, earlier);
  await writeAtomic(path, `${JSON.stringify(markets)}\n`, { sync: false });
  return new Sizes(earlier);
}

/** What an earlier process wrote; nothing where that cannot be read. */
function earlierIn(text: string | null): Readonly<Record<string, Sized>> {
  try {
    return Markets.parse(JSON.parse(text ?? "{}")).symbols;
  } catch {
    return {};
  }
}

/** Sizes as they were last known: what is held can be told while the venue does not list it. */
export class Sizes {
  readonly #known = new Map<string, Size>();

  /** `earlier`: decimals by symbol, as the file has them. */
  constructor(earlier: Readonly<Record<string, Sized>>) {
    for (const [ticker, { tick_size, step_size }] of Object.entries(earlier)) {
      this.#known.set(ticker, { tick: increment(tick_size), lot: increment(step_size) });
    }
  }

  /** Asks the venue first, and remembers what it says. */
  seenBy(view: Pick<MarketView, "market">): SizeOf {
    return (ticker) => {
      const market = view.market(ticker);
      if (market !== null) this.#known.set(ticker, market);
      return this.#known.get(ticker) ?? null;
    };
  }
}
