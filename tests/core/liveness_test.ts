/** The watchers: silence where something is owed is told, silence where nothing is, is not. */
import assert from "node:assert/strict";
import { type Counters, countTick, EMPTY_COUNTERS } from "../../core/diagnostics.ts";
import type { EngineEvent } from "../../core/events.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { liveness } from "../../state/surfaces/liveness.ts";
import { holding, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const NOW = T0 + 10 * 60 * MINUTE;
const RULES = rules();
const PAST = new Past({ baseMs: MINUTE, framesMs: [], rules: RULES });
const { signalsMs, ordersMs, routerMs } = RULES.loop.liveness;

type Case = {
  readonly counters?: Partial<Counters>;
  readonly memory?: Partial<Memory>;
  readonly pulse?: Partial<Memory["pulse"]>;
  readonly startedMs?: number;
};

/** What the watchers say of a process that has run for ten hours, with everything else in order. */
function look({ counters = {}, memory = {}, pulse = {}, startedMs = T0 }: Case) {
  const blank = blankMemory("test00", T0);
  const at: Memory = {
    ...blank,
    pulse: { ...blank.pulse, nowMs: NOW, scanMs: NOW, accountMs: NOW, accountOk: true, ...pulse },
    counters: { ...EMPTY_COUNTERS, ...counters },
    ...memory,
  };
  const seen = observation({ nowMs: NOW });
  const published = publishedOf({ memory: at, seen, rules: RULES, past: PAST });
  return liveness({ ...published, run: { ...published.run, startedMs } });
}

const ago = (ms: number) => NOW - ms;
const level = (atMs: number) => ({
  nav: {
    ...blankMemory("test00", T0).nav,
    level: { navUsd: 1, walletUsd: 1, unrealizedUsd: 0, atMs },
  },
});
/** An entry passed every gate, and this long ago nothing followed. */
const owed = (ms: number): Partial<Counters> => ({
  lastApprovedMs: ago(ms),
  unorderedMs: ago(ms),
  unroutedMs: ago(ms),
});
const paused = { operator: { state: "PAUSED", sinceMs: T0, by: "me", reason: null } } as const;
const held = { holdings: { "BTCUSDT:LONG": holding() } };
const young = { startedMs: ago(MINUTE) };

type Name = "signals" | "orders" | "exits" | "router" | "positions" | "nav";
const TABLE: readonly (readonly [Name, string, Case])[] = [
  ["signals", "ok", { counters: { lastSignalMs: ago(signalsMs) } }],
  ["signals", "idle", { counters: { lastSignalMs: ago(signalsMs + 1) } }],
  ["signals", "never", {}],
  ["signals", "warming", young],
  ["signals", "quiet", { memory: paused }],

  ["orders", "ok", { counters: { ...owed(2 * MINUTE), lastOrderMs: ago(ordersMs) } }],
  ["orders", "idle", { counters: { ...owed(2 * MINUTE), lastOrderMs: ago(ordersMs + 1) } }],
  ["orders", "idle", { counters: { ...owed(ordersMs), lastOrderMs: ago(2 * ordersMs) } }],
  ["orders", "never", { counters: owed(2 * MINUTE) }],
  ["orders", "warming", { ...young, counters: owed(MINUTE) }],
  // Nothing was approved, it was too long ago, or an order has followed.
  ["orders", "quiet", { counters: { lastOrderMs: ago(ordersMs + 1) } }],
  ["orders", "quiet", { counters: { ...owed(ordersMs + 1), lastOrderMs: ago(2 * ordersMs) } }],
  ["orders", "quiet", { counters: { ...owed(2 * MINUTE), unorderedMs: null } }],
  // An entry of a moment ago may still be on its way.
  ["orders", "quiet", { counters: { ...owed(59 * SECOND), lastOrderMs: ago(ordersMs + 1) } }],
  ["orders", "quiet", { memory: paused, counters: owed(2 * MINUTE) }],

  ["router", "ok", { counters: { ...owed(2 * MINUTE), lastRouterMs: ago(routerMs) } }],
  ["router", "idle", { counters: { ...owed(2 * MINUTE), lastRouterMs: ago(routerMs + 1) } }],
  ["router", "never", { counters: owed(2 * MINUTE) }],
  ["router", "warming", { ...young, counters: owed(MINUTE) }],
  ["router", "quiet", { counters: { lastRouterMs: ago(routerMs + 1) } }],
  ["router", "quiet", { memory: paused, counters: owed(2 * MINUTE) }],

  ["exits", "ok", { memory: held }],
  ["exits", "idle", { memory: held, pulse: { scanMs: ago(10 * MINUTE) } }],
  ["exits", "never", { memory: held, pulse: { scanMs: null } }],
  ["exits", "quiet", { pulse: { scanMs: ago(120 * MINUTE) } }],

  ["positions", "ok", { pulse: { accountMs: ago(MINUTE) } }],
  ["positions", "idle", { pulse: { accountMs: ago(MINUTE + 1) } }],
  ["positions", "never", { pulse: { accountMs: null } }],
  ["positions", "warming", { pulse: { accountMs: null }, startedMs: ago(SECOND) }],

  ["nav", "ok", { memory: level(ago(RULES.nav.freshMs)) }],
  ["nav", "idle", { memory: level(ago(RULES.nav.freshMs + 1)) }],
  ["nav", "never", {}],
  ["nav", "warming", { startedMs: ago(SECOND) }],
];

Deno.test("each watcher tells silence from calm", () => {
  for (const [name, state, said] of TABLE) {
    const told = look(said);
    assert.equal(told.states[name], state, `${name} of ${JSON.stringify(said)}`);
    assert.equal(told[`idle_${name}`], state === "idle" || state === "never");
  }
});

Deno.test("an approved entry is owed an order until the venue has taken one", () => {
  const wish = { intentId: "e:1", effect: "open" };
  const decision = (outcome: string) => ({ kind: "decision", outcome }) as EngineEvent;
  const of = (kind: string) => ({ kind, ...wish }) as unknown as EngineEvent;
  const after = (...ticks: EngineEvent[][]) =>
    ticks.reduce<Counters>(
      (before, events, i) => countTick(before, { nowMs: T0 + i, signals: 0, events }),
      EMPTY_COUNTERS,
    );
  const times = ({ lastApprovedMs, unorderedMs, unroutedMs }: Counters) =>
    [lastApprovedMs, unorderedMs, unroutedMs].map((ms) => ms === null ? null : ms - T0);
  for (const outcome of ["vetoed", "refused", "duplicate"]) {
    assert.deepEqual(times(after([decision(outcome)])), [null, null, null], outcome);
  }
  assert.deepEqual(times(after([decision("waits")])), [0, 0, 0]);
  const ordered = [decision("ordered"), of("order_attempt")];
  assert.deepEqual(times(after(ordered, ordered)), [1, 0, 0], "the oldest that nothing followed");
  assert.deepEqual(times(after([...ordered, of("order_submit")])), [0, 0, null]);
  assert.deepEqual(times(after([...ordered, of("order_submit")], [of("order_ack")])), [
    0,
    null,
    null,
  ]);
});
