/**
 * What the past says about the tails of this book: covariance of its symbols, of a candidate with
 * them, expected shortfall of each side. Everything is worked out once per bar and then looked up;
 * it is a function of candles and rules alone, however it was reached.
 */
import type { History } from "../history.ts";
import { sortedKeys } from "../dict.ts";
import type { Dict, Ticker } from "../types.ts";
import { MS_PER_DAY } from "../units.ts";
import { ANCHOR_BARS, BARS_MIN, type TailRules } from "./advanced.ts";
import { deviations, dot, ewmaWeights, RollingCovariance } from "./covariance.ts";
import { type ReturnRun, Returns } from "./returns.ts";
import { historicalShortfall, portfolioVariance, type Shortfall } from "./tail_numbers.ts";

/** A symbol whose newest bar is older than this many bars tells nothing about now. */
const LATE_BARS = 2;

/** The tail of one symbol, for one day. A figure of null could not be measured. */
export type SymbolTail = {
  /** Signed dollars the book holds of it, entries under way included. */
  readonly netUsd: number;
  /** Aligned returns behind the figures. */
  readonly bars: number;
  /** Variance of one dollar, and covariance of one dollar with the book's result in dollars. */
  readonly measured: { readonly variance: number; readonly bookCovariance: number } | null;
  /** Of one dollar held long and one held short. */
  readonly shortfall: { readonly long: Shortfall; readonly short: Shortfall } | null;
};

/** The tails of one book at one instant. */
export type TailView = {
  /** Variance of the measured part's daily result, in dollars squared. */
  readonly variance: number;
  /** One sigma of what could not be measured, added up in absolute value. */
  readonly floorUsd: number;
  /** One sigma of a dollar that could not be measured. */
  readonly floorFrac: number;
  /** Held symbols, and those among them that could not be measured. */
  readonly symbolsCount: number;
  readonly shortCount: number;
  /** Returns behind the covariance of the book. */
  readonly bars: number;
  readonly of: (ticker: Ticker) => SymbolTail;
};

type Book = {
  readonly key: string;
  readonly endMs: number;
  readonly bars: number;
  readonly covariance: RollingCovariance;
  /** True when the window was slid from an anchor and may be slid on. */
  readonly slides: boolean;
};

type Known = { readonly ticker: Ticker; readonly run: ReturnRun };

export class Tails {
  readonly rules: TailRules;
  readonly #returns: Returns;
  readonly #shortfalls = new Map<Ticker, { closedMs: number; value: SymbolTail["shortfall"] }>();
  readonly #deviations = new Map<Ticker, { key: string; values: Float64Array }>();
  readonly #weights = new Map<number, Float64Array>();
  #book: Book | null = null;

  constructor(history: History, rules: TailRules) {
    this.rules = rules;
    this.#returns = new Returns(history);
  }

  /** The tails of a book given in signed dollars by symbol. */
  view(netUsd: Dict<number>, nowMs: number): TailView {
    const held = sortedKeys(netUsd).filter((ticker) => netUsd[ticker] !== 0) as Ticker[];
    const known = this.#known(held, nowMs);
    const endMs = Math.min(...known.map(({ run }) => run.lastCloseMs!));
    const { bars, covariance } = this.#bookAt(known, endMs);
    const perDay = this.#barsPerDay(this.rules.var.frameMs);
    const usd = known.map(({ ticker }) => netUsd[ticker]!);
    const variance = portfolioVariance(usd, covariance) * perDay;
    const measured = new Set<Ticker>(known.map(({ ticker }) => ticker));
    let floorUsd = 0;
    for (const ticker of held) {
      if (!measured.has(ticker)) floorUsd += Math.abs(netUsd[ticker]!) * this.rules.floorDailyFrac;
    }
    const tails = new Map<Ticker, SymbolTail>();
    const book = { known, usd, endMs, bars, covariance, variance };
    return {
      variance,
      floorUsd,
      floorFrac: this.rules.floorDailyFrac,
      symbolsCount: held.length,
      shortCount: held.length - known.length,
      bars,
      of: (ticker) => {
        let tail = tails.get(ticker);
        if (tail === undefined) {
          tail = {
            netUsd: netUsd[ticker] ?? 0,
            ...this.#measure(ticker, book, nowMs),
            shortfall: this.#shortfall(ticker, nowMs),
          };
          tails.set(ticker, tail);
        }
        return tail;
      },
    };
  }

