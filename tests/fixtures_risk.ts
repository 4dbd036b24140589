/** What the gate needs: limits, an account, a world, tails; every option defaulted. */
import correlationGroups from "../config/correlation_groups.json" with { type: "json" };
import riskLimits from "../config/risk_limits.json" with { type: "json" };
import strategyConfig from "../config/strategy_config.json" with { type: "json" };
import type { AccountView } from "../core/nav.ts";
import { RiskAdvanced, tailRules } from "../core/risk/advanced.ts";
import type { Leg, TempoView, World } from "../core/risk/check.ts";
import { buildLimits, CorrelationGroups, type Limits, limitsShape } from "../core/risk/limits.ts";
import { riskMode } from "../core/risk/mode.ts";
import type { SymbolTail, TailView } from "../core/risk/tails.ts";
import type { Dict } from "../core/types.ts";
import { T0 } from "./fixtures.ts";
import { z } from "zod";

/** Keys of the shipped files that are changed. */
export type LimitChanges = {
  readonly keys?: Readonly<Record<string, unknown>>;
  readonly global?: Readonly<Record<string, unknown>>;
  readonly groups?: Readonly<Record<string, unknown>>;
  readonly tail?: Readonly<Record<string, unknown>>;
  readonly strategyLegs?: Dict<number>;
};

/** Limits as the shipped files have them, with two places for the strategy of `entry`. */
export function limits(
  { keys = {}, global = {}, groups = {}, strategyLegs = { s1: 2, other: 9 }, tail = {} }:
    LimitChanges = {},
): Limits {
  return buildLimits(
    z.object(limitsShape).parse({ ...riskLimits, global: { ...GLOBAL, ...global }, ...keys }),
    {
      groups: CorrelationGroups.parse({ ...correlationGroups, ...groups }),
      strategyLegs,
      tail: tailRules(RiskAdvanced.parse({ ...strategyConfig.risk_advanced, ...tail })),
    },
  );
}

/** One cap on a trade's size at a time: which of the two binds would be a matter of order. */
const { trade_equity_nav_pct: _equity, ...GLOBAL } = riskLimits.global;

/** The tails of an empty book; a symbol has a daily volatility of 4 %. */
export function tailView(
  changes: Partial<SymbolTail> = {},
  book: Partial<TailView> = {},
): TailView {
  const unit = { var: 0.06, shortfall: 0.08 };
  const tail: SymbolTail = {
    netUsd: 0,
    bars: 500,
    measured: { variance: 0.0016, bookCovariance: 0 },
    shortfall: { long: unit, short: unit },
    ...changes,
  };
  return {
    variance: 0,
    floorUsd: 0,
    floorFrac: 0.08,
    symbolsCount: 0,
    shortCount: 0,
    bars: 500,
    of: () => tail,
    ...book,
  };
}

/** A calm account of 10,000 dollars. */
export function accountView(changes: Partial<AccountView> = {}): AccountView {
  return {
    nav: { kind: "fresh", navUsd: 10_000, ageMs: 0 },
    freshMs: 90_000,
    circuitFrac: 0.1,
    anomaly: null,
    ddFrac: 0,
    highLossFrac: 0,
    dayLossFrac: 0,
    rollingLossFrac: 0,
    ddState: "NORMAL",
    flapping: false,
    circuit: null,
    latch: null,
    ...changes,
  };
}

/** Nothing has happened lately. */
export function tempo(changes: Partial<TempoView> = {}): TempoView {
  return {
    cooldownUntilMs: {},
    lastFillMs: {},
    entriesMs: {},
    attemptsMs: [],
    errorsMs: [],
    ...changes,
  };
}

/** A leg that counts against the limits. */
export function leg(changes: Partial<Leg> = {}): Leg {
  return {
    ticker: "XUSDT",
    side: "LONG",
    notionalUsd: 100,
    qty: 1,
    atMark: true,
    strategyId: "other",
    ...changes,
  };
}

/** A world in which `entry` passes every check; its risk mode is what its account says. */
export function world(changes: Partial<World> = {}): World {
  const { account = accountView(), positionsKnown = true, badPositions = [], legs = {} } = changes;
  const inputs = {
    account,
    positionsKnown,
    badPositionsCount: badPositions.length,
    routerWarning: null,
  };
  return {
    nowMs: T0,
    account,
    operator: "RUNNING",
    storage: null,
    rivals: [],
    mode: riskMode(inputs, limits()),
    positionsKnown,
    badPositions,
    nakedLegs: [],
    grossUsd: 0,
    symbolUsd: {},
    tierUsd: {},
    groupUsd: {},
    legs,
    legsCount: Object.keys(legs).length,
    strategyLegs: {},
    tempo: tempo(),
    tail: tailView(),
    tradable: () => ({ tier: "CORE", minNotionalUsd: 5, maxLeverage: 20 }),
    ...changes,
  };
}
