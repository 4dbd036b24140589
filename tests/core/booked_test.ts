/**
 * Every trade and every income row is booked once: in any order, lost, repeated or garbled on its
 * way, and none from before the engine's own start.
 */
import assert from "node:assert/strict";
import {
  type Booked,
  EMPTY_BOOKED,
  isBooked,
  isDue,
  isFull,
  markAsked,
  markBooked,
  markDoubted,
  markVerified,
} from "../../core/booked.ts";
import type { EngineEvent } from "../../core/events.ts";
import type { VenueEvent } from "../../core/ports.ts";
import type { Trade } from "../../core/types.ts";
import { BTC, freeze, guard, holding, order, position, route, T0, trade } from "../fixtures.ts";
import { answers, asked, income, memoryWith, tick, told, traded } from "../fixtures_told.ts";

const KEY = "BTCUSDT:LONG";
const SECOND = 1_000;
const HOUR = 3_600_000;

Deno.test("only an answer proves that nothing is missing, whatever was heard", () => {
  let booked = markBooked(markBooked(EMPTY_BOOKED, 5), 3);
  assert.deepEqual([3, 4, 5].map((id) => isBooked(booked, id)), [true, false, true]);
  assert.equal(markBooked(booked, 5), booked, "twice is once");
  booked = markVerified(booked, 4);
  assert.deepEqual([1, 4, 5, 6].map((id) => isBooked(booked, id)), [true, true, true, false]);
  for (let id = 100; id > 5; id--) booked = markBooked(booked, id);
  assert.equal(booked.verifiedId, 4, "however many are heard");
  assert.equal(markVerified(booked, 3).verifiedId, 4, "an old answer takes nothing back");
  assert.deepEqual(markVerified(booked, 99).recentIds, [100]);
  const many = Array.from({ length: 1_000 }, (_, i) => i + 1);
  assert.equal(isFull(many.reduce(markBooked, EMPTY_BOOKED)), true);
});

Deno.test("a list in doubt is asked for at once, not too often, and until an answer came after", () => {
  const due = (booked: Booked, afterMs: number) => isDue(booked, T0 + afterMs);
  const doubted = markDoubted(EMPTY_BOOKED, T0);
  assert.deepEqual([due(EMPTY_BOOKED, 0), due(doubted, 0)], [false, true]);
  const waiting = markAsked(doubted, T0);
  assert.deepEqual([due(waiting, SECOND), due(waiting, 5 * SECOND)], [false, true]);
  assert.equal(due(markVerified(waiting, 9), HOUR), false);
  const since = markVerified(markDoubted(waiting, T0 + SECOND), 9);
  assert.equal(due(since, 5 * SECOND), true, "what came up meanwhile may not be in the answer");
});

Deno.test("income is booked once each, in whatever order and however often it is told", () => {
  const at = memoryWith({ incomes: { ...EMPTY_BOOKED, verifiedId: 3 } });
  const rows = [income(6, -1), income(4, -10), income(5, 5_000, { type: "transfer" })];
  const { memory, commands } = tick(at, told(...rows, rows[0]!, rows[1]!));
  assert.deepEqual([memory.cash.fundingUsd, memory.cash.transfersUsd], [-11, 5_000]);
  assert.deepEqual(asked(commands, "query_income"), [3], "whether more was told is asked");
});

Deno.test("income that is told while older rows are asked for does not hide them", () => {
  const incomes = [
    income(1, -3),
    income(2, -2_500, { type: "transfer" }),
    income(3, 100, { type: "transfer" }),
  ];
  let step = tick(memoryWith(), [], { gap: true });
  assert.deepEqual(asked(step.commands, "query_income"), [0]);
  const [first] = [step.commands];
  step = tick(step.memory, told(incomes[2]!), { nowMs: T0 + 50 });
  step = tick(step.memory, answers(first, { incomes }, T0 + 60), { nowMs: T0 + 100 });
  const { cash, incomes: booked } = step.memory;
  assert.deepEqual([cash.fundingUsd, cash.transfersUsd, booked.verifiedId], [-3, -2_400, 3]);
});

