/** Every vector file of `tests/golden` through its adapter, without any permission. */
import assert from "node:assert/strict";
import atr from "../golden/intel/atr.json" with { type: "json" };
import decideSignal from "../golden/intel/decide_signal.json" with { type: "json" };
import ema from "../golden/intel/ema.json" with { type: "json" };
import ewmaVol from "../golden/intel/ewma_vol.json" with { type: "json" };
import logReturns from "../golden/intel/log_returns.json" with { type: "json" };
import rsi from "../golden/intel/rsi.json" with { type: "json" };
import timeframeSeconds from "../golden/intel/timeframe_seconds.json" with { type: "json" };
import trendFilter from "../golden/intel/trend_filter.json" with { type: "json" };
import zscore from "../golden/intel/zscore.json" with { type: "json" };
import checkOrder from "../golden/risk/check_order.json" with { type: "json" };
import correlationExposure from "../golden/risk/correlation_exposure.json" with { type: "json" };
import ewma from "../golden/risk/ewma.json" with { type: "json" };
import fixturesCloses from "../golden/risk/fixtures_closes.json" with { type: "json" };
import normPpf from "../golden/risk/norm_ppf.json" with { type: "json" };
import portfolioDd from "../golden/risk/portfolio_dd.json" with { type: "json" };
import portfolioVar from "../golden/risk/portfolio_var.json" with { type: "json" };
import positionCvar from "../golden/risk/position_cvar.json" with { type: "json" };
import regimes from "../golden/risk/regimes.json" with { type: "json" };
import tierCaps from "../golden/risk/tier_caps.json" with { type: "json" };
import vetoReasonMap from "../golden/risk/veto_reason_map.json" with { type: "json" };
import navAnomaly from "../golden/risk/nav_anomaly.json" with { type: "json" };
import cleanLotSplit from "../golden/router/clean_lot_split.json" with { type: "json" };
import cleanMakerQuote from "../golden/router/clean_maker_quote.json" with { type: "json" };
import cleanOrderNormalization from "../golden/router/clean_order_normalization.json" with {
  type: "json",
};
import autotuneSuggestions from "../golden/router/autotune_suggestions.json" with { type: "json" };
import expectancyMap from "../golden/router/expectancy_map.json" with { type: "json" };
import liquidityBuckets from "../golden/router/liquidity_buckets.json" with { type: "json" };
import makerOffset from "../golden/router/maker_offset.json" with { type: "json" };
import routerEffectiveness from "../golden/router/router_effectiveness.json" with { type: "json" };
import routerPolicy from "../golden/router/router_policy.json" with { type: "json" };
import routerStats from "../golden/router/router_stats.json" with { type: "json" };
import slippageEwma from "../golden/router/slippage_ewma.json" with { type: "json" };
import liquidityBucketsConfig from "../golden/router/liquidity_buckets.config.json" with {
  type: "json",
};
import precisionTable from "../golden/router/precision_table.json" with { type: "json" };
import rounding from "../golden/router/rounding.json" with { type: "json" };
import slippageEstimate from "../golden/router/slippage_estimate.json" with { type: "json" };
import closeEventRule from "../golden/runtime/close_event_rule.json" with { type: "json" };
import equitySeries from "../golden/runtime/equity_series.json" with { type: "json" };
import exitIntent from "../golden/runtime/exit_intent.json" with { type: "json" };
import exitScan from "../golden/runtime/exit_scan.json" with { type: "json" };
import exitTrigger from "../golden/runtime/exit_trigger.json" with { type: "json" };
import exposureHelpers from "../golden/runtime/exposure_helpers.json" with { type: "json" };
import ledgerBuild from "../golden/runtime/ledger_build.json" with { type: "json" };
import ledgerReconcile from "../golden/runtime/ledger_reconcile.json" with { type: "json" };
import ledgerStateSnapshot from "../golden/runtime/ledger_state_snapshot.json" with {
  type: "json",
};
import ledgerSync from "../golden/runtime/ledger_sync.json" with { type: "json" };
import orderEventValidation from "../golden/runtime/order_event_validation.json" with {
  type: "json",
};
import percentile from "../golden/runtime/percentile.json" with { type: "json" };
import pnlFifo from "../golden/runtime/pnl_fifo.json" with { type: "json" };
import routerQualityLabel from "../golden/runtime/router_quality_label.json" with { type: "json" };
import tpSlSeedFormula from "../golden/runtime/tp_sl_seed_formula.json" with { type: "json" };
import { adapter, Refusal } from "../golden_adapters/adapter.ts";
import { adapterOf, ADAPTERS } from "../golden_adapters/mod.ts";
import { judgeFile } from "../golden_judge.ts";

