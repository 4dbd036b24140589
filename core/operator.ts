/**
 * What a human tells the running engine. A command enters with the tick that carries it out, changes
 * the memory like anything else that happened, and is answered in words. No command ever stops an
 * exit: pausing and killing are about entries, flattening is about leaving.
 */
import { unreachable } from "./assert.ts";
import { ACKNOWLEDGEABLE, type Acknowledgeable, release } from "./drawdown.ts";
import type { Operator } from "./memory.ts";
import { isSettled } from "./router/orders.ts";
import { MS_PER_SECOND } from "./units.ts";
import { change, type Work } from "./work.ts";
import { worldOf } from "./world.ts";

/** Commands that move the operator's state, with what each is for. */
export const STATE_ORDERS = {
  pause: "no new positions; entries under way are taken back",
  resume: "new positions again; refused while risk is against every entry",
  flatten: "close every position at market, then stay paused",
  kill: "no new positions until somebody releases; positions stay, with their exits",
  release: "from killed to paused",
} as const;
export type StateOrder = keyof typeof STATE_ORDERS;

/** What `ack` takes: circuits that a human opens, and notices that one has taken note of. */
export const ACK_SUBJECTS = [...ACKNOWLEDGEABLE, "state_corrupt"] as const;
export type AckSubject = (typeof ACK_SUBJECTS)[number];

export type OperatorOrder =
  | { readonly kind: "ack"; readonly what: AckSubject }
  | { readonly kind: StateOrder };

/** A command with the number that its answer goes back under. */
export type OperatorCommand = {
  readonly id: number;
  readonly by: string;
  readonly reason: string;
  readonly order: OperatorOrder;
};

/** What was killed stays so for a while: a second thought is cheap. */
const RELEASE_AFTER_MS = 60 * MS_PER_SECOND;

/** Who stops entries without a human: the environment, a bug of the engine, a refusal of the venue. */
const KILL_SWITCH = "KILL_SWITCH";
export const ENGINE_FAULT = "engine_fault";
export const VENUE = "venue";

/**
 * The operator's state at a start: KILLED where the environment says so, and PAUSED when it no longer
 * does, for what was killed is never let run by a start. A pause that a fault of the engine or a
 * refusal of the venue caused ends with the process that had it: only RUNNING is ever paused by those.
 */
export function operatorAtStart(
  operator: Operator,
  { killed, nowMs: sinceMs }: { killed: boolean; nowMs: number },
): Operator {
  const { state, by } = operator;
  if (killed) {
    return state === "KILLED"
      ? operator
      : { state: "KILLED", sinceMs, by: KILL_SWITCH, reason: null };
  }
  if (state === "KILLED" && by === KILL_SWITCH) {
    const reason = "the kill switch is out: resume when entries should go on";
    return { state: "PAUSED", sinceMs, by: KILL_SWITCH, reason };
  }
  return state === "PAUSED" && (by === ENGINE_FAULT || by === VENUE)
    ? { state: "RUNNING", sinceMs, by: "start", reason: null }
    : operator;
}

/** Carries out what was said, one after the other; every command is answered. */
export function obey(work: Work, said: readonly OperatorCommand[]): void {
  for (const command of said) {
    const { id, by, reason, order } = command;
    const answer = order.kind === "ack"
      ? order.what === "state_corrupt" ? takeNote(work) : acknowledge(work, order.what)
      : move(work, order.kind, command);
    work.events.push({ kind: "operator", id, by, reason, order: order.kind, ...answer });
  }
}

type Answer = { readonly done: boolean; readonly note: string };
const refused = (note: string): Answer => ({ done: false, note });

/** Somebody knows that the memory had to be brought back: it is not told any longer. */
function takeNote(work: Work): Answer {
  if (work.memory.restored === null) return refused("no damage is told: there is nothing to note");
  change(work, { restored: null });
  return { done: true, note: "noted: the memory that was brought back is gone on with" };
}

