/** The table of errors: every code has one row, and every row its consequence. */
import assert from "node:assert/strict";
import type { RejectCode } from "../../core/ports.ts";
import { routeDeadlineMs } from "../../core/router/advance.ts";
import { errorRule, ERRORS, rejectCodeOf } from "../../core/router/errors.ts";
import { hearOrder } from "../../core/router/orders.ts";
import { order, route, ROUTER_RULES, T0 } from "../fixtures.ts";
import { closing, Play } from "../fixtures_route.ts";

const SECOND = 1_000;

Deno.test("each code of the exchange means one thing, what is not known is told as such", () => {
  const codes = ERRORS.flatMap(({ venueCodes }) => venueCodes);
  assert.equal(new Set(codes).size, codes.length, "no code is in two rows");
  assert.equal(new Set(ERRORS.map(({ code }) => code)).size, ERRORS.length);
  for (const rule of ERRORS) {
    assert.equal(errorRule(rule.code), rule);
    for (const venueCode of rule.venueCodes) assert.equal(rejectCodeOf(venueCode, ""), rule.code);
  }
  assert.equal(rejectCodeOf(-9999, "new"), "other");
  assert.equal(
    rejectCodeOf(-2010, "Order would immediately match and take."),
    "post_only_would_take",
  );
  assert.equal(rejectCodeOf(-2010, "Order was rejected"), "other");
});

Deno.test("the codes that operators meet mean what the exchange says they mean", () => {
  const said: readonly (readonly [number, RejectCode, string, string])[] = [
    [-5022, "post_only_would_take", "requote", "requote"],
    [-2021, "would_trigger", "end", "strike"],
    [-2022, "reduce_only_rejected", "end", "retry"],
    [-4116, "duplicate_id", "ask", "ask"],
    [-1007, "unknown_outcome", "ask", "ask"],
    [-1008, "throttled", "retry", "retry"],
    [-2019, "insufficient_margin", "end", "retry"],
    [-1111, "filter", "end", "retry"],
    [-4131, "price_band", "end", "banded"],
    [-2015, "credentials", "end", "retry"],
    [-4061, "position_mode", "end", "retry"],
  ];
  for (const [venueCode, code, entry, exit] of said) {
    assert.equal(rejectCodeOf(venueCode, ""), code, String(venueCode));
    const rule = errorRule(code);
    assert.deepEqual([rule.entry, rule.exit], [entry, exit], code);
  }
  const pausing = ERRORS.filter(({ pauses }) => pauses).map(({ code }) => code);
  assert.deepEqual(pausing, ["credentials", "position_mode", "restricted"]);
});

Deno.test("a close that was forced to strike does not go back to waiting", () => {
  const start = closing({ step: { kind: "strike", notBeforeMs: T0, isBanded: false } });
  const play = new Play(start).tick().reject("throttled").tick();
  assert.equal(play.end, "strike");
  assert.deepEqual([play.route.failures, play.route.rejections], [1, 1]);
  play.tick(SECOND).ack().fill(2, false).done("expired").tick();
  assert.equal(play.route.failures, 0, "it got through: refusals in a row begin anew");
});

/** What an entry's quote comes to after one refusal. */
function entryAfter(code: RejectCode): string {
  const play = new Play(route()).tick().reject(code).tick();
  const { step } = play.route;
  return step.kind === "ended" ? `ended: ${step.reason}` : `${step.kind} ${play.sent.length}`;
}

Deno.test("an entry ends with the code, quotes again, or tries again what was not executed", () => {
  for (const { code, entry } of ERRORS) {
    if (entry === "ask") continue;
    const expected = entry === "end" ? `ended: ${code}` : "quote 1";
    assert.equal(entryAfter(code), expected, code);
  }
});

