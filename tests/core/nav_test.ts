/** NAV and its guards: age, anomaly hold, baselines, day. */
import assert from "node:assert/strict";
import { dayOf } from "../../core/calendar.ts";
import { EMPTY_NAV, readLevel, updateNav, viewAccount } from "../../core/nav.ts";
import type { Account } from "../../core/types.ts";
import { account, position, T0 } from "../fixtures.ts";
import {
  DAY,
  feed,
  HOUR,
  type NavReading,
  navRulesOf,
  NO_GUARD,
  RULES,
  SECOND,
} from "../fixtures_nav.ts";

Deno.test("NAV is fresh below the limit and stale from it on", () => {
  const { memory } = feed([{ navUsd: 10_000, atMs: T0 }]);
  for (
    const [ageMs, kind] of [[0, "fresh"], [89_999, "fresh"], [90_000, "stale"], [
      DAY,
      "stale",
    ]] as const
  ) {
    assert.deepEqual(viewAccount(memory, T0 + ageMs, RULES).nav, { kind, navUsd: 10_000, ageMs });
  }
  assert.equal(viewAccount(EMPTY_NAV, T0, RULES).nav.kind, "missing");
});

Deno.test("a reading that failed or cannot be priced changes nothing but the age", () => {
  const { memory } = feed([{ navUsd: 10_000, atMs: T0 }]);
  const values: Partial<Account>[] = [
    { walletQty: { USDT: NaN } },
    { walletQty: { USDT: 5, BNB: 1 } },
    { positions: [position({ unrealizedUsd: null })] },
    { positions: [position({ unrealizedUsd: Infinity })] },
  ];
  const explained = { tradedUsd: 0, transfersUsd: 0 };
  const fault = { code: "timeout", message: "no answer", retryable: true };
  const readings = [
    { kind: "failed", fault } as const,
    ...values.map((value) => ({ kind: "read", value: account(value) } as const)),
  ];
  for (const reading of readings) {
    const nowMs = T0 + 60 * SECOND;
    const [after, events] = updateNav(memory, { nowMs, account: reading, explained }, RULES);
    assert.equal(after, memory);
    assert.deepEqual(events, []);
    const { nav } = viewAccount(after, nowMs, RULES);
    assert.deepEqual(nav, { kind: "fresh", navUsd: 10_000, ageMs: 60 * SECOND });
  }
});

Deno.test("wallet at par plus unrealised profit is NAV; an empty foreign asset does not matter", () => {
  const level = readLevel(account({
    walletQty: { USDT: 100, USDC: 50, BNB: 0 },
    positions: [position({ unrealizedUsd: -30 }), position({ side: "SHORT", unrealizedUsd: 5 })],
  }));
  assert.deepEqual(level, { navUsd: 125, walletUsd: 150, unrealizedUsd: -25, atMs: T0 });
});

Deno.test("a reading from the future is not believed", () => {
  const explained = { tradedUsd: 0, transfersUsd: 0 };
  const read = (aheadMs: number) =>
    updateNav(EMPTY_NAV, {
      nowMs: T0,
      account: { kind: "read", value: account({ atMs: T0 + aheadMs }) },
      explained,
    }, RULES)[0];
  assert.equal(read(5 * SECOND + 1).level, null);
  assert.notEqual(read(5 * SECOND).level, null);
  assert.deepEqual(viewAccount(read(5 * SECOND), T0, RULES).nav, {
    kind: "fresh",
    navUsd: 10_000,
    ageMs: 0,
  });
});

const START: NavReading = { navUsd: 10_000, atMs: T0 };
const JUMP_UP = 40_000;
const JUMP_DOWN = 2_000;

Deno.test("an unexplained jump is held out of every figure", () => {
  for (const navUsd of [JUMP_UP, JUMP_DOWN, 0, -5]) {
    const { memory, fired } = feed([START, { navUsd, atMs: T0 + 10 * SECOND }]);
    assert.deepEqual(fired, ["new_day", "nav_anomaly"], String(navUsd));
    const view = viewAccount(memory, T0 + 10 * SECOND, RULES);
    assert.equal(view.nav.kind === "missing" ? null : view.nav.navUsd, 10_000);
    assert.deepEqual([view.ddFrac, view.dayLossFrac, view.rollingLossFrac], [0, 0, 0]);
    assert.equal(view.anomaly?.navUsd, navUsd);
    assert.equal(view.anomaly?.previousUsd, 10_000);
  }
});

