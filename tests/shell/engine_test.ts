/** What goes wrong inside a tick: an entry's bug never stops an exit, an impossible state stops all. */
import assert from "node:assert/strict";
import { blankMemory, type Operator } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Rules } from "../../core/rules.ts";
import { Engine, type Fault, ProtectFault } from "../../state/engine.ts";
import { holding, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";

const SHIPPED = rules();

function engineWith(
  changed: Rules,
  { protectOnly = false, operator }: { protectOnly?: boolean; operator?: Operator } = {},
) {
  const faults: Fault[] = [];
  const blank = blankMemory("abcdef", T0);
  const engine = new Engine({
    memory: {
      ...blank,
      pulse: { ...blank.pulse, phase: "run" },
      holdings: { "BTCUSDT:LONG": holding() },
      operator: operator ?? blank.operator,
    },
    rules: changed,
    past: new Past({ baseMs: 60_000, framesMs: [900_000], rules: SHIPPED }),
    protectOnly,
    onFault: (fault) => void faults.push(fault),
  });
  return { engine, faults };
}

/** Rules whose one part throws whenever it is looked at. */
function broken(part: keyof Rules): Rules {
  return Object.defineProperty({ ...SHIPPED }, part, {
    get: () => {
      throw new Error(`planted in ${part}`);
    },
  });
}

Deno.test("a throw in the second step keeps what the first decided, and pauses entries", () => {
  const { engine, faults } = engineWith(broken("assignments"));
  const decision = engine.decide(observation({ nowMs: T0 + 60_000 }));
  assert.deepEqual(faults.map(({ stage, message }) => [stage, message]), [
    ["seek", "planted in assignments"],
  ]);
  assert.equal(decision.memory.pulse.seq, 1, "the tick counts");
  const { state, by, reason } = decision.memory.operator;
  assert.deepEqual([state, by, reason], ["PAUSED", "engine_fault", "planted in assignments"]);
  engine.decide(observation({ nowMs: T0 + 120_000 }));
  assert.equal(faults.length, 1, "entries are not tried again");
  assert.equal(engine.memory.pulse.seq, 2, "protection goes on");
});

Deno.test("a throw in the second step overrules nobody who has stopped entries already", () => {
  for (const state of ["PAUSED", "FLATTENING", "KILLED"] as const) {
    const operator = { state, sinceMs: T0, by: "rob", reason: "x" };
    const { engine, faults } = engineWith(broken("assignments"), { operator });
    engine.decide(observation({ nowMs: T0 + 60_000 }));
    engine.decide(observation({ nowMs: T0 + 120_000 }));
    assert.deepEqual([engine.memory.operator.state, engine.memory.operator.by], [state, "rob"]);
    assert.equal(faults.length, 1, `${state}: it is not tried again either`);
  }
});

Deno.test("each step says that it went well, the one that threw when it did again", () => {
  const worked: string[] = [];
  let throws = true;
  const flaky = Object.defineProperty({ ...SHIPPED }, "assignments", {
    get: () => {
      if (throws) throw new Error("planted");
      return SHIPPED.assignments;
    },
  });
  const engine = new Engine({
    memory: blankMemory("abcdef", T0),
    rules: flaky,
    past: new Past({ baseMs: 60_000, framesMs: [900_000], rules: SHIPPED }),
    protectOnly: false,
    onFault: () => {},
    onWorked: (stage, ms) => void (ms >= 0 && worked.push(stage)),
  });
  engine.decide(observation({ nowMs: T0 + 60_000 }));
  assert.deepEqual(worked.splice(0), ["protect"]);
  throws = false;
  engine.decide(observation({ nowMs: T0 + 120_000 }));
  assert.deepEqual(worked.splice(0), ["protect"], "it is not tried before somebody says so");
  const said = [{ id: 1, by: "rob", reason: "mended", order: { kind: "resume" } as const }];
  engine.decide(observation({ nowMs: T0 + 180_000 }), { said, storage: null });
  assert.deepEqual(worked, ["protect", "seek"]);
});

Deno.test("a throw in the first step ends the run", () => {
  const { engine, faults } = engineWith(broken("exits"));
  assert.throws(() => engine.decide(observation()), (error: unknown) => {
    assert.ok(error instanceof ProtectFault);
    assert.match(error.message, /protect: planted in exits/);
    return true;
  });
  assert.equal(faults.length, 0);
  assert.equal(engine.memory.pulse.seq, 0, "nothing of the tick is remembered");
});

Deno.test("after repeated failures the engine protects and opens nothing", () => {
  const { engine, faults } = engineWith(broken("assignments"), { protectOnly: true });
  const decision = engine.decide(observation({ nowMs: T0 + 60_000 }));
  assert.equal(faults.length, 0, "the second step is not run at all");
  assert.equal(decision.memory.operator.state, "RUNNING");
});
