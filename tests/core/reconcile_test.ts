/**
 * Venue, book, levels and orders against each other, row by row of the table of cases: what is done
 * ends, ends in agreement, and is not done again. The exchange is the simulated one, changed by hand.
 */
import assert from "node:assert/strict";
import type { Observation } from "../../core/ports.ts";
import type { PositionKey, Side } from "../../core/types.ts";
import { BTC, newOrder, T0 } from "../fixtures.ts";
import {
  idOf,
  leg,
  LONG,
  OPEN_STOP,
  type Scene,
  Stage,
  STOP as stop,
  stopOf,
} from "../fixtures_legs.ts";

const SECOND = 1_000;
const SHORT: PositionKey = "BTCUSDT:SHORT";

type Case = Scene & {
  readonly name: string;
  readonly by?: (stage: Stage) => void;
  /** Book and exchange when it is over. */
  readonly held: string;
  readonly shown: string;
  readonly then?: (stage: Stage) => void;
};

const hand = (stage: Stage, side: Side, effect: "open" | "close", lots: number) =>
  stage.venue.exchange.send([{
    kind: "place",
    order: newOrder({
      clientId: "by-hand",
      side,
      effect,
      kind: "market",
      tif: null,
      lots,
      priceTicks: null,
    }),
  }]);
const endOf = ({ events }: Stage) =>
  events.flatMap((event) => event.kind === "episode_end" ? [event] : []);

const CASES: readonly Case[] = [
  {
    name: "venue, book, levels and stop agree: nothing is done",
    positions: [leg()],
    ...OPEN_STOP,
    held: "LONG 5 fill",
    shown: "LONG 5, stop LONG 590000",
    then: ({ commandsCount, events }) => {
      assert.deepEqual([commandsCount, events.filter(({ kind }) => kind !== "account_rule")], [
        0,
        [],
      ]);
    },
  },
  {
    name: "the stop is missing: it is placed",
    positions: [leg()],
    held: "LONG 5 fill",
    shown: "LONG 5, stop LONG 590000",
  },
  {
    name: "the stop is thought to rest and does not: it is asked about and placed anew",
    positions: [leg()],
    remembered: [stop],
    held: "LONG 5 fill",
    shown: "LONG 5, stop LONG 590000",
    then: (stage) => assert.deepEqual(stage.kinds("order_submit"), ["order_submit"]),
  },
  {
    name: "the stop rests at another level: it is moved",
    positions: [leg()],
    remembered: [stopOf({ stopTicks: 570_000 })],
    resting: [stopOf({ stopTicks: 570_000 })],
    held: "LONG 5 fill",
    shown: "LONG 5, stop LONG 590000",
  },
  {
    name: "no levels: they are seeded, the stop is placed",
    positions: [leg()],
    levels: false,
    held: "LONG 5 fill",
    shown: "LONG 5, stop LONG 591600",
    then: ({ memory }) => assert.equal(memory.registry[LONG]!.source, "seed"),
  },
  {
    name: "a foreign leg: it is adopted, seeded and protected",
    book: null,
    positions: [leg({ lots: 7 })],
    held: "LONG 7 adopted",
    shown: "LONG 7, stop LONG 591600",
    then: ({ memory }) => assert.ok(memory.attention[`adopted:${LONG}`] !== undefined),
  },
  {
    name: "trades that the book has not heard of: they are fetched and booked at their price",
    positions: [leg()],
    ...OPEN_STOP,
    by: (stage) => {
      hand(stage, "LONG", "close", 2);
      stage.venue.sleepThrough(SECOND);
    },
    held: "LONG 3 fill",
    shown: "LONG 3, stop LONG 590000",
    then: (stage) => {
      assert.deepEqual(stage.kinds("adjustment"), []);
      assert.deepEqual(stage.kinds("order_close"), ["order_close"]);
    },
  },
  {
    name: "another size that no trade explains: the venue is right, and the symbol rests",
    book: { lots: 9 },
    positions: [leg()],
    ...OPEN_STOP,
    held: "LONG 5 adjustment",
    shown: "LONG 5, stop LONG 590000",
    then: (stage) => {
      assert.deepEqual(stage.kinds("adjustment"), ["adjustment"]);
      assert.ok(stage.memory.attention[`adjusted:${LONG}`] !== undefined);
      const restMs = stage.memory.tempo.cooldownUntilMs[BTC]! - T0;
      assert.ok(restMs > 60 * SECOND, "nothing is added for a minute");
    },
  },
  {
    name: "flat at the venue, closed by hand: the close is booked with its price as external",
    positions: [leg()],
    ...OPEN_STOP,
    by: (stage) => {
      hand(stage, "LONG", "close", 5);
      stage.venue.sleepThrough(SECOND);
    },
    held: "",
    shown: "",
    then: (stage) => {
      const [end] = endOf(stage);
      assert.equal(end!.exitReason, "external");
      assert.ok(Math.abs(end!.exitPx! - 60_000) < 50, "at the price of the trade");
      assert.deepEqual(stage.memory.registry, {});
    },
  },
  {
    name: "flat at the venue and no trade tells why: the episode ends, its stop goes",
    remembered: [stop],
    resting: [stop],
    held: "",
    shown: "",
    then: (stage) => {
      const [end] = endOf(stage);
      assert.deepEqual([end!.exitReason, end!.exitPx, end!.rMultiple], ["external", null, null]);
    },
  },
  {
    name: "a conditional order of ours without a leg: it is taken back",
    book: null,
    resting: [stop],
    held: "",
    shown: "",
    then: (stage) => assert.deepEqual(stage.kinds("order_cancel"), ["order_cancel"]),
  },
  {
    name: "a stop of ours that nobody remembers, for a leg that has none: it is taken up",
    positions: [leg()],
    resting: [stop],
    held: "LONG 5 fill",
    shown: "LONG 5, stop LONG 590000",
    then: ({ memory }) => assert.equal(memory.registry[LONG]!.stop!.clientId, stop.clientId),
  },
  {
    name: "a human's order: it is left alone",
    book: null,
    resting: [{ ...stopOf({ clientId: "my-own-stop" }) }],
    held: "",
    shown: "stop LONG 590000",
    then: ({ commandsCount }) => assert.equal(commandsCount, 0),
  },
  {
    name: "a human's stop on our leg: the leg is not closed for want of one",
    positions: [leg()],
    resting: [stopOf({ clientId: "my-own-stop", stopTicks: 580_000 })],
    held: "LONG 5 fill",
    shown: "LONG 5, stop LONG 580000",
    then: ({ memory }) => assert.equal(memory.registry[LONG]!.exit, null),
  },
  {
    name: "another engine's order: it is left alone, and told as a reason to open nothing",
    book: null,
    resting: [stopOf({ clientId: idOf("other0") })],
    held: "",
    shown: "stop LONG 590000",
    then: ({ memory, commandsCount }) => {
      assert.equal(commandsCount, 0);
      assert.ok(memory.attention.foreign_instance !== undefined);
    },
  },
  {
    name: "turned round outside: the one episode ends, the other leg is adopted and protected",
    positions: [leg({ side: "SHORT", lots: 4 })],
    ...OPEN_STOP,
    held: "SHORT 4 adopted",
    shown: "SHORT 4, stop SHORT 608400",
    then: (stage) => {
      assert.equal(endOf(stage)[0]!.key, LONG);
      assert.deepEqual(Object.keys(stage.memory.registry), [SHORT]);
    },
  },
];

