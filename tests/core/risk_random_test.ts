/**
 * The gate over many random inputs: it is total, what it advertises is true, and a limit made
 * tighter never lets more through.
 */
import assert from "node:assert/strict";
import { z } from "zod";
import riskLimits from "../../config/risk_limits.json" with { type: "json" };
import strategyConfig from "../../config/strategy_config.json" with { type: "json" };
import { RiskAdvanced } from "../../core/risk/advanced.ts";
import type { World } from "../../core/risk/check.ts";
import { type Limits, limitsShape } from "../../core/risk/limits.ts";
import { vet } from "../../core/risk/mod.ts";
import { type Entry, type Side, TIERS } from "../../core/types.ts";
import { BTC, dice, entry, levels, T0 } from "../fixtures.ts";
import { accountView, leg, limits, tailView, tempo, world } from "../fixtures_risk.ts";
import { keyAt, keysOf, type KeyTree, withKey } from "../limit_keys.ts";

const HOUR = 3_600_000;
/** The smallest order that the shipped limits allow. */
const LEAST_USD = 25;
type Roll = () => number;

const pickFrom = (roll: Roll) => <T>(list: readonly T[]): T =>
  list[Math.floor(roll() * list.length)]!;
const shareFrom = (roll: Roll) => (most: number) => roll() < 0.5 ? 0 : roll() * most;
const idsOf = (wish: unknown, surroundings: World, rules: Limits): readonly string[] => {
  const verdict = vet(wish as Entry, surroundings, rules);
  return verdict.kind === "approved" ? [] : verdict.vetoes.map(({ id }) => id);
};

const LIMITS = limits();

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

Deno.test("ten thousand malformed entries are refused as invalid_input, whatever they are", () => {
  const roll = dice(6);
  const pick = pickFrom(roll);
  let tried = 0;
  while (tried < 10_000) {
    const wish: Record<string, unknown> = { ...entry() };
    const isNear = roll() < 0.5;
    const field = pick(CHECKED_FIELDS);
    const value = pick(RUBBISH);
    if (isTicker(field, value)) continue;
    wish[field] = value;
    for (const other of isNear ? [] : Object.keys(wish)) {
      if (other !== field && roll() < 0.5) wish[other] = pick(RUBBISH);
    }
    if (!isNear && roll() < 0.3) delete wish[pick(Object.keys(wish))];
    assert.deepEqual(idsOf(wish, world(), LIMITS), ["invalid_input"], String(field));
    tried += 1;
  }
  for (const wish of [null, undefined, 5, "x", []] as unknown[]) {
    assert.deepEqual(idsOf(wish, world(), LIMITS), ["invalid_input"]);
  }
});

Deno.test("levels that are no way out are malformed", () => {
  const judge = (changes: Partial<Entry>) => idsOf(entry(changes), world(), LIMITS);
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
  for (const wrong of long) assert.deepEqual(judge({ levels: levels(wrong) }), ["invalid_input"]);
  assert.deepEqual(judge({ side: "SHORT" }), ["invalid_input"]);
  assert.deepEqual(judge({ side: "SHORT", levels: levels({ slPx: 61_000, tpPx: 58_000 }) }), []);
  assert.deepEqual(judge({ levels: levels({ tpPx: null }) }), []);
});

Deno.test("a tier nobody knows has no cap to pass", () => {
  for (const tier of TIERS) {
    assert.deepEqual(idsOf(entry({ tier, grossUsd: 100 }), world(), LIMITS), []);
  }
  const unknown = entry({ tier: "HUGE" as Entry["tier"] });
  assert.deepEqual(idsOf(unknown, world(), LIMITS), ["invalid_input"]);
});

Deno.test("numbers that are none, anywhere in the world, never let an entry through", () => {
  const roll = dice(12);
  const pick = pickFrom(roll);
  const of = (value: number): readonly Partial<World>[] => [
    { account: accountView({ nav: { kind: "fresh", navUsd: value, ageMs: 0 } }) },
    { account: accountView({ dayLossFrac: value }) },
    { account: accountView({ rollingLossFrac: value }) },
    { account: accountView({ highLossFrac: value }) },
    { grossUsd: value },
    { symbolUsd: { [BTC]: value } },
    { tierUsd: { CORE: value } },
    { groupUsd: { L1_bluechips: value } },
    { legsCount: value },
    { tail: tailView({ netUsd: value }) },
    { tail: tailView({}, { variance: value }) },
    { tail: tailView({}, { floorUsd: value }) },
    { tail: tailView({ measured: { variance: value, bookCovariance: 0 } }) },
    { tradable: () => ({ tier: "CORE", minNotionalUsd: value, maxLeverage: 20 }) },
    { tradable: () => ({ tier: "CORE", minNotionalUsd: 5, maxLeverage: value }) },
  ];
  for (let i = 0; i < 2_000; i++) {
    const surroundings = pick(of(NaN));
    const verdict = vet(entry({ grossUsd: LEAST_USD + roll() * 300 }), world(surroundings), LIMITS);
    assert.equal(verdict.kind, "vetoed", JSON.stringify(surroundings));
    assert.equal(verdict.kind === "vetoed" && verdict.maxNotionalUsd, 0);
  }
});

