/** The blocks `circuits` and `caps` of `risk_snapshot.json`: what blocks entries, and every limit. */
import { z } from "zod";
import { circuitsOf, type Resume } from "../../core/risk/circuits.ts";
import { TIERS } from "../../core/types.ts";
import { MS_PER_SECOND } from "../../core/units.ts";
import { count, iso, isoOrNull, maybe, maybeTime, type Published } from "./surface.ts";

export const CircuitBlock = z.strictObject({
  id: z.string(),
  active: z.boolean(),
  since: maybeTime,
  observed: maybe,
  limit: maybe,
  /** Exits are never blocked. */
  blocks: z.literal("entries"),
  /** What opens it again. */
  resume: z.string(),
});

export const CapsBlock = z.strictObject({
  max_trade_nav_pct: z.number(),
  trade_equity_nav_pct: maybe,
  symbol_notional_share_cap_pct: z.number(),
  max_gross_exposure_pct: z.number(),
  max_portfolio_dd_nav_pct: z.number(),
  max_nav_drawdown_pct: z.number(),
  daily_loss_limit_pct: z.number(),
  drawdown_alert_pct: z.number(),
  max_concurrent_positions: count,
  nav_freshness_seconds: z.number(),
  cooldown_after_stop_s: z.number(),
  max_trades_per_symbol_per_hour: count.nullable(),
  burst_limit: z.strictObject({ max_orders: count, window_s: z.number() }).nullable(),
  error_circuit: z.strictObject({ max_errors: count, window_s: z.number() }).nullable(),
  max_portfolio_var_nav_pct: maybe,
  max_position_cvar_nav_pct: maybe,
  tiers: z.record(z.string(), z.number()),
  /** Of symbols that are held or under way: their share of NAV at most. */
  per_symbol: z.record(z.string(), z.number()),
});

export function circuitBlocks({ world, rules }: Published): z.output<typeof CircuitBlock>[] {
  return circuitsOf(world, rules.limits, rules.nav).map((circuit) => ({
    id: circuit.id,
    active: circuit.active,
    since: isoOrNull(circuit.sinceMs),
    observed: circuit.observed,
    limit: circuit.limit,
    blocks: "entries",
    resume: resumeText(circuit.resume, circuit.active),
  }));
}

function resumeText(resume: Resume, active: boolean): string {
  switch (resume.kind) {
    case "at":
      return active ? `by itself at ${iso(resume.atMs)}` : "by itself after its cool-off";
    case "ack":
      return `by a human: ballast ack ${resume.what}`;
    case "next_day":
      return `by itself at the next midnight in ${resume.zone}`;
    case "recovers":
      return "by itself when the figure is within its limit again";
  }
}

/** Every limit in force, beside the values so that a reader needs no configuration. */
export function capsBlock({ rules, world }: Published): z.output<typeof CapsBlock> {
  const { limits, nav } = rules;
  const seconds = (ms: number) => ms / MS_PER_SECOND;
  const { burst, errors } = limits;
  return {
    max_trade_nav_pct: limits.maxTradeFrac,
    trade_equity_nav_pct: limits.equityTradeFrac,
    symbol_notional_share_cap_pct: limits.symbolShareFrac,
    max_gross_exposure_pct: limits.grossFrac,
    max_portfolio_dd_nav_pct: nav.circuitFrac,
    max_nav_drawdown_pct: limits.drawdownFrac,
    daily_loss_limit_pct: limits.dayLossFrac,
    drawdown_alert_pct: limits.drawdownAlertFrac,
    max_concurrent_positions: limits.positionsCount,
    nav_freshness_seconds: seconds(nav.freshMs),
    cooldown_after_stop_s: seconds(limits.cooldownAfterStopMs),
    max_trades_per_symbol_per_hour: limits.tradesPerHour?.maxCount ?? null,
    burst_limit: burst && { max_orders: burst.maxCount, window_s: seconds(burst.windowMs) },
    error_circuit: errors && { max_errors: errors.maxCount, window_s: seconds(errors.windowMs) },
    max_portfolio_var_nav_pct: limits.tail.var.limitFrac,
    max_position_cvar_nav_pct: limits.tail.cvar.limitFrac,
    tiers: Object.fromEntries(TIERS.map((tier) => [tier, limits.tierFrac[tier]])),
    per_symbol: Object.fromEntries(
      Object.keys(world.symbolUsd).map((ticker) => [ticker, limits.of(ticker).shareFrac]),
    ),
  };
}
