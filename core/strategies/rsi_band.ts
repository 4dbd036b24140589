/**
 * Mean reversion on one timeframe: buy far below the mean or at a low RSI, sell the mirror image,
 * unless the trend is against it. Levels are fractions of price, widened by the true range.
 */
import { z } from "zod";
import { timeframeMs } from "../history.ts";
import { atr, opposes, rsi, trend, zscore } from "../indicators.ts";
import { count, factor, frac, symbol } from "../units.ts";
import type { Levels, Side } from "../types.ts";
import { signOf } from "../types.ts";
import { NO_OPINION, type Opinion, type Strategy, type StrategyInput } from "./strategy.ts";

const RSI_PERIOD = 14;
const Z_LOOKBACK = 20;
const TREND_PERIOD = 20;

export const timeframe = z.string().refine((label) => timeframeMs(label) !== null, {
  error: 'a timeframe such as "15m", "1h" or "1d"',
});

/** One entry of `strategies[]` in `strategy_config.json`. */
export const RsiBand = z.strictObject({
  id: z.string().regex(/^[a-z0-9_]{1,32}$/, { error: "a name of small letters, digits and _" }),
  label: z.string().optional(),
  enabled: z.boolean(),
  symbol: z.union([symbol(), z.literal("*")]),
  timeframe,
  short_enabled: z.boolean().default(true),
  max_concurrent: count(1_000, 1).default(1),
  allow_add: z.boolean().default(false),
  params: z.strictObject({
    per_trade_nav_pct: frac(0.5),
    leverage: factor(125, 1).optional(),
    entry: z.strictObject({
      type: z.enum(["rsi_band", "always_on"]).default("rsi_band"),
      band: z.tuple([factor(100), factor(100)]).refine(([low, high]) => low < high, {
        error: "two RSI levels, the lower one first",
      }),
      zmin: factor(10, 0.01),
    }),
    risk: z.strictObject({
      fixed_sl_frac: frac(0.5, 0.0001),
      fixed_tp_frac: frac(0.5, 0.0001),
      atr_period: count(500, 2),
      atr_mult: factor(50),
      max_bars: count(10_000, 1).optional(),
      trail: z.strictObject({ width_pct: frac(0.5, 0.0001) }).optional(),
    }),
  }),
});
type Keys = z.output<typeof RsiBand>;
type Params = Keys["params"];

/** Builds the strategy of one entry. */
export function rsiBand(keys: Keys): Strategy {
  const { params } = keys;
  const bars = Math.max(RSI_PERIOD, Z_LOOKBACK, TREND_PERIOD, params.risk.atr_period) + 1;
  const frameMs = timeframeMs(keys.timeframe)!;
  return {
    id: keys.id,
    kind: "rsi_band",
    symbols: keys.symbol === "*" ? "*" : [keys.symbol],
    timeframeMs: frameMs,
    higherMs: null,
    maxConcurrent: keys.max_concurrent,
    allowAdd: keys.allow_add,
    leverage: params.leverage ?? null,
    minBars: bars,
    evaluate: (input) => evaluate(input, keys, bars),
  };
}

/** The decision alone: z-score first, then the RSI band, then an always-on side. Null: no signal. */
export function bandSignal(
  { z, rsi }: { z: number; rsi: number },
  { low, high, zMin, alwaysOn }: { low: number; high: number; zMin: number; alwaysOn: boolean },
): Side | null {
  if (z <= -zMin) return "LONG";
  if (z >= zMin) return "SHORT";
  if (rsi <= low) return "LONG";
  if (rsi >= high) return "SHORT";
  if (alwaysOn) return z <= 0 ? "LONG" : "SHORT";
  return null;
}

/**
 * Stop and target as fractions of price, each at least the configured one and at least
 * `atr_mult` true ranges away.
 */
export function bandLevels(
  { side, px, atr }: { side: Side; px: number; atr: number },
  risk: Params["risk"],
  frameMs: number,
): Levels {
  const reach = (risk.atr_mult * atr) / px;
  const sign = signOf(side);
  return {
    slPx: px * (1 - sign * Math.max(risk.fixed_sl_frac, reach)),
    tpPx: px * (1 + sign * Math.max(risk.fixed_tp_frac, reach)),
    trailFrac: risk.trail === undefined ? null : Math.max(risk.trail.width_pct, reach),
    maxHoldMs: risk.max_bars === undefined ? null : risk.max_bars * frameMs,
    slAtrMult: risk.atr_mult,
    tpAtrMult: risk.atr_mult,
    atr,
  };
}

function evaluate({ bars, px }: StrategyInput, keys: Keys, needed: number): Opinion {
  if (bars.length < needed) return NO_OPINION;
  const { params } = keys;
  const close = bars.column("close", needed);
  const z = zscore(close, Z_LOOKBACK);
  const strength = rsi(close, RSI_PERIOD);
  if (strength === null) return NO_OPINION;
  const [low, high] = params.entry.band;
  const alwaysOn = params.entry.type === "always_on";
  const side = bandSignal({ z, rsi: strength }, { low, high, zMin: params.entry.zmin, alwaysOn });
  if (side === null) return NO_OPINION;
  const direction = trend(close, TREND_PERIOD);
  const observations = { z, rsi: strength, trend: direction };
  if (side === "SHORT" && !keys.short_enabled) {
    const thresholds = { short_enabled: "true" };
    return { kind: "refused", side, reason: "short_disabled", thresholds, observations };
  }
  if (opposes(direction, side)) {
    const thresholds = { trend: `not ${direction}` };
    return { kind: "refused", side, reason: "counter_trend", thresholds, observations };
  }
  const range = atr(
    { high: bars.column("high", needed), low: bars.column("low", needed), close },
    params.risk.atr_period,
  );
  const levels = bandLevels({ side, px, atr: range }, params.risk, bars.frameMs);
  if (!(levels.slPx! > 0 && levels.tpPx! > 0)) {
    return {
      kind: "refused",
      side,
      reason: "no_levels",
      thresholds: { least_level: 0 },
      observations: { ...observations, stop: levels.slPx, target: levels.tpPx, atr: range },
    };
  }
  return {
    kind: "signal",
    side,
    sizeFrac: params.per_trade_nav_pct,
    levels,
    observations: { ...observations, atr: range },
  };
}
