/** What the diagnostics say of the loop's parts: how they do now, and what has ever gone wrong. */
import assert from "node:assert/strict";
import { blankMemory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { Stages } from "../../state/stages.ts";
import { PROJECTIONS } from "../../state/surfaces/mod.ts";
import { T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

Deno.test("a stage that works again is well again, and its errors stay told", () => {
  const stages = new Stages();
  const refuse = () => stages.failed({ stage: "logs", message: "refused" }, T0);
  stages.run("logs", refuse);
  stages.run("nav_history", () => {});
  const { logs, nav_history } = stages.facts;
  assert.deepEqual(logs, { ok: false, ms: null, error: "refused" });
  assert.deepEqual([nav_history!.ok, typeof nav_history!.ms], [true, "number"]);
  stages.run("logs", () => {});
  assert.deepEqual([stages.facts.logs!.ok, stages.facts.logs!.error], [true, undefined]);
  stages.run("logs", refuse);
  assert.deepEqual([stages.facts.logs!.ok, stages.facts.logs!.error], [false, "refused"]);
  assert.deepEqual(stages.errors.map(({ count }) => count), [2]);
});

Deno.test("errors are counted by stage, item and code, and do not grow for ever", () => {
  const stages = new Stages();
  const timeout = { stage: "venue", code: "timeout", message: "no answer" };
  stages.failed(timeout, T0);
  stages.failed({ ...timeout, code: "-1003", message: "too many requests" }, T0 + 1);
  stages.failed({ ...timeout, message: "no answer in 5 s" }, T0 + 2);
  stages.failed({ stage: "surfaces", item: "nav", message: "a bug" }, T0 + 3);
  const told = { item: null, firstMs: T0 + 1, lastMs: T0 + 1, count: 1 };
  assert.deepEqual(stages.errors, [
    { ...told, stage: "venue", code: "-1003", message: "too many requests" },
    {
      ...told,
      stage: "venue",
      code: "timeout",
      message: "no answer in 5 s",
      count: 2,
      firstMs: T0,
      lastMs: T0 + 2,
    },
    {
      stage: "surfaces",
      item: "nav",
      code: null,
      message: "a bug",
      count: 1,
      firstMs: T0 + 3,
      lastMs: T0 + 3,
    },
  ]);
  assert.equal(stages.facts.venue!.error, "timeout: no answer in 5 s");
  for (let i = 0; i < 200; i++) stages.failed({ stage: "venue", code: `${i}`, message: "x" }, T0);
  assert.deepEqual([stages.errors.length, stages.errors.at(-1)!.code], [64, "199"]);
});

Deno.test("the diagnostics list every stage with its time, and an error with the venue's code", () => {
  const stages = new Stages();
  stages.worked("protect", 2);
  stages.failed({ stage: "venue", code: "-1003", message: "too many requests" }, T0);
  const published = publishedOf({
    memory: blankMemory("test00", T0),
    seen: observation(),
    rules: rules(),
    past: new Past({ baseMs: 60_000, framesMs: [], rules: rules() }),
  });
  const loop = { ...published.loop, stages: stages.facts, faults: stages.errors };
  const { runtime_diagnostics: told } = PROJECTIONS.diagnostics({ ...published, loop });
  assert.deepEqual(told.loop.stages, {
    protect: { ok: true, ms: 2 },
    venue: { ok: false, ms: null, error: "-1003: too many requests" },
  });
  assert.deepEqual(told.errors, [{
    stage: "venue",
    item: null,
    code: "-1003",
    message: "too many requests",
    count: 1,
    first_ts: new Date(T0).toISOString(),
    last_ts: new Date(T0).toISOString(),
  }]);
});
