/**
 * Every key that limits something really does: from an approved entry, one key is changed to its
 * strictest value, and the check of that key must refuse. The keys come from the schemas: a new
 * one without a case here fails.
 */
import assert from "node:assert/strict";
import { z } from "zod";
import correlationGroups from "../../config/correlation_groups.json" with { type: "json" };
import riskLimits from "../../config/risk_limits.json" with { type: "json" };
import {
  EMPTY_NAV,
  type NavMemory,
  navRules,
  navShape,
  updateNav,
  viewAccount,
} from "../../core/nav.ts";
import type { World } from "../../core/risk/check.ts";
import { buildLimits, CorrelationGroups, limitsShape } from "../../core/risk/limits.ts";
import { CHECK_IDS, vet } from "../../core/risk/mod.ts";
import type { Entry } from "../../core/types.ts";
import { account, BTC, entry, T0, world } from "../fixtures.ts";

const SECOND = 1_000;
const Keys = z.object({ ...navShape, ...limitsShape });
type KeyTree = { readonly [key: string]: unknown };

/** What the world is like: a loss of a thousandth two seconds ago, a stop-loss a minute ago. */
type Scene = { readonly entry?: Partial<Entry>; readonly world?: Partial<World> };
const STOPPED_MS = T0 - 60 * SECOND;
const READINGS = [
  { navUsd: 10_000, atMs: T0 - 40 * SECOND },
  { navUsd: 9_990, atMs: T0 - 2 * SECOND },
];
/** The shipped keys, with a cooldown that a stop of a minute ago has already outlived. */
const BASE: KeyTree = {
  ...riskLimits,
  global: { ...riskLimits.global, cooldown_minutes_after_stop: 1 },
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
  const parsed = Keys.parse(keys);
  const limits = buildLimits(parsed, CorrelationGroups.parse(groups), { s1: slots });
  const rules = navRules(parsed);
  let memory: NavMemory = EMPTY_NAV;
  for (const { navUsd, atMs } of READINGS) {
    const value = account({ atMs, walletQty: { USDT: navUsd } });
    const explained = { totalUsd: 0, transfersUsd: 0 };
    const seen = { nowMs: atMs, account: { kind: "read", value }, explained } as const;
    memory = updateNav(memory, seen, rules)[0];
  }
  const surroundings = world({
    account: viewAccount(memory, T0, rules),
    cooldownUntilMs: { [BTC]: STOPPED_MS + limits.cooldownAfterStopMs },
    strategyLegs: { s1: 1 },
    ...scene.world,
  });
  const verdict = vet(entry(scene.entry), surroundings, limits);
  return verdict.kind === "approved" ? [] : verdict.vetoes.map(({ id }) => id);
}

type Case = readonly [strictest: unknown, id: string, scene?: Scene];
const forTier = (tier: Entry["tier"]): Case => [0, "tier_cap", { entry: { tier } }];

/** By path of the key. Symbols stand for any symbol. */
const CASES: Readonly<Record<string, Case>> = {
  "nav_freshness_seconds": [1, "nav_stale"],
  "nav_anomalies.max_gap_abs_usd": [0.01, "nav_anomaly"],
  "nav_anomalies.max_multiplier_intraday": [1, "nav_anomaly"],
  "circuit_breakers.max_portfolio_dd_nav_pct": [0.001, "portfolio_dd_circuit"],
  "global.daily_loss_limit_pct": [0, "day_loss_limit"],
  "global.max_trade_nav_pct": [0, "max_trade_nav_pct"],
  "global.symbol_notional_share_cap_pct": [0, "symbol_cap"],
  "global.max_gross_exposure_pct": [0, "portfolio_cap"],
  "global.max_concurrent_positions": [0, "max_concurrent"],
  "global.max_leverage": [0, "leverage_exceeded"],
  "global.min_notional_usdt": [1e6, "min_notional"],
  "global.cooldown_minutes_after_stop": [30 * 1_440, "cooldown"],
  "global.tiers.CORE.max_tier_nav_pct": forTier("CORE"),
  "global.tiers.SATELLITE.max_tier_nav_pct": forTier("SATELLITE"),
  "global.tiers.TACTICAL.max_tier_nav_pct": forTier("TACTICAL"),
  "global.tiers.ALT-EXT.max_tier_nav_pct": forTier("ALT-EXT"),
  "per_symbol.BTCUSDT.min_notional": [1e6, "min_notional"],
  "per_symbol.BTCUSDT.max_order_notional": [0, "max_order_notional"],
  "per_symbol.BTCUSDT.max_leverage": [0, "leverage_exceeded"],
  "per_symbol.BTCUSDT.max_nav_pct": [0, "symbol_cap"],
  "restricted_symbols": [[BTC], "restricted_symbol"],
};

