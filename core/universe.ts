/** Which symbols may be traded, in which tier and with what leverage. */
import { z } from "zod";
import { factor, symbol } from "./units.ts";
import { type Ticker, type Tier, TIERS } from "./types.ts";

const TARGET_LEVERAGE_DEFAULT = 1;

/** `pairs_universe.json`. Caps live in `risk_limits.json`; here they are refused. */
export const PairsUniverse = z.strictObject({
  $schema: z.string().optional(),
  universe: z.array(z.strictObject({
    symbol: symbol(),
    tier: z.enum(TIERS, { error: `one of ${TIERS.join(", ")}` }).optional(),
    enabled: z.boolean().default(true),
    target_leverage: factor(125, 1).default(TARGET_LEVERAGE_DEFAULT),
    max_leverage: factor(125, 1).optional(),
  })).min(1, { error: "at least one symbol" }),
});

/** `symbol_tiers.json`: the tier of symbols that do not name their own. */
export const SymbolTiers = z.strictObject({
  $schema: z.string().optional(),
  ...Object.fromEntries(TIERS.map((tier) => [tier, z.array(symbol())])) as Record<
    Tier,
    z.ZodArray<z.ZodString>
  >,
});

export type Pair = {
  readonly ticker: Ticker;
  readonly tier: Tier;
  readonly targetLeverage: number;
  readonly maxLeverage: number;
};

/** The enabled symbols, and those that no tier is known for (a configuration error). */
export function buildUniverse(
  pairs: z.output<typeof PairsUniverse>,
  tiers: z.output<typeof SymbolTiers>,
): { readonly pairs: readonly Pair[]; readonly untiered: readonly string[] } {
  const listed = (ticker: string) => TIERS.find((tier) => tiers[tier].includes(ticker)) ?? null;
  const built: Pair[] = [];
  const untiered: string[] = [];
  for (const pair of pairs.universe) {
    if (!pair.enabled) continue;
    const tier = pair.tier ?? listed(pair.symbol);
    if (tier === null) untiered.push(pair.symbol);
    else built.push(pairOf(pair.symbol, tier, pair.target_leverage, pair.max_leverage));
  }
  return { pairs: built, untiered };
}

/** Symbols a feed has beyond the configured ones join as ALT-EXT at leverage 1. */
export function extendUniverse(pairs: readonly Pair[], tickers: readonly Ticker[]): Pair[] {
  const known = new Set(pairs.map(({ ticker }) => ticker));
  const added = tickers.filter((ticker) => !known.has(ticker));
  return [
    ...pairs,
    ...added.map((ticker) => pairOf(ticker, "ALT-EXT", TARGET_LEVERAGE_DEFAULT, undefined)),
  ];
}

function pairOf(
  ticker: string,
  tier: Tier,
  targetLeverage: number,
  maxLeverage: number | undefined,
): Pair {
  return {
    ticker: ticker as Ticker,
    tier,
    targetLeverage,
    maxLeverage: maxLeverage ?? targetLeverage,
  };
}
