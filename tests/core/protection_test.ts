/** The measure of the kill campaign itself: it must see a leg that nobody protected. */
import assert from "node:assert/strict";
import type { LedgerRow, SimOrder, SimPosition } from "../../core/venues/sim_state.ts";
import { BTC, newOrder, T0, trade } from "../fixtures.ts";
import { protectionOf, type Span } from "../kill/protection.ts";

const SECOND = 1_000;
const KEY = "BTCUSDT:LONG";
const LEG: SimPosition = { ticker: BTC, side: "LONG", lots: 5, entryPx: 60_000, leverage: 1 };
const at = (seconds: number): LedgerRow => ({ k: "at", at: T0 + seconds * SECOND, fundedMs: T0 });
const filled = (seconds: number): LedgerRow => ({
  k: "trade",
  at: T0 + seconds * SECOND,
  trade: trade(),
  walletUsd: 10_000,
  position: LEG,
  positionKey: KEY,
});
const stopped = (seconds: number): LedgerRow => ({
  k: "order",
  at: T0 + seconds * SECOND,
  order: {
    ...newOrder({ clientId: "s", kind: "stop_market", effect: "close", closePosition: true }),
    acceptedMs: T0,
    filledLots: 0,
    queueLots: 0,
  } satisfies SimOrder,
});
const GENESIS: LedgerRow = {
  k: "genesis",
  at: T0,
  lineage: "t",
  feed: "t",
  walletUsd: 10_000,
  positions: [],
};

function measured(rows: readonly LedgerRow[], dead: readonly Span[] = []) {
  const { longestMs, violations } = protectionOf([GENESIS, ...rows], dead);
  return [longestMs, violations.length];
}

Deno.test("a stop that comes within five seconds is in time, later is not, never is not", () => {
  assert.deepEqual(measured([filled(1), stopped(2), at(60)]), [1_000, 0]);
  assert.deepEqual(measured([filled(1), stopped(6), at(60)]), [5_000, 0]);
  assert.deepEqual(measured([filled(1), stopped(7), at(60)]), [6_000, 1]);
  assert.deepEqual(measured([filled(1), at(60)]), [59_000, 1]);
  assert.deepEqual(measured([at(60)]), [0, 0], "without a leg there is nothing to protect");
});

Deno.test("nobody is blamed for the time in which nobody was there", () => {
  const dead = (from: number, to: number): Span => ({
    fromMs: T0 + from * SECOND,
    toMs: T0 + to * SECOND,
  });
  assert.deepEqual(measured([filled(1), stopped(61), at(90)], [dead(2, 60)]), [1_000, 0]);
  assert.deepEqual(measured([filled(30), stopped(61), at(90)], [dead(2, 60)]), [1_000, 0]);
  assert.deepEqual(measured([filled(30), stopped(67), at(90)], [dead(2, 60)]), [7_000, 1]);
  assert.deepEqual(
    measured([filled(1), stopped(91)], [dead(2, 60), dead(62, 90)]),
    [2_000, 0],
    "each start has its own five seconds",
  );
});
