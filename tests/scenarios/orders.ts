/** Orders: one intent is one position, what closes always leaves, and refusals come to an end. */
import assert from "node:assert/strict";
import type { Observation, VenueEvent } from "../../core/ports.ts";
import type { Memory } from "../../core/memory.ts";
import { keep } from "../../core/dict.ts";
import { type PositionKey, positionKey, type Ticker } from "../../core/types.ts";
import { BTC, T0 } from "../fixtures.ts";
import {
  closes,
  first,
  firstOf,
  naked,
  onlyItsOwnBook,
  opens,
  PROTECT_MS,
  type Scenario,
  sentOrders,
  withLegs,
} from "./scenario.ts";
import { flat, leg, MINUTE, SECOND, type Stage } from "./stage.ts";

const LONG_KEY: PositionKey = "BTCUSDT:LONG";
const long = leg(BTC, "LONG", { lots: 10, entryPx: 60_000 });
const FALL = { BTCUSDT: [...flat(60_000, 3), ...flat(58_500)] };
const noVenueStops: Scenario["setting"]["rules"] = (rules) => ({
  ...rules,
  exits: { ...rules.exits, venueStops: false },
});

const isOpen = (stage: Stage, key: PositionKey) => key in stage.last.exchange.positions;
const traded = (stage: Stage) =>
  assert.ok(
    stage.trades.some(({ effect }) => effect === "open"),
    "the engine has opened something",
  );

const killSwitch: Scenario = {
  what: "the kill switch was on, and the stop was not sent",
  setting: { prices: FALL, positions: [long], rules: noVenueStops },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.say({ kind: "kill" });
    await stage.play(6 * MINUTE);
    assert.equal(stage.last.memory.operator.state, "KILLED");
  },
  lost: (stage) => isOpen(stage, LONG_KEY) ? `${LONG_KEY} fell through its stop` : null,
  fault: {
    sends: (commands, { memory }) =>
      commands.filter(({ kind }) => kind !== "place" || memory.operator.state !== "KILLED"),
  },
  shows: /fell through its stop/,
};

const paper: Scenario = {
  what: "paper mode saw no positions, so nothing it had opened ever left",
  setting: { seed: 3 },
  play: async (stage) => {
    await stage.play(40 * MINUTE);
    traded(stage);
  },
  lost: (stage) =>
    first(
      naked(stage),
      firstOf(stage.moments, ({ memory, exchange }) => {
        const missing = Object.keys(exchange.positions).filter((key) =>
          memory.holdings[key as PositionKey] === undefined
        );
        // A trade is heard some milliseconds after it happened: two legs at once are no accident.
        return missing.length > 1 ? `${missing.join(", ")} are not seen` : null;
      }),
    ),
  fault: { sees: (seen) => withLegs(seen, () => []) },
  shows: /not seen|without a stop/,
};

/** For the first minute after an entry left, nothing that the exchange says of it arrives. */
function deafAfterEntry(stage: Stage): (seen: Observation) => Observation {
  const isOurs = (id: string) =>
    sentOrders(stage, opens).some(({ order }) => order.clientId === id);
  const isAbout = (event: VenueEvent) =>
    event.kind === "trade"
      ? isOurs(event.trade.clientId)
      : (event.kind === "ack" || event.kind === "done") && isOurs(event.clientId);
  return (seen) => ({ ...seen, events: seen.events.filter((event) => !isAbout(event)) });
}

const lateFill: Scenario = {
  what: "an entry filled after the polling had ended: never booked, never protected",
  setting: { seed: 3 },
  play: async (stage) => {
    stage.world = deafAfterEntry(stage);
    await stage.play(40 * MINUTE);
    traded(stage);
  },
  lost: (stage) =>
    first(
      naked(stage),
      firstOf(stage.moments, ({ memory, exchange }) => {
        const strange = Object.keys(exchange.positions).find((key) => {
          const source = memory.registry[key as PositionKey]?.source;
          return source !== undefined && source !== "intent";
        });
        return strange === undefined ? null : `${strange} lost the levels it was approved with`;
      }),
    ),
  fault: {
    sees: (seen, memory) => onlyItsOwnBook(seen, memory),
    decides: (decide) => (memory, seen) =>
      decide({ ...memory, ...forgetful(memory, seen.nowMs) }, seen),
  },
  shows: /without a stop/,
};

const POLL_MS = 2 * SECOND;

