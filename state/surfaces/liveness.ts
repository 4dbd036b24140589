/** The block `liveness` of `diagnostics.json`: whether each part still does its work. */
import { z } from "zod";
import { watch, type WatcherState } from "../../core/diagnostics.ts";
import { remembered } from "../../core/remember.ts";
import { lateScanMs } from "../../core/rules.ts";
import { MS_PER_MINUTE, MS_PER_SECOND } from "../../core/units.ts";
import { type Published, seconds } from "./surface.ts";

/** An entry that passed every gate has an order well within this time, if it ever has one. */
const ANSWER_MS = MS_PER_MINUTE;
/** Positions that were not read for as long are not known. */
const POSITIONS_LIMIT_MS = MS_PER_MINUTE;

export const Liveness = z.strictObject({
  idle_signals: z.boolean(),
  idle_orders: z.boolean(),
  idle_exits: z.boolean(),
  idle_router: z.boolean(),
  idle_positions: z.boolean(),
  idle_nav: z.boolean(),
  details: z.strictObject({
    signals_idle_seconds: seconds,
    orders_idle_seconds: seconds,
    exits_idle_seconds: seconds,
    router_idle_seconds: seconds,
    positions_idle_seconds: seconds,
    nav_idle_seconds: seconds,
  }),
  missing: z.record(z.string(), z.boolean()),
  limits: z.record(z.string(), z.number()),
  states: z.record(z.string(), z.enum(["ok", "idle", "warming", "quiet", "never", "off"])),
});

const WATCHERS = ["signals", "orders", "exits", "router", "positions", "nav"] as const;
export type WatcherName = (typeof WATCHERS)[number];

/** What a watcher waits for: when it came last, how long it may stay away, and whether it is due. */
type Awaited = {
  readonly lastMs: number | null;
  readonly limitMs: number;
  readonly expected: boolean;
};

function awaited({ memory, rules }: Published): Readonly<Record<WatcherName, Awaited>> {
  const { counters, pulse, operator, nav, holdings } = memory;
  const { signalsMs, ordersMs, exitsMs, routerMs } = rules.loop.liveness;
  const running = operator.state === "RUNNING";
  const held = Object.keys(holdings).length > 0;
  /** True where an entry that passed every gate within the limit has gone unanswered. */
  const isOwed = (sinceMs: number | null, limitMs: number) =>
    running && sinceMs !== null && pulse.nowMs - sinceMs >= ANSWER_MS &&
    counters.lastApprovedMs !== null && pulse.nowMs - counters.lastApprovedMs <= limitMs;
  return {
    signals: { lastMs: counters.lastSignalMs, limitMs: signalsMs, expected: running },
    orders: {
      lastMs: counters.lastOrderMs,
      limitMs: ordersMs,
      expected: isOwed(counters.unorderedMs, ordersMs),
    },
    exits: {
      lastMs: pulse.scanMs,
      limitMs: held ? lateScanMs(rules).warnMs : exitsMs,
      expected: held,
    },
    router: {
      lastMs: counters.lastRouterMs,
      limitMs: routerMs,
      expected: isOwed(counters.unroutedMs, routerMs),
    },
    // What the account shows is read on every tick, whoever trades.
    positions: { lastMs: pulse.accountMs, limitMs: POSITIONS_LIMIT_MS, expected: true },
    nav: { lastMs: nav.level?.atMs ?? null, limitMs: rules.nav.freshMs, expected: true },
  };
}

export type Watched = Readonly<
  Record<WatcherName, Awaited & { readonly state: WatcherState; readonly idleMs: number | null }>
>;

/** Every watcher with what it saw; once per reading. */
export const watched = remembered((published: Published): Watched => {
  const { memory: { pulse: { nowMs } }, rules, run: { startedMs } } = published;
  const { enabled } = rules.loop.liveness;
  return each(awaited(published), (one) => {
    const limitMs = enabled ? one.limitMs : 0;
    return { ...one, ...watch({ ...one, limitMs, nowMs, startedMs }) };
  });
});

/** True where something should have come and did not. */
export function isIdle({ state }: { readonly state: WatcherState }): boolean {
  return state === "idle" || state === "never";
}

export function liveness(published: Published) {
  const all = watched(published);
  const { signals, orders, exits, router, positions, nav } = all;
  const inSeconds = (ms: number | null) => ms === null ? null : ms / MS_PER_SECOND;
  return {
    idle_signals: isIdle(signals),
    idle_orders: isIdle(orders),
    idle_exits: isIdle(exits),
    idle_router: isIdle(router),
    idle_positions: isIdle(positions),
    idle_nav: isIdle(nav),
    details: {
      signals_idle_seconds: inSeconds(signals.idleMs),
      orders_idle_seconds: inSeconds(orders.idleMs),
      exits_idle_seconds: inSeconds(exits.idleMs),
      router_idle_seconds: inSeconds(router.idleMs),
      positions_idle_seconds: inSeconds(positions.idleMs),
      nav_idle_seconds: inSeconds(nav.idleMs),
    },
    missing: Object.fromEntries(
      WATCHERS.filter((name) => all[name].lastMs === null).map((name) => [name, true]),
    ),
    limits: each(all, ({ limitMs }) => limitMs / MS_PER_SECOND),
    states: each(all, ({ state }) => state),
  };
}

function each<T, U>(
  all: Readonly<Record<WatcherName, T>>,
  of: (one: T) => U,
): Record<WatcherName, U> {
  return Object.fromEntries(WATCHERS.map((name) => [name, of(all[name])])) as Record<
    WatcherName,
    U
  >;
}
