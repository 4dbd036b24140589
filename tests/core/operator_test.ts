/** What a human may say to the engine, in which state, and that no state ever stops an exit. */
import assert from "node:assert/strict";
import { blankMemory, type Memory, type Operator } from "../../core/memory.ts";
import {
  operatorAtStart,
  type OperatorOrder,
  STATE_ORDERS,
  type StateOrder,
} from "../../core/operator.ts";
import { Past } from "../../core/past.ts";
import type { Observation } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import type { OperatorState } from "../../core/risk/check.ts";
import {
  account,
  freeze,
  guard,
  holding,
  levels,
  order,
  position,
  route,
  T0,
} from "../fixtures.ts";
import { feed } from "../fixtures_nav.ts";
import { observation as seen, rules } from "../fixtures_run.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const KEY = "BTCUSDT:LONG";
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const STATES: readonly OperatorState[] = ["RUNNING", "PAUSED", "FLATTENING", "KILLED"];
const ORDERS = Object.keys(STATE_ORDERS) as StateOrder[];

function memory(state: OperatorState, changes: Partial<Memory> = {}, nowMs = T0): Memory {
  const blank = blankMemory("test00", T0);
  const { memory: nav } = feed([{ navUsd: 10_000, atMs: nowMs }]);
  const operator = { state, sinceMs: T0, by: "before", reason: null };
  return freeze({ ...blank, nav, operator, ...changes });
}

const leg = {
  holdings: { [KEY]: holding() },
  registry: { [KEY]: guard({ levels: levels({ slPx: 59_000 }) }) },
};
const withLeg = (changes: Partial<Observation> & { px?: number } = {}) =>
  seen({ account: { kind: "read", value: account({ positions: [position()] }) }, ...changes });

const seenBy = (at: Memory) =>
  protect(freeze({ memory: at, seen: seen(), rules: RULES, past: PAST })).memory;

const say = (at: Memory, kind: StateOrder, observation: Observation = seen()) =>
  tell(at, { kind }, observation);

function tell(at: Memory, what: OperatorOrder, observation: Observation = seen()) {
  const said = [{ id: 1, by: "me", reason: "why", order: what }];
  const step = protect(
    freeze({ memory: at, seen: { ...observation }, rules: RULES, past: PAST }),
    { said, storage: null },
  );
  const [answer] = step.events.filter((event) => event.kind === "operator");
  assert.ok(answer?.kind === "operator");
  return { ...step, done: answer.done, note: answer.note };
}

Deno.test("every command in every state leads where it should, or is refused in words", () => {
  const late = (at: OperatorState) =>
    memory(at, { operator: { state: at, sinceMs: T0 - MINUTE, by: "before", reason: null } });
  const table: Readonly<Record<StateOrder, readonly (OperatorState | null)[]>> = {
    pause: ["PAUSED", null, null, null],
    resume: [null, "RUNNING", null, null],
    flatten: ["FLATTENING", "FLATTENING", null, null],
    kill: ["KILLED", "KILLED", "KILLED", null],
    release: [null, null, null, "PAUSED"],
  };
  for (const order of ORDERS) {
    STATES.forEach((state, i) => {
      const expected = table[order][i]!;
      const { memory: after, done, note } = say(
        freeze({ ...late(state), ...leg }),
        order,
        withLeg(),
      );
      assert.equal(done, expected !== null, `${order} in ${state}: ${note}`);
      assert.equal(after.operator.state, expected ?? state, `${order} in ${state}`);
      if (expected !== null) {
        assert.deepEqual([after.operator.by, after.operator.reason], ["me", "why"]);
      }
    });
  }
});

Deno.test("what was killed is released after a minute, and to paused, never to running", () => {
  const killed = memory("KILLED");
  assert.match(say(killed, "release", seen({ nowMs: T0 + MINUTE - 1 })).note, /not before 1 s/);
  const released = say(killed, "release", seen({ nowMs: T0 + MINUTE }));
  assert.equal(released.memory.operator.state, "PAUSED");
});

Deno.test("a memory that was brought back is told until somebody has taken note", () => {
  const restored = { from: "previous", atMs: T0 } as const;
  const unread = { nav: blankMemory("test00", T0).nav };
  const damaged = memory("RUNNING", { restored, ...unread });
  const ack = { kind: "ack", what: "state_corrupt" } as const;
  const noted = tell(damaged, ack);
  assert.deepEqual([noted.done, noted.memory.restored], [true, null]);
  assert.equal(noted.memory.attention.state_corrupt, undefined);
  assert.deepEqual(noted.memory.nav.peakUsd, seenBy(damaged).nav.peakUsd, "no baseline is moved");
  const again = tell(noted.memory, ack);
  assert.deepEqual([again.done, again.note], [
    false,
    "no damage is told: there is nothing to note",
  ]);
  assert.equal(seenBy(damaged).attention.state_corrupt, T0);
});

