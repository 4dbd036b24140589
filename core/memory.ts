/**
 * Everything the engine remembers, as one plain JSON value. `pulse` and the last NAV level move on
 * every tick; a change of anything else makes a journal row, and folding the rows after a
 * checkpoint gives back the memory of the last row.
 */
import { type Counters, EMPTY_COUNTERS } from "./diagnostics.ts";
import type { Close } from "./exits/episode.ts";
import { type Booked, EMPTY_BOOKED } from "./booked.ts";
import type { Holdings } from "./exits/ledger.ts";
import type { Debts } from "./exits/owed.ts";
import type { Gaps } from "./exits/proof.ts";
import type { Differences } from "./exits/reconcile.ts";
import type { Registry } from "./exits/registry.ts";
import type { Lineage } from "./ids.ts";
import { EMPTY_NAV, type NavMemory } from "./nav.ts";
import type { OperatorState, TempoView } from "./risk/check.ts";
import type { Order } from "./router/orders.ts";
import type { RoutingRecord } from "./router/record.ts";
import type { Route } from "./router/route.ts";
import { CALM_ROUTER, type RouterHealth } from "./router/health.ts";
import type { Dict, Entry, PositionKey, StorageFault } from "./types.ts";

/** What a start has reached: the account, what was left under way, stops, trading. */
export const START_PHASES = ["wait_exchange", "reconcile", "protect", "run"] as const;
export type StartPhase = (typeof START_PHASES)[number];

/** What the readings of the account have said about a stop or target that should rest. */
export type Sighting = {
  /** When one last showed it; null: none has. */
  readonly seenMs: number | null;
  /** Readings in a row that did not, and when the last of them was taken. */
  readonly missedCount: number;
  readonly missedMs: number | null;
};

/** What every tick moves. */
export type Pulse = {
  readonly phase: StartPhase;
  readonly seq: number;
  readonly nowMs: number;
  readonly wakeMs: number;
  readonly nextScreenMs: number;
  /** Candles that closed up to here have been screened. */
  readonly screenedMs: number;
  readonly scanMs: number | null;
  /** The last time legs went unwatched for too long, kept for a while; null: not lately. */
  readonly lateScan: { readonly gapMs: number; readonly atMs: number } | null;
  /** The last good reading of the account, and whether this tick's reading was one. */
  readonly accountMs: number | null;
  readonly accountOk: boolean;
  /** Legs whose mark was missing or old in the last scan. */
  readonly priceMissingCount: number;
  /** The engine's own sums at the NAV guard's last believed level. */
  readonly explained: { readonly cashUsd: number; readonly unrealizedUsd: number };
  /** Transfers that the guards of NAV have been told of. */
  readonly transfersUsd: number;
  /** When the dead-man switch of a symbol was last renewed. */
  readonly deadManMs: Dict<number>;
  /** Legs of the last good reading that are set apart: something of them is not known. */
  readonly quarantined: readonly PositionKey[];
  /** The stops and targets that should rest, by client order id. */
  readonly sightings: Dict<Sighting>;
  /** What could not be written when this tick began; nothing is opened meanwhile. */
  readonly storage: StorageFault | null;
};

/** Running sums since the data directory's first start; funding and transfers beside trading. */
export type Cash = {
  readonly startUsd: number | null;
  readonly realizedUsd: number;
  readonly feesUsd: number;
  readonly fundingUsd: number;
  readonly transfersUsd: number;
};

/** Money that came in, or where negative went out, and its income row. */
export type Transfer = { readonly id: number; readonly usd: number; readonly atMs: number };

/** The same sums since the start of the account's day. */
export type DayCash = {
  readonly day: string | null;
  readonly realizedUsd: number;
  readonly feesUsd: number;
  readonly fundingUsd: number;
};

export type Operator = {
  readonly state: OperatorState;
  readonly sinceMs: number;
  readonly by: string;
  readonly reason: string | null;
};

