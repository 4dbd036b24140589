/**
 * Every key that limits something really does: from an approved entry, one key is changed to its
 * strictest value, and the check of that key must refuse. The keys come from the schemas: a new
 * one without a case here fails.
 */
import assert from "node:assert/strict";
import { z } from "zod";
import correlationGroups from "../../config/correlation_groups.json" with { type: "json" };
import riskLimits from "../../config/risk_limits.json" with { type: "json" };
import strategyConfig from "../../config/strategy_config.json" with { type: "json" };
import {
  EMPTY_NAV,
  type NavMemory,
  navRules,
  navShape,
  updateNav,
  viewAccount,
} from "../../core/nav.ts";
import { History } from "../../core/history.ts";
import { RiskAdvanced, tailRules } from "../../core/risk/advanced.ts";
import type { TempoView, World } from "../../core/risk/check.ts";
import { buildLimits, CorrelationGroups, limitsShape } from "../../core/risk/limits.ts";
import { CHECK_IDS, vet } from "../../core/risk/mod.ts";
import { Tails } from "../../core/risk/tails.ts";
import type { Entry, Ticker } from "../../core/types.ts";
import { type Exposure, exposuresOf, netUsdOf } from "../../core/world.ts";
import { account, BTC, entry, T0 } from "../fixtures.ts";
import { candles } from "../fixtures_run.ts";
import { leg, tempo, world } from "../fixtures_risk.ts";
import { keysOf, type KeyTree, withKey } from "../limit_keys.ts";

const SECOND = 1_000;
const HOUR = 3_600_000;
const DOGE = "DOGEUSDT" as Ticker;
const Keys = z.strictObject({ ...navShape, ...limitsShape, risk_advanced: RiskAdvanced });

/** What the world is like: a loss of a thousandth two seconds ago, a stop-loss a minute ago. */
type Scene = {
  readonly entry?: Partial<Entry>;
  readonly world?: Partial<World>;
  readonly book?: readonly Exposure[];
  readonly tempo?: Partial<TempoView>;
  /** Candles that are known of each symbol. */
  readonly bars?: number;
};
const STOPPED_MS = T0 - 60 * SECOND;
const READINGS = [
  { navUsd: 10_000, atMs: T0 - 40 * SECOND },
  { navUsd: 9_990, atMs: T0 - 2 * SECOND },
];

/** The shipped keys, with every optional one present and none of them in the way. */
const BASE: KeyTree = {
  ...riskLimits,
  $schema: undefined,
  global: {
    ...riskLimits.global,
    // A stop of a minute ago has already outlived it.
    cooldown_minutes_after_stop: 1,
    whitelist: [BTC, DOGE],
  },
  per_symbol: {
    [BTC]: {
      ...riskLimits.per_symbol.BTCUSDT,
      max_open_qty: 1_000,
      block_sides: ["SHORT"],
      cooldown_sec: 60,
    },
  },
  risk_advanced: strategyConfig.risk_advanced,
};

/** The whole way from keys to verdict; gives the ids of the checks that refuse. */
function refusals(
  { keys = BASE, groups = correlationGroups, slots = 2, scene = {} }: {
    keys?: KeyTree;
    groups?: unknown;
    slots?: number;
    scene?: Scene;
  },
): readonly string[] {
  const parsed = Keys.parse(JSON.parse(JSON.stringify(keys)));
  const tail = tailRules(parsed.risk_advanced);
  const limits = buildLimits(parsed, {
    groups: CorrelationGroups.parse(groups),
    strategyLegs: { s1: slots, other: 9 },
    tail,
  });
  const rules = navRules(parsed, limits.drawdownFrac);
  let memory: NavMemory = EMPTY_NAV;
  for (const { navUsd, atMs } of READINGS) {
    const value = account({ atMs, walletQty: { USDT: navUsd } });
    const explained = { tradedUsd: 0, transfersUsd: 0 };
    const seen = { nowMs: atMs, account: { kind: "read", value }, explained } as const;
    memory = updateNav(memory, seen, rules)[0];
  }
  const sums = exposuresOf(scene.book ?? [], limits);
  const tails = new Tails(historyOf(scene.bars ?? 700), tail);
  const surroundings = world({
    ...sums,
    account: viewAccount(memory, T0, rules),
    tempo: tempo({
      cooldownUntilMs: { [BTC]: STOPPED_MS + limits.cooldownAfterStopMs },
      lastFillMs: { [BTC]: STOPPED_MS },
      ...scene.tempo,
    }),
    tail: tails.view(netUsdOf(sums.legs), T0),
    strategyLegs: { s1: 1 },
    ...scene.world,
  });
  const verdict = vet(entry(scene.entry), surroundings, limits);
  return verdict.kind === "approved" ? [] : verdict.vetoes.map(({ id }) => id);
}