/** Entries that have not filled while somebody looked are forgotten. */
function forgetful({ orders, routes }: Memory, nowMs: number): Pick<Memory, "orders" | "routes"> {
  const isLate = (sentMs: number) => nowMs - sentMs > POLL_MS;
  return {
    orders: keep(orders, ({ effect, sentMs }) => effect === "close" || !isLate(sentMs)),
    routes: keep(routes, ({ effect, decidedMs }) => effect === "close" || !isLate(decidedMs)),
  };
}

const doubleOrder: Scenario = {
  what: "one intent became several accepted orders: each silence was answered with another one",
  setting: { seed: 3 },
  play: async (stage) => {
    stage.world = (seen) => ({
      ...seen,
      events: seen.events.filter(({ kind }) => kind !== "ack"),
    });
    await stage.play(40 * MINUTE);
    traded(stage);
  },
  lost: (stage) => {
    const approved = new Map<string, number>();
    for (const event of stage.moments.flatMap(({ decision }) => decision.events)) {
      if (event.kind !== "order_attempt" || event.effect !== "open") continue;
      const key = positionKey(event.ticker, event.side);
      approved.set(key, (approved.get(key) ?? 0) + event.lots);
    }
    for (const { effect, lots, ticker, side } of stage.trades) {
      if (effect !== "open") continue;
      const key = positionKey(ticker, side);
      const left = (approved.get(key) ?? 0) - lots;
      if (left < 0) return `${key}: ${-left} lots more were executed than approved`;
      approved.set(key, left);
    }
    return null;
  },
  fault: {
    sends: (commands) =>
      commands.flatMap((command) =>
        command.kind === "place" && opens(command.order)
          ? [command, {
            ...command,
            order: { ...command.order, clientId: `${command.order.clientId}-again` },
          }]
          : [command]
      ),
  },
  shows: /more were executed than approved/,
};

const CLOSES_MAX = 3;

const refusedForEver: Scenario = {
  what: "a position was there on paper only: its close was refused again and again, for ever",
  setting: { prices: FALL, positions: [long], rules: noVenueStops },
  play: async (stage) => {
    await stage.play(2 * MINUTE + 30 * SECOND);
    // Closed by hand, and the word about it is lost; the price falls before the next reading.
    stage.byHand({ side: "LONG", effect: "close", lots: 10 });
    stage.world = (seen) => ({
      ...seen,
      account: stage.last.seen.account,
      events: seen.events.filter(({ kind }) => kind !== "trade"),
    });
    await stage.play(90 * SECOND);
    stage.world = (seen) => seen;
    await stage.play(4 * MINUTE);
  },
  lost: (stage) => {
    const { length } = sentOrders(stage, closes);
    assert.ok(length > 0, "the close was tried");
    const { memory } = stage.last;
    const late = sentOrders(stage, closes).filter(({ moment }) => moment.nowMs > T0 + 5 * MINUTE);
    return first(
      late.length > CLOSES_MAX ? `what is flat was to be closed ${length} times` : null,
      memory.holdings[LONG_KEY] === undefined ? null : `the book still holds ${LONG_KEY}`,
    );
  },
  fault: {
    sees: (seen, memory) => ({
      ...seen,
      account: memory.holdings[LONG_KEY] === undefined ? seen.account : {
        kind: "read",
        value: { ...account(seen), positions: paperLegs(memory, seen) },
      },
    }),
  },
  shows: /closed \d+ times|still holds/,
};

function account({ account }: Observation) {
  assert.ok(account.kind === "read");
  return account.value;
}

const paperLegs = (memory: Memory, seen: Observation) =>
  account(onlyItsOwnBook({ ...seen, events: [] }, memory)).positions;

const dust: Scenario = {
  what: "a position below the smallest order was closed with more than there was",
  setting: {
    prices: { BTCUSDT: flat(60_000) },
    positions: [leg(BTC, "LONG", { lots: 1, entryPx: 60_000 })],
  },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.say({ kind: "flatten" });
    await stage.play(2 * MINUTE);
  },
  lost: (stage) => {
    const more = sentOrders(stage, closes).find(({ order, heldLots }) => order.lots > heldLots);
    return first(
      more === undefined ? null : `a close asked for ${more.order.lots} of ${more.heldLots} lots`,
      isOpen(stage, LONG_KEY) ? `${LONG_KEY} did not leave` : null,
    );
  },
  fault: {
    sends: (commands) =>
      commands.map((command) =>
        command.kind === "place" && closes(command.order)
          ? { ...command, order: { ...command.order, lots: Math.max(2, command.order.lots) } }
          : command
      ),
  },
  shows: /asked for 2 of 1 lots/,
};

