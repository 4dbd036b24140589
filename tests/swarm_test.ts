/**
 * The main test: seeded runs of the real engine against the real simulated exchange, with faults in
 * between and kills between any two steps. Every checker is also shown to fire on a planted fault.
 */
import assert from "node:assert/strict";
import type { EngineEvent } from "../core/events.ts";
import { GAP_PATIENCE_MS, proveResult, tellGaps } from "../core/exits/proof.ts";
import type { Command } from "../core/ports.ts";
import type { Route } from "../core/router/route.ts";
import { type PositionKey, positionKey } from "../core/types.ts";
import { FILE_OF } from "../state/log_rows.ts";
import { holding } from "./fixtures.ts";
import { type CheckerName, CHECKERS } from "./swarm/checkers.ts";
import { configOf, swarmConfig } from "./swarm/config.ts";
import { FAULT_KINDS } from "./swarm/faults.ts";
import { KILL_STEPS, playSeed, type Tick } from "./swarm/run.ts";
import { renderTotals, totalsOf } from "./swarm/totals.ts";

const SEEDS = 50;
const HOURS = 2;
const FAULTS_MIN = 20;
const COMMANDS: readonly Command["kind"][] = [
  "place",
  "cancel",
  "query_order",
  "query_trades",
  "query_income",
  "dead_man",
];

Deno.test("swarm: no checker fires over many seeds, and every fault really occurs", async () => {
  const results = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    results.push(await playSeed({ seed, hours: HOURS, config: configOf(seed) }));
  }
  const totals = totalsOf(results);
  Deno.stdout.writeSync(new TextEncoder().encode(`\n${renderTotals(totals)}\n`));
  assert.deepEqual(totals.violations, []);
  for (const kind of FAULT_KINDS) {
    assert.ok(totals.faults[kind] >= FAULTS_MIN, `${kind} occurred ${totals.faults[kind]} times`);
  }
  assert.ok(totals.unkeptCloses >= FAULTS_MIN, "legs were left while the disk refused rows");
  for (const step of KILL_STEPS) {
    assert.ok(totals.kills[step] >= FAULTS_MIN, `killed ${step} ${totals.kills[step]} times`);
  }
  // Vetoes and decisions have logs of their own; this exchange never tells a result that is not its
  // trades', and pays funding too seldom to tell of one after its leg has gone.
  const elsewhere = new Set(["veto", "decision", "pnl_mismatch", "episode_amend"]);
  const journalled = Object.keys(FILE_OF).filter((kind) => !elsewhere.has(kind));
  for (const kind of [...journalled, ...COMMANDS]) {
    assert.ok((totals.kinds[kind] ?? 0) > 0, `${kind} is in some journal`);
  }
  const besides = results.flatMap(({ rows }) => rows.flatMap(({ events }) => events)).filter((
    event,
  ) => event.kind === "exit_forced" && event.reason === "order_missing");
  assert.ok(besides.length > 0, "a lost close was followed by another before it was proved lost");
  for (const kind of ["failed_read", "stale_nav", "stale_feed"] as const) {
    assert.equal(totals.runsWith[kind], SEEDS, `${kind} occurs in every run`);
  }
});

Deno.test("swarm: the same seed gives the same journal, another seed another one", async () => {
  const config = swarmConfig();
  const play = async (seed: number) =>
    JSON.stringify((await playSeed({ seed, hours: 1, config })).rows);
  const [first, again, other] = [await play(11), await play(11), await play(12)];
  assert.equal(first, again);
  assert.notEqual(first, other);
});

type Plant = (tick: Tick) => Tick;
const withMemory = (tick: Tick, change: Partial<Tick["memory"]>): Tick => ({
  ...tick,
  memory: { ...tick.memory, ...change },
});
const withEvents = (
  tick: Tick,
  change: (events: readonly EngineEvent[]) => readonly EngineEvent[],
): Tick => ({ ...tick, decision: { ...tick.decision, events: change(tick.decision.events) } });
const opens = ({ decision }: Tick) =>
  decision.events.some((event) => event.kind === "order_attempt" && event.effect === "open");
const withRoutes = (tick: Tick, change: (route: Route) => Route): Tick =>
  withMemory(tick, {
    routes: Object.fromEntries(
      Object.entries(tick.memory.routes).map(([id, route]) => [id, change(route)]),
    ),
  });
