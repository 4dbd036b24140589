/** The gate: every check at its limit, the order of reasons, what a breach shows, reduces. */
import assert from "node:assert/strict";
import type { World } from "../../core/risk/check.ts";
import { CHECK_IDS, type Verdict, vet, VETO_REASONS, vetReduce } from "../../core/risk/mod.ts";
import type { Entry, Reduce } from "../../core/types.ts";
import { approvedReduce, BTC, entry, freeze, levels, T0 } from "../fixtures.ts";
import {
  accountView,
  leg,
  type LimitChanges,
  limits,
  tailView,
  tempo,
  world,
} from "../fixtures_risk.ts";

const HOUR = 3_600_000;

function idsOf(verdict: Verdict<Entry>): string[] {
  return verdict.kind === "approved" ? [] : verdict.vetoes.map(({ id }) => id);
}

type Scene = readonly [
  wish: Partial<Entry>,
  surroundings: Partial<World>,
  limits?: LimitChanges,
];

function judge([wish, surroundings, changes = {}]: Scene): string[] {
  return idsOf(vet(entry(wish), world(surroundings), limits(changes)));
}

Deno.test("an ordinary entry in a calm world is approved as it is", () => {
  const wish = freeze(entry());
  const verdict = vet(wish, freeze(world()), limits());
  assert.equal(verdict.kind, "approved");
  assert.equal(verdict.intent, wish);
});

const legs = (count: number): World["legs"] =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`X${i}USDT:LONG`, leg()]));
const held = (changes: Parameters<typeof leg>[0]): Partial<World> => ({
  legs: { "BTCUSDT:LONG": leg({ ticker: BTC, ...changes }) },
});
const account = (changes: Parameters<typeof accountView>[0]) => ({ account: accountView(changes) });
const nav = (navUsd: number) => account({ nav: { kind: "fresh", navUsd, ageMs: 0 } });
const ofBtc = (keys: Record<string, unknown>): LimitChanges => ({
  keys: { per_symbol: { [BTC]: keys } },
});
const SHIPPED_VAR = { max_portfolio_var_nav_pct: 0.12 };
const varLimit = (frac: number): LimitChanges => ({
  tail: { var: { max_portfolio_var_nav_pct: frac } },
});
const cvarLimit = (frac: number): LimitChanges => ({
  tail: { cvar: { max_position_cvar_nav_pct: frac } },
});
const STRICT: LimitChanges = { tail: { on_short_history: "veto" } };
const UNMEASURED = tailView({ measured: null, shortfall: null, bars: 12 });
const shortLevels = levels({ slPx: 61_000, tpPx: 58_000 });
const LATCH = { sinceMs: T0, ddFrac: 0.3 };

type Bound = readonly [id: string, passes: readonly Scene[], fails: readonly Scene[]];

