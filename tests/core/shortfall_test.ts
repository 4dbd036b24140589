/** What routing cost, against the mid of the decision, and where it went. */
import assert from "node:assert/strict";
import { bookTrade, endRow, type Route } from "../../core/router/route.ts";
import type { Submission } from "../../core/router/shortfall.ts";
import { market, route, T0, trade } from "../fixtures.ts";

const LOT = market().lot;
const close = (got: number | null, want: number) =>
  assert.ok(got !== null && Math.abs(got - want) < 1e-9, `${got}, expected ${want}`);
const seen = (changes: Partial<Submission> = {}): Submission => ({
  midPx: 60_000,
  halfSpreadPx: 6,
  expectedBps: 1,
  ...changes,
});
const over = (changes: Partial<Route>, endMidPx: number | null = 60_000) =>
  endRow(
    route({ step: { kind: "ended", status: "FILLED", reason: "filled" }, ...changes }),
    { lot: LOT, endMidPx, nowMs: T0 },
  );
/** A route of five lots (0.005 BTC, 300 dollars) filled at one price. */
const filled = (
  px: number,
  { submission = seen(), maker = false, feeUsd = 0, ...changes }:
    & Partial<Route>
    & { submission?: Submission | null; maker?: boolean; feeUsd?: number } = {},
) => over(bookTrade(route(changes), trade({ px, lots: 5, maker, feeUsd }), submission)).shortfall;

Deno.test("slippage is a cost against the decision's mid, on both sides", () => {
  close(filled(60_060).priceBps, 10);
  close(filled(60_060, { effect: "close" }).priceBps, -10);
  close(filled(60_060, { side: "SHORT" }).priceBps, -10);
  close(filled(60_060, { side: "SHORT", effect: "close" }).priceBps, 10);
  assert.equal(filled(60_060, { decisionMidPx: null }).priceBps, null);
  assert.equal(over({}).shortfall.totalBps, null, "no fill, no cost");
});

Deno.test("a crossing order pays half the spread and its impact, a quote earns its distance", () => {
  const taker = filled(60_012);
  close(taker.delayBps, 0);
  close(taker.spreadBps, 1);
  close(taker.impactBps, 1);
  const maker = filled(59_988, { maker: true });
  close(maker.spreadBps, -2);
  close(maker.impactBps, 0);
});

Deno.test("the market's move before the order left is delay, and the parts are the whole", () => {
  const parts = filled(60_060, { submission: seen({ midPx: 60_030 }), feeUsd: 0.15 });
  close(parts.delayBps, 5);
  close(parts.spreadBps, 1);
  close(parts.impactBps, 4);
  close(parts.feesBps, 5);
  close(parts.priceBps, 10);
  close(parts.totalBps, 15);
  close(parts.delayBps! + parts.spreadBps! + parts.impactBps!, parts.priceBps!);
});

Deno.test("a fill without a book before it has a cost but no parts", () => {
  for (const submission of [null, seen({ midPx: null }), seen({ halfSpreadPx: null })]) {
    const { priceBps, delayBps, spreadBps, impactBps } = filled(60_060, { submission });
    close(priceBps, 10);
    assert.deepEqual([delayBps, spreadBps, impactBps], [null, null, null]);
  }
});

Deno.test("what was not filled has missed how far the market has gone", () => {
  const half = { filledLots: 2, costPxLots: 120_000 };
  close(over(half, 60_060).missedBps, 10);
  close(over({ ...half, side: "SHORT" }, 60_060).missedBps, -10);
  assert.equal(over({ filledLots: 5, costPxLots: 300_000 }, 60_060).missedBps, null);
  assert.equal(over(half, null).missedBps, null, "nobody knows where it went");
});
