/** The life of a leg's levels, event by event: where they come from, what moves them, when they go. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { VenueEvent } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import type { PositionKey, Trade, VenuePosition } from "../../core/types.ts";
import {
  account,
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

function tick(at: Memory, trades: readonly Partial<Trade>[], positions: readonly VenuePosition[]) {
  const events = trades.map((one, i): VenueEvent => ({
    kind: "trade",
    trade: trade({ id: i + 1, ...one }),
  }));
  const seen = observation({ events, account: { kind: "read", value: account({ positions }) } });
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
  assert.deepEqual(step.cancelled, ["s-1"], "the stop of the leg before goes");
});

Deno.test("levels stay through a reading that failed or does not show the leg yet", () => {
  const { guard: kept, changes } = tick(life({ ...OPEN, orders: { "s-1": RESTING } }), [], []);
  assert.deepEqual([kept!.levels, changes], [levels(), []]);
});
