/** A working route, tick by tick: what it asks for, when it waits, when it gives up. */
import assert from "node:assert/strict";
import { routeDeadlineMs } from "../../core/router/advance.ts";
import type { RouteSight } from "../../core/router/child.ts";
import { isSettled } from "../../core/router/orders.ts";
import { planReduce } from "../../core/router/plan.ts";
import { averagePx, type Route } from "../../core/router/route.ts";
import type { Book } from "../../core/types.ts";
import {
  approvedReduce,
  book,
  dice,
  market,
  POLICY,
  route,
  ROUTER_RULES,
  T0,
} from "../fixtures.ts";
import { closing, Play, wide } from "../fixtures_route.ts";

const SECOND = 1_000;

Deno.test("a route quotes first, two basis points behind mid, and ends when it is filled", () => {
  const play = new Play(route()).tick();
  assert.deepEqual(play.last, { kind: "limit", tif: "GTX", lots: 5, priceTicks: 599_880 });
  play.ack().tick(20).fill(5).done("filled").tick();
  assert.equal(play.end, "FILLED: filled");
  assert.equal(averagePx(play.route), 60_000);
  assert.deepEqual(play.told, ["route_decision", "order_submit", "route_end"]);
  const [told] = play.events;
  assert.ok(told?.kind === "route_decision");
  assert.deepEqual([told.style, told.path, told.makerAllowed, told.reasons], [
    "maker_first",
    "maker",
    true,
    [],
  ]);
});

Deno.test("nothing is sent while an order is out", () => {
  const play = new Play(route()).tick();
  for (let i = 0; i < 5; i++) play.tick(SECOND);
  assert.equal(play.sent.length, 1);
  play.ack();
  for (let i = 0; i < 5; i++) play.tick(SECOND);
  assert.equal(play.sent.length, 1);
});

Deno.test("a post-only reject is quoted again, further back, then crossed", () => {
  const play = new Play(route()).tick();
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) {
    play.reject("post_only_would_take").tick();
    waits.push(routeDeadlineMs(play.route, ROUTER_RULES)! - play.nowMs);
    play.tick(waits.at(-1)! - 1);
    assert.equal(play.sent.length, i + 1, "not before its time");
    play.tick(1);
  }
  assert.deepEqual(waits, [50, 100, 200]);
  assert.deepEqual(play.sent.map(({ tif }) => tif), ["GTX", "GTX", "GTX", "GTX"]);
  play.reject("post_only_would_take").tick();
  assert.equal(play.last.tif, "IOC");
  assert.equal(new Set(play.sent.map(({ clientId }) => clientId)).size, 5);
});

Deno.test("a quote with too little filled is improved by half its distance, then crossed", () => {
  const play = new Play(route({ lots: 100 })).tick().ack();
  const offsets: number[] = [];
  for (let i = 0; i < 2; i++) {
    play.tick(60 * SECOND);
    assert.equal(play.cancelled.length, i + 1);
    play.done("cancelled").tick().ack();
    offsets.push(play.route.child.offsetBps);
    assert.equal(play.last.tif, "GTX");
  }
  assert.deepEqual(offsets, [1, 1]);
  play.tick(60 * SECOND).done("cancelled").tick();
  assert.equal(play.last.tif, "IOC");
  assert.equal(play.route.requotes, 2);
});

Deno.test("a quote that fills well keeps its place for two windows", () => {
  const play = new Play(route({ lots: 100 })).tick().ack().tick(10 * SECOND).fill(40);
  play.tick(50 * SECOND).tick(30 * SECOND);
  assert.deepEqual(play.cancelled, []);
  play.tick(30 * SECOND);
  assert.equal(play.cancelled.length, 1);
  play.done("cancelled").tick();
  assert.deepEqual([play.last.tif, play.last.lots], ["IOC", 60]);
});

Deno.test("a market that runs away ends the quote, a market that comes does not", () => {
  const shifted = (ticks: number) => ({
    book: book({ bidTicks: 599_995 + ticks, askTicks: 600_005 + ticks }),
  });
  const away = new Play(route()).tick().ack().tick(5 * SECOND, shifted(301));
  assert.equal(away.cancelled.length, 1);
  const near = new Play(route()).tick().ack().tick(5 * SECOND, shifted(-3_000));
  assert.equal(near.cancelled.length, 0);
  const sells = closing();
  assert.equal(new Play(sells).tick().ack().tick(5 * SECOND, shifted(-301)).cancelled.length, 1);
});

