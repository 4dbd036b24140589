/** Who earned what: sums that agree with each other, and nothing invented where a price is missing. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { projectPnlAttribution } from "../../state/surfaces/pnl_attribution.ts";
import type { RiskMode } from "../../core/types.ts";
import { BTC, close, ETH, holding, parcel, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const DAY = 86_400_000;
const near = (got: number, wanted: number) =>
  assert.ok(Math.abs(got - wanted) < 1e-9, `${got}, not ${wanted}`);
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

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
  near(summary.total_realized, 10 - 5 + 1 - 3 - 1.5);
  near(summary.total_unrealized!, 5);
  assert.deepEqual([summary.record_count, summary.fees, summary.funding], [3, 3, -1.5]);
  near(summary.win_rate!, 1 / 3);
  near(summary.avg_r!, 0.45);
  for (const rows of [per_symbol, per_strategy, per_day]) {
    const sum = (pick: (row: typeof rows[string]) => number) =>
      Object.values(rows).reduce((total, row) => total + pick(row), 0);
    near(sum((row) => row.realized_pnl), summary.total_realized);
    near(sum((row) => row.total_pnl!), summary.total_pnl!);
    assert.equal(sum((row) => row.trade_count), 3);
  }
  assert.deepEqual(Object.keys(per_strategy), ["s1", "unknown"]);
  assert.deepEqual(Object.keys(per_day), ["2026-01-05", "2026-01-06"]);
  assert.deepEqual(Object.keys(exits.by_reason), ["flip", "sl", "tp"]);
  near(exits.by_reason.sl!.total_exit_pnl, -6.5);
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

const earned = (strategyId: string | null, realizedUsd: number) => ({
  strategyId,
  lots: 1,
  realizedUsd,
  entryFeesUsd: 0.3,
  exitFeesUsd: 0.2,
  fundingUsd: -0.25,
});

Deno.test("two strategies that shared a leg have each what their own lots came to", () => {
  const shared = close({ earned: [earned("s1", 12), earned("s2", -2)], rMultiple: 2 });
  const { per_strategy, exits, summary } = attributed({ closes: { a: shared } });
  near(per_strategy.s1!.realized_pnl, 12 - 0.75);
  near(per_strategy.s2!.realized_pnl, -2 - 0.75);
  near(summary.total_realized, 8.5);
  assert.deepEqual([per_strategy.s1!.win_rate, per_strategy.s2!.win_rate], [1, 0]);
  assert.deepEqual([summary.record_count, summary.avg_r], [1, 2]);
  assert.equal(exits.by_strategy.s1!.avg_r, null, "the risk of a part of a leg is not known");
  const own = attributed({ closes: { a: close({ earned: [earned("s2", 10)] }) } });
  assert.equal(own.exits.by_strategy.s2!.avg_r, 2);
  assert.deepEqual(Object.keys(own.per_strategy), ["s2"], "whoever ordered the close");
});

Deno.test("what was closed of a leg that is still open counts, by leg and by lot alike", () => {
  const half = holding({
    entryPx: 59_000,
    realizedUsd: 5,
    feesUsd: 1,
    fundingUsd: -0.5,
    earned: [earned("s2", 6)],
    parcels: [
      parcel({ lots: 2, px: 58_900, strategyId: "s1", feeUsd: 0.3, fundingUsd: -0.25 }),
      parcel({ lots: 3, px: 59_400, strategyId: null, feeUsd: 0.2 }),
    ],
  });
  const { summary, per_strategy, per_symbol } = attributed({ holdings: { "BTCUSDT:LONG": half } });
  near(summary.total_realized, 5 - 1 - 0.5);
  near(per_symbol[BTC]!.total_pnl!, 3.5 + 5);
  near(per_strategy.s2!.total_pnl!, 6 - 0.75);
  near(per_strategy.s1!.total_pnl!, 2.2 - 0.55);
  near(per_strategy.unknown!.total_pnl!, 1.8 - 0.2);
  near(
    Object.values(per_strategy).reduce((sum, row) => sum + row.total_pnl!, 0),
    summary.total_pnl!,
  );
});

Deno.test("regime and mode are those of the trade; what was not known is in no regime", () => {
  const made = (range: number | null, drawdown: number | null, mode: RiskMode) => ({
    range,
    drawdown,
    mode,
  });
  const { per_regime, per_risk_mode } = attributed({
    closes: {
      a: close({ conditions: made(0, 2, "WARN") }),
      b: close({ conditions: made(3, null, "WARN"), realizedUsd: -5 }),
      c: close({ conditions: made(null, 2, "OK") }),
      d: close({ conditions: null }),
    },
  });
  const counts = (rows: Readonly<Record<string, { readonly trade_count: number }>>) =>
    Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, row.trade_count]));
  assert.deepEqual(counts(per_regime.atr), { 0: 1, 3: 1 });
  assert.deepEqual(counts(per_regime.dd), { 2: 2 });
  assert.deepEqual(counts(per_risk_mode), { OK: 1, WARN: 2, DEFENSIVE: 0, HALTED: 0 });
  near(per_risk_mode.WARN.realized_pnl, 8.5 - 6.5);
  assert.deepEqual([per_risk_mode.HALTED.realized_pnl, per_risk_mode.HALTED.win_rate], [0, null]);
});

Deno.test("the curve goes on where it was when older positions are no longer kept", () => {
  const cash = { startUsd: 1_000, realizedUsd: 0, feesUsd: 0, fundingUsd: 0, transfersUsd: 0 };
  const last = (changes: Partial<Memory>) => attributed({ cash, ...changes }).equity.at(-1)!.equity;
  const b = close({ realizedUsd: 11 });
  const kept = last({ closes: { a: close({ realizedUsd: 101 }), b } });
  assert.equal(last({ closes: { b }, forgottenUsd: 101 - 1 - 0.5 }), kept);
});

Deno.test("what trades closed stands where they did, whenever the rest went", () => {
  const made = (mode: RiskMode) => ({ range: 1, drawdown: 0, mode });
  const parts = [
    { day: "2026-01-05", conditions: made("WARN"), usd: 40 },
    { day: "2026-01-07", conditions: made("OK"), usd: 9 },
  ];
  const ended = close({
    realizedUsd: 50,
    feesUsd: 1,
    fundingUsd: -1,
    conditions: made("OK"),
    closedMs: T0 + 2 * DAY,
    parts,
  });
  const open = holding({ realizedUsd: 30, feesUsd: 2, parts: [{ ...parts[0]!, usd: 29 }] });
  for (const changes of [{ closes: { a: ended } }, { holdings: { "BTCUSDT:LONG": open } }]) {
    const { per_day, per_risk_mode, per_regime, summary } = attributed(changes);
    const isOpen = "holdings" in changes;
    const first = isOpen ? 29 : 40;
    near(per_day["2026-01-05"]!.realized_pnl, first);
    near(per_risk_mode.WARN.realized_pnl, first);
    // The rest is a fee that no trade took, or funding that was told later.
    near(
      isOpen ? per_day["2026-01-06"]!.realized_pnl : per_day["2026-01-07"]!.realized_pnl,
      isOpen ? -1 : 8,
    );
    assert.equal(per_day["2026-01-05"]!.trade_count, 0, "a position counts where it ended");
    near(summary.total_realized, isOpen ? 28 : 48);
    near(
      Object.values(per_day).reduce((sum, row) => sum + row.realized_pnl, 0),
      summary.total_realized,
    );
    near(per_regime.atr[1]!.realized_pnl, isOpen ? 29 : 48);
  }
});

Deno.test("exits count targets and stops wherever they were seen, and no others among them", () => {
  const reasons = ["tp", "tp_venue", "tp", "sl", "sl_venue", "trail", "flip"] as const;
  const closes = Object.fromEntries(
    reasons.map((reason, i) => [reason + i, close({ reason, rMultiple: i })]),
  );
  const { exits: { summary, by_reason, by_symbol, by_strategy } } = attributed({ closes });
  assert.deepEqual([summary.total_exits, summary.tp_hits, summary.sl_hits], [7, 3, 2]);
  near(summary.tp_ratio!, 3 / 5);
  near(summary.avg_rr_tp!, 1);
  near(summary.avg_rr_sl!, 3.5);
  near(summary.avg_exit_pnl!, 8.5);
  assert.deepEqual([by_symbol[BTC], by_strategy.s1], [summary, summary]);
  assert.deepEqual([by_reason.flip!.tp_ratio, by_reason.flip!.avg_rr_sl], [null, null]);
  const { exits: none } = attributed({});
  assert.deepEqual([none.summary.total_exits, none.summary.tp_ratio, none.summary.avg_exit_pnl], [
    0,
    null,
    null,
  ]);
});
