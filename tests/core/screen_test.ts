/** From closed candles to entries: strategies, the screener's own refusals, counters, watchers. */
import assert from "node:assert/strict";
import strategyConfig from "../../config/strategy_config.json" with { type: "json" };
import { countTick, EMPTY_COUNTERS, funnelOf, sinceWhen, watch } from "../../core/diagnostics.ts";
import type { EngineEvent } from "../../core/events.ts";
import { History, Series } from "../../core/history.ts";
import { screen, type Screening } from "../../core/screener.ts";
import { assignSymbols, buildStrategies, StrategyConfig } from "../../core/strategies/mod.ts";
import { bandLevels, RsiBand } from "../../core/strategies/rsi_band.ts";
import type { Opinion } from "../../core/strategies/strategy.ts";
import {
  trendBias,
  VolTarget,
  volTargetLevels,
  volTargetSize,
} from "../../core/strategies/vol_target.ts";
import { book, BTC, ETH, market, T0 } from "../fixtures.ts";
import { candles, rules } from "../fixtures_run.ts";

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;
const [BTC_BAND] = strategyConfig.strategies;
const VOL = VolTarget.parse(strategyConfig.vol_target);

/** Closes that drift and then drop at the very end, by shares of the price. */
const closesOf = (lastFrac: number, drift = 0): number[] =>
  Array.from(
    { length: 40 },
    (_, i) => 60_000 * (1 + drift * i + 0.0004 * (i % 2) + (i === 39 ? lastFrac : 0)),
  );

function seriesOf(closes: readonly number[], frameMs = QUARTER): Series {
  const series = new Series(frameMs);
  for (const candle of candles(closes, { frameMs, reach: 5 })) series.append(candle);
  return series;
}

function band(changes: Record<string, unknown> = {}) {
  return buildStrategies(StrategyConfig.parse({ strategies: [{ ...BTC_BAND, ...changes }] }))[0]!;
}

function bandOpinion(closes: readonly number[], changes: Record<string, unknown> = {}): Opinion {
  const px = closes.at(-1)!;
  return band(changes).evaluate({ bars: seriesOf(closes), higher: null, px });
}

Deno.test("the band strategy buys a dip and sells a spike, unless the trend is against it", () => {
  const dip = bandOpinion(closesOf(-0.003));
  assert.ok(dip.kind === "signal");
  assert.deepEqual([dip.side, dip.sizeFrac], ["LONG", 0.015]);
  const spike = bandOpinion(closesOf(0.003));
  assert.equal(spike.kind === "signal" && spike.side, "SHORT");
  const fall = bandOpinion(closesOf(-0.02));
  assert.equal(fall.kind === "refused" && fall.reason, "counter_trend");
  const short = bandOpinion(closesOf(0.003), { short_enabled: false });
  assert.equal(short.kind === "refused" && short.reason, "short_disabled");
  const { minBars } = band();
  assert.equal(bandOpinion(closesOf(-0.003).slice(-minBars)).kind, "signal");
  assert.equal(bandOpinion(closesOf(-0.003).slice(1 - minBars)).kind, "none", "too few candles");
});

Deno.test("levels keep their least distance and widen with the true range", () => {
  const { risk } = RsiBand.parse(BTC_BAND).params;
  const calm = bandLevels({ side: "LONG", px: 1_000, atr: 1 }, risk, QUARTER);
  assert.deepEqual([calm.slPx, calm.tpPx, calm.trailFrac], [996, 1_012, 0.006]);
  assert.equal(calm.maxHoldMs, 60 * QUARTER);
  const wild = bandLevels({ side: "SHORT", px: 1_000, atr: 20 }, risk, QUARTER);
  assert.deepEqual([wild.slPx, wild.tpPx, wild.trailFrac], [1_020, 980, 0.02]);
});