Deno.test("what the engine can explain is no jump", () => {
  const { fired } = feed([START, { navUsd: 40_000, atMs: T0 + SECOND, explainedUsd: 29_500 }]);
  assert.deepEqual(fired, ["new_day"]);
  const { memory } = feed([START, { navUsd: 10_000, atMs: T0 + SECOND, explainedUsd: 29_500 }]);
  assert.notEqual(memory.pending, null, "an explained gain that did not arrive is a jump as well");
});

Deno.test("a held level that goes back is forgotten", () => {
  const { memory } = feed([
    START,
    { navUsd: JUMP_UP, atMs: T0 + 10 * SECOND },
    { navUsd: 10_010, atMs: T0 + 20 * SECOND },
  ]);
  assert.equal(memory.pending, null);
  assert.equal(memory.level?.navUsd, 10_010);
  assert.equal(memory.peakUsd, 10_010);
});

Deno.test("three agreeing readings, ten seconds apart, accept an upward level as an inflow", () => {
  const before = feed([{ navUsd: 12_000, atMs: T0 - SECOND }, { navUsd: 10_000, atMs: T0 }]).memory;
  const { memory, fired } = feed([
    { navUsd: JUMP_UP, atMs: T0 + 10 * SECOND },
    { navUsd: JUMP_UP, atMs: T0 + 15 * SECOND },
    { navUsd: JUMP_UP * 1.04, atMs: T0 + 20 * SECOND },
    { navUsd: JUMP_UP, atMs: T0 + 30 * SECOND },
  ], { from: before });
  assert.deepEqual(fired, ["nav_anomaly", "nav_level_accepted"]);
  assert.equal(memory.pending, null);
  assert.equal(memory.level?.navUsd, JUMP_UP);
  assert.equal(memory.peakUsd, 42_000, "the drawdown of 2,000 is kept");
});

Deno.test("a downward level is accepted as a loss, and the guards see it", () => {
  const { memory, fired } = feed([
    START,
    ...[10, 20, 30].map((s) => ({ navUsd: JUMP_DOWN, atMs: T0 + s * SECOND })),
  ]);
  assert.deepEqual(fired.slice(1), ["nav_anomaly", "nav_level_accepted", "circuit_tripped"]);
  const view = viewAccount(memory, T0 + 30 * SECOND, RULES);
  assert.deepEqual([view.ddFrac, view.dayLossFrac, view.rollingLossFrac], [0.8, 0.8, 0.8]);
});

Deno.test("readings that disagree, or lie too close together, prove nothing", () => {
  const jumps = (atS: readonly number[], levels: readonly number[]) =>
    feed([START, ...atS.map((s, i) => ({ navUsd: levels[i]!, atMs: T0 + s * SECOND }))]).memory;
  const close = jumps([10, 11, 12, 13, 19], [40_000, 40_000, 40_000, 40_000, 40_000]);
  assert.equal(close.pending?.count, 1);
  const restless = jumps([10, 20, 30, 40], [40_000, 45_000, 40_000, 45_000]);
  assert.equal(restless.pending?.count, 1);
  assert.equal(restless.level?.navUsd, 10_000);
  const gone = jumps([10, 20, 30, 40], [-100, -100, -100, -100]);
  assert.equal(gone.level?.navUsd, 10_000, "a level that is not positive is never accepted");
});

Deno.test("a transfer is neither profit nor loss", () => {
  const before = feed([{ navUsd: 10_000, atMs: T0 }, { navUsd: 9_500, atMs: T0 + SECOND }]).memory;
  for (const movedUsd of [3_000, -3_000]) {
    const reading = {
      navUsd: 9_500 + movedUsd,
      atMs: T0 + 2 * SECOND,
      transfersUsd: movedUsd,
    };
    const { memory, fired } = feed([reading], { from: before });
    assert.deepEqual(fired, ["transfer"]);
    assert.equal(memory.peakUsd, 10_000 + movedUsd);
    assert.equal(memory.dayPeakUsd, 10_000 + movedUsd);
    assert.equal(memory.dayStartUsd, 10_000 + movedUsd);
    assert.deepEqual(Object.values(memory.hourly), [10_000 + movedUsd]);
    assert.equal(memory.circuit, null);
  }
});

