/** What a strategy is: a pure question about closed candles, asked once per candle. */
import type { Series } from "../history.ts";
import type { Levels, Side } from "../types.ts";

/** Why a signal did not become an intent before risk was asked. */
export const SCREEN_REASONS = [
  "counter_trend",
  "short_disabled",
  "no_levels",
  "market_data",
  "nav_unknown",
  "dd_regime_critical",
  "dedupe",
] as const;
export type ScreenReason = (typeof SCREEN_REASONS)[number];

export type StrategyInput = {
  /** Closed candles of the strategy's timeframe, oldest first. */
  readonly bars: Series;
  /** Closed candles of the higher timeframe, if the strategy asked for one. */
  readonly higher: Series | null;
  /** The price an entry would be made at. */
  readonly px: number;
};

export type Figures = Readonly<Record<string, number | string | null>>;

export type Opinion =
  | { readonly kind: "none" }
  | {
    readonly kind: "signal";
    readonly side: Side;
    /** Share of NAV the trade is meant to be worth, before the state of risk shrinks it. */
    readonly sizeFrac: number;
    readonly levels: Levels;
    /** The figures it was taken from. */
    readonly observations: Figures;
  }
  | {
    readonly kind: "refused";
    readonly side: Side;
    readonly reason: ScreenReason;
    /** What would have been allowed, and what was seen. */
    readonly thresholds: Figures;
    readonly observations: Figures;
  };

export const NO_OPINION: Opinion = { kind: "none" };

export type Strategy = {
  readonly id: string;
  readonly kind: string;
  /** Exchange symbols, or "*" for every symbol of the universe that no sibling of its kind names. */
  readonly symbols: readonly string[] | "*";
  readonly timeframeMs: number;
  readonly higherMs: number | null;
  /** Most legs it may hold at once. */
  readonly maxConcurrent: number;
  /** May add to a leg that is open on the same side. */
  readonly allowAdd: boolean;
  /** Null: the universe's target leverage. */
  readonly leverage: number | null;
  /** Candles it needs before it can say anything. */
  readonly minBars: number;
  readonly evaluate: (input: StrategyInput) => Opinion;
};