  /** Symbols with enough fresh returns. */
  #known(tickers: readonly Ticker[], nowMs: number): readonly Known[] {
    return tickers.flatMap((ticker) => {
      const run = this.#freshRun(ticker, this.rules.var.frameMs, nowMs);
      return run === null ? [] : [{ ticker, run }];
    });
  }

  #freshRun(ticker: Ticker, frameMs: number, nowMs: number): ReturnRun | null {
    const run = this.#returns.run(ticker, frameMs);
    if (run === null || run.lastCloseMs === null) return null;
    // Aligning with the rest of the book may cost a late bar or two.
    if (run.length < BARS_MIN + LATE_BARS) return null;
    const isLate = run.lastCloseMs < nowMs - (LATE_BARS + 1) * run.frameMs;
    return isLate ? null : run;
  }

  #bookAt(known: readonly Known[], endMs: number): Book {
    const { returnsCount } = this.rules.var;
    const bars = Math.min(returnsCount, ...known.map(({ run }) => run.lengthAt(endMs)));
    const key = known.map(({ ticker }) => ticker).join();
    const before = this.#book;
    if (before !== null && before.key === key && before.endMs === endMs && before.bars === bars) {
      return before;
    }
    const isFull = known.length > 0 && bars === returnsCount;
    this.#book = isFull
      ? this.#slide(known, { key, endMs, bars }, before)
      : { key, endMs, bars, slides: false, covariance: this.#sum(known, endMs, bars) };
    return this.#book;
  }

  /**
   * A full window is slid from the last anchor bar: always the same sums in the same order, whether
   * the engine has just started or has run for a week.
   */
  #slide(
    known: readonly Known[],
    { key, endMs, bars }: { key: string; endMs: number; bars: number },
    before: Book | null,
  ): Book {
    const { frameMs } = known[0]!.run;
    const anchorMs = Math.floor(endMs / (ANCHOR_BARS * frameMs)) * ANCHOR_BARS * frameMs;
    const goesOn = before !== null && before.slides && before.key === key &&
      before.endMs >= anchorMs && before.endMs < endMs;
    const reaches = known.every(({ run }) => run.lengthAt(anchorMs) >= bars);
    if (!reaches) {
      return { key, endMs, bars, slides: false, covariance: this.#sum(known, endMs, bars) };
    }
    const covariance = goesOn ? before.covariance.clone() : this.#sum(known, anchorMs, bars);
    const fromMs = goesOn ? before.endMs : anchorMs;
    for (let atMs = fromMs + frameMs; atMs <= endMs; atMs += frameMs) {
      const windows = known.map(({ run }) => run.window(atMs, bars + 1));
      covariance.roll(windows.map((w) => w[bars]!), windows.map((w) => w[0]!));
    }
    return { key, endMs, bars, slides: true, covariance };
  }

  #sum(known: readonly Known[], endMs: number, bars: number): RollingCovariance {
    const windows = known.map(({ run }) => run.window(endMs, bars));
    return new RollingCovariance(windows, this.rules.var.halfLifeBars);
  }

  #measure(
    ticker: Ticker,
    book: {
      readonly known: readonly Known[];
      readonly usd: readonly number[];
      readonly endMs: number;
      readonly bars: number;
      readonly covariance: RollingCovariance;
      readonly variance: number;
    },
    nowMs: number,
  ): Pick<SymbolTail, "bars" | "measured"> {
    const run = this.#freshRun(ticker, this.rules.var.frameMs, nowMs);
    if (run === null) return { bars: 0, measured: null };
    const perDay = this.#barsPerDay(this.rules.var.frameMs);
    const at = book.known.findIndex((known) => known.ticker === ticker);
    let [variance, covariance] = [0, 0];
    let { bars } = book;
    if (at >= 0) {
      variance = book.covariance.at(at, at);
      for (let j = 0; j < book.usd.length; j++) {
        covariance += book.usd[j]! * book.covariance.at(at, j);
      }
    } else {
      const endMs = Math.min(book.endMs, run.lastCloseMs!);
      bars = Math.min(this.rules.var.returnsCount, run.lengthAt(endMs));
      for (const known of book.known) bars = Math.min(bars, known.run.lengthAt(endMs));
      const own = this.#deviationsOf({ ticker, run }, endMs, bars);
      variance = dot(own, own);
      for (let j = 0; j < book.usd.length; j++) {
        covariance += book.usd[j]! * dot(own, this.#deviationsOf(book.known[j]!, endMs, bars));
      }
    }
    variance *= perDay;
    // Two windows of different length may disagree about more than is possible.
    const most = Math.sqrt(book.variance * variance);
    const bookCovariance = Math.min(most, Math.max(-most, covariance * perDay));
    return { bars, measured: { variance, bookCovariance } };
  }

  #deviationsOf({ ticker, run }: Known, endMs: number, bars: number): Float64Array {
    const key = `${endMs}|${bars}`;
    const known = this.#deviations.get(ticker);
    if (known?.key === key) return known.values;
    const values = deviations(run.window(endMs, bars), 0, this.#weightsOf(bars));
    this.#deviations.set(ticker, { key, values });
    return values;
  }

  #weightsOf(bars: number): Float64Array {
    let weights = this.#weights.get(bars);
    if (weights === undefined) {
      this.#weights.set(bars, weights = ewmaWeights(bars, this.rules.var.halfLifeBars));
    }
    return weights;
  }

  #shortfall(ticker: Ticker, nowMs: number): SymbolTail["shortfall"] {
    const { frameMs, returnsCount, confidence } = this.rules.cvar;
    const run = this.#freshRun(ticker, frameMs, nowMs);
    if (run === null) return null;
    const closedMs = run.lastCloseMs!;
    const known = this.#shortfalls.get(ticker);
    if (known?.closedMs === closedMs) return known.value;
    const logs = run.window(closedMs, Math.min(returnsCount, run.length));
    const day = Math.sqrt(this.#barsPerDay(frameMs));
    const side = (returns: Float64Array, sign: 1 | -1) => {
      const bar = historicalShortfall(returns, { from: 0, sign, confidence });
      return bar === null ? null : { var: bar.var * day, shortfall: bar.shortfall * day };
    };
    // Of a fall the log return says more than is lost, of a rise less: each side takes the worse.
    const [long, short] = [side(logs, 1), side(logs.map(Math.expm1), -1)];
    const value = long === null || short === null ? null : { long, short };
    this.#shortfalls.set(ticker, { closedMs, value });
    return value;
  }

  #barsPerDay(frameMs: number): number {
    return MS_PER_DAY / this.#returns.frameFor(frameMs);
  }
}
