/** What the operator is told: each item appears when it is true and only then. */
import assert from "node:assert/strict";
import { attentionOf } from "../../core/attention.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Mark } from "../../core/types.ts";
import { freeze, guard, holding, levels, newOrder, order, route, T0 } from "../fixtures.ts";
import { observation as seen, rules } from "../fixtures_run.ts";

const SECOND = 1_000;
const HOUR = 3_600_000;
const KEY = "BTCUSDT:LONG";
const RULES = rules();
const AROUND = { past: new Past({ baseMs: 60_000, framesMs: [], rules: RULES }), rules: RULES };

const LEVEL = { navUsd: 10_000, walletUsd: 10_000, unrealizedUsd: 0, atMs: T0 };
const BLANK = blankMemory("test00", T0);
/** NAV of ten thousand dollars at its highest; nothing is held. */
const CALM: Memory = freeze({
  ...BLANK,
  pulse: { ...BLANK.pulse, phase: "run", accountOk: true, accountMs: T0 },
  nav: {
    ...BLANK.nav,
    level: LEVEL,
    peakUsd: 10_000,
    highUsd: 10_000,
    dayPeakUsd: 10_000,
    hourly: { [String(T0)]: 10_000 },
  },
});
/** One protected leg of 300 dollars. */
const COVERED: Memory = freeze({
  ...CALM,
  holdings: { [KEY]: holding() },
  registry: { [KEY]: guard({ stop: { clientId: "s-1", stopTicks: 590_000 } }) },
  orders: { "s-1": order({ ...newOrder({ kind: "stop_market" }), clientId: "s-1" }) },
});

function told(at: Memory, { px = 60_000, around = AROUND } = {}): string[] {
  return attentionOf(at, { ...around, market: seen({ px }).market })
    .map(({ id, level }) => `${level} ${id}`);
}
const withNav = (changes: Partial<Memory["nav"]>): Memory => ({
  ...CALM,
  nav: { ...CALM.nav, ...changes },
});
const at = (navUsd: number) => withNav({ level: { ...LEVEL, navUsd } });

Deno.test("a calm account needs no attention, a protected leg neither", () => {
  assert.deepEqual(told(CALM), []);
  assert.deepEqual(told(COVERED), []);
});

Deno.test("losses are near from 0.70 of their limit, and hit at it", () => {
  assert.deepEqual(told(at(9_701)), []);
  assert.deepEqual(told(at(9_700)), ["warn drawdown_near"]);
  assert.deepEqual(told(at(9_300)), [
    "warn drawdown_near",
    "warn daily_loss_near",
    "warn rolling_loss_near",
  ]);
  assert.deepEqual(told(at(9_000)), [
    "warn drawdown_near",
    "critical daily_loss_hit",
    "critical rolling_loss_hit",
  ]);
});

Deno.test("what is latched is told, with what opens it again", () => {
  const circuit = { sinceMs: T0, ddFrac: 0.1, needsAck: false };
  const opensAt = (changes: Partial<Memory["nav"]>) =>
    attentionOf(withNav(changes), { ...AROUND, market: seen().market })[0]!.args[2];
  assert.deepEqual(told(withNav({ circuit })), ["critical circuit_tripped"]);
  assert.equal(opensAt({ circuit }), T0 + 24 * HOUR);
  assert.equal(opensAt({ circuit: { ...circuit, needsAck: true } }), null);
  assert.deepEqual(told(withNav({ latch: circuit })), ["critical drawdown_latched"]);
  assert.deepEqual(told(withNav({ rebasedMs: T0 - 23 * HOUR })), ["info circuit_rebased"]);
  assert.deepEqual(told(withNav({ rebasedMs: T0 - 24 * HOUR })), []);
  const flips = [1, 2, 3, 4].map((s) => T0 - s * SECOND);
  assert.deepEqual(told(withNav({ flipsMs: flips })), ["warn dd_flap"]);
  const errorsMs = Array.from({ length: 8 }, () => T0);
  const failing = { ...CALM, tempo: { ...CALM.tempo, errorsMs } };
  assert.deepEqual(told(failing), ["critical venue_failing"]);
});

Deno.test("a book beyond its tail limits is told, though nothing new is asked for", () => {
  const limits = (frac: number) => {
    const by = rules({
      changes: {
        "strategy_config.json": {
          strategies: [],
          risk_advanced: {
            var: { max_portfolio_var_nav_pct: frac },
            cvar: { max_position_cvar_nav_pct: frac },
          },
        },
      },
    });
    return { past: new Past({ baseMs: 60_000, framesMs: [], rules: by }), rules: by };
  };
  // 300 dollars without a history: 8 % a day, 2.33 sigmas of it at risk, 2.06 in the tail.
  assert.deepEqual(told(COVERED, { around: limits(0.005_6) }), []);
  assert.deepEqual(told(COVERED, { around: limits(0.005_2) }), ["critical var_breach"]);
  assert.deepEqual(told(COVERED, { around: limits(0.004) }), [
    "critical var_breach",
    "critical cvar_breach",
  ]);
});

