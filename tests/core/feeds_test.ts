/** Candles from files and from a seed, and the path of a price inside one. */
import assert from "node:assert/strict";
import type { Candle, Ticker } from "../../core/types.ts";
import { chance, label, normal } from "../../core/venues/chance.ts";
import { Paths } from "../../core/venues/feed.ts";
import {
  CandleFeed,
  type CandleTable,
  commonBase,
  filtersOf,
  parseCandles,
} from "../../core/venues/feed_candles.ts";
import { SYNTHETIC_START_MS, SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { BTC, ETH, T0 } from "../fixtures.ts";
import { candles } from "../fixtures_run.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const HEADER = "timestamp,open,high,low,close,volume";

function tableOf(list: readonly Candle[], ticker = BTC): CandleTable {
  const rows = list.map(({ openMs, open, high, low, close, volume }) =>
    [openMs, open, high, low, close, volume].join(",")
  );
  const parsed = parseCandles("x.csv", ticker, [HEADER, ...rows, ""].join("\n"));
  assert.ok(parsed.kind === "table", JSON.stringify(parsed));
  return parsed.table;
}

function feedOf(tables: readonly CandleTable[], baseMs = HOUR): CandleFeed {
  return new CandleFeed(tables, { baseMs, fromMs: null, toMs: null });
}

function problems(...lines: readonly string[]): readonly string[] {
  const parsed = parseCandles("BTCUSDT.csv", BTC, lines.join("\n"));
  return parsed.kind === "problems" ? parsed.problems : [];
}

const good = (openMs: number, rest = "100,110,90,105,5") => `${openMs},${rest}`;

Deno.test("a candle file is read whatever the order of its columns and the end of its lines", () => {
  const text = `volume,close,timestamp,open,low,high\r\n5,105,${T0},100.50,90,110.25\r\n`;
  const parsed = parseCandles("x.csv", BTC, text);
  assert.ok(parsed.kind === "table");
  const { table } = parsed;
  assert.deepEqual([table.open[0], table.high[0], table.low[0], table.close[0], table.volume[0]], [
    100.5,
    110.25,
    90,
    105,
    5,
  ]);
  assert.deepEqual([table.priceDecimals, table.volumeDecimals], [2, 0]);
});

Deno.test("every bad row is named by file and line, with what was expected", () => {
  const at = (rest: string) => problems(HEADER, good(T0), good(T0 + HOUR, rest));
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [problems("time,open,high,low,close,volume", good(T0)), /^BTCUSDT.csv:1: expected the header/],
    [problems(""), /:1: expected the header/],
    [problems(HEADER), /:1: expected at least one candle/],
    [at("100,110,90,105"), /^BTCUSDT.csv:3: expected 6 columns, got 5$/],
    [at("x,110,90,105,5"), /:3: open: expected a number, got "x"$/],
    [at(",110,90,105,5"), /:3: open: expected a number, got ""$/],
    [at("100,NaN,90,105,5"), /:3: high: expected a number/],
    [at("100,Infinity,90,105,5"), /:3: high: expected a number/],
    [at("100,104,90,105,5"), /:3: expected low <= open, close <= high/],
    [at("100,110,101,105,5"), /:3: expected low <= open/],
    [at("100,110,0,105,5"), /:3: low: expected a price above 0, got 0$/],
    [at("100,110,90,105,-1"), /:3: volume: expected 0 or more, got -1$/],
    [problems(HEADER, good(T0), good(T0)), /:3: timestamp: expected one after/],
    [problems(HEADER, good(T0 / 1_000)), /:2: timestamp: .*looks like seconds$/],
    [problems(HEADER, good(T0 + 0.5)), /:2: timestamp: expected Unix milliseconds/],
  ];
  for (const [found, says] of cases) assert.match(found.join("\n"), says);
  assert.equal(problems(HEADER, ...Array.from({ length: 20 }, () => "bad")).length, 5);
});

