/** ONE quality score, its evidence, and the patience of routing's warning. */
import assert from "node:assert/strict";
import { z } from "zod";
import {
  CALM_ROUTER,
  complaintOf,
  hearSnapshot,
  type RoutingFacts,
} from "../../core/router/health.ts";
import { makerReliability } from "../../core/router/offset.ts";
import { makerVetoes, routerPolicy } from "../../core/router/policy.ts";
import { effectivenessOf } from "../../core/router/effectiveness.ts";
import {
  hybridMultiplier,
  qualityFrom,
  qualityOf,
  qualityRules,
  RouterQuality,
} from "../../core/router/quality.ts";
import {
  type ChildFill,
  effectivenessAt,
  EMPTY_RECORD,
  noteChild,
  noteRoute,
  type RoutingRecord,
} from "../../core/router/record.ts";
import { ROUTER_RULES, T0 } from "../fixtures.ts";

const RULES = qualityRules(z.object({ of: RouterQuality }).parse({}).of);
const MINUTE = 60_000;
const at = (nowMs = T0, bucket = "A_HIGH") => ({ bucket, nowMs });
const FILL: ChildFill = {
  sentMs: T0,
  fillMs: T0 + 100,
  ackLatencyMs: 60,
  slippageBps: 0,
  isSlice: false,
  usd: 300,
  intendedUsd: 300,
  realizedBps: 0,
  expectedBps: 0,
};

function learnt(count: number, changes: Partial<ChildFill> = {}): RoutingRecord {
  let record = EMPTY_RECORD;
  const rules = { ...RULES, halfLifeTrades: 50 };
  for (let i = 0; i < count; i++) record = noteChild(record, { ...FILL, ...changes }, rules);
  return record;
}

Deno.test("without evidence quality is published as unknown, never as good", () => {
  const none = qualityOf(EMPTY_RECORD, at(), RULES);
  assert.deepEqual([none.label, none.insufficient, none.score], ["UNKNOWN", true, 0.95]);
  assert.equal(qualityOf(learnt(4), at(), RULES).insufficient, true);
  assert.equal(hybridMultiplier(none, RULES), 1, "what is unknown changes no rank");
  const known = qualityOf(learnt(5), at(), RULES);
  assert.deepEqual([known.score, known.label], [0.95, "STRONG"], "the best word is reachable");
  assert.equal(hybridMultiplier(known, RULES), 1.05);
  const off = qualityOf(learnt(9), at(), { ...RULES, enabled: false });
  assert.equal(off.label, "UNKNOWN");
});

Deno.test("disappointment, slowness and skipped slices each cost their share", () => {
  const drifting = (realizedBps: number) => qualityOf(learnt(5, { realizedBps }), at(), RULES);
  assert.deepEqual([2, 2.1, 6, 6.1].map((bps) => drifting(bps).driftBucket), [
    "GREEN",
    "YELLOW",
    "YELLOW",
    "RED",
  ]);
  const slow = (ackLatencyMs: number) => qualityOf(learnt(5, { ackLatencyMs }), at(), RULES);
  assert.deepEqual([150, 151, 400, 401].map((ms) => slow(ms).latencyBucket), [
    "FAST",
    "NORMAL",
    "NORMAL",
    "SLOW",
  ]);
  const poor = qualityOf(learnt(5, { realizedBps: 9, ackLatencyMs: 900 }), at(T0, "C_LOW"), RULES);
  assert.ok(Math.abs(poor.score - (0.95 - 0.15 - 0.12 - 0.08)) < 1e-12);
  const figures = { driftBps: 0, latencyMs: 1, bucketPenalty: 0, count: 9 };
  const skipped = qualityFrom({ ...figures, skipFrac: 0.5 }, RULES);
  assert.ok(Math.abs(skipped.score - 0.9) < 1e-12);
  assert.equal(drifting(-5).driftBps, -5, "cheaper than expected is no penalty");
  assert.equal(drifting(-5).score, 0.95);
});

Deno.test("slices that were not executed count within the window, then are forgotten", () => {
  const ended = {
    id: "r:1",
    atMs: T0,
    makerStarted: true,
    makerFinal: true,
    usedFallback: false,
    slippageBps: 1,
    ackLatencyMs: 60,
    isTwap: true,
    plannedUsd: 1_000,
    filledUsd: 250,
    ordersCount: 2,
    rejectCount: 1,
    requoteCount: 1,
    makerUsd: 250,
    feesUsd: 0.05,
    shortfallUsd: 0.025,
  };
  const record = noteRoute(learnt(5), ended, ROUTER_RULES);
  assert.equal(qualityOf(record, at(), RULES).skipFrac, 0.75);
  assert.equal(qualityOf(record, at(T0 + 16 * MINUTE), RULES).skipFrac, null);
  const { totals } = record;
  assert.deepEqual([totals.routesCount, totals.filledCount, totals.rejectCount, totals.makerUsd], [
    1,
    1,
    1,
    250,
  ]);
  assert.equal(effectivenessAt(record, T0, ROUTER_RULES).sampleCount, 1);
  const later = T0 + 8 * 24 * 60 * MINUTE;
  assert.equal(effectivenessAt(record, later, ROUTER_RULES).sampleCount, 0, "a week is its memory");
});

