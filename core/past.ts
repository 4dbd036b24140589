/**
 * What the engine knows of the past: closed candles, and what is worked out from them once per bar.
 * The one mutable thing the core owns: the shell appends candles before a decision, and inside a
 * decision it is read-only. Everything in it is a function of the candles and the rules.
 */
import { History } from "./history.ts";
import { MarketRegimes } from "./regimes.ts";
import { Tails } from "./risk/tails.ts";
import type { Rules } from "./rules.ts";
import type { Candle, Ticker } from "./types.ts";

export class Past {
  readonly history: History;
  readonly tails: Tails;
  readonly regimes: MarketRegimes;
  /** True ranges on the finest timeframe that is traded: what quotes are placed by. */
  readonly ranges: MarketRegimes;

  constructor(
    { baseMs, framesMs, rules }: {
      baseMs: number;
      /** Timeframes the strategies want. */
      framesMs: readonly number[];
      rules: Pick<Rules, "limits">;
    },
  ) {
    const { tail } = rules.limits;
    const risk = [tail.var.frameMs, tail.cvar.frameMs];
    this.history = new History(baseMs, [...framesMs, ...risk]);
    this.tails = new Tails(this.history, tail);
    this.regimes = new MarketRegimes(this.history, tail.var.frameMs);
    const finestMs = framesMs.length === 0 ? tail.var.frameMs : Math.min(...framesMs);
    this.ranges = new MarketRegimes(this.history, Math.max(baseMs, finestMs));
  }

  append(ticker: Ticker, candle: Candle): void {
    this.history.append(ticker, candle);
  }
}
