/** All routes of a tick: who goes first, who waits, what takes over, what a refusal leads to. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Command, Observation, RejectCode, VenueEvent } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import { routerModeAt } from "../../core/router/modes.ts";
import { routingOf } from "../../core/routing.ts";
import type { Route } from "../../core/router/route.ts";
import type { Ticker, VenuePosition } from "../../core/types.ts";
import {
  account,
  BTC,
  child,
  ETH,
  freeze,
  guard,
  holding,
  levels,
  order,
  position,
  route,
  ROUTER_RULES,
  T0,
} from "../fixtures.ts";
import { feed } from "../fixtures_nav.ts";
import { observation as seen, rules } from "../fixtures_run.ts";

const FAILED = {
  kind: "failed",
  fault: { code: "timeout", message: "", retryable: true },
} as const;
const SECOND = 1_000;
const HOUR = 3_600_000;
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const KEY = "BTCUSDT:LONG";

/** A quiet account at an instant; NAV is known and nothing is lost. */
function memory(changes: Partial<Memory> = {}, nowMs = T0): Memory {
  const blank = blankMemory("test00", T0);
  const nav = feed([{ navUsd: 10_000, atMs: nowMs }]).memory;
  const pulse = { ...blank.pulse, phase: "run" } as const;
  return freeze({ ...blank, pulse, nav, ...changes });
}

const tick = (at: Memory, observation: Observation) =>
  protect(freeze({ memory: at, seen: observation, rules: RULES, past: PAST }));
const byId = (routes: readonly Route[]): Memory["routes"] =>
  Object.fromEntries(routes.map((one) => [one.id, one]));
const entry = (name: string, changes: Partial<Route> = {}): Route =>
  route({ id: `r:${name}`, intentId: name, ticker: `${name}USDT` as Ticker, lots: 5, ...changes });

/** Tickers that an order left for, in its order; protective stops are not meant. */
const sent = (commands: readonly Command[]): string[] =>
  commands.flatMap((command) =>
    command.kind === "place" && !command.order.closePosition ? [command.order.ticker] : []
  );

Deno.test("inside the trading window many children may work, outside of it few", () => {
  const { modes } = ROUTER_RULES;
  const at = (iso: string) => routerModeAt(Date.parse(iso), modes).name;
  assert.equal(at("2026-01-05T06:00:00Z"), "priority", "a Monday");
  assert.equal(at("2026-01-05T16:59:59Z"), "priority");
  assert.equal(at("2026-01-05T17:00:00Z"), "offpeak");
  assert.equal(at("2026-01-03T12:00:00Z"), "offpeak", "a Saturday");
  assert.equal(at("2026-01-04T12:00:00Z"), "offpeak", "a Sunday");
  const night = { ...modes, startHour: 22, endHour: 4, disabledDays: [] };
  const byNight = (iso: string) => routerModeAt(Date.parse(iso), night).name;
  assert.deepEqual(["21", "22", "03", "04"].map((h) => byNight(`2026-01-05T${h}:00:00Z`)), [
    "offpeak",
    "priority",
    "priority",
    "offpeak",
  ]);
});

Deno.test("places go to closes first, then to whoever has waited longest; urgent ones need none", () => {
  const close = { effect: "close", levels: null } as const;
  const routes = [
    entry("A", { decidedMs: T0 - 1 }),
    entry("B", { decidedMs: T0 - 3 }),
    entry("C", { decidedMs: T0 - 2 }),
    entry("D", { ...close, exitReason: "tp", decidedMs: T0 }),
    entry("E", {
      ...close,
      exitReason: "sl",
      urgent: true,
      step: { kind: "strike", notBeforeMs: T0, isBanded: false },
    }),
  ];
  const legs = ["D", "E"].map((name) => ({ ticker: `${name}USDT` as Ticker }));
  const at = memory({
    routes: byId(routes),
    holdings: Object.fromEntries(legs.map((leg) => [`${leg.ticker}:LONG`, holding(leg)])),
  });
  const observation = seen({
    account: {
      kind: "read",
      value: account({ positions: legs.map((leg) => position(leg)) }),
    },
  });
  const first = tick(at, observation);
  assert.deepEqual(sent(first.commands), [
    "EUSDT",
    "DUSDT",
    "BUSDT",
  ]);
  const waiting = Object.values(first.memory.routes).filter(({ child }) => child.queuedMs !== null);
  assert.deepEqual(waiting.map(({ id }) => id), ["r:A", "r:C"]);
});

