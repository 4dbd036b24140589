/** One order in a recorded world: the files of that world as our limits, its book as ours. */
import { z } from "zod";
import { drawdownState, lossFrac } from "../../core/drawdown.ts";
import { History, timeframeMs } from "../../core/history.ts";
import { floorUnits, increment } from "../../core/increments.ts";
import { EMPTY_NAV, type NavRules, updateNav, viewAccount } from "../../core/nav.ts";
import type { World } from "../../core/risk/check.ts";
import type { Limits } from "../../core/risk/limits.ts";
import { vet } from "../../core/risk/mod.ts";
import { Tails } from "../../core/risk/tails.ts";
import {
  type Account,
  type Entry,
  positionKey,
  type Reading,
  type Ticker,
  TIERS,
} from "../../core/types.ts";
import { fromPercent, seconds } from "../../core/units.ts";
import { type Exposure, exposuresOf, netUsdOf } from "../../core/world.ts";
import { account, entry, levels } from "../fixtures.ts";
import { navRulesOf } from "../fixtures_nav.ts";
import { tempo, world } from "../fixtures_risk.ts";
import { type About, adapter, content } from "./adapter.ts";
import { type Fields, limitsOf, type Recorded, sideOf } from "./recorded_limits.ts";
import { legOf, type Row } from "./risk_gate.ts";

const ONE = increment("1");
/** The recordings count seconds; the product's own reader of config files turns them into ours. */
const ms = (value: number) => seconds(1e12).parse(value);

/** The recorded NAV, its drawdowns and the loss of its day. */
function accountOf({ clock, risk_limits, nav_confirmed, ...input }: Recorded): World["account"] {
  const rules = guardsOf(content(risk_limits) as Fields);
  const nowMs = ms(clock);
  const seen = { nowMs, account: readingOf(nav_confirmed), explained: NOTHING };
  const view = viewAccount(updateNav(EMPTY_NAV, seen, rules)[0], nowMs, rules);
  const isOld = isOldPeak(Object(content(input.peak_state)), nowMs);
  const { ddFrac, dayFrac } = isOld ? UNKNOWN : lossesOf(input);
  const isOver = ddFrac !== null && drawdownState("NORMAL", ddFrac, rules) === "DRAWDOWN";
  return {
    ...view,
    ddFrac,
    highLossFrac: ddFrac,
    dayLossFrac: dayFrac,
    rollingLossFrac: 0,
    circuit: isOver ? { sinceMs: nowMs, ddFrac, needsAck: false } : null,
  };
}

function guardsOf({ circuit_breakers, nav_freshness_seconds = 90 }: Fields): NavRules {
  const limit = Object(circuit_breakers).max_portfolio_dd_nav_pct ?? null;
  if (limit === null) return { ...navRulesOf({ nav_freshness_seconds }), circuitFrac: Infinity };
  const breakers = { max_portfolio_dd_nav_pct: limit, cooloff_hours: 24 };
  return navRulesOf({ nav_freshness_seconds, circuit_breakers: breakers });
}

/** A peak of more than a day ago was no evidence for the recorded system. */
function isOldPeak({ ts }: { readonly ts?: number }, nowMs: number): boolean {
  const level = { navUsd: 1, walletUsd: 1, unrealizedUsd: 0, atMs: ms(ts ?? 0) };
  const rules = { ...navRulesOf(), freshMs: timeframeMs("1d")! };
  return viewAccount({ ...EMPTY_NAV, level }, nowMs, rules).nav.kind === "stale";
}

const UNKNOWN = { ddFrac: null, dayFrac: null };
const NOTHING = { tradedUsd: 0, transfersUsd: 0 };
const FAILED = { kind: "failed", fault: { code: "", message: "", retryable: true } } as const;

function readingOf(file: unknown): Reading<Account> {
  const { ts, nav_usd, nav = nav_usd, sources_ok, stale_flags } = Object(content(file));
  const isStale = Object.values(Object(stale_flags)).includes(true);
  if (typeof ts !== "number" || sources_ok === false || isStale) return FAILED;
  return { kind: "read", value: account({ atMs: ms(ts), walletQty: { USDT: nav } }) };
}

