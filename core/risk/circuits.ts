/**
 * Everything that blocks entries until something happens: what it is, since when, and what opens it
 * again. None of them ever blocks an exit.
 */
import type { Acknowledgeable } from "../drawdown.ts";
import type { NavRules } from "../nav.ts";
import type { World } from "./check.ts";
import type { Limits } from "./limits.ts";

/** What opens a circuit again. */
export type Resume =
  | { readonly kind: "at"; readonly atMs: number }
  | { readonly kind: "ack"; readonly what: Acknowledgeable }
  | { readonly kind: "next_day"; readonly zone: string }
  | { readonly kind: "recovers" };

export type CircuitView = {
  readonly id: string;
  readonly active: boolean;
  readonly sinceMs: number | null;
  readonly observed: number | null;
  readonly limit: number | null;
  readonly resume: Resume;
};

/** All circuits, active or armed, in order of precedence. */
export function circuitsOf(world: World, limits: Limits, nav: NavRules): readonly CircuitView[] {
  const { circuit, latch, ddFrac, highLossFrac, dayLossFrac, rollingLossFrac, anomaly } =
    world.account;
  const over = (value: number | null) => value === null || value >= limits.dayLossFrac;
  const { windowMs, maxCount } = limits.errors ?? { windowMs: 0, maxCount: Infinity };
  const errorsMs = world.tempo.errorsMs.filter((ms) => ms >= world.nowMs - windowMs);
  const isFailing = errorsMs.length >= maxCount;
  // The last error that must leave the window before there are few enough in it.
  const lastErrorMs = isFailing ? errorsMs.at(-Math.max(1, maxCount)) ?? null : null;
  return [
    {
      id: "portfolio_dd_circuit",
      active: circuit !== null || ddFrac === null,
      sinceMs: circuit?.sinceMs ?? null,
      observed: ddFrac,
      limit: nav.circuitFrac,
      resume: circuit?.needsAck
        ? { kind: "ack", what: "portfolio_dd_circuit" }
        : { kind: "at", atMs: (circuit?.sinceMs ?? world.nowMs) + nav.circuitCooloffMs },
    },
    {
      id: "nav_drawdown_limit",
      active: latch !== null || highLossFrac === null,
      sinceMs: latch?.sinceMs ?? null,
      observed: highLossFrac,
      limit: limits.drawdownFrac,
      resume: { kind: "ack", what: "nav_drawdown_limit" },
    },
    {
      id: "day_loss_limit",
      active: over(dayLossFrac),
      sinceMs: null,
      observed: dayLossFrac,
      limit: limits.dayLossFrac,
      resume: { kind: "next_day", zone: nav.zone },
    },
    {
      id: "rolling_loss_limit",
      active: over(rollingLossFrac),
      sinceMs: null,
      observed: rollingLossFrac,
      limit: limits.dayLossFrac,
      resume: { kind: "recovers" },
    },
    {
      id: "nav_anomaly",
      active: anomaly !== null,
      sinceMs: anomaly?.sinceMs ?? null,
      observed: anomaly?.navUsd ?? null,
      limit: anomaly?.previousUsd ?? null,
      resume: { kind: "recovers" },
    },
    {
      id: "circuit_breaker",
      active: isFailing,
      sinceMs: isFailing ? errorsMs.at(-1) ?? null : null,
      observed: errorsMs.length,
      limit: limits.errors?.maxCount ?? null,
      resume: { kind: "at", atMs: (lastErrorMs ?? world.nowMs) + windowMs },
    },
  ];
}
