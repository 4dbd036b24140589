/** What is kept is what would be made: for the same arguments, and for no others. */
import assert from "node:assert/strict";
import { recent, remembered, settled } from "../../core/remember.ts";

Deno.test("a result is kept while every argument says the same, and made anew otherwise", () => {
  let made = 0;
  const sum = remembered((key: { n: number }, more: number, facts: { a: number; b?: number }) => {
    made += 1;
    return key.n + more + facts.a + (facts.b ?? 0);
  });
  const key = { n: 1 };
  const rows: readonly (readonly [number, { a: number; b?: number }, number, number])[] = [
    [2, { a: 3 }, 6, 1],
    [2, { a: 3 }, 6, 1],
    [2, { a: 4 }, 7, 2],
    [2, { a: 4, b: 5 }, 12, 3],
    [2, { a: 4 }, 7, 4],
    [3, { a: 4 }, 8, 5],
  ];
  for (const [more, facts, result, times] of rows) {
    assert.deepEqual([sum(key, more, facts), made], [result, times]);
  }
  assert.equal(sum({ n: 1 }, 3, { a: 4 }), 8);
  assert.equal(made, 6, "another object is another thing, whatever is in it");
});

Deno.test("the newest values are the same list while none comes or goes", () => {
  const after = recent<{ atMs: number }>(({ atMs }) => atMs);
  const values = { a: { atMs: 10 }, b: { atMs: 30 }, c: { atMs: 20 } };
  const plain = (fromMs: number) => Object.values(values).filter(({ atMs }) => atMs > fromMs);
  let before = after(values, 0);
  for (let fromMs = 0; fromMs <= 40; fromMs++) {
    const list = after(values, fromMs);
    assert.deepEqual(list, plain(fromMs), `after ${fromMs}`);
    assert.equal(list === before, list.length === before.length);
    before = list;
  }
  assert.deepEqual(after(values, 5), plain(5), "also when time is set back");
  assert.deepEqual(after({ ...values, d: { atMs: 50 } }, 45), [{ atMs: 50 }]);
});

Deno.test("a map with the very same values is the map before", () => {
  const settle = settled<object>();
  const [one, other] = [{}, {}];
  const first = settle({ one, other });
  assert.equal(settle({ one, other }), first);
  for (const next of [{ one }, { one, other: {} }, { one, another: other }, {}]) {
    assert.equal(settle(next), next);
  }
});
