/** What the operator is told beside what the engine sees: each item on when it is true, else off. */
import assert from "node:assert/strict";
import { countTick, EMPTY_COUNTERS } from "../../core/diagnostics.ts";
import type { EngineEvent } from "../../core/events.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { shellItems } from "../../state/surfaces/attention.ts";
import { projectDiagnostics } from "../../state/surfaces/diagnostics.ts";
import type { Published } from "../../state/surfaces/surface.ts";
import { holding, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { play } from "../bench/recorded.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = T0 + 10 * HOUR;
const RULES = rules();
const PAST = new Past({ baseMs: MINUTE, framesMs: [], rules: RULES });
const BLANK = blankMemory("test00", T0);
/** Ten hours in, everything read a moment ago and strategies not silent. */
const CALM: Memory = {
  ...BLANK,
  pulse: { ...BLANK.pulse, nowMs: NOW, scanMs: NOW, accountMs: NOW, accountOk: true },
  counters: { ...EMPTY_COUNTERS, lastSignalMs: NOW },
};

type Said = {
  readonly memory?: Partial<Memory>;
  readonly loop?: Partial<Published["loop"]>;
  readonly startedMs?: number;
  readonly treasury?: Partial<Published["treasury"]>;
};

function publishedWith({ memory = {}, loop = {}, startedMs = T0, treasury = {} }: Said): Published {
  const seen = observation({ nowMs: NOW });
  const all = publishedOf({ memory: { ...CALM, ...memory }, seen, rules: RULES, past: PAST });
  return {
    ...all,
    loop: { ...all.loop, ...loop },
    run: { ...all.run, startedMs },
    treasury: { ...all.treasury, ...treasury },
  };
}
const told = (said: Said) =>
  shellItems(publishedWith(said)).map(({ id, level, args }) => [level, id, ...args]);
const names = (said: Said) => told(said).map(([, id]) => id);

const showing = (changes: Partial<Published["loop"]["showing"]>) => ({
  loop: { showing: { unmade: [], contradictions: [], sinceMs: {}, ...changes } },
});

Deno.test("a process that publishes well, and has for long, has nothing to tell", () => {
  assert.deepEqual(told({}), []);
});

Deno.test("what became of publishing is told while it is so", () => {
  const cases: readonly (readonly [Said, ...(readonly (string | number)[])])[] = [
    [
      showing({ unmade: [["kpis_v7", "out of order"]] }),
      "warn",
      "surface_stale",
      1,
      "kpis_v7",
      "out of order",
    ],
    [showing({ contradictions: ["one", "two"] }), "warn", "surface_cross", 2, "one"],
    [{ loop: { nonfiniteCount: 3 } }, "warn", "nonfinite_dropped", 3],
    [{ loop: { invalidRowsCount: 2 } }, "warn", "invalid_events", 2],
    [
      { loop: { tornFiles: ["a.jsonl", "b.jsonl"] }, startedMs: NOW - DAY + 1 },
      "info",
      "torn_files",
      2,
      "a.jsonl",
    ],
    [
      {
        loop: {
          regression: { fromTs: "2026-01-06T00:00:00.000Z", toTs: "2026-01-05T00:00:00.000Z" },
        },
      },
      "warn",
      "nav_regressed",
      T0 + DAY,
      T0,
    ],
  ];
  for (const [said, ...item] of cases) {
    assert.deepEqual(told({ ...said }).filter(([, id]) => id !== "restarted"), [item]);
  }
  assert.deepEqual(names({ loop: { tornFiles: ["a.jsonl"] }, startedMs: NOW - DAY }), []);
});

Deno.test("a restart is told for ten minutes, a first start is none", () => {
  assert.deepEqual(told({ startedMs: NOW - 10 * MINUTE + 1 }), [
    ["info", "restarted", NOW - 10 * MINUTE + 1],
  ]);
  assert.deepEqual(names({ startedMs: NOW - 10 * MINUTE }), []);
  assert.deepEqual(names({ memory: { startedMs: NOW - MINUTE }, startedMs: NOW - MINUTE }), []);
});

Deno.test("holdings elsewhere that were counted too long ago are told, where there are any", () => {
  const holdings = { BTC: { qty: 1, avg_cost: null, kind: "treasury" } } as const;
  const counted = (ageMs: number) => ({
    asOf: new Date(NOW - ageMs).toISOString(),
    maxAgeMs: DAY,
    include: ["futures", "offexchange"] as const,
    holdings,
  });
  assert.deepEqual(told({ treasury: counted(DAY + 1) }), [[
    "info",
    "treasury_stale",
    DAY + 1,
    DAY,
  ]]);
  assert.deepEqual(told({ treasury: counted(DAY) }), []);
  assert.deepEqual(told({ treasury: { ...counted(DAY + 1), holdings: {} } }), []);
  assert.deepEqual(told({ treasury: { ...counted(DAY + 1), include: ["futures"] } }), []);
});

Deno.test("a watcher that waits in vain is told, with how long and its limit", () => {
  const { signalsMs, ordersMs, routerMs } = RULES.loop.liveness;
  const counters = (changes: Partial<Memory["counters"]>) => ({
    memory: { counters: { ...CALM.counters, ...changes } },
  });
  assert.deepEqual(told(counters({ lastSignalMs: NOW - signalsMs - 1 })), [
    ["warn", "idle_signals", signalsMs + 1, signalsMs],
  ]);
  const since = NOW - 2 * MINUTE;
  const owed = { lastApprovedMs: since, unorderedMs: since, unroutedMs: since };
  assert.deepEqual(told(counters({ ...owed, lastOrderMs: NOW - ordersMs - 1 })), [
    ["warn", "idle_orders", ordersMs + 1, ordersMs],
    ["warn", "idle_router", null, routerMs],
  ]);
  const unwatched = { ...CALM.pulse, scanMs: NOW - HOUR };
  const held = { holdings: { "BTCUSDT:LONG": holding() }, pulse: unwatched };
  assert.deepEqual(names({ memory: held }), ["idle_exits"]);
});

Deno.test("a storm is twenty vetoes in ten minutes, nine in ten for one reason, and no order", () => {
  const veto = (reason: string) => ({ kind: "veto", reason }) as EngineEvent;
  const wish = { intentId: "e:1", effect: "open" };
  const order = ["order_attempt", "order_submit", "order_ack"].map((kind) =>
    ({ kind, ...wish }) as unknown as EngineEvent
  );
  const storm = (one: number, other: number, more: EngineEvent[] = [], agoMs = MINUTE) => {
    const events = [
      ...Array.from({ length: one }, () => veto("symbol_cap")),
      ...Array.from({ length: other }, () => veto("cooldown")),
      ...more,
    ];
    const counters = countTick(CALM.counters, { nowMs: NOW - agoMs, signals: 0, events });
    return told({ memory: { counters: { ...counters, lastSignalMs: NOW } } });
  };
  assert.deepEqual(storm(20, 0), [["warn", "veto_storm", "symbol_cap", 20, 20]]);
  assert.deepEqual(storm(18, 2), [["warn", "veto_storm", "symbol_cap", 18, 20]]);
  assert.deepEqual(storm(17, 3), [], "a mixture is no storm");
  assert.deepEqual(storm(19, 0), []);
  assert.deepEqual(storm(20, 0, order), [], "something is traded");
  assert.deepEqual(storm(20, 0, [], 12 * MINUTE), []);
});

Deno.test("poor routing is told by its score, its drift, its latency, or its weak symbols", async () => {
  let last: Published | null = null;
  await play({ hours: 2 }, ({ seen, decision: { memory } }, around) => {
    last = publishedOf({ memory, seen, ...around });
  });
  const routed = (quality: Partial<Published["rules"]["quality"]>) => {
    const { rules } = last!;
    const by = { ...rules, quality: { ...rules.quality, minCount: 1, windowMs: DAY, ...quality } };
    return shellItems({ ...last!, rules: by }).filter(({ id }) => id === "router_weak");
  };
  const fine = {
    low: 0,
    fastMs: 1e6,
    normalMs: 1e6,
    greenBps: 1e6,
    yellowBps: 1e6,
    skipPenalty: 0,
  };
  assert.deepEqual(routed(fine), []);
  const [weak] = routed({ ...fine, low: 2, high: 3 });
  assert.deepEqual([weak!.level, typeof weak!.args[0], Number(weak!.args[3]) > 0], [
    "warn",
    "number",
    true,
  ]);
  const [slow] = routed({ ...fine, fastMs: -2, normalMs: -1 });
  assert.equal(slow!.args[2], "SLOW");
  const [dear] = routed({ ...fine, greenBps: -2e6, yellowBps: -1e6 });
  assert.equal(dear!.args[1], "RED");
});

Deno.test("the page gets one list, and each item with the instant since when it is true", () => {
  const published = publishedWith({
    loop: {
      nonfiniteCount: 1,
      invalidRowsCount: 1,
      showing: { unmade: [], contradictions: [], sinceMs: { nonfinite_dropped: T0 + HOUR } },
    },
  });
  const list = projectDiagnostics(published).runtime_diagnostics.attention;
  const since = (id: string) => list.find((item) => item.id === id)?.since;
  assert.equal(since("nonfinite_dropped"), new Date(T0 + HOUR).toISOString());
  assert.equal(since("invalid_events"), new Date(NOW).toISOString(), "it has just become true");
  assert.ok(list.some(({ id }) => id === "nav_stale"), "the engine's own are in it");
});