/** Hours of one per cent up and down, with one crash of a tenth two hundred hours ago. */
function historyOf(bars: number): History {
  const history = new History(HOUR, []);
  let px = 60_000;
  const closes = Array.from({ length: bars }, (_, i) => {
    px *= i === bars - 200 ? 0.9 : i % 2 === 0 ? 1.01 : 1 / 1.01;
    return px;
  });
  const list = candles(closes, { frameMs: HOUR, startMs: T0 - bars * HOUR });
  for (const ticker of [BTC, DOGE]) {
    for (const candle of list) history.append(ticker, candle);
  }
  return history;
}

type Case = readonly [strictest: unknown, id: string, scene?: Scene];
const forTier = (tier: Entry["tier"]): Case => [0, "tier_cap", { entry: { tier } }];
const times = (count: number, atMs: number) => Array.from({ length: count }, () => atMs);
const held = (ticker: Ticker, usd: number): Exposure => ({
  ticker,
  side: "LONG",
  tier: ticker === BTC ? "CORE" : "ALT-EXT",
  usd,
  qty: 0.01,
  atMark: true,
  strategyId: "s1",
});
/** Value at risk of about nine per cent of NAV. */
const BIG_BOOK: Scene = { book: [held(DOGE, 7_000)] };
/** Twelve dollars of expected shortfall for a hundred, where the worst hour alone counts. */
const BIG_LEG: Scene = { book: [held(BTC, 1_100)], entry: { allowAdd: true } };
/** Too few candles for either tail; four thousand dollars of them are held. */
const YOUNG: Scene = { bars: 30, book: [held(DOGE, 4_000)] };

/** By path of the key. Symbols stand for any symbol. */
const CASES: Readonly<Record<string, Case>> = {
  "nav_freshness_seconds": [1, "nav_stale"],
  "nav_anomalies.max_gap_abs_usd": [0.01, "nav_anomaly"],
  "nav_anomalies.max_multiplier_intraday": [1, "nav_anomaly"],
  "circuit_breakers.max_portfolio_dd_nav_pct": [0.001, "portfolio_dd_circuit"],
  "global.daily_loss_limit_pct": [0, "day_loss_limit"],
  "global.max_nav_drawdown_pct": [0.001, "nav_drawdown_limit"],
  "global.max_trade_nav_pct": [0, "max_trade_nav_pct"],
  "global.trade_equity_nav_pct": [0, "trade_gt_equity_cap"],
  "global.symbol_notional_share_cap_pct": [0, "symbol_cap"],
  "global.max_gross_exposure_pct": [0, "portfolio_cap"],
  "global.max_concurrent_positions": [0, "max_concurrent"],
  "global.max_leverage": [0, "leverage_exceeded"],
  "global.min_notional_usdt": [1e6, "min_notional"],
  "global.cooldown_minutes_after_stop": [30 * 1_440, "cooldown_after_stop"],
  "global.max_trades_per_symbol_per_hour": [0, "trade_rate_limit"],
  "global.whitelist": [[DOGE], "not_whitelisted"],
  "global.burst_limit.max_orders": [0, "burst_limit"],
  "global.burst_limit.window_sec": [3_600, "burst_limit", {
    tempo: { attemptsMs: times(12, T0 - HOUR / 2) },
  }],
  "global.error_circuit.max_errors": [0, "circuit_breaker"],
  "global.error_circuit.window_sec": [3_600, "circuit_breaker", {
    tempo: { errorsMs: times(8, T0 - HOUR / 2) },
  }],
  "global.tiers.CORE.max_tier_nav_pct": forTier("CORE"),
  "global.tiers.SATELLITE.max_tier_nav_pct": forTier("SATELLITE"),
  "global.tiers.TACTICAL.max_tier_nav_pct": forTier("TACTICAL"),
  "global.tiers.ALT-EXT.max_tier_nav_pct": forTier("ALT-EXT"),
  "per_symbol.BTCUSDT.min_notional": [1e6, "min_notional"],
  "per_symbol.BTCUSDT.max_order_notional": [0, "max_order_notional"],
  "per_symbol.BTCUSDT.max_leverage": [0, "leverage_exceeded"],
  "per_symbol.BTCUSDT.max_nav_pct": [0, "symbol_cap"],
  "per_symbol.BTCUSDT.max_open_qty": [0, "max_open_qty"],
  "per_symbol.BTCUSDT.block_sides": [["LONG"], "side_blocked"],
  "per_symbol.BTCUSDT.cooldown_sec": [30 * 86_400, "symbol_cooldown"],
  "restricted_symbols": [[BTC], "restricted_symbol"],
  "risk_advanced.on_short_history": ["veto", "var_unavailable", YOUNG],
  "risk_advanced.default_daily_vol": [1, "portfolio_var_limit", YOUNG],
  "risk_advanced.var.confidence": [0.9999, "portfolio_var_limit", BIG_BOOK],
  "risk_advanced.var.max_portfolio_var_nav_pct": [0, "portfolio_var_limit"],
  "risk_advanced.cvar.confidence": [0.9999, "position_cvar_limit", BIG_LEG],
  "risk_advanced.cvar.max_position_cvar_nav_pct": [0, "position_cvar_limit"],
};

