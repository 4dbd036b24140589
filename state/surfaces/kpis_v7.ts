/** `kpis_v7.json`: the key figures of portfolio and symbols in one place. */
import { z } from "zod";
import { netUsd } from "../../core/exits/episode.ts";
import { viewAccount } from "../../core/nav.ts";
import { rangeRegime } from "../../core/regimes.ts";
import { remembered } from "../../core/remember.ts";
import { routingOfAll, routingOfWhole, type SymbolRouting } from "../../core/routing.ts";
import { recentCloses, recentTrades, scoresOf, type SymbolScore } from "../../core/scoring.ts";
import { mean } from "../../core/stats.ts";
import { type Dict, signOf } from "../../core/types.ts";
import { MS_PER_DAY, MS_PER_SECOND } from "../../core/units.ts";
import { aumOf } from "./nav.ts";
import { isMakerFirst, policyQuality, routerLabel } from "./kpis_routing.ts";
import { QUIET, type Week, WEEK_MS, weeksOf } from "./kpis_week.ts";
import { rangeBlock, rangesOf } from "./risk_regimes.ts";
import { cvarBlock, varBlock } from "./risk_tail.ts";
import { joined, lasting } from "../encode.ts";
import {
  count,
  entriesOf,
  envelopeShape,
  exposureOf,
  fraction,
  iso,
  isoOrNull,
  isoTime,
  maybe,
  maybeTime,
  type Published,
  valueOf,
  wasAccountRead,
} from "./surface.ts";
import { closesWindow, todayWindow, Window, windowOf } from "./window.ts";

const TWO_DAYS_MS = 2 * MS_PER_DAY;

const gross = maybe.describe("USD closed at the venue's prices, before fees and funding");
const net = maybe.describe("USD closed, after fees and funding");

const Row = z.strictObject({
  unrealized_pnl: maybe,
  realized_pnl_7d: gross,
  net_pnl_7d: net,
  fees_7d: maybe,
  trades_7d: count,
  win_rate: fraction,
  expectancy: maybe,
  score: maybe,
  atr_regime: z.string().nullable(),
  atr_ratio: maybe,
  dd_state: z.string().nullable(),
  dd_today_pct: maybe,
  maker_fill_rate: fraction,
  fallback_rate: fraction,
  slip_q50_bps: maybe,
  avg_slippage_bps: maybe,
  cvar_nav_pct: maybe,
});

export const Kpis = z.strictObject({
  ...envelopeShape,
  updated_at: isoTime,
  ts: isoTime,
  /** What the figures with these endings are about, and those of routing. */
  windows: z.strictObject({ "7d": Window, "48h": Window, today: Window, routing: Window }),
  portfolio: z.strictObject({
    nav: maybe,
    aum: maybe,
    dd_pct: fraction,
    daily_loss_pct: fraction,
    var_nav_pct: maybe,
    cvar_nav_pct: maybe,
    gross_nav_pct: maybe,
    net_nav_pct: maybe,
    unrealized_pnl: maybe,
    realized_pnl_today: gross,
    net_pnl_today: net,
    fees_today: maybe,
    funding_today: maybe,
    open_positions: count.nullable(),
    win_rate_7d: fraction,
    expectancy_48h: maybe,
    loss_at_stops_usd: maybe,
  }),
  per_symbol: z.record(z.string(), Row),
  nav: z.strictObject({
    nav_total: maybe,
    nav_age_s: maybe,
    age_s: maybe,
    updated_at: maybeTime,
    sources_ok: z.boolean().nullable(),
    aum_total: maybe,
  }),
  risk: z.strictObject({
    dd_state: z.string().nullable(),
    atr_regime: z.string().nullable(),
    fee_pnl_ratio: maybe,
    drawdown_pct: maybe,
    atr_ratio: maybe,
  }),
  router: z.strictObject({
    policy_quality: z.string().nullable(),
    maker_first: z.boolean().nullable(),
    maker_fill_share: fraction,
    maker_fill_rate: fraction,
    avg_slippage_bps: maybe,
    reject_rate: fraction,
    fallback_ratio: fraction,
    slip_q25_bps: maybe,
    slip_q50_bps: maybe,
    slip_q75_bps: maybe,
  }),
  performance: z.strictObject({ expectancy: maybe, sharpe_state: z.string().nullable() }),
  dd_state: z.string().nullable(),
  atr_regime: z.string().nullable(),
  fee_pnl_ratio: maybe,
  router_quality: z.string().nullable(),
  aum_total: maybe,
  fx: z.strictObject({ usd_zar: maybe, ts: isoTime }),
  router_stats: z.strictObject({
    maker_fill_rate: fraction,
    fallback_ratio: fraction,
    slip_q25_bps: maybe,
    slip_q50_bps: maybe,
    slip_q75_bps: maybe,
    quality: z.string().nullable(),
  }),
  drawdown: z.strictObject({ dd_pct: maybe }),
  atr: z.strictObject({
    atr_ratio: maybe,
    atr_regime: z.string().nullable(),
    symbols: z.array(z.string()),
  }),
});

