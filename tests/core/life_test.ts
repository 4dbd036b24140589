/** The life of a leg's levels, event by event: where they come from, what moves them, when they go. */
import assert from "node:assert/strict";
import { clientOrderId } from "../../core/ids.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Observation, VenueEvent } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import type { PositionKey, Trade, VenuePosition } from "../../core/types.ts";
import {
  account,
  BTC,
  freeze,
  guard,
  holding,
  levels,
  order,
  position,
  route,
  T0,
  trade,
} from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const SECOND = 1_000;
const HOUR = 3_600_000;
const KEY: PositionKey = "BTCUSDT:LONG";

/** An entry is under way, with or without a leg that is there already. */
function life(changes: Partial<Memory> = {}, entry = levels()): Memory {
  const blank = blankMemory("test00", T0);
  return freeze({
    ...blank,
    pulse: { ...blank.pulse, phase: "run" },
    routes: { "r:e-1": route({ levels: entry, lots: 9 }) },
    orders: { "c-1": order({ lots: 9 }) },
    ...changes,
  });
}

const OPEN: Partial<Memory> = {
  holdings: { [KEY]: holding() },
  registry: { [KEY]: guard({ stop: { clientId: "s-1", stopTicks: 590_000 } }) },
};
const RESTING = order({
  clientId: "s-1",
  ownerId: KEY,
  intentId: null,
  effect: "close",
  kind: "stop_market",
  lots: 0,
  closePosition: true,
  stopTicks: 590_000,
});

type Reading = Observation["account"];
const read = (positions: readonly VenuePosition[], atMs = T0): Reading => ({
  kind: "read",
  value: account({ positions, atMs }),
});
const FAILED: Reading = {
  kind: "failed",
  fault: { code: "timeout", message: "", retryable: true },
};

function tick(
  at: Memory,
  trades: readonly Partial<Trade>[],
  shown: readonly VenuePosition[] | Reading,
  nowMs = T0,
) {
  const events = trades.map((one, i): VenueEvent => ({
    kind: "trade",
    trade: trade({ id: i + 1, ...one }),
  }));
  const reading = "kind" in shown ? shown : read(shown, nowMs);
  const seen = observation({ nowMs, events, account: reading });
  const step = protect(freeze({ memory: at, seen, rules: RULES, past: PAST }));
  return {
    ...step,
    guard: step.memory.registry[KEY],
    changes: step.events.flatMap((event) => event.kind === "registry" ? [event.change] : []),
    cancelled: step.commands.flatMap((command) =>
      command.kind === "cancel" ? [command.clientId] : []
    ),
    placed: step.commands.flatMap((command) => command.kind === "place" ? [command.order] : []),
  };
}

Deno.test("an entry that has not filled has no levels in the registry", () => {
  const { guard: none, changes } = tick(life(), [], []);
  assert.deepEqual([none, changes], [undefined, []]);
});

Deno.test("the first fill registers the levels the entry was approved with, and places the stop", () => {
  const step = tick(life({}, levels({ slPx: 59_500, tpPx: 63_000 })), [{ lots: 3 }], [
    position({ lots: 3 }),
  ]);
  assert.deepEqual(step.changes, ["registered"]);
  assert.deepEqual([step.guard!.levels.slPx, step.guard!.levels.tpPx], [59_500, 63_000]);
  assert.deepEqual([step.guard!.source, step.guard!.lots], ["intent", 3]);
  const stops = step.placed.filter(({ closePosition }) => closePosition);
  assert.deepEqual(stops.map(({ kind, stopTicks }) => [kind, stopTicks]), [
    ["stop_market", 595_000],
  ]);
});

Deno.test("what is added makes the stop tighter or leaves it, and never wider", () => {
  const added = (slPx: number | null) =>
    tick(life(OPEN, levels({ slPx, tpPx: 70_000 })), [{ lots: 4 }], [position({ lots: 9 })]);
  const tighter = added(59_400);
  assert.deepEqual(tighter.changes, ["tightened"]);
  assert.deepEqual(
    [tighter.guard!.levels.slPx, tighter.guard!.levels.tpPx, tighter.guard!.lots],
    [59_400, levels().tpPx, 9],
  );
  for (const slPx of [58_000, 59_000, null]) {
    const same = added(slPx);
    assert.deepEqual([same.changes, same.guard!.levels.slPx], [[], levels().slPx]);
  }
});