Deno.test("a mode is told where nothing else is its reason", () => {
  const unknown = withNav({ dayPeakUsd: null });
  assert.deepEqual(told(unknown), ["critical risk_halted"]);
  const routerHealth = { warning: "high_fallback_ratio=0.97", streak: 0 };
  assert.deepEqual(told({ ...CALM, routerHealth }).filter((item) => item.includes("risk_")), [
    "warn risk_warn",
  ]);
  assert.deepEqual(told(at(9_700)), ["warn drawdown_near"], "its reason is an item already");
});

Deno.test("a close that does not get through is told, and louder with every refusal", () => {
  const exit = { routeId: "r:x", reason: "tp", firstMs: T0 } as const;
  const closing = (changes: Parameters<typeof route>[0]) =>
    told({
      ...COVERED,
      registry: { [KEY]: { ...COVERED.registry[KEY]!, exit } },
      routes: { "r:x": route({ id: "r:x", effect: "close", exitReason: "tp", ...changes }) },
    }).filter((item) => item.includes("exit_"));
  const strike = { kind: "strike", notBeforeMs: T0, isBanded: false } as const;
  assert.deepEqual(closing({}), [], "a patient close is no news");
  assert.deepEqual(closing({ urgent: true, step: strike }), [], "a stop that strikes neither");
  assert.deepEqual(closing({ step: strike }), [`warn exit_forced:${KEY}`]);
  assert.deepEqual(closing({ urgent: true, failures: 1, step: strike }), [
    `warn exit_forced:${KEY}`,
  ]);
  assert.deepEqual(closing({ urgent: true, failures: 3, step: strike }), [
    `critical exit_forced:${KEY}`,
  ]);
});

Deno.test("the operator's latches and what cannot be read are told", () => {
  const paused = { state: "PAUSED", sinceMs: T0, by: "engine_fault", reason: "x" } as const;
  const { pulse } = CALM;
  assert.deepEqual(told({ ...CALM, operator: paused }), ["critical engine_fault"]);
  assert.deepEqual(told({ ...CALM, operator: { ...paused, by: "me" } }), ["warn entries_paused"]);
  assert.deepEqual(told({ ...CALM, operator: { ...paused, state: "KILLED" } }), [
    "critical killed",
  ]);
  assert.deepEqual(told({ ...CALM, pulse: { ...pulse, accountOk: false } }), [
    "critical positions_unknown",
  ]);
  assert.deepEqual(told(withNav({ level: null })), ["critical nav_stale"]);
  const pending = { navUsd: 5_000, previousUsd: 10_000, count: 1, sinceMs: T0, lastMs: T0 };
  assert.deepEqual(told(withNav({ pending })), ["warn nav_jump"]);
});

Deno.test("a memory that had to be brought back is told for a day", () => {
  const DAY = 24 * HOUR;
  for (const from of ["previous", "journal"] as const) {
    const at = (ageMs: number) => ({ ...CALM, restored: { from, atMs: T0 - ageMs } });
    assert.deepEqual(told(at(0)), ["critical state_corrupt"]);
    assert.deepEqual(told(at(DAY - 1)), ["critical state_corrupt"]);
    assert.deepEqual(told(at(DAY)), []);
  }
});

Deno.test("a leg is told when its protection or its price is missing", () => {
  assert.deepEqual(told(COVERED, { px: 62_000 }), [`critical exit_due:${KEY}`]);
  assert.deepEqual(told({ ...COVERED, orders: {} }), [`critical stop_not_resting:${KEY}`]);
  assert.deepEqual(told({ ...COVERED, registry: {} }), [`critical pos_unprotected:${KEY}`]);
  const bare = { [KEY]: guard({ levels: levels({ slPx: null }) }) };
  assert.deepEqual(told({ ...COVERED, registry: bare }), [`critical pos_unprotected:${KEY}`]);

  const priced = (mark: Mark | null) =>
    attentionOf(COVERED, { ...AROUND, market: { ...seen().market, mark: () => mark } })
      .map(({ id, level }) => `${level} ${id}`);
  assert.deepEqual(priced({ px: 60_000, atMs: T0 - 5 * SECOND }), []);
  assert.deepEqual(priced({ px: 60_000, atMs: T0 - 6 * SECOND }), [`warn price_missing:${KEY}`]);
  assert.deepEqual(priced({ px: 60_000, atMs: T0 - 61 * SECOND }), [
    `critical price_missing:${KEY}`,
  ]);
  assert.deepEqual(priced(null), [`critical price_missing:${KEY}`]);
  const unlisted = attentionOf(COVERED, {
    ...AROUND,
    market: { ...seen().market, market: () => null },
  });
  assert.deepEqual(unlisted.map(({ id }) => id), [`symbol_unlisted:${KEY}`]);
});
