/** The blocks `var` and `cvar` of `risk_snapshot.json`: the tails of the book as it stands. */
import { z } from "zod";
import { remembered } from "../../core/remember.ts";
import { unitTail } from "../../core/risk/tail.ts";
import { positionTail, valueAtRisk } from "../../core/risk/tail_numbers.ts";
import { usableNavUsd } from "../../core/risk/check.ts";
import { netUsdOf } from "../../core/world.ts";
import type { Ticker } from "../../core/types.ts";
import { count, maybe, type Published } from "./surface.ts";

export const VarBlock = z.strictObject({
  portfolio_var_usd: maybe,
  portfolio_var_nav_pct: maybe,
  /** Null: switched off. */
  max_portfolio_var_nav_pct: maybe,
  within_limit: z.boolean().nullable(),
  portfolio_volatility: maybe,
  confidence: maybe,
  n_assets: count,
  lookback_used: count,
  reason: z.string(),
});

export const CvarBlock = z.strictObject({
  per_symbol: z.record(
    z.string(),
    z.strictObject({
      cvar_nav_pct: maybe,
      limit: z.number(),
      within_limit: z.boolean().nullable(),
    }),
  ),
  max_position_cvar_nav_pct: maybe,
  confidence: maybe,
  reason: z.string(),
});

/** Value at risk of positions and entries under way; unmeasured symbols count with their floor. */
export const varBlock = remembered(varOf);

function varOf({ world, rules }: Published): z.output<typeof VarBlock> {
  const { tail } = world;
  const { shortHistory, var: { limitFrac, confidence } } = rules.limits.tail;
  const head = {
    max_portfolio_var_nav_pct: limitFrac,
    confidence,
    n_assets: tail.symbolsCount,
    lookback_used: tail.symbolsCount === tail.shortCount ? 0 : tail.bars,
  };
  const navUsd = usableNavUsd(world);
  const sigma = (Math.sqrt(tail.variance) + tail.floorUsd) / navUsd;
  const figures = valueAtRisk({ variance: sigma ** 2, navUsd, confidence, days: 1 });
  const isVetoed = shortHistory === "veto" && tail.shortCount > 0;
  if (figures === null || isVetoed || world.badPositions.length > 0) {
    return {
      ...head,
      portfolio_var_usd: null,
      portfolio_var_nav_pct: null,
      within_limit: null,
      portfolio_volatility: null,
      reason: isVetoed ? "short_history" : figures === null ? "nav_unknown" : "bad_position",
    };
  }
  return {
    ...head,
    portfolio_var_usd: figures.usd,
    portfolio_var_nav_pct: figures.frac,
    within_limit: limitFrac === null ? null : figures.frac <= limitFrac,
    portfolio_volatility: figures.annualVolatility,
    reason: tail.shortCount > 0 ? `floor_for_${tail.shortCount}_symbols` : "measured",
  };
}

/** Expected shortfall of each symbol's position, net of both legs. */
export const cvarBlock = remembered(cvarOf);

function cvarOf({ world, rules }: Published): z.output<typeof CvarBlock> {
  const { tail: tailRules } = rules.limits;
  const { shortHistory, cvar: { limitFrac, confidence } } = tailRules;
  const navUsd = usableNavUsd(world);
  const perSymbol: z.output<typeof CvarBlock>["per_symbol"] = {};
  let floors = 0;
  for (const [ticker, signedUsd] of Object.entries(netUsdOf(world.legs))) {
    const tail = world.tail.of(ticker as Ticker);
    const isUnknown = tail.shortfall === null && shortHistory === "veto";
    if (tail.shortfall === null) floors += 1;
    const unit = unitTail(tail, signedUsd < 0 ? -1 : 1, tailRules);
    const share = isUnknown
      ? null
      : positionTail(unit, { notionalUsd: signedUsd, navUsd })?.cvarFrac ?? null;
    perSymbol[ticker] = {
      cvar_nav_pct: share,
      limit: limitFrac ?? 1,
      within_limit: share === null || limitFrac === null ? null : share <= limitFrac,
    };
  }
  return {
    per_symbol: perSymbol,
    max_position_cvar_nav_pct: limitFrac,
    confidence,
    reason: floors > 0 ? `${shortHistory}_for_${floors}_symbols` : "measured",
  };
}