/** Each check with scenes at and just inside its limit, and just outside. NAV is 10,000. */
const BOUNDS: readonly Bound[] = [
  ["restricted_symbol", [[{}, {}, { keys: { restricted_symbols: ["ETHUSDT"] } }]], [
    [{}, {}, { keys: { restricted_symbols: [BTC] } }],
  ]],
  ["symbol_not_in_universe", [], [[{}, { tradable: () => null }]]],
  ["kill_switch", [[{}, { operator: "RUNNING" }]], [[{}, { operator: "KILLED" }]]],
  ["operator_pause", [], [[{}, { operator: "PAUSED" }]]],
  ["storage_failing", [], [[{}, { storage: { what: "journal", why: "full" } }]]],
  ["foreign_instance", [], [[{}, { rivals: ["other0-0000000000-00-000"] }]]],
  ["nav_stale", [
    [{}, account({ nav: { kind: "fresh", navUsd: 10_000, ageMs: 89_999 } })],
  ], [
    [{}, account({ nav: { kind: "stale", navUsd: 10_000, ageMs: 90_000 } })],
    [{}, account({ nav: { kind: "missing" } })],
    [{}, { positionsKnown: false }],
  ]],
  ["nav_nonpositive", [], [[{}, nav(0)], [{}, nav(-1)], [{}, nav(NaN)]]],
  ["nav_anomaly", [], [[
    {},
    account({ anomaly: { navUsd: 1, previousUsd: 2, count: 1, sinceMs: T0, lastMs: T0 } }),
  ]]],
  ["bad_position", [], [[{}, { badPositions: ["ETHUSDT:SHORT"] }]]],
  ["position_unprotected", [], [[{}, { nakedLegs: ["ETHUSDT:SHORT"] }]]],
  ["drawdown_stale", [], [
    [{}, account({ ddFrac: null })],
    [{}, account({ highLossFrac: null })],
    [{}, account({ dayLossFrac: null })],
    [{}, account({ rollingLossFrac: null })],
  ]],
  ["risk_mode_halted", [], [[{}, { mode: { mode: "HALTED", reason: "any", score: 1 } }]]],
  ["portfolio_dd_circuit", [[{}, account({ ddFrac: 0.099 })]], [
    [{}, account({ circuit: { sinceMs: T0, ddFrac: 0.1, needsAck: false } })],
  ]],
  ["correlation_cap", [
    [{}, { groupUsd: { L1_bluechips: 3_200 } }],
    [{}, { groupUsd: { L2_alts: 1e9 } }],
  ], [[{}, { groupUsd: { L1_bluechips: 3_200.01 } }]]],
  ["var_unavailable", [
    [{}, { tail: UNMEASURED }],
    [{}, { tail: tailView() }, STRICT],
    [{}, { tail: tailView({ measured: null }) }, {
      tail: { ...STRICT.tail, var: { ...SHIPPED_VAR, enabled: false } },
    }],
  ], [
    [{}, { tail: tailView({ measured: null }) }, STRICT],
    [{}, { tail: tailView({}, { shortCount: 1 }) }, STRICT],
  ]],
  ["portfolio_var_limit", [
    [{}, {}, varLimit(0.002792)],
    // A hedge of a book at its limit takes nothing more.
    [{ side: "SHORT", levels: shortLevels }, {
      tail: tailView({ netUsd: 5_000, measured: { variance: 0.0016, bookCovariance: 8 } }, {
        variance: 40_000,
      }),
    }, varLimit(0.0465)],
    // Two sigmas of 8 % on 300 dollars, unmeasured.
    [{}, { tail: UNMEASURED }, varLimit(0.005584)],
    [{}, { tail: tailView({}, { variance: 1e9 }) }, {
      tail: { var: { ...SHIPPED_VAR, enabled: false } },
    }],
  ], [
    [{}, {}, varLimit(0.002791)],
    [{}, { tail: UNMEASURED }, varLimit(0.005583)],
    [{}, { tail: tailView({}, { floorUsd: 516 }) }],
    [{}, { tail: tailView({ measured: { variance: NaN, bookCovariance: 0 } }) }],
    [{}, {}, varLimit(0)],
  ]],
  ["cvar_unavailable", [[{}, { tail: tailView() }, STRICT]], [
    [{}, { tail: tailView({ shortfall: null }) }, STRICT],
  ]],
  ["position_cvar_limit", [
    [{ grossUsd: 250 }, {}, cvarLimit(0.002)],
    [{}, { tail: tailView({ netUsd: 4_700 }) }],
    [{}, { tail: tailView({ netUsd: -5_300 }) }],
  ], [
    [{ grossUsd: 250.01 }, {}, cvarLimit(0.002)],
    [{}, { tail: tailView({ netUsd: 4_701 }) }],
    [{}, { tail: tailView({ netUsd: -5_301 }) }],
    [{}, {}, cvarLimit(0)],
  ]],
  ["already_in_trade", [
    [{}, { legs: { "ETHUSDT:LONG": leg() } }],
    [{}, { legs: { "BTCUSDT:SHORT": leg() } }],
    [{ allowAdd: true }, held({})],
  ], [[{}, held({})]]],
  ["not_whitelisted", [
    [{}, {}, { global: { whitelist: [BTC, "ETHUSDT"] } }],
  ], [[{}, {}, { global: { whitelist: ["ETHUSDT"] } }]]],
  ["nav_drawdown_limit", [[{}, account({ highLossFrac: 0.2999 })]], [
    [{}, account({ highLossFrac: 0.3 })],
    [{}, account({ highLossFrac: 0.01, latch: LATCH })],
  ]],
  ["day_loss_limit", [[{}, account({ dayLossFrac: 0.0999 })]], [
    [{}, account({ dayLossFrac: 0.1 })],
    [{}, account({ dayLossFrac: 0.5 })],
    [{}, account({ dayLossFrac: NaN })],
  ]],
  ["rolling_loss_limit", [[{}, account({ rollingLossFrac: 0.0999 })]], [
    [{}, account({ rollingLossFrac: 0.1 })],
    [{}, account({ rollingLossFrac: NaN })],
  ]],
  ["min_notional", [[{ grossUsd: 25 }, {}]], [
    [{ grossUsd: 24.99 }, {}],
    [{ grossUsd: 25 }, {
      tradable: () => ({ tier: "CORE", minNotionalUsd: 100, maxLeverage: 20 }),
    }],
  ]],
  ["max_order_notional", [[{ grossUsd: 80_000 }, nav(2_000_000)]], [
    [{ grossUsd: 80_000.01 }, nav(2_000_000)],
  ]],
  ["symbol_cap", [[{}, { symbolUsd: { [BTC]: 1_200 } }]], [
    [{}, { symbolUsd: { [BTC]: 1_200.01 } }],
  ]],
  ["max_open_qty", [[{ allowAdd: true }, held({ qty: 1.99 }), ofBtc({ max_open_qty: 2 })]], [
    [{ allowAdd: true }, held({ qty: 2 }), ofBtc({ max_open_qty: 2 })],
    [{}, {}, ofBtc({ max_open_qty: 0 })],
  ]],
  ["side_blocked", [[{}, {}, ofBtc({ block_sides: ["SHORT"] })]], [
    [{}, {}, ofBtc({ block_sides: ["LONG"] })],
  ]],
  ["leverage_exceeded", [[{ leverage: 4 }, {}]], [
    [{ leverage: 4.01 }, {}],
    [{ leverage: 3 }, { tradable: () => ({ tier: "CORE", minNotionalUsd: 5, maxLeverage: 2 }) }],
  ]],
  ["cooldown_after_stop", [[{}, { tempo: tempo({ cooldownUntilMs: { [BTC]: T0 } }) }]], [
    [{}, { tempo: tempo({ cooldownUntilMs: { [BTC]: T0 + 1 } }) }],
  ]],
  ["symbol_cooldown", [
    [{}, { tempo: tempo({ lastFillMs: { [BTC]: T0 - 60_000 } }) }, ofBtc({ cooldown_sec: 60 })],
    [{}, { tempo: tempo({ lastFillMs: { [BTC]: T0 } }) }],
  ], [
    [{}, { tempo: tempo({ lastFillMs: { [BTC]: T0 - 59_999 } }) }, ofBtc({ cooldown_sec: 60 })],
  ]],
  ["trade_rate_limit", [
    [{}, { tempo: tempo({ entriesMs: { [BTC]: times(9, T0 - HOUR) } }) }],
    [{}, { tempo: tempo({ entriesMs: { [BTC]: times(10, T0 - HOUR - 1) } }) }],
    [{}, { tempo: tempo({ entriesMs: { ETHUSDT: times(99, T0) } }) }],
  ], [
    [{}, { tempo: tempo({ entriesMs: { [BTC]: times(10, T0 - HOUR) } }) }],
    [{}, {}, { global: { max_trades_per_symbol_per_hour: 0 } }],
  ]],
  ["circuit_breaker", [
    [{}, { tempo: tempo({ errorsMs: times(7, T0) }) }],
    [{}, { tempo: tempo({ errorsMs: times(8, T0 - 300_001) }) }],
  ], [[{}, { tempo: tempo({ errorsMs: times(8, T0 - 300_000) }) }]]],
  ["burst_limit", [
    [{}, { tempo: tempo({ attemptsMs: times(11, T0) }) }],
    [{}, { tempo: tempo({ attemptsMs: times(12, T0 - 60_001) }) }],
  ], [[{}, { tempo: tempo({ attemptsMs: times(12, T0 - 60_000) }) }]]],
  ["trade_gt_equity_cap", [
    [{ grossUsd: 400 }, {}, { global: { trade_equity_nav_pct: 0.04 } }],
  ], [[{ grossUsd: 400.01 }, {}, { global: { trade_equity_nav_pct: 0.04 } }]]],
  ["max_trade_nav_pct", [[{ grossUsd: 600 }, {}]], [[{ grossUsd: 600.01 }, {}]]],
  ["portfolio_cap", [[{}, { grossUsd: 14_700 }]], [
    [{}, { grossUsd: 14_700.01 }],
  ]],
  ["max_concurrent", [[{}, { legs: legs(5) }]], [[{}, { legs: legs(6) }]]],
  ["strategy_max_concurrent", [[{}, { strategyLegs: { s1: 1 } }]], [
    [{}, { strategyLegs: { s1: 2 } }],
    [{ strategyId: "unknown" }, {}],
  ]],
  ["tier_cap", [[{}, { tierUsd: { CORE: 2_700 } }], [{}, { tierUsd: { SATELLITE: 9_999 } }]], [
    [{}, { tierUsd: { CORE: 2_700.01 } }],
    [{ tier: "ALT-EXT" }, { tierUsd: { "ALT-EXT": 201 } }],
  ]],
];

