/** What a scenario is, and what scenarios look at: facts of the exchange and what was published. */
import type { NewOrder, Observation, VenueEvent } from "../../core/ports.ts";
import { vet } from "../../core/risk/mod.ts";
import { type PositionKey, signOf, type Ticker, type VenuePosition } from "../../core/types.ts";
import { worldOf } from "../../core/world.ts";
import { PROJECTIONS } from "../../state/surfaces/mod.ts";
import { entry, levels } from "../fixtures.ts";
import { publishedOf } from "../swarm/surfaces.ts";
import {
  type Fault,
  isByHand,
  keyOf,
  type Moment,
  SECOND,
  type Setting,
  type Stage,
} from "./stage.ts";

export type Scenario = {
  /** What went wrong, in a sentence. */
  readonly what: string;
  readonly setting: Setting;
  readonly play: (stage: Stage) => Promise<void>;
  /** A sentence about what is lost; null while nothing is. */
  readonly lost: (stage: Stage) => string | null;
  /** The switch: the system as it was when this happened. */
  readonly fault: Fault;
  /** What the invariant says when the fault is in. */
  readonly shows: RegExp;
};

/** A leg is protected within this time of the first good reading that shows it. */
export const PROTECT_MS = 5 * SECOND;

export const FAILED: Observation["account"] = {
  kind: "failed",
  fault: { code: "timeout", message: "no answer", retryable: true },
};

/** The same reading with other legs. */
export function withLegs(
  seen: Observation,
  change: (legs: readonly VenuePosition[]) => readonly VenuePosition[],
): Observation {
  if (seen.account.kind === "failed") return seen;
  const { value } = seen.account;
  const positions = change(value.positions);
  return { ...seen, account: { kind: "read", value: { ...value, positions } } };
}

/** The exchange's positions are the engine's own book, and trades of others are not heard. */
export const onlyItsOwnBook: NonNullable<Fault["sees"]> = (seen, memory) => {
  const own = Object.values(memory.holdings).map((held): VenuePosition => ({
    ticker: held.ticker,
    side: held.side,
    lots: held.lots,
    entryPx: held.entryPx,
    mark: seen.market.mark(held.ticker),
    unrealizedUsd: 0,
    leverage: 1,
    liquidationPx: null,
  }));
  const events = seen.events.flatMap((event): readonly VenueEvent[] => {
    if (event.kind === "trade") return isByHand(event.trade) ? [] : [event];
    if (event.kind !== "trades_answer") return [event];
    return [{ ...event, trades: event.trades.filter((trade) => !isByHand(trade)) }];
  });
  return { ...withLegs(seen, () => own), events };
};

/** The surfaces of a moment, as the publisher makes them. */
export function surfacesOf(stage: Stage, { memory, seen, account }: Moment) {
  const { rules, past } = stage;
  const published = { ...publishedOf({ memory, seen, rules, past }), account };
  return {
    positions: PROJECTIONS.positions_state(published),
    nav: PROJECTIONS.nav(published),
    levels: PROJECTIONS.position_tp_sl(published).entries,
    attention: Object.keys(memory.attention),
  };
}

/** Why a fair wish for SOL, which nobody holds, is refused at a moment; null where it is not. */
export function refusalOf({ rules, past }: Stage, { memory, seen }: Moment): string | null {
  const world = worldOf(memory, { market: seen.market, past, rules });
  const ticker = "SOLUSDT" as Ticker;
  const wish = entry({
    ticker,
    grossUsd: 100,
    refPx: 150,
    levels: levels({ slPx: 147, tpPx: null }),
  });
  const limits = { ...rules.limits, strategyLegs: { ...rules.limits.strategyLegs, s1: 5 } };
  const verdict = vet(wish, world, limits);
  return verdict.kind === "vetoed" ? verdict.vetoes[0]!.reason : null;
}

export type Sent = {
  readonly moment: Moment;
  readonly order: NewOrder;
  /** What the leg held at the exchange when the order left. */
  readonly heldLots: number;
};

/** Orders that left, oldest first. */
export function sentOrders(
  { moments }: Pick<Stage, "moments">,
  which: (order: NewOrder) => boolean = () => true,
): readonly Sent[] {
  return moments.flatMap((moment) =>
    moment.sent.flatMap((command): readonly Sent[] => {
      if (command.kind !== "place" || !which(command.order)) return [];
      const heldLots = moment.exchange.positions[keyOf(command.order)]?.lots ?? 0;
      return [{ moment, order: command.order, heldLots }];
    })
  );
}

/** Orders of the engine itself that make a leg smaller; stops that rest are not among them. */
export const closes = ({ effect, closePosition }: NewOrder): boolean =>
  effect === "close" && !closePosition;
export const opens = ({ effect }: NewOrder): boolean => effect === "open";
export const rests = ({ kind }: NewOrder): boolean => kind === "stop_market";

/** A sentence about a leg that had no stop at the exchange and was not leaving for too long. */
export function naked({ moments }: Pick<Stage, "moments">, limitMs = PROTECT_MS): string | null {
  const sinceMs = new Map<string, number>();
  for (const { nowMs, exchange, memory } of moments) {
    for (const key of sinceMs.keys()) if (!(key in exchange.positions)) sinceMs.delete(key);
    for (const [key, { ticker, side }] of Object.entries(exchange.positions)) {
      const guarded = Object.values(exchange.orders).some((order) =>
        order.kind === "stop_market" && order.ticker === ticker && order.side === side
      );
      const leaving = Object.values(memory.routes).some((route) =>
        route.effect === "close" && keyOf(route) === key
      );
      if (guarded || leaving) sinceMs.delete(key);
      else if (!sinceMs.has(key)) sinceMs.set(key, nowMs);
      const fromMs = sinceMs.get(key);
      if (fromMs !== undefined && nowMs - fromMs > limitMs) {
        return `${key} without a stop for ${(nowMs - fromMs) / SECOND} s`;
      }
    }
  }
  return null;
}

/** Levels of a leg that lie on the wrong side of its entry. */
export function crossed({ memory }: Moment, key: PositionKey): string | null {
  const guard = memory.registry[key];
  if (guard === undefined) return `${key} has no levels`;
  const { levels: { slPx, tpPx }, entryPx, side } = guard;
  const behind = slPx !== null && signOf(side) * (entryPx - slPx) > 0;
  const ahead = tpPx === null || signOf(side) * (tpPx - entryPx) > 0;
  return behind && ahead ? null : `levels of ${key} on the wrong side`;
}

/** The first sentence there is. */
export function first(...sentences: readonly (string | null)[]): string | null {
  return sentences.find((sentence) => sentence !== null) ?? null;
}

/** The first sentence that a moment gives. */
export function firstOf(
  moments: readonly Moment[],
  say: (moment: Moment, at: number) => string | null,
): string | null {
  for (const [i, moment] of moments.entries()) {
    const sentence = say(moment, i);
    if (sentence !== null) return sentence;
  }
  return null;
}