/** Trading may go on: what was latched opens, its baseline begins anew at NAV. */
function acknowledge(work: Work, what: Acknowledgeable): Answer {
  const { nav, pulse } = work.memory;
  if (nav.level === null) return refused("NAV has never been read: there is no level to begin at");
  if (nav.pending !== null) return refused("NAV is held as an anomaly: wait until it is accepted");
  const { navUsd } = nav.level;
  const next = release(nav, what, { navUsd, atMs: pulse.nowMs });
  if (next === null) return refused(`${what} is not latched: there is nothing to open`);
  change(work, { nav: next });
  return { done: true, note: `${what} is open again, its baseline begins at ${navUsd}` };
}

/** Moves the operator's state, or says why not. */
function move(work: Work, order: StateOrder, { by, reason }: OperatorCommand): Answer {
  const { operator, holdings, pulse } = work.memory;
  const { state } = operator;
  const to = (next: typeof state, note: string): Answer => {
    change(work, { operator: { state: next, sinceMs: pulse.nowMs, by, reason } });
    return { done: true, note };
  };
  const count = Object.keys(holdings).length;
  switch (order) {
    case "pause":
      if (state !== "RUNNING") return refused(`entries are off already: ${state}`);
      return to("PAUSED", "paused: no new positions, exits keep working");
    case "resume": {
      if (state !== "PAUSED") return refused(`only what is paused can be resumed: ${state}`);
      const against = hindrance(work);
      if (against !== null) return refused(`not resumed: ${against}`);
      return to("RUNNING", "running: new positions are allowed again");
    }
    case "flatten":
      if (state === "FLATTENING") return refused(`flattening already, ${count} positions left`);
      if (state === "KILLED") return refused("killed: release it first, then flatten");
      return to("FLATTENING", `flattening: ${count} positions are being closed`);
    case "kill":
      if (state === "KILLED") return refused("killed already");
      return to("KILLED", `killed: no new positions; ${count} positions keep their exits`);
    case "release": {
      if (state !== "KILLED") return refused(`nothing is killed: ${state}`);
      const leftMs = operator.sinceMs + RELEASE_AFTER_MS - pulse.nowMs;
      if (leftMs > 0) {
        return refused(`not before ${Math.ceil(leftMs / MS_PER_SECOND)} s have passed`);
      }
      return to("PAUSED", "paused: resume when entries should go on");
    }
    default:
      return unreachable(order);
  }
}

/** Why new positions would be refused anyhow; null where risk has nothing against them. */
function hindrance({ memory, seen, past, rules }: Work): string | null {
  const { mode } = worldOf(memory, { market: seen.market, past, rules });
  return mode.mode === "HALTED" || mode.mode === "DEFENSIVE"
    ? `risk is ${mode.mode}, ${mode.reason}`
    : null;
}

/** Something that opens is still out: it may fill yet. */
function isOpening({ memory: { routes, orders } }: Work): boolean {
  return Object.values(routes).some(({ effect }) => effect === "open") ||
    Object.values(orders).some((order) => order.effect === "open" && !isSettled(order));
}

/** Flattening is over when book and venue show nothing any more; entries stay off. */
export function concludeFlatten(work: Work): void {
  const { operator, holdings, differences, pulse, nav } = work.memory;
  const { account } = work.seen;
  if (operator.state !== "FLATTENING" || account.kind === "failed" || !pulse.accountOk) return;
  const isKnown = Object.keys(differences).length === 0;
  const isFlat = Object.keys(holdings).length === 0 &&
    account.value.positions.every(({ lots }) => lots === 0);
  if (!isKnown || !isFlat || isOpening(work)) return;
  change(work, { operator: { ...operator, state: "PAUSED", sinceMs: pulse.nowMs } });
  const navUsd = nav.level?.navUsd ?? null;
  const note = "every position is closed: entries stay off until somebody resumes";
  work.events.push({ kind: "account_rule", rule: "flattened", navUsd, note });
}
