/** `risk_snapshot.json`: the state of risk, every cap beside its value. */
import { z } from "zod";
import { hasMismatch } from "../../core/exits/status.ts";
import { viewAccount } from "../../core/nav.ts";
import { RISK_MODES } from "../../core/types.ts";
import { MS_PER_SECOND } from "../../core/units.ts";
import { reconciliationOf } from "./positions.ts";
import { CapsBlock, capsBlock, CircuitBlock, circuitBlocks } from "./risk_circuits.ts";
import { rangeBlock, RegimeBlock, regimeBlock } from "./risk_regimes.ts";
import { CvarBlock, cvarBlock, VarBlock, varBlock } from "./risk_tail.ts";
import {
  count,
  envelopeShape,
  exposureOf,
  fraction,
  iso,
  isoOrNull,
  maybe,
  maybeTime,
  type Published,
} from "./surface.ts";
import { todayWindow, Window } from "./window.ts";

const Amounts = z.record(z.string(), maybe);

export const RiskSnapshot = z.strictObject({
  ...envelopeShape,
  windows: z.strictObject({ today: Window }),
  risk_mode: z.enum(RISK_MODES),
  risk_mode_reason: z.string(),
  risk_mode_score: z.number().min(0).max(1),
  nav: maybe,
  nav_total: maybe,
  dd_state: z.strictObject({
    state: z.enum(["NORMAL", "DRAWDOWN", "RECOVERY", "UNKNOWN"]),
    dd_state: z.string().nullable(),
    drawdown: z.strictObject({
      dd_pct: fraction,
      dd_abs: z.number().min(0).nullable(),
      peak: maybe,
      nav: maybe,
      realized_today: maybe,
    }),
  }),
  dd_frac: fraction,
  daily_loss_frac: fraction,
  rolling_24h_loss_frac: fraction,
  portfolio_dd_pct: fraction,
  daily_loss_pct: fraction,
  day_peak: maybe,
  circuit_breaker: z.strictObject({
    max_portfolio_dd_nav_pct: fraction,
    active: z.boolean(),
    current: fraction,
    since: maybeTime,
    latched: z.boolean(),
  }),
  correlation_groups: z.record(
    z.string(),
    z.strictObject({
      gross_nav_pct: z.number().min(0).nullable(),
      max_group_nav_pct: z.number().min(0),
      symbols: z.array(z.string()),
    }),
  ),
  var: VarBlock,
  cvar: CvarBlock,
  anomalies: z.strictObject({
    nav_jump: z.strictObject({ old: z.number(), new: z.number(), pct: maybe }).optional(),
    tp_sl_mismatch: z.boolean().optional(),
    var_limit_breach: z.boolean().optional(),
    cvar_limit_breach: z.boolean().optional(),
    dd_flap: z.boolean().optional(),
  }),
  /** Everything that can block entries: what it is at, since when, and what opens it again. */
  circuits: z.array(CircuitBlock),
  /** What shrinks sizes. */
  regimes: RegimeBlock,
  tp_sl_registry: z.strictObject({
    num_positions: count,
    num_registry_entries: count,
    registry_mismatch: z.boolean(),
  }),
  nav_health: z.strictObject({
    age_s: z.number().min(0).nullable(),
    fresh: z.boolean(),
    sources_ok: z.boolean(),
    threshold_s: z.number().positive(),
    nav_ts: maybeTime,
    stale_flags: z.strictObject({
      balances: z.boolean(),
      positions: z.boolean(),
      prices: z.boolean(),
    }),
    nav_total: maybe,
  }),
  caps: CapsBlock,
  exposure: z.strictObject({
    gross_usd: maybe,
    net_usd: maybe,
    gross_nav_pct: maybe,
    net_nav_pct: maybe,
    per_symbol: Amounts,
    per_tier: Amounts,
    open_positions: count.nullable(),
    max_open: count,
  }),
  atr_regime: z.string(),
  atr: z.strictObject({
    atr_regime: z.string(),
    median_ratio: maybe,
    symbols: z.array(z.string()),
  }),
  fee_pnl_ratio: maybe,
  fee_pnl: z.strictObject({
    fee_pnl_ratio: maybe,
    fees: maybe,
    pnl: maybe,
    window_days: z.number().positive(),
  }),
  risk_config_meta: z.strictObject({
    testnet_overrides_active: z.boolean(),
    max_nav_drawdown_pct: z.number().min(0),
    daily_loss_limit_pct: z.number().min(0),
  }),
});