Deno.test("volatility targeting sizes by measured volatility within its bounds", () => {
  const size = (vol: number) => volTargetSize(vol, VOL);
  assert.equal(size(VOL.target_vol), VOL.base_per_trade_nav_pct);
  assert.ok(size(1e-9) <= VOL.max_per_trade_nav_pct && size(9) >= VOL.min_per_trade_nav_pct);
  assert.ok(size(0.01) >= size(0.02) && size(0.02) >= size(0.05));
  const levels = volTargetLevels({ side: "LONG", px: 100, atr: 1 }, VOL, HOUR)!;
  assert.deepEqual([levels.slPx, levels.tpPx], [100 - VOL.sl_atr_mult, 100 + VOL.tp_atr_mult]);
  assert.equal(volTargetLevels({ side: "LONG", px: 100, atr: 0 }, VOL, HOUR), null);
  assert.equal(volTargetLevels({ side: "LONG", px: 1, atr: 1 }, VOL, HOUR), null, "below nothing");
  const steep = { ...VOL, min_rr: 99 };
  assert.equal(volTargetLevels({ side: "LONG", px: 100, atr: 1 }, steep, HOUR), null);
});

Deno.test("the volatility strategy asks the higher timeframe for the side", () => {
  const [strategy] = buildStrategies(StrategyConfig.parse({ strategies: [], vol_target: VOL }));
  const bars = seriesOf(closesOf(0));
  const slow = 3 * VOL.trend.slow_ema;
  const rising = Array.from({ length: slow }, (_, i) => 50_000 + 80 * i + (i % 2) * 100);
  const ask = (closes: readonly number[], higher = seriesOf(closes, HOUR)) =>
    strategy!.evaluate({ bars, higher, px: 60_000 });
  const up = ask(rising);
  assert.ok(up.kind === "signal");
  assert.deepEqual([up.side, up.levels.slPx! < 60_000], ["LONG", true]);
  assert.equal(ask(rising.slice(1)).kind, "none", "too short a higher timeframe");
  const down = ask(rising.map((close) => 110_000 - close));
  assert.equal(
    down.kind === "refused" ? down.reason : down.kind,
    VOL.side_mode === "long_only" ? "short_disabled" : "signal",
  );
  assert.equal(strategy!.evaluate({ bars, higher: null, px: 60_000 }).kind, "none");
});

Deno.test("the bias follows the higher timeframe, and is halved when it is stretched", () => {
  const rising = Array.from({ length: 200 }, (_, i) => 100 + i + (i % 3 === 0 ? -1.5 : 0));
  const plain = { ...VOL.trend, use_htf_rsi_filter: false, min_trend_strength: 0 };
  const bias = trendBias(rising, plain);
  assert.equal(bias.side, "LONG");
  const filtered = trendBias(rising, { ...plain, use_htf_rsi_filter: true, rsi_overbought: 60 });
  assert.equal(filtered.strengthFrac, bias.strengthFrac / 2);
  assert.equal(trendBias(rising.toReversed(), plain).side, "SHORT");
  assert.equal(trendBias(rising, { ...plain, min_trend_strength: 1 }).side, null);
  assert.deepEqual(trendBias(rising.slice(0, 20), plain), { side: null, strengthFrac: 0 });
});

Deno.test("a star takes every symbol that no sibling of its kind names", () => {
  const star = { ...BTC_BAND, id: "rest", symbol: "*" };
  const built = buildStrategies(StrategyConfig.parse({ strategies: [BTC_BAND, star] }));
  const assigned = assignSymbols(built, ["BTCUSDT", "ETHUSDT", "NEWUSDT"]);
  assert.deepEqual(assigned.map(({ symbols }) => symbols), [["BTCUSDT"], ["ETHUSDT", "NEWUSDT"]]);
  const off = StrategyConfig.parse({ strategies: [{ ...BTC_BAND, enabled: false }] });
  assert.deepEqual(buildStrategies(off), []);
});

const CLOSED_MS = T0 + 40 * QUARTER;

