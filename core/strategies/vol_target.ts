/**
 * Trend following sized by volatility: the higher timeframe's moving averages say the direction,
 * the true range scaled to a day says the size, multiples of the true range say where it leaves.
 */
import { z } from "zod";
import { SERIES_CAPACITY, timeframeMs } from "../history.ts";
import { atr, ema, opposes, rsi, trend } from "../indicators.ts";
import { count, factor, frac, MS_PER_DAY, symbol } from "../units.ts";
import type { Levels, Side } from "../types.ts";
import { signOf } from "../types.ts";
import { timeframe } from "./rsi_band.ts";
import { NO_OPINION, type Opinion, type Strategy, type StrategyInput } from "./strategy.ts";

const RSI_PERIOD = 14;
const TREND_PERIOD = 20;
/** Candles of the higher timeframe that the slow average is computed over, as a multiple of it. */
const SLOW_SEED_FACTOR = 3;

/** The block `vol_target` of `strategy_config.json`. */
export const VolTarget = z.strictObject({
  enabled: z.boolean(),
  symbols: z.union([z.array(symbol()), z.literal("*")]),
  timeframe,
  max_concurrent: count(1_000, 1),
  allow_add: z.boolean().default(false),
  base_per_trade_nav_pct: frac(0.5),
  min_per_trade_nav_pct: frac(0.5),
  max_per_trade_nav_pct: frac(0.5),
  target_vol: frac(1, 0.0001),
  min_vol: frac(1, 0.0001),
  max_vol: frac(5, 0.0001),
  min_vol_factor: factor(10),
  max_vol_factor: factor(10, 0.01),
  atr_lookback: count(500, 2),
  sl_atr_mult: factor(50, 0.1),
  tp_atr_mult: factor(50, 0.1),
  min_rr: factor(20),
  max_bars: count(10_000, 1).optional(),
  side_mode: z.enum(["trend", "long_only"]),
  trend: z.strictObject({
    htf_tf: timeframe,
    fast_ema: count(500, 2),
    slow_ema: count(Math.floor(SERIES_CAPACITY / SLOW_SEED_FACTOR), 3),
    min_trend_strength: frac(1),
    use_htf_rsi_filter: z.boolean(),
    rsi_overbought: factor(100),
    rsi_oversold: factor(100),
  }),
});
type Keys = z.output<typeof VolTarget>;

export const VOL_TARGET_ID = "vol_target";

/** Builds the strategy of the block. */
export function volTarget(keys: Keys): Strategy {
  const bars = Math.max(TREND_PERIOD, keys.atr_lookback) + 1;
  return {
    id: VOL_TARGET_ID,
    kind: VOL_TARGET_ID,
    symbols: keys.symbols,
    timeframeMs: timeframeMs(keys.timeframe)!,
    higherMs: timeframeMs(keys.trend.htf_tf)!,
    maxConcurrent: keys.max_concurrent,
    allowAdd: keys.allow_add,
    leverage: null,
    minBars: bars,
    evaluate: (input) => evaluate(input, keys, bars),
  };
}

export type TrendBias = { readonly side: Side | null; readonly strengthFrac: number };

/** Direction and strength of the higher timeframe: gap of the averages over the slow one. */
export function trendBias(closes: ArrayLike<number>, rules: Keys["trend"]): TrendBias {
  const fast = ema(closes, rules.fast_ema);
  const slow = ema(closes, rules.slow_ema);
  if (fast === null || slow === null) return { side: null, strengthFrac: 0 };
  const gap = fast - slow;
  const side: Side = gap > 0 ? "LONG" : "SHORT";
  const full = Math.min(1, Math.abs(gap) / (Math.abs(slow) || 1));
  const strength = rsi(closes, RSI_PERIOD);
  const stretched = rules.use_htf_rsi_filter && strength !== null &&
    (side === "LONG" ? strength >= rules.rsi_overbought : strength <= rules.rsi_oversold);
  const strengthFrac = stretched ? full / 2 : full;
  return { side: strengthFrac < rules.min_trend_strength ? null : side, strengthFrac };
}

/** Share of NAV: the base share scaled by target over measured volatility, within its bounds. */
export function volTargetSize(dailyVolFrac: number, keys: Keys): number {
  const measured = clamp(dailyVolFrac, keys.min_vol, keys.max_vol);
  const scale = clamp(keys.target_vol / measured, keys.min_vol_factor, keys.max_vol_factor);
  return clamp(
    keys.base_per_trade_nav_pct * scale,
    keys.min_per_trade_nav_pct,
    keys.max_per_trade_nav_pct,
  );
}

/** Stop and target in true ranges; null when the reward is too small for the risk. */
export function volTargetLevels(
  { side, px, atr }: { side: Side; px: number; atr: number },
  keys: Keys,
  frameMs: number,
): Levels | null {
  const [slPxAway, tpPxAway] = [keys.sl_atr_mult * atr, keys.tp_atr_mult * atr];
  if (!(slPxAway > 0) || !(tpPxAway > 0) || tpPxAway / slPxAway < keys.min_rr) return null;
  const sign = signOf(side);
  const [slPx, tpPx] = [px - sign * slPxAway, px + sign * tpPxAway];
  if (!(slPx > 0) || !(tpPx > 0)) return null;
  return {
    slPx,
    tpPx,
    trailFrac: null,
    maxHoldMs: keys.max_bars === undefined ? null : keys.max_bars * frameMs,
    slAtrMult: keys.sl_atr_mult,
    tpAtrMult: keys.tp_atr_mult,
    atr,
  };
}

function evaluate({ bars, higher, px }: StrategyInput, keys: Keys, needed: number): Opinion {
  if (bars.length < needed || higher === null) return NO_OPINION;
  const slowBars = keys.trend.slow_ema * SLOW_SEED_FACTOR;
  if (higher.length < slowBars) return NO_OPINION;
  const bias = trendBias(higher.column("close", slowBars), keys.trend);
  if (bias.side === null) return NO_OPINION;
  const close = bars.column("close", needed);
  const direction = trend(close, TREND_PERIOD);
  const { side } = bias;
  const observations = { trend: direction, strength: bias.strengthFrac };
  if (opposes(direction, side)) {
    const thresholds = { trend: `not ${direction}` };
    return { kind: "refused", side, reason: "counter_trend", thresholds, observations };
  }
  if (side === "SHORT" && keys.side_mode === "long_only") {
    const thresholds = { side_mode: "not long_only" };
    return { kind: "refused", side, reason: "short_disabled", thresholds, observations };
  }
  const range = atr(
    { high: bars.column("high", needed), low: bars.column("low", needed), close },
    keys.atr_lookback,
  );
  const levels = volTargetLevels({ side, px, atr: range }, keys, bars.frameMs);
  if (levels === null) {
    return {
      kind: "refused",
      side,
      reason: "no_levels",
      thresholds: { least_level: 0, least_reward_to_risk: keys.min_rr },
      observations: { ...observations, atr: range },
    };
  }
  const dailyVolFrac = (range / px) * Math.sqrt(MS_PER_DAY / bars.frameMs);
  return {
    kind: "signal",
    side,
    sizeFrac: volTargetSize(dailyVolFrac, keys),
    levels,
    observations: { ...observations, atr: range, daily_vol: dailyVolFrac },
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
