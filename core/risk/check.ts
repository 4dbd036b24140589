/** What a check is: a pure question about one entry in one world, and the room it would leave. */
import type { AccountView } from "../nav.ts";
import type { Dict, Entry, PositionKey, Side, StorageFault, Tier } from "../types.ts";
import type { Limits } from "./limits.ts";
import type { ModeView } from "./mode.ts";
import type { TailView } from "./tails.ts";

/** Whether the operator (or a fault of the engine) lets entries through. */
export type OperatorState = "RUNNING" | "PAUSED" | "FLATTENING" | "KILLED";

/** One leg that counts against the limits. */
export type Leg = {
  readonly ticker: string;
  readonly side: Side;
  readonly notionalUsd: number;
  /** In base units, what is held; an entry under way holds nothing yet. */
  readonly qty: number;
  /** False: a part of it has no mark and counts at its entry. */
  readonly atMark: boolean;
  readonly strategyId: string | null;
};

export type Tradable = {
  readonly tier: Tier;
  readonly minNotionalUsd: number;
  readonly maxLeverage: number;
};

/** What happened lately, as far as the pace of trading is limited. */
export type TempoView = {
  /** A stop-loss lets its symbol rest until then. */
  readonly cooldownUntilMs: Dict<number>;
  readonly lastFillMs: Dict<number>;
  /** Entries per symbol, newest last. */
  readonly entriesMs: Dict<readonly number[]>;
  /** Entries of all symbols, and errors of the venue; newest last. */
  readonly attemptsMs: readonly number[];
  readonly errorsMs: readonly number[];
};

/**
 * Everything the gate may know, as one immutable value. Exposures count open positions at their
 * mark, working entries with what is still unfilled, and intents approved earlier in this tick.
 */
export type World = {
  readonly nowMs: number;
  readonly account: AccountView;
  readonly operator: OperatorState;
  /** What cannot be written; null while everything that has to be kept is kept. */
  readonly storage: StorageFault | null;
  /** Orders of other engines on the same account. */
  readonly rivals: readonly string[];
  readonly mode: ModeView;
  readonly positionsKnown: boolean;
  /** Legs whose size in dollars nobody can tell: exposures are sums of unknowns then. */
  readonly badPositions: readonly PositionKey[];
  /** Legs for which no stop could be placed in time. */
  readonly nakedLegs: readonly PositionKey[];
  readonly grossUsd: number;
  readonly symbolUsd: Dict<number>;
  readonly tierUsd: Dict<number>;
  readonly groupUsd: Dict<number>;
  readonly legs: Readonly<Record<PositionKey, Leg>>;
  readonly legsCount: number;
  readonly strategyLegs: Dict<number>;
  readonly tempo: TempoView;
  readonly tail: TailView;
  /** What the exchange demands of an order in a symbol; null for one that may not be traded. */
  readonly tradable: (ticker: string) => Tradable | null;
};

export type Figures = Dict<number | string | null>;

/** Why an entry fails a check: what was seen, what is allowed. */
export type Breach = { readonly thresholds: Figures; readonly observations: Figures };

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
export function usableNavUsd({ account }: World): number {
  return account.nav.kind === "fresh" ? account.nav.navUsd : 0;
}

/** A share of NAV; null while there is no NAV to take one of. */
export function navShare(amountUsd: number, world: World): number | null {
  const navUsd = usableNavUsd(world);
  return navUsd > 0 ? amountUsd / navUsd : null;
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