/** A world with a book, its tails and hedges; sometimes beyond a limit, mostly near one. */
function randomWorld(roll: Roll): World {
  const [pick, share] = [pickFrom(roll), shareFrom(roll)];
  const legs = Object.fromEntries(
    Array.from({ length: Math.floor(roll() * 7) }, (_, i) => [`X${i}USDT:LONG`, leg()]),
  );
  const netUsd = (roll() < 0.5 ? 1 : -1) * share(1_600);
  const sigma = 0.01 + roll() * 0.06;
  const bookSigmaUsd = share(600);
  const measured = roll() < 0.2 ? null : {
    variance: sigma * sigma,
    bookCovariance: (2 * roll() - 1) * sigma * bookSigmaUsd,
  };
  const unit = { var: sigma, shortfall: 0.02 + roll() * 0.3 };
  return world({
    account: accountView({
      dayLossFrac: share(0.11),
      rollingLossFrac: share(0.11),
      highLossFrac: share(0.32),
    }),
    grossUsd: share(16_000),
    symbolUsd: { [BTC]: Math.abs(netUsd) + share(400) },
    tierUsd: { CORE: share(3_200) },
    groupUsd: { L1_bluechips: share(3_700) },
    legs,
    strategyLegs: { s1: pick([0, 1, 2]) },
    tempo: tempo({
      lastFillMs: { [BTC]: T0 - HOUR * roll() },
      entriesMs: { [BTC]: times(roll, 12) },
      attemptsMs: times(roll, 16),
      errorsMs: times(roll, 10),
    }),
    tail: tailView({
      netUsd,
      measured,
      shortfall: roll() < 0.2 ? null : { long: unit, short: { ...unit, shortfall: 0.1 } },
    }, {
      variance: bookSigmaUsd ** 2,
      floorUsd: measured === null ? Math.abs(netUsd) * 0.08 + share(200) : share(200),
      shortCount: pick([0, 0, 0, 1]),
    }),
  });
}

/** Instants of the last hour, in order. */
function times(roll: Roll, most: number): readonly number[] {
  return Array.from({ length: Math.floor(roll() * most) }, () => T0 - HOUR * roll()).toSorted();
}

function randomEntry(roll: Roll): Entry {
  const side: Side = roll() < 0.5 ? "LONG" : "SHORT";
  const away = side === "LONG" ? levels() : levels({ slPx: 61_000, tpPx: 58_000 });
  return entry({ side, levels: away, grossUsd: LEAST_USD + roll() * (roll() < 0.5 ? 300 : 4_000) });
}

Deno.test("the room that a veto names passes, one per cent more does not, none means none", () => {
  const roll = dice(5);
  const rules = limits({
    tail: {
      var: { max_portfolio_var_nav_pct: 0.1 },
      cvar: { max_position_cvar_nav_pct: 0.02 },
    },
  });
  let [hadRoom, hadNone] = [0, 0];
  const firsts = new Set<string>();
  for (let i = 0; i < 8_000; i++) {
    const surroundings = randomWorld(roll);
    const wish = randomEntry(roll);
    const verdict = vet(wish, surroundings, rules);
    if (verdict.kind === "approved") continue;
    const { maxNotionalUsd, vetoes } = verdict;
    const at = (grossUsd: number) => vet({ ...wish, grossUsd }, surroundings, rules).kind;
    if (maxNotionalUsd === 0) {
      hadNone += 1;
      for (let usd = LEAST_USD; usd < 10_000; usd *= 1.5) assert.equal(at(usd), "vetoed");
      continue;
    }
    hadRoom += 1;
    firsts.add(vetoes[0].id);
    // A hedge may be too small to bring a book below its limit.
    const mayBeSmall = ["min_notional", "portfolio_var_limit", "position_cvar_limit"];
    assert.ok(maxNotionalUsd < wish.grossUsd || mayBeSmall.includes(vetoes[0].id));
    assert.equal(at(maxNotionalUsd), "approved");
    assert.equal(at(maxNotionalUsd * 1.01), "vetoed");
  }
  assert.ok(hadRoom > 1_000 && hadNone > 1_000, `${hadRoom} with room, ${hadNone} without`);
  for (const id of ["portfolio_var_limit", "position_cvar_limit", "correlation_cap"]) {
    assert.ok(firsts.has(id), `${id} was never the first with room left`);
  }
});

