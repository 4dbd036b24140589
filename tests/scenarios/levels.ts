/** Where positions leave: every leg has levels from its first moment, its own, and they are obeyed. */
import assert from "node:assert/strict";
import type { Memory } from "../../core/memory.ts";
import type { PositionKey } from "../../core/types.ts";
import type { Decision } from "../../core/executor.ts";
import type { Guard } from "../../core/exits/registry.ts";
import { BTC, ETH, guard, holding, levels, T0 } from "../fixtures.ts";
import {
  closes,
  crossed,
  FAILED,
  first,
  firstOf,
  naked,
  rests,
  type Scenario,
  sentOrders,
} from "./scenario.ts";
import { type Fault, flat, leg, MINUTE, SECOND, type Stage } from "./stage.ts";

const LONG_KEY: PositionKey = "BTCUSDT:LONG";
const SHORT_KEY: PositionKey = "ETHUSDT:SHORT";
const long = leg(BTC, "LONG", { lots: 10, entryPx: 60_000 });
const short = leg(ETH, "SHORT", { lots: 200, entryPx: 3_000 });
const CALM = { BTCUSDT: flat(60_000), ETHUSDT: flat(3_000), SOLUSDT: flat(150) };

const withRegistry = (decision: Decision, registry: Memory["registry"]): Decision => ({
  ...decision,
  memory: { ...decision.memory, registry },
});

/** Levels are seeded from what was written before the start, never from what the exchange shows. */
export const seedsOnlyAtStart: Fault = {
  decides: (decide) => (memory, seen) => {
    const decision = decide(memory, seen);
    const known = Object.entries(decision.memory.registry).filter(([key, { source }]) =>
      source === "intent" || memory.registry[key as PositionKey] !== undefined
    );
    return withRegistry(decision, Object.fromEntries(known));
  },
  sends: (commands, { memory }) =>
    commands.filter((command) =>
      command.kind !== "place" || !command.order.closePosition ||
      memory.registry[`${command.order.ticker}:${command.order.side}`] !== undefined
    ),
};

const bare = (stage: Stage) =>
  first(
    naked(stage),
    firstOf(stage.moments.slice(-1), ({ memory, exchange }) => {
      const missing = Object.keys(exchange.positions).find((key) =>
        memory.registry[key as PositionKey] === undefined
      );
      return missing === undefined ? null : `${missing} without levels`;
    }),
  );

const firstStart: Scenario = {
  what: "positions were there at the first start, no snapshot was, and nothing was seeded",
  setting: { prices: CALM, positions: [long, short] },
  play: async (stage) => {
    await stage.play(3 * MINUTE);
  },
  lost: (stage) =>
    first(bare(stage), crossed(stage.last, LONG_KEY), crossed(stage.last, SHORT_KEY)),
  fault: seedsOnlyAtStart,
  shows: /without/,
};

const newWhileRunning: Scenario = {
  what: "a position that appeared while the engine ran never got levels",
  setting: { prices: CALM },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.byHand({ ticker: ETH, side: "SHORT", effect: "open", lots: 200 });
    await stage.play(2 * MINUTE);
    assert.ok(stage.last.exchange.positions[SHORT_KEY] !== undefined, "it was opened");
  },
  lost: (stage) => first(bare(stage), crossed(stage.last, SHORT_KEY)),
  fault: seedsOnlyAtStart,
  shows: /without/,
};

const startupWithPositions: Scenario = {
  what: "started with open positions the engine slept for ever and managed none",
  setting: {
    prices: { BTCUSDT: [...flat(60_000, 3), ...flat(61_500)], ETHUSDT: flat(3_000) },
    positions: [long],
  },
  play: async (stage) => {
    stage.world = (seen) => ({ ...seen, account: FAILED });
    await stage.play(20 * SECOND);
    stage.world = (seen) => seen;
    await stage.play(8 * MINUTE);
  },
  lost: ({ last }) =>
    last.exchange.positions[LONG_KEY] === undefined
      ? null
      : `${LONG_KEY} passed its target and is still open`,
  fault: { sends: () => [] },
  shows: /still open/,
};

