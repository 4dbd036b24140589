/** How figures are written: one table per kind, each row a value and its text. */
import assert from "node:assert/strict";
import * as f from "../../web/format.ts";

type Cases<A> = readonly (readonly [A, string])[];

function table<A>(name: string, write: (value: A) => string, cases: Cases<A>): void {
  Deno.test(`${name}() writes every kind of value`, () => {
    for (const [value, text] of cases) assert.equal(write(value), text, `${value}`);
  });
}

type Maybe = number | null | undefined;
const missing: Cases<Maybe> = [null, undefined, NaN, Infinity].map((value) => [value, "—"]);

table<Maybe>("usd", f.usd, [
  ...missing,
  [0, "$0.00"],
  [9_482.16, "$9,482.16"],
  [-12, "−$12.00"],
  [99_999.99, "$99,999.99"],
  [100_000, "$100,000"],
  [1_234_567.89, "$1,234,568"],
  [-1_234_567.89, "−$1,234,568"],
  [0.005, "$0.01"],
  [1.005, "$1.01"],
  [-0.004, "$0.00"],
  [1e-9, "$0.00"],
]);
table<Maybe>("signedUsd", f.signedUsd, [
  ...missing,
  [40.11, "+$40.11"],
  [-118.42, "−$118.42"],
  [0, "$0.00"],
  [0.004_9, "$0.00"],
  [-0.004_9, "$0.00"],
  [0.005, "+$0.01"],
  [-0.005, "−$0.01"],
  [-1_234_567.891, "−$1,234,567.89"],
]);
table<number>("directionOf", f.directionOf, [
  [1, "up"],
  [-1, "down"],
  [0.004, "flat"],
  [-0, "flat"],
]);
table<Maybe>("percent", f.percent, [
  ...missing,
  [0.0499, "4.99%"],
  [-0.0179, "−1.79%"],
  [0, "0.00%"],
  [0.005, "0.50%"],
  [0.0101, "1.01%"],
  [-0.000_001, "0.00%"],
  [1, "100.00%"],
]);
table<Maybe>("signedPercent", f.signedPercent, [
  ...missing,
  [0.0085, "+0.85%"],
  [-0.0179, "−1.79%"],
  [0, "0.00%"],
]);
table<Maybe>("share", f.share, [
  ...missing,
  [1.18, "118%"],
  [0.083, "8.3%"],
  [0, "0.0%"],
  [0.1, "10%"],
  [0.825, "83%"],
]);
table<Maybe>("signedShare", f.signedShare, [
  ...missing,
  [0.31, "+31%"],
  [-0.31, "−31%"],
  [0, "0.0%"],
]);
table<Maybe>("distance", f.distance, [...missing, [0.0452, "+4.5%"], [-0.0206, "−2.1%"]]);
table<Maybe>("limit", f.limit, [...missing, [0.1, "10%"], [0.025, "2.5%"], [1.5, "150%"]]);
table<Maybe>("price", f.price, [
  ...missing,
  [91_240.1, "91,240.10"],
  [3_105.2, "3,105.20"],
  [138.42, "138.42"],
  [13.22, "13.2200"],
  [1, "1.0000"],
  [0.1533, "0.15330"],
  [0.009_876_54, "0.0098765"],
]);
table<Maybe>("qty", f.qty, [
  ...missing,
  [0.052, "0.052"],
  [-2_450, "2,450"],
  [0.1 + 0.2, "0.3"],
  [0.000_000_01, "0.00000001"],
]);
table<Maybe>("bps", f.bps, [...missing, [3.42, "3.4 bps"], [-0.95, "−1.0 bps"]]);
table<Maybe>("ms", f.ms, [...missing, [212.4, "212 ms"], [0.4, "< 1 ms"], [0, "0 ms"]]);
table<Maybe>("score", f.score, [...missing, [0.78, "0.78"], [0.895, "0.90"]]);
table<Maybe>("count", f.count, [...missing, [1_204, "1,204"], [2.5, "3"], [0, "0"]]);
table<Maybe>("age", f.age, [
  ...missing,
  [-1, "0 s"],
  [0.4, "0 s"],
  [59.6, "59 s"],
  [60, "1 m"],
  [3_599, "59 m"],
  [3_600, "1 h 0 m"],
  [5_280, "1 h 28 m"],
  [86_400, "1 d 0 h"],
  [273_600, "3 d 4 h"],
]);

const AT = Date.UTC(2026, 10, 24, 3, 12, 44, 999);

table<Maybe>("clock", f.clock, [...missing, [AT, "03:12:44"]]);
table<Maybe>("hourMinute", f.hourMinute, [...missing, [AT, "03:12"]]);
table<Maybe>("dayAndTime", f.dayAndTime, [...missing, [AT, "2026-11-24 03:12"]]);

Deno.test("when() names the day if it is another one", () => {
  assert.equal(f.when(AT, AT + 1_000), "03:12:44");
  assert.equal(f.when(AT - 28_800_000, AT), "23 Nov 19:12");
  assert.equal(f.when(null, AT), "—");
});

Deno.test("ratio() writes a value against its cap", () => {
  assert.equal(f.ratio(0.0499, 0.1), "4.99 / 10 %");
  assert.equal(f.ratio(1.18, 1.5), "118.00 / 150 %");
  assert.equal(f.ratio(null, 0.1), "— / 10 %");
  assert.equal(f.ratio(0.5, null), "50.00 %");
});

Deno.test("plural() counts things", () => {
  assert.equal(f.plural(1, "warning"), "1 warning");
  assert.equal(f.plural(1_200, "warning"), "1,200 warnings");
});

Deno.test("nothing is ever written with an ASCII minus", () => {
  const writers = [f.usd, f.signedUsd, f.percent, f.signedPercent, f.share, f.signedShare];
  for (const write of [...writers, f.distance, f.price, f.bps, f.ms, f.score, f.count]) {
    for (const value of [-0.007, -1.5, -250, -1e6]) {
      assert.match(write(value), /^(−|0|\$0)/, `${write.name}(${value})`);
      assert.ok(!write(value).includes("-"), `${write.name}(${value})`);
    }
  }
});