Deno.test("an entry that finds no place is given up, a close waits on", () => {
  const working = ["A", "B"].map((name) =>
    entry(name, {
      clientIds: [`c-${name}`],
      child: { ...route().child, startedMs: T0 },
      step: { kind: "taker", clientId: `c-${name}` },
    })
  );
  const orders = Object.fromEntries(["A", "B"].map((name) => [
    `c-${name}`,
    order({ clientId: `c-${name}`, ownerId: `r:${name}`, ticker: `${name}USDT` as Ticker }),
  ]));
  const late = T0 + 120 * SECOND;
  const waits = { ...route().child, queuedMs: T0 };
  const routes = [
    ...working,
    entry("C", { child: waits }),
    entry("D", { child: waits, effect: "close", exitReason: "tp", levels: null }),
  ];
  const leg = { "DUSDT:LONG": holding({ ticker: "DUSDT" as Ticker }) };
  const value = account({ atMs: late, positions: [position({ ticker: "DUSDT" as Ticker })] });
  const after = tick(
    memory({ routes: byId(routes), orders, holdings: leg }, late),
    seen({ nowMs: late, account: { kind: "read", value } }),
  );
  const ended = after.events.flatMap((event) => event.kind === "route_end" ? [event] : []);
  assert.deepEqual(ended.map(({ routeId, reason }) => [routeId, reason]), [[
    "r:C",
    "queue_timeout",
  ]]);
  assert.ok(after.memory.routes["r:D"] !== undefined);
});

Deno.test("a stop that is due takes a quoting close over in its own tick", () => {
  const quoting = route({
    id: "r:x",
    effect: "close",
    exitReason: "tp",
    levels: null,
    lots: 5,
    clientIds: ["c-1"],
    child: { ...route().child, startedMs: T0 },
    step: {
      kind: "maker",
      clientId: "c-1",
      sinceMs: T0,
      nextCheckMs: T0 + 5 * SECOND,
      wideSinceMs: null,
      cancelReason: null,
    },
  });
  const at = memory({
    holdings: { [KEY]: holding({ lots: 9 }) },
    registry: {
      [KEY]: guard({
        lots: 9,
        levels: levels({ slPx: 59_000 }),
        exit: { routeId: "r:x", reason: "tp", firstMs: T0 },
      }),
    },
    routes: { "r:x": { ...quoting, lots: 9 } },
    orders: { "c-1": order({ ownerId: "r:x", effect: "close", lots: 5 }) },
  });
  const value = account({ positions: [position({ lots: 9 })] });
  const after = tick(at, seen({ px: 58_900, account: { kind: "read", value } }));
  const trades = after.commands.filter(({ kind }) => kind === "cancel" || kind === "place")
    .map((command) =>
      command.kind === "place" ? `${command.order.kind} ${command.order.lots}` : "cancel"
    );
  assert.ok(trades.includes("cancel"), "the quote is taken back");
  assert.ok(trades.includes("market 4"), "what the quote does not hold strikes at once");
  assert.equal(after.memory.registry[KEY]!.exit?.reason, "sl");
});

Deno.test("an entry whose leg has gone again is taken back, not opened a second time", () => {
  const sliced = route({
    lots: 180,
    filledLots: 120,
    costPxLots: 120 * 60_000,
    twap: {
      slices: [60, 60, 60],
      startMs: T0 - 60 * SECOND,
      intervalMs: 20 * SECOND,
      begunCount: 2,
      pausedMs: 0,
      pausedSinceMs: null,
      failuresCount: 0,
    },
    step: { kind: "slice", notBeforeMs: T0 },
  });
  const at = (holdings: Memory["holdings"]) =>
    memory({ routes: { [sliced.id]: sliced }, holdings });
  const gone = tick(at({}), seen());
  assert.deepEqual(sent(gone.commands), []);
  const [end] = gone.events.filter(({ kind }) => kind === "route_end");
  assert.ok(end?.kind === "route_end" && end.reason === "revoked" && end.filledLots === 120);
  const value = account({ positions: [position({ lots: 120 })] });
  const held = tick(
    at({ [KEY]: holding({ lots: 120 }) }),
    seen({ account: { kind: "read", value } }),
  );
  assert.deepEqual(sent(held.commands), [BTC], "the next slice goes while the leg is there");
});

