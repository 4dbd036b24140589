/** Tails of a book: returns that stay in step, a covariance that slides, shortfall of both sides. */
import assert from "node:assert/strict";
import { History } from "../../core/history.ts";
import { RiskAdvanced, tailRules } from "../../core/risk/advanced.ts";
import { RollingCovariance } from "../../core/risk/covariance.ts";
import { Returns } from "../../core/risk/returns.ts";
import { Tails, type TailView } from "../../core/risk/tails.ts";
import type { Candle, Dict, Ticker } from "../../core/types.ts";
import { BTC, dice, ETH, T0 } from "../fixtures.ts";
import { candles } from "../fixtures_run.ts";

const HOUR = 3_600_000;
const DAY_BARS = 24;
const DOGE = "DOGEUSDT" as Ticker;

type Keys = { readonly [key: string]: unknown };

function rulesOf({ var: value = {}, cvar = {}, ...rest }: {
  var?: Keys;
  cvar?: Keys;
  on_short_history?: string;
} = {}) {
  return tailRules(RiskAdvanced.parse({
    ...rest,
    var: { max_portfolio_var_nav_pct: 0.1, ...value },
    cvar: { max_position_cvar_nav_pct: 0.1, ...cvar },
  }));
}

/** Closes that wander by about one per cent an hour. */
function walk(seed: number, bars: number): number[] {
  const roll = dice(seed);
  let px = 100;
  return Array.from({ length: bars }, () => px *= Math.exp(0.02 * (roll() - 0.5)));
}

/** Hourly candles whose last one closes at `endMs`. */
function hourly(closes: readonly number[], endMs = T0): Candle[] {
  return candles(closes, { startMs: endMs - closes.length * HOUR, frameMs: HOUR });
}

function historyOf(series: Dict<readonly Candle[]>, framesMs: readonly number[] = []): History {
  const history = new History(HOUR, framesMs);
  for (const [ticker, list] of Object.entries(series)) {
    for (const candle of list) history.append(ticker as Ticker, candle);
  }
  return history;
}

const close = (actual: number, expected: number, rel = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= rel * Math.abs(expected), `${actual} ~ ${expected}`);
const logs = (list: readonly number[]) => list.slice(1).map((px, i) => Math.log(px / list[i]!));

/** Everything of a view that a decision may depend on. */
function figures(view: TailView, tickers: readonly Ticker[]) {
  const { variance, floorUsd, symbolsCount, shortCount, bars } = view;
  return { variance, floorUsd, symbolsCount, shortCount, bars, of: tickers.map(view.of) };
}

Deno.test("a covariance that slides by a bar is the one that is summed anew", () => {
  const [length, bars] = [100, 160];
  const all = [1, 2, 3].map((seed) => logs(walk(seed, bars + 1)));
  const rolling = new RollingCovariance(all.map((list) => list.slice(0, length)), 30);
  const before = rolling.clone();
  for (let end = length; end < bars; end++) {
    rolling.roll(all.map((list) => list[end]!), all.map((list) => list[end - length]!));
    const fresh = new RollingCovariance(
      all.map((list) => list.slice(end + 1 - length, end + 1)),
      30,
    );
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) close(rolling.at(i, j), fresh.at(i, j), 1e-8);
    }
  }
  close(
    before.at(0, 1),
    new RollingCovariance(all.map((list) => list.slice(0, length)), 30).at(0, 1),
  );
});

Deno.test("a gap in the candles ends a run of returns", () => {
  const list = hourly(walk(4, 100));
  const history = historyOf({ [BTC]: list.filter((_candle, i) => i !== 60) });
  const run = new Returns(history).run(BTC, HOUR)!;
  assert.equal(run.length, 38, "what lies before the gap does not count");
  assert.equal(run.lengthAt(T0 - HOUR), 37);
  assert.equal(run.lengthAt(T0 + HOUR), 0, "nothing is known of later");
  assert.equal(run.lengthAt(T0 - 50 * HOUR), 0);
  const last = list.slice(-3).map((candle) => candle.close);
  assert.deepEqual([...run.window(T0, 2)], logs(last));
  assert.equal(new Returns(history).run(ETH, HOUR), null);
});

Deno.test("variance of a day is that of its bars, whatever their length", () => {
  const closes = walk(5, 700);
  const hours = new Tails(historyOf({ [BTC]: hourly(closes) }), rulesOf());
  const expected = new RollingCovariance([logs(closes).slice(-499)], 100).at(0, 0);
  const { variance, bars } = hours.view({ [BTC]: 1_000 }, T0);
  close(variance, 1_000 ** 2 * expected * DAY_BARS);
  assert.equal(bars, 499, "five hundred closes have one return fewer");
  const coarse = historyOf({ [BTC]: hourly(closes) }, [4 * HOUR]);
  const quarter = new Tails(coarse, rulesOf({ var: { timeframe: "4h" } })).view({ [BTC]: 1 }, T0);
  const fours = closes.filter((_px, i) => i % 4 === 3);
  close(quarter.variance, new RollingCovariance([logs(fours)], 100).at(0, 0) * 6);
});

