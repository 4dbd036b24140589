/** No leg at the exchange stays without a stop, and no level fires before anybody knew a price. */
import assert from "node:assert/strict";
import type { Observation } from "../../core/ports.ts";
import { T0, trade } from "../fixtures.ts";
import { leg, LONG, OPEN_STOP, Stage, STOP, stopOf } from "../fixtures_legs.ts";

const SECOND = 1_000;

Deno.test("guarded: levels that were invented without a mark never fire at their invention", async () => {
  const blind = (untilMs: number) => (seen: Observation): Observation => {
    if (seen.nowMs >= untilMs || seen.account.kind === "failed") return seen;
    const positions = seen.account.value.positions.map((one) => ({ ...one, mark: null }));
    return {
      ...seen,
      market: { ...seen.market, mark: () => null },
      account: { kind: "read", value: { ...seen.account.value, positions } },
    };
  };
  for (const entryPx of [66_000, 57_000]) {
    const stage = new Stage({ book: null, positions: [leg({ lots: 7, entryPx })] });
    await stage.play(12, blind(T0 + 60 * SECOND));
    assert.deepEqual([stage.held, stage.shown], ["LONG 7 adopted", "LONG 7"], "no stop leaves");
    const { isProvisional, nakedSinceMs } = stage.memory.registry[LONG]!;
    assert.deepEqual([isProvisional, nakedSinceMs !== null], [true, true], "entries stay off");
    await stage.play(40, blind(T0 + 42 * SECOND));
    assert.deepEqual(
      [stage.held, stage.shown],
      ["LONG 7 adopted", "LONG 7, stop LONG 591600"],
      "it is anchored at the first mark",
    );
    assert.deepEqual(stage.kinds("exit_trigger"), []);
    assert.ok(stage.memory.attention[`seed_breached:${LONG}`] !== undefined);
  }
});

Deno.test("guarded: a mark that only the account shows anchors levels as well", async () => {
  const stage = new Stage({ book: null, positions: [leg({ lots: 7, entryPx: 66_000 })] });
  await stage.play(12, (seen) => ({ ...seen, market: { ...seen.market, mark: () => null } }));
  assert.equal(stage.shown, "LONG 7, stop LONG 591600");
  assert.equal(stage.memory.registry[LONG]!.isProvisional, false);
});

Deno.test("guarded: a question that nobody answers keeps no leg unprotected", async () => {
  const stage = new Stage({ book: null, positions: [leg({ lots: 7 })] });
  await stage.play(10, (seen) => ({
    ...seen,
    events: seen.events.filter(({ kind }) => kind !== "trades_answer"),
  }));
  assert.deepEqual([stage.held, stage.shown], ["LONG 7 adopted", "LONG 7, stop LONG 591600"]);
  assert.deepEqual(stage.kinds("adjustment"), ["adjustment"]);
  const { attention, differences } = stage.memory;
  assert.deepEqual([attention[`adopted:${LONG}`] !== undefined, differences], [true, {}]);
});

Deno.test("guarded: a leg that grows all the time is taken over and protected all the same", async () => {
  const stage = new Stage({ book: null, positions: [leg({ lots: 7 })] });
  const { desk } = stage.venue.exchange;
  for (let i = 0; i < 12; i++) {
    desk.patch({ positions: { [LONG]: leg({ lots: 7 + i }) } });
    await stage.play(1);
  }
  assert.ok(stage.held !== "" && stage.shown.includes("stop LONG"), stage.shown);
});

Deno.test("guarded: what the book calls flat and the venue does not keeps a stop throughout", async () => {
  const stage = new Stage({ positions: [leg({ lots: 3 })], ...OPEN_STOP });
  const event = {
    kind: "trade",
    trade: trade({ id: 9, effect: "close", lots: 5, clientId: "by-hand" }),
  } as const;
  await stage.step(SECOND, (seen) => ({ ...seen, events: [event] }));
  assert.equal(stage.held, "");
  for (let i = 0; i < 300; i++) {
    await stage.step(100);
    assert.ok(stage.shown.includes("stop LONG"), `naked after ${i} steps`);
  }
  assert.deepEqual([stage.held, stage.shown], ["LONG 3 adopted", "LONG 3, stop LONG 591600"]);
});

/** Every stop of the leg, at each tick of a move; `crash`: the process dies after that many ticks. */
async function moved(crashAfter: number | null) {
  const low = stopOf({ stopTicks: 570_000 });
  const stage = new Stage({ positions: [leg()], remembered: [low], resting: [low] });
  const steps: string[] = [];
  for (let i = 0; i < 60; i++) {
    await stage.step(100);
    if (i === crashAfter) stage.crash();
    const stops = Object.values(stage.venue.exchange.desk.state.orders);
    const now = stops.map(({ lots, stopTicks }) => `${lots}@${stopTicks}`).toSorted().join(" ");
    if (now !== steps.at(-1)) steps.push(now);
  }
  return { stage, steps };
}

Deno.test("guarded: while a stop is moved one rests at every instant, and one is left", async () => {
  const { stage, steps } = await moved(null);
  assert.deepEqual(steps, [
    "0@570000 5@590000",
    "5@590000",
    "0@590000 5@590000",
    "0@590000",
  ]);
  assert.deepEqual(stage.memory.registry[LONG]!.bridge, null);
  assert.equal(stage.memory.registry[LONG]!.nakedSinceMs, null);
  assert.deepEqual(stage.kinds("exit_trigger", "order_reject"), []);
});

Deno.test("guarded: a process that dies in the middle of it leaves a stop, and goes on", async () => {
  for (let after = 0; after < 12; after++) {
    const { stage, steps } = await moved(after);
    assert.ok(steps.every((stops) => stops !== ""), `naked after a crash in tick ${after}`);
    await stage.play(40);
    assert.equal(stage.shown, "LONG 5, stop LONG 590000", `after a crash in tick ${after}`);
    assert.equal(stage.memory.registry[LONG]!.bridge, null);
  }
});

Deno.test("guarded: a stop that two readings in a row do not show is placed again", async () => {
  const stage = new Stage({ positions: [leg()], ...OPEN_STOP });
  await stage.play(3);
  const seenMs = stage.memory.pulse.sightings[STOP.clientId]!.seenMs;
  assert.equal(
    seenMs,
    stage.venue.exchange.desk.state.nowMs - SECOND,
    "it is looked for each time",
  );
  stage.venue.exchange.desk.patch({ orders: {} });
  await stage.play(1);
  assert.deepEqual(stage.kinds("order_submit"), [], "one reading may be wrong");
  assert.ok(stage.memory.registry[LONG]!.nakedSinceMs !== null, "it is counted from the first on");
  assert.ok(stage.memory.attention[`stop_not_resting:${LONG}`] !== undefined);
  await stage.play(2);
  assert.deepEqual([stage.shown, stage.kinds("order_submit")], [
    "LONG 5, stop LONG 590000",
    ["order_submit"],
  ]);
});