Deno.test("tables share one candle length, on its grid", () => {
  const hours = tableOf(candles([1, 2, 3]));
  assert.deepEqual(commonBase([hours]), { baseMs: HOUR });
  const gappy = tableOf(candles([1, 2, 3, 4]).filter((_, i) => i !== 1), ETH);
  assert.deepEqual(commonBase([hours, gappy]), { baseMs: HOUR });
  const minutes = tableOf(candles([1, 2, 3], { frameMs: MINUTE }), ETH);
  const mixed = commonBase([hours, minutes, hours]);
  assert.match(
    "problem" in mixed ? mixed.problem : "",
    /ETHUSDT: expected 1h candles as most files here have, got 1m/,
  );
  const off = commonBase([tableOf(candles([1, 2, 3], { startMs: T0 + 1 }))]);
  assert.match(
    "problem" in off ? off.problem : "",
    /line 2: expected a timestamp on the grid of 1h/,
  );
  const one = commonBase([tableOf(candles([1]))]);
  assert.match("problem" in one ? one.problem : "", /at least two candles/);
});

Deno.test("a feed gives the candles that closed after one instant and up to another", () => {
  const list = candles([1, 2, 3, 4, 5]).filter((_, i) => i !== 2);
  const feed = feedOf([tableOf(list)]);
  const opens = (fromMs: number, toMs: number) =>
    feed.closed(BTC, fromMs, toMs).map(({ openMs }) => (openMs - T0) / HOUR);
  assert.deepEqual(opens(-Infinity, Infinity), [0, 1, 3, 4]);
  assert.deepEqual(opens(T0 + HOUR, T0 + 2 * HOUR), [1]);
  assert.deepEqual(opens(T0 + HOUR - 1, T0 + 2 * HOUR - 1), [0]);
  assert.deepEqual(opens(T0 + 2 * HOUR, T0 + 4 * HOUR), [3]);
  assert.equal(feed.candleAt(BTC, T0 + 2 * HOUR), null, "a gap has no candle");
  assert.equal(feed.candleAt(BTC, T0 + HOUR)?.close, 2);
  assert.equal(feed.candleAt(BTC, T0 - 1), null);
  assert.equal(feed.candleAt(BTC, T0 + 5 * HOUR), null);
  assert.deepEqual([feed.startMs, feed.endMs], [T0, T0 + 5 * HOUR]);
  assert.deepEqual(feed.closed(ETH, -Infinity, Infinity), []);
});

Deno.test("filters of an unknown symbol come from the decimals of its candles", () => {
  const table = tableOf([{
    openMs: T0,
    open: 1.25,
    high: 1.3,
    low: 1.2,
    close: 1.225,
    volume: 7.5,
  }], "NEWUSDT" as Ticker);
  const { tick, step, minNotional } = filtersOf(table);
  assert.deepEqual([tick, step, minNotional], ["0.001", "0.1", "5"]);
  assert.equal(filtersOf({ ...table, priceDecimals: 0 }).tick, "1");
  assert.equal(filtersOf({ ...table, ticker: BTC }).tick, "0.10");
});

Deno.test("a path visits open, both extremes and close, at thirds, and nothing beyond", () => {
  const candle = { openMs: T0, open: 100, high: 112, low: 91, close: 105, volume: 5 };
  const orders = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const paths = new Paths(feedOf([tableOf([candle])]), seed);
    const at = (part: number) => paths.pxAt(BTC, T0 + part * HOUR)!;
    const points = [at(0), at(1 / 3), at(2 / 3), at(1)];
    assert.deepEqual([points[0], points[3]], [100, 105]);
    assert.deepEqual(points.slice(1, 3).toSorted((a, b) => a - b), [91, 112]);
    orders.add(String(points[1]));
    assert.ok(Math.abs(at(1 / 6) - (points[0]! + points[1]!) / 2) < 1e-9, "straight in between");
    for (let part = 0; part <= 1; part += 0.01) assert.ok(at(part) >= 91 && at(part) <= 112);
  }
  assert.equal(orders.size, 2, "the seed picks which extreme comes first");
});