Deno.test("an income row that cannot be is asked for again, also when its answer is garbled", () => {
  const incomes = [income(4, -7)];
  const at = memoryWith({ incomes: { ...EMPTY_BOOKED, verifiedId: 3 } });
  let step = tick(at, told(income(4, NaN)));
  assert.deepEqual(asked(step.commands, "query_income"), [3]);
  const garbled: VenueEvent = {
    kind: "income_answer",
    afterId: 3,
    incomes: [income(4, NaN)],
    atMs: T0,
  };
  step = tick(step.memory, [garbled], { nowMs: T0 + SECOND });
  assert.deepEqual(asked(step.commands, "query_income"), [], "not in a circle");
  step = tick(step.memory, [], { nowMs: T0 + 5 * SECOND });
  assert.deepEqual(asked(step.commands, "query_income"), [3]);
  step = tick(step.memory, answers(step.commands, { incomes }, T0), { nowMs: T0 + 6 * SECOND });
  assert.equal(step.memory.cash.fundingUsd, -7);
  step = tick(step.memory, [], { nowMs: T0 + 20 * SECOND });
  assert.deepEqual(asked(step.commands, "query_income"), [], "and then no more");
});

Deno.test("income that was lost on its way is found within the hour", () => {
  const incomes = [income(1, -7)];
  let step = tick(memoryWith(), [], { gap: true });
  step = tick(step.memory, answers(step.commands, {}, T0), { nowMs: T0 + SECOND });
  step = tick(step.memory, [], { nowMs: T0 + HOUR });
  step = tick(step.memory, answers(step.commands, { incomes }, T0), { nowMs: T0 + HOUR + SECOND });
  assert.equal(step.memory.cash.fundingUsd, -7);
});

Deno.test("a hundred trades are all booked, told backwards, and an answer is asked to cover them", () => {
  const trades = Array.from({ length: 100 }, (_, i) => trade({ id: 100 - i, lots: 1 }));
  const positions = [position({ lots: 100 })];
  let step = tick(memoryWith(), traded(...trades), { positions });
  assert.equal(step.memory.holdings[KEY]!.lots, 100);
  assert.deepEqual(asked(step.commands, "query_trades"), [0]);
  const covered = answers(step.commands, { trades }, T0);
  step = tick(step.memory, [...traded(...trades), ...covered], { positions, nowMs: T0 + SECOND });
  assert.equal(step.memory.holdings[KEY]!.lots, 100, "and none twice");
  const { verifiedId, recentIds } = step.memory.booked[BTC]!;
  assert.deepEqual([verifiedId, recentIds], [100, []]);
});

/** An exit of a hundred one-lot fills of which one, in the middle, was not told. */
function exitWithHole() {
  const leaving = order({
    clientId: "c-9",
    ownerId: "r:x-1",
    lots: 100,
    effect: "close",
    kind: "market",
  });
  const ownerRoute = route({
    id: "r:x-1",
    lots: 100,
    effect: "close",
    urgent: true,
    levels: null,
    exitReason: "sl",
    step: { kind: "market", clientId: "c-9", isBanded: false },
  });
  const at = memoryWith({
    holdings: { [KEY]: holding({ lots: 100, maxLots: 100 }) },
    registry: {
      [KEY]: guard({ lots: 100, exit: { routeId: "r:x-1", reason: "sl", firstMs: T0 } }),
    },
    orders: { "c-9": leaving },
    routes: { "r:x-1": ownerRoute },
  });
  const trades = Array.from(
    { length: 100 },
    (_, i) => trade({ id: i + 1, lots: 1, effect: "close", clientId: "c-9" }),
  );
  const done: VenueEvent = {
    kind: "done",
    clientId: "c-9",
    status: "filled",
    executedLots: 100,
    atMs: T0,
  };
  const events = [...traded(...trades.filter(({ id }) => id !== 10)), done];
  return { step: tick(at, events), trades };
}

/** The ticks after it, each told what the one before asked for. */
function playOn(
  { step, trades }: { step: ReturnType<typeof tick>; trades: readonly Trade[] },
  seconds: number,
) {
  const events: EngineEvent[] = [];
  const attention = new Set<string>();
  for (let s = 1; s <= seconds; s++) {
    const nowMs = T0 + s * SECOND;
    step = tick(step.memory, answers(step.commands, { trades }, nowMs), { nowMs });
    events.push(...step.events);
    Object.keys(step.memory.attention).forEach((id) => attention.add(id));
  }
  return { ...step, events, attention };
}

