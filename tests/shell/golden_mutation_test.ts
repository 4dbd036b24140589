/**
 * Proof that the recorded vectors bite: one operator of the product is turned in a copy, and the
 * vectors of that module must turn red. Needs to read, to write a temporary folder, to run deno.
 */
import assert from "node:assert/strict";
import { inTempDir, lane } from "../lanes.ts";

type Mutation = {
  readonly module: string;
  readonly find: string;
  readonly replace: string;
  readonly golden: string;
};

/** A module of the core, or one that is named with its folder. */
const turn = (module: string, golden: string, find: string, replace: string): Mutation => ({
  module: module.startsWith("state/") ? `${module}.ts` : `core/${module}.ts`,
  golden: `tests/golden/${golden}.json`,
  find,
  replace,
});

const MUTATIONS: readonly Mutation[] = [
  turn("indicators", "intel/rsi", "gain / loss", "gain * loss"),
  turn("indicators", "intel/zscore", "1]! - mean(window)", "1]! + mean(window)"),
  turn("indicators", "intel/trend_filter", "last > average", "last < average"),
  turn("indicators", "intel/ema", "2 / (period + 1)", "2 / (period - 1)"),
  turn("indicators", "intel/atr", "high[i]! - low[i]!", "high[i]! + low[i]!"),
  turn("stats", "intel/log_returns", "after / before", "before / after"),
  turn("stats", "intel/ewma_vol", "spread * decay +", "spread * decay -"),
  turn("stats", "runtime/percentile", "(above - below) *", "(above - below) /"),
  turn("units", "runtime/percentile", "percent / PERCENT", "percent * PERCENT"),
  turn("history", "intel/timeframe_seconds", "Number(parts[1]) * UNIT", "Number(parts[1]) + UNIT"),
  turn("strategies/rsi_band", "intel/decide_signal", "z <= -zMin", "z < -zMin"),
  turn("nav", "risk/nav_anomaly", "> rules.maxGapUsd", ">= rules.maxGapUsd"),
  turn("drawdown", "risk/portfolio_dd", "(peakUsd - navUsd)", "(peakUsd + navUsd)"),
  turn(
    "drawdown",
    "risk/check_order",
    "(ddFrac >= rules.circuitFrac) return",
    "(ddFrac > rules.circuitFrac) return",
  ),
  turn("regimes", "risk/regimes", "ddFrac < step", "ddFrac <= step"),
  turn(
    "world",
    "risk/correlation_exposure",
    "(sums.groupUsd[name] ?? 0) + usd",
    "(sums.groupUsd[name] ?? 0) - usd",
  ),
  turn("risk/covariance", "risk/ewma", "- mean(i) * mean(j)", "+ mean(i) * mean(j)"),
  turn("risk/tail_numbers", "risk/norm_ppf", "t - top / bottom", "t + top / bottom"),
  turn(
    "risk/tail_numbers",
    "risk/portfolio_var",
    "z * sigma * Math.sqrt(days)",
    "z * sigma / Math.sqrt(days)",
  ),
  turn(
    "risk/tail_numbers",
    "risk/position_cvar",
    "(outcome < worst[at]!)",
    "(outcome > worst[at]!)",
  ),
  turn("risk/check", "risk/tier_caps", "entry.grossUsd <= room", "entry.grossUsd < room"),
  turn(
    "risk/mod",
    "risk/veto_reason_map",
    "GROUPS as Partial<Record<VetoReason, VetoGroup>>)[reason] ??",
    "GROUPS as Partial<Record<VetoReason, VetoGroup>>)[reason] &&",
  ),
  turn("risk/caps", "risk/check_order", "qty < most", "qty <= most"),
  turn(
    "risk/account",
    "risk/check_order",
    "dayLossFrac < limits.dayLossFrac",
    "dayLossFrac <= limits.dayLossFrac",
  ),
  turn(
    "risk/limits",
    "risk/check_order",
    "Math.min(global.max_leverage,",
    "Math.max(global.max_leverage,",
  ),
  turn("risk/tempo", "risk/check_order", "times[i]! >= fromMs", "times[i]! > fromMs"),
  turn("risk/tail", "risk/check_order", "cvarUsd <= limitFrac", "cvarUsd >= limitFrac"),
  turn(
    "risk/tails",
    "risk/check_order",
    "MS_PER_DAY / this.#returns",
    "MS_PER_DAY * this.#returns",
  ),
  turn(
    "risk/returns",
    "risk/check_order",
    "closes[i]! / closes[i - 1]!",
    "closes[i]! * closes[i - 1]!",
  ),
  turn("risk/advanced", "risk/check_order", "cvar.lookback_bars - 1", "cvar.lookback_bars + 1"),
  turn("increments", "router/rounding", "nearest + 0", "nearest + 1"),
  turn(
    "increments",
    "router/clean_order_normalization",
    "decimals - inc.decimals",
    "decimals + inc.decimals",
  ),
  turn(
    "router/normalize",
    "router/clean_lot_split",
    "lotUsd < minChildUsd",
    "lotUsd <= minChildUsd",
  ),
  turn(
    "router/normalize",
    "router/clean_order_normalization",
    "notionalUsd < market",
    "notionalUsd > market",
  ),
  turn("router/quote", "router/clean_maker_quote", "bidTicks - back", "bidTicks + back"),
  turn("router/quote", "router/slippage_estimate", "px - referencePx", "px + referencePx"),
  turn("router/offset", "router/maker_offset", "BASE_BPS + REGIME", "BASE_BPS - REGIME"),
  turn("router/slippage", "router/slippage_ewma", "1 - 0.5 **", "1 + 0.5 **"),
  turn(
    "router/rules",
    "router/liquidity_buckets",
    "bucket.max_spread_bps ??",
    "bucket.max_spread_bps &&",
  ),
  turn("router/fills", "router/router_stats", "(1 - weight) * drift", "(1 + weight) * drift"),
  turn("router/policy", "router/router_policy", "value >= limit", "value > limit"),
  turn(
    "router/effectiveness",
    "router/router_effectiveness",
    "makerFinal ?? []",
    "makerFinal && []",
  ),
  turn("router/hours", "router/expectancy_map", "profitUsd / usd", "profitUsd * usd"),
  turn("router/suggest", "router/autotune_suggestions", "at + clamp(push", "at - clamp(push"),
  turn("intel/equity", "runtime/equity_series", "(peakUsd - equityUsd)", "(peakUsd + equityUsd)"),
  turn("exits/scan", "runtime/exit_trigger", "(px - tpPx) >= 0", "(px - tpPx) > 0"),
  turn(
    "exits/ledger",
    "runtime/close_event_rule",
    'effect === "open") return',
    'effect !== "open") return',
  ),
  turn("types", "runtime/exit_intent", '=== (effect === "open")', '!== (effect === "open")'),
  turn("exits/parcels", "runtime/pnl_fifo", "(made.px - px)", "(px - made.px)"),
  turn("exits/parcels", "runtime/pnl_fifo", "rest > 0 && !closeOnly", "rest > 0 && closeOnly"),
  turn("exits/status", "runtime/ledger_reconcile", "(ledger[key]) ||", "(ledger[key]) &&"),
  turn(
    "exits/status",
    "runtime/exit_scan",
    "/ entryPx <= underwaterFrac",
    "/ entryPx < underwaterFrac",
  ),
  turn("world", "runtime/exposure_helpers", "atMark ? markPx", "!atMark ? markPx"),
  turn("exits/rows", "runtime/ledger_build", "signedQty > 0 ?", "signedQty < 0 ?"),
  turn("exits/rows", "runtime/ledger_sync", "=> !open.has(key)", "=> open.has(key)"),
  turn("exits/rows", "runtime/ledger_state_snapshot", "price > 0", "price < 0"),
  turn(
    "state/surfaces/kpis_routing",
    "runtime/router_quality_label",
    "maker >= MAKER_GOOD_FRAC",
    "maker > MAKER_GOOD_FRAC",
  ),
  turn("state/row_check", "runtime/order_event_validation", "=== undefined", "!== undefined"),
  turn("exits/registry", "runtime/tp_sl_seed_formula", "anchorPx - sign", "anchorPx + sign"),
];

