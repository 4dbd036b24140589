/** Caps below the exchange's smallest order are told before the first signal. */
import assert from "node:assert/strict";
import { infeasible } from "../../core/feasible.ts";
import { BTC, ETH, market, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";

const RULES = rules();
const found = (navUsd: number, minNotional = "5") => {
  const view = {
    ...observation().market,
    tickers: [BTC, ETH],
    market: () => market({ minNotional }),
  };
  return infeasible({ nowMs: T0, navUsd, view, rules: RULES, baseMs: 60_000 });
};

Deno.test("what can be traded is not told", () => {
  assert.deepEqual(found(25_000), []);
});

Deno.test("a symbol whose caps are below its smallest order is told with both figures", () => {
  const [first, ...others] = found(4_229, "1000000");
  assert.equal(others.length, 1, "both symbols");
  assert.deepEqual([first!.ticker, first!.smallestUsd], [BTC, 1_000_000]);
  assert.ok(first!.largestUsd < 1_000_000);
  const small = found(100);
  assert.ok(small.every(({ largestUsd, smallestUsd }) => largestUsd < smallestUsd));
  assert.ok(small.length > 0, "a hundred dollars trade nothing here");
});

Deno.test("a symbol without a price or a listing is not judged", () => {
  const view = { ...observation().market, tickers: [BTC], mark: () => null };
  assert.deepEqual(infeasible({ nowMs: T0, navUsd: 1, view, rules: RULES, baseMs: 60_000 }), []);
});
