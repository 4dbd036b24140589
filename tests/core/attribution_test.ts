/** Who earned what: sums that agree with each other, and nothing invented where a price is missing. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import type { Close } from "../../core/exits/ledger.ts";
import { Past } from "../../core/past.ts";
import { projectPnlAttribution } from "../../state/surfaces/pnl_attribution.ts";
import { BTC, ETH, holding, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const DAY = 86_400_000;
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

const close = (changes: Partial<Close> = {}): Close => ({
  ticker: BTC,
  side: "LONG",
  strategyId: "s1",
  reason: "tp",
  openedMs: T0,
  closedMs: T0 + 1,
  realizedUsd: 10,
  feesUsd: 1,
  fundingUsd: -0.5,
  usd: 300,
  rMultiple: 2,
  ...changes,
});

function attributed(changes: Partial<Memory>, market = observation().market) {
  const memory = { ...blankMemory("test00", T0 + DAY), ...changes };
  const seen = { ...observation(), market };
  return projectPnlAttribution(publishedOf({ memory, seen, rules: RULES, past: PAST }));
}

const CLOSES: Memory["closes"] = {
  a: close(),
  b: close({ reason: "sl", realizedUsd: -5, rMultiple: -1.1, closedMs: T0 + DAY }),
  c: close({ ticker: ETH, strategyId: null, reason: "flip", realizedUsd: 1, rMultiple: null }),
};

Deno.test("every way of looking at the result adds up to the same total", () => {
  const { summary, per_symbol, per_strategy, per_day, exits } = attributed({
    closes: CLOSES,
    holdings: { "BTCUSDT:LONG": holding({ entryPx: 59_000 }) },
  });
  const close = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a}, not ${b}`);
  close(summary.total_realized, 10 - 5 + 1 - 3 - 1.5);
  close(summary.total_unrealized!, 5);
  assert.deepEqual([summary.record_count, summary.fees, summary.funding], [3, 3, -1.5]);
  close(summary.win_rate!, 1 / 3);
  close(summary.avg_r!, 0.45);
  for (const rows of [per_symbol, per_strategy, per_day]) {
    const sum = (pick: (row: typeof rows[string]) => number) =>
      Object.values(rows).reduce((total, row) => total + pick(row), 0);
    close(sum((row) => row.realized_pnl), summary.total_realized);
    close(sum((row) => row.total_pnl!), summary.total_pnl!);
    assert.equal(sum((row) => row.trade_count), 3);
  }
  assert.deepEqual(Object.keys(per_strategy), ["s1", "unknown"]);
  assert.deepEqual(Object.keys(per_day), ["2026-01-05", "2026-01-06"]);
  assert.deepEqual(Object.keys(exits.by_reason), ["flip", "sl", "tp"]);
  close(exits.by_reason.sl!.pnl, -6.5);
  assert.equal(exits.by_reason.flip!.avg_r, null, "what is not known is not zero");
});

Deno.test("the curve begins where the books begin, and is empty while that is unknown", () => {
  const cash = { startUsd: 1_000, realizedUsd: 0, feesUsd: 0, fundingUsd: 0, transfersUsd: 0 };
  const { equity } = attributed({ closes: CLOSES, cash });
  assert.deepEqual(equity.map(({ pnl }) => pnl), [8.5, -0.5, -6.5]);
  assert.deepEqual(equity.map((point) => point.equity), [1_008.5, 1_008, 1_001.5]);
  assert.ok(Math.abs(equity[2]!.drawdown_pct! - 7 / 1_008.5) < 1e-12);
  assert.equal(equity[2]!.rolling_pnl, 1.5);
  assert.deepEqual(attributed({ closes: CLOSES }).equity, []);
});

Deno.test("a leg without a price leaves its sums unknown, and only its own", () => {
  const blind = { ...observation().market, mark: () => null };
  const { summary, per_symbol } = attributed({
    closes: CLOSES,
    holdings: { "BTCUSDT:LONG": holding() },
  }, blind);
  assert.deepEqual([summary.total_unrealized, summary.total_pnl], [null, null]);
  assert.deepEqual([per_symbol[BTC]!.total_pnl, per_symbol[ETH]!.unrealized_pnl], [null, 0]);
  const none = attributed({});
  assert.deepEqual([none.reason, none.summary.win_rate, none.per_symbol], [
    "no_closed_trades",
    null,
    {},
  ]);
});
