/** The schema of the tail limits: the block `risk_advanced` of `strategy_config.json`. */
import { z } from "zod";
import { SERIES_CAPACITY, timeframeMs } from "../history.ts";
import { confidence, count, factor, frac } from "../units.ts";
import { normalQuantile, normalTail } from "./tail_numbers.ts";

/** Fewer aligned returns than this say nothing about a tail. */
export const BARS_MIN = 60;
/** A sliding covariance is summed anew at every bar whose number divides by this. */
export const ANCHOR_BARS = 64;
const LOOKBACK_MAX = SERIES_CAPACITY - ANCHOR_BARS - 1;

const HALF_LIFE_BARS = 100;
const lookback = () => count(LOOKBACK_MAX, BARS_MIN + 1);
const timeframe = () =>
  z.string().refine((label) => timeframeMs(label) !== null, {
    error: 'a timeframe such as "15m", "1h" or "1d"',
  }).default("1h");

/** Caps have no default: an absent one is a mistake, 0 blocks every entry. */
export const RiskAdvanced = z.strictObject({
  /** What a symbol with too few returns counts as: a floor, or a veto. */
  on_short_history: z.enum(["floor", "veto"], { error: '"floor" or "veto"' }).default("floor"),
  /** The floor: an assumed daily volatility. */
  default_daily_vol: frac(1, 0.001).default(0.08),
  var: z.strictObject({
    enabled: z.boolean().default(true),
    confidence: confidence().default(0.99),
    lookback_bars: lookback().default(500),
    halflife_bars: factor(LOOKBACK_MAX, 1).default(HALF_LIFE_BARS),
    timeframe: timeframe(),
    max_portfolio_var_nav_pct: frac(1),
  }),
  cvar: z.strictObject({
    enabled: z.boolean().default(true),
    confidence: confidence().default(0.95),
    lookback_bars: lookback().default(400),
    timeframe: timeframe(),
    max_position_cvar_nav_pct: frac(1),
  }),
});

/** The tail rules in core units; a limit of null is switched off. */
export type TailRules = ReturnType<typeof tailRules>;

/** Turns the parsed keys into rules. */
export function tailRules(keys: z.output<typeof RiskAdvanced>) {
  const { var: value, cvar } = keys;
  return {
    shortHistory: keys.on_short_history,
    floorDailyFrac: keys.default_daily_vol,
    /** The tail of one dollar of a symbol whose own is not known. */
    floorTail: normalTail(keys.default_daily_vol, cvar.confidence),
    var: {
      limitFrac: value.enabled ? value.max_portfolio_var_nav_pct : null,
      confidence: value.confidence,
      quantile: normalQuantile(value.confidence)!,
      /** So many closes have one return fewer. */
      returnsCount: value.lookback_bars - 1,
      halfLifeBars: value.halflife_bars,
      frameMs: timeframeMs(value.timeframe)!,
    },
    cvar: {
      limitFrac: cvar.enabled ? cvar.max_position_cvar_nav_pct : null,
      confidence: cvar.confidence,
      returnsCount: cvar.lookback_bars - 1,
      frameMs: timeframeMs(cvar.timeframe)!,
    },
  };
}
