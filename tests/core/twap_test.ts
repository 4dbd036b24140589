/** Large parents in slices: whole lots that add up, in time, paused by spreads, given up in order. */
import assert from "node:assert/strict";
import type { RouteSight } from "../../core/router/child.ts";
import { makeUrgent, routeDeadlineMs } from "../../core/router/advance.ts";
import { planEntry, planReduce } from "../../core/router/plan.ts";
import type { Route } from "../../core/router/route.ts";
import {
  approvedEntry,
  approvedReduce,
  book,
  market,
  POLICY,
  ROUTER_RULES,
  T0,
} from "../fixtures.ts";
import { Play, wide } from "../fixtures_route.ts";

const SECOND = 1_000;
/** A lot is worth six dollars: 1,500 dollars are 250 lots. */
const FINE = market({ step: "0.0001", minQty: "0.0001", marketStep: "0.0001" });
const SIGHT = { nowMs: T0, market: FINE, book: book(), policy: POLICY, bucket: "A_HIGH" };

function entry(grossUsd: number, changes: Partial<typeof ROUTER_RULES> = {}): Route {
  const plan = planEntry(approvedEntry({ grossUsd }), SIGHT, { ...ROUTER_RULES, ...changes });
  assert.ok(plan.kind === "route");
  return plan.route;
}

const exit = (lots: number): Route =>
  planReduce(approvedReduce({ lots, reason: "tp", urgent: false }), SIGHT, ROUTER_RULES).route;

const fine = (sight: Partial<RouteSight> = {}) => ({ market: FINE, ...sight });

/** Plays a parent whose every quote fills at once. */
function playOut(play: Play): Play {
  for (let i = 0; i < 60 && play.route.step.kind !== "ended"; i++) {
    const sent = play.sent.length;
    play.tick(SECOND, fine());
    if (play.sent.length > sent) play.ack().fill(play.last.lots).done("filled").tick(0, fine());
  }
  return play;
}

Deno.test("a large parent goes in slices of whole lots that add up to it, each in its time", () => {
  const parent = entry(1_500);
  assert.deepEqual(parent.twap?.slices, [62, 62, 63, 63]);
  assert.deepEqual([entry(499).twap, entry(60).twap], [null, null], "small ones go whole");
  assert.equal(entry(1_500, { twap: { ...ROUTER_RULES.twap, enabled: false } }).twap, null);
  const play = playOut(new Play(parent));
  assert.equal(play.end, "FILLED: filled");
  assert.deepEqual(play.sent.map(({ lots }) => lots), [62, 62, 63, 63]);
  assert.equal(play.nowMs - T0, 30 * SECOND, "ten seconds between beginnings");
  const slices = play.events.flatMap((event) => event.kind === "twap_slice" ? [event] : []);
  assert.deepEqual(slices.map(({ index, filledLots }) => [index, filledLots]), [
    [1, 62],
    [2, 62],
    [3, 63],
    [4, 63],
  ]);
  const last = play.events.find((event) => event.kind === "twap_complete");
  assert.deepEqual([last?.slicesBegun, last?.filledLots, last?.status], [4, 250, "FILLED"]);
});

Deno.test("a slice that is worth less than an order is not planned", () => {
  assert.deepEqual(entry(600).twap?.slices.length, 4);
  const offpeak = { nowMs: T0, market: FINE, book: book(), policy: POLICY, bucket: "x" };
  const plan = planEntry(approvedEntry({ grossUsd: 600 }), offpeak, {
    ...ROUTER_RULES,
    modes: { ...ROUTER_RULES.modes, offpeak: { minChildUsd: 250, workingMaxCount: 2 } },
  });
  assert.ok(plan.kind === "route");
  assert.equal(plan.route.twap?.slices.length, 2);
});

Deno.test("what a slice leaves over, the next one tries", () => {
  const play = new Play(entry(1_500)).tick(0, fine()).ack().fill(10);
  // Quoting lasts until the next slice is due, then improves twice, then crosses three times.
  for (let i = 0; i < 90 && play.route.twap!.begunCount === 1; i++) {
    play.tick(SECOND, fine());
    if (play.order?.state === "cancelling") play.done("cancelled").tick(0, fine());
    else if (play.order?.state === "sent") play.ack();
    if (play.last.tif === "IOC" && play.order?.state === "open") {
      play.done("expired").tick(0, fine());
    }
  }
  assert.equal(play.route.twap?.begunCount, 2);
  play.tick(0, fine());
  assert.equal(play.last.lots, 62 + 62 - 10, "both slices less what is filled");
});

