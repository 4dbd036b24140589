/** What a reading is evidence of, and the close that is not waited for when it shows nowhere. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Command, NewOrder, VenueEvent } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import { isCloseMissing, isReadingFresh, isStopMissing } from "../../core/reading.ts";
import type { Order } from "../../core/router/orders.ts";
import type { Account, Reading, VenueOrder } from "../../core/types.ts";
import {
  account,
  BTC,
  freeze,
  guard,
  holding,
  newOrder,
  order,
  position,
  route,
  T0,
  trade,
} from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";

const SECOND = 1_000;
const RULES = rules();
const KEY = "BTCUSDT:LONG";
const CLOSE = { effect: "close", kind: "market", tif: null, priceTicks: null } as const;
const SILENT = { state: "unknown", ackMs: null, sentMs: T0 - 10 * SECOND } as const;
const FAILED: Reading<Account> = {
  kind: "failed",
  fault: { code: "timeout", message: "", retryable: true },
};

const BLIND = observation({ account: FAILED });

const shown = (changes: Partial<NewOrder> = {}): VenueOrder => ({
  ...newOrder({ ...CLOSE, ...changes }),
  filledLots: 0,
});
const seenWith = (changes: Partial<Account> = {}) =>
  observation({
    account: { kind: "read", value: account({ positions: [position()], ...changes }) },
  });
const close = (changes: Partial<Order> = {}) => order({ ...CLOSE, ...SILENT, ...changes });

Deno.test("a slow reading says something of now for a while, a failed one never does", () => {
  assert.equal(isReadingFresh(seenWith({ atMs: T0 - 15 * SECOND })), true);
  assert.equal(isReadingFresh(seenWith({ atMs: T0 - 15 * SECOND - 1 })), false);
  assert.equal(isReadingFresh(observation({ account: FAILED })), false);
});

Deno.test("a close is missing only where a reading that could show it shows the whole leg", () => {
  const cases: readonly [string, boolean, Parameters<typeof isCloseMissing>][] = [
    ["the leg stands as the book says", true, [seenWith(), close(), 5]],
    ["the venue holds more", true, [seenWith(), close(), 3]],
    ["part of the leg has gone: its trades are on their way", false, [seenWith(), close(), 6]],
    ["the leg has gone", false, [seenWith({ positions: [] }), close(), 5]],
    ["another leg stands", false, [
      seenWith({ positions: [position({ side: "SHORT" })] }),
      close(),
      5,
    ]],
    ["the book holds nothing", false, [seenWith(), close(), 0]],
    ["it rests", false, [seenWith({ openOrders: [shown()] }), close(), 5]],
    ["another order rests", true, [
      seenWith({ openOrders: [shown({ clientId: "x" })] }),
      close(),
      5,
    ]],
    ["it is acknowledged", false, [seenWith(), close({ state: "open", ackMs: T0 }), 5]],
    ["it has only just been sent", false, [seenWith(), close({ sentMs: T0 - SECOND }), 5]],
    ["it is being taken back, unheard", true, [seenWith(), close({ state: "cancelling" }), 5]],
    ["it is being taken back, and was there", false, [
      seenWith(),
      close({ state: "cancelling", ackMs: T0 - 9 * SECOND }),
      5,
    ]],
    ["the reading is from before it", false, [seenWith({ atMs: T0 - 11 * SECOND }), close(), 5]],
    ["nothing is read, and it is long silent", true, [BLIND, close(), 5]],
    ["the reading is very old", true, [seenWith({ atMs: T0 - 16 * SECOND }), close(), 5]],
    ["nothing is read, and it may still arrive", false, [
      BLIND,
      close({ sentMs: T0 - 4 * SECOND }),
      5,
    ]],
    ["nothing is read, and it may rest", false, [BLIND, close({ kind: "limit", tif: "GTX" }), 5]],
    ["nothing is read, and it was acknowledged", false, [BLIND, close({ state: "open" }), 5]],
    ["it opens", false, [seenWith(), close({ effect: "open" }), 5]],
  ];
  for (const [what, expected, given] of cases) {
    assert.equal(isCloseMissing(...given), expected, what);
  }
});

Deno.test("a stop is missing where its leg has none of its kind, whoever placed the one there is", () => {
  const stop = close({ kind: "stop_market", closePosition: true });
  const foreign = shown({ kind: "stop_market", clientId: "theirs", lots: 0 });
  assert.equal(isStopMissing(seenWith(), stop), true);
  assert.equal(isStopMissing(seenWith({ openOrders: [foreign] }), stop), false);
  const bridge = { ...foreign, lots: 5 };
  assert.equal(isStopMissing(seenWith({ openOrders: [bridge] }), stop), true, "it closes a part");
  assert.equal(
    isStopMissing(seenWith({ openOrders: [{ ...foreign, ticker: BTC, side: "SHORT" }] }), stop),
    true,
  );
});

const KILLED_ROUTE = route({
  id: "r:x-1",
  effect: "close",
  urgent: true,
  exitReason: "sl",
  lots: 5,
  clientIds: ["c-1"],
  step: { kind: "market", clientId: "c-1", isBanded: false },
});

/** A start after a kill between the row of a due close and the wire. */
function killed(sentS = -10): Memory {
  return freeze({
    ...blankMemory("test00", T0),
    holdings: { [KEY]: holding() },
    registry: {
      [KEY]: guard({ exit: { routeId: "r:x-1", reason: "sl", firstMs: T0 - 10 * SECOND } }),
    },
    routes: { "r:x-1": KILLED_ROUTE },
    orders: { "c-1": close({ ownerId: "r:x-1", sentMs: T0 + sentS * SECOND }) },
  });
}