const secondStart: Scenario = {
  what: "a second start seeded what had levels, and put a second stop beside the first",
  setting: {
    prices: { BTCUSDT: [...flat(60_000, 2), ...flat(60_300)], ETHUSDT: flat(3_000) },
    positions: [long, short],
  },
  play: async (stage) => {
    await stage.play(2 * MINUTE);
    stage.restart(30 * SECOND);
    await stage.play(2 * MINUTE);
    stage.restart(SECOND);
    await stage.play(2 * MINUTE);
  },
  lost: (stage) => {
    const stops = sentOrders(stage, rests).length;
    const before = stage.moments.find(({ nowMs }) => nowMs > T0 + MINUTE)!;
    const levelsOf = ({ memory: { registry } }: typeof before) =>
      JSON.stringify(Object.entries(registry).map(([key, one]) => [key, one.levels]));
    return first(
      stops === 2 ? null : `${stops} stops were sent for two legs`,
      levelsOf(before) === levelsOf(stage.last) ? null : "levels moved with a start",
    );
  },
  fault: { remembers: (memory) => ({ ...memory, registry: {}, orders: {} }) },
  shows: /stops were sent|levels moved/,
};

const CRUMB_LOTS = 2;
const crumbs: Fault["sends"] = (commands) =>
  commands.map((command) =>
    command.kind === "place" && closes(command.order)
      ? { ...command, order: { ...command.order, lots: CRUMB_LOTS } }
      : command
  );

/** A close asks for what the leg holds, and levels stay until it holds nothing. */
function whole(stage: Stage, key: PositionKey): string | null {
  const sent = sentOrders(stage, closes);
  const part = sent.find(({ order, heldLots }) => order.lots !== heldLots);
  return first(
    sent.length === 0 ? `${key} was due and nothing left` : null,
    part === undefined ? null : `a close asked for ${part.order.lots} of ${part.heldLots} lots`,
    stage.last.exchange.positions[key] === undefined ? null : `${key} is still open`,
    firstOf(
      stage.moments.slice(3),
      ({ memory, exchange }) =>
        key in exchange.positions && memory.registry[key] === undefined
          ? `${key} lost its levels before it was flat`
          : null,
    ),
  );
}

const stopHit: Scenario = {
  what: "a stop closed the smallest order the exchange takes, and the levels were deleted",
  setting: {
    prices: { BTCUSDT: [...flat(60_000, 3), ...flat(58_500)] },
    positions: [long],
    rules: (rules) => ({ ...rules, exits: { ...rules.exits, venueStops: false } }),
  },
  play: (stage) => stage.play(6 * MINUTE),
  lost: (stage) => whole(stage, LONG_KEY),
  fault: { sends: crumbs },
  shows: /asked for 2 of 10 lots/,
};

const targetHit: Scenario = {
  what: "a short's target was judged by the rule of a long: it left at once, and not for a gain",
  setting: {
    prices: { BTCUSDT: flat(60_000), ETHUSDT: [...flat(3_000, 4), ...flat(2_900)] },
    positions: [short],
  },
  play: (stage) => stage.play(10 * MINUTE),
  lost: (stage) => {
    const bought = stage.trades.filter(({ effect }) => effect === "close");
    const dear = bought.find(({ px }) => px > 2_950);
    const lots = bought.reduce((sum, trade) => sum + trade.lots, 0);
    return first(
      dear === undefined ? null : `${SHORT_KEY} left at ${dear.px}`,
      lots === 200 ? null : `${lots} of 200 lots have left`,
    );
  },
  fault: {
    decides: (decide) => (memory, seen) => {
      const decision = decide(memory, seen);
      return withRegistry(decision, each(decision.memory.registry, mirrored));
    },
  },
  shows: /left at/,
};