Deno.test("a part that is closed leaves levels and stop as they are", () => {
  const step = tick(
    life({ ...OPEN, routes: {}, orders: { "s-1": RESTING } }),
    [{ effect: "close", lots: 2, clientId: "by-hand" }],
    [position({ lots: 3 })],
  );
  assert.deepEqual([step.changes, step.cancelled, step.placed], [[], [], []]);
  assert.deepEqual([step.guard!.lots, step.guard!.levels.slPx], [3, levels().slPx]);
});

Deno.test("a leg that is flat loses its levels, and its stop is taken back", () => {
  const step = tick(
    life({ ...OPEN, routes: {}, orders: { "s-1": RESTING } }),
    [{ effect: "close", lots: 5, clientId: "by-hand" }],
    [],
  );
  assert.deepEqual([step.changes, step.guard, step.cancelled], [["removed"], undefined, ["s-1"]]);
});

Deno.test("what the book alone calls flat keeps its stop until a reading agrees", () => {
  const close = { effect: "close", lots: 5, clientId: "by-hand", atMs: T0 } as const;
  const at = life({ ...OPEN, routes: {}, orders: { "s-1": RESTING } });
  const doubts: readonly (readonly [string, Reading])[] = [
    ["a read that failed", FAILED],
    ["a reading that still shows lots", read([position({ lots: 3 })])],
    ["a reading from before the close", read([], T0 - SECOND)],
    ["an old reading", read([], T0 - 9 * SECOND)],
  ];
  for (const [what, reading] of doubts) {
    const step = tick(at, [close], reading);
    assert.deepEqual([step.cancelled, step.placed, step.changes], [[], [], []], what);
    assert.deepEqual([step.guard!.stop!.clientId, step.guard!.flatSinceMs], ["s-1", T0], what);
    assert.ok(step.memory.pulse.wakeMs <= T0 + SECOND, "it is looked at again soon");
    const later = tick(step.memory, [], [], T0 + SECOND);
    assert.deepEqual([later.cancelled, later.changes, later.guard], [
      ["s-1"],
      ["removed"],
      undefined,
    ]);
  }
});

Deno.test("a leg that comes back while its end is waited for has an episode of its own", () => {
  const flat = tick(
    life({ ...OPEN, routes: {}, orders: { "s-1": RESTING } }),
    [{ effect: "close", lots: 5, clientId: "by-hand" }],
    FAILED,
  );
  const entry = { routes: { "r:e-1": route({ lots: 9 }) }, orders: { "c-1": order({ lots: 9 }) } };
  const again = tick(
    { ...flat.memory, ...entry },
    [{ id: 9, lots: 4, atMs: T0 + SECOND }],
    FAILED,
    T0 + SECOND,
  );
  assert.deepEqual(again.changes, ["removed", "registered"]);
  assert.deepEqual([again.guard!.lots, again.guard!.flatSinceMs], [4, null]);
  assert.notEqual(again.guard!.episodeId, guard().episodeId);
});

Deno.test("an episode is judged by the levels it began with, however its stop was moved", () => {
  const added = tick(life(OPEN, levels({ slPx: 59_400 })), [{ lots: 4, feeUsd: 0, px: 60_000 }], [
    position({ lots: 9 }),
  ]);
  assert.deepEqual([added.guard!.levels.slPx, added.guard!.initialLevels.slPx], [59_400, 59_000]);
  const { events } = tick(
    added.memory,
    [{
      id: 9,
      effect: "close",
      lots: 9,
      px: 61_000,
      realizedUsd: 9,
      clientId: "by-hand",
      feeUsd: 0,
    }],
    [],
    T0 + SECOND,
  );
  const [ended] = events.flatMap((event) => event.kind === "episode_end" ? [event] : []);
  assert.equal(ended!.slPx, 59_000);
  assert.ok(Math.abs(ended!.rMultiple! - 1) < 1e-3, "a thousand dollars a coin were at risk");
});

