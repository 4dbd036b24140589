/** Checks on the state of the account: may anything be opened at all? */
import { toSeconds } from "../units.ts";
import { gate } from "./check.ts";

/** The operator or a fault of the engine has paused entries. */
export const operatorPause = gate(
  "operator_pause",
  "operator_pause",
  (_entry, world) =>
    world.operator === "PAUSED" || world.operator === "FLATTENING"
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

/** What cannot be kept must not be begun: an entry that nothing remembers is a position by surprise. */
export const storageFailing = gate(
  "storage_failing",
  "storage_failing",
  (_entry, { storage }) =>
    storage === null
      ? null
      : { thresholds: {}, observations: { unwritten: storage.what, disk: storage.why } },
);

/** Two engines on one account would spend the same margin and undo each other's orders. */
export const foreignInstance = gate(
  "foreign_instance",
  "foreign_instance",
  (_entry, { rivals }) => {
    const [order] = rivals;
    if (order === undefined) return null;
    return {
      thresholds: { foreign_orders: 0 },
      observations: { foreign_orders: rivals.length, order },
    };
  },
);

/** NAV is too old or was never read, or the positions could not be read: nothing can be sized. */
export const navStale = gate("nav_stale", "nav_stale", (_entry, world) => {
  const { nav } = world.account;
  if (nav.kind === "fresh" && world.positionsKnown) return null;
  return {
    thresholds: { nav_freshness_s: toSeconds(world.account.freshMs) },
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

/** A leg nobody can value makes every exposure a sum of unknowns. */
export const badPosition = gate("bad_position", "bad_position", ({ ticker }, world) => {
  if (world.badPositions.length === 0) return null;
  return {
    thresholds: { bad_positions: 0 },
    observations: {
      bad_positions: world.badPositions.length,
      positions: world.badPositions.join(" "),
      symbol: ticker,
    },
  };
});

/** Where no stop rests for what is held, no more is taken on. */
export const unprotected = gate("position_unprotected", "position_unprotected", (_entry, world) => {
  const { nakedLegs } = world;
  if (nakedLegs.length === 0) return null;
  return {
    thresholds: { unprotected: 0 },
    observations: { unprotected: nakedLegs.length, positions: nakedLegs.join(" ") },
  };
});

/** Without a peak, a day or a last day of readings a loss cannot be told: that is not no loss. */
export const drawdownStale = gate("drawdown_stale", "drawdown_stale", (_entry, world) => {
  const { ddFrac, highLossFrac, dayLossFrac, rollingLossFrac } = world.account;
  const isKnown = ddFrac !== null && highLossFrac !== null && dayLossFrac !== null &&
    rollingLossFrac !== null;
  if (isKnown) return null;
  return {
    thresholds: {},
    observations: {
      dd_frac: ddFrac,
      high_loss_frac: highLossFrac,
      day_loss_frac: dayLossFrac,
      rolling_24h_loss_frac: rollingLossFrac,
    },
  };
});

/** Whatever halts risk as a whole halts entries; its reason is told in words. */
export const riskHalted = gate(
  "risk_mode_halted",
  "risk_mode_halted",
  (_e, world) =>
    world.mode.mode === "HALTED"
      ? { thresholds: {}, observations: { risk_mode_reason: world.mode.reason } }
      : null,
);

/** The drawdown circuit is latched; it opens by rule, never by a bounce of the price. */
export const portfolioCircuit = gate(
  "portfolio_dd_circuit",
  "portfolio_dd_circuit",
  (_e, world) => {
    const { circuit, ddFrac, circuitFrac } = world.account;
    if (circuit === null) return null;
    return {
      thresholds: { max_portfolio_dd_frac: circuitFrac },
      observations: {
        dd_frac: ddFrac,
        tripped_at_dd_frac: circuit.ddFrac,
        since_s: toSeconds(world.nowMs - circuit.sinceMs),
      },
    };
  },
);

/** Drawdown from the highest NAV ever; latched until a human says that trading may go on. */
export const drawdownLimit = gate(
  "nav_drawdown_limit",
  "nav_drawdown_limit",
  (_entry, world, limits) => {
    const { latch, highLossFrac } = world.account;
    const isWithin = highLossFrac !== null && highLossFrac < limits.drawdownFrac;
    if (latch === null && isWithin) return null;
    return {
      thresholds: { max_nav_drawdown_frac: limits.drawdownFrac },
      observations: {
        high_loss_frac: highLossFrac,
        latched_at_dd_frac: latch?.ddFrac ?? null,
      },
    };
  },
);

/** Loss from the day's highest NAV. */
export const dayLoss = gate("day_loss_limit", "day_loss_limit", (_entry, world, limits) => {
  const { dayLossFrac } = world.account;
  if (dayLossFrac !== null && dayLossFrac < limits.dayLossFrac) return null;
  return {
    thresholds: { daily_loss_limit_frac: limits.dayLossFrac },
    observations: { day_loss_frac: dayLossFrac },
  };
});

/** The same limit on the last 24 hours, so that midnight does not forget. */
export const rollingLoss = gate(
  "rolling_loss_limit",
  "day_loss_limit",
  (_entry, world, limits) => {
    const { rollingLossFrac } = world.account;
    if (rollingLossFrac !== null && rollingLossFrac < limits.dayLossFrac) return null;
    return {
      thresholds: { daily_loss_limit_frac: limits.dayLossFrac },
      observations: { rolling_24h_loss_frac: rollingLossFrac },
    };
  },
);
