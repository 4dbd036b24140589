/** Books of the simulated exchange and when a quote in them trades. */
import assert from "node:assert/strict";
import { unitsToNumber } from "../../core/increments.ts";
import { makerTicks, touchOf } from "../../core/router/quote.ts";
import { Paths } from "../../core/venues/feed.ts";
import { SYNTHETIC_START_MS, SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { bookAt, topLots } from "../../core/venues/sim_book.ts";
import { type Progress, progressOf } from "../../core/venues/sim_fill.ts";
import { BTC, market as marketOf, T0 } from "../fixtures.ts";
import { candleFeed } from "../fixtures_run.ts";

const SECOND = 1_000;
const MINUTE = 60_000;
const exampleMarket = marketOf();

Deno.test("a book surrounds its price, deepens behind the touch and is never crossed", () => {
  for (const px of [0.5, 60_000, 99_999.95]) {
    const candle = { openMs: T0, open: px, high: px * 1.002, low: px, close: px, volume: 900 };
    const { bids, asks } = bookAt(px, candle, {
      market: exampleMarket,
      bucket: { name: "A_HIGH", maxSpreadBps: 5, makerBiasFrac: 0.8 },
      baseMs: MINUTE,
      atMs: T0,
    });
    const ticks = px * 10;
    assert.ok(bids[0]!.priceTicks <= ticks && asks[0]!.priceTicks > ticks);
    for (const [side, sign] of [[bids, -1], [asks, 1]] as const) {
      side.slice(1).forEach((level, i) => {
        assert.ok(sign * (level.priceTicks - side[i]!.priceTicks) > 0);
        assert.ok(level.lots >= side[i]!.lots && level.lots > 0);
      });
    }
  }
});

/** A quote to buy at 59,990 in a candle that falls to `low`. */
function quoteIn(low: number, { volume = 60, queueLots = 50_000 } = {}): Progress {
  const candle = { openMs: T0, open: 60_000, high: 60_000, low, close: 60_000, volume };
  const feed = candleFeed([candle, { ...candle, openMs: T0 + MINUTE, low: 60_000 }]);
  return progressOf(
    { ticker: BTC, buys: true, priceTicks: 599_900, lots: 10, queueLots, acceptedMs: T0 },
    T0 + MINUTE,
    {
      paths: new Paths(feed, 1),
      market: feed.market(BTC)!,
      bucket: { name: "A_HIGH", maxSpreadBps: 5, makerBiasFrac: 0.8 },
      baseMs: MINUTE,
    },
  );
}

Deno.test("a quote fills when the price trades through it, or when its queue has been eaten", () => {
  assert.deepEqual(quoteIn(59_996), { lots: 0, completeMs: null }, "nobody came");
  assert.notEqual(quoteIn(59_980).completeMs, null, "traded through");
  assert.deepEqual(quoteIn(59_991), { lots: 0, completeMs: null }, "at the touch, behind a queue");
  assert.notEqual(quoteIn(59_991, { volume: 60_000 }).completeMs, null, "the queue was eaten");
  assert.notEqual(quoteIn(59_991, { queueLots: 0, volume: 600 }).completeMs, null);
  assert.equal(quoteIn(59_991, { volume: 0 }).completeMs, null, "no flow, no fill");
  const through = quoteIn(59_980).completeMs!;
  assert.ok(quoteIn(59_980, { queueLots: 0, volume: 6_000 }).completeMs! < through);
});

type Measured = { readonly share: number; readonly afterBps: number };

/** Quotes at one distance from mid over many candles: how many fill, and what the price does next. */
function measure(offsetBps: number): Measured {
  const feed = new SyntheticFeed({ seed: 11, historyDays: 1, anchors: [], nowMs: null });
  const paths = new Paths(feed, 11);
  const bucket = { name: "A_HIGH", maxSpreadBps: 5, makerBiasFrac: 0.8 };
  let [tried, filled, after] = [0, 0, 0];
  for (const ticker of feed.tickers) {
    const market = feed.market(ticker)!;
    for (let i = 0; i < 250; i++) {
      const atMs = SYNTHETIC_START_MS + i * 101_000;
      const candle = paths.candleAt(ticker, atMs)!;
      const around = { market, bucket, baseMs: MINUTE };
      const book = bookAt(paths.pxAt(ticker, atMs)!, candle, { ...around, atMs });
      const buys = i % 2 === 0;
      const priceTicks = makerTicks(touchOf(book)!, { buys, offsetBps, rejections: 0 });
      const px = unitsToNumber(priceTicks, market.tick);
      const queueLots = topLots(px, candle, around);
      const order = { ticker, buys, priceTicks, lots: 1, queueLots, acceptedMs: atMs };
      const { completeMs } = progressOf(order, atMs + MINUTE, { paths, ...around });
      tried += 1;
      if (completeMs === null) continue;
      filled += 1;
      const laterPx = paths.pxAt(ticker, completeMs + 10 * SECOND)!;
      after += (buys ? 1 : -1) * (laterPx / px - 1) * 10_000;
    }
  }
  return { share: filled / tried, afterBps: after / filled };
}

Deno.test("quotes further from mid fill less often, and the price after a fill is adverse", () => {
  const measured = [1, 2, 4, 8, 16].map(measure);
  measured.forEach(({ share, afterBps }, i) => {
    assert.ok(afterBps < -0.5, `adverse by ${afterBps} bps`);
    if (i > 0) assert.ok(share < measured[i - 1]!.share - 0.03, `${share} of quotes fill`);
  });
});
