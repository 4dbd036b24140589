/** The loop by the machine's clock: too slow for NAV to stay fresh is told, and fast time is not. */
import assert from "node:assert/strict";
import { blankMemory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { LoopWatch } from "../../state/loop_watch.ts";
import { projectDiagnostics } from "../../state/surfaces/diagnostics.ts";
import { T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const RULES = rules();

/** A loop of so long a period over NAV that is fresh for so long, in seconds. */
const loop = (period: number, fresh: number) =>
  new LoopWatch({ loop: { sleepMs: period * SECOND }, nav: { freshMs: fresh * SECOND } });

Deno.test("period and work in 99 of 100 ticks leave NAV time for three readings, or it is told", () => {
  const told = (period: number, worksMs: readonly number[]) => {
    const watch = loop(period, 90);
    for (const workMs of worksMs) watch.worked(workMs, { atMs: T0, speed: 1 });
    return watch.figures(T0).overBudgetSinceMs !== null;
  };
  assert.equal(told(5, []), false);
  assert.equal(told(29, []), false);
  assert.equal(told(30, []), true, "known at a start, before anything was measured");
  assert.equal(told(5, [24_999]), false);
  assert.equal(told(5, [25_000]), true);
  const rare = (count: number) => [...Array(count).fill(25_000), ...Array(200 - count).fill(10)];
  assert.equal(told(5, rare(1)), false);
  assert.equal(told(5, rare(4)), true);
});

Deno.test("an item is told since it became true, and no longer than it is", () => {
  const watch = loop(5, 90);
  watch.worked(26_000, { atMs: T0, speed: 1 });
  assert.equal(watch.figures(T0 + 1).overBudgetSinceMs, T0 + 1);
  assert.equal(watch.figures(T0 + 9).overBudgetSinceMs, T0 + 1);
  for (let i = 0; i < 200; i++) watch.worked(10, { atMs: T0 + 10, speed: 1 });
  assert.equal(watch.figures(T0 + 10).overBudgetSinceMs, null);
});

Deno.test("two ticks of more than three periods within ten minutes are a slow loop", () => {
  const watch = loop(5, 90);
  const work = (workMs: number, atMs: number) => watch.worked(workMs, { atMs, speed: 1 });
  const slow = (atMs: number) => watch.figures(atMs).slow;
  work(16_000, T0);
  work(15_000, T0 + SECOND);
  assert.equal(
    slow(T0 + SECOND),
    null,
    "one is an accident, three periods are not more than three",
  );
  work(17_000, T0 + MINUTE);
  assert.deepEqual(slow(T0 + MINUTE), { sinceMs: T0 + MINUTE, workMs: 17_000 });
  work(18_000, T0 + 2 * MINUTE);
  assert.deepEqual(slow(T0 + 3 * MINUTE), { sinceMs: T0 + MINUTE, workMs: 18_000 });
  assert.ok(slow(T0 + 11 * MINUTE - 1) !== null);
  assert.equal(slow(T0 + 11 * MINUTE), null, "the older of the two is ten minutes old");
  work(20_000, T0 + 20 * MINUTE);
  assert.equal(slow(T0 + 20 * MINUTE), null, "so far apart they are two accidents");
});

Deno.test("time that is simulated fast cries no wolf: it waits for the work", () => {
  const watch = loop(5, 90);
  for (let i = 0; i < 100; i++) watch.worked(900, { atMs: T0 + i, speed: 600 });
  const { overBudgetSinceMs, slow, overrunsCount, p99Ms } = watch.figures(T0 + 100);
  assert.deepEqual([overBudgetSinceMs, slow, overrunsCount, p99Ms], [null, null, 100, 900]);
  const unpaced = loop(5, 90);
  unpaced.worked(6_000, { atMs: T0, speed: null });
  assert.equal(unpaced.figures(T0).overrunsCount, 0, "nothing waits at full speed");
});

Deno.test("page and status get both in the one list, with their figures", () => {
  const past = new Past({ baseMs: MINUTE, framesMs: [], rules: RULES });
  const memory = blankMemory("test00", T0);
  const published = publishedOf({ memory, seen: observation(), rules: RULES, past });
  const itemsOf = (changes: Partial<typeof published.loop>) => {
    const told = projectDiagnostics({ ...published, loop: { ...published.loop, ...changes } });
    return told.runtime_diagnostics.attention.filter(({ id }) => /loop|budget/.test(id));
  };
  assert.deepEqual(itemsOf({}), []);
  const since = new Date(T0).toISOString();
  const { sleepMs } = RULES.loop;
  assert.deepEqual(
    itemsOf({ overBudgetSinceMs: T0, p99Ms: 26_000, slow: { sinceMs: T0, workMs: 17_000 } }),
    [
      {
        id: "freshness_budget",
        level: "warn",
        since,
        args: [sleepMs, 26_000, RULES.nav.freshMs],
      },
      { id: "loop_slow", level: "warn", since, args: [17_000, sleepMs] },
    ],
  );
});