function times(count: number, atMs: number): readonly number[] {
  return Array.from({ length: count }, () => atMs);
}

Deno.test("every check has its bounds tested", () => {
  assert.deepEqual(BOUNDS.map(([id]) => id), CHECK_IDS);
});

for (const [id, passes, fails] of BOUNDS) {
  Deno.test(`vet() ${id}: passes up to its limit and refuses beyond it`, () => {
    for (const scene of passes) assert.deepEqual(judge(scene), [], JSON.stringify(scene));
    for (const scene of fails) {
      const ids = judge(scene);
      assert.equal(ids[0], id, `${JSON.stringify(scene)}: ${ids}`);
    }
  });
}

const LAST_PRECONDITION = CHECK_IDS.indexOf("risk_mode_halted");

Deno.test("of two failed preconditions the first is told, and it alone", () => {
  const scenes = BOUNDS.slice(0, LAST_PRECONDITION + 1);
  scenes.forEach(([first, , [one]], i) => {
    for (const [, , [other]] of scenes.slice(i + 1)) {
      const views = { ...other![1].account, ...one![1].account };
      const both = {
        ...other![1],
        ...one![1],
        ...Object.keys(views).length > 0 && account(views),
      };
      assert.deepEqual(judge([{}, both, { ...other![2], ...one![2] }]), [first]);
    }
  });
});