Deno.test("a spread that stays wide for two seconds ends the quote", () => {
  const play = new Play(route()).tick().ack().tick(5 * SECOND, wide());
  assert.equal(play.cancelled.length, 0);
  const patient = structuredClone(play.route);
  play.tick(2 * SECOND, wide());
  assert.equal(play.cancelled.length, 1);
  const calmed = new Play(patient);
  calmed.nowMs = play.nowMs - 2 * SECOND;
  calmed.order = play.order === null ? null : { ...play.order, state: "open", cancelMs: null };
  calmed.tick(2 * SECOND).tick(5 * SECOND, wide());
  assert.equal(calmed.cancelled.length, 0, "a calm look in between starts the count again");
});

Deno.test("entries that are revoked are taken back; exits are not", () => {
  const no = { entriesAllowed: false };
  assert.equal(new Play(route()).tick(0, no).end, "REJECTED: revoked");
  const play = new Play(route()).tick().ack().fill(2).tick(100, no);
  assert.equal(play.cancelled.length, 1);
  assert.equal(play.done("cancelled").tick(0, no).end, "PARTIALLY_FILLED: revoked");
  const exit = new Play(closing()).tick(0, no).ack().tick(SECOND, no);
  assert.deepEqual([exit.sent.length, exit.cancelled.length], [1, 0]);
});

Deno.test("an order found open after it was to be taken back is taken back", () => {
  const play = new Play(route()).tick();
  play.order = { ...play.order!, state: "unknown" };
  play.tick(100, { entriesAllowed: false });
  assert.equal(play.cancelled.length, 0, "nobody knows whether it exists");
  const { clientId } = play.order;
  const found = { status: "open", executedLots: 0 } as const;
  play.hear({ kind: "order_answer", clientId, found, atMs: play.nowMs });
  play.tick(0, { entriesAllowed: false });
  assert.deepEqual(play.cancelled, [clientId]);
});

Deno.test("dust: an entry stops, an exit goes to market with what is left", () => {
  // A lot is worth six dollars here, and four of them are less than the smallest child.
  const fine = { market: market({ step: "0.0001", minQty: "0.0001" }) };
  const entering = new Play(route({ lots: 100 })).tick(0, fine).ack().fill(96);
  entering.tick(120 * SECOND, fine).done("cancelled").tick(0, fine);
  assert.equal(entering.end, "PARTIALLY_FILLED: dust");
  const leaving = new Play(closing({ lots: 100 })).tick(0, fine).ack().fill(96);
  leaving.tick(120 * SECOND, fine).done("cancelled").tick(0, fine);
  assert.deepEqual([leaving.last.kind, leaving.last.lots], ["market", 4]);
});

Deno.test("a crossing order is bounded: blocked it waits for a window, then entries stop", () => {
  for (
    const [sight, reason] of [
      [{ bucketMaxSpreadBps: 0.1 }, "taker_blocked_spread"],
      [{ book: book({ lots: 1 }) }, "taker_blocked_slippage"],
      [{ book: null }, "no_book"],
    ] as const
  ) {
    const start = { kind: "cross", sinceMs: T0, notBeforeMs: T0 } as const;
    const play = new Play(route({ step: start })).tick(0, sight);
    assert.equal(play.sent.length, 0);
    for (let i = 0; i < 59; i++) play.tick(SECOND, sight);
    assert.equal(play.end, "cross");
    assert.equal(play.tick(SECOND, sight).end, `REJECTED: ${reason}`);
    const exit = new Play(closing({ step: start })).tick(0, sight);
    for (let i = 0; i < 60; i++) exit.tick(SECOND, sight);
    assert.equal(exit.last.kind, "market");
  }
});

Deno.test("a crossing order that is not filled is tried again, three times in all", () => {
  const start = { kind: "cross", sinceMs: T0, notBeforeMs: T0 } as const;
  const play = new Play(route({ lots: 100, step: start })).tick();
  assert.deepEqual(play.last, { kind: "limit", tif: "IOC", lots: 100, priceTicks: 600_306 });
  for (let i = 0; i < 3; i++) play.ack().fill(10, false).done("expired").tick();
  assert.deepEqual(play.sent.map(({ lots }) => lots), [100, 90, 80]);
  assert.equal(play.end, "PARTIALLY_FILLED: taker_exhausted");
  const exit = new Play(closing({ lots: 100, step: start })).tick();
  for (let i = 0; i < 3; i++) exit.ack().done("expired").tick();
  assert.equal(exit.last.kind, "market");
});

Deno.test("an urgent exit goes to market at once and does not stop before it is done", () => {
  const plan = planReduce(approvedReduce({ urgent: true, reason: "sl" }), {
    nowMs: T0,
    market: market(),
    book: book(),
    policy: POLICY,
    bucket: "A_HIGH",
  }, ROUTER_RULES);
  const play = new Play(plan.route).tick(0, { book: null });
  assert.deepEqual(play.last, { kind: "market", tif: null, lots: 5, priceTicks: null });
  play.ack().fill(2, false).done("expired").tick(0, { heldLots: 3 });
  assert.equal(play.sent.length, 1);
  play.tick(SECOND, { heldLots: 3 });
  assert.equal(play.last.lots, 3);
  assert.equal(
    play.ack().fill(3, false).done("filled").tick(0, { heldLots: 0 }).end,
    "FILLED: filled",
  );
});

