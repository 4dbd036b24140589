/** Drawdown: its states, the circuit that opens by rule, the limit that only a human lifts. */
import assert from "node:assert/strict";
import { ACKNOWLEDGEABLE, drawdownState, isFlapping, release } from "../../core/drawdown.ts";
import { type NavMemory, viewAccount } from "../../core/nav.ts";
import { T0 } from "../fixtures.ts";
import { DAY, feed, HOUR, navRulesOf, NO_GUARD, SECOND } from "../fixtures_nav.ts";

const START = { navUsd: 10_000, atMs: T0 };
const LATCHING = navRulesOf({ nav_anomalies: { enabled: false } }, { drawdownFrac: 0.3 });

Deno.test("drawdown: NORMAL until the limit, then DRAWDOWN, RECOVERY until a quarter of it", () => {
  const rules = { circuitFrac: 0.1, recoveryExitFrac: 0.25 };
  for (
    const [state, ddFrac, next] of [
      ["NORMAL", 0.0999, "NORMAL"],
      ["NORMAL", 0.1, "DRAWDOWN"],
      ["DRAWDOWN", 0.1, "DRAWDOWN"],
      ["DRAWDOWN", 0.0999, "RECOVERY"],
      ["RECOVERY", 0.0251, "RECOVERY"],
      ["RECOVERY", 0.025, "NORMAL"],
      ["RECOVERY", 0.2, "DRAWDOWN"],
    ] as const
  ) assert.equal(drawdownState(state, ddFrac, rules), next, `${state} at ${ddFrac}`);
});

Deno.test("the circuit trips at its limit and no bounce of the price opens it", () => {
  const just = feed([START, { navUsd: 9_000.01, atMs: T0 + SECOND }], { rules: NO_GUARD });
  assert.equal(just.memory.circuit, null);
  const { memory, fired } = feed([
    START,
    { navUsd: 9_000, atMs: T0 + SECOND },
    { navUsd: 10_500, atMs: T0 + HOUR },
  ], { rules: NO_GUARD });
  assert.deepEqual(fired, ["new_day", "circuit_tripped"]);
  assert.deepEqual(memory.circuit, { sinceMs: T0 + SECOND, ddFrac: 0.1, needsAck: false });
});

/** A circuit that tripped, cooled off and was re-based at 8,800 dollars. */
const REBASED_MS = T0 + DAY + SECOND;
const rebased = () =>
  feed([
    START,
    { navUsd: 9_000, atMs: T0 + SECOND },
    { navUsd: 8_900, atMs: T0 + DAY },
    { navUsd: 8_800, atMs: REBASED_MS },
  ], { rules: NO_GUARD });

Deno.test("after the cool-off the peak begins anew at NAV, and that is told", () => {
  const { memory, fired } = rebased();
  assert.deepEqual(fired.slice(-1), ["circuit_rebased"]);
  assert.equal(memory.circuit, null);
  assert.equal(memory.peakUsd, 8_800);
  assert.equal(memory.highUsd, 10_000, "the highest NAV ever is not forgotten");
  assert.equal(viewAccount(memory, REBASED_MS, NO_GUARD).ddFrac, 0);
});

Deno.test("a circuit that trips again within seven days opens by a human only", () => {
  const trip = (afterMs: number) =>
    feed([
      { navUsd: 7_900, atMs: REBASED_MS + afterMs },
      { navUsd: 7_900, atMs: REBASED_MS + afterMs + 30 * DAY },
    ], { rules: NO_GUARD, from: rebased().memory }).memory;
  assert.equal(trip(7 * DAY - 1).circuit?.needsAck, true);
  assert.equal(trip(7 * DAY).circuit, null, "later it may open by itself once more");
});

Deno.test("the drawdown limit latches at the highest NAV ever, re-based or not", () => {
  const { memory, fired } = feed([
    START,
    { navUsd: 8_900, atMs: T0 + SECOND },
    { navUsd: 8_800, atMs: T0 + 2 * DAY },
    { navUsd: 7_000.01, atMs: T0 + 3 * DAY },
  ], { rules: LATCHING });
  assert.equal(memory.latch, null);
  assert.ok(fired.includes("circuit_rebased"));
  const later = feed([
    { navUsd: 7_000, atMs: T0 + 4 * DAY },
    { navUsd: 9_999, atMs: T0 + 40 * DAY },
  ], { rules: LATCHING, from: memory });
  assert.ok(later.fired.includes("drawdown_latched"));
  assert.deepEqual(later.memory.latch, { sinceMs: T0 + 4 * DAY, ddFrac: 0.3 });
});

Deno.test("what a human releases opens, and its baseline begins at NAV", () => {
  const { memory } = feed([START, { navUsd: 6_000, atMs: T0 + SECOND }], { rules: LATCHING });
  const at = { navUsd: 6_000, atMs: T0 + HOUR };
  const opened = ACKNOWLEDGEABLE.reduce<NavMemory>(
    (from, what) => release(from, what, at)!,
    memory,
  );
  assert.deepEqual([opened.circuit, opened.latch], [null, null]);
  assert.deepEqual([opened.peakUsd, opened.highUsd], [6_000, 6_000]);
  for (const what of ACKNOWLEDGEABLE) assert.equal(release(opened, what, at), null);
  const again = feed([{ navUsd: 5_400, atMs: T0 + 2 * HOUR }], { rules: LATCHING, from: opened });
  assert.equal(again.memory.circuit?.needsAck, true, "soon after that it opens by a human again");
  assert.equal(again.memory.latch, null);
});

Deno.test("four changes of state within an hour are flapping", () => {
  const swings = (count: number, everyMs: number) =>
    Array.from({ length: count }, (_, i) => ({
      navUsd: i % 2 === 0 ? 8_900 : 9_990,
      atMs: T0 + (i + 1) * everyMs,
    }));
  const flapsAfter = (count: number, everyMs: number) => {
    const { memory } = feed([START, ...swings(count, everyMs)], { rules: NO_GUARD });
    return isFlapping(memory.flipsMs, T0 + (count + 1) * everyMs);
  };
  assert.equal(flapsAfter(3, SECOND), false);
  assert.equal(flapsAfter(4, SECOND), true);
  assert.equal(flapsAfter(8, HOUR / 2), false, "slow changes are none");
  const { memory } = feed([START, ...swings(4, SECOND)], { rules: NO_GUARD });
  assert.equal(viewAccount(memory, T0 + 10 * SECOND, NO_GUARD).flapping, true);
  assert.equal(viewAccount(memory, T0 + 2 * HOUR, NO_GUARD).flapping, false);
});