/** One drawdown of log and peak, the larger; a negative result of the day raises both losses. */
function lossesOf(
  { nav_log, peak_state, state }: Pick<Recorded, "nav_log" | "peak_state" | "state">,
) {
  const rows = content(nav_log);
  const navs = Array.isArray(rows) ? rows.map(({ nav }: { nav: number }) => nav) : [];
  const { peak = null, daily_peak = null, nav = null } = Object(content(peak_state));
  const result = Number(state.daily_pnl_pct);
  const lost = result < 0 ? fromPercent(-result) : 0;
  const ddFrac = largest([lossFrac(largest(navs), navs.at(-1) ?? null), lossFrac(peak, nav)]);
  const dayFrac = lossFrac(daily_peak, nav);
  return {
    ddFrac: ddFrac === null ? null : largest([ddFrac, lost])!,
    dayFrac: dayFrac === null ? null : largest([dayFrac, lost])!,
  };
}

function largest(values: readonly (number | null)[]): number | null {
  return values.reduce(
    (most, value) => most === null || (value !== null && value > most) ? value : most,
    null,
  );
}

/** Daily candles of the named series, the last of each closing at one instant. */
function tailOf({ closes }: Recorded, book: readonly Exposure[], rules: Limits, { data }: About) {
  const dayMs = timeframeMs("1d")!;
  const history = new History(dayMs, []);
  const { series } = data("fixtures_closes.json") as { series: Record<string, number[]> };
  const all = Object.entries(closes).map(([name, key]) => [name, series[key]!] as const);
  const longest = largest(all.map(([, list]) => list.length)) ?? 0;
  for (const [name, list] of all) {
    const padded = [...new Array(longest), ...list].slice(-longest);
    padded.forEach((close, i) => {
      if (close === undefined) return;
      const candle = { open: close, high: close, low: close, close, volume: 1 };
      history.append(name.replace("_1d", "") as Ticker, {
        ...candle,
        openMs: Date.UTC(2020, 0, i),
      });
    });
  }
  const tails = new Tails(history, rules.tail);
  return tails.view(netUsdOf(exposuresOf(book, rules).legs), Date.UTC(2020, 0, longest));
}

/** Less than half a step of anything is flat. */
const STEP = increment("0.00000001");
const isThere = (size: unknown) => {
  const qty = Number(size);
  if (size === undefined || !Number.isFinite(qty)) return size !== undefined;
  return floorUnits(qty < 0 ? -qty : qty, STEP) !== 0;
};

/** The book, and the legs of it that nobody can value. */
function bookOf({ state, order }: Recorded) {
  const rows = Object.entries(Object(state.live_positions) as Record<string, Row>);
  const held = rows.filter(([, row]) => [row.positionAmt, row.qty, row.notional].some(isThere));
  const legs = held.map(([symbol, row]) =>
    legOf(symbol, row, symbol === order.symbol ? order.price : null)
  );
  return {
    legs: legs.filter((leg) => leg !== null),
    badCount: legs.filter((leg) => leg === null).length,
  };
}

function worldOf(input: Recorded, rules: Limits, about: About): World {
  const { order, state, clock, pairs_universe } = input;
  const { legs: book, badCount } = bookOf(input);
  const sums = exposuresOf(book, rules);
  const pair = pairs_universe.universe?.find(({ symbol }) => symbol === order.symbol);
  const isOpen = pair !== undefined && pair.enabled !== false;
  return world({
    groupUsd: sums.groupUsd,
    nowMs: ms(clock),
    account: accountOf(input),
    badPositions: new Array(badCount).fill("X:LONG"),
    mode: { mode: "OK", reason: "", score: 0 },
    grossUsd: order.current_gross_notional,
    symbolUsd: { [order.symbol]: order.current_gross_notional },
    tierUsd: { [order.tier_name ?? "CORE"]: order.current_tier_gross_notional },
    legs: { ...openLeg(order), ...sums.legs },
    legsCount: order.open_positions_count ?? NaN,
    tempo: tempoOf(state),
    tail: tailOf(input, book, rules, about),
    tradable: () => isOpen ? { tier: "CORE", minNotionalUsd: 0, maxLeverage: Infinity } : null,
  });
}

/** What is open of the order's own leg, as far as the book does not tell it. */
function openLeg({ symbol, side: word, open_qty: qty }: Recorded["order"]): World["legs"] {
  if (qty === 0) return {};
  const [ticker, side] = [symbol as Ticker, sideOf(word)];
  const leg = { ticker, side, notionalUsd: 0, qty: qty ?? NaN, atMark: true, strategyId: null };
  return { [positionKey(ticker, side)]: leg };
}

