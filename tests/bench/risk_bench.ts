/**
 * Speed of the gate with value at risk and shortfall on, for a small and a large book, and of the
 * covariance behind them. The figures are printed beside those of a gate in Python and NumPy that
 * holds everything in memory as well.
 */
import { History } from "../../core/history.ts";
import { RollingCovariance } from "../../core/risk/covariance.ts";
import { CHECK_IDS, vet } from "../../core/risk/mod.ts";
import { Tails } from "../../core/risk/tails.ts";
import type { Entry, Ticker } from "../../core/types.ts";
import { type Exposure, exposuresOf, netUsdOf } from "../../core/world.ts";
import { dice, entry, T0 } from "../fixtures.ts";
import { candles } from "../fixtures_run.ts";
import { limits, world } from "../fixtures_risk.ts";
import { say } from "../lanes.ts";

const HOUR = 3_600_000;
const BARS = 600;
const BOOKS = [6, 50] as const;
/** Calls a second of the gate in Python, everything in memory, both tails on. */
const PYTHON_PER_S = { 6: 500, 50: 245 } as const;
const MEASURE_MS = 1_000;
const COVARIANCE = { symbols: 50, bars: 500, halfLifeBars: 100 };

const RULES = limits({
  global: { trade_equity_nav_pct: 0.04, max_concurrent_positions: 60, whitelist: symbolsOf() },
  strategyLegs: { s1: 90, other: 90 },
  groups: { groups: { every: { symbols: symbolsOf(), max_group_nav_pct: 1 } } },
});

function symbolsOf(): string[] {
  return Array.from({ length: 51 }, (_, i) => `S${i}USDT`);
}

/** A book of `size` legs with the history of every symbol, and an entry that it lets through. */
function bookOf(size: number) {
  const tickers = symbolsOf() as Ticker[];
  const history = new History(HOUR, []);
  for (const [i, ticker] of tickers.entries()) {
    for (const candle of candles(walk(i), { startMs: T0 - BARS * HOUR, frameMs: HOUR })) {
      history.append(ticker, candle);
    }
  }
  const book = tickers.slice(0, size).map((ticker, i): Exposure => ({
    ticker,
    side: i % 3 === 0 ? "SHORT" : "LONG",
    tier: "CORE",
    usd: 50,
    qty: 1,
    atMark: true,
    strategyId: "other",
  }));
  const sums = exposuresOf(book, RULES);
  const tails = new Tails(history, RULES.tail);
  const around = world({ ...sums, tail: tails.view(netUsdOf(sums.legs), T0) });
  const passing = entry({ ticker: tickers[50]!, grossUsd: 300 });
  const failing: Entry = { ...passing, grossUsd: 5_000 };
  const later = () => tails.view(netUsdOf(sums.legs), T0);
  return { around, passing, failing, later };
}

function walk(seed: number): number[] {
  const roll = dice(seed);
  let px = 100;
  return Array.from({ length: BARS }, () => px *= Math.exp(0.02 * (roll() - 0.5)));
}

let judged = 0;

/** Calls a second, over about a second; results are counted so that no call may be left out. */
function perSecond(call: () => number): number {
  const untilMs = performance.now() + MEASURE_MS;
  const fromMs = performance.now();
  let calls = 0;
  while (performance.now() < untilMs) {
    for (let i = 0; i < 256; i++) judged += call();
    calls += 256;
  }
  return calls / ((performance.now() - fromMs) / 1_000);
}

const whole = (value: number) => Math.round(value).toLocaleString("en-US");

say(`${CHECK_IDS.length} checks a verdict, value at risk and expected shortfall on`);
for (const size of BOOKS) {
  const { around, passing, failing } = bookOf(size);
  const passes = () => vet(passing, around, RULES).kind === "approved" ? 1 : 0;
  const fails = () => vet(failing, around, RULES).kind === "vetoed" ? 1 : 0;
  if (passes() !== 1 || fails() !== 1) throw new Error("the bench wants a pass and a veto");
  // Both paths are compiled before either is measured.
  perSecond(passes);
  perSecond(fails);
  const [yes, no] = [perSecond(passes), perSecond(fails)];
  const ratio = yes / PYTHON_PER_S[size];
  say(
    `${size} positions: ${whole(yes)} approvals/s (${whole(ratio)} x ${PYTHON_PER_S[size]}/s in ` +
      `Python), ${whole(no)} vetoes/s with room (${(yes / no).toFixed(2)} times an approval)`,
  );
  const group = `gate, ${size} positions`;
  Deno.bench("a verdict that approves", { group, baseline: true }, () => {
    judged += passes();
  });
  Deno.bench("a verdict that refuses, with the room it leaves", { group }, () => {
    judged += fails();
  });
}

const { symbols, bars, halfLifeBars } = COVARIANCE;
const returns = Array.from({ length: symbols }, (_, i) => {
  const list = walk(i + 100).slice(0, bars + 1);
  return Float64Array.from(list.slice(1), (px, t) => Math.log(px / list[t]!));
});
const sliding = new RollingCovariance(returns, halfLifeBars);
const [newest, oldest] = [returns.map((r) => r[bars - 1]!), returns.map((r) => r[0]!)];
const group = `covariance, ${symbols} symbols x ${bars} bars`;

Deno.bench("summed anew", { group, baseline: true }, () => {
  judged += new RollingCovariance(returns, halfLifeBars).at(0, 1) > 0 ? 1 : 0;
});
Deno.bench("slid by one bar", { group }, () => {
  sliding.roll(newest, oldest);
  judged += sliding.at(0, 1) > 0 ? 1 : 0;
});
for (const size of BOOKS) {
  const { later } = bookOf(size);
  Deno.bench(`tails of a changed book of ${size}, and of a candidate`, { group: "view" }, () => {
    judged += later().of("S50USDT" as Ticker).bars;
  });
}
