/** Ticks and lots, units, statistics, indicators. */
import assert from "node:assert/strict";
import {
  ceilUnits,
  floorUnits,
  increment,
  lotsToUsd,
  unitsToNumber,
  unitsToText,
} from "../../core/increments.ts";
import { atr, ema, opposes, rsi, trend, zscore } from "../../core/indicators.ts";
import {
  ewmaVolatility,
  logReturns,
  mean,
  offer,
  populationStd,
  quantile,
} from "../../core/stats.ts";
import * as units from "../../core/units.ts";
import { dice } from "../fixtures.ts";

/** The same division in whole numbers only, over decimals as they are written. */
function exactUnits(value: string, step: string, up: boolean): bigint {
  const places = (text: string) => text.split(".")[1]?.length ?? 0;
  const scale = Math.max(places(value), places(step));
  const whole = (text: string) => {
    const [head, tail = ""] = text.replace("-", "").split(".");
    const digits = BigInt(head! + tail.padEnd(scale, "0"));
    return text.startsWith("-") ? -digits : digits;
  };
  const [top, bottom] = [whole(value), whole(step)];
  const quotient = top / bottom;
  const rest = top % bottom;
  if (rest === 0n) return quotient;
  return up ? quotient + (top > 0n ? 1n : 0n) : quotient - (top < 0n ? 1n : 0n);
}

Deno.test("floorUnits() and ceilUnits() agree with exact decimals, as numbers and as texts", () => {
  const roll = dice(1);
  const steps = ["0.1", "0.01", "0.001", "0.00001", "0.5", "0.25", "1", "10", "0.03", "0.0000001"];
  for (let i = 0; i < 20_000; i++) {
    const step = steps[Math.floor(roll() * steps.length)]!;
    const places = Math.floor(roll() * 8);
    const value = (roll() * 10 ** Math.floor(roll() * 7) * (roll() < 0.1 ? -1 : 1)).toFixed(places);
    const inc = increment(step);
    for (const [up, take] of [[false, floorUnits], [true, ceilUnits]] as const) {
      const expected = Number(exactUnits(value, step, up));
      assert.equal(take(value, inc) + 0, expected, `${value} / ${step} as text`);
      assert.equal(take(Number(value), inc) + 0, expected, `${value} / ${step} as number`);
    }
  }
});

Deno.test("a multiple of an increment survives the way through a float", () => {
  const roll = dice(2);
  for (const step of ["0.1", "0.01", "0.00001", "0.3", "5"]) {
    const inc = increment(step);
    for (let i = 0; i < 2_000; i++) {
      const count = Math.floor(roll() * 10_000_000);
      assert.equal(floorUnits(unitsToNumber(count, inc), inc), count);
      assert.equal(ceilUnits(unitsToNumber(count, inc), inc), count);
      assert.equal(floorUnits(unitsToText(count, inc), inc), count);
    }
  }
});

Deno.test("increments are read as exchanges spell them", () => {
  for (
    const [text, scaled, decimals, three] of [
      ["0.10", 1, 1, "0.3"],
      ["1E-3", 1, 3, "0.003"],
      ["1.0e-05", 1, 5, "0.00003"],
      ["0.0025", 25, 4, "0.0075"],
      ["10", 10, 0, "30"],
      ["1e2", 100, 0, "300"],
    ] as const
  ) {
    const inc = increment(text);
    assert.deepEqual([inc.scaled, inc.decimals, unitsToText(3, inc)], [scaled, decimals, three]);
  }
  assert.equal(unitsToText(-7, increment("0.01")), "-0.07");
  assert.equal(lotsToUsd(3, { px: 100, lot: increment("0.1") }), 30);
  for (const text of ["", "0", "-1", "abc", "0x1", " ", "NaN"]) {
    assert.throws(() => increment(text), /Invariant/, text);
  }
  assert.throws(() => floorUnits(NaN, increment("1")), /finite/);
  assert.throws(() => floorUnits(Infinity, increment("1")), /finite/);
});

Deno.test("137.48 at a tick of 0.01 is 13748 ticks", () => {
  const tick = increment("0.01");
  assert.equal(floorUnits(137.48, tick), 13_748);
  assert.equal(floorUnits(0.29, tick), 29);
  assert.equal(ceilUnits(1.15, tick), 115);
  assert.equal(floorUnits(0.1 + 0.2, increment("0.1")), 3);
});

type Parser = { safeParse(value: unknown): { success: boolean; data?: unknown; error?: unknown } };