const FILES: Readonly<Record<string, unknown>> = {
  atr: atr,
  decide_signal: decideSignal,
  ema: ema,
  ewma_vol: ewmaVol,
  log_returns: logReturns,
  rsi: rsi,
  timeframe_seconds: timeframeSeconds,
  trend_filter: trendFilter,
  zscore: zscore,
  nav_anomaly: navAnomaly,
  check_order: checkOrder,
  correlation_exposure: correlationExposure,
  ewma: ewma,
  norm_ppf: normPpf,
  portfolio_dd: portfolioDd,
  portfolio_var: portfolioVar,
  position_cvar: positionCvar,
  regimes: regimes,
  tier_caps: tierCaps,
  veto_reason_map: vetoReasonMap,
  clean_lot_split: cleanLotSplit,
  clean_maker_quote: cleanMakerQuote,
  clean_order_normalization: cleanOrderNormalization,
  rounding: rounding,
  slippage_estimate: slippageEstimate,
  autotune_suggestions: autotuneSuggestions,
  expectancy_map: expectancyMap,
  liquidity_buckets: liquidityBuckets,
  maker_offset: makerOffset,
  router_effectiveness: routerEffectiveness,
  router_policy: routerPolicy,
  router_stats: routerStats,
  slippage_ewma: slippageEwma,
  close_event_rule: closeEventRule,
  equity_series: equitySeries,
  exit_intent: exitIntent,
  exit_scan: exitScan,
  exit_trigger: exitTrigger,
  exposure_helpers: exposureHelpers,
  ledger_build: ledgerBuild,
  ledger_reconcile: ledgerReconcile,
  ledger_state_snapshot: ledgerStateSnapshot,
  ledger_sync: ledgerSync,
  order_event_validation: orderEventValidation,
  percentile: percentile,
  pnl_fifo: pnlFifo,
  router_quality_label: routerQualityLabel,
  tp_sl_seed_formula: tpSlSeedFormula,
};
const TABLES: Readonly<Record<string, unknown>> = {
  "fixtures_closes.json": fixturesCloses,
  "liquidity_buckets.config.json": liquidityBucketsConfig,
  "precision_table.json": precisionTable,
};

Deno.test("every adapter has its vector file here, and every file its adapter", () => {
  assert.deepEqual(ADAPTERS.map(({ file }) => file).toSorted(), Object.keys(FILES).toSorted());
});

Deno.test("a vector file finds its adapter by name, whatever is added to it", () => {
  for (const { file } of ADAPTERS) assert.equal(adapterOf(`/x/${file}.json`)?.file, file);
  assert.equal(adapterOf("/x/rsi_more.json")?.file, "rsi");
  assert.equal(adapterOf("rsi.held-back.json")?.file, "rsi");
  assert.equal(adapterOf("/x/rsii.json"), null);
  assert.equal(adapterOf("/x/unknown.json"), null);
  assert.equal(adapterOf(""), null);
});

for (const adapter of ADAPTERS) {
  Deno.test(`recorded vectors agree: ${adapter.file}`, () => {
    const report = judgeFile(FILES[adapter.file], adapter, (name) => TABLES[name]);
    assert.deepEqual(report.failures, []);
    assert.ok(report.passed > 0, "a file without a passing case proves nothing");
  });
}

/** What becomes of one case when the product answers `got`. */
function verdictOn(
  fields: Record<string, unknown>,
  got: unknown,
  options: Parameters<typeof adapter>[2] = {},
): string {
  const given = adapter("x", () => {
    if (got instanceof Error) throw got;
    return got;
  }, options);
  const cases = [{ name: "one", input: {}, ...fields }];
  const { passed, failures, disputed, differs } = judgeFile({ cases }, given, () => null);
  return passed
    ? "passed"
    : failures.length
    ? "failed"
    : disputed
    ? "disputed"
    : differs[0]!.reason;
}

Deno.test("a recorded case demands what was recorded, or what would be right where it is disputed", () => {
  const disputed = { disputed: "wrong", expected: { a: 1, b: 2 } };
  const rows: readonly (readonly [string, Record<string, unknown>, unknown])[] = [
    ["passed", { expected: 1 }, 1 + 1e-12],
    ["failed", { expected: 1 }, 1 + 1e-6],
    ["passed", { expected: 1, tolerance: "rel 1e-3" }, 1 + 1e-6],
    ["passed", { expected: { $float: "NaN" } }, NaN],
    ["passed", { expected: [{ $f: "-Infinity" }] }, [-Infinity]],
    ["failed", { expected: null }, undefined],
    ["failed", { expected: { a: 1 } }, { a: 1, b: 2 }],
    ["failed", { expected: ["a", "b"] }, ["b", "a"]],
    ["passed", { expected: { raises: "TypeError" } }, new Error("no")],
    ["passed", { expected: { error: "ValueError: x" } }, new Refusal("no")],
    ["passed", { expected: "ERROR" }, new Refusal("no")],
    ["failed", { expected: { $error: "Kind" } }, 1],
    ["failed", { expected: 1 }, new Error("no")],
    ["disputed", disputed, { a: 1, b: 2 }],
    ["passed", { ...disputed, clean_expected: { b: 3 } }, { a: 1, b: 3 }],
    ["passed", { ...disputed, clean_expected: null }, null],
    ["passed", { disputed: true, expected: 1, proposed: 2, recommended: 3 }, 2],
    ["passed", { ...disputed, recommended: { a: 3, b: 4 } }, { a: 3, b: 4 }],
    ["disputed", { ...disputed, recommended: { note: "better" } }, { a: 1, b: 2 }],
    ["disputed", { ...disputed, recommended: { a: 3 } }, { a: 3, b: 2 }],
    ["disputed", { ...disputed, recommended: "some advice" }, 1],
    ["passed", { ...disputed, recommended: null }, null],
  ];
  for (const [outcome, fields, got] of rows) {
    assert.equal(verdictOn(fields, got), outcome, JSON.stringify(fields));
  }
  const differs = () => "a rule of ours";
  assert.equal(verdictOn({ expected: 1 }, 2, { differs }), "a rule of ours");
  assert.equal(verdictOn({ expected: { a: 1, x: 9 } }, { a: 1 }, { ignores: ["x"] }), "passed");
  assert.equal(
    verdictOn({ ...disputed, recommended: { a: 3 } }, { a: 3 }, { only: ["a"] }),
    "passed",
  );
});