Deno.test("a trade that is lost among many is asked for, and the exit ends", () => {
  const { memory } = playOn(exitWithHole(), 5);
  assert.deepEqual([memory.holdings, memory.routes, memory.orders["c-9"]], [{}, {}, undefined]);
  assert.equal(memory.booked[BTC]!.verifiedId, 100);
});

Deno.test("a trade that the venue tells only later is still taken in: its answers proved nothing", () => {
  const { step, trades } = exitWithHole();
  const lagging = playOn({ step, trades: trades.filter(({ id }) => id !== 10) }, 20);
  assert.ok(
    isBooked(lagging.memory.booked[BTC]!, 100) && !isBooked(lagging.memory.booked[BTC]!, 10),
  );
  const nowMs = T0 + 30 * SECOND;
  const events = answers([{ kind: "query_trades", ticker: BTC, afterId: 0 }], { trades }, nowMs);
  const { memory, events: rows } = tick(lagging.memory, events, { nowMs });
  assert.ok(rows.some((event) => event.kind === "order_fill" && event.tradeId === 10));
  assert.deepEqual([memory.orders["c-9"], memory.booked[BTC]!.verifiedId], [undefined, 100]);
});

Deno.test("an order whose trades the venue never tells ends all the same, and says so", () => {
  const { step, trades } = exitWithHole();
  const without = trades.filter(({ id }) => id !== 10);
  const soon = playOn({ step, trades: without }, 30);
  assert.ok(soon.attention.has("orders_unknown"));
  const { memory, events } = playOn({ step, trades: without }, 90);
  assert.deepEqual([memory.holdings, memory.routes, memory.orders["c-9"]], [{}, {}, undefined]);
  const resolved = events.flatMap((event) => event.kind === "order_resolved" ? event.status : []);
  assert.deepEqual(resolved, ["trades_missing"]);
  const late = tick(memory, traded({ ...trades[9]!, realizedUsd: 2 }), {
    nowMs: T0 + 100 * SECOND,
  });
  assert.equal(late.memory.booked[BTC]!.verifiedId, 100);
});

Deno.test("trades and income of before the engine's start are not its own: the leg is adopted", () => {
  const trades = [
    trade({ id: 1, lots: 10, px: 50_000, feeUsd: 1, atMs: T0 - 50 * HOUR }),
    trade({ id: 2, lots: 3, px: 70_000, effect: "close", realizedUsd: 60, atMs: T0 - HOUR }),
  ];
  const incomes = [income(1, -5, { atMs: T0 - 1 }), income(2, 900, { type: "transfer", atMs: 1 })];
  const positions = [position({ lots: 7, entryPx: 50_000 })];
  const lists = { trades, incomes };
  let step = tick(memoryWith(), [], { positions, gap: true });
  for (let s = 1; s <= 5; s++) {
    const nowMs = T0 + s * SECOND;
    step = tick(step.memory, answers(step.commands, lists, nowMs), { positions, nowMs });
    assert.ok(!step.events.some(({ kind }) => kind === "order_fill" || kind === "income"));
  }
  const { holdings, cash, booked, incomes: known } = step.memory;
  assert.deepEqual([holdings[KEY]!.source, holdings[KEY]!.lots], ["adopted", 7]);
  const { startUsd: _start, ...sums } = cash;
  assert.deepEqual(sums, { realizedUsd: 0, feesUsd: 0, fundingUsd: 0, transfersUsd: 0 });
  assert.deepEqual([booked[BTC]!.verifiedId, known.verifiedId], [2, 2]);
});

Deno.test("a trade of a symbol that is not listed at the moment is asked for until it is booked", () => {
  const blind = tick(memoryWith(), traded({ id: 7 }), { isListed: false });
  assert.equal(blind.memory.cash.feesUsd, 0, "its size says nothing");
  assert.deepEqual(asked(blind.commands, "query_trades"), [0]);
  const again = tick(freeze(blind.memory), [], { nowMs: T0 + 6 * SECOND });
  assert.deepEqual(asked(again.commands, "query_trades"), [0], "and again, for it was not booked");
});