function screening(
  changes: Partial<Screening> & { lastFrac?: number; markAgeMs?: number | null } = {},
): Screening {
  const { lastFrac = -0.003, markAgeMs = 0, ...rest } = changes;
  const history = new History(QUARTER, []);
  const list = candles(closesOf(lastFrac), { frameMs: QUARTER, reach: 5 });
  for (const candle of list) history.append(BTC, candle);
  const nowMs = rest.nowMs ?? CLOSED_MS;
  const px = list.at(-1)!.close;
  return {
    nowMs,
    screenedMs: CLOSED_MS - 1,
    history,
    view: {
      tickers: [BTC, ETH],
      market: () => market(),
      mark: () => markAgeMs === null ? null : { px, atMs: nowMs - markAgeMs },
      book: () => book(),
    },
    navUsd: 10_000,
    navAgeMs: 3_000,
    sizingUsd: 10_000,
    shrinkFrac: 1,
    ddFrac: 0,
    emittedMs: {},
    ...rest,
  };
}

const RULES = rules({
  changes: { "strategy_config.json": { ...strategyConfig, strategies: [BTC_BAND] } },
});
const outcome = (changes: Parameters<typeof screening>[0] = {}) => {
  const { entries, refusals, signals } = screen(screening(changes), RULES);
  return [signals, entries.length, ...refusals.map(({ reason }) => reason)];
};

Deno.test("the screener has no gate of its own: whatever the size, it is for risk to judge", () => {
  for (const sizingUsd of [1, 100, 4_229, 1e6, 1e12]) {
    for (const shrinkFrac of [0.01, 0.5, 1]) {
      for (const ddFrac of [null, 0, 0.5, 1]) {
        const seen = screening({ sizingUsd, navUsd: sizingUsd, shrinkFrac, ddFrac });
        const { entries, refusals } = screen(seen, RULES);
        const where = `${sizingUsd} USD, shrunk to ${shrinkFrac}, ${ddFrac} lost`;
        assert.deepEqual(refusals, [], where);
        const wantedUsd = 0.015 * sizingUsd * shrinkFrac;
        assert.ok(Math.abs(entries[0]!.grossUsd / wantedUsd - 1) < 1e-9, `unclamped: ${where}`);
      }
    }
  }
});

Deno.test("a candle that has just closed is screened once", () => {
  const { entries, emitted } = screen(screening(), RULES);
  const [one] = entries;
  assert.deepEqual([one!.side, one!.grossUsd, one!.candleCloseMs], ["LONG", 150, CLOSED_MS]);
  assert.deepEqual(outcome({ screenedMs: CLOSED_MS }), [0, 0], "it was screened before");
  assert.deepEqual(outcome({ nowMs: CLOSED_MS + QUARTER }), [0, 0], "it is too old to act on");
  assert.deepEqual(outcome({ emittedMs: Object.fromEntries(emitted) }), [1, 0, "dedupe"]);
  assert.deepEqual(outcome({ lastFrac: -0.0002 }), [0, 0], "no signal");
  assert.equal(screen(screening(), RULES).entries[0]!.id, one!.id, "an id by content");
});

Deno.test("an entry is neither priced by an old mark nor sized by an unknown NAV", () => {
  assert.deepEqual(outcome({ markAgeMs: 5_000 }), [1, 1]);
  assert.deepEqual(outcome({ markAgeMs: 5_001 }), [1, 0, "market_data"]);
  assert.deepEqual(outcome({ markAgeMs: null }), [1, 0, "market_data"]);
  assert.deepEqual(outcome({ sizingUsd: null }), [1, 0, "nav_unknown"]);
  assert.deepEqual(outcome({ lastFrac: -0.02 }), [1, 0, "counter_trend"]);
  const [refused] = screen(screening({ markAgeMs: null }), RULES).refusals;
  assert.deepEqual([refused!.navUsd, refused!.navAgeMs], [10_000, 3_000], "and says by which NAV");
  assert.equal(screen(screening({ shrinkFrac: 0.5 }), RULES).entries[0]!.grossUsd, 75);
});

const veto = (reason: string) => ({ kind: "veto", reason }) as EngineEvent;

