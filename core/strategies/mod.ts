/** The list of strategies. A new one is a file beside this one and a line in `buildStrategies`. */
import { z } from "zod";
import { RsiBand, rsiBand } from "./rsi_band.ts";
import type { Strategy } from "./strategy.ts";
import { VolTarget, volTarget } from "./vol_target.ts";

export type { Strategy } from "./strategy.ts";

/** `strategy_config.json`. */
export const StrategyConfig = z.strictObject({
  $schema: z.string().optional(),
  strategies: z.array(RsiBand),
  vol_target: VolTarget.optional(),
});

/** The enabled strategies in the order of the file: the first to ask for a free slot gets it. */
export function buildStrategies(config: z.output<typeof StrategyConfig>): readonly Strategy[] {
  const { strategies, vol_target: vol } = config;
  return [
    ...strategies.filter(({ enabled }) => enabled).map(rsiBand),
    ...(vol?.enabled ? [volTarget(vol)] : []),
  ];
}

/** Which symbols each strategy looks at: "*" is every symbol that no sibling of its kind names. */
export function assignSymbols(
  strategies: readonly Strategy[],
  universe: readonly string[],
): readonly { readonly strategy: Strategy; readonly symbols: readonly string[] }[] {
  const named = (kind: string) =>
    new Set(
      strategies.filter((strategy) => strategy.kind === kind)
        .flatMap(({ symbols }) => symbols === "*" ? [] : symbols),
    );
  return strategies.map((strategy) => {
    if (strategy.symbols === "*") {
      const taken = named(strategy.kind);
      return { strategy, symbols: universe.filter((ticker) => !taken.has(ticker)) };
    }
    const wanted = new Set(strategy.symbols);
    return { strategy, symbols: universe.filter((ticker) => wanted.has(ticker)) };
  });
}