/** The shipped keys with every optional one present. */
const BASE: KeyTree = {
  ...withKey(riskLimits, "per_symbol.BTCUSDT", {
    ...riskLimits.per_symbol.BTCUSDT,
    max_open_qty: 3,
    block_sides: [],
    cooldown_sec: 60,
  }),
  risk_advanced: strategyConfig.risk_advanced,
};
const Keys = z.object({ ...limitsShape, risk_advanced: RiskAdvanced });

type Tighten = (value: number, by: number) => unknown;
const lower: Tighten = (value, by) => value * by;
const fewer: Tighten = (value, by) => Math.floor(value * by);
const higher: Tighten = (value, by) => value / Math.max(by, 0.01);
const longer: Tighten = (value, by) => Math.min(3_600, value / Math.max(by, 0.01));
const surer: Tighten = (value, by) => 0.9999 - (0.9999 - value) * by;

/** How each key is made tighter; `by` is between 0 and 1. */
const TIGHTER: Readonly<Record<string, Tighten>> = {
  "global.daily_loss_limit_pct": lower,
  "global.max_nav_drawdown_pct": (value, by) => Math.max(0.001, value * by),
  "global.max_trade_nav_pct": lower,
  "global.trade_equity_nav_pct": lower,
  "global.symbol_notional_share_cap_pct": lower,
  "global.max_gross_exposure_pct": lower,
  "global.max_concurrent_positions": fewer,
  "global.max_leverage": lower,
  "global.min_notional_usdt": higher,
  "global.max_trades_per_symbol_per_hour": fewer,
  "global.whitelist": () => ["ETHUSDT"],
  "global.burst_limit.max_orders": fewer,
  "global.burst_limit.window_sec": longer,
  "global.error_circuit.max_errors": fewer,
  "global.error_circuit.window_sec": longer,
  "global.tiers.CORE.max_tier_nav_pct": lower,
  "per_symbol.BTCUSDT.min_notional": higher,
  "per_symbol.BTCUSDT.max_order_notional": lower,
  "per_symbol.BTCUSDT.max_leverage": lower,
  "per_symbol.BTCUSDT.max_nav_pct": lower,
  "per_symbol.BTCUSDT.max_open_qty": lower,
  "per_symbol.BTCUSDT.block_sides": () => ["LONG"],
  "per_symbol.BTCUSDT.cooldown_sec": higher,
  "restricted_symbols": () => [BTC],
  "risk_advanced.on_short_history": () => "veto",
  "risk_advanced.var.confidence": surer,
  "risk_advanced.var.max_portfolio_var_nav_pct": lower,
  "risk_advanced.cvar.max_position_cvar_nav_pct": lower,
};

/** Keys whose effect lies before the gate: what they change is in the world already. */
const BEFORE_THE_GATE = [
  "global.drawdown_alert_pct",
  "global.cooldown_minutes_after_stop",
  "global.tiers.SATELLITE.max_tier_nav_pct",
  "global.tiers.TACTICAL.max_tier_nav_pct",
  "global.tiers.ALT-EXT.max_tier_nav_pct",
  "risk_advanced.default_daily_vol",
  "risk_advanced.var.enabled",
  "risk_advanced.var.lookback_bars",
  "risk_advanced.var.halflife_bars",
  "risk_advanced.var.timeframe",
  "risk_advanced.cvar.enabled",
  "risk_advanced.cvar.confidence",
  "risk_advanced.cvar.lookback_bars",
  "risk_advanced.cvar.timeframe",
];

function limitsOf({ risk_advanced, global, ...keys }: KeyTree): Limits {
  return limits({ keys, global: global as KeyTree, tail: risk_advanced as KeyTree });
}

Deno.test("every limit has a tighter value, or its effect lies before the gate", () => {
  const told = [...Object.keys(TIGHTER), ...BEFORE_THE_GATE].toSorted();
  assert.deepEqual(told, keysOf(Keys, BTC).toSorted());
});

for (const [path, tighten] of Object.entries(TIGHTER)) {
  Deno.test(`a tighter ${path} never turns a veto into a pass`, () => {
    const roll = dice(path.length * 31 + path.charCodeAt(path.length - 1));
    const loose = limitsOf(BASE);
    let turned = 0;
    for (let i = 0; i < 40; i++) {
      const tight = limitsOf(
        withKey(BASE, path, tighten(keyAt(BASE, path) as number, i % 4 === 0 ? 0 : roll())),
      );
      for (let j = 0; j < 25; j++) {
        const [wish, surroundings] = [randomEntry(roll), randomWorld(roll)];
        const before = vet(wish, surroundings, loose);
        const after = vet(wish, surroundings, tight);
        if (before.kind === "approved") {
          if (after.kind === "vetoed") turned += 1;
          continue;
        }
        assert.ok(after.kind === "vetoed");
        assert.ok(after.maxNotionalUsd <= before.maxNotionalUsd, "and never widens the room");
      }
    }
    assert.ok(turned > 0, "a tighter value has refused something");
  });
}