/** Long enough for every question of the table, a stop that is refused again and again included. */
const CONVERGES_S = 45;

for (const { name, by, held, shown, then, ...scene } of CASES) {
  Deno.test(`reconciled: ${name}`, async () => {
    const stage = new Stage(scene);
    by?.(stage);
    await stage.play(CONVERGES_S);
    assert.deepEqual({ held: stage.held, shown: stage.shown }, { held, shown });
    then?.(stage);
    assert.deepEqual(stage.memory.differences, {});
    if (name.includes("human's stop")) return;
    const { commandsCount, events, memory } = stage;
    const told = events.length;
    await stage.play(5);
    assert.deepEqual([stage.commandsCount, stage.events.length], [commandsCount, told], "once");
    assert.deepEqual(stage.memory.registry, memory.registry);
  });
}

Deno.test("reconciled: a read that failed, or an old one, is no evidence of anything", async () => {
  const blind: readonly ((seen: Observation) => Observation)[] = [
    (seen) => ({
      ...seen,
      account: { kind: "failed", fault: { code: "timeout", message: "", retryable: true } },
    }),
    (seen) => ({
      ...seen,
      account: seen.account.kind === "failed" ? seen.account : {
        kind: "read",
        value: { ...seen.account.value, atMs: seen.nowMs - 20 * SECOND },
      },
    }),
  ];
  for (const see of blind) {
    const stage = new Stage({ book: { lots: 9 }, positions: [], ...OPEN_STOP });
    const { holdings, registry } = stage.memory;
    await stage.play(20, see);
    assert.deepEqual(stage.memory.holdings, holdings);
    assert.deepEqual(Object.keys(stage.memory.registry), Object.keys(registry));
    assert.deepEqual(stage.kinds("adjustment", "episode_end", "order_cancel"), []);
  }
});

Deno.test("reconciled: liquidated while nobody watched is told as what it was", async () => {
  const stage = new Stage({ positions: [leg()], ...OPEN_STOP });
  const { desk } = stage.venue.exchange;
  const liquidation = {
    id: 9,
    clientId: "autoclose-9",
    ticker: BTC,
    side: "LONG",
    effect: "close",
    px: 55_000,
    lots: 5,
    feeUsd: 1,
    maker: false,
    realizedUsd: -25,
    atMs: desk.state.nowMs,
    cause: "liquidation",
  } as const;
  desk.patch({ positions: {}, orders: {}, trades: [liquidation], lastTradeId: 9 });
  await stage.play(CONVERGES_S);
  const [end] = endOf(stage);
  assert.deepEqual([end!.exitReason, end!.exitPx], ["liquidation", 55_000]);
  assert.deepEqual([stage.held, stage.memory.registry], ["", {}]);
});