function tick(memory: Memory, s: number, changes: Parameters<typeof observation>[0] = {}) {
  const nowMs = T0 + s * SECOND;
  const value = account({ positions: [position()], atMs: nowMs });
  const seen = observation({ nowMs, px: 58_000, account: { kind: "read", value }, ...changes });
  const past = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
  const step = protect(freeze({ memory, seen, rules: RULES, past }), { said: [], storage: null });
  return { ...step, memory: freeze(step.memory) };
}

const struck = (commands: readonly Command[]): NewOrder[] =>
  commands.flatMap((command) =>
    command.kind === "place" && command.order.kind === "market" ? [command.order] : []
  );
const flat = { kind: "read", value: account({ atMs: T0 + SECOND }) } as const;

Deno.test("a close that died with its process is followed by another on the first good reading", () => {
  const blind = tick(killed(-2), 0, { account: FAILED });
  assert.deepEqual(struck(blind.commands), [], "a failed reading proves nothing");
  const first = tick(killed(), 0);
  const [again] = struck(first.commands);
  assert.deepEqual([again!.effect, again!.lots], ["close", 5]);
  assert.notEqual(again!.clientId, "c-1");
  assert.ok(
    first.events.some((row) => row.kind === "exit_forced" && row.reason === "order_missing"),
  );
  assert.deepEqual(first.memory.routes["r:x-1"]!.leftIds, ["c-1"]);
  assert.equal(first.memory.orders["c-1"]!.state, "unknown", "it is not called lost yet");
  const next = tick(first.memory, 1);
  assert.deepEqual(struck(next.commands), [], "one at a time while the new one is not missing");
});

Deno.test("whichever of two closes fills, the fill is booked once and the route waits for both", () => {
  for (const filling of ["the old one", "the new one"]) {
    const first = tick(killed(), 0);
    const ids = { old: "c-1", new: struck(first.commands)[0]!.clientId };
    const [id, other] = filling === "the old one" ? [ids.old, ids.new] : [ids.new, ids.old];
    const atMs = T0 + SECOND;
    const events: VenueEvent[] = [
      { kind: "trade", trade: trade({ id: 9, clientId: id, effect: "close", lots: 5, atMs }) },
      { kind: "done", clientId: id, status: "filled", executedLots: 5, atMs },
    ];
    const filled = tick(first.memory, 1, { account: flat, events });
    assert.equal(filled.memory.holdings[KEY], undefined, filling);
    assert.ok(!filled.events.some(({ kind }) => kind === "route_end"), `${filling}: not over yet`);
    const gone: VenueEvent = {
      kind: "reject",
      clientId: other,
      code: "reduce_only_rejected",
      venueCode: -2022,
      message: "",
      atMs: atMs + 10,
    };
    const over = tick(filled.memory, 2, { account: flat, events: [gone] });
    const ends = over.events.filter((row) => row.kind === "route_end");
    assert.deepEqual(ends.map(({ filledLots, status }) => [filledLots, status]), [[5, "FILLED"]]);
    assert.deepEqual(struck(over.commands), [], `${filling}: there is nothing left to close`);
  }
});

Deno.test("where every close is lost, no more than four are unaccounted for at once", () => {
  let at = killed();
  let sentCount = 0;
  for (let s = 0; s < 60; s += 0.5) {
    const step = tick(at, s);
    at = step.memory;
    sentCount += struck(step.commands).length;
    const open = Object.values(at.orders).filter(({ kind, state }) =>
      kind === "market" && state !== "done"
    );
    assert.ok(open.length <= 4, `${open.length} closes out at ${s} s`);
  }
  assert.equal(sentCount, 3, "no venue answered, so the fifth waits");
  assert.equal(at.routes["r:x-1"]!.leftIds.length, 3);
});
