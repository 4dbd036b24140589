/** The first step of a tick: whatever happens, what is there stays protected. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import type { OperatorCommand } from "../../core/operator.ts";
import { Past } from "../../core/past.ts";
import type { Command, NewOrder, Observation, VenueEvent } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import type { Account, Reading } from "../../core/types.ts";
import { projectAccountBaseline } from "../../state/surfaces/durable.ts";
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
import { observation as seen, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const SECOND = 1_000;
const RULES = rules();
const KEY = "BTCUSDT:LONG";

const reading = (changes: Partial<Account>): Reading<Account> => ({
  kind: "read",
  value: account(changes),
});
const FAILED: Reading<Account> = {
  kind: "failed",
  fault: { code: "timeout", message: "", retryable: true },
};
const holdingLong = reading({ positions: [position()] });

function memory(changes: Partial<Memory> = {}): Memory {
  return freeze({ ...blankMemory("test00", T0), ...changes });
}
const withLeg = (changes: Partial<Memory> = {}): Memory =>
  memory({ holdings: { [KEY]: holding() }, registry: { [KEY]: guard() }, ...changes });

function tick(
  at: Memory,
  observation: Observation,
  { by = RULES, said = [] }: { by?: typeof RULES; said?: readonly OperatorCommand[] } = {},
) {
  const past = new Past({ baseMs: 60_000, framesMs: [], rules: by });
  return protect(freeze({ memory: at, seen: { ...observation }, rules: by, past }), {
    said,
    storage: null,
  });
}

const placed = (commands: readonly Command[]): NewOrder[] =>
  commands.flatMap((command) => command.kind === "place" ? [command.order] : []);
const kindsOf = (list: readonly { readonly kind: string }[]) => list.map(({ kind }) => kind);

Deno.test("a leg without levels is seeded and gets its stop in the same tick", () => {
  const bare = memory({ holdings: { [KEY]: holding() } });
  const { memory: after, commands } = tick(bare, seen({ account: holdingLong }));
  assert.equal(after.registry[KEY]!.source, "seed");
  const [stop] = placed(commands);
  assert.deepEqual([stop!.kind, stop!.closePosition], ["stop_market", true]);
  assert.ok(stop!.stopTicks! < 600_000);
  assert.ok(after.attention[`adopted:${KEY}`] !== undefined);
});

Deno.test("a level that is reached goes to market in the same tick", () => {
  const { memory: after, commands, events } = tick(
    withLeg(),
    seen({ px: 58_990, account: holdingLong }),
  );
  const exit = placed(commands).find(({ kind }) => kind === "market")!;
  assert.deepEqual([exit.effect, exit.lots, exit.side], ["close", 5, "LONG"]);
  assert.equal(after.registry[KEY]!.exit?.reason, "sl");
  assert.ok(kindsOf(events).includes("exit_trigger"));
});

Deno.test("a failed read is no evidence: nothing is taken over, nothing is called flat", () => {
  let at = withLeg();
  for (let s = 0; s < 60; s += 5) {
    const step = tick(at, seen({ nowMs: T0 + s * SECOND, account: FAILED }));
    at = freeze(step.memory);
    assert.deepEqual(at.holdings, withLeg().holdings);
    assert.ok(at.registry[KEY] !== undefined);
  }
  assert.equal(at.pulse.accountOk, false);
});

Deno.test("exits run while the account cannot be read", () => {
  const { commands } = tick(withLeg(), seen({ px: 58_990, account: FAILED }));
  assert.ok(placed(commands).some(({ kind }) => kind === "market"));
});

Deno.test("after a gap everything that may have moved is asked for again", () => {
  const working = withLeg({ orders: { "c-1": order() } });
  const { commands } = tick(working, seen({ gap: true, account: holdingLong }));
  const kinds = new Set(kindsOf(commands));
  for (const kind of ["query_trades", "query_income", "query_order"]) {
    assert.ok(kinds.has(kind), kind);
  }
});

const fill = (id: number, lots = 5): VenueEvent => ({ kind: "trade", trade: trade({ id, lots }) });

Deno.test("a trade is booked once, however often and late it is told", () => {
  const working = memory({ orders: { "c-1": order() }, routes: { "r:e-1": waiting() } });
  const first = tick(working, seen({ events: [fill(7), fill(7)], account: holdingLong }));
  assert.equal(first.memory.holdings[KEY]!.lots, 5);
  const again = tick(freeze(first.memory), seen({ events: [fill(7)], account: holdingLong }));
  assert.equal(again.memory.holdings[KEY]!.lots, 5);
  assert.equal(again.memory.cash.feesUsd, first.memory.cash.feesUsd);
  assert.equal(first.memory.registry[KEY]!.source, "intent", "levels came with the entry");
});

function waiting() {
  const step = {
    kind: "maker",
    clientId: "c-1",
    sinceMs: T0,
    nextCheckMs: T0 + 5 * SECOND,
    wideSinceMs: null,
    cancelReason: null,
  } as const;
  return route({ clientIds: ["c-1"], step });
}

Deno.test("what an exit left over is closed without waiting for the next screening", () => {
  const exit = { routeId: "r:gone", reason: "sl", firstMs: T0 } as const;
  const at = withLeg({ registry: { [KEY]: guard({ exit }) } });
  const flat = seen({ account: holdingLong, market: { ...seen().market, market: () => null } });
  const blocked = tick(at, flat);
  assert.ok(blocked.memory.pulse.wakeMs <= T0 + SECOND, "tried again in a second");
  const again = tick(freeze(blocked.memory), seen({ nowMs: T0 + SECOND, account: holdingLong }));
  assert.ok(placed(again.commands).some(({ kind, lots }) => kind === "market" && lots === 5));
});

Deno.test("a pause takes working entries back and leaves exits alone", () => {
  const paused = { state: "PAUSED", sinceMs: T0, by: "operator", reason: null } as const;
  const working = { orders: { "c-1": order() }, routes: { "r:e-1": waiting() }, operator: paused };
  const entering = tick(memory(working), seen());
  assert.ok(kindsOf(entering.commands).includes("cancel"));
  const exit = { ...waiting(), effect: "close" } as const;
  const leaving = tick(
    withLeg({ ...working, routes: { "r:e-1": exit } }),
    seen({ account: holdingLong }),
  );
  assert.ok(!leaving.commands.some((command) => command.kind === "cancel"));
});

Deno.test("levels of a leg that is gone go, and its stop is cancelled", () => {
  const stop = order({
    clientId: "s-1",
    ownerId: KEY,
    kind: "stop_market",
    closePosition: true,
    stopTicks: 590_000,
    effect: "close",
    tif: null,
    lots: 0,
  });
  const guarded = { [KEY]: guard({ stop: { clientId: "s-1", stopTicks: 590_000 } }) };
  const { memory: after, commands } = tick(
    memory({ registry: guarded, orders: { "s-1": stop } }),
    seen(),
  );
  assert.deepEqual(after.registry, {});
  assert.ok(commands.some((command) => command.kind === "cancel" && command.clientId === "s-1"));
});

Deno.test("a symbol rests after a stop-loss, not after a target", () => {
  for (const reason of ["sl", "tp"] as const) {
    const exit = route({
      id: "r:x",
      effect: "close",
      exitReason: reason,
      clientIds: ["c-1"],
      step: { kind: "market", clientId: "c-1", isBanded: false },
    });
    const leaving = withLeg({
      orders: { "c-1": order({ ownerId: "r:x", effect: "close", tif: null, kind: "market" }) },
      routes: { "r:x": exit },
    });
    const events: VenueEvent[] = [{ kind: "trade", trade: trade({ id: 9, effect: "close" }) }];
    const { memory: after } = tick(leaving, seen({ events }));
    assert.deepEqual(Object.keys(after.tempo.cooldownUntilMs), reason === "sl" ? [BTC] : []);
    assert.deepEqual(Object.values(after.closes).map((close) => close.reason), [reason]);
  }
});

Deno.test("money that comes in is no profit, and moves the baselines once", () => {
  const income = { id: 1, type: "transfer", ticker: null, side: null, usd: 500, atMs: T0 } as const;
  const before = tick(memory(), seen()).memory;
  const told = seen({
    nowMs: T0 + SECOND,
    events: [{ kind: "income", income }, { kind: "income", income }],
    account: reading({ atMs: T0 + SECOND, walletQty: { USDT: 10_500 } }),
  });
  const after = tick(freeze(before), told).memory;
  assert.equal(after.cash.transfersUsd, 500);
  assert.deepEqual(after.transfers, [{ id: 1, usd: 500, atMs: T0 }]);
  assert.equal(after.cash.realizedUsd, 0);
  assert.equal(after.nav.peakUsd, 10_500);
  const past = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
  const shown = projectAccountBaseline(
    publishedOf({ memory: after, seen: told, rules: RULES, past }),
  );
  const ts = new Date(T0).toISOString();
  assert.deepEqual(shown.transfers_applied, [{ id: "1", ts, usd: 500 }]);
  assert.equal(shown.day_start_ts, ts);
  assert.equal(after.nav.pending, null);
});

Deno.test("what the engine has booked explains a step of NAV, once", () => {
  const gain = { id: 1, type: "funding", ticker: null, side: null, usd: 30_000, atMs: T0 } as const;
  const rich = (s: number) => reading({ atMs: T0 + s * SECOND, walletQty: { USDT: 40_000 } });
  let at = freeze(tick(memory(), seen()).memory);
  for (let s = 1; s <= 3; s++) {
    const events: VenueEvent[] = s === 1 ? [{ kind: "income", income: gain }] : [];
    at = freeze(tick(at, seen({ nowMs: T0 + s * SECOND, events, account: rich(s) })).memory);
    assert.deepEqual([at.nav.level?.navUsd, at.nav.pending], [40_000, null]);
  }
  const jump = reading({ atMs: T0 + 9 * SECOND, walletQty: { USDT: 70_000 } });
  const held = freeze(tick(at, seen({ nowMs: T0 + 9 * SECOND, account: jump })).memory);
  assert.equal(held.nav.pending?.navUsd, 70_000);
  const late = { ...gain, id: 2 };
  const after = tick(
    held,
    seen({
      nowMs: T0 + 10 * SECOND,
      events: [{ kind: "income", income: late }],
      account: reading({ atMs: T0 + 10 * SECOND, walletQty: { USDT: 70_000 } }),
    }),
  );
  assert.equal(after.memory.nav.pending, null, "explained later is explained");
});

Deno.test("what protect asks to be woken for lies in the future, and never after a screening", () => {
  const patient = guard({ levels: { ...guard().levels, maxHoldMs: 3_600_000 * SECOND } });
  const unscreened = { ...memory().pulse, nextScreenMs: T0 - SECOND };
  for (
    const at of [
      memory(),
      withLeg(),
      withLeg({ registry: { [KEY]: patient }, pulse: unscreened }),
      withLeg({ orders: { "c-1": order({ state: "sent", ackMs: null }) } }),
    ]
  ) {
    const { memory: after } = tick(at, seen({ account: holdingLong }));
    assert.ok(after.pulse.wakeMs > T0);
    assert.ok(after.pulse.wakeMs <= T0 + RULES.screenMs);
  }
});

const stopOrder = (changes: Parameters<typeof order>[0] = {}) =>
  order({
    clientId: "s-1",
    ownerId: KEY,
    kind: "stop_market",
    closePosition: true,
    effect: "close",
    tif: null,
    lots: 0,
    stopTicks: 590_000,
    ...changes,
  });
const stopped = (changes: Parameters<typeof order>[0] = {}) =>
  withLeg({
    orders: { "s-1": stopOrder(changes) },
    registry: { [KEY]: guard({ stop: { clientId: "s-1", stopTicks: 590_000 } }) },
  });

Deno.test("a stop nobody knows of is replaced once a fresh reading does not show it", () => {
  const silent = { state: "unknown", ackMs: null, sentMs: T0 - 10 * SECOND } as const;
  const asked = { nextMs: T0 + 9_000, waitMs: 4_000, notFoundCount: 0, firstNotFoundMs: null };
  const lost = stopped({ ...silent, query: asked });
  const positions = [position()];
  const placesStop = (account: Reading<Account>) =>
    placed(tick(lost, seen({ account })).commands).some(({ kind }) => kind === "stop_market");
  assert.equal(placesStop(reading({ positions })), true);
  const resting = { ...newOrder({ kind: "stop_market", clientId: "s-1", lots: 0 }), filledLots: 0 };
  assert.equal(placesStop(reading({ positions, openOrders: [resting] })), false);
  assert.equal(placesStop(reading({ positions, atMs: T0 - 60 * SECOND })), false);
  assert.equal(placesStop(FAILED), false);
});

Deno.test("the dead-man switch is held while quotes rest, and let go after them", () => {
  const quoting = memory({ orders: { "c-1": order() }, routes: { "r:e-1": waiting() } });
  const switches = (step: ReturnType<typeof tick>) =>
    step.commands.flatMap((command) => command.kind === "dead_man" ? [command.timeoutMs] : []);
  const first = tick(quoting, seen());
  assert.deepEqual(switches(first), [60 * SECOND]);
  const at = (step: ReturnType<typeof tick>, s: number) =>
    tick(freeze(step.memory), seen({ nowMs: T0 + s * SECOND }));
  const calm = at(first, 4);
  assert.deepEqual(switches(calm), []);
  assert.ok(calm.memory.pulse.wakeMs <= T0 + 20 * SECOND, "it is renewed in time");
  assert.deepEqual(switches(at(first, 20)), [60 * SECOND]);
  const over = tick(memory({ pulse: first.memory.pulse }), seen({ nowMs: T0 + SECOND }));
  assert.deepEqual(switches(over), [0]);
});

Deno.test("the day's sums begin anew at midnight, without anything being booked", () => {
  const yesterday = { day: "2026-01-04", realizedUsd: -3, feesUsd: 9, fundingUsd: 1 };
  const at = (nowMs: number, beforeMs: number) => {
    const blank = memory({ dayCash: yesterday });
    const pulse = { ...blank.pulse, nowMs: beforeMs };
    return tick(freeze({ ...blank, pulse }), seen({ nowMs })).memory.dayCash;
  };
  assert.deepEqual(at(T0 - 1, T0 - 20 * 60 * SECOND), yesterday);
  assert.deepEqual(at(T0, T0 - 1), {
    day: "2026-01-05",
    realizedUsd: 0,
    feesUsd: 0,
    fundingUsd: 0,
  });
});

Deno.test("errors of the venue are counted, refusals that belong to the game are not", () => {
  const heard = (code: Extract<VenueEvent, { kind: "reject" }>["code"]): VenueEvent => ({
    kind: "reject",
    clientId: "c-1",
    code,
    venueCode: null,
    message: "",
    atMs: T0,
  });
  const quoting = memory({ orders: { "c-1": order() } });
  const errorsAfter = (changes: Partial<Observation>) =>
    tick(quoting, seen(changes)).memory.tempo.errorsMs;
  assert.deepEqual(errorsAfter({ events: [heard("insufficient_margin")] }), [T0]);
  assert.deepEqual(errorsAfter({ events: [heard("unavailable")] }), [T0]);
  assert.deepEqual(errorsAfter({ events: [heard("post_only_would_take")] }), []);
  const fault = { code: "timeout", message: "", retryable: true };
  assert.deepEqual(errorsAfter({ faults: [fault, fault] }), [T0, T0]);
});

Deno.test("a human opens what is latched; every command is answered", () => {
  const level = { navUsd: 6_000, walletUsd: 6_000, unrealizedUsd: 0, atMs: T0 };
  const blank = memory().nav;
  const latched = memory({
    nav: { ...blank, level, highUsd: 10_000, latch: { sinceMs: T0, ddFrac: 0.4 } },
  });
  const say = (at: Memory, id = 7) => {
    const order = { kind: "ack", what: "nav_drawdown_limit" } as const;
    const said = [{ id, by: "me", reason: "seen", order }];
    const step = tick(at, seen({ account: FAILED }), { said });
    const answers = step.events.filter((event) => event.kind === "operator");
    assert.deepEqual(answers.map((answer) => [answer.id, answer.by, answer.reason]), [
      [id, "me", "seen"],
    ]);
    return { ...step, done: answers[0]!.done, note: answers[0]!.note };
  };
  const opened = say(latched);
  assert.equal(opened.done, true, opened.note);
  assert.deepEqual([opened.memory.nav.latch, opened.memory.nav.highUsd], [null, 6_000]);
  assert.match(say(freeze(opened.memory)).note, /not latched/);
  assert.match(say(memory()).note, /never been read/);
  const pending = { navUsd: 1, previousUsd: 2, count: 1, sinceMs: T0, lastMs: T0 };
  const doubted = say(freeze({ ...latched, nav: { ...latched.nav, pending } }));
  assert.equal(doubted.done, false);
  assert.match(doubted.note, /anomaly/);
  assert.deepEqual(doubted.memory.nav.latch, latched.nav.latch);
});