export function projectRiskSnapshot(published: Published) {
  const { memory, rules, world } = published;
  const { account } = world;
  const { mode, reason, score } = world.mode;
  const navUsd = memory.nav.level?.navUsd ?? null;
  const share = (usd: number | null) =>
    usd === null || navUsd === null || !(navUsd > 0) ? null : usd / navUsd;
  const mismatch = hasMismatch(reconciliationOf(published));
  return {
    windows: { today: todayWindow(published) },
    risk_mode: mode,
    risk_mode_reason: reason,
    risk_mode_score: score,
    nav: navUsd,
    nav_total: navUsd,
    dd_state: drawdownBlock(published),
    dd_frac: account.ddFrac,
    daily_loss_frac: account.dayLossFrac,
    rolling_24h_loss_frac: account.rollingLossFrac,
    portfolio_dd_pct: account.ddFrac,
    daily_loss_pct: account.dayLossFrac,
    day_peak: memory.nav.dayPeakUsd,
    circuit_breaker: {
      max_portfolio_dd_nav_pct: rules.nav.circuitFrac,
      active: account.circuit !== null || account.ddFrac === null,
      current: account.ddFrac,
      since: isoOrNull(account.circuit?.sinceMs ?? null),
      latched: account.circuit !== null,
    },
    correlation_groups: groupsBlock(published, share),
    var: varBlock(published),
    cvar: cvarBlock(published),
    anomalies: anomaliesBlock(published, mismatch),
    circuits: circuitBlocks(published),
    regimes: regimeBlock(published),
    tp_sl_registry: {
      num_positions: Object.keys(memory.holdings).length,
      num_registry_entries: Object.keys(memory.registry).length,
      registry_mismatch: mismatch,
    },
    nav_health: navHealth(published),
    caps: capsBlock(published),
    exposure: exposureBlock(published, share),
    ...rangeBlock(published),
    fee_pnl_ratio: feeRatio(published),
    fee_pnl: {
      fee_pnl_ratio: feeRatio(published),
      fees: memory.dayCash.feesUsd,
      pnl: memory.dayCash.realizedUsd,
      window_days: 1,
    },
    risk_config_meta: {
      testnet_overrides_active: false,
      max_nav_drawdown_pct: rules.limits.drawdownFrac,
      daily_loss_limit_pct: rules.limits.dayLossFrac,
    },
  };
}

type Share = (usd: number | null) => number | null;

/** A group with a leg that nobody can value is unknown, not smaller. */
function groupsBlock({ world, rules }: Published, share: Share) {
  const isKnown = world.badPositions.length === 0;
  return Object.fromEntries(
    rules.limits.groups.map(({ name, symbols, maxFrac }) => [name, {
      gross_nav_pct: share(isKnown ? world.groupUsd[name] ?? 0 : null),
      max_group_nav_pct: maxFrac,
      symbols: [...symbols],
    }]),
  );
}

/** Only what is true is there: an empty block is good news. */
function anomaliesBlock(published: Published, mismatch: boolean) {
  const { anomaly, flapping } = published.world.account;
  const isOver = ({ within_limit }: { readonly within_limit: boolean | null }) =>
    within_limit === false;
  const jump = anomaly === null ? {} : {
    nav_jump: {
      old: anomaly.previousUsd,
      new: anomaly.navUsd,
      pct: anomaly.previousUsd > 0 ? anomaly.navUsd / anomaly.previousUsd - 1 : null,
    },
  };
  return {
    ...jump,
    ...(mismatch ? { tp_sl_mismatch: true } : {}),
    ...(isOver(varBlock(published)) ? { var_limit_breach: true } : {}),
    ...(Object.values(cvarBlock(published).per_symbol).some(isOver)
      ? { cvar_limit_breach: true }
      : {}),
    ...(flapping ? { dd_flap: true } : {}),
  };
}

function exposureBlock(published: Published, share: Share) {
  const { memory, rules } = published;
  const exposure = exposureOf(published);
  return {
    gross_usd: exposure.grossUsd,
    net_usd: exposure.netUsd,
    gross_nav_pct: share(exposure.grossUsd),
    net_nav_pct: share(exposure.netUsd),
    per_symbol: exposure.perSymbol,
    per_tier: exposure.perTier,
    open_positions: memory.pulse.accountMs === null ? null : Object.keys(memory.holdings).length,
    max_open: rules.limits.positionsCount,
  };
}

function drawdownBlock({ memory, rules }: Published) {
  const { ddFrac, ddState } = viewAccount(memory.nav, memory.pulse.nowMs, rules.nav);
  const { peakUsd, level } = memory.nav;
  const navUsd = level?.navUsd ?? null;
  const known = ddFrac !== null;
  return {
    state: known ? ddState : "UNKNOWN" as const,
    dd_state: known ? ddState.toLowerCase() : null,
    drawdown: {
      dd_pct: ddFrac,
      dd_abs: peakUsd === null || navUsd === null ? null : Math.max(0, peakUsd - navUsd),
      peak: peakUsd,
      nav: navUsd,
      realized_today: memory.dayCash.realizedUsd,
    },
  };
}

function navHealth({ memory, rules }: Published) {
  const { level } = memory.nav;
  const { nowMs, accountOk, priceMissingCount } = memory.pulse;
  const { nav } = viewAccount(memory.nav, nowMs, rules.nav);
  return {
    age_s: nav.kind === "missing" ? null : nav.ageMs / MS_PER_SECOND,
    fresh: nav.kind === "fresh",
    sources_ok: accountOk,
    threshold_s: rules.nav.freshMs / MS_PER_SECOND,
    nav_ts: level === null ? null : iso(level.atMs),
    stale_flags: { balances: !accountOk, positions: !accountOk, prices: priceMissingCount > 0 },
    nav_total: level?.navUsd ?? null,
  };
}

function feeRatio({ memory }: Published): number | null {
  const { feesUsd, realizedUsd } = memory.dayCash;
  return realizedUsd === 0 ? null : feesUsd / Math.abs(realizedUsd);
}
