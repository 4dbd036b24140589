/** The one-word state of risk: what it is, why, and how much size it leaves. */
import { toSeconds } from "../units.ts";
import type { World } from "./check.ts";
import type { Limits } from "./limits.ts";

export const RISK_MODES = ["OK", "WARN", "DEFENSIVE", "HALTED"] as const;
export type RiskMode = (typeof RISK_MODES)[number];

export type ModeView = {
  readonly mode: RiskMode;
  readonly reason: string;
  /** 0 is calm, 1 is stopped. */
  readonly score: number;
};

/** What is left of an entry's size in each mode; applied once, in sizing. */
export const MODE_SIZE_FRAC: Readonly<Record<RiskMode, number>> = {
  OK: 1,
  WARN: 0.8,
  DEFENSIVE: 0.5,
  HALTED: 0,
};

/** First match wins; what cannot be evaluated is HALTED, never OK. */
export function riskMode(world: World, limits: Limits): ModeView {
  const { nav, anomaly, ddFrac, dayLossFrac, circuit } = world.account;
  if (!world.positionsKnown) return halted("positions_unknown");
  if (nav.kind === "missing") return halted("nav_missing");
  if (nav.kind === "stale") return halted(`nav_stale_age=${Math.round(toSeconds(nav.ageMs))}s`);
  if (!(nav.navUsd > 0)) return halted("nav_nonpositive");
  if (ddFrac === null || dayLossFrac === null) return halted("drawdown_unknown");
  if (circuit !== null) return { mode: "DEFENSIVE", reason: "circuit_breaker_active", score: 0.9 };
  if (dayLossFrac >= limits.dayLossFrac) {
    const reason = `daily_loss_high_frac=${dayLossFrac.toFixed(4)}`;
    return { mode: "DEFENSIVE", reason, score: 0.8 };
  }
  if (anomaly !== null) return { mode: "WARN", reason: "nav_anomaly_pending", score: 0.5 };
  if (ddFrac >= limits.drawdownAlertFrac) {
    return { mode: "WARN", reason: `drawdown_alert_dd_frac=${ddFrac.toFixed(4)}`, score: 0.25 };
  }
  return { mode: "OK", reason: "all_systems_healthy", score: 0 };
}

function halted(reason: string): ModeView {
  return { mode: "HALTED", reason, score: 1 };
}