Deno.test("counters count each thing once and keep a day of minutes", () => {
  const filled = { kind: "order_fill", intentId: null, maker: true } as EngineEvent;
  const ack = { kind: "order_ack", intentId: "e:1", effect: "open" } as EngineEvent;
  const attempt = { kind: "order_attempt", intentId: "e:1", effect: "open" } as EngineEvent;
  let counters = countTick(EMPTY_COUNTERS, {
    nowMs: T0,
    signals: 2,
    events: [veto("a"), veto("a"), filled],
  });
  assert.equal(counters.sinceMs, T0);
  assert.deepEqual([counters.totalSignals, counters.totalVetoes, counters.totalMakerFills], [
    2,
    2,
    1,
  ]);
  assert.deepEqual(counters.byReason, { a: 2 });
  const quiet = countTick(counters, { nowMs: T0 + MINUTE, signals: 0, events: [] });
  assert.equal(quiet, counters, "nothing happened, nothing changed");
  for (let m = 1; m <= 26 * 60; m++) {
    counters = countTick(counters, { nowMs: T0 + m * MINUTE, signals: 1, events: [veto("b")] });
  }
  assert.ok(Object.values(counters.buckets).length <= 25);
  assert.equal(counters.totalSignals, 2 + 26 * 60);
  const twice = [0, 1].reduce(
    (at, s) => countTick(at, { nowMs: T0 + s, signals: 1, events: [attempt, ack, veto("a")] }),
    EMPTY_COUNTERS,
  );
  const { signals, orders, vetoes } = funnelOf(twice, T0, { windowMs: HOUR }).funnel;
  assert.deepEqual([signals, orders, vetoes], [2, 2, { a: 2 }]);
  const nowMs = T0 + 26 * HOUR;
  const lastHour = funnelOf(counters, nowMs, { windowMs: HOUR });
  assert.deepEqual([lastHour.funnel.signals, lastHour.fromMs], [61, nowMs - HOUR]);
  assert.deepEqual(lastHour.funnel.vetoes, { b: 61 });
  const newest = funnelOf(counters, nowMs, { windowMs: HOUR, signalsMaxCount: 20 });
  assert.deepEqual([newest.funnel.signals, newest.fromMs], [20, nowMs - 19 * MINUTE]);
  const partly = funnelOf(counters, nowMs + 30_000, { windowMs: HOUR });
  assert.equal(
    partly.fromMs,
    nowMs - HOUR,
    "a minute that is partly in it counts whole, and is told",
  );
});

Deno.test("every kind of event leaves its time", () => {
  const after = (kind: string) =>
    countTick(EMPTY_COUNTERS, {
      nowMs: T0,
      signals: 0,
      events: [{ kind, exitReason: "sl", intentId: "e:1" } as unknown as EngineEvent],
    });
  for (const kind of ["order_submit", "order_cancel", "order_fill", "route_end"]) {
    assert.equal(after(kind).lastRouterMs, T0, kind);
  }
  assert.equal(after("exit_trigger").lastExitTriggerMs, T0);
  assert.equal(after("order_attempt").lastOrderMs, null, "the venue has not taken it yet");
  assert.equal(after("veto").lastVetoMs, T0);
  assert.deepEqual(after("episode_end").exitsByReason, { sl: 1 });
});

Deno.test("a watcher tells silence from calm", () => {
  const at = { nowMs: T0 + HOUR, limitMs: 10 * MINUTE, startedMs: T0, expected: true };
  const state = (changes: Partial<Parameters<typeof watch>[0]>) =>
    watch({ ...at, lastMs: null, ...changes }).state;
  assert.equal(state({ lastMs: T0 + HOUR - 10 * MINUTE }), "ok");
  assert.equal(state({ lastMs: T0 + HOUR - 10 * MINUTE - 1 }), "idle");
  assert.equal(state({}), "never");
  assert.equal(state({ expected: false }), "quiet");
  assert.equal(state({ startedMs: T0 + HOUR - MINUTE }), "warming");
  assert.equal(state({ limitMs: 0 }), "off");
});

Deno.test("an item keeps the instant since when it has been true", () => {
  const item = (id: string) => ({ id, level: "warn", args: [] }) as const;
  const first = sinceWhen({}, [item("a")], T0);
  assert.equal(sinceWhen(first, [item("a")], T0 + 5), first);
  assert.deepEqual(sinceWhen(first, [item("b"), item("a")], T0 + 5), { a: T0, b: T0 + 5 });
  assert.deepEqual(sinceWhen(first, [], T0 + 5), {});
});