Deno.test("nothing is resumed while risk is against every entry", () => {
  const paused = memory("PAUSED");
  const unread = {
    kind: "failed",
    fault: { code: "timeout", message: "", retryable: true },
  } as const;
  const refused = say(paused, "resume", seen({ account: unread }));
  assert.deepEqual([refused.done, refused.memory.operator.state], [false, "PAUSED"]);
  assert.match(refused.note, /HALTED/);
  assert.equal(say(paused, "resume").done, true);
});

Deno.test("flattening closes every leg in the tick it is said, patient closes included", () => {
  const placed = (commands: ReturnType<typeof say>["commands"]) =>
    commands.flatMap((command) =>
      command.kind === "place" && !command.order.closePosition
        ? [`${command.order.kind} ${command.order.effect} ${command.order.lots}`]
        : []
    );
  const flat = say(memory("RUNNING", leg), "flatten", withLeg());
  assert.deepEqual(placed(flat.commands), ["market close 5"]);
  assert.equal(flat.memory.registry[KEY]!.exit?.reason, "operator_flatten");
  const waiting = route({
    id: "r:x",
    effect: "close",
    exitReason: "tp",
    levels: null,
    step: { kind: "quote", sinceMs: T0, notBeforeMs: T0 + MINUTE },
  });
  const exit = { routeId: "r:x", reason: "tp", firstMs: T0 } as const;
  const patient = { ...leg, registry: { [KEY]: guard({ exit }) }, routes: { "r:x": waiting } };
  assert.deepEqual(placed(say(memory("PAUSED", patient), "flatten", withLeg()).commands), [
    "market close 5",
  ]);
  const entering = { routes: { "r:e-1": route({ ticker: "ETHUSDT" as never }) } };
  const revoked = say(memory("RUNNING", entering), "flatten");
  assert.deepEqual([placed(revoked.commands), revoked.memory.routes], [[], {}]);
});

Deno.test("a start neither forgets a brake nor lets run what was killed", () => {
  const by = (state: OperatorState, who: string) => ({ state, sinceMs: T0, by: who, reason: null });
  const start = (before: Operator, killed = false) => {
    const { state, by: who } = operatorAtStart(before, { killed, nowMs: T0 + SECOND });
    return `${state} by ${who}`;
  };
  assert.equal(start(by("RUNNING", "start")), "RUNNING by start");
  for (const state of ["PAUSED", "FLATTENING", "KILLED"] as const) {
    assert.equal(start(by(state, "rob")), `${state} by rob`);
  }
  for (const state of STATES) {
    const killed = operatorAtStart(by(state, "rob"), { killed: true, nowMs: T0 });
    assert.equal(killed.state, "KILLED");
    if (killed.by !== "rob") assert.equal(start(killed), "PAUSED by KILL_SWITCH", state);
  }
  assert.equal(start(by("KILLED", "rob"), true), "KILLED by rob");
  assert.equal(start(by("PAUSED", "engine_fault")), "RUNNING by start");
  assert.equal(start(by("PAUSED", "venue")), "RUNNING by start");
});

Deno.test("flattening ends as paused when book and venue show nothing, not before", () => {
  const quiet = (at: Memory, observation: Observation) =>
    protect(freeze({ memory: at, seen: { ...observation }, rules: RULES, past: PAST }));
  const going = quiet(memory("FLATTENING", leg), withLeg());
  assert.equal(going.memory.operator.state, "FLATTENING");
  assert.ok("flattening" in going.memory.attention);
  const shown = quiet(memory("FLATTENING"), withLeg());
  assert.equal(shown.memory.operator.state, "FLATTENING", "the venue still shows a leg");
  const entering = order({ state: "sent", ackMs: null, effect: "open" });
  const out = quiet(memory("FLATTENING", { orders: { "c-1": entering } }), seen());
  assert.equal(out.memory.operator.state, "FLATTENING", "an entry may still fill");
  const over = quiet(memory("FLATTENING"), seen());
  assert.equal(over.memory.operator.state, "PAUSED");
  assert.ok(
    over.events.some((event) => event.kind === "account_rule" && event.rule === "flattened"),
  );
});