Deno.test("every breach is told, in the order of the list", () => {
  const surroundings: Partial<World> = {
    ...account({
      circuit: { sinceMs: T0, ddFrac: 0.2, needsAck: false },
      latch: LATCH,
      ddFrac: 0.2,
      dayLossFrac: 0.2,
      rollingLossFrac: 0.2,
    }),
    groupUsd: { L1_bluechips: 1e6 },
    symbolUsd: { [BTC]: 1e6 },
    tierUsd: { CORE: 1e6 },
    grossUsd: 1e6,
    legs: { ...legs(6), ...held({ qty: 9 }).legs },
    strategyLegs: { s1: 9 },
    tempo: {
      cooldownUntilMs: { [BTC]: T0 + 1 },
      lastFillMs: { [BTC]: T0 },
      entriesMs: { [BTC]: times(10, T0) },
      attemptsMs: times(12, T0),
      errorsMs: times(8, T0),
    },
    tradable: () => ({ tier: "CORE", minNotionalUsd: 1e6, maxLeverage: 1 } as const),
  };
  const changes: LimitChanges = {
    ...ofBtc({ max_open_qty: 9, block_sides: ["LONG"], cooldown_sec: 1, max_order_notional: 1 }),
    global: { whitelist: ["ETHUSDT"], trade_equity_nav_pct: 0.04 },
  };
  const wish = { grossUsd: 90_000, leverage: 100 };
  const measured = judge([wish, surroundings, changes]);
  const tail = tailView({ measured: null, shortfall: null }, { shortCount: 1 });
  const blind = judge([wish, { ...surroundings, tail }, { ...changes, ...STRICT }]);
  const every = CHECK_IDS.slice(LAST_PRECONDITION + 1);
  assert.deepEqual(measured, every.filter((id) => !id.endsWith("_unavailable")));
  const figures = ["portfolio_var_limit", "position_cvar_limit"];
  assert.deepEqual(
    blind,
    every.filter((id) => !figures.includes(id)),
    "no figure, no verdict on it",
  );
});

