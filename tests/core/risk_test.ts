/** The gate: every check at its limit, the order of reasons, room, malformed input, modes. */
import assert from "node:assert/strict";
import type { World } from "../../core/risk/check.ts";
import { MODE_SIZE_FRAC, riskMode } from "../../core/risk/mode.ts";
import { CHECK_IDS, type Verdict, vet, VETO_REASONS, vetReduce } from "../../core/risk/mod.ts";
import { sizeEntry } from "../../core/sizing.ts";
import { type Entry, type Reduce, TIERS } from "../../core/types.ts";
import {
  accountView,
  approvedReduce,
  BTC,
  dice,
  entry,
  freeze,
  levels,
  limits,
  T0,
  world,
} from "../fixtures.ts";

const LIMITS = limits();

function idsOf(verdict: Verdict<Entry>): string[] {
  return verdict.kind === "approved" ? [] : verdict.vetoes.map(({ id }) => id);
}

function judge(changes: Partial<Entry>, surroundings: Partial<World>): string[] {
  return idsOf(vet(entry(changes), world(surroundings), LIMITS));
}

Deno.test("an ordinary entry in a calm world is approved as it is", () => {
  const wish = freeze(entry());
  const verdict = vet(wish, freeze(world()), LIMITS);
  assert.equal(verdict.kind, "approved");
  assert.equal(verdict.intent, wish);
});

const leg = (notionalUsd = 100) => ({ notionalUsd, lots: 1, strategyId: "other" });
const legs = (count: number): World["legs"] =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`X${i}USDT:LONG`, leg()]));
const level = (changes: Parameters<typeof accountView>[0]) => ({ account: accountView(changes) });
const nav = (navUsd: number) => level({ nav: { kind: "fresh", navUsd, ageMs: 0 } });

type Bound = readonly [
  id: string,
  passes: readonly (readonly [Partial<Entry>, Partial<World>])[],
  fails: readonly (readonly [Partial<Entry>, Partial<World>])[],
];

