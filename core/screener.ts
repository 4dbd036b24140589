/**
 * From closed candles to sized entries: each strategy is asked once per closed candle of each of
 * its symbols; what it says passes the common gates or is refused with a reason that is counted.
 */
import type { VetoEvent } from "./events.ts";
import type { History, Series } from "./history.ts";
import type { MarketView } from "./ports.ts";
import type { Rules } from "./rules.ts";
import { CRITICAL_DRAWDOWN_FRAC } from "./regimes.ts";
import { sizeEntry } from "./sizing.ts";
import type { Figures, Opinion, ScreenReason, Strategy } from "./strategies/strategy.ts";
import type { Dict, Entry, Ticker } from "./types.ts";
import { MS_PER_SECOND, toSeconds } from "./units.ts";
import type { Pair } from "./universe.ts";

/** A price older than this is not one to enter at. */
const PRICE_FRESH_MS = 5 * MS_PER_SECOND;

export type Screening = {
  readonly nowMs: number;
  /** Candles that closed up to here were screened before. */
  readonly screenedMs: number;
  readonly history: History;
  readonly view: MarketView;
  readonly navUsd: number | null;
  readonly navAgeMs: number | null;
  /** What sizes are taken of: NAV without gains that are not realised, as the operator has it. */
  readonly sizingUsd: number | null;
  /** What regimes and risk mode leave of a size. */
  readonly shrinkFrac: number;
  readonly ddFrac: number | null;
  /** The newest candle close an entry was emitted for, by key. */
  readonly emittedMs: Dict<number>;
};

export type Screened = {
  readonly signals: number;
  readonly entries: readonly Entry[];
  readonly refusals: readonly VetoEvent[];
  /** What each signal was taken from, by the id of its wish. */
  readonly figures: ReadonlyMap<string, Figures>;
  readonly emitted: ReadonlyMap<string, number>;
};

/** Asks every strategy about every candle that closed since the last screening. */
export function screen(screening: Screening, rules: Rules): Screened {
  const entries: Entry[] = [];
  const refusals: VetoEvent[] = [];
  const figures = new Map<string, Figures>();
  const emitted = new Map<string, number>();
  let signals = 0;
  for (const { strategy, symbols } of rules.assignments) {
    for (const ticker of symbols as readonly Ticker[]) {
      const asked = ask(strategy, ticker, screening);
      if (asked === null) continue;
      signals += 1;
      const signal = { strategy, ticker, ...asked };
      figures.set(intentId(signal), signal.opinion.observations);
      const key = dedupeKey(signal);
      if ((screening.emittedMs[key] ?? 0) >= asked.closeMs) {
        const thresholds = { entries_per_candle: 1 };
        const observations = { answered_candle_ms: screening.emittedMs[key] ?? null };
        const refusal: Refusal = { reason: "dedupe", thresholds, observations };
        refusals.push(refuse(signal, refusal, screening));
        continue;
      }
      const built = build(signal, rules.universe[ticker]!, screening);
      if ("reason" in built) {
        refusals.push(refuse(signal, built, screening));
      } else {
        entries.push(built);
        emitted.set(key, asked.closeMs);
      }
    }
  }
  return { signals, entries, refusals, figures, emitted };
}

type Asked = {
  readonly opinion: Exclude<Opinion, { kind: "none" }>;
  readonly closeMs: number;
  readonly frameMs: number;
  readonly px: number;
  readonly priceAgeMs: number | null;
};
type Signal = Asked & { readonly strategy: Strategy; readonly ticker: Ticker };

function ask(
  strategy: Strategy,
  ticker: Ticker,
  { history, view, nowMs, screenedMs }: Screening,
): Asked | null {
  const bars: Series | null = history.series(ticker, strategy.timeframeMs);
  const closeMs = bars?.lastCloseMs ?? null;
  if (bars === null || closeMs === null || closeMs <= screenedMs) return null;
  if (nowMs - closeMs >= bars.frameMs || bars.length < strategy.minBars) return null;
  const higher = strategy.higherMs === null ? null : history.series(ticker, strategy.higherMs);
  const mark = view.mark(ticker);
  const lastClose = bars.column("close", 1)[0]!;
  const px = mark?.px ?? lastClose;
  const opinion = strategy.evaluate({ bars, higher, px });
  if (opinion.kind === "none") return null;
  const priceAgeMs = mark === null ? null : nowMs - mark.atMs;
  return { opinion, closeMs, frameMs: bars.frameMs, px, priceAgeMs };
}

type Refusal = {
  readonly reason: ScreenReason;
  readonly thresholds: Dict<number | string | null>;
  readonly observations: Dict<number | string | null>;
};

function build(signal: Signal, pair: Pair, screening: Screening): Entry | Refusal {
  const { strategy, ticker, opinion, px, priceAgeMs, closeMs, frameMs } = signal;
  const { nowMs, sizingUsd } = screening;
  if (opinion.kind === "refused") return opinion;
  if (priceAgeMs === null || priceAgeMs > PRICE_FRESH_MS || !(px > 0)) {
    return {
      reason: "market_data",
      thresholds: { price_fresh_ms: PRICE_FRESH_MS },
      observations: { price_age_ms: priceAgeMs },
    };
  }
  if (sizingUsd === null) {
    return { reason: "nav_unknown", thresholds: {}, observations: { nav_usd: null } };
  }
  if (screening.shrinkFrac === 0) {
    return {
      reason: "dd_regime_critical",
      thresholds: { critical_dd_frac: CRITICAL_DRAWDOWN_FRAC },
      observations: { dd_frac: screening.ddFrac },
    };
  }
  const { side, sizeFrac, levels } = opinion;
  return {
    kind: "entry",
    id: intentId(signal),
    strategyId: strategy.id,
    ticker,
    side,
    tier: pair.tier,
    grossUsd: sizeEntry({ navUsd: sizingUsd, sizeFrac, shrinkFrac: screening.shrinkFrac }),
    allowAdd: strategy.allowAdd,
    leverage: Math.min(strategy.leverage ?? pair.targetLeverage, pair.maxLeverage),
    refPx: px,
    levels,
    timeframeMs: frameMs,
    candleCloseMs: closeMs,
    decidedMs: nowMs,
  };
}

function refuse(
  signal: Signal,
  { reason, thresholds, observations }: Refusal,
  { navUsd, navAgeMs }: Screening,
): VetoEvent {
  const { strategy, ticker, opinion, closeMs, frameMs, px } = signal;
  const { side } = opinion;
  return {
    kind: "veto",
    intentId: intentId(signal),
    strategyId: strategy.id,
    ticker,
    side,
    stage: "screen",
    reason,
    codes: [reason],
    gate: reason,
    thresholds,
    observations,
    notionalUsd: null,
    refPx: px,
    navUsd,
    navAgeMs,
    maxNotionalUsd: null,
    candleCloseMs: closeMs,
    context: { timeframe_s: toSeconds(frameMs) },
  };
}

/** Says what it is: whoever reads a row of any log knows whose wish it was, and for which candle. */
function intentId({ strategy, ticker, opinion, closeMs }: Signal): string {
  return `e:${strategy.id}:${ticker}:${opinion.side}:${closeMs}`;
}

/** One entry per strategy, symbol, side and candle: an id that cannot repeat after a restart. */
function dedupeKey({ strategy, ticker, opinion }: Signal): string {
  return `${strategy.id}|${ticker}|${opinion.side}`;
}
