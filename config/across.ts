/** What one config file says about another: told for every pair of files that can be read. */
import { READINGS_PER_FRESHNESS } from "../core/nav.ts";
import { TIERS } from "../core/types.ts";
import { toSeconds } from "../core/units.ts";
import { buildUniverse } from "../core/universe.ts";
import type { FileName, Parsed } from "./files.ts";

type Strategies = Parsed["strategy_config.json"];
type Universe = Parsed["pairs_universe.json"];

/** Every contradiction between the files that are there. */
export function problemsAcross(files: Readonly<Partial<Parsed>>): readonly string[] {
  const universe = files["pairs_universe.json"];
  const strategies = files["strategy_config.json"];
  return [
    ...strategies === undefined ? [] : strategyProblems(strategies),
    ...paceProblems(files),
    ...universe === undefined ? [] : [
      ...universeProblems(universe, files["symbol_tiers.json"]),
      ...strangerProblems(universe, files),
    ],
  ];
}

/** A loop that sleeps for too long would find NAV stale at almost every look, and trade never. */
function paceProblems(files: Readonly<Partial<Parsed>>): readonly string[] {
  const sleepMs = files["runtime.yaml"]?.runtime.loop_sleep_seconds;
  const freshMs = files["risk_limits.json"]?.nav_freshness_seconds;
  if (sleepMs === undefined || freshMs === undefined) return [];
  if (sleepMs < freshMs / READINGS_PER_FRESHNESS) return [];
  const expected = `expected less than a third of risk_limits.json: nav_freshness_seconds ` +
    `(${toSeconds(freshMs)}), got ${toSeconds(sleepMs)}`;
  return [`runtime.yaml: runtime.loop_sleep_seconds: ${expected}`];
}

function universeProblems(
  universe: Universe,
  tiers: Parsed["symbol_tiers.json"] | undefined,
): string[] {
  const untiered = tiers === undefined ? [] : buildUniverse(universe, tiers).untiered;
  const expected = "expected a tier here or in symbol_tiers.json, got neither";
  return [
    ...untiered.map((symbol) => `pairs_universe.json: ${symbol}: ${expected}`),
    ...twice(universe.universe.map(({ symbol }) => symbol))
      .map((symbol) => `pairs_universe.json: ${symbol}: expected it once, got it twice`),
  ];
}

/** Symbols that are named somewhere and stand in no universe. */
function strangerProblems(
  { universe }: Universe,
  files: Readonly<Partial<Parsed>>,
): readonly string[] {
  const known = new Set(universe.map(({ symbol }) => symbol));
  return namedSymbols(files).filter(([_file, _path, symbol]) => !known.has(symbol)).map(
    ([file, path, symbol]) =>
      `${file}: ${path}: expected a symbol of pairs_universe.json, got "${symbol}"`,
  );
}

type Named = readonly [file: FileName, path: string, symbol: string];

function namedSymbols(files: Readonly<Partial<Parsed>>): readonly Named[] {
  const { strategies = [], vol_target: vol } = files["strategy_config.json"] ?? {};
  const ofVol = vol === undefined || vol.symbols === "*" ? [] : vol.symbols;
  const tiers = files["symbol_tiers.json"];
  const groups = files["correlation_groups.json"]?.groups ?? {};
  return [
    ...strategies.map(({ symbol }, i): Named => [
      "strategy_config.json",
      `strategies[${i}].symbol`,
      symbol,
    ]).filter(([_file, _path, symbol]) => symbol !== "*"),
    ...ofVol.map((symbol, i): Named => [
      "strategy_config.json",
      `vol_target.symbols[${i}]`,
      symbol,
    ]),
    ...Object.keys(files["risk_limits.json"]?.per_symbol ?? {}).map((symbol): Named => [
      "risk_limits.json",
      `per_symbol.${symbol}`,
      symbol,
    ]),
    ...tiers === undefined
      ? []
      : TIERS.flatMap((tier) =>
        tiers[tier].map((symbol, i): Named => ["symbol_tiers.json", `${tier}[${i}]`, symbol])
      ),
    ...Object.entries(groups).flatMap(([name, { symbols }]) =>
      symbols.map((symbol, i): Named => [
        "correlation_groups.json",
        `groups.${name}.symbols[${i}]`,
        symbol,
      ])
    ),
  ];
}

function strategyProblems({ strategies, vol_target: vol }: Strategies): readonly string[] {
  return [
    ...twice(strategies.map(({ id }) => id)).map((id) =>
      `strategy_config.json: strategies: expected the id "${id}" once, got it twice`
    ),
    ...vol === undefined ? [] : volProblems(vol),
  ];
}

function volProblems(vol: NonNullable<Strategies["vol_target"]>): string[] {
  const problems: string[] = [];
  const ordered = (low: [string, number], high: [string, number]) => {
    if (low[1] <= high[1]) return;
    const text = `expected at least ${low[0]} (${low[1]}), got ${high[1]}`;
    problems.push(`strategy_config.json: vol_target.${high[0]}: ${text}`);
  };
  const { min_per_trade_nav_pct: least, base_per_trade_nav_pct: base } = vol;
  ordered(["min_per_trade_nav_pct", least], ["base_per_trade_nav_pct", base]);
  ordered(["base_per_trade_nav_pct", base], ["max_per_trade_nav_pct", vol.max_per_trade_nav_pct]);
  ordered(["min_vol", vol.min_vol], ["max_vol", vol.max_vol]);
  ordered(["trend.fast_ema", vol.trend.fast_ema], ["trend.slow_ema", vol.trend.slow_ema]);
  return problems;
}

function twice(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, i) => values.indexOf(value) !== i))];
}