/** Each check with worlds at and just inside its limit, and just outside. NAV is 10,000. */
const BOUNDS: readonly Bound[] = [
  ["restricted_symbol", [], []],
  ["symbol_not_in_universe", [], [[{}, { tradable: () => null }]]],
  ["kill_switch", [[{}, { operator: "RUNNING" }]], [[{}, { operator: "KILLED" }]]],
  ["operator_pause", [], [[{}, { operator: "PAUSED" }]]],
  ["nav_stale", [
    [{}, level({ nav: { kind: "fresh", navUsd: 10_000, ageMs: 89_999 } })],
  ], [
    [{}, level({ nav: { kind: "stale", navUsd: 10_000, ageMs: 90_000 } })],
    [{}, level({ nav: { kind: "missing" } })],
    [{}, { positionsKnown: false }],
  ]],
  ["nav_nonpositive", [], [[{}, nav(0)], [{}, nav(-1)], [{}, nav(NaN)]]],
  ["nav_anomaly", [], [[
    {},
    level({ anomaly: { navUsd: 1, previousUsd: 2, count: 1, sinceMs: T0, lastMs: T0 } }),
  ]]],
  ["risk_mode_halted", [], [[{}, level({ ddFrac: null })]]],
  ["portfolio_dd_circuit", [[{}, level({ ddFrac: 0.099 })]], [
    [{}, level({ circuit: { sinceMs: T0, ddFrac: 0.1 } })],
  ]],
  ["correlation_cap", [
    [{}, { groupUsd: { L1_bluechips: 3_200 } }],
    [{}, { groupUsd: { L2_alts: 1e9 } }],
  ], [[{}, { groupUsd: { L1_bluechips: 3_200.01 } }]]],
  ["already_in_trade", [[{}, { legs: { "ETHUSDT:LONG": leg() } }]], [
    [{}, { legs: { "BTCUSDT:LONG": leg() } }],
  ]],
  ["opposite_leg_open", [], [[{}, { legs: { "BTCUSDT:SHORT": leg() } }]]],
  ["day_loss_limit", [[{}, level({ dayLossFrac: 0.0999 })]], [
    [{}, level({ dayLossFrac: 0.1 })],
    [{}, level({ dayLossFrac: 0.5 })],
    [{}, level({ dayLossFrac: NaN })],
  ]],
  ["rolling_loss_limit", [[{}, level({ rollingLossFrac: 0.0999 })]], [
    [{}, level({ rollingLossFrac: 0.1 })],
    [{}, level({ rollingLossFrac: null })],
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
    [{}, { symbolUsd: { [BTC]: NaN } }],
  ]],
  ["leverage_exceeded", [[{ leverage: 4 }, {}]], [
    [{ leverage: 4.01 }, {}],
    [{ leverage: 3 }, { tradable: () => ({ tier: "CORE", minNotionalUsd: 5, maxLeverage: 2 }) }],
  ]],
  ["cooldown", [[{}, { cooldownUntilMs: { [BTC]: T0 } }]], [
    [{}, { cooldownUntilMs: { [BTC]: T0 + 1 } }],
  ]],
  ["max_trade_nav_pct", [[{ grossUsd: 600 }, {}]], [[{ grossUsd: 600.01 }, {}]]],
  ["portfolio_cap", [[{}, { grossUsd: 14_700 }]], [
    [{}, { grossUsd: 14_700.01 }],
    [{}, { grossUsd: NaN }],
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

Deno.test("every check has its bounds tested", () => {
  assert.deepEqual(BOUNDS.map(([id]) => id), CHECK_IDS);
});

for (const [id, passes, fails] of BOUNDS) {
  Deno.test(`vet() ${id}: passes up to its limit and refuses beyond it`, () => {
    for (const [wish, surroundings] of passes) {
      assert.deepEqual(judge(wish, surroundings), [], JSON.stringify([wish, surroundings]));
    }
    for (const [wish, surroundings] of fails) {
      const ids = judge(wish, surroundings);
      assert.equal(ids[0], id, `${JSON.stringify([wish, surroundings])}: ${ids}`);
    }
  });
}

Deno.test("a restricted symbol is refused before anything else", () => {
  const restricted = limits({ keys: { restricted_symbols: [BTC] } });
  const dark = world({ operator: "KILLED", tradable: () => null });
  assert.deepEqual(idsOf(vet(entry(), dark, restricted)), ["restricted_symbol"]);
});

const LAST_PRECONDITION = CHECK_IDS.indexOf("risk_mode_halted");

Deno.test("of two failed preconditions the first is told, and it alone", () => {
  const worlds = BOUNDS.slice(1, LAST_PRECONDITION + 1);
  worlds.forEach(([first, , [one]], i) => {
    for (const [, , [other]] of worlds.slice(i + 1)) {
      const account = { ...other![1].account, ...one![1].account };
      const surroundings = { ...other![1], ...one![1] };
      const both = Object.keys(account).length > 0
        ? { ...surroundings, account: accountView(account) }
        : surroundings;
      assert.deepEqual(judge({}, both), [first]);
    }
  });
});

Deno.test("every breach is told, in the order of the list", () => {
  const surroundings = {
    account: accountView({
      circuit: { sinceMs: T0, ddFrac: 0.2 },
      ddFrac: 0.2,
      dayLossFrac: 0.2,
      rollingLossFrac: 0.2,
    }),
    groupUsd: { L1_bluechips: 1e6 },
    symbolUsd: { [BTC]: 1e6 },
    tierUsd: { CORE: 1e6 },
    grossUsd: 1e6,
    legs: { ...legs(6), "BTCUSDT:LONG": leg(), "BTCUSDT:SHORT": leg() },
    strategyLegs: { s1: 9 },
    cooldownUntilMs: { [BTC]: T0 + 1 },
    tradable: () => ({ tier: "CORE", minNotionalUsd: 1e6, maxLeverage: 1 } as const),
  };
  const told = judge({ grossUsd: 90_000, leverage: 100 }, surroundings);
  assert.deepEqual(told, CHECK_IDS.slice(LAST_PRECONDITION + 1));
});

Deno.test("ids are unique, reasons are a closed list, and every breach shows what it saw", () => {
  assert.equal(new Set(CHECK_IDS).size, CHECK_IDS.length);
  assert.equal(new Set(VETO_REASONS).size, VETO_REASONS.length);
  for (const [id, , [wish]] of BOUNDS) {
    if (wish === undefined) continue;
    const verdict = vet(entry(wish[0]), world(wish[1]), LIMITS);
    assert.ok(verdict.kind === "vetoed");
    const [veto] = verdict.vetoes;
    assert.ok(VETO_REASONS.includes(veto.reason), id);
    assert.ok(Object.keys(veto.observations).length > 0, id);
  }
});

Deno.test("a breach shows the figures it was judged by", () => {
  const seen = (wish: Partial<Entry>, surroundings: Partial<World>) => {
    const verdict = vet(entry(wish), world(surroundings), LIMITS);
    return verdict.kind === "vetoed" ? verdict.vetoes[0].observations : {};
  };
  const shown: readonly (readonly [Partial<Entry>, Partial<World>, Record<string, number>])[] = [
    [{}, { groupUsd: { L1_bluechips: 4_700 } }, { L1_bluechips_frac: 0.5 }],
    [{}, { cooldownUntilMs: { [BTC]: T0 + 5_000 } }, { cooldown_left_s: 5 }],
    [{}, { grossUsd: 15_700 }, { gross_frac: 1.6 }],
    [{}, { tierUsd: { CORE: 3_700 } }, { tier_frac: 0.4 }],
    [{ grossUsd: 1_000 }, {}, { trade_nav_frac: 0.1, notional_usd: 1_000 }],
    [{}, { symbolUsd: { [BTC]: 1_400 } }, { symbol_usd: 1_400, notional_usd: 300 }],
  ];
  for (const [wish, surroundings, figures] of shown) {
    assert.deepEqual(seen(wish, surroundings), figures);
  }
});

Deno.test("the room that a veto names passes, and one per cent more does not", () => {
  const roll = dice(5);
  const share = (most: number) => roll() < 0.5 ? 0 : roll() * most;
  let tried = 0;
  for (let i = 0; i < 3_000; i++) {
    const surroundings = world({
      grossUsd: share(16_000),
      symbolUsd: { [BTC]: share(1_600) },
      tierUsd: { CORE: share(3_200) },
      groupUsd: { L1_bluechips: share(3_700) },
    });
    const wish = entry({ grossUsd: 25 + roll() * 4_000 });
    const verdict = vet(wish, surroundings, LIMITS);
    if (verdict.kind === "approved") continue;
    const { maxNotionalUsd } = verdict;
    const at = (grossUsd: number) => vet({ ...wish, grossUsd }, surroundings, LIMITS).kind;
    if (maxNotionalUsd === 0) {
      assert.equal(at(25), "vetoed", "no room means that the smallest order fails too");
      continue;
    }
    tried += 1;
    assert.equal(at(maxNotionalUsd), "approved");
    assert.equal(at(maxNotionalUsd * 1.01), "vetoed");
  }
  assert.ok(tried > 500, `${tried} worlds had room`);
});

Deno.test("a check that no size passes leaves no room", () => {
  const verdict = vet(entry({ grossUsd: 5_000 }), world({ legs: legs(6) }), LIMITS);
  assert.equal(verdict.kind === "vetoed" && verdict.maxNotionalUsd, 0);
});

/** Values that no field of an entry may have. */
const RUBBISH: readonly unknown[] = [
  undefined,
  null,
  "",
  "x",
  "100",
  NaN,
  Infinity,
  -Infinity,
  -1,
  0,
  true,
  {},
  [],
  [100],
  () => 1,
];
const CHECKED_FIELDS = [
  "ticker",
  "side",
  "tier",
  "grossUsd",
  "leverage",
  "refPx",
  "levels",
] as const;
const isTicker = (field: string, value: unknown) => field === "ticker" && typeof value === "string";
const isTrue = (value: unknown) => typeof value === "string" && value !== "";

Deno.test("malformed entries are refused as invalid_input, whatever they are", () => {
  const roll = dice(6);
  const pick = <T>(list: readonly T[]) => list[Math.floor(roll() * list.length)]!;
  let tried = 0;
  while (tried < 10_000) {
    const wish: Record<string, unknown> = { ...entry() };
    const isNear = roll() < 0.5;
    const field = pick(CHECKED_FIELDS);
    const value = pick(RUBBISH);
    if (isTicker(field, value) && isTrue(value)) continue;
    wish[field] = value;
    for (const other of isNear ? [] : Object.keys(wish)) {
      if (other !== field && roll() < 0.5) wish[other] = pick(RUBBISH);
    }
    if (!isNear && roll() < 0.3) delete wish[pick(Object.keys(wish))];
    assert.deepEqual(idsOf(vet(wish as Entry, world(), LIMITS)), ["invalid_input"], String(field));
    tried += 1;
  }
  for (const wish of [null, undefined, 5, "x", []] as unknown[]) {
    assert.deepEqual(idsOf(vet(wish as Entry, world(), LIMITS)), ["invalid_input"]);
  }
});

Deno.test("levels that are no way out are malformed", () => {
  const long = [
    { slPx: null },
    { slPx: 0 },
    { slPx: NaN },
    { slPx: 60_000 },
    { slPx: 61_000 },
    { tpPx: 60_000 },
    { tpPx: 59_500 },
    { tpPx: Infinity },
  ];
  for (const wrong of long) {
    assert.deepEqual(judge({ levels: levels(wrong) }, {}), ["invalid_input"]);
  }
  assert.deepEqual(judge({ side: "SHORT" }, {}), ["invalid_input"]);
  assert.deepEqual(
    judge({ side: "SHORT", levels: levels({ slPx: 61_000, tpPx: 58_000 }) }, {}),
    [],
  );
  assert.deepEqual(judge({ levels: levels({ tpPx: null }) }, {}), []);
});

Deno.test("a tier nobody knows has no cap to pass", () => {
  for (const tier of TIERS) assert.deepEqual(judge({ tier, grossUsd: 100 }, {}), []);
  assert.deepEqual(judge({ tier: "HUGE" as Entry["tier"] }, {}), ["invalid_input"]);
});

Deno.test("a reduce passes when it reduces, whatever the state of everything else", () => {
  const held = { "BTCUSDT:LONG": { lots: 5 } };
  const kindOf = (changes: Partial<Reduce>) => vetReduce(approvedReduce(changes), held).kind;
  for (const lots of [1, 5]) assert.equal(kindOf({ lots }), "approved");
  for (const lots of [6, 0, -1, 2.5, NaN]) assert.equal(kindOf({ lots }), "vetoed", String(lots));
  assert.equal(kindOf({ side: "SHORT" }), "vetoed");
  assert.equal(vetReduce(approvedReduce(), {}).kind, "vetoed");
});

Deno.test("what cannot be evaluated is HALTED, never OK", () => {
  const modeIn = (surroundings: Partial<World>) => riskMode(world(surroundings), LIMITS).mode;
  const anomaly = { navUsd: 1, previousUsd: 2, count: 1, sinceMs: T0, lastMs: T0 };
  const cases: readonly (readonly [Partial<World>, string])[] = [
    [{}, "OK"],
    [level({ ddFrac: 0.0299 }), "OK"],
    [level({ ddFrac: 0.03 }), "WARN"],
    [level({ anomaly }), "WARN"],
    [level({ dayLossFrac: 0.1 }), "DEFENSIVE"],
    [level({ circuit: { sinceMs: T0, ddFrac: 0.1 } }), "DEFENSIVE"],
    [level({ nav: { kind: "stale", navUsd: 1, ageMs: 90_000 } }), "HALTED"],
    [level({ nav: { kind: "missing" } }), "HALTED"],
    [level({ ddFrac: null }), "HALTED"],
    [level({ dayLossFrac: null }), "HALTED"],
    [nav(0), "HALTED"],
    [{ positionsKnown: false }, "HALTED"],
  ];
  for (const [surroundings, mode] of cases) assert.equal(modeIn(surroundings), mode);
});

Deno.test("the state of risk shrinks a size once and never raises it", () => {
  for (const modeFrac of Object.values(MODE_SIZE_FRAC)) {
    const grossUsd = sizeEntry({ navUsd: 10_000, sizeFrac: 0.015, modeFrac });
    assert.equal(grossUsd, 150 * modeFrac);
  }
  assert.equal(sizeEntry({ navUsd: -10_000, sizeFrac: 0.015, modeFrac: 1 }), 0);
});