/** Keys that are no limit of an entry, and what tests them. */
const NO_LIMITS: Readonly<Record<string, string>> = {
  "reset_timezone": "which midnight: nav_test",
  "nav_anomalies.enabled": "the switch of the guard: nav_test",
  "circuit_breakers.cooloff_hours": "how long a tripped circuit stays: nav_test",
  "circuit_breakers.dd_recovery_exit_frac": "a word for the state, no limit: nav_test",
  "global.drawdown_alert_pct": "shrinks sizes, refuses nothing: risk_test (modes)",
};

/** Checks that no key of these files moves, with what makes them refuse. */
const FACTS: Readonly<Record<string, Parameters<typeof refusals>[0]>> = {
  symbol_not_in_universe: { scene: { world: { tradable: () => null } } },
  kill_switch: { scene: { world: { operator: "KILLED" } } },
  operator_pause: { scene: { world: { operator: "PAUSED" } } },
  nav_nonpositive: { scene: { world: { account: navOf(0) } } },
  risk_mode_halted: { scene: { world: { account: { ...navOf(100), ddFrac: null } } } },
  already_in_trade: {
    scene: { world: { legs: { "BTCUSDT:LONG": { notionalUsd: 1, lots: 1, strategyId: null } } } },
  },
  opposite_leg_open: {
    scene: { world: { legs: { "BTCUSDT:SHORT": { notionalUsd: 1, lots: 1, strategyId: null } } } },
  },
  rolling_loss_limit: {
    scene: { world: { account: { ...navOf(10_000), rollingLossFrac: 0.5 } } },
  },
  strategy_max_concurrent: { slots: 1 },
  correlation_cap: { groups: { groups: { any: { symbols: [BTC], max_group_nav_pct: 0 } } } },
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
    const ids = refusals({ keys: changed(BASE, path.split("."), strictest), scene });
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
  const schema = z.toJSONSchema(Keys, { io: "input" }) as Schema;
  const told = [...Object.keys(CASES), ...Object.keys(NO_LIMITS)].toSorted();
  assert.deepEqual(told, leavesOf(schema, []).toSorted());
});

Deno.test("every check is reached from an approved entry by one change", () => {
  const reached = new Set([...Object.values(CASES).map(([, id]) => id), ...Object.keys(FACTS)]);
  assert.deepEqual(CHECK_IDS.filter((id) => !reached.has(id)), []);
});

function changed(tree: KeyTree, [head, ...rest]: readonly string[], value: unknown): KeyTree {
  if (rest.length === 0) return { ...tree, [head!]: value };
  return { ...tree, [head!]: changed((tree[head!] ?? {}) as KeyTree, rest, value) };
}

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
};

/** Paths of all keys that hold a value; a map by symbol is entered at BTCUSDT. */
function leavesOf(
  { properties, additionalProperties: any }: Schema,
  path: readonly string[],
): string[] {
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([key, child]) => leavesOf(child, [...path, key]));
  }
  if (typeof any === "object") return leavesOf(any, [...path, BTC]);
  return [path.join(".")];
}
