/** Risk modes, regimes and what they leave of a size; the circuits and how each opens again. */
import assert from "node:assert/strict";
import {
  drawdownRegime,
  rangeBucket,
  rangeRegime,
  sizeFactor,
  volRegime,
  volRegimeOf,
} from "../../core/regimes.ts";
import type { World } from "../../core/risk/check.ts";
import { circuitsOf } from "../../core/risk/circuits.ts";
import { MODE_SIZE_FRAC, type ModeInputs, riskMode } from "../../core/risk/mode.ts";
import { sizeEntry, sizingNavUsd } from "../../core/sizing.ts";
import { T0 } from "../fixtures.ts";
import { HOUR, navRulesOf } from "../fixtures_nav.ts";
import { accountView, limits, tempo, world } from "../fixtures_risk.ts";

const LIMITS = limits();
const ANOMALY = { navUsd: 1, previousUsd: 2, count: 1, sinceMs: T0, lastMs: T0 };
const CIRCUIT = { sinceMs: T0, ddFrac: 0.1, needsAck: false };

function modeOf(
  account: Parameters<typeof accountView>[0],
  changes: Partial<ModeInputs> = {},
) {
  const inputs = {
    account: accountView(account),
    positionsKnown: true,
    badPositionsCount: 0,
    routerWarning: null,
  };
  return riskMode({ ...inputs, ...changes }, LIMITS);
}

Deno.test("each mode has its reason in words, and what cannot be evaluated is HALTED", () => {
  const weak = { routerWarning: "router_degraded_symbols=2" };
  const cases: readonly (readonly [ReturnType<typeof modeOf>, string, RegExp])[] = [
    [modeOf({}), "OK", /^all_systems_healthy$/],
    [modeOf({ ddFrac: 0.0299 }), "OK", /healthy/],
    [modeOf({ ddFrac: 0.03 }), "WARN", /^drawdown_alert_dd_frac=0.0300$/],
    [modeOf({ anomaly: ANOMALY }), "WARN", /^nav_anomaly_pending$/],
    [modeOf({ flapping: true }), "WARN", /^drawdown_state_flapping$/],
    [modeOf({}, weak), "WARN", /^router_degraded_symbols=2$/],
    [modeOf({ dayLossFrac: 0.1 }), "DEFENSIVE", /^daily_loss_high_frac=0.1000$/],
    [modeOf({ rollingLossFrac: 0.1 }), "DEFENSIVE", /^rolling_24h_loss_high_frac=0.1000$/],
    [modeOf({ circuit: CIRCUIT, ddFrac: 0.05 }), "DEFENSIVE", /^circuit_breaker_active_dd/],
    [modeOf({ highLossFrac: 0.3 }), "DEFENSIVE", /^drawdown_high_dd_frac=0.3000$/],
    [modeOf({ nav: { kind: "stale", navUsd: 1, ageMs: 90_000 } }), "HALTED", /^nav_stale_age=90s$/],
    [modeOf({ nav: { kind: "missing" } }), "HALTED", /^nav_missing$/],
    [modeOf({ nav: { kind: "fresh", navUsd: 0, ageMs: 0 } }), "HALTED", /^nav_nonpositive$/],
    [modeOf({ ddFrac: null }), "HALTED", /^drawdown_unknown$/],
    [modeOf({ dayLossFrac: null }), "HALTED", /^drawdown_unknown$/],
    [modeOf({}, { positionsKnown: false }), "HALTED", /^positions_unknown$/],
    [modeOf({}, { badPositionsCount: 1 }), "HALTED", /^bad_positions=1$/],
  ];
  for (const [{ mode, reason, score }, expected, words] of cases) {
    assert.equal(mode, expected, reason);
    assert.match(reason, words);
    const [least, most] =
      { OK: [0, 0], WARN: [0.25, 0.5], DEFENSIVE: [0.5, 1], HALTED: [1, 1] }[mode];
    assert.ok(score >= least! && score <= most!, `${mode} with a score of ${score}`);
  }
});

Deno.test("the score grows with the loss", () => {
  const scores = [0.03, 0.05, 0.08, 0.0999].map((ddFrac) => modeOf({ ddFrac }).score);
  assert.deepEqual(scores, scores.toSorted((a, b) => a - b));
  assert.ok(scores.at(-1)! > scores[0]!);
});

Deno.test("regimes begin where their tables say, and what is no number has none", () => {
  assert.deepEqual([0, 0.0499, 0.05, 0.15, 0.3, 1].map(drawdownRegime), [0, 0, 1, 2, 3, 3]);
  assert.deepEqual([NaN, null, "0.1", undefined].map(drawdownRegime), [null, null, null, null]);
  assert.deepEqual([0, 0.0015, 0.001501, 0.0025, 0.004, 0.0041].map(rangeBucket), [
    0,
    0,
    1,
    1,
    2,
    3,
  ]);
  assert.deepEqual([-1, NaN, null].map(rangeBucket), [null, null, null]);
  assert.deepEqual([0.49, 0.5, 1.5, 2.5].map(rangeRegime), ["quiet", "normal", "hot", "panic"]);
  assert.deepEqual([NaN, -1, null].map(rangeRegime), ["unknown", "unknown", "unknown"]);
  assert.equal(volRegime(3, 2).label, "high");
  assert.equal(volRegime(3, 0).label, "normal");
});

