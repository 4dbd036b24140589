/**
 * A market that never was: minute candles for the shipped symbols from one seed. Returns share a
 * common factor, volatility switches between regimes, drift persists for hours, jumps happen. Made
 * minute by minute; the state at a day's start can be stored, so a restart need not begin at zero.
 */
import { marketOf } from "../router/normalize.ts";
import type { Candle, Market, Ticker } from "../types.ts";
import { MS_PER_DAY, MS_PER_MINUTE } from "../units.ts";
import { chance, label, normal } from "./chance.ts";
import type { Feed } from "./feed.ts";
import { knownFilters, SIM_MAX_LEVERAGE } from "./markets.ts";

/** The first simulated instant; a constant, so that the same seed plays the same days. */
export const SYNTHETIC_START_MS = Date.UTC(2026, 0, 1);
const MINUTES_PER_DAY = MS_PER_DAY / MS_PER_MINUTE;

type Model = {
  readonly ticker: Ticker;
  readonly startPx: number;
  /** Response to the common factor. */
  readonly beta: number;
  /** Own volatility of a day. */
  readonly ownDailyVol: number;
  /** Value traded on an average day. */
  readonly dailyVolumeUsd: number;
};

const model = (
  ticker: string,
  startPx: number,
  beta: number,
  ownDailyVol: number,
  dailyVolumeUsd: number,
): Model => ({ ticker: ticker as Ticker, startPx, beta, ownDailyVol, dailyVolumeUsd });

const MODELS: readonly Model[] = [
  model("BTCUSDT", 91_000, 1, 0.008, 14e9),
  model("ETHUSDT", 3_100, 1.25, 0.014, 11e9),
  model("SOLUSDT", 138, 1.5, 0.022, 4e9),
  model("DOGEUSDT", 0.156, 1.6, 0.028, 1.2e9),
  model("LINKUSDT", 13.3, 1.4, 0.022, 0.5e9),
  model("LTCUSDT", 84, 1.1, 0.02, 0.4e9),
  model("SUIUSDT", 1.61, 1.7, 0.032, 0.7e9),
  model("WIFUSDT", 0.39, 1.8, 0.042, 0.25e9),
];

const FACTOR_DAILY_VOL = 0.022;
/** Multiples of the base volatility in calm, normal and wild regimes, and the chance to leave one. */
const REGIME_VOL = [0.6, 1, 2.2] as const;
const REGIME_SWITCH_CHANCE = 1 / 720;
const DRIFT_DECAY = 1 - 1 / 240;
const DRIFT_SHARE = 0.004;
const FACTOR_JUMP_CHANCE = 1 / (2 * MINUTES_PER_DAY);
const OWN_JUMP_CHANCE = 1 / (4 * MINUTES_PER_DAY);
const JUMP_VOLS = 25;
const PULL_TO_START = 1e-5;

/** The generator between two minutes. */
export type SyntheticState = {
  readonly minute: number;
  readonly regime: number;
  readonly factorDrift: number;
  readonly drifts: readonly number[];
  readonly prices: readonly number[];
};

/** Minute candles without end. */
export class SyntheticFeed implements Feed {
  readonly id: string;
  readonly baseMs = MS_PER_MINUTE;
  readonly tickers: readonly Ticker[] = MODELS.map(({ ticker }) => ticker);
  readonly startMs: number;
  readonly endMs = null;
  readonly #seed: number;
  readonly #markets: ReadonlyMap<Ticker, Market>;
  readonly #candles: Candle[][] = MODELS.map(() => []);
  readonly #keepMinutes: number;
  readonly #anchors: SyntheticState[];
  #firstMinute: number;
  #state: SyntheticState;

