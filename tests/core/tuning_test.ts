/** Suggestions are written; they are followed only where that is turned on, in small bounded steps. */
import assert from "node:assert/strict";
import { z } from "zod";
import type { RouterPolicy } from "../../core/router/policy.ts";
import type { PolicyPoint, Suggestion } from "../../core/router/suggest.ts";
import {
  applySuggestion,
  biasOf,
  RouterAutotune,
  type Tuned,
  tunedPolicy,
  tuningRules,
} from "../../core/router/tuning.ts";
import { POLICY, T0 } from "../fixtures.ts";

const rules = (keys: z.input<typeof RouterAutotune> = {}) =>
  tuningRules(z.object({ of: RouterAutotune }).parse({ of: keys }).of);
const point = (changes: Partial<PolicyPoint> = {}): PolicyPoint => ({
  makerFirst: true,
  bias: 0.25,
  offsetBps: 4,
  ...changes,
});
const suggestion = (proposed: Partial<PolicyPoint>, changes: Partial<Suggestion> = {}) => ({
  regime: "balanced" as const,
  quality: "ok" as const,
  current: point(),
  proposed: point(proposed),
  rationale: [],
  ...changes,
});
const where = { tuned: null, ticker: "BTCUSDT", isCalm: true, nowMs: T0 };

Deno.test("nothing is followed unless it is turned on, listed, calm and sound", () => {
  const told = suggestion({ offsetBps: 5 });
  assert.equal(applySuggestion(told, where, rules()), null, "off by default");
  const on = { apply: true };
  assert.notEqual(applySuggestion(told, where, rules(on)), null);
  assert.equal(applySuggestion(told, where, rules({ ...on, symbols: ["ETHUSDT"] })), null);
  assert.equal(applySuggestion(told, { ...where, isCalm: false }, rules(on)), null);
  for (const quality of ["degraded", "broken"] as const) {
    assert.equal(applySuggestion({ ...told, quality }, where, rules(on)), null);
  }
});

Deno.test("one step moves the bias by a twentieth and the offset by two basis points at most", () => {
  const far = suggestion({ bias: 1, offsetBps: 10 });
  const tuned = applySuggestion(far, where, rules({ apply: true }))!;
  assert.ok(Math.abs(tuned.bias - 0.3) < 1e-12);
  assert.equal(tuned.shiftBps, 2);
  const back = suggestion({ bias: 0, offsetBps: 1 }, { current: point({ bias: 0.3 }) });
  const next = applySuggestion(back, { ...where, tuned }, rules({ apply: true }))!;
  assert.deepEqual([next.bias, next.shiftBps], [0.25, 0]);
});

Deno.test("the maker path itself is switched only where that is allowed", () => {
  const off = suggestion({ makerFirst: false });
  assert.equal(applySuggestion(off, where, rules({ apply: true }))!.makerFirst, true);
  const flips = rules({ apply: true, allow_flip: true });
  assert.equal(applySuggestion(off, where, flips)!.makerFirst, false);
});

Deno.test("a tuned policy keeps its number, stays within 1 to 10, and yields to a panic", () => {
  const tuned: Tuned = { bias: 0.4, shiftBps: 9, makerFirst: true, atMs: T0 };
  const moved = tunedPolicy(POLICY, tuned);
  assert.deepEqual([moved.bias, moved.offsetBps, moved.makerFirst], ["balanced", 10, true]);
  assert.equal(tunedPolicy(POLICY, { ...tuned, shiftBps: -9 }).offsetBps, 1);
  assert.equal(biasOf(POLICY, tuned), 0.4, "the label does not snap the number back");
  assert.equal(biasOf(POLICY, null), 0.25);
  const panic: RouterPolicy = { ...POLICY, bias: "prefer_taker", makerFirst: false };
  assert.equal(tunedPolicy(panic, tuned), panic);
  assert.equal(tunedPolicy(POLICY, { ...tuned, bias: 0.7 }).makerFirst, false, "one flag decides");
  assert.equal(tunedPolicy(POLICY, null), POLICY);
});