/** Stop and target change places, once. */
function mirrored(one: Guard): Guard {
  const { slPx, tpPx } = one.levels;
  const isRight = one.side === "SHORT" && slPx !== null && slPx > one.entryPx;
  return isRight ? { ...one, levels: { ...one.levels, slPx: tpPx, tpPx: slPx } } : one;
}

function each(registry: Memory["registry"], change: (guard: Guard) => Guard): Memory["registry"] {
  return Object.fromEntries(Object.entries(registry).map(([key, one]) => [key, change(one)]));
}

const manualClose: Scenario = {
  what: "a position closed by hand left its levels and its orders behind for ever",
  setting: { prices: CALM, positions: [long, short] },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.byHand({ side: "LONG", effect: "close", lots: 10 });
    await stage.play(2 * MINUTE);
    assert.ok(stage.last.exchange.positions[LONG_KEY] === undefined, "it was closed");
  },
  lost: ({ moments }) => {
    const late = moments.filter(({ nowMs }) => nowMs > T0 + MINUTE + 10 * SECOND);
    const ends = moments.flatMap(({ decision }) => decision.events)
      .filter((event) => event.kind === "episode_end" && event.key === LONG_KEY);
    return first(
      firstOf(late, ({ memory, exchange }) => {
        if (memory.registry[LONG_KEY] !== undefined) return "stale levels of a leg that is gone";
        const order = Object.values(exchange.orders).find(({ ticker }) => ticker === BTC);
        return order === undefined ? null : `stale order ${order.kind} of a leg that is gone`;
      }),
      ends.length === 1 ? null : `its end was told ${ends.length} times`,
    );
  },
  fault: {
    decides: (decide) => (memory, seen) => {
      const decision = decide(memory, seen);
      return withRegistry(decision, { ...memory.registry, ...decision.memory.registry });
    },
  },
  shows: /stale/,
};

/** A key that is in the book again gets the levels it had. */
const inherits: Fault["decides"] = (decide) => {
  const known = new Map<string, Guard["levels"]>();
  return (memory, seen) => {
    const decision = decide(memory, seen);
    const registry = each(decision.memory.registry, (one) => {
      const kept = known.get(`${one.ticker}:${one.side}`) ?? one.levels;
      known.set(`${one.ticker}:${one.side}`, kept);
      return { ...one, levels: kept };
    });
    return withRegistry(decision, registry);
  };
};

const reopened: Scenario = {
  what: "a position opened anew elsewhere inherited the levels of the one before",
  setting: {
    prices: { BTCUSDT: [...flat(60_000, 3), ...flat(63_000)], ETHUSDT: flat(3_000) },
    positions: [long],
  },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.byHand({ side: "LONG", effect: "close", lots: 10 });
    await stage.play(4 * MINUTE);
    stage.byHand({ side: "LONG", effect: "open", lots: 7 });
    await stage.play(3 * MINUTE);
  },
  lost: (stage) => {
    const [left] = sentOrders(stage, closes);
    const opened = stage.trades.filter(({ effect }) => effect === "open");
    assert.ok(opened.length > 0 && opened.every(({ px }) => px > 62_000), "it was opened anew");
    return first(
      left === undefined ? null : "the new position left by the old levels",
      crossed(stage.last, LONG_KEY),
      stage.last.memory.registry[LONG_KEY]?.entryPx! > 62_000 ? null : "the old entry price stays",
    );
  },
  fault: { decides: inherits },
  shows: /old levels|wrong side/,
};