Deno.test("ids are unique, reasons are a closed list, and every breach shows what it saw", () => {
  assert.equal(new Set(CHECK_IDS).size, CHECK_IDS.length);
  assert.equal(new Set(VETO_REASONS).size, VETO_REASONS.length);
  for (const [id, , fails] of BOUNDS) {
    for (const [wish, surroundings, changes] of fails) {
      const verdict = vet(entry(wish), world(surroundings), limits(changes));
      assert.ok(verdict.kind === "vetoed");
      const [veto] = verdict.vetoes;
      assert.ok(VETO_REASONS.includes(veto.reason), id);
      assert.ok(Object.keys(veto.observations).length > 0, id);
    }
  }
});

Deno.test("a breach shows the figures it was judged by", () => {
  const shown: readonly (readonly [Scene, Record<string, number | string>])[] = [
    [[{}, { groupUsd: { L1_bluechips: 4_700 } }], {
      L1_bluechips_before_frac: 0.47,
      L1_bluechips_after_frac: 0.5,
    }],
    [[{}, { tempo: tempo({ cooldownUntilMs: { [BTC]: T0 + 5_000 } }) }], { cooldown_left_s: 5 }],
    [[{}, { tempo: tempo({ attemptsMs: times(12, T0 - 50_000) }) }], { count: 12, next_in_s: 10 }],
    [[{}, { grossUsd: 15_700 }], { gross_frac: 1.6 }],
    [[{}, { tierUsd: { CORE: 3_700 } }], { tier_frac: 0.4 }],
    [[{ grossUsd: 1_000 }, {}], { trade_nav_frac: 0.1, notional_usd: 1_000 }],
    [[{}, { symbolUsd: { [BTC]: 1_400 } }], { symbol_usd: 1_400, notional_usd: 300 }],
    [[{}, { tail: tailView({ netUsd: 5_000 }) }], {
      cvar_nav_frac: 0.0424,
      position_after_usd: 5_300,
      measured: "true",
    }],
    [[{}, { badPositions: ["ETHUSDT:SHORT"] }], {
      bad_positions: 1,
      positions: "ETHUSDT:SHORT",
      symbol: BTC,
    }],
  ];
  for (const [[wish, surroundings], figures] of shown) {
    const verdict = vet(entry(wish), world(surroundings), limits());
    assert.deepEqual(verdict.kind === "vetoed" && verdict.vetoes[0].observations, figures);
  }
});

Deno.test("a reduce passes when it reduces, whatever the state of everything else", () => {
  const book = { "BTCUSDT:LONG": { lots: 5 } };
  const kindOf = (changes: Partial<Reduce>) => vetReduce(approvedReduce(changes), book).kind;
  for (const lots of [1, 5]) assert.equal(kindOf({ lots }), "approved");
  for (const lots of [6, 0, -1, 2.5, NaN]) assert.equal(kindOf({ lots }), "vetoed", String(lots));
  assert.equal(kindOf({ side: "SHORT" }), "vetoed");
  assert.equal(vetReduce(approvedReduce(), {}).kind, "vetoed");
});