/** A close's market order is refused; what leaves next, and after how long. */
function exitAfter(code: RejectCode): readonly [kind: string, tif: string | null, waitMs: number] {
  const start = closing({
    urgent: true,
    step: { kind: "strike", notBeforeMs: T0, isBanded: false },
  });
  const play = new Play(start).tick().reject(code).tick();
  const waitMs = Math.max(
    0,
    (routeDeadlineMs(play.route, ROUTER_RULES) ?? play.nowMs) - play.nowMs,
  );
  play.tick(waitMs);
  assert.equal(play.sent.length, 2, `${code}: a close goes on`);
  return [play.last.kind, play.last.tif, waitMs];
}

Deno.test("a close never gives up: again, within a band, or at once", () => {
  for (const { code, exit, waitMs } of ERRORS) {
    if (exit === "ask") continue;
    const expected = exit === "banded"
      ? ["limit", "IOC", 0]
      : exit === "strike"
      ? ["market", null, 0]
      : ["market", null, waitMs];
    assert.deepEqual(exitAfter(code), expected, code);
  }
});

Deno.test("within the band a close tries again each second until it is done", () => {
  const start = closing({
    urgent: true,
    lots: 10,
    step: { kind: "strike", notBeforeMs: T0, isBanded: false },
  });
  const play = new Play(start).tick().reject("price_band").tick();
  assert.deepEqual([play.last.tif, play.last.priceTicks], ["IOC", 593_995], "1 % below the bid");
  play.ack().fill(4, false).done("expired").tick();
  assert.equal(play.sent.length, 2, "not before a second has passed");
  play.tick(SECOND).reject("price_band").tick().tick(SECOND);
  assert.deepEqual(play.sent.map(({ kind, lots }) => [kind, lots]), [
    ["market", 10],
    ["limit", 10],
    ["limit", 6],
    ["limit", 6],
  ]);
  assert.equal(play.ack().fill(6, false).done("filled").tick().end, "FILLED: filled");
});

Deno.test("a close that is refused for what it is does not go on unchanged", () => {
  const start = closing({
    urgent: true,
    step: { kind: "strike", notBeforeMs: T0, isBanded: false },
  });
  const play = new Play(start).tick();
  for (let i = 0; i < 6; i++) play.reject("filter").tick().tick(30 * SECOND);
  assert.deepEqual(play.sent.map(({ kind }) => kind), [
    "market",
    "market",
    "market",
    "limit",
    "market",
    "limit",
    "market",
  ]);
});

Deno.test("what was not executed is sent again with growing patience, five times", () => {
  const play = new Play(route()).tick();
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    play.reject("throttled").tick();
    waits.push(routeDeadlineMs(play.route, ROUTER_RULES)! - play.nowMs);
    play.tick(waits.at(-1));
  }
  assert.deepEqual(waits, [200, 400, 800, 1_600, 3_200]);
  assert.equal(play.reject("throttled").tick().end, "EXPIRED: throttled");
  assert.equal(new Set(play.sent.map(({ clientId }) => clientId)).size, 6, "a new id each time");
});

Deno.test("an answer that leaves the outcome open is a question, not a refusal", () => {
  for (const code of ["duplicate_id", "unknown_outcome"] as const) {
    const sent = order({ state: "sent", ackMs: null });
    const told = { kind: "reject", clientId: "c-1", code, venueCode: null, message: "" } as const;
    const [asked, events] = hearOrder(sent, { ...told, atMs: T0 + 90 });
    assert.deepEqual([asked.state, asked.rejectCode, asked.query?.nextMs], [
      "unknown",
      null,
      T0 + 90,
    ]);
    assert.deepEqual(events.map(({ kind }) => kind), ["order_unknown"]);
    const found = { status: "filled", executedLots: 5 } as const;
    const answer = { kind: "order_answer", clientId: "c-1", found, atMs: T0 + 200 } as const;
    assert.equal(hearOrder(asked, answer)[0].status, "filled", "it had arrived");
    assert.equal(hearOrder(asked, { ...told, atMs: T0 + 95 })[0], asked, "asked once");
  }
});