const breachedSeed: Scenario = {
  what: "a seeded stop was breached already: everything was sold at the first scan after a start",
  setting: {
    prices: CALM,
    positions: [leg(BTC, "LONG", { lots: 10, entryPx: 75_000 }), short],
  },
  play: (stage) => stage.play(4 * MINUTE),
  lost: (stage) => {
    const [left] = sentOrders(stage, closes);
    return first(
      left === undefined ? null : `${left.order.ticker} was sold at once`,
      stage.last.memory.attention[`seed_breached:${LONG_KEY}`] === undefined
        ? "nobody is asked what to do with it"
        : null,
      bare(stage),
    );
  },
  fault: {
    decides: (decide) => (memory, seen) => {
      const decision = decide(memory, seen);
      const registry = each(decision.memory.registry, (one) => {
        if (memory.registry[`${one.ticker}:${one.side}`] !== undefined) return one;
        const slPx = one.side === "LONG" ? one.entryPx * 0.986 : one.entryPx * 1.014;
        return { ...one, levels: { ...one.levels, slPx } };
      });
      return withRegistry(decision, registry);
    },
  },
  shows: /sold at once/,
};

const oneWay: Scenario = {
  what: "in one-way mode the side BOTH was read as a short, and longs got the levels of shorts",
  setting: {
    prices: { BTCUSDT: [...flat(60_000, 4), ...flat(61_500)], ETHUSDT: flat(3_000) },
    positions: [long, short],
    positionMode: "one_way",
  },
  play: (stage) => stage.play(9 * MINUTE),
  lost: (stage) =>
    first(
      firstOf(stage.moments, ({ memory, exchange }) => {
        const strange = Object.keys(memory.holdings).find((key) =>
          memory.holdings[key as PositionKey]!.source === "adopted" &&
          !(key in exchange.positions) &&
          !(key in stage.moments[0]!.exchange.positions)
        );
        return strange === undefined ? null : `the book holds ${strange}, the exchange does not`;
      }),
      stage.last.exchange.positions[LONG_KEY] === undefined ? null : `${LONG_KEY} did not leave`,
      "BTCUSDT:SHORT" in stage.last.exchange.positions ? "a close opened the other side" : null,
      crossed(stage.last, SHORT_KEY),
    ),
  fault: {
    sees: (seen) =>
      seen.account.kind === "failed" ? seen : {
        ...seen,
        account: {
          kind: "read",
          value: {
            ...seen.account.value,
            positions: seen.account.value.positions.map((one) => ({ ...one, side: "SHORT" })),
          },
        },
      },
  },
  shows: /the exchange does not/,
};

const HOLD_MS = 3 * MINUTE;

const stuck: Scenario = {
  what: "positions stayed for hours beyond the time they were meant for",
  setting: {
    prices: CALM,
    positions: [long],
    memory: (blank) => ({
      ...blank,
      holdings: { [LONG_KEY]: holding({ lots: 10 }) },
      registry: { [LONG_KEY]: guard({ lots: 10, levels: levels({ maxHoldMs: HOLD_MS }) }) },
    }),
  },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.restart(30 * SECOND);
    await stage.play(7 * MINUTE);
  },
  lost: ({ moments, last }) =>
    first(
      firstOf(moments, ({ nowMs, exchange, memory }) => {
        const isOpen = LONG_KEY in exchange.positions;
        const leaves = memory.registry[LONG_KEY]?.exit != null;
        return isOpen && !leaves && nowMs > T0 + HOLD_MS
          ? `${LONG_KEY} is older than it may become`
          : null;
      }),
      LONG_KEY in last.exchange.positions ? `${LONG_KEY} is still open` : null,
    ),
  fault: {
    decides: (decide) => (memory, seen) => {
      const young = each(memory.registry, (one) => ({ ...one, openedMs: seen.nowMs }));
      return decide({ ...memory, registry: young }, seen);
    },
  },
  shows: /older than it may become/,
};

export const LEVELS = {
  first_start_no_snapshot: firstStart,
  new_position_while_running: newWhileRunning,
  startup_with_positions: startupWithPositions,
  second_start: secondStart,
  stop_hit_closes_the_whole_leg: stopHit,
  target_hit_short: targetHit,
  manual_close_leaves_nothing: manualClose,
  reopened_elsewhere: reopened,
  seeded_stop_breached: breachedSeed,
  one_way_mode: oneWay,
  stuck_beyond_its_time: stuck,
} as const;
