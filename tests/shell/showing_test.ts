/**
 * What is published is what there is to say: whatever is kept between publishes, the text is that of
 * surfaces made anew; one that cannot be made harms no other; figures that are none read null.
 */
import assert from "node:assert/strict";
import { worldOf } from "../../core/world.ts";
import { encode, joined, lasting } from "../../state/encode.ts";
import { type Reading, Showing } from "../../state/showing.ts";
import { Store } from "../../state/store.ts";
import { EXECUTOR_SURFACES, isDurable, PROJECTIONS, SURFACES } from "../../state/surfaces/mod.ts";
import { disagreements } from "../../state/surfaces/agreement.ts";
import type { Published } from "../../state/surfaces/surface.ts";
import { play } from "../bench/recorded.ts";
import { envelopeOf, publishedOf } from "../swarm/surfaces.ts";

const HOURS = 3;

/** The same reading in other objects: nothing that was kept of the first belongs to it. */
function anew({ memory, past, account, ...reading }: Published): Published {
  const cloned = structuredClone(memory);
  const twin = Object.assign(Object.create(Object.getPrototypeOf(past)), past);
  const { view, rules } = reading;
  return {
    ...reading,
    memory: cloned,
    past: twin,
    account: structuredClone(account),
    world: worldOf(cloned, { market: view, past: twin, rules }),
  };
}

/** Shows readings one after the other, as the publisher does. */
function stage(store = new Store()) {
  const faults: string[] = [];
  const showing = new Showing(store, { onFault: (message) => void faults.push(message) });
  const show = ({ loop, ...reading }: Published, changes: Partial<Reading> = {}) => {
    const envelope = envelopeOf(reading.memory);
    const loopFacts = () => ({ ...loop, nonfiniteCount: showing.nonfiniteCount });
    showing.show({ ...reading, ...changes }, { envelope, loopFacts, all: false });
  };
  return { store, showing, faults, show };
}

Deno.test("at every tick of a run the text is that of surfaces made anew and encoded whole", async () => {
  const { store, faults, show } = stage();
  const compared: Record<string, number> = {};
  let ticks = 0;
  await play({ hours: HOURS }, ({ seen, decision: { memory } }, around) => {
    const published = publishedOf({ memory, seen, ...around });
    show(published);
    ticks += 1;
    const fresh = anew(published);
    for (const name of EXECUTOR_SURFACES) {
      const value = store.get(name)!;
      if (isDurable(name)) {
        const { schema_version: _v, updated_ts: _u, seq: _s, run_id: _r, ...rest } = value;
        const { env: _e, writer: _w, wall_ts: _t, speed: _p, ...body } = rest;
        assert.deepEqual(body, PROJECTIONS[name](fresh), `${name} says what is`);
      }
      if (value.seq !== memory.pulse.seq) continue;
      const plain = JSON.stringify({ ...envelopeOf(memory), ...PROJECTIONS[name](fresh) });
      assert.equal(store.text(name), plain, `${name} at tick ${memory.pulse.seq}`);
      compared[name] = (compared[name] ?? 0) + 1;
    }
    const text = JSON.stringify(store.get("kpis_v7"));
    assert.equal(text, store.text("kpis_v7"), "the value says what the text says");
  });
  assert.deepEqual(faults, [], "and no surface contradicts another");
  assert.ok(ticks > 1_000, `${ticks} ticks are enough to tell`);
  for (const name of EXECUTOR_SURFACES) {
    const { cadence } = SURFACES[name];
    const least = cadence === "change" ? 1 : cadence === "intel" ? HOURS * 5 : ticks;
    assert.ok(compared[name]! >= least, `${name}: ${compared[name]}`);
    assert.ok(cadence !== "change" || compared[name]! < ticks / 2, `${name} is written at changes`);
  }
});

/** One tick of a short run, with positions. */
async function moment(): Promise<Published> {
  let last: Published | null = null;
  await play({ hours: 1 }, ({ seen, decision: { memory } }, around) => {
    if (Object.keys(memory.holdings).length > 0) last = publishedOf({ memory, seen, ...around });
  });
  return last!;
}