Deno.test("a refused exit tries again with growing patience, a refused entry ends", () => {
  const entering = new Play(route()).tick().reject("insufficient_margin").tick();
  assert.equal(entering.end, "EXPIRED: insufficient_margin");
  const exit = new Play(closing({ step: { kind: "strike", notBeforeMs: T0, isBanded: false } }))
    .tick();
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    exit.reject("unavailable").tick();
    waits.push(routeDeadlineMs(exit.route, ROUTER_RULES)! - exit.nowMs);
    exit.tick(waits.at(-1)!);
  }
  assert.deepEqual(waits.map((ms) => ms / SECOND), [1, 2, 4, 8, 16, 30, 30]);
  assert.equal(exit.sent.length, 8);
});

Deno.test("a close asks for no more than the leg holds, and ends when the leg is gone", () => {
  const play = new Play(closing({ lots: 50 })).tick(0, { heldLots: 20 });
  assert.equal(play.last.lots, 20);
  play.ack().tick(60 * SECOND, { heldLots: 0 }).done("cancelled").tick(0, { heldLots: 0 });
  assert.equal(play.end, "EXPIRED: already_flat");
  assert.equal(new Play(closing()).tick(0, { heldLots: 0 }).end, "REJECTED: already_flat");
});

Deno.test("what exceeds the exchange's largest order goes in near-equal parts", () => {
  const small = market({ maxQty: "0.03", marketMaxQty: "0.02", marketStep: "0.003" });
  const sight = { market: small, heldLots: 100 };
  const quoted = new Play(route({ lots: 100 })).tick(0, sight);
  assert.equal(quoted.last.lots, 25);
  const struck = new Play(
    closing({ lots: 100, step: { kind: "strike", notBeforeMs: T0, isBanded: false } }),
  );
  assert.equal(struck.tick(0, sight).last.lots, 18, "whole market steps up to the largest");
  const rest = new Play(
    closing({ lots: 2, step: { kind: "strike", notBeforeMs: T0, isBanded: false } }),
  );
  assert.equal(rest.tick(0, sight).last.lots, 2, "less than a step goes as it is");
});

function isOver({ order }: Play): boolean {
  return order === null || order.state === "done";
}

/** The venue does anything it may do; the route must keep its promises. */
function chaos(seed: number, start: Route): Play {
  const roll = dice(seed);
  const play = new Play(start);
  let held = start.effect === "close" ? start.lots : 0;
  const sight = (): Partial<RouteSight> => ({
    entriesAllowed: roll() > 0.02,
    heldLots: held,
    book: roll() < 0.1 ? null : roll() < 0.2 ? wide().book as Book : book(),
  });
  for (let i = 0; i < 400 && play.route.step.kind !== "ended"; i++) {
    const sentBefore = play.sent.length;
    const wasSettled = play.order === null || isSettled(play.order);
    play.tick(Math.floor(roll() * 40 * SECOND), sight());
    if (play.sent.length > sentBefore) {
      assert.ok(wasSettled, "a new order leaves only when the one before is settled");
      const { lots } = play.sent.at(-1)!;
      assert.ok(lots > 0 && lots <= start.lots - play.route.filledLots);
      if (start.effect === "close") assert.ok(lots <= held);
    }
    if (isOver(play)) continue;
    const luck = roll();
    if (luck < 0.15) play.reject(roll() < 0.7 ? "post_only_would_take" : "filter");
    else if (luck < 0.5) play.ack();
    if (isOver(play)) continue;
    const working = play.order!;
    const open = working.lots - working.filledLots;
    const lots = Math.floor(roll() * (open + 1));
    if (luck > 0.4 && lots > 0) {
      play.fill(lots, working.tif === "GTX");
      held += start.effect === "close" ? -lots : lots;
    }
    if (lots === open && luck > 0.4) play.done("filled");
    else if (working.state === "cancelling" || luck > 0.85) play.done("cancelled");
  }
  return play;
}

Deno.test("whatever the venue does, a route executes at most what was approved, and ends", () => {
  for (let seed = 0; seed < 400; seed++) {
    const start = seed % 2 === 0 ? route({ lots: 100 }) : closing({ lots: 100 });
    const play = chaos(seed, start);
    assert.equal(play.route.step.kind, "ended", `seed ${seed}`);
    assert.ok(play.route.filledLots <= start.lots);
    const ids = play.sent.map(({ clientId }) => clientId);
    assert.equal(new Set(ids).size, ids.length, "an id is sent once");
    if (start.effect === "close") assert.equal(play.route.filledLots, start.lots);
  }
});
