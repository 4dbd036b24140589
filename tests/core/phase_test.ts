/** How far a start has come: nothing is opened before what is held is known and protected. */
import assert from "node:assert/strict";
import { blankMemory, type Memory, type StartPhase } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { atStart } from "../../core/phase.ts";
import type { Command, Observation, VenueEvent } from "../../core/ports.ts";
import { protect } from "../../core/protect.ts";
import { seek } from "../../core/seek.ts";
import type { Ticker } from "../../core/types.ts";
import { account, BTC, ETH, freeze, guard, holding, order, position, T0 } from "../fixtures.ts";
import { observation as seen, rules } from "../fixtures_run.ts";

const SECOND = 1_000;
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const FAILED: Partial<Observation> = {
  account: { kind: "failed", fault: { code: "timeout", message: "", retryable: true } },
};
/** A process was killed with a leg of ten lots, its stop and an entry under way. */
const KILLED: Memory = (() => {
  const blank = blankMemory("test00", T0);
  const stop = order({ clientId: "s-1", kind: "stop_market", closePosition: true, ownerId: "x" });
  return freeze(atStart({
    ...blank,
    pulse: { ...blank.pulse, phase: "run", screenedMs: 0 },
    holdings: { "BTCUSDT:LONG": holding() },
    registry: { "BTCUSDT:LONG": guard({ stop: { clientId: "s-1", stopTicks: 590_000 } }) },
    orders: {
      "s-1": { ...stop, stopTicks: 590_000 },
      "c-1": order({ state: "sent", ackMs: null }),
    },
  }));
})();

function tick(memory: Memory, observation: Observation) {
  const input = { memory, seen: observation, rules: RULES, past: PAST };
  const safe = protect(freeze(input));
  const more = seek({ ...input, memory: safe.memory });
  const isScreened = more.memory.pulse.screenedMs === observation.nowMs;
  return { ...safe, memory: more.memory, isScreened };
}

const at = (nowMs: number, changes: Partial<Observation> = {}) =>
  seen({
    nowMs,
    account: { kind: "read", value: account({ atMs: nowMs, positions: [position()] }) },
    ...changes,
  });

Deno.test("a start waits for the account, then for answers, then for stops; only then it opens", () => {
  const answered = (clientId: string, atMs: number): VenueEvent => ({
    kind: "order_answer",
    clientId,
    found: { status: "cancelled", executedLots: 0 },
    atMs,
  });
  const acks = (commands: readonly Command[], atMs: number): VenueEvent[] =>
    commands.flatMap((command) =>
      command.kind === "place" ? [{ kind: "ack", clientId: command.order.clientId, atMs }] : []
    );
  const phases: StartPhase[] = [];
  let { memory }: { memory: Memory } = { memory: KILLED };
  const look = (observation: Observation) => {
    const step = tick(memory, observation);
    memory = step.memory;
    phases.push(memory.pulse.phase);
    assert.equal(step.isScreened, memory.pulse.phase === "run");
    return step;
  };
  look(at(T0, { ...FAILED, gap: true }));
  look(at(T0 + SECOND, FAILED));
  assert.deepEqual(memory.registry, KILLED.registry, "nothing is dropped for want of a reading");
  look(at(T0 + 2 * SECOND));
  look(at(T0 + 3 * SECOND, FAILED));
  const { commands } = look(at(T0 + 4 * SECOND, {
    events: [answered("c-1", T0 + 4 * SECOND), answered("s-1", T0 + 4 * SECOND)],
  }));
  const { memory: done } = look(at(T0 + 5 * SECOND, { events: acks(commands, T0 + 5 * SECOND) }));
  assert.equal(done.attention.starting, undefined);
  look(at(T0 + 65 * SECOND, FAILED));
  assert.deepEqual(phases, [
    "wait_exchange",
    "wait_exchange",
    "reconcile",
    "wait_exchange",
    "protect",
    "run",
    "run",
  ]);
});

Deno.test("whatever is held at the first good reading has its stop on the way in the same tick", () => {
  const tickers: readonly Ticker[] = [BTC, ETH];
  const held = tickers.map((ticker) => [`${ticker}:LONG`, holding({ ticker })] as const);
  const naked = atStart({
    ...blankMemory("test00", T0),
    holdings: Object.fromEntries(held),
  });
  const positions = tickers.map((ticker) => position({ ticker }));
  const { commands, memory } = tick(
    freeze(naked),
    at(T0, { account: { kind: "read", value: account({ positions }) } }),
  );
  assert.equal(memory.pulse.phase, "protect");
  const stops = commands.flatMap((command) => command.kind === "place" ? [command.order] : []);
  assert.deepEqual(stops.map(({ ticker, kind }) => `${ticker} ${kind}`), [
    "BTCUSDT stop_market",
    "ETHUSDT stop_market",
  ]);
});

Deno.test("a start without anything to see to trades in its first tick", () => {
  const fresh = freeze(blankMemory("test00", T0));
  const { memory, isScreened } = tick(fresh, seen());
  assert.deepEqual([memory.pulse.phase, isScreened], ["run", true]);
});