/** An entry that waits until the leg on its other side has gone. */
export type Flip = { readonly entry: Entry; readonly untilMs: number };

export type Memory = {
  readonly lineage: Lineage;
  readonly startedMs: number;
  readonly pulse: Pulse;
  readonly nav: NavMemory;
  readonly cash: Cash;
  readonly dayCash: DayCash;
  readonly operator: Operator;
  readonly holdings: Holdings;
  readonly registry: Registry;
  readonly orders: Dict<Order>;
  readonly routes: Dict<Route>;
  /** Entries that wait for a leg to go, per symbol. */
  readonly flips: Dict<Flip>;
  /** Trades that have been booked, per symbol. */
  readonly booked: Dict<Booked>;
  /** Income that has been booked. */
  readonly incomes: Booked;
  /** The newest money that came in or went out, oldest first; all of it is in the sums. */
  readonly transfers: readonly Transfer[];
  readonly differences: Differences;
  /** Orders the venue shows that nobody here remembers, and since when. */
  readonly strangers: Dict<number>;
  readonly tempo: TempoView;
  /** The newest candle close an entry was emitted for, per strategy, symbol and side. */
  readonly emittedMs: Dict<number>;
  readonly counters: Counters;
  /** What routing of each symbol has come to. */
  readonly routing: Dict<RoutingRecord>;
  readonly routerHealth: RouterHealth;
  readonly closes: Dict<Close>;
  /** What closed positions came to, net, that are no longer kept. */
  readonly forgottenUsd: number;
  /** Lots that were closed before their entry was heard. */
  readonly debts: Debts;
  /** Legs whose result is not what the venue says it is. */
  readonly gaps: Gaps;
  /** Since when each attention item has been true. */
  readonly attention: Dict<number>;
  /** What a start had to bring this memory back from, until somebody has taken note. */
  readonly restored: { readonly from: "previous" | "journal"; readonly atMs: number } | null;
};

/**
 * The form of this value on disk. It grows with every change that an older file would not fit, so
 * that a build never reads another build's memory as something else.
 */
export const MEMORY_FORM = 13;

/** Paths whose change alone is not worth a journal row: they are re-read or re-made on every tick. */
export const VOLATILE: readonly (readonly [keyof Memory, string | null])[] = [
  ["pulse", null],
  ["nav", "level"],
];

/** The memory of a data directory that has never run. */
export function blankMemory(lineage: Lineage, startedMs: number): Memory {
  return {
    lineage,
    startedMs,
    pulse: {
      phase: "wait_exchange",
      seq: 0,
      nowMs: startedMs,
      wakeMs: startedMs,
      nextScreenMs: startedMs,
      screenedMs: startedMs,
      scanMs: null,
      lateScan: null,
      accountMs: null,
      accountOk: false,
      priceMissingCount: 0,
      explained: { cashUsd: 0, unrealizedUsd: 0 },
      transfersUsd: 0,
      deadManMs: {},
      quarantined: [],
      sightings: {},
      storage: null,
    },
    nav: EMPTY_NAV,
    cash: { startUsd: null, realizedUsd: 0, feesUsd: 0, fundingUsd: 0, transfersUsd: 0 },
    dayCash: { day: null, realizedUsd: 0, feesUsd: 0, fundingUsd: 0 },
    operator: { state: "RUNNING", sinceMs: startedMs, by: "start", reason: null },
    holdings: {},
    registry: {},
    orders: {},
    routes: {},
    flips: {},
    booked: {},
    incomes: EMPTY_BOOKED,
    transfers: [],
    differences: {},
    strangers: {},
    tempo: {
      cooldownUntilMs: {},
      lastFillMs: {},
      entriesMs: {},
      attemptsMs: [],
      errorsMs: [],
    },
    emittedMs: {},
    counters: EMPTY_COUNTERS,
    routing: {},
    routerHealth: CALM_ROUTER,
    closes: {},
    forgottenUsd: 0,
    debts: {},
    gaps: {},
    attention: {},
    restored: null,
  };
}