Deno.test("money that is shown before it is told of moves the baselines once", () => {
  const loss = [{ navUsd: 10_000, atMs: T0 }, { navUsd: 9_800, atMs: T0 + SECOND }];
  for (const movedUsd of [3_000, -3_000]) {
    const before = feed(loss).memory;
    const shown = { navUsd: 9_800 + movedUsd, atMs: T0 + 2 * SECOND };
    const told = {
      ...shown,
      atMs: T0 + 3 * SECOND,
      transfersUsd: movedUsd,
    };
    const early = feed([shown], { from: before });
    assert.equal(early.memory.circuit === null, movedUsd > 0, "until then it is a loss like any");
    const { memory, fired } = feed([told], { from: early.memory });
    assert.deepEqual(fired[0], "transfer");
    const { level: _level, early: _early, ...late } = feed([told], { from: before }).memory;
    const { level, early: none, ...now } = memory;
    assert.deepEqual(now, late, "as if it had been told of before it was shown");
    assert.deepEqual([level!.navUsd, none], [9_800 + movedUsd, null]);
    const more = { ...told, navUsd: 9_800 + 2 * movedUsd, atMs: T0 + 4 * SECOND };
    const again = feed([more], { from: memory }).memory;
    assert.equal(again.peakUsd, 10_000 + 2 * movedUsd, "the next one is another one");
  }
});

Deno.test("a step is money only when money of about that size is told of soon after", () => {
  const peakAfter = (movedUsd: number, afterMs: number, navUsd: number) =>
    feed([
      { navUsd: 10_000, atMs: T0 },
      { navUsd: 11_000, atMs: T0 + SECOND },
      { navUsd, atMs: T0 + SECOND + afterMs, transfersUsd: movedUsd },
    ]).memory.dayPeakUsd;
  assert.equal(peakAfter(1_000, SECOND, 11_000), 11_000, "the money was the step");
  assert.equal(peakAfter(950, SECOND, 11_000), 11_000, "and the market moved a little");
  assert.equal(peakAfter(500, SECOND, 11_500), 11_500, "another amount: a gain, and then money");
  assert.equal(peakAfter(-1_000, SECOND, 10_000), 10_000, "the other way: a gain, and then money");
  assert.equal(peakAfter(1_000, 61 * SECOND, 12_000), 12_000, "too late: a gain, and then money");
});

Deno.test("money that is told of before it is shown moves nothing until a reading shows it", () => {
  for (const movedUsd of [3_000, -3_000, 30_000]) {
    const before =
      feed([{ navUsd: 10_000, atMs: T0 }, { navUsd: 9_800, atMs: T0 + SECOND }]).memory;
    const told = { navUsd: 9_800, atMs: T0 + 2 * SECOND, transfersUsd: movedUsd };
    const waiting = feed([told], { from: before });
    assert.deepEqual(waiting.fired, [], "neither a loss nor money yet");
    assert.equal(waiting.memory.peakUsd, 10_000);
    const shown = [3, 4, 70].map((s) => ({ navUsd: 9_800 + movedUsd, atMs: T0 + s * SECOND }));
    const { memory, fired } = feed(shown, { from: waiting.memory });
    assert.deepEqual(fired, ["transfer"], `${movedUsd}`);
    assert.deepEqual([memory.circuit, memory.latch, memory.awaited], [null, null, []]);
    const { peakUsd, highUsd, dayPeakUsd, dayStartUsd, hourly } = memory;
    for (const usd of [peakUsd, highUsd, dayPeakUsd, dayStartUsd, ...Object.values(hourly)]) {
      assert.equal(usd, 10_000 + movedUsd);
    }
  }
});