Deno.test("a volatility regime wants more bars than its long window", () => {
  const closes = (bars: number) =>
    Array.from({ length: bars }, (_, i) => 100 * (1 + (i > bars - 60 ? 0.03 : 0.002) * (i % 2)));
  assert.deepEqual(volRegimeOf(closes(720)), volRegime(0, 0));
  assert.equal(volRegimeOf(closes(1_000)).label, "crisis");
});

Deno.test("sizes are shrunk once, never raised, and by what is unknown most", () => {
  const of = (range: number | null, drawdown: number | null, modeFrac = 1) =>
    sizeFactor({ range, drawdown, modeFrac });
  assert.equal(of(0, 0), 1);
  assert.equal(of(2, 1), 0.7 * 0.8);
  assert.equal(of(null, 0), 0.5);
  assert.equal(of(0, null), 0);
  assert.equal(of(0, 3), 0);
  assert.equal(of(9, 0), 0.5, "an index outside its table is unknown");
  assert.equal(of(0, 0, 7), 1);
  for (const shrinkFrac of Object.values(MODE_SIZE_FRAC)) {
    assert.equal(sizeEntry({ navUsd: 10_000, sizeFrac: 0.015, shrinkFrac }), 150 * shrinkFrac);
  }
  assert.equal(sizeEntry({ navUsd: -10_000, sizeFrac: 0.015, shrinkFrac: 1 }), 0);
});

Deno.test("gains that are not realised make no entry larger, losses always make it smaller", () => {
  const of = (unrealizedUsd: number, countsGains: boolean) =>
    sizingNavUsd({ walletUsd: 10_000, navUsd: 10_000 + unrealizedUsd }, { countsGains });
  assert.deepEqual([of(500, false), of(500, true)], [10_000, 10_500]);
  assert.deepEqual([of(-500, false), of(-500, true)], [9_500, 9_500]);
});

function circuitsIn(surroundings: Partial<World>) {
  const list = circuitsOf(world(surroundings), LIMITS, navRulesOf({}, { drawdownFrac: 0.3 }));
  return Object.fromEntries(list.map((circuit) => [circuit.id, circuit]));
}

Deno.test("a calm world has every circuit armed and none active", () => {
  const circuits = circuitsIn({});
  assert.deepEqual(Object.keys(circuits), [
    "portfolio_dd_circuit",
    "nav_drawdown_limit",
    "day_loss_limit",
    "rolling_loss_limit",
    "nav_anomaly",
    "circuit_breaker",
  ]);
  for (const { id, active } of Object.values(circuits)) assert.equal(active, false, id);
});

Deno.test("an active circuit says what it saw and what opens it again", () => {
  const sinceMs = T0 - HOUR;
  const own = circuitsIn({
    account: accountView({
      circuit: { ...CIRCUIT, sinceMs },
      latch: { sinceMs, ddFrac: 0.3 },
      ddFrac: 0.1,
      highLossFrac: 0.3,
      dayLossFrac: 0.12,
      rollingLossFrac: 0.13,
      anomaly: ANOMALY,
    }),
    tempo: tempo({ errorsMs: Array.from({ length: 9 }, (_, i) => T0 - 9_000 + i * 1_000) }),
  });
  for (const { id, active } of Object.values(own)) assert.equal(active, true, id);
  assert.deepEqual(own["portfolio_dd_circuit"]!.resume, { kind: "at", atMs: sinceMs + 24 * HOUR });
  assert.deepEqual(own["nav_drawdown_limit"]!.resume, { kind: "ack", what: "nav_drawdown_limit" });
  assert.deepEqual(own["day_loss_limit"]!.resume, { kind: "next_day", zone: "UTC" });
  assert.deepEqual(own["rolling_loss_limit"]!.resume, { kind: "recovers" });
  assert.deepEqual(own["circuit_breaker"]!.resume, { kind: "at", atMs: T0 - 8_000 + 300_000 });
  assert.deepEqual([own["day_loss_limit"]!.observed, own["day_loss_limit"]!.limit], [0.12, 0.1]);
  const again = circuitsIn({
    account: accountView({ circuit: { ...CIRCUIT, needsAck: true } }),
  });
  assert.deepEqual(again["portfolio_dd_circuit"]!.resume, {
    kind: "ack",
    what: "portfolio_dd_circuit",
  });
});

Deno.test("a loss nobody knows has its circuit active", () => {
  const unknown = { ddFrac: null, highLossFrac: null, dayLossFrac: null, rollingLossFrac: null };
  const circuits = circuitsIn({ account: accountView(unknown) });
  const active = Object.values(circuits).filter((circuit) => circuit.active).map(({ id }) => id);
  assert.deepEqual(active, [
    "portfolio_dd_circuit",
    "nav_drawdown_limit",
    "day_loss_limit",
    "rolling_loss_limit",
  ]);
});