/** Keys that are no limit of an entry, and what tests them. */
const NO_LIMITS: Readonly<Record<string, string>> = {
  "reset_timezone": "which midnight: nav_test",
  "nav_anomalies.enabled": "the switch of the guard: nav_test",
  "circuit_breakers.cooloff_hours": "how long a tripped circuit stays: drawdown_test",
  "circuit_breakers.dd_recovery_exit_frac": "a word for the state, no limit: drawdown_test",
  "global.drawdown_alert_pct": "shrinks sizes, refuses nothing: mode_test",
  "risk_advanced.var.enabled": "the switch of the limit: risk_test",
  "risk_advanced.var.lookback_bars": "what is measured, neither way stricter: tails_test",
  "risk_advanced.var.halflife_bars": "what is measured, neither way stricter: tails_test",
  "risk_advanced.var.timeframe": "what is measured, neither way stricter: tails_test",
  "risk_advanced.cvar.enabled": "the switch of the limit: risk_test",
  "risk_advanced.cvar.lookback_bars": "what is measured, neither way stricter: tails_test",
  "risk_advanced.cvar.timeframe": "what is measured, neither way stricter: tails_test",
};

/** Checks that no key of these files moves, with what makes them refuse. */
const FACTS: Readonly<Record<string, Parameters<typeof refusals>[0]>> = {
  symbol_not_in_universe: { scene: { world: { tradable: () => null } } },
  kill_switch: { scene: { world: { operator: "KILLED" } } },
  operator_pause: { scene: { world: { operator: "PAUSED" } } },
  storage_failing: { scene: { world: { storage: { what: "surfaces", why: "read_only" } } } },
  foreign_instance: { scene: { world: { rivals: ["other0-0000000000-00-000"] } } },
  nav_nonpositive: { scene: { world: { account: navOf(0) } } },
  bad_position: { scene: { world: { badPositions: ["ETHUSDT:LONG"] } } },
  position_unprotected: { scene: { world: { nakedLegs: ["ETHUSDT:LONG"] } } },
  drawdown_stale: { scene: { world: { account: { ...navOf(100), ddFrac: null } } } },
  risk_mode_halted: {
    scene: { world: { mode: { mode: "HALTED", reason: "any", score: 1 } } },
  },
  already_in_trade: { scene: { world: { legs: { "BTCUSDT:LONG": leg({ ticker: BTC }) } } } },
  rolling_loss_limit: {
    scene: { world: { account: { ...navOf(10_000), rollingLossFrac: 0.5 } } },
  },
  strategy_max_concurrent: { slots: 1 },
  correlation_cap: { groups: { groups: { any: { symbols: [BTC], max_group_nav_pct: 0 } } } },
  cvar_unavailable: {
    keys: withKey(
      withKey(BASE, "risk_advanced.on_short_history", "veto"),
      "risk_advanced.var.enabled",
      false,
    ),
    scene: { bars: 30 },
  },
};

function navOf(navUsd: number): World["account"] {
  return { ...world().account, nav: { kind: "fresh", navUsd, ageMs: 0 } };
}

Deno.test("the base entry is approved in every scene of this file", () => {
  for (const [path, [, , scene]] of Object.entries(CASES)) {
    assert.deepEqual(refusals(scene === undefined ? {} : { scene }), [], path);
  }
});

for (const [path, [strictest, id, scene = {}]] of Object.entries(CASES)) {
  Deno.test(`the limit ${path} at its strictest refuses by ${id}`, () => {
    const ids = refusals({ keys: withKey(BASE, path, strictest), scene });
    assert.equal(ids[0], id, ids.join(", "));
  });
}

for (const [id, change] of Object.entries(FACTS)) {
  Deno.test(`one fact alone refuses by ${id}`, () => {
    const ids = refusals(change);
    assert.equal(ids[0], id, ids.join(", "));
  });
}

Deno.test("every key of the limits has a case, and every case a key", () => {
  const told = [...Object.keys(CASES), ...Object.keys(NO_LIMITS)].toSorted();
  assert.deepEqual(told, keysOf(Keys, BTC).toSorted());
});

Deno.test("every check is reached from an approved entry by one change", () => {
  const reached = new Set([...Object.values(CASES).map(([, id]) => id), ...Object.keys(FACTS)]);
  assert.deepEqual(CHECK_IDS.filter((id) => !reached.has(id)), []);
});