Deno.test("what is waited for is shown by a step its way, in any order, or moves after a minute", () => {
  const after = (
    moves: readonly number[],
    steps: readonly (readonly [s: number, navUsd: number])[],
  ) =>
    feed([
      { navUsd: 10_000, atMs: T0 },
      ...moves.map((transfersUsd, i) => ({ navUsd: 10_000, atMs: T0 + 1 + i, transfersUsd })),
      ...steps.map(([s, navUsd]) => ({ navUsd, atMs: T0 + s * SECOND })),
    ]).memory;
  const one = after([3_000, 1_000], [[1, 11_000]]);
  assert.deepEqual([one.peakUsd, one.awaited.map(({ usd }) => usd)], [11_000, [3_000]]);
  const both = after([3_000, 1_000], [[1, 14_000]]);
  assert.deepEqual([both.peakUsd, both.awaited], [14_000, []]);
  const moving = after([3_000], [[1, 13_100]]);
  assert.deepEqual([moving.peakUsd, moving.awaited], [13_100, []], "the market moved meanwhile");
  const loss = after([3_000], [[1, 9_900]]);
  assert.deepEqual([loss.peakUsd, loss.awaited.length], [10_000, 1], "a loss shows no deposit");
  const never = after([-500], [[59, 10_000], [61, 10_000]]);
  assert.deepEqual([never.peakUsd, never.awaited], [10_000, []]);
  assert.equal(after([-500], [[59, 10_000]]).awaited.length, 1);
});

Deno.test("the day rolls at midnight of the configured zone", () => {
  const berlin = navRulesOf({ reset_timezone: "Europe/Berlin" });
  const midnight = Date.UTC(2026, 0, 4, 23);
  assert.equal(dayOf(midnight - 1, "Europe/Berlin"), "2026-01-04");
  assert.equal(dayOf(midnight, "Europe/Berlin"), "2026-01-05");
  assert.equal(dayOf(midnight, "UTC"), "2026-01-04");
  const { memory, fired } = feed([
    { navUsd: 10_000, atMs: midnight - 2 * SECOND },
    { navUsd: 9_800, atMs: midnight - SECOND },
    { navUsd: 9_700, atMs: midnight },
  ], { rules: berlin });
  assert.deepEqual(fired, ["new_day", "new_day"]);
  assert.deepEqual([memory.dayStartUsd, memory.dayStartMs], [9_700, midnight]);
  assert.equal(viewAccount(memory, midnight, berlin).dayLossFrac, 0);
  assert.throws(() => navRulesOf({ reset_timezone: "Europe/Berlln" }));
});

Deno.test("a late answer changes nothing: it neither turns the day back nor renews the age", () => {
  const { memory } = feed([{ navUsd: 10_000, atMs: T0 }]);
  const late = feed([{ navUsd: 9_000, atMs: T0 - SECOND }], { from: memory });
  assert.deepEqual(late.memory, memory);
  assert.deepEqual(late.fired, []);
});

Deno.test("midnight does not make the loss of 24 hours forgotten", () => {
  const evening = T0 + 23 * HOUR;
  const { memory } = feed([
    { navUsd: 10_000, atMs: evening },
    { navUsd: 9_600, atMs: T0 + DAY + HOUR },
  ], { rules: NO_GUARD });
  const at = (ms: number) => viewAccount(memory, ms, NO_GUARD);
  assert.equal(at(T0 + DAY + HOUR).dayLossFrac, 0);
  assert.equal(at(T0 + DAY + HOUR).rollingLossFrac, 0.04);
  assert.equal(at(evening + DAY).rollingLossFrac, 0.04);
  assert.equal(at(evening + DAY + HOUR).rollingLossFrac, 0);
});

Deno.test("a peak never decays by age", () => {
  const { memory } = feed([START, { navUsd: 9_900, atMs: T0 + 400 * DAY }], { rules: NO_GUARD });
  assert.equal(memory.peakUsd, 10_000);
  assert.equal(memory.peakMs, T0);
});

Deno.test("losses are fractions between nothing and everything", () => {
  const { memory } = feed([START, { navUsd: -500, atMs: T0 + SECOND }], { rules: NO_GUARD });
  const view = viewAccount(memory, T0 + SECOND, NO_GUARD);
  assert.deepEqual([view.ddFrac, view.dayLossFrac, view.rollingLossFrac], [1, 1, 1]);
});
