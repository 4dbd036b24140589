/**
 * What a human tells the running engine. A command enters with the tick that carries it out, changes
 * the memory like anything else that happened, and is answered in words.
 */
import { type Acknowledgeable, release } from "./drawdown.ts";
import { change, type Work } from "./work.ts";

/** A command with the number that its answer goes back under. */
export type OperatorCommand = {
  readonly id: number;
  readonly by: string;
  readonly reason: string;
  readonly order: { readonly kind: "ack"; readonly what: Acknowledgeable };
};

/** Carries out what was said, one after the other; every command is answered. */
export function obey(work: Work, said: readonly OperatorCommand[]): void {
  for (const { id, by, reason, order } of said) {
    const answer = acknowledge(work, order.what);
    work.events.push({ kind: "operator", id, by, reason, order: order.kind, ...answer });
  }
}

type Answer = { readonly done: boolean; readonly note: string };

/** Trading may go on: what was latched opens, its baseline begins anew at NAV. */
function acknowledge(work: Work, what: Acknowledgeable): Answer {
  const { nav, pulse } = work.memory;
  const refused = (note: string): Answer => ({ done: false, note });
  if (nav.level === null) return refused("NAV has never been read: there is no level to begin at");
  if (nav.pending !== null) return refused("NAV is held as an anomaly: wait until it is accepted");
  const { navUsd } = nav.level;
  const next = release(nav, what, { navUsd, atMs: pulse.nowMs });
  if (next === null) return refused(`${what} is not latched: there is nothing to open`);
  change(work, { nav: next });
  return { done: true, note: `${what} is open again, its baseline begins at ${navUsd}` };
}