const overcancelled: Scenario = {
  what: "orders that were over were cancelled again and again",
  setting: { seed: 5 },
  play: async (stage) => {
    await stage.play(60 * MINUTE);
    traded(stage);
  },
  lost: ({ moments }) => {
    const over = new Set<string>();
    for (const { seen, sent } of moments) {
      for (const event of seen.events) if (event.kind === "done") over.add(event.clientId);
      for (const command of sent) {
        if (command.kind === "cancel" && over.has(command.clientId)) {
          return `${command.clientId} was cancelled after its end had been told`;
        }
      }
    }
    return null;
  },
  fault: {
    sends: (commands, { seen }) => [
      ...commands,
      ...seen.events.flatMap((event) =>
        event.kind === "done"
          ? [{ kind: "cancel" as const, clientId: event.clientId, ticker: BTC }]
          : []
      ),
    ],
  },
  shows: /cancelled after its end/,
};

const LEGS: readonly (readonly [ticker: string, px: number, lots: number])[] = [
  ["BTCUSDT", 60_000, 10],
  ["ETHUSDT", 3_000, 200],
  ["SOLUSDT", 150, 400],
  ["DOGEUSDT", 0.2, 3_000],
  ["LINKUSDT", 20, 3_000],
  ["LTCUSDT", 100, 6_000],
];
const STAY_MINUTES = 6;

const december: Scenario = {
  what: "six positions, no free slot, a registry lost at a restart: no exits for three days",
  setting: {
    prices: Object.fromEntries(
      LEGS.map(([ticker, px]) =>
        [ticker, [...flat(px, STAY_MINUTES), ...flat(px * 0.97)]] as const
      ),
    ),
    positions: LEGS.map(([ticker, entryPx, lots]) =>
      leg(ticker as Ticker, "LONG", { lots, entryPx })
    ),
  },
  play: async (stage) => {
    const ways: readonly ((memory: Memory) => Memory)[] = [
      (memory) => memory,
      () => stage.moments[0]!.decision.before,
      (memory) => ({ ...memory, registry: {} }),
      () => stage.moments[2]!.memory,
    ];
    for (const [i, left] of ways.entries()) {
      await stage.play((20 + 7 * i) * SECOND);
      stage.restart(i * SECOND, left);
    }
    await stage.play(12 * MINUTE);
  },
  lost: (stage) => {
    const uncovered = firstOf(stage.moments, ({ memory, nowMs }) => {
      const { startedMs } = memory;
      const missing = LEGS.find(([ticker]) => memory.registry[`${ticker}:LONG`] === undefined);
      const isLate = nowMs - startedMs > PROTECT_MS && nowMs < T0 + STAY_MINUTES * MINUTE;
      return missing !== undefined && isLate && !restarted(stage, nowMs)
        ? `${missing[0]} without levels`
        : null;
    });
    return first(
      naked(stage),
      uncovered,
      Object.keys(stage.last.exchange.positions).length === 0
        ? null
        : "positions below their stops are still open",
    );
  },
  fault: {
    remembers: (memory) => ({ ...memory, registry: {} }),
    decides: (decide) => (memory, seen) => {
      const decision = decide(memory, seen);
      const registry = keep(decision.memory.registry, ({ source }) => source === "intent");
      return { ...decision, memory: { ...decision.memory, registry } };
    },
    sends: (commands) =>
      commands.filter((command) => command.kind !== "place" || !command.order.closePosition),
  },
  shows: /without/,
};

/** Within the first seconds of a process. */
function restarted({ moments }: Stage, nowMs: number): boolean {
  const start = moments.findLast(({ seen, nowMs: ms }) => ms <= nowMs && seen.gap);
  return start !== undefined && nowMs - start.nowMs <= PROTECT_MS;
}

export const ORDERS = {
  kill_switch_stops_no_exit: killSwitch,
  paper_behaves_like_live: paper,
  late_fill: lateFill,
  one_intent_one_position: doubleOrder,
  refused_reduce_ends: refusedForEver,
  dust_leaves_exactly: dust,
  cancels_nothing_that_is_over: overcancelled,
  december: december,
} as const;