Deno.test("an entry under way sends nothing new while nobody knows what is held", () => {
  const step = { kind: "cross", sinceMs: T0, notBeforeMs: T0 } as const;
  const crossing = route({ child: { ...child(), startedMs: T0 }, step });
  const value = (positions: VenuePosition[]) => account({ positions });
  const cases: readonly [string, Partial<Memory>, Parameters<typeof seen>[0], string[]][] = [
    ["the account is known", {}, {}, [BTC]],
    ["a reading failed", {}, { account: FAILED }, []],
    ["a leg differs", {}, {
      account: { kind: "read", value: value([position({ ticker: ETH })]) },
    }, []],
    ["a start is under way", { pulse: blankMemory("test00", T0).pulse }, {}, []],
  ];
  for (const [what, changes, sight, expected] of cases) {
    const step = tick(memory({ routes: { [crossing.id]: crossing }, ...changes }), seen(sight));
    assert.deepEqual(sent(step.commands), expected, what);
    assert.ok(!step.events.some(({ kind }) => kind === "route_end"), `${what}: it waits`);
  }
});

Deno.test("an entry from another market does not go on: too late, or beyond its stop", () => {
  const step = { kind: "quote", sinceMs: T0, notBeforeMs: T0 } as const;
  const endOf = (changes: Partial<Route>, px = 60_000) => {
    const entering = route({ step, ...changes });
    const { events } = tick(memory({ routes: { [entering.id]: entering } }), seen({ px }));
    return events.flatMap((row) => row.kind === "route_end" ? [row.reason] : []);
  };
  const MINUTE = 60 * SECOND;
  assert.deepEqual(endOf({}), []);
  assert.deepEqual(endOf({ decidedMs: T0 - 15 * MINUTE }), []);
  assert.deepEqual(endOf({ decidedMs: T0 - 16 * MINUTE }), ["entry_stale"]);
  const twap = {
    slices: [2, 3],
    startMs: T0 - 16 * MINUTE,
    intervalMs: MINUTE,
    begunCount: 2,
    pausedMs: 0,
    pausedSinceMs: null,
    failuresCount: 0,
  };
  assert.deepEqual(endOf({ decidedMs: T0 - 16 * MINUTE, twap }), [], "its plan ended later");
  assert.deepEqual(
    endOf({ decidedMs: T0 - 18 * MINUTE, twap: { ...twap, startMs: T0 - 18 * MINUTE } }),
    ["entry_stale"],
  );
  assert.deepEqual(endOf({}, 58_990), ["stop_passed"]);
  const close = { effect: "close", decidedMs: T0 - 60 * MINUTE } as const;
  assert.deepEqual(endOf(close, 58_990), ["already_flat"], "a close is never too late");
});

Deno.test("a refusal that another try would meet rests its symbol, a wrong key stops entries", () => {
  const heard = (code: RejectCode): VenueEvent => ({
    kind: "reject",
    clientId: "c-1",
    code,
    venueCode: null,
    message: "",
    atMs: T0,
  });
  const after = (code: RejectCode, effect: "open" | "close" = "open") =>
    tick(memory({ orders: { "c-1": order({ effect }) } }), seen({ events: [heard(code)] }));
  assert.deepEqual(after("insufficient_margin").memory.tempo.cooldownUntilMs, {
    [BTC]: T0 + 60 * SECOND,
  });
  assert.deepEqual(after("insufficient_margin", "close").memory.tempo.cooldownUntilMs, {});
  assert.deepEqual(after("post_only_would_take").memory.tempo.cooldownUntilMs, {});
  for (const code of ["credentials", "position_mode", "restricted"] as const) {
    const { memory: next, events } = after(code);
    assert.deepEqual([next.operator.state, next.operator.by], ["PAUSED", "venue"]);
    assert.match(next.operator.reason ?? "", new RegExp(code));
    assert.ok(
      events.some((event) => event.kind === "account_rule" && event.rule === "entries_paused"),
    );
    assert.ok("entries_paused" in next.attention);
  }
});

Deno.test("what routing knows of a symbol is a function of its record and the minute", () => {
  const around = (nowMs: number) => {
    const at = memory();
    return { memory: { ...at, pulse: { ...at.pulse, nowMs } }, past: PAST, rules: RULES };
  };
  const of = (nowMs: number) => routingOf(around(nowMs), BTC, { isDefensive: false });
  assert.equal(of(T0), of(T0 + 59 * SECOND), "looked at again and again within a minute");
  assert.deepEqual(of(T0 + HOUR).policy, of(T0).policy);
  const tense = routingOf(around(T0), BTC, { isDefensive: true });
  assert.deepEqual([of(T0).policy.offsetBps, tense.policy.offsetBps], [4, 2]);
  assert.equal(of(T0).policy.makerFirst, true);
});