/** parser, good values with what they become, bad values with a part of the text. */
const PARSERS: readonly (readonly [
  name: string,
  parser: Parser,
  good: readonly (readonly [unknown, unknown])[],
  bad: readonly (readonly [unknown, RegExp])[],
])[] = [
  ["frac", units.frac(0.5), [[0, 0], [0.04, 0.04], [0.5, 0.5]], [
    [4, /fraction from 0 to 0.5 .*looks like percent, write 0.04/],
    [0.5000001, /fraction from 0 to 0.5/],
    [90, /fraction/],
    [-0.01, /fraction/],
    ["0.1", /fraction/],
    [NaN, /fraction/],
  ]],
  ["frac below 0", units.frac(0, -1), [[-1, -1], [-0.02, -0.02]], [[-2, /fraction from -1/]]],
  ["bps", units.bps(100), [[0, 0], [5, 5], [0.01, 0.01], [100, 100]], [
    [0.0005, /basis points .*looks like a fraction, write 5/],
    [101, /basis points from 0 to 100/],
    [-1, /basis points/],
    [null, /basis points/],
  ]],
  ["seconds", units.seconds(3_600, 1), [[1, 1_000], [90, 90_000], [3_600, 3_600_000]], [
    [90_000, /seconds .*looks like milliseconds, write 90/],
    [0.5, /seconds from 1 to 3600/],
    [Infinity, /seconds/],
  ]],
  ["minutes", units.minutes(60), [[30, 1_800_000]], [
    [61, /minutes from 0 to 60"/],
    [60_000, /minutes from 0 to 60"/],
  ]],
  ["hours", units.hours(48), [[24, 86_400_000]], [[49, /hours from 0 to 48/]]],
  ["usd", units.usd(1_000), [[0, 0], [999.99, 999.99]], [[1_001, /US dollars/], ["5", /dollars/]]],
  ["count", units.count(10, 1), [[1, 1], [10, 10]], [[1.5, /whole number/], [0, /whole/], [
    11,
    /whole/,
  ]]],
  ["factor", units.factor(20, 1), [[1, 1], [20, 20]], [[21, /number from 1 to 20/], [0, /number/]]],
  ["symbol", units.symbol(), [["BTCUSDT", "BTCUSDT"], ["1000PEPEUSDT", "1000PEPEUSDT"]], [
    ["btcusdt", /capitals/],
    ["BTC/USDT", /capitals/],
    ["", /capitals/],
    [7, /capitals/],
  ]],
];

for (const [name, parser, good, bad] of PARSERS) {
  Deno.test(`units: ${name} keeps its bounds and hints at the usual slip`, () => {
    for (const [input, output] of good) {
      const parsed = parser.safeParse(input);
      assert.ok(parsed.success, `${name} takes ${input}`);
      assert.equal(parsed.data, output);
    }
    for (const [input, says] of bad) {
      const parsed = parser.safeParse(input);
      assert.ok(!parsed.success, `${name} refuses ${input}`);
      assert.match(JSON.stringify((parsed.error as { issues: unknown }).issues), says);
    }
  });
}

Deno.test("durations and percent come out in core units", () => {
  assert.equal(units.fromPercent(25), 0.25);
  assert.equal(units.toSeconds(1_500), 1.5);
});

Deno.test("statistics of nothing are unknown, never 0", () => {
  assert.equal(mean([]), null);
  assert.equal(populationStd([]), null);
  assert.equal(quantile([], 0.5), null);
});

Deno.test("a rolling window keeps its newest finite numbers", () => {
  let window: readonly number[] = [];
  for (const value of [1, NaN, "2", 3, null, Infinity, 4, 5]) window = offer(window, value, 3);
  assert.deepEqual(window, [3, 4, 5]);
});

Deno.test("quantile() does not sort what it was given", () => {
  const values = Object.freeze([3, 1, 2]);
  assert.equal(quantile(values, 0.5), 2);
  assert.deepEqual(values, [3, 1, 2]);
});

Deno.test("ewmaVolatility() with an endless half-life is the plain deviation", () => {
  const returns = [0.01, -0.02, 0.03, 0];
  const rules = { halfLifeBars: 1e12, windowBars: null };
  assert.ok(Math.abs(ewmaVolatility(returns, rules) - populationStd(returns)!) < 1e-12);
  assert.equal(ewmaVolatility(returns, { halfLifeBars: 5, windowBars: 1 }), 0);
  assert.deepEqual([...logReturns([1, 0, 2])], [0, 0]);
});

Deno.test("indicators read arrays and columns alike and keep to their last bars", () => {
  const roll = dice(3);
  const closes = Array.from({ length: 60 }, () => 100 + roll());
  const column = new Float64Array(closes);
  const longer = new Float64Array([1e6, 1e6, ...closes]);
  for (const [name, indicator] of [["rsi", rsi], ["zscore", zscore], ["trend", trend]] as const) {
    assert.equal(indicator(closes, 14), indicator(column, 14), name);
    assert.equal(indicator(closes, 14), indicator(longer, 14), name);
  }
  assert.equal(ema(column, 60)?.toFixed(9), ema(closes, 60)?.toFixed(9));
  assert.equal(ema(closes, 61), null);
  const bars = { high: closes.map((c) => c + 1), low: closes.map((c) => c - 1), close: closes };
  assert.ok(atr(bars, 14) >= 2);
  assert.equal(atr(bars, 60), 0);
});

Deno.test("a trend opposes only the other side", () => {
  assert.deepEqual(
    (["BULL", "BEAR", "NEUTRAL"] as const).map((t) => [opposes(t, "LONG"), opposes(t, "SHORT")]),
    [[false, true], [true, false], [false, false]],
  );
});
