/**
 * Regimes: how deep the drawdown is, how wild the market. They shrink sizes, once, in sizing; a
 * regime that is unknown never leaves a size whole.
 */
import type { History, Series } from "./history.ts";
import { atr } from "./indicators.ts";
import { ewmaVolatility, logReturns } from "./stats.ts";
import type { Ticker } from "./types.ts";

/** Where the drawdown regime begins in which nothing is opened. */
export const CRITICAL_DRAWDOWN_FRAC = 0.3;
/** Drawdown regimes begin at these fractions. */
const DRAWDOWN_STEPS = [0.05, 0.15, CRITICAL_DRAWDOWN_FRAC] as const;
export const DRAWDOWN_REGIMES = ["low", "moderate", "high", "critical"] as const;
/** Last share of price that belongs to each true-range bucket below the highest. */
const RANGE_STEPS = [0.0015, 0.0025, 0.004] as const;
export const RANGE_BUCKETS = ["low", "normal", "elevated", "extreme"] as const;

const RANGE_FACTORS = [1, 1, 0.7, 0.5] as const;
const DRAWDOWN_FACTORS = [1, 0.8, 0.6, 0] as const;
/** An index outside its table is unknown: the hardest known factor holds. */
const UNKNOWN_RANGE_FACTOR = 0.5;

const SHORT_RANGE_BARS = 50;
const LONG_RANGE_BARS = 500;
/** Without this many bars a long range would be a short one. */
const LONG_RANGE_BARS_MIN = 100;
const SHORT_VOL = { windowBars: 168, halfLifeBars: 84 };
const LONG_VOL = { windowBars: 720, halfLifeBars: 360 };

/** Index of the drawdown regime, 0 to 3; null where the drawdown is unknown. */
export function drawdownRegime(ddFrac: unknown): number | null {
  if (typeof ddFrac !== "number" || !Number.isFinite(ddFrac)) return null;
  const at = DRAWDOWN_STEPS.findIndex((step) => ddFrac < step);
  return at < 0 ? DRAWDOWN_STEPS.length : at;
}

/** Index of the true-range bucket, 0 to 3, of a range as a share of price; null without one. */
export function rangeBucket(rangeFrac: unknown): number | null {
  if (typeof rangeFrac !== "number" || !(rangeFrac >= 0)) return null;
  const at = RANGE_STEPS.findIndex((step) => rangeFrac <= step);
  return at < 0 ? RANGE_STEPS.length : at;
}

export type RangeRegime = "quiet" | "normal" | "hot" | "panic" | "unknown";

/** The word for a short true range over a long one. */
export function rangeRegime(ratio: unknown): RangeRegime {
  if (typeof ratio !== "number" || !Number.isFinite(ratio) || ratio < 0) return "unknown";
  if (ratio < 0.5) return "quiet";
  return ratio < 1.5 ? "normal" : ratio < 2.5 ? "hot" : "panic";
}

export type VolRegime = "low" | "normal" | "high" | "crisis";
export const VOL_REGIMES: readonly VolRegime[] = ["low", "normal", "high", "crisis"];
export type VolReading = {
  readonly label: VolRegime;
  readonly short: number;
  readonly long: number;
  readonly ratio: number;
};

/** The word for a short volatility over a long one; what cannot be compared is normal, ratio 1. */
export function volRegime(short: number, long: number): VolReading {
  if (!(long > 0) || !(short >= 0)) {
    return { label: "normal", short: Math.max(0, short), long: Math.max(0, long), ratio: 1 };
  }
  const ratio = short / long;
  const label = ratio < 0.6 ? "low" : ratio < 1.2 ? "normal" : ratio < 1.8 ? "high" : "crisis";
  return { label, short, long, ratio };
}

/** Volatility regime of a series of closes; with too few of them the long window would be a lie. */
export function volRegimeOf(closes: ArrayLike<number>): VolReading {
  if (closes.length <= LONG_VOL.windowBars) return volRegime(0, 0);
  const returns = logReturns(closes);
  return volRegime(ewmaVolatility(returns, SHORT_VOL), ewmaVolatility(returns, LONG_VOL));
}

/** What regimes and risk mode leave of a size, 0 to 1. Each shrinks once; unknown is not calm. */
export function sizeFactor(
  { range, drawdown, modeFrac }: {
    range: number | null;
    drawdown: number | null;
    modeFrac: number;
  },
): number {
  const rangeFrac = RANGE_FACTORS[range ?? -1] ?? UNKNOWN_RANGE_FACTOR;
  const drawdownFrac = DRAWDOWN_FACTORS[drawdown ?? -1] ?? 0;
  return Math.min(1, Math.max(0, rangeFrac * drawdownFrac * modeFrac));
}

/** How wild the market is, worked out once per bar from the candle history. */
export class MarketRegimes {
  readonly #history: History;
  readonly #frameMs: number;
  readonly #vols = new Map<Ticker, { closedMs: number; value: VolReading }>();
  readonly #ranges = new Map<Ticker, { closedMs: number; value: RangeReading }>();

  constructor(history: History, frameMs: number) {
    this.#history = history;
    this.#frameMs = frameMs;
  }

  /** Volatility regime of a symbol; normal while its history is short. */
  vol(ticker: Ticker): VolReading {
    return this.#once(this.#vols, ticker, (bars) => volRegimeOf(bars.column("close"))) ??
      volRegime(0, 0);
  }

  /** True range of a symbol; null while its history is short. */
  range(ticker: Ticker): RangeReading | null {
    return this.#once(this.#ranges, ticker, rangeOf);
  }

  #once<T>(
    known: Map<Ticker, { closedMs: number; value: T }>,
    ticker: Ticker,
    measure: (bars: Series) => T,
  ): T | null {
    const bars = this.#history.series(ticker, this.#frameMs);
    const closedMs = bars?.lastCloseMs ?? null;
    if (bars === null || closedMs === null) return null;
    const last = known.get(ticker);
    if (last?.closedMs === closedMs) return last.value;
    const value = measure(bars);
    known.set(ticker, { closedMs, value });
    return value;
  }
}

export type RangeReading = {
  /** Average true range as a share of price; null while history is short. */
  readonly frac: number | null;
  /** Short over long average. */
  readonly ratio: number | null;
};

function rangeOf(bars: Series): RangeReading {
  const over = (lookback: number) => {
    if (bars.length <= lookback) return null;
    const column = (field: "high" | "low" | "close") => bars.column(field, lookback + 1);
    return atr({ high: column("high"), low: column("low"), close: column("close") }, lookback);
  };
  const long = over(Math.min(LONG_RANGE_BARS, Math.max(LONG_RANGE_BARS_MIN, bars.length - 1)));
  const short = over(SHORT_RANGE_BARS);
  const close = bars.column("close", 1)[0];
  return {
    frac: short === null || !close ? null : short / close,
    ratio: short === null || long === null || !(long > 0) ? null : short / long,
  };
}
