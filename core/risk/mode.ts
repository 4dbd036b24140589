/** The one-word state of risk: what it is, why, and how much size it leaves. */
import type { AccountView } from "../nav.ts";
import type { RiskMode } from "../types.ts";
import { toSeconds } from "../units.ts";
import type { Limits } from "./limits.ts";

export type ModeView = {
  readonly mode: RiskMode;
  readonly reason: string;
  /** 0 is calm, 0.25 to 0.5 warns, 0.5 to 1 defends, 1 is stopped; it grows with the loss. */
  readonly score: number;
};

/** What is left of an entry's size in each mode; applied once, in sizing. */
export const MODE_SIZE_FRAC: Readonly<Record<RiskMode, number>> = {
  OK: 1,
  WARN: 0.8,
  DEFENSIVE: 0.5,
  HALTED: 0,
};

export type ModeInputs = {
  readonly account: AccountView;
  readonly positionsKnown: boolean;
  readonly badPositionsCount: number;
  /** What is wrong with routing as a whole; null: nothing, or too little to tell. */
  readonly routerWarning: string | null;
};

/** First match wins; what cannot be evaluated is HALTED, never OK. */
export function riskMode(inputs: ModeInputs, limits: Limits): ModeView {
  return halts(inputs) ?? defends(inputs, limits) ?? warns(inputs, limits) ??
    { mode: "OK", reason: "all_systems_healthy", score: 0 };
}

/**
 * True when the account itself is against every entry, so that those under way are taken back too.
 * One reading that failed is no such thing: it stops new ones, and the next reading may be good.
 */
export function revokesEntries(account: AccountView, limits: Limits): boolean {
  const inputs = { account, positionsKnown: true, badPositionsCount: 0, routerWarning: null };
  return halts(inputs) !== null || defends(inputs, limits) !== null;
}

function halts({ account, positionsKnown, badPositionsCount }: ModeInputs): ModeView | null {
  const { nav, ddFrac, highLossFrac, dayLossFrac, rollingLossFrac } = account;
  const halted = (reason: string): ModeView => ({ mode: "HALTED", reason, score: 1 });
  if (!positionsKnown) return halted("positions_unknown");
  if (nav.kind === "missing") return halted("nav_missing");
  if (nav.kind === "stale") return halted(`nav_stale_age=${Math.round(toSeconds(nav.ageMs))}s`);
  if (!(nav.navUsd > 0)) return halted("nav_nonpositive");
  if (badPositionsCount > 0) return halted(`bad_positions=${badPositionsCount}`);
  const losses = [ddFrac, highLossFrac, dayLossFrac, rollingLossFrac];
  return losses.includes(null) ? halted("drawdown_unknown") : null;
}

function defends({ account }: ModeInputs, limits: Limits): ModeView | null {
  const { circuit, latch, circuitFrac } = account;
  const [ddFrac, highFrac, dayFrac, rollingFrac] = lossesOf(account);
  const defensive = (reason: string, severity: number): ModeView => ({
    mode: "DEFENSIVE",
    reason,
    score: 0.5 + 0.5 * clip(severity),
  });
  if (latch !== null || highFrac >= limits.drawdownFrac) {
    return defensive(`drawdown_high_dd_frac=${highFrac.toFixed(4)}`, 1);
  }
  if (circuit !== null) {
    const severity = ratio(ddFrac, circuitFrac);
    return defensive(`circuit_breaker_active_dd_frac=${ddFrac.toFixed(4)}`, severity);
  }
  if (dayFrac >= limits.dayLossFrac) {
    const severity = ratio(dayFrac, limits.dayLossFrac) / 2;
    return defensive(`daily_loss_high_frac=${dayFrac.toFixed(4)}`, severity);
  }
  if (rollingFrac >= limits.dayLossFrac) {
    const severity = ratio(rollingFrac, limits.dayLossFrac) / 2;
    return defensive(`rolling_24h_loss_high_frac=${rollingFrac.toFixed(4)}`, severity);
  }
  return null;
}

function warns({ account, routerWarning }: ModeInputs, limits: Limits): ModeView | null {
  const [ddFrac] = lossesOf(account);
  const warn = (reason: string, severity: number): ModeView => ({
    mode: "WARN",
    reason,
    score: 0.25 + 0.25 * clip(severity),
  });
  if (account.anomaly !== null) return warn("nav_anomaly_pending", 1);
  if (account.flapping) return warn("drawdown_state_flapping", 1);
  if (ddFrac >= limits.drawdownAlertFrac) {
    const severity = ratio(ddFrac, account.circuitFrac);
    return warn(`drawdown_alert_dd_frac=${ddFrac.toFixed(4)}`, severity);
  }
  return routerWarning === null ? null : warn(routerWarning, 0);
}

/** Drawdown, drawdown from the high, loss of the day and of 24 hours; all known by now. */
function lossesOf({ ddFrac, highLossFrac, dayLossFrac, rollingLossFrac }: AccountView) {
  return [ddFrac!, highLossFrac!, dayLossFrac!, rollingLossFrac!] as const;
}

function ratio(value: number, limit: number): number {
  return limit > 0 ? value / limit : 1;
}

function clip(value: number): number {
  return Math.min(1, Math.max(0, value));
}
