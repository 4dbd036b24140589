/** What became of entries: each is counted once, by what the venue did, and every one is somewhere. */
import assert from "node:assert/strict";
import { type Counters, countTick, EMPTY_COUNTERS, funnelOf } from "../../core/diagnostics.ts";
import type { EngineEvent } from "../../core/events.ts";
import { projectNav } from "../../state/surfaces/nav.ts";
import type { Published } from "../../state/surfaces/surface.ts";
import { play } from "../bench/recorded.ts";
import { T0 } from "../fixtures.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const HOUR = 3_600_000;
const entry = { intentId: "e:1", effect: "open" } as const;

/** Events of one entry, or of what else is said. */
const said = (kind: string, changes: object = {}) =>
  ({ kind, ...entry, ...changes }) as unknown as EngineEvent;
const attempt = said("order_attempt");
const submit = said("order_submit");
const ack = said("order_ack");
const reject = said("order_reject", { code: "min_notional" });
const end = (filledLots: number, status = "EXPIRED") => said("route_end", { filledLots, status });

const counted = (events: readonly EngineEvent[]) =>
  events.reduce<Counters>(
    (before, event, i) => countTick(before, { nowMs: T0 + i, signals: 0, events: [event] }),
    EMPTY_COUNTERS,
  );

/** submitted, orders, filled, partial, unfilled, rejected, abandoned. */
const TABLE: readonly (readonly [string, readonly EngineEvent[], readonly number[]])[] = [
  ["begun", [attempt], [0, 0, 0, 0, 0, 0, 0]],
  ["sent", [attempt, submit], [1, 0, 0, 0, 0, 0, 0]],
  ["taken by the venue", [attempt, submit, ack], [1, 1, 0, 0, 0, 0, 0]],
  ["filled whole", [attempt, submit, ack, end(2, "FILLED")], [1, 1, 1, 0, 0, 0, 0]],
  ["filled in part", [attempt, submit, ack, end(1, "PARTIALLY_FILLED")], [1, 1, 0, 1, 0, 0, 0]],
  ["taken, and nothing came of it", [attempt, submit, ack, end(0)], [1, 1, 0, 0, 1, 0, 0]],
  ["refused", [attempt, submit, reject, end(0, "REJECTED")], [1, 0, 0, 0, 0, 1, 0]],
  ["given up before it was sent", [attempt, end(0)], [0, 0, 0, 0, 0, 0, 1]],
  ["quoted three times", [attempt, submit, ack, submit, ack, submit, ack], [1, 1, 0, 0, 0, 0, 0]],
  [
    "refused once, taken then",
    [attempt, submit, reject, submit, ack, end(2, "FILLED")],
    [1, 1, 1, 0, 0, 0, 0],
  ],
  [
    "never acknowledged, found by asking",
    [attempt, submit, said("order_resolved", { status: "open" })],
    [1, 1, 0, 0, 0, 0, 0],
  ],
  [
    "never acknowledged, never there",
    [attempt, submit, said("order_resolved", { status: "never_arrived" }), end(0)],
    [1, 0, 0, 0, 0, 1, 0],
  ],
  [
    "a trade tells before the acknowledgement",
    [attempt, submit, said("order_fill"), ack],
    [1, 1, 0, 0, 0, 0, 0],
  ],
];

for (const [name, events, expected] of TABLE) {
  Deno.test(`an entry is counted by what the venue did: ${name}`, () => {
    const counters = counted(events);
    const { submitted, orders, filled, partial, unfilled, rejected, abandoned } =
      funnelOf(counters, T0, { windowMs: HOUR }).funnel;
    assert.deepEqual([submitted, orders, filled, partial, unfilled, rejected, abandoned], expected);
    assert.equal(counters.totalOrders, orders, "an order is one that the venue took");
    assert.equal(counters.lastOrderMs !== null, orders === 1);
    const isOver = events.at(-1)!.kind === "route_end" || orders === 1;
    assert.equal(Object.keys(counters.untaken).length, isOver ? 0 : 1, "nothing is kept of it");
  });
}

Deno.test("an exit is an order, and no entry", () => {
  const closing = [attempt, submit, ack, end(2, "FILLED")].map((event) =>
    ({ ...event, effect: "close" }) as EngineEvent
  );
  const counters = counted(closing);
  assert.equal(counters.totalOrders, 1);
  assert.deepEqual(counters.buckets, {}, "the funnel is of entries");
});

Deno.test("at every tick of a run each attempt is in one of the counts", async () => {
  let sent = 0;
  let last: Published | null = null;
  await play({ hours: 3 }, ({ seen, decision: { memory } }, around) => {
    const published = publishedOf({ memory, seen, ...around });
    const stats = projectNav(published).exec_stats;
    const { attempted, vetoed, submitted, abandoned, waiting } = stats;
    assert.equal(attempted, vetoed + submitted + abandoned + waiting, JSON.stringify(stats));
    const working = Object.values(memory.routes).filter(({ effect, intentId }) =>
      effect === "open" && memory.counters.untaken[intentId] !== "begun"
    ).length;
    const { filled, partially_filled, unfilled, rejected } = stats;
    assert.equal(submitted, filled + partially_filled + unfilled + rejected + working);
    assert.equal(stats.fill_rate, submitted === 0 ? null : filled / submitted);
    assert.ok(memory.counters.totalOrders >= submitted - rejected - working);
    sent = submitted;
    last = published;
  });
  assert.ok(sent > 10, `${sent} entries are enough to tell`);
  const { totalOrders } = last!.memory.counters;
  assert.ok(totalOrders > sent, "exits are orders as well");
});

Deno.test("the mirror's heartbeat is the tick that it has copied", async () => {
  let last: Published | null = null;
  await play({ hours: 0.1 }, ({ seen, decision: { memory } }, around) => {
    last = publishedOf({ memory, seen, ...around });
  });
  const beats = (surfaces: Published["loop"]["surfaces"]) =>
    projectNav({ ...last!, loop: { ...last!.loop, surfaces } }).exec_stats.last_heartbeats;
  const updated_ts = "2026-01-04T23:59:40.000Z";
  assert.equal(beats({}).mirror, null);
  assert.equal(beats({ nav_state: { seq: 3, updated_ts, ok: true } }).mirror, updated_ts);
});
