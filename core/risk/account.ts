/** Checks on the state of the account: may anything be opened at all? */
import { toSeconds } from "../units.ts";
import { gate } from "./check.ts";

/** The operator or a fault of the engine has paused entries. */
export const operatorPause = gate(
  "operator_pause",
  "operator_pause",
  (_entry, world) =>
    world.operator === "PAUSED"
      ? { thresholds: {}, observations: { operator_state: world.operator } }
      : null,
);

/** Somebody pulled the brake. */
export const killSwitch = gate(
  "kill_switch",
  "kill_switch",
  (_entry, world) =>
    world.operator === "KILLED"
      ? { thresholds: {}, observations: { operator_state: world.operator } }
      : null,
);

/** NAV is too old or was never read, or the positions could not be read: nothing can be sized. */
export const navStale = gate("nav_stale", "nav_stale", (_entry, world) => {
  const { nav } = world.account;
  if (nav.kind === "fresh" && world.positionsKnown) return null;
  return {
    thresholds: { nav_state: "fresh" },
    observations: {
      nav_state: nav.kind,
      nav_age_s: nav.kind === "missing" ? null : toSeconds(nav.ageMs),
      positions_known: String(world.positionsKnown),
    },
  };
});

/** A percentage of nothing is nothing. */
export const navNonpositive = gate("nav_nonpositive", "nav_nonpositive", (_entry, world) => {
  const { nav } = world.account;
  if (nav.kind === "missing" || nav.navUsd > 0) return null;
  return { thresholds: { nav_usd: 0 }, observations: { nav_usd: nav.navUsd } };
});

/** NAV jumped without a reason the engine knows; the old level is held until readings agree. */
export const navAnomaly = gate("nav_anomaly", "nav_anomaly", (_entry, world) => {
  const { anomaly } = world.account;
  if (anomaly === null) return null;
  return {
    thresholds: { held_nav_usd: anomaly.previousUsd },
    observations: { candidate_nav_usd: anomaly.navUsd, readings: anomaly.count },
  };
});

/** The drawdown circuit is latched; it opens by rule, never by a bounce of the price. */
export const portfolioCircuit = gate(
  "portfolio_dd_circuit",
  "portfolio_dd_circuit",
  (_e, world) => {
    const { circuit, ddFrac } = world.account;
    if (circuit === null) return null;
    return {
      thresholds: { tripped_at_dd_frac: circuit.ddFrac },
      observations: { dd_frac: ddFrac, since_ms: circuit.sinceMs },
    };
  },
);

/** Loss from the day's highest NAV. */
export const dayLoss = gate("day_loss_limit", "daily_loss", (_entry, world, limits) => {
  const { dayLossFrac } = world.account;
  if (dayLossFrac !== null && dayLossFrac < limits.dayLossFrac) return null;
  return {
    thresholds: { daily_loss_limit_frac: limits.dayLossFrac },
    observations: { day_loss_frac: dayLossFrac },
  };
});

/** The same limit on the last 24 hours, so that midnight does not forget. */
export const rollingLoss = gate("rolling_loss_limit", "daily_loss", (_entry, world, limits) => {
  const { rollingLossFrac } = world.account;
  if (rollingLossFrac !== null && rollingLossFrac < limits.dayLossFrac) return null;
  return {
    thresholds: { daily_loss_limit_frac: limits.dayLossFrac },
    observations: { rolling_24h_loss_frac: rollingLossFrac },
  };
});