/** Orders with one more of the first one's route. */
const withTwin = ({ memory, submitted }: Tick) => {
  const [sent] = submitted.filter(({ kind }) => kind === "place");
  const order = sent?.kind === "place" ? memory.orders[sent.order.clientId] : undefined;
  return order === undefined
    ? memory.orders
    : { ...memory.orders, another: { ...order, clientId: "another" } };
};
const firstKey = (record: object) => Object.keys(record)[0] as PositionKey | undefined;

/** One fault per checker: what the engine must never do, done to what the checkers see. */
const PLANTS: Readonly<Record<CheckerName, Plant>> = {
  sequence: (tick) => {
    const { pulse } = tick.memory;
    return pulse.seq === 20 ? withMemory(tick, { pulse: { ...pulse, seq: 25 } }) : tick;
  },
  scanned: (tick) => withMemory(tick, { pulse: { ...tick.memory.pulse, scanMs: null } }),
  journalled: (tick) => ({
    ...tick,
    submitted: [...tick.submitted, ...tick.submitted.slice(0, 1)],
  }),
  kept: (tick) => ({ ...tick, isKept: false }),
  notHeldBack: (tick) => ({
    ...tick,
    submitted: tick.submitted.filter((command) =>
      command.kind !== "place" || command.order.effect === "open"
    ),
  }),
  approved: (tick) =>
    withEvents(tick, (events) => events.filter(({ kind }) => kind !== "order_attempt")),
  capped: (tick) => ({
    ...tick,
    rules: { ...tick.rules, limits: { ...tick.rules.limits, positionsCount: 0 } },
  }),
  blindEntries: (tick) => {
    const fault = { code: "timeout", message: "planted", retryable: true };
    return opens(tick)
      ? { ...tick, seen: { ...tick.seen, account: { kind: "failed", fault } } }
      : tick;
  },
  oneRoute: (tick) => {
    const [route] = Object.values(tick.memory.routes);
    return route === undefined
      ? tick
      : withMemory(tick, { routes: { ...tick.memory.routes, twin: route } });
  },
  bounded: (tick) => ({
    ...tick,
    ledger: tick.ledger.map((row) =>
      row.k === "trade" ? { ...row, trade: { ...row.trade, lots: row.trade.lots * 10_000 } } : row
    ),
  }),
  single: (tick) => ({
    ...tick,
    submitted: tick.submitted.flatMap((command) =>
      command.kind === "place" && !command.order.closePosition
        ? [command, { ...command, order: { ...command.order, clientId: "another" } }]
        : [command]
    ),
    memory: { ...tick.memory, orders: withTwin(tick) },
  }),
  allotted: (tick) => withRoutes(tick, (route) => ({ ...route, lots: 1 })),
  sliced: (tick) =>
    withRoutes(tick, (route) => ({
      ...route,
      twap: {
        slices: [route.lots],
        startMs: tick.seen.nowMs,
        intervalMs: 1_000,
        begunCount: 5,
        pausedMs: 0,
        pausedSinceMs: null,
        failuresCount: 0,
      },
    })),
  ended: (tick) =>
    withEvents(
      tick,
      (events) =>
        events.map((event) =>
          event.kind === "route_end" ? { ...event, filledLots: event.filledLots + 1 } : event
        ),
    ),
  conditionals: (tick) => {
    const { state } = tick.venue.exchange.desk;
    const [stop] = Object.values(state.orders).filter(({ closePosition }) => closePosition);
    if (stop === undefined) return tick;
    const orders = { ...state.orders, second: { ...stop, clientId: "second" } };
    const venue = { exchange: { desk: { state: { ...state, orders } } } };
    return { ...tick, venue: venue as unknown as Tick["venue"] };
  },
  stopsFirst: (tick) => {
    const [route] = Object.values(tick.memory.routes).filter(({ effect }) => effect === "close");
    const key = route === undefined ? undefined : positionKey(route.ticker, route.side);
    const guard = key === undefined ? undefined : tick.memory.registry[key];
    const mark = guard === undefined ? null : tick.seen.market.mark(guard.ticker);
    if (route === undefined || guard === undefined || key === undefined || mark === null) {
      return tick;
    }
    const due = { ...guard, levels: { ...guard.levels, slPx: mark.px } };
    return withMemory(withRoutes(tick, (one) => ({ ...one, urgent: false })), {
      registry: { [key]: due },
    });
  },
  bookedOnce: (tick) =>
    withEvents(
      tick,
      (events) =>
        events.flatMap((event): readonly EngineEvent[] =>
          event.kind === "order_fill" ? [event, event] : [event]
        ),
    ),
  converged: (tick) => tick.settled ? withMemory(tick, { holdings: {} }) : tick,
  identity: (tick) => {
    const { account } = tick.seen;
    if (account.kind === "failed") return tick;
    const walletQty = { ...account.value.walletQty, USDT: (account.value.walletQty.USDT ?? 0) + 5 };
    const value = { ...account.value, walletQty };
    return { ...tick, seen: { ...tick.seen, account: { kind: "read", value } } };
  },
  proven: (tick) => {
    const key = firstKey(tick.memory.holdings);
    if (key === undefined) return tick;
    const leg = tick.memory.holdings[key]!;
    const parcels = leg.parcels.map((parcel) => ({ ...parcel, px: parcel.px * 1.001 }));
    return withMemory(tick, { holdings: { [key]: { ...leg, parcels } } });
  },
  agreed: (tick) => {
    const gaps = proveResult({}, holding({ realizedUsd: 1, closedUsd: 1 }), 0);
    return withEvents(
      tick,
      (events) =>
        events.flatMap((event): readonly EngineEvent[] =>
          event.kind === "episode_end"
            ? [event, ...tellGaps(gaps, { holdings: {}, nowMs: GAP_PATIENCE_MS }).events]
            : [event]
        ),
    );
  },
  protectedLegs: (tick) => {
    const { state } = tick.venue.exchange.desk;
    const bare = { ...state, orders: {} };
    const venue = { exchange: { desk: { state: bare } } } as unknown as Tick["venue"];
    return {
      ...withMemory(tick, { routes: {} }),
      venue,
      faultActive: false,
      decision: { ...tick.decision, commands: [] },
    };
  },
  exitsFire: (tick) => {
    const key = firstKey(tick.memory.registry);
    if (key === undefined) return tick;
    const guard = tick.memory.registry[key]!;
    const mark = tick.seen.market.mark(guard.ticker);
    if (mark === null) return tick;
    const levels = { ...guard.levels, tpPx: mark.px, slPx: null };
    return withMemory(tick, { registry: { [key]: { ...guard, levels, exit: null } } });
  },
  covered: (tick) => withMemory(tick, { registry: {} }),
  foldable: (tick) =>
    tick.row === null ? tick : {
      ...tick,
      row: { ...tick.row, patch: [...tick.row.patch, [["lineage"], "another"]] },
    },
  faultless: (tick) => ({
    ...tick,
    engineFaults: [{ seq: 1, stage: "seek", message: "planted" }],
  }),
  surfaces: (tick) => withMemory(tick, { counters: { ...tick.memory.counters, totalSignals: -1 } }),
  steadyBaselines: (tick) => {
    const { nav } = tick.memory;
    return nav.peakUsd === null || tick.before.nav.peakUsd === null
      ? tick
      : withMemory(tick, { nav: { ...nav, peakUsd: nav.peakUsd - 1 } });
  },
  latched: (tick) => {
    const latch = { sinceMs: 0, ddFrac: 0.4 };
    return { ...tick, before: { ...tick.before, nav: { ...tick.before.nav, latch } } };
  },
  tailed: (tick) => {
    const { limits } = tick.rules;
    const tail = { ...limits.tail, var: { ...limits.tail.var, limitFrac: 1e-9 } };
    return { ...tick, rules: { ...tick.rules, limits: { ...limits, tail } } };
  },
};

Deno.test("swarm: every checker fires on its planted fault", async (t) => {
  const config = swarmConfig();
  for (const name of Object.keys(CHECKERS) as CheckerName[]) {
    await t.step(name, async () => {
      const plant = PLANTS[name];
      const { violations } = await playSeed({
        seed: 4,
        hours: 2,
        config,
        faults: false,
        kills: false,
        plant,
        watched: name,
      });
      assert.ok(violations.length > 0, `${name} fires`);
    });
  }
});
