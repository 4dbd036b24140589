/** The block `liveness` of `diagnostics.json`: whether each part still does its work. */
import { z } from "zod";
import { watch, type WatcherState } from "../../core/diagnostics.ts";
import { lateScanMs } from "../../core/rules.ts";
import { MS_PER_MINUTE, MS_PER_SECOND } from "../../core/units.ts";
import { type Published, seconds } from "./surface.ts";

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

export function liveness({ memory, rules, run }: Published) {
  const { counters, pulse, operator } = memory;
  const { liveness: limits } = rules.loop;
  const running = operator.state === "RUNNING";
  const held = Object.keys(memory.holdings).length > 0;
  const scanLimitMs = lateScanMs(rules).warnMs;
  const approved = counters.lastOrderMs !== null &&
    pulse.nowMs - counters.lastOrderMs <= limits.ordersMs;
  const look = (lastMs: number | null, limitMs: number, expected: boolean) =>
    watch({
      lastMs,
      nowMs: pulse.nowMs,
      limitMs: limits.enabled ? limitMs : 0,
      startedMs: run.startedMs,
      expected,
    });
  const signals = look(counters.lastSignalMs, limits.signalsMs, running);
  const orders = look(counters.lastOrderMs, limits.ordersMs, running && approved);
  const exits = look(pulse.scanMs, held ? scanLimitMs : limits.exitsMs, held);
  const router = look(counters.lastRouterMs, limits.routerMs, running && approved);
  // What the account shows is read on every tick, whoever trades.
  const positions = look(pulse.accountMs, POSITIONS_LIMIT_MS, true);
  const nav = look(memory.nav.level?.atMs ?? null, rules.nav.freshMs, true);
  const isIdle = (state: WatcherState) => state === "idle" || state === "never";
  const inSeconds = (ms: number | null) => ms === null ? null : ms / MS_PER_SECOND;
  const missing: Record<string, boolean> = {};
  if (counters.lastSignalMs === null) missing.signals = true;
  if (counters.lastOrderMs === null) missing.orders = true;
  if (pulse.scanMs === null) missing.exits = true;
  if (counters.lastRouterMs === null) missing.router = true;
  if (pulse.accountMs === null) missing.positions = true;
  if (memory.nav.level === null) missing.nav = true;
  return {
    idle_signals: isIdle(signals.state),
    idle_orders: isIdle(orders.state),
    idle_exits: isIdle(exits.state),
    idle_router: isIdle(router.state),
    idle_positions: isIdle(positions.state),
    idle_nav: isIdle(nav.state),
    details: {
      signals_idle_seconds: inSeconds(signals.idleMs),
      orders_idle_seconds: inSeconds(orders.idleMs),
      exits_idle_seconds: inSeconds(exits.idleMs),
      router_idle_seconds: inSeconds(router.idleMs),
      positions_idle_seconds: inSeconds(positions.idleMs),
      nav_idle_seconds: inSeconds(nav.idleMs),
    },
    missing,
    limits: {
      signals: limits.signalsMs / MS_PER_SECOND,
      orders: limits.ordersMs / MS_PER_SECOND,
      exits: (held ? scanLimitMs : limits.exitsMs) / MS_PER_SECOND,
      router: limits.routerMs / MS_PER_SECOND,
      positions: POSITIONS_LIMIT_MS / MS_PER_SECOND,
      nav: rules.nav.freshMs / MS_PER_SECOND,
    },
    states: {
      signals: signals.state,
      orders: orders.state,
      exits: exits.state,
      router: router.state,
      positions: positions.state,
      nav: nav.state,
    },
  };
}