  /** `anchors`: stored states to begin from; the newest one that leaves enough history is taken. */
  constructor(
    { seed, historyDays, anchors, nowMs }: {
      seed: number;
      historyDays: number;
      anchors: readonly SyntheticState[];
      nowMs: number | null;
    },
  ) {
    this.#seed = seed;
    this.id = `synthetic:${seed}`;
    this.startMs = SYNTHETIC_START_MS;
    this.#keepMinutes = (historyDays + 1) * MINUTES_PER_DAY;
    this.#markets = new Map(MODELS.map(({ ticker }) => {
      const filters = knownFilters(ticker)!;
      return [ticker, marketOf(filters, { ticker, maxLeverage: SIM_MAX_LEVERAGE })];
    }));
    const startMinute = SYNTHETIC_START_MS / MS_PER_MINUTE - historyDays * MINUTES_PER_DAY;
    const genesis: SyntheticState = {
      minute: startMinute,
      regime: 1,
      factorDrift: 0,
      drifts: MODELS.map(() => 0),
      prices: MODELS.map(({ startPx }) => startPx),
    };
    const wanted = nowMs === null
      ? startMinute
      : Math.floor(nowMs / MS_PER_MINUTE) - historyDays * MINUTES_PER_DAY;
    this.#anchors = anchors.length > 0 ? [...anchors] : [genesis];
    this.#state = this.#anchors.findLast(({ minute }) => minute <= wanted) ?? this.#anchors[0]!;
    this.#firstMinute = this.#state.minute;
  }

  /** States at the starts of the days that are still needed. */
  get anchors(): readonly SyntheticState[] {
    const oldest = this.#state.minute - this.#keepMinutes - MINUTES_PER_DAY;
    return this.#anchors.filter(({ minute }) => minute >= oldest);
  }

  market(ticker: Ticker): Market | null {
    return this.#markets.get(ticker) ?? null;
  }

  candleAt(ticker: Ticker, ms: number): Candle | null {
    const at = this.tickers.indexOf(ticker);
    if (at < 0) return null;
    const minute = Math.floor(ms / MS_PER_MINUTE);
    this.#makeUntil(minute);
    return this.#candles[at]![minute - this.#firstMinute] ?? null;
  }

  closed(ticker: Ticker, fromMs: number, toMs: number): readonly Candle[] {
    const at = this.tickers.indexOf(ticker);
    if (at < 0) return [];
    const last = Math.floor(toMs / MS_PER_MINUTE) - 1;
    this.#makeUntil(last);
    const first = Math.max(0, Math.floor(fromMs / MS_PER_MINUTE) - this.#firstMinute);
    return this.#candles[at]!.slice(first, last - this.#firstMinute + 1);
  }

  #makeUntil(minute: number): void {
    while (this.#state.minute <= minute) this.#makeMinute();
    const length = this.#candles[0]!.length;
    if (length < 2 * this.#keepMinutes) return;
    const drop = length - this.#keepMinutes;
    for (const candles of this.#candles) candles.splice(0, drop);
    this.#firstMinute += drop;
  }

  #makeMinute(): void {
    const seed = this.#seed;
    const { minute, prices, drifts } = this.#state;
    const regime = this.#nextRegime(minute);
    const scale = REGIME_VOL[regime]! / Math.sqrt(MINUTES_PER_DAY);
    const factorVol = FACTOR_DAILY_VOL * scale;
    const factorDrift = this.#state.factorDrift * DRIFT_DECAY +
      DRIFT_SHARE * factorVol * normal(seed, minute, 11);
    const jump = chance(seed, minute, 12) < FACTOR_JUMP_CHANCE
      ? JUMP_VOLS * factorVol * normal(seed, minute, 13)
      : 0;
    const factor = factorDrift + factorVol * normal(seed, minute, 14) + jump;
    const nextPrices: number[] = [];
    const nextDrifts: number[] = [];
    MODELS.forEach((one, i) => {
      const name = label(one.ticker);
      const ownVol = one.ownDailyVol * scale;
      const drift = drifts[i]! * DRIFT_DECAY +
        DRIFT_SHARE * ownVol * normal(seed, minute, name, 21);
      const ownJump = chance(seed, minute, name, 22) < OWN_JUMP_CHANCE
        ? JUMP_VOLS * ownVol * normal(seed, minute, name, 23)
        : 0;
      const open = prices[i]!;
      const pull = PULL_TO_START * Math.log(one.startPx / open);
      const step = one.beta * factor + drift + ownJump + pull +
        ownVol * normal(seed, minute, name, 24);
      const close = open * Math.exp(step);
      const vol = Math.hypot(one.beta * factorVol, ownVol);
      this.#candles[i]!.push(this.#candle(one, { minute, open, close, vol, name }));
      nextPrices.push(close);
      nextDrifts.push(drift);
    });
    const next = minute + 1;
    this.#state = { minute: next, regime, factorDrift, drifts: nextDrifts, prices: nextPrices };
    const newest = this.#anchors.at(-1)!.minute;
    if (next % MINUTES_PER_DAY === 0 && next > newest) this.#anchors.push(this.#state);
  }

  #nextRegime(minute: number): number {
    if (chance(this.#seed, minute, 31) >= REGIME_SWITCH_CHANCE) return this.#state.regime;
    return Math.floor(chance(this.#seed, minute, 32) * REGIME_VOL.length);
  }

  #candle(
    { dailyVolumeUsd }: Model,
    { minute, open, close, vol, name }: {
      minute: number;
      open: number;
      close: number;
      vol: number;
      name: number;
    },
  ): Candle {
    const reach = (at: number) => Math.abs(normal(this.#seed, minute, name, at)) * vol * 0.6;
    const high = Math.max(open, close) * Math.exp(reach(41));
    const low = Math.min(open, close) * Math.exp(-reach(42));
    const busy = Math.exp(0.5 * normal(this.#seed, minute, name, 43)) *
      (1 + Math.min(6, Math.abs(Math.log(close / open)) / vol));
    const volume = (dailyVolumeUsd / MINUTES_PER_DAY) * 0.5 * busy / open;
    return { openMs: minute * MS_PER_MINUTE, open, high, low, close, volume };
  }
}