Deno.test("how far back and how fast is forgotten changes what is measured", () => {
  const calm = walk(6, 400);
  const wild = walk(7, 100).map((px) => calm.at(-1)! * (px / 100) ** 5);
  const history = historyOf({ [BTC]: hourly([...calm, ...wild]) });
  const at = (keys: Keys) =>
    new Tails(history, rulesOf({ var: keys })).view({ [BTC]: 1 }, T0).variance;
  const fast = at({ halflife_bars: 10 });
  assert.ok(fast > 1.5 * at({ halflife_bars: 400 }));
  assert.ok(at({ lookback_bars: 90, halflife_bars: 400 }) > 2 * at({ halflife_bars: 400 }));
});

Deno.test("longs and shorts net, what cannot be measured never does", () => {
  const closes = walk(8, 600);
  const history = historyOf({
    [BTC]: hourly(closes),
    [ETH]: hourly(closes.map((px) => px * 7)),
    [DOGE]: hourly(walk(9, 30)),
  });
  const tails = new Tails(history, rulesOf());
  const netted = tails.view({ [BTC]: 1_000, [ETH]: -1_000 }, T0);
  assert.ok(Math.sqrt(netted.variance) < 1e-3, "one moves as the other");
  const alone = tails.view({ [BTC]: 1_000, [ETH]: 1_000 }, T0);
  close(alone.variance, tails.view({ [BTC]: 2_000 }, T0).variance, 1e-6);
  const young = tails.view({ [BTC]: 1_000, [DOGE]: -500 }, T0);
  assert.deepEqual([young.symbolsCount, young.shortCount, young.floorUsd], [2, 1, 40]);
  assert.equal(young.of(DOGE).measured, null);
  assert.equal(young.of(DOGE).shortfall, null);
  assert.deepEqual(tails.view({}, T0).variance, 0);
});

Deno.test("a candidate's covariance with the book is that of a book with it", () => {
  const history = historyOf({
    [BTC]: hourly(walk(10, 600)),
    [ETH]: hourly(walk(11, 600)),
    [DOGE]: hourly(walk(12, 600)),
  });
  const tails = new Tails(history, rulesOf());
  const book = { [BTC]: 3_000, [ETH]: -1_000 };
  const before = tails.view(book, T0);
  for (const [ticker, usd] of [[DOGE, 500], [DOGE, -500], [BTC, 700], [ETH, 900]] as const) {
    const { variance, bookCovariance } = before.of(ticker).measured!;
    const after = tails.view({ ...book, [ticker]: (book[ticker as never] ?? 0) + usd }, T0);
    close(after.variance, before.variance + 2 * usd * bookCovariance + usd ** 2 * variance, 1e-8);
  }
});

Deno.test("returns are in step by time, not by count", () => {
  const [btc, eth] = [walk(13, 600), walk(14, 600)];
  // The newest candle of one symbol has not come yet.
  const late = historyOf({
    [BTC]: hourly(btc),
    [ETH]: hourly(eth.slice(0, -1), T0 - HOUR),
  });
  const view = new Tails(late, rulesOf()).view({ [BTC]: 1, [ETH]: 1 }, T0);
  const both = [btc, eth].map((list) => logs(list.slice(0, -1)).slice(-499));
  const expected = new RollingCovariance(both, 100);
  close(
    view.variance,
    (expected.at(0, 0) + 2 * expected.at(0, 1) + expected.at(1, 1)) * DAY_BARS,
    1e-8,
  );
  const gone = historyOf({ [BTC]: hourly(btc), [ETH]: hourly(eth, T0 - 4 * HOUR) });
  const told = new Tails(gone, rulesOf()).view({ [BTC]: 1, [ETH]: 1 }, T0);
  assert.equal(told.shortCount, 1, "a symbol that has fallen silent tells nothing about now");
});

Deno.test("each side has its own shortfall, and takes the worse reading of a return", () => {
  const calm = walk(15, 500);
  const crash = [...calm.slice(0, 300), ...calm.slice(300).map((px) => px * 0.5)];
  const tails = new Tails(
    historyOf({ [BTC]: hourly(crash) }),
    rulesOf({ cvar: { confidence: 0.999 } }),
  );
  const { long, short } = tails.view({}, T0).of(BTC).shortfall!;
  const day = Math.sqrt(DAY_BARS);
  const returns = logs(crash).slice(-399);
  close(long.shortfall, -Math.min(...returns) * day);
  close(short.shortfall, Math.expm1(Math.max(...returns)) * day);
  assert.ok(long.shortfall > 10 * short.shortfall);
});

Deno.test("a restart reaches the same figures to the bit", () => {
  const bars = 900;
  const series = [BTC, ETH, DOGE].map((ticker, i) => [ticker, walk(20 + i, bars)] as const);
  const book = { [BTC]: 2_000, [ETH]: -700 };
  const tickers = [BTC, ETH, DOGE];
  const history = new History(HOUR, []);
  const running = new Tails(history, rulesOf());
  const lists = series.map(([ticker, closes]) => [ticker, hourly(closes)] as const);
  for (let i = 0; i < bars; i++) {
    for (const [ticker, list] of lists) history.append(ticker, list[i]!);
    const nowMs = lists[0]![1][i]!.openMs + HOUR;
    const seen = figures(running.view(book, nowMs), tickers);
    if (i % 97 !== 0 && i < bars - 3) continue;
    const anew = historyOf(
      Object.fromEntries(lists.map(([ticker, list]) => [ticker, list.slice(0, i + 1)])),
    );
    assert.deepEqual(
      figures(new Tails(anew, rulesOf()).view(book, nowMs), tickers),
      seen,
      `bar ${i}`,
    );
  }
  assert.ok(running.view(book, T0).bars === 499);
});