export function projectKpis(published: Published) {
  const { memory, rules } = published;
  const { nowMs } = memory.pulse;
  const account = viewAccount(memory.nav, nowMs, rules.nav);
  const { level } = memory.nav;
  const { effectiveness, totals, slippageBps, rejectFrac } = routingOfWhole(published);
  const label = routerLabel(effectiveness);
  const policies = policiesOf(published);
  const ddState = account.ddFrac === null ? null : account.ddState.toLowerCase();
  const { feesUsd, realizedUsd } = memory.dayCash;
  const feeRatio = realizedUsd === 0 ? null : feesUsd / Math.abs(realizedUsd);
  const ageS = level === null ? null : Math.max(0, nowMs - level.atMs) / MS_PER_SECOND;
  const portfolio = portfolioOf(published);
  const { atr, atr_regime } = rangeBlock(published);
  const slips = {
    slip_q25_bps: effectiveness.slipQ25Bps,
    slip_q50_bps: effectiveness.slipQ50Bps,
    slip_q75_bps: effectiveness.slipQ75Bps,
  };
  return {
    updated_at: iso(nowMs),
    ts: iso(nowMs),
    windows: windowsOf(published),
    portfolio,
    per_symbol: perSymbol(published),
    nav: {
      nav_total: level?.navUsd ?? null,
      nav_age_s: ageS,
      age_s: ageS,
      updated_at: isoOrNull(level?.atMs ?? null),
      sources_ok: memory.pulse.accountOk,
      aum_total: portfolio.aum,
    },
    risk: {
      dd_state: ddState,
      atr_regime,
      fee_pnl_ratio: feeRatio,
      drawdown_pct: account.ddFrac,
      atr_ratio: atr.median_ratio,
    },
    router: {
      policy_quality: policyQuality(policies),
      maker_first: isMakerFirst(policies),
      maker_fill_share: totals.filledUsd > 0
        ? Math.min(1, totals.makerUsd / totals.filledUsd)
        : null,
      maker_fill_rate: effectiveness.makerFillFrac,
      avg_slippage_bps: slippageBps,
      reject_rate: rejectFrac,
      fallback_ratio: effectiveness.fallbackFrac,
      ...slips,
    },
    performance: { expectancy: portfolio.expectancy_48h, sharpe_state: null },
    dd_state: ddState,
    atr_regime,
    fee_pnl_ratio: feeRatio,
    router_quality: label,
    aum_total: portfolio.aum,
    fx: { usd_zar: null, ts: iso(nowMs) },
    router_stats: {
      maker_fill_rate: effectiveness.makerFillFrac,
      fallback_ratio: effectiveness.fallbackFrac,
      ...slips,
      quality: label,
    },
    drawdown: { dd_pct: account.ddFrac },
    atr: { atr_ratio: atr.median_ratio, atr_regime, symbols: atr.symbols },
  };
}

/** The policies that symbols are routed by now. */
function policiesOf(published: Published) {
  const isDefensive = published.world.mode.mode === "DEFENSIVE";
  return Object.values(routingOfAll(published, { isDefensive })).map(({ policy }) => policy);
}

function windowsOf(published: Published) {
  const { effectiveness } = routingOfWhole(published);
  return {
    "7d": closesWindow(published, WEEK_MS),
    "48h": closesWindow(published, TWO_DAYS_MS),
    today: todayWindow(published),
    routing: windowOf(published, {
      windowMs: published.rules.router.recordMs,
      n: effectiveness.sampleCount,
    }),
  };
}

function portfolioOf(published: Published) {
  const { memory, rules } = published;
  const account = viewAccount(memory.nav, memory.pulse.nowMs, rules.nav);
  const exposure = exposureOf(published);
  const navUsd = memory.nav.level?.navUsd ?? null;
  const share = (usd: number | null) =>
    usd === null || navUsd === null || !(navUsd > 0) ? null : usd / navUsd;
  const week = weeksOf(published).all;
  return {
    nav: navUsd,
    aum: aumOf(published, navUsd).total,
    dd_pct: account.ddFrac,
    daily_loss_pct: account.dayLossFrac,
    var_nav_pct: varBlock(published).portfolio_var_nav_pct,
    cvar_nav_pct: worstCvar(published),
    gross_nav_pct: share(exposure.grossUsd),
    net_nav_pct: share(exposure.netUsd),
    unrealized_pnl: memory.nav.level?.unrealizedUsd ?? null,
    realized_pnl_today: memory.dayCash.realizedUsd,
    net_pnl_today: netUsd(memory.dayCash),
    fees_today: memory.dayCash.feesUsd,
    funding_today: memory.dayCash.fundingUsd,
    open_positions: wasAccountRead(published) ? Object.keys(memory.holdings).length : null,
    win_rate_7d: week.hitRate,
    expectancy_48h: overall(published),
    loss_at_stops_usd: lossAtStops(published),
  };
}

