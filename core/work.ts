/**
 * One tick under construction: the memory as it stands, and what has been decided so far. It lives
 * inside one call of `protect` or `seek` and never leaves it; what leaves is a `Step`.
 */
import { sortedEntries } from "./dict.ts";
import type { EngineEvent } from "./events.ts";
import type { Memory } from "./memory.ts";
import type { Past } from "./past.ts";
import type { Command, Observation } from "./ports.ts";
import { type Order, tendOrder } from "./router/orders.ts";
import { lotsToUsd } from "./increments.ts";
import type { Rules } from "./rules.ts";
import type { Ticker } from "./types.ts";

/** What a step of a tick gives back: the memory after it, and what is to be done and told. */
export type Step = {
  readonly memory: Memory;
  readonly commands: readonly Command[];
  readonly events: readonly EngineEvent[];
};

export type Work = {
  memory: Memory;
  /** As it stood before this step: what trades that are told now were made in. */
  readonly before: Memory;
  readonly seen: Observation;
  readonly rules: Rules;
  readonly past: Past;
  readonly commands: Command[];
  readonly events: EngineEvent[];
};

/** Everything a step may look at. */
export type StepInput = {
  readonly memory: Memory;
  readonly seen: Observation;
  readonly rules: Rules;
  readonly past: Past;
};

export function begin(input: StepInput): Work {
  return { ...input, before: input.memory, commands: [], events: [] };
}

export function finish({ memory, commands, events }: Work): Step {
  return { memory, commands, events };
}

/** Replaces some slices of the memory. */
export function change(work: Work, slices: Partial<Memory>): void {
  work.memory = { ...work.memory, ...slices };
}

export function putOrder(work: Work, order: Order): void {
  change(work, { orders: { ...work.memory.orders, [order.clientId]: order } });
}

/** Lets time act on every order that is not settled: silence becomes a question. */
export function tendOrders(work: Work): void {
  const { seen, rules } = work;
  for (const [, order] of sortedEntries(work.memory.orders)) {
    const lastTradeId = work.memory.booked[order.ticker]?.verifiedId ?? 0;
    const tended = tendOrder(
      order,
      { nowMs: seen.nowMs, account: seen.account, lastTradeId },
      rules.router,
    );
    work.commands.push(...tended.commands);
    work.events.push(...tended.events);
    if (tended.order !== order) putOrder(work, tended.order);
  }
}

/** Value of lots at a price; 0 for a symbol the venue does not list any more. */
export function valueUsd(work: Work, ticker: Ticker, lots: number, px: number): number {
  const market = work.seen.market.market(ticker);
  return market === null ? 0 : lotsToUsd(lots, { px, lot: market.lot });
}
