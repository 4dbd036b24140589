/** Indicators and the decision of the band strategy. */
import { timeframeMs } from "../../core/history.ts";
import {
  atr,
  ema,
  opposes,
  rsi,
  RSI_NEUTRAL,
  type Trend,
  trend,
  zscore,
} from "../../core/indicators.ts";
import { ewmaVolatility, logReturns } from "../../core/stats.ts";
import { bandSignal, RsiBand } from "../../core/strategies/rsi_band.ts";
import { toSeconds } from "../../core/units.ts";
import { adapter, Refusal } from "./adapter.ts";

const TREND_PERIOD = 20;
type Closes = { readonly closes: readonly number[]; readonly period: number };

const rsiAdapter = adapter<Closes>("rsi", ({ closes, period }) => {
  const strength = rsi(closes, period);
  // Too few closes are unknown here; the screener of the reference read unknown as neutral.
  return { screener: strength ?? RSI_NEUTRAL, vol_target: strength };
});

const zscoreAdapter = adapter<{ readonly closes: readonly number[]; readonly lookback: number }>(
  "zscore",
  ({ closes, lookback }) => zscore(closes, lookback),
);

const trendAdapter = adapter<Closes>(
  "trend_filter",
  ({ closes, period }) => trend(closes, period),
);

const emaAdapter = adapter<{ readonly values: readonly number[]; readonly period: number }>(
  "ema",
  ({ values, period }) => ema(values, period),
);

const logReturnsAdapter = adapter<{ readonly prices: readonly number[] }>(
  "log_returns",
  ({ prices }) => [...logReturns(prices)],
);

type Row = readonly [openMs: number, open: number, high: number, low: number, close: number];

const atrAdapter = adapter<{ readonly rows: readonly Row[]; readonly atr_lookback: number }>(
  "atr",
  ({ rows, atr_lookback }) => {
    const high = rows.map((row) => row[2]);
    const low = rows.map((row) => row[3]);
    const close = rows.map((row) => row[4]);
    const label: Trend = trend(close, TREND_PERIOD);
    return {
      atr: atr({ high, low, close }, atr_lookback),
      trend: label,
      trend_aligned: !opposes(label, "LONG"),
    };
  },
);

const ewmaVolAdapter = adapter<{
  readonly returns: readonly number[];
  readonly halflife_bars: number;
  readonly window_bars: number | null;
}>(
  "ewma_vol",
  ({ returns, halflife_bars: halfLifeBars, window_bars: windowBars }) =>
    ewmaVolatility(returns, { halfLifeBars, windowBars }),
);

const timeframeAdapter = adapter<{ readonly timeframe: string | null }>(
  "timeframe_seconds",
  ({ timeframe }) => {
    const ms = timeframeMs(timeframe ?? "");
    return ms === null ? new Refusal(`no timeframe: ${timeframe}`) : toSeconds(ms);
  },
  {
    differs: ({ timeframe }) =>
      /^\s*[1-9]\d* ?[smhdw]([a-z]+)?\s*$/i.test(timeframe ?? "")
        ? null
        : "no count with a known unit: refused at the start, never read as minutes",
  },
);

type Entry = { readonly type?: string; readonly band?: unknown; readonly zmin?: unknown };
const EntryKeys = RsiBand.shape.params.shape.entry;

/** What the reference assumed for absent keys; the product's own files must name them. */
function completed({ type, band, zmin }: Entry): unknown {
  return { type, band: band ?? [30, 70], zmin: zmin ?? 0.8 };
}

const decideAdapter = adapter<
  { readonly z: number; readonly rsi: number; readonly entry: Entry }
>(
  "decide_signal",
  ({ z, rsi, entry }) => {
    const { type, band: [low, high], zmin } = EntryKeys.parse(completed(entry));
    const side = bandSignal({ z, rsi }, { low, high, zMin: zmin, alwaysOn: type === "always_on" });
    return side === null ? null : side === "LONG" ? "BUY" : "SELL";
  },
  {
    differs: ({ entry: { band, zmin } }) =>
      (band ?? null) !== null && !(Array.isArray(band) && band.length === 2) ||
        (zmin ?? null) !== null && !(typeof zmin === "number" && zmin > 0)
        ? "a setting outside its bounds or type: refused at the start, never replaced by a default"
        : null,
  },
);

export const INTEL = [
  rsiAdapter,
  zscoreAdapter,
  trendAdapter,
  emaAdapter,
  logReturnsAdapter,
  atrAdapter,
  ewmaVolAdapter,
  timeframeAdapter,
  decideAdapter,
];