Deno.test("a surface that cannot be made keeps its last text, is flagged, and harms no other", async () => {
  const { store, showing, faults, show } = stage();
  const published = await moment();
  show(published);
  const before = store.text("router_health");
  const routing = new Proxy(published.memory.routing, {
    ownKeys: () => {
      throw new Error("out of order");
    },
  });
  const pulse = { ...published.memory.pulse, seq: published.memory.pulse.seq + 1 };
  const { loop } = published;
  const later = { ...published, memory: { ...published.memory, routing, pulse } };
  show({ ...later, world: published.world, loop });
  assert.equal(store.text("router_health"), before);
  assert.ok(faults.includes("router_health: out of order"), faults.join("; "));
  for (const name of ["positions_state", "positions_ledger", "nav", "diagnostics"] as const) {
    assert.equal(store.get(name)!.seq, pulse.seq, `${name} goes on`);
  }
  const told = showing.facts;
  assert.deepEqual(told.unmade[0], ["router_health", "out of order"]);
  const nextMs = pulse.nowMs + 1_000;
  show({
    ...later,
    memory: { ...later.memory, pulse: { ...pulse, nowMs: nextMs } },
    loop: { ...loop, showing: told },
  });
  const { attention } = store.get("diagnostics")!.runtime_diagnostics;
  const [item] = attention.filter(({ id }) => id === "surface_stale");
  assert.deepEqual(item!.args, [told.unmade.length, "router_health", "out of order"]);
  assert.equal(showing.facts.sinceMs.surface_stale, nextMs);
  show(published);
  assert.deepEqual(showing.facts.unmade, [], "and it is over");
});

Deno.test("a restart does not write what has not changed", async () => {
  const published = await moment();
  const before = stage();
  before.show(published);
  const durable = EXECUTOR_SURFACES.filter(isDurable);
  const kept = new Map(durable.map((name) => [name, before.store.text(name)!]));
  const { store, show } = stage(new Store(kept));
  const versions = () => durable.map((name) => store.version(name));
  const atStart = versions();
  const { memory } = published;
  const pulse = { ...memory.pulse, seq: memory.pulse.seq + 9 };
  show({ ...published, memory: { ...memory, pulse } });
  assert.deepEqual(versions(), atStart);
  for (const name of durable) assert.equal(store.text(name), kept.get(name), name);
  const operator = { ...memory.operator, state: "PAUSED" } as const;
  show({ ...published, memory: { ...memory, pulse, operator } });
  const changed = durable.filter((name, i) => store.version(name) !== atStart[i]);
  assert.deepEqual(changed, ["operator_state"]);
  assert.equal(store.get("operator_state")!.seq, pulse.seq);
});

Deno.test("where every rare surface is always due, each has its turn", async () => {
  const { store, show } = stage();
  const published = await moment();
  const rare = EXECUTOR_SURFACES.filter((name) => SURFACES[name].cadence === "intel");
  const { pulse } = published.memory;
  for (let publish = 0; publish <= 2 * rare.length; publish++) {
    const nowMs = pulse.nowMs + publish * 3_600_000;
    const memory = { ...published.memory, pulse: { ...pulse, nowMs, seq: pulse.seq + publish } };
    show({ ...published, memory });
    for (const name of rare) {
      const age = pulse.seq + publish - store.get(name)!.seq;
      assert.ok(age < rare.length, `${name} has waited for ${age} publishes`);
    }
  }
});

Deno.test("a figure that is no number reads null in text and value, and is counted", async () => {
  const { store, faults, show } = stage();
  const published = await moment();
  const { memory } = published;
  const dayCash = { ...memory.dayCash, feesUsd: NaN };
  show({ ...published, memory: { ...memory, dayCash } });
  assert.equal(store.get("risk_snapshot")!.fee_pnl.fees, null);
  assert.match(store.text("risk_snapshot")!, /"fees":null/);
  assert.ok(store.get("diagnostics")!.runtime_diagnostics.nonfinite_dropped > 0);
  show(published);
  assert.equal(
    store.get("diagnostics")!.runtime_diagnostics.nonfinite_dropped,
    0,
    "and it is over",
  );
  assert.deepEqual(faults, []);
});