Deno.test("what a human closes beside an exit of ours is told as what it was", () => {
  const exit = { routeId: "r:x", reason: "tp", firstMs: T0 } as const;
  const at = life({ ...OPEN, routes: {}, orders: {}, registry: { [KEY]: guard({ exit }) } });
  const reasonOf = (clientId: string) => {
    const { events } = tick(at, [{ effect: "close", lots: 5, clientId }], []);
    return events.flatMap((event) => event.kind === "episode_end" ? [event.exitReason] : []);
  };
  assert.deepEqual(reasonOf("web_1"), ["external"]);
  const own = clientOrderId("test00", { key: "x", child: 0, attempt: 0 });
  assert.deepEqual(reasonOf(own), ["tp"], "an order of ours that nobody remembers any more");
});

Deno.test("an old stop does not shorten the rest that a symbol has already", () => {
  const untilMs = T0 + 5 * HOUR;
  const { tempo } = blankMemory("test00", T0);
  const at = life({
    ...OPEN,
    routes: {},
    tempo: { ...tempo, cooldownUntilMs: { [BTC]: untilMs } },
  });
  const cause = "liquidation" as const;
  const close = {
    effect: "close",
    lots: 5,
    clientId: "x",
    cause,
    atMs: T0 - 100 * SECOND,
  } as const;
  const { memory } = tick(at, [close], []);
  assert.equal(memory.tempo.cooldownUntilMs[BTC], untilMs);
});

Deno.test("trades that come after the venue's size was taken over move money, not the leg", () => {
  const held = holding({ source: "adopted", takenMs: T0 });
  const at = life({
    ...OPEN,
    startedMs: T0 - 60 * SECOND,
    holdings: { [KEY]: held },
    routes: {},
    orders: {},
  });
  const late = tick(at, [{ lots: 5, clientId: "web_1", atMs: T0 - SECOND, feeUsd: 3 }], [
    position(),
  ]);
  assert.deepEqual([late.memory.holdings[KEY]!.lots, late.memory.cash.feesUsd], [5, 3]);
  assert.deepEqual(late.memory.differences, {});
  const part = {
    effect: "close",
    lots: 2,
    clientId: "web_1",
    atMs: T0,
    realizedUsd: 7,
    feeUsd: 1,
  } as const;
  const closed = tick(at, [part], [position()]);
  const { holdings, cash } = closed.memory;
  assert.deepEqual([holdings[KEY]!.lots, cash.realizedUsd, cash.feesUsd], [5, 7, 1]);
  const next = tick(at, [{ ...part, atMs: T0 + 1 }], [position({ lots: 3 })]);
  assert.equal(next.memory.holdings[KEY]!.lots, 3, "what was traded since then moves it");
});

Deno.test("a leg that is opened again inherits nothing, even within one tick", () => {
  const at = life({
    ...OPEN,
    routes: { "r:e-1": route({ levels: levels({ slPx: 57_000, tpPx: null }), lots: 9 }) },
    orders: { "c-1": order({ lots: 9 }), "s-1": RESTING },
  });
  const step = tick(at, [
    { id: 1, effect: "close", lots: 5, clientId: "by-hand" },
    { id: 2, lots: 4, atMs: T0 + 1 },
  ], [position({ lots: 4 })]);
  assert.deepEqual(step.changes, ["removed", "registered"]);
  assert.deepEqual([step.guard!.levels.slPx, step.guard!.source], [57_000, "intent"]);
  assert.notEqual(step.guard!.episodeId, guard().episodeId);
  const bridges = step.placed.filter(({ kind }) => kind === "stop_market");
  assert.deepEqual(
    [step.guard!.stop!.clientId, step.cancelled, bridges.map((one) => [one.lots, one.stopTicks])],
    ["s-1", [], [[4, 570_000]]],
    "the stop of the leg before is moved to the new level, over a bridge",
  );
});

Deno.test("levels stay through a reading that failed or does not show the leg yet", () => {
  const { guard: kept, changes } = tick(life({ ...OPEN, orders: { "s-1": RESTING } }), [], []);
  assert.deepEqual([kept!.levels, changes], [levels(), []]);
});