Deno.test("the pieces of a path cover it without a hole, and stop at gaps", () => {
  const list = candles([100, 102, 99, 104], { reach: 1 }).filter((_, i) => i !== 2);
  const paths = new Paths(feedOf([tableOf(list)]), 3);
  const [fromMs, toMs] = [T0 + 0.2 * HOUR, T0 + 3.7 * HOUR];
  const pieces = [...paths.segments(BTC, fromMs, toMs)];
  assert.deepEqual([pieces[0]!.fromMs, pieces.at(-1)!.toMs], [fromMs, toMs]);
  let covered = 0;
  pieces.forEach((piece, i) => {
    assert.equal(piece.fromPx, paths.pxAt(BTC, piece.fromMs));
    covered += piece.toMs - piece.fromMs;
    if (i > 0) assert.ok(piece.fromMs >= pieces[i - 1]!.toMs);
  });
  assert.equal(covered, toMs - fromMs - HOUR);
  assert.equal(paths.pxAt(BTC, T0 + 2.5 * HOUR), null);
  assert.equal(paths.pxAt(BTC, T0 + 2 * HOUR), 102, "a close still counts at its very end");
});

Deno.test("chance is a pure function of its labels, and spread evenly", () => {
  const draws = Array.from({ length: 20_000 }, (_, i) => chance(7, i, 3));
  assert.deepEqual(draws.slice(0, 5), Array.from({ length: 5 }, (_, i) => chance(7, i, 3)));
  assert.ok(draws.every((draw) => draw >= 0 && draw < 1));
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = draws.filter((draw) => Math.floor(draw * 10) === tenth).length / draws.length;
    assert.ok(Math.abs(share - 0.1) < 0.01, `${tenth}: ${share}`);
  }
  assert.notEqual(chance(7, T0), chance(7, T0 + 2 ** 32), "labels beyond 32 bits count");
  const normals = draws.map((_, i) => normal(7, i));
  const mean = normals.reduce((a, b) => a + b) / normals.length;
  const variance = normals.reduce((sum, x) => sum + (x - mean) ** 2, 0) / normals.length;
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.05);
  assert.notEqual(label("BTCUSDT"), label("ETHUSDT"));
});

const synthetic = (
  seed: number,
  anchors: ConstructorParameters<typeof SyntheticFeed>[0]["anchors"] = [],
  nowMs: number | null = null,
) => new SyntheticFeed({ seed, historyDays: 2, anchors, nowMs });

Deno.test("the same seed makes the same market, another seed another", () => {
  const untilMs = SYNTHETIC_START_MS + HOUR;
  const [one, again, other] = [synthetic(1), synthetic(1), synthetic(2)];
  again.candleAt(ETH, SYNTHETIC_START_MS + 5 * HOUR);
  for (const ticker of one.tickers) {
    const list = one.closed(ticker, SYNTHETIC_START_MS - HOUR, untilMs);
    assert.equal(list.length, 120);
    assert.deepEqual(again.closed(ticker, SYNTHETIC_START_MS - HOUR, untilMs), list);
    assert.notDeepEqual(other.closed(ticker, SYNTHETIC_START_MS - HOUR, untilMs), list);
    for (const { open, high, low, close, volume } of list) {
      assert.ok(
        low > 0 && low <= Math.min(open, close) && high >= Math.max(open, close) && volume > 0,
      );
    }
  }
});

Deno.test("a market that is taken up at a stored day goes on as if nothing had happened", () => {
  const first = synthetic(5);
  const lateMs = SYNTHETIC_START_MS + 3 * 24 * HOUR + 17 * MINUTE;
  const wanted = first.closed(BTC, lateMs - HOUR, lateMs);
  const again = synthetic(5, first.anchors, lateMs);
  assert.deepEqual(again.closed(BTC, lateMs - HOUR, lateMs), wanted);
  assert.deepEqual(JSON.parse(JSON.stringify(first.anchors)), first.anchors);
});