Deno.test("a leg that nobody can value is set apart; the files are written and agree", async () => {
  const { store, faults, show } = stage();
  const published = await moment();
  const [first, ...others] = published.account!.positions;
  const legs = [{ ...first!, entryPx: null }, ...others];
  const unlisted = others[0]?.ticker ?? first!.ticker;
  const { view } = published;
  show({
    ...published,
    account: { ...published.account!, positions: legs },
    view: { ...view, market: (ticker) => ticker === unlisted ? null : view.market(ticker) },
  });
  const { positions, quarantined } = store.get("positions_state")!;
  assert.equal(positions.length + quarantined.length, legs.length);
  const problems = quarantined.map(({ problem }) => problem).toSorted();
  assert.deepEqual(
    problems,
    others.length > 0 ? ["entry_unknown", "market_unknown"] : ["market_unknown"],
  );
  const { metadata } = store.get("positions_ledger")!;
  assert.deepEqual(metadata.quarantined.map(({ problem }) => problem), ["market_unknown"]);
  assert.deepEqual(faults, []);
});

Deno.test("surfaces that contradict each other are told", async () => {
  const { store, faults, show } = stage();
  const published = await moment();
  show(published);
  assert.deepEqual(faults, []);
  const ledger = store.get("positions_ledger")!;
  const { position_key: key } = ledger.entries[0]!;
  const told = {
    positions_state: store.get("positions_state"),
    diagnostics: store.get("diagnostics"),
  };
  const without = { ...ledger, entries: ledger.entries.slice(1) };
  const found = disagreements({ ...told, positions_ledger: without });
  assert.ok(
    found.includes(`${key} is shown and not in the ledger, and nobody says so`),
    String(found),
  );
  assert.ok(found.some((text) => text.startsWith("entry_count is ")));
  const nav = store.get("nav")!;
  const older = { ...nav, nav: 1, run_id: "r-other" };
  const risk = store.get("risk_snapshot");
  assert.deepEqual(disagreements({ nav: older, risk_snapshot: risk }), [
    `risk_snapshot.nav is ${risk!.nav}, nav.nav is 1`,
    `surfaces come from several runs: r-other, ${risk!.run_id}`,
  ]);
  assert.deepEqual(
    disagreements({ nav: { ...older, seq: 0, run_id: nav.run_id }, risk_snapshot: risk }),
    [],
  );
});

Deno.test("an encoded value is what JSON.stringify makes of it, parts that last or not", () => {
  const part = () => lasting({ a: 'ü\n"', b: [1, -0, 1e21, 5e-7], c: undefined, d: null });
  const one = part();
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, one] as const));
  const values: readonly object[] = [
    {},
    [],
    [undefined, null, true],
    part(),
    { x: one, y: [one, part()], z: { deep: { one } }, e: {}, t: "text" },
    { many, list: Object.values(many) },
  ];
  for (const value of values) {
    for (let again = 0; again < 2; again++) {
      assert.equal(encode(value).text, JSON.stringify(value));
      assert.equal(encode(value).droppedCount, 0);
    }
  }
  for (const [moving, still] of [[{ a: 1 }, many], [{}, many], [{ a: 1 }, {}], [{}, {}]] as const) {
    const whole = joined<unknown>(moving, lasting(still));
    assert.deepEqual(whole, { ...moving, ...still });
    assert.equal(encode({ whole }).text, JSON.stringify({ whole }));
  }
  const bad = { n: NaN, part: lasting({ i: Infinity, ok: 1 }), list: [-Infinity] };
  assert.deepEqual(encode(bad), { text: JSON.stringify(bad), droppedCount: 3 });
});
