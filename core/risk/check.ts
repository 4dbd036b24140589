/** What a check is: a pure question about one entry in one world, and the room it would leave. */
import type { AccountView } from "../nav.ts";
import type { Dict, Entry, PositionKey, Tier } from "../types.ts";
import type { Limits } from "./limits.ts";

/** Whether the operator (or a fault of the engine) lets entries through. */
export type OperatorState = "RUNNING" | "PAUSED" | "KILLED";

/** One leg that counts against the limits. */
export type Leg = {
  readonly notionalUsd: number;
  readonly lots: number;
  readonly strategyId: string | null;
};

export type Tradable = {
  readonly tier: Tier;
  readonly minNotionalUsd: number;
  readonly maxLeverage: number;
};

/**
 * Everything the gate may know, as one immutable value. Exposures count open positions at their
 * mark, working entries with what is still unfilled, and intents approved earlier in this tick.
 */
export type World = {
  readonly nowMs: number;
  readonly account: AccountView;
  readonly operator: OperatorState;
  readonly positionsKnown: boolean;
  readonly grossUsd: number;
  readonly symbolUsd: Dict<number>;
  readonly tierUsd: Dict<number>;
  readonly groupUsd: Dict<number>;
  readonly legs: Readonly<Record<PositionKey, Leg>>;
  readonly strategyLegs: Dict<number>;
  readonly cooldownUntilMs: Dict<number>;
  /** What the exchange demands of an order in a symbol; null for one that may not be traded. */
  readonly tradable: (ticker: string) => Tradable | null;
};

/** Why an entry fails a check: what was seen, what is allowed. */
export type Breach = {
  readonly thresholds: Dict<number | string | null>;
  readonly observations: Dict<number | string | null>;
};

/**
 * One check. `room` is the largest notional that passes (0: none, Infinity: size does not matter);
 * `judge` gives null for "no objection". Several checks may share a reason.
 */
export type Check<R extends string = string> = {
  readonly id: string;
  readonly reason: R;
  readonly judge: (entry: Entry, world: World, limits: Limits) => Breach | null;
  readonly room: (entry: Entry, world: World, limits: Limits) => number;
};

/** NAV in dollars when it may be used for sizing, else 0: no percentage of an unknown is allowed. */
export function usableNavUsd(world: World): number {
  return world.account.nav.kind === "fresh" ? world.account.nav.navUsd : 0;
}

/** A check whose answer does not depend on the size: it lets everything through or nothing. */
export function gate<R extends string>(
  id: string,
  reason: R,
  judge: Check["judge"],
): Check<R> {
  const room: Check["room"] = (entry, world, limits) =>
    judge(entry, world, limits) === null ? Infinity : 0;
  return { id, reason, judge, room };
}

/** A check that allows up to `room` dollars, the cap itself included; an unknown room allows none. */
export function cap<R extends string>(
  id: string,
  reason: R,
  room: Check["room"],
  describe: (entry: Entry, world: World, limits: Limits) => Breach,
): Check<R> {
  const judge: Check["judge"] = (entry, world, limits) =>
    entry.grossUsd <= room(entry, world, limits) ? null : describe(entry, world, limits);
  return { id, reason, judge, room: (e, w, l) => Math.max(0, room(e, w, l)) };
}