const tempoOf = (state: Recorded["state"]) =>
  tempo({
    lastFillMs: Object.fromEntries(
      Object.entries(state.last_fill_by_symbol).map(([symbol, ts]) => [symbol, ms(ts)]),
    ),
    errorsMs: state.error_timestamps.map(ms),
    attemptsMs: state.order_attempt_ts.map(ms),
  });

/** The price of the recorded order is no input of the check: any with a stop beyond it will do. */
function entryOf({ order, state }: Recorded): Entry {
  const side = sideOf(order.side);
  const isHeld = order.symbol in Object(state.live_positions);
  return entry({
    ticker: order.symbol as Ticker,
    side,
    tier: (order.tier_name ?? "CORE") as Entry["tier"],
    grossUsd: order.requested_notional,
    leverage: order.lev,
    allowAdd: !isHeld,
    levels: side === "SHORT" ? levels({ slPx: 61_000, tpPx: 58_000 }) : levels(),
  });
}

export const checkOrder = adapter<Recorded>("check_order", (input, about) => {
  const refused = (reason: string) => ({ veto: true, reasons: [reason] });
  const verdict = parsed(() => {
    const rules = limitsOf(input);
    return vet(entryOf(input), worldOf(input, rules, about), rules);
  });
  if (verdict === null) return refused("config_error");
  const vetoes = verdict.kind === "vetoed" ? verdict.vetoes : [];
  return {
    veto: verdict.kind === "vetoed",
    reasons: vetoes.map(({ reason }) => reason),
    thresholds: renamed(vetoes.map(({ thresholds }) => thresholds)),
    observations: renamed(vetoes.map(({ observations }) => observations)),
  };
}, { only: ["veto", "reasons"], shared: ["thresholds", "observations"], differs });

function differs({ risk_limits, order, state }: Recorded, name: string): string | null {
  const { non_prod } = Object(content(risk_limits));
  if (non_prod?.require_dry_run) {
    return "mode is one word of runtime.yaml; no switch stands beside it";
  }
  const { tier_name: tier } = order;
  if (tier !== null && !TIERS.includes(tier as Entry["tier"])) {
    return "a tier outside the list is malformed";
  }
  const held = Object(state.live_positions)[order.symbol];
  const isFlip = (Number(held?.positionAmt) < 0) === (sideOf(order.side) === "LONG");
  if (name.startsWith("in_trade") && isFlip) return "a flip is judged without the leg that goes";
  return null;
}

/** A configuration that the product does not read is one that it does not start with. */
function parsed<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof z.ZodError) return null;
    throw error;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  nav_freshness_s: "nav_freshness_seconds",
  max_portfolio_dd_frac: "max_portfolio_dd_nav_pct",
  max_portfolio_var_nav_frac: "max_portfolio_var_nav_pct",
  max_position_cvar_nav_frac: "max_position_cvar_nav_pct",
  max_nav_drawdown_frac: "max_nav_drawdown_pct",
  daily_loss_limit_frac: "daily_loss_limit_pct",
  min_notional_usd: "min_notional",
  max_order_notional_usd: "max_order_notional",
  symbol_notional_cap_usd: "symbol_notional_cap",
  max_open_qty: "max_open_qty",
  max_leverage: "max_leverage",
  cooldown_s: "cooldown_sec",
  trade_equity_nav_frac: "trade_equity_nav_pct",
  max_trade_nav_frac: "max_trade_nav_pct",
  max_gross_exposure_frac: "max_gross_exposure_pct",
  max_concurrent_positions: "max_concurrent_positions",
  notional_usd: "notional",
  nav_age_s: "nav_age_s",
  trade_nav_frac: "max_trade_nav_obs",
};

/** Figures of all breaches under the names of the recording; what it does not have is left out. */
function renamed(figures: readonly Fields[]): Fields {
  const all = figures.flatMap((one) => Object.entries(one));
  return Object.fromEntries(
    all.flatMap(([name, value]) => {
      if (NAMES[name] === undefined || value === null) return [];
      return [[NAMES[name], name === "nav_age_s" ? floorUnits(Number(value), ONE) : value]];
    }),
  );
}