Deno.test("a wide spread pauses the schedule, a spread that stays wide ends an entry", () => {
  const play = new Play(entry(1_500)).tick(0, fine(wide()));
  assert.deepEqual([play.sent.length, play.told.at(-1)], [0, "twap_pause"]);
  for (let i = 0; i < 20; i++) play.tick(SECOND, fine(wide()));
  assert.equal(play.told.filter((kind) => kind === "twap_pause").length, 1, "told once");
  play.tick(SECOND, fine());
  assert.equal(play.sent.length, 1, "it goes on when the spread is narrow");
  assert.equal(play.route.twap?.pausedMs, 21 * SECOND);
  const never = new Play(entry(1_500));
  for (let i = 0; i <= 120 && never.route.step.kind !== "ended"; i++) {
    never.tick(SECOND, fine(wide()));
  }
  assert.equal(never.end, "REJECTED: twap_aborted_spread");
  assert.equal(never.nowMs - T0, 121 * SECOND, "three schedules of forty seconds");
});

Deno.test("a market that has left the decision ends an entry, three refusals in a row as well", () => {
  const shifted = (bps: number) => {
    const ticks = 60 * bps;
    return fine({ book: book({ bidTicks: 599_995 + ticks, askTicks: 600_005 + ticks }) });
  };
  assert.equal(new Play(entry(1_500)).tick(0, shifted(21)).end, "REJECTED: twap_aborted_drift");
  assert.equal(new Play(entry(1_500)).tick(0, shifted(-50)).end, "maker", "a market that comes");
  const refused = new Play(entry(1_500));
  for (let i = 0; i < 60 && refused.route.step.kind !== "ended"; i++) {
    const sent = refused.sent.length;
    refused.tick(SECOND, fine());
    if (refused.sent.length > sent) refused.reject("insufficient_margin").tick(0, fine());
  }
  assert.equal(refused.end, "EXPIRED: twap_aborted_failures");
  assert.equal(refused.sent.length, 3);
});

Deno.test("a close in slices never gives up: the spread ends its patience, not the close", () => {
  const play = new Play(exit(250));
  for (let i = 0; i <= 125; i++) play.tick(SECOND, fine({ ...wide(), heldLots: 250 }));
  assert.ok(play.told.includes("exit_forced"));
  for (let i = 0; i < 70; i++) play.tick(SECOND, fine({ ...wide(), heldLots: 250 }));
  assert.deepEqual([play.last.kind, play.last.lots], ["market", 250]);
});

Deno.test("a stop that becomes due takes a patient close over in the same tick", () => {
  const play = new Play(exit(250)).tick(0, fine({ heldLots: 250 })).ack().fill(12);
  assert.equal(play.last.lots, 62);
  const taken = makeUrgent(play.route, play.order, { reason: "sl", nowMs: play.nowMs });
  assert.deepEqual(taken.commands.map(({ kind }) => kind), ["cancel"]);
  const rushed = new Play(taken.route);
  rushed.tick(0, fine({ heldLots: 238, reservedLots: 50 }));
  assert.deepEqual([rushed.last.kind, rushed.last.lots], ["market", 188], "all but what is out");
  rushed.ack().fill(188, false).done("filled").tick(0, fine({ heldLots: 50, reservedLots: 50 }));
  assert.notEqual(rushed.route.step.kind, "ended", "the old quote may still fill");
  rushed.tick(0, fine({ heldLots: 50 }));
  assert.deepEqual([rushed.last.kind, rushed.last.lots], ["market", 50]);
});

Deno.test("a parent that was written down in its middle goes on where it was", () => {
  const play = new Play(entry(1_500)).tick(0, fine()).ack().fill(62).done("filled").tick(0, fine());
  const read = JSON.parse(JSON.stringify(play.route)) as Route;
  assert.deepEqual(read, play.route);
  assert.equal(routeDeadlineMs(read, ROUTER_RULES), T0 + 10 * SECOND);
  const again = new Play(read);
  again.nowMs = T0 + 3 * 60 * SECOND;
  again.tick(0, fine());
  assert.equal(again.last.lots, 62, "one slice, however late");
});
