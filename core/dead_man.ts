/**
 * The dead-man switch: while quotes rest, the venue is told again and again that somebody is here;
 * when the process dies it takes them back by itself. Protective stops are not quotes and stay.
 */
import { sortedKeys } from "./dict.ts";
import type { Command } from "./ports.ts";
import { isSettled } from "./router/orders.ts";
import type { Ticker } from "./types.ts";
import { change, type Work } from "./work.ts";

/** It is renewed this many times within its timeout. */
const BEATS = 3;

/**
 * Renews what is due and lets go of what is over. A switch is set before the quote that it is for
 * leaves: a process may die between any two commands.
 */
export function holdDeadMan(work: Work): void {
  const { memory, rules, seen } = work;
  const { deadManMs: timeoutMs } = rules.router;
  const resting = new Set<Ticker>();
  for (const order of Object.values(memory.orders)) {
    if (order.tif === "GTX" && !isSettled(order)) resting.add(order.ticker);
  }
  const renewed: Record<string, number> = {};
  const set: Command[] = [];
  for (const ticker of [...resting].toSorted()) {
    const lastMs = memory.pulse.deadManMs[ticker];
    const due = lastMs === undefined || seen.nowMs - lastMs >= timeoutMs / BEATS;
    if (due) set.push({ kind: "dead_man", ticker, timeoutMs });
    renewed[ticker] = due ? seen.nowMs : lastMs;
  }
  work.commands.unshift(...set);
  for (const ticker of sortedKeys(memory.pulse.deadManMs)) {
    if (renewed[ticker] !== undefined) continue;
    work.commands.push({ kind: "dead_man", ticker: ticker as Ticker, timeoutMs: 0 });
  }
  change(work, { pulse: { ...work.memory.pulse, deadManMs: renewed } });
}

/** When switches want to be renewed. */
export function deadManDeadlines({ memory, rules }: Pick<Work, "memory" | "rules">): number[] {
  return Object.values(memory.pulse.deadManMs).map((ms) => ms + rules.router.deadManMs / BEATS);
}