const fine: RoutingFacts = {
  quality: { label: "STRONG" },
  policy: { quality: "good", makerFirst: true },
  makerStartedCount: 20,
  fallbackFrac: 0.1,
  sampleCount: 20,
};

Deno.test("what a snapshot complains of, and who speaks for nobody", () => {
  const of = (...facts: Partial<RoutingFacts>[]) =>
    complaintOf(Object.fromEntries(facts.map((one, i) => [`S${i}`, { ...fine, ...one }])), 5);
  assert.equal(of(), null);
  assert.equal(of({}, {}), null);
  const broken = { policy: { quality: "broken", makerFirst: false } } as const;
  assert.equal(of({}, broken), "router_degraded_symbols=1");
  assert.equal(of({}, { ...broken, sampleCount: 4 }), null, "four routes are no evidence");
  assert.equal(of({ quality: { label: "WEAK" } }), "router_degraded_symbols=1");
  const off = { policy: { quality: "ok", makerFirst: false } } as const;
  assert.equal(of(off, off, off, off, off), null);
  assert.equal(of(off, off, off, off, off, off), "router_maker_off_symbols=6");
  assert.equal(of({ fallbackFrac: 0.5 }), null);
  assert.equal(of({ fallbackFrac: 0.8 }, { fallbackFrac: 0.3 }), "high_fallback_ratio=0.55");
});

Deno.test("a warning takes three snapshots to begin and three to end", () => {
  let health = CALM_ROUTER;
  const hear = (complaint: string | null) => health = hearSnapshot(health, complaint);
  hear("a");
  hear("b");
  assert.equal(hear(null).warning, null, "a good minute in between starts the count again");
  hear("a");
  hear("b");
  assert.equal(hear("c").warning, "c");
  hear(null);
  hear(null);
  assert.equal(hear("d").warning, "c");
  hear(null);
  hear(null);
  assert.equal(hear(null).warning, null);
});

Deno.test("one flag decides whether there is a maker path, and its vetoes have names", () => {
  const sample = {
    makerStarted: true,
    makerFinal: true,
    usedFallback: false,
    slippageBps: 1,
    ackLatencyMs: 50,
  };
  const record = (count: number, changes: Partial<typeof sample>) =>
    effectivenessOf(Array.from({ length: count }, () => ({ ...sample, ...changes })));
  const policy = (count: number, changes: Partial<typeof sample>, range: "normal" | "panic") =>
    routerPolicy(record(count, changes), { range, offsetBps: 4 });
  for (const range of ["normal", "panic"] as const) {
    for (const changes of [{}, { slippageBps: 60 }, { usedFallback: true, slippageBps: 30 }]) {
      const { makerFirst, bias } = policy(30, changes, range);
      assert.equal(makerFirst, bias !== "prefer_taker");
    }
  }
  const asked = { isRequested: true, isUrgent: false };
  assert.deepEqual(makerVetoes(policy(30, {}, "normal"), asked), []);
  assert.deepEqual(makerVetoes(policy(30, { slippageBps: 60 }, "normal"), asked), [
    "policy_maker_disabled",
    "policy_quality_broken",
    "policy_bias_prefers_taker",
  ]);
  assert.deepEqual(makerVetoes(policy(30, {}, "normal"), { isRequested: false, isUrgent: true }), [
    "maker_not_requested",
    "reduce_only_urgent",
  ]);
  const degraded = policy(30, { usedFallback: true }, "normal");
  assert.deepEqual([degraded.quality, degraded.makerFirst], ["degraded", true]);
});

Deno.test("reliability is what was filled, less what fell back and what was refused", () => {
  const record = { makerFillFrac: 0.8, fallbackFrac: 0.2, sampleCount: 20 };
  assert.ok(Math.abs(makerReliability(record, 0.1)! - 0.72) < 1e-12);
  assert.equal(makerReliability({ ...record, sampleCount: 19 }, 0), null);
  assert.equal(makerReliability({ ...record, makerFillFrac: null }, 0), null);
});