/** The largest shortfall of any position; null without one, and where one of them is unknown. */
function worstCvar(published: Published): number | null {
  const shares = Object.values(cvarBlock(published).per_symbol).map((row) => row.cvar_nav_pct);
  const known = shares.filter((share) => share !== null);
  return known.length === 0 || known.length < shares.length ? null : Math.max(...known);
}

function overall({ memory }: Published): number | null {
  return mean(recentCloses(memory).map(netUsd));
}

/**
 * What is lost if every stop is hit where it stands; null when a leg has no stop or no price, and
 * before anybody knows what is held.
 */
function lossAtStops(published: Published): number | null {
  if (!wasAccountRead(published)) return null;
  let lossUsd = 0;
  for (const [key, holding] of entriesOf(published.memory.holdings)) {
    const value = valueOf(published, holding);
    const slPx = published.memory.registry[key]?.levels.slPx ?? null;
    if (value === null || slPx === null) return null;
    lossUsd += signOf(holding.side) * (value.markPx - slPx) * value.qty;
  }
  return lossUsd;
}

/** What is held moves with every mark; the rows of all others stay until something happens. */
function perSymbol(published: Published) {
  const { memory, past } = published;
  const isDefensive = published.world.mode.mode === "DEFENSIVE";
  const { symbols } = recentTrades(memory);
  const rows = rowsOf(
    routingOfAll(published, { isDefensive }),
    namesOf(memory.routing, symbols, memory.holdings),
    weeksOf(published).symbols,
    scoresOf(published),
    rangesOf(past, past.history.version),
  );
  const cvar = cvarBlock(published).per_symbol;
  const held: Record<string, typeof rows[string]> = {};
  for (const [ticker, unrealized_pnl] of Object.entries(openUsd(published))) {
    const cvar_nav_pct = cvar[ticker]?.cvar_nav_pct ?? null;
    held[ticker] = { ...rows[ticker]!, unrealized_pnl, cvar_nav_pct };
  }
  return joined(held, others(rows, memory.holdings));
}

/** The rows of symbols that are not held. */
const others = remembered((
  rows: Readonly<Record<string, z.output<typeof Row>>>,
  holdings: Published["memory"]["holdings"],
) => {
  const held = new Set<string>(Object.values(holdings).map(({ ticker }) => ticker));
  return lasting(
    Object.fromEntries(Object.entries(rows).filter(([ticker]) => !held.has(ticker))),
  );
});

const rowsOf = remembered((
  routing: Dict<SymbolRouting>,
  names: readonly string[],
  week: Dict<Week>,
  scores: Dict<SymbolScore>,
  ratioOf: (ticker: string) => number | null,
) =>
  Object.fromEntries(names.map((ticker) => {
    const { expectancyUsd = null, score = null } = scores[ticker] ?? {};
    const facts = { expectancyUsd, score, rangeRatio: ratioOf(ticker) };
    return [ticker, rowOf(routing[ticker] ?? UNROUTED, facts, week[ticker] ?? QUIET)] as const;
  }))
);

type Facts = {
  readonly expectancyUsd: number | null;
  readonly score: number | null;
  readonly rangeRatio: number | null;
};

/** A symbol that was never routed. */
const UNROUTED: Partial<SymbolRouting> = {};

const rowOf = remembered((
  { effectiveness, figures }: Partial<SymbolRouting>,
  { expectancyUsd, score, rangeRatio }: Facts,
  week: Week,
): z.output<typeof Row> =>
  lasting({
    unrealized_pnl: null,
    realized_pnl_7d: week.realizedUsd,
    net_pnl_7d: week.netUsd,
    fees_7d: week.feesUsd,
    trades_7d: week.tradesCount,
    win_rate: week.hitRate,
    expectancy: expectancyUsd,
    score,
    atr_regime: rangeRegime(rangeRatio),
    atr_ratio: rangeRatio,
    dd_state: null,
    dd_today_pct: null,
    maker_fill_rate: effectiveness?.makerFillFrac ?? null,
    fallback_rate: effectiveness?.fallbackFrac ?? null,
    slip_q50_bps: effectiveness?.slipQ50Bps ?? null,
    avg_slippage_bps: figures?.slippageBps ?? null,
    cvar_nav_pct: null,
  })
);

/** Symbols that are held, were routed or have traded lately, in order. */
const namesOf = remembered((
  routing: Published["memory"]["routing"],
  traded: Dict<unknown>,
  holdings: Published["memory"]["holdings"],
) => {
  const held = Object.values(holdings).map(({ ticker }) => ticker);
  return [...new Set([...held, ...Object.keys(routing), ...Object.keys(traded)])].toSorted();
});

/** What each symbol's open legs have come to at their marks; null where one of them has none. */
function openUsd(published: Published): Record<string, number | null> {
  const usd: Record<string, number | null> = {};
  for (const [, holding] of entriesOf(published.memory.holdings)) {
    const value = valueOf(published, holding);
    const gain = value && signOf(holding.side) * (value.markPx - holding.entryPx) * value.qty;
    const before = usd[holding.ticker] ?? 0;
    usd[holding.ticker] = gain === null || usd[holding.ticker] === null ? null : before + gain;
  }
  return usd;
}