const ROOT = new URL("../../", import.meta.url).pathname;

lane("a turned operator in the product turns its recorded vectors red", {
  needs: ["read", "write", "run"],
  run: () =>
    inTempDir(async (copy) => {
      for (const path of ["deno.json", "deno.lock"]) {
        await Deno.copyFile(ROOT + path, `${copy}/${path}`);
      }
      for (const path of ["config", "core", "state", "tests"]) {
        await copyFolder(ROOT + path, `${copy}/${path}`);
      }
      const survivors: string[] = [];
      for (const { module, golden, find, replace } of MUTATIONS) {
        const original = await Deno.readTextFile(`${copy}/${module}`);
        assert.equal(original.split(find).length, 2, `${module} holds "${find}" once`);
        await Deno.writeTextFile(`${copy}/${module}`, original.replace(find, replace));
        const output = await runGolden(copy, golden);
        await Deno.writeTextFile(`${copy}/${module}`, original);
        const isRed = / passed, [1-9][0-9]* failed\n$/.test(output);
        if (!isRed) {
          survivors.push(`${golden}: ${module}: ${find} -> ${replace}`);
        }
      }
      assert.deepEqual(survivors, []);
    }),
});

async function runGolden(cwd: string, file: string): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-read=.", "--allow-env=INIT_CWD", "tests/golden.ts", file],
    cwd,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", INIT_CWD: cwd },
    stdout: "piped",
    stderr: "piped",
  });
  const { stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout);
  return text === "" ? new TextDecoder().decode(stderr) : text;
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`];
    if (entry.isDirectory) await copyFolder(source, target);
    else await Deno.copyFile(source, target);
  }
}
