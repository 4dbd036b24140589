/** The limits of a recorded world, spelt as our files and read by the product. */
import { z } from "zod";
import { RiskAdvanced, tailRules } from "../../core/risk/advanced.ts";
import {
  buildLimits,
  CorrelationGroups,
  type Limits,
  limitsShape,
} from "../../core/risk/limits.ts";
import { TIERS } from "../../core/types.ts";
import { content } from "./adapter.ts";
import type { Row } from "./risk_gate.ts";

export type Fields = Readonly<Record<string, unknown>>;
type Order = {
  readonly symbol: string;
  readonly side: string;
  readonly requested_notional: number;
  readonly price: number;
  readonly open_qty: number;
  readonly current_gross_notional: number;
  readonly current_tier_gross_notional: number;
  readonly lev: number;
  readonly open_positions_count: number;
  readonly tier_name: string | null;
};
/** A whole recorded world with the order that is asked about. */
export type Recorded = {
  readonly clock: number;
  readonly risk_limits: unknown;
  readonly pairs_universe: { readonly universe?: readonly Fields[] };
  readonly correlation_groups: unknown;
  readonly strategy_config: { readonly risk_advanced?: Fields } | null;
  readonly nav_confirmed: unknown;
  readonly peak_state: Fields | null;
  readonly nav_log: unknown;
  readonly closes: Readonly<Record<string, string>>;
  readonly state: {
    readonly live_positions: Readonly<Record<string, Row>>;
    readonly daily_pnl_pct: number;
    readonly last_fill_by_symbol: Readonly<Record<string, number>>;
    readonly error_timestamps: readonly number[];
    readonly order_attempt_ts: readonly number[];
  };
  readonly order: Order;
};

const SIDES: Readonly<Record<string, "LONG" | "SHORT">> = {
  BUY: "LONG",
  LONG: "LONG",
  SELL: "SHORT",
  SHORT: "SHORT",
};
export const sideOf = (word: unknown) => SIDES[String(word).toUpperCase()]!;
const isOff = (value: unknown) => value === undefined || value === null || value === 0;
/** A limit that is 0 or absent was off in the recorded world: nothing reaches ours in its place. */
export function limitsOf(input: Recorded): Limits {
  const file = content(input.risk_limits) as Fields & { readonly global: Fields };
  const rules = buildLimits(z.object(limitsShape).parse(keysOf(file, input)), {
    groups: CorrelationGroups.parse(input.correlation_groups),
    strategyLegs: { s1: Infinity },
    tail: tailRules(RiskAdvanced.parse(tailsOf(input))),
  });
  const off = LIMIT_OF.filter(([key]) => isOff(file.global[key]));
  const tiers = Object.keys(Object(file.global.tiers));
  const open = TIERS.filter((tier) => !tiers.includes(tier)).map((tier) => [tier, Infinity]);
  return {
    ...rules,
    ...Object.fromEntries(off.map(([, ours]) => [ours, Infinity])),
    of: (ticker) => {
      const own = rules.of(ticker);
      const isOpen = isOff(file.global.symbol_notional_share_cap_pct) && own.shareFrac === 1;
      return isOpen ? { ...own, shareFrac: Infinity } : own;
    },
    tierFrac: { ...rules.tierFrac, ...Object.fromEntries(open) },
  };
}

const LIMIT_OF: readonly (readonly [theirs: string, ours: keyof Limits])[] = [
  ["daily_loss_limit_pct", "dayLossFrac"],
  ["max_nav_drawdown_pct", "drawdownFrac"],
  ["max_trade_nav_pct", "maxTradeFrac"],
  ["trade_equity_nav_pct", "equityTradeFrac"],
  ["max_concurrent_positions", "positionsCount"],
];

function keysOf(file: Fields & { readonly global: Fields }, input: Recorded) {
  const { global } = file;
  const told = (key: string, otherwise: number) => isOff(global[key]) ? otherwise : global[key];
  const gross = global.max_gross_exposure_pct as number;
  return {
    global: {
      daily_loss_limit_pct: told("daily_loss_limit_pct", 0.95),
      max_nav_drawdown_pct: told("max_nav_drawdown_pct", 0.95),
      max_trade_nav_pct: told("max_trade_nav_pct", 1),
      trade_equity_nav_pct: told("trade_equity_nav_pct", 1),
      symbol_notional_share_cap_pct: told("symbol_notional_share_cap_pct", 1),
      max_gross_exposure_pct: told("max_portfolio_gross_nav_pct", gross),
      max_concurrent_positions: told("max_concurrent_positions", 1_000),
      max_leverage: told("max_leverage", 125),
      min_notional_usdt: told("min_notional_usdt", 0),
      cooldown_minutes_after_stop: 0,
      whitelist: noneIfEmpty(global.whitelist),
      burst_limit: global.burst_limit,
      error_circuit: global.error_circuit,
      tiers: tiersOf(global.tiers as Readonly<Record<string, Fields>>),
    },
    per_symbol: symbolsOf(file.per_symbol as Readonly<Record<string, Fields>>, input),
    restricted_symbols: file.restricted_symbols,
  };
}

const noneIfEmpty = (list: unknown) => Array.isArray(list) && list.length === 0 ? undefined : list;

const tiersOf = (tiers: Readonly<Record<string, Fields>> = {}) =>
  Object.fromEntries(
    TIERS.map((tier) => [tier, { max_tier_nav_pct: tiers[tier]?.per_symbol_nav_pct ?? 1 }]),
  );

/** A symbol's own limits, else those of its row in the universe. */
function symbolsOf(own: Readonly<Record<string, Fields>>, { pairs_universe }: Recorded) {
  if (typeof own !== "object" || Array.isArray(own)) return own;
  const caps = (pairs_universe.universe ?? []).flatMap(({ symbol, caps }) => {
    const { max_nav_pct, max_order_notional } = Object(caps);
    return own[symbol as string] === undefined
      ? [[symbol, { max_nav_pct, max_order_notional }] as const]
      : [];
  });
  const named = Object.entries(own).map(([symbol, keys]) => [symbol, spelt(keys)] as const);
  return Object.fromEntries([...named, ...caps]);
}

const BLOCKS_AT_ZERO = ["min_notional", "max_open_qty", "cooldown_sec"];

function spelt(keys: Fields): Fields {
  const kept = Object.entries(keys).filter(([key, value]) =>
    BLOCKS_AT_ZERO.includes(key) || value !== 0
  );
  const { block_sides: sides, ...rest } = Object.fromEntries(kept);
  return { ...rest, ...(sides === undefined ? {} : { block_sides: spellSides(sides) }) };
}

const spellSides = (sides: unknown) => Array.isArray(sides) ? sides.map(sideOf) : sides;

function tailsOf({ strategy_config }: Recorded) {
  const { var: value, cvar } = Object(strategy_config?.risk_advanced);
  return {
    on_short_history: "veto",
    var: { timeframe: "1d", max_portfolio_var_nav_pct: 0.12, ...value },
    cvar: { timeframe: "1d", max_position_cvar_nav_pct: 0.04, ...cvar },
  };
}
