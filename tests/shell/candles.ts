/** Candle folders for tests: the synthetic market, written down. */
import type { Candle } from "../../core/types.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";

const MINUTE_MS = 60_000;

/** Writes one CSV per symbol of the synthetic market, `hours` long, in candles of `minutes`. */
export async function writeCandles(
  dir: string,
  { seed, hours, minutes, symbols = 8 }: {
    seed: number;
    hours: number;
    minutes: number;
    symbols?: number;
  },
): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  // The market's history before its first simulated instant is as long as asked for.
  const feed = new SyntheticFeed({
    seed,
    historyDays: Math.ceil(hours / 24),
    anchors: [],
    nowMs: null,
  });
  const fromMs = feed.startMs - hours * 60 * MINUTE_MS;
  for (const ticker of feed.tickers.slice(0, symbols)) {
    const fine = feed.closed(ticker, fromMs - MINUTE_MS, feed.startMs)
      .filter(({ openMs }) => openMs >= fromMs);
    const decimals = feed.market(ticker)!.tick.decimals;
    const lines = ["timestamp,open,high,low,close,volume"];
    for (let i = 0; i + minutes <= fine.length; i += minutes) {
      lines.push(line(fine.slice(i, i + minutes), decimals));
    }
    await Deno.writeTextFile(`${dir}/${ticker}.csv`, `${lines.join("\n")}\n`);
  }
}

function line(part: readonly Candle[], decimals: number): string {
  const px = (value: number) => value.toFixed(decimals);
  return [
    part[0]!.openMs,
    px(part[0]!.open),
    px(Math.max(...part.map(({ high }) => high))),
    px(Math.min(...part.map(({ low }) => low))),
    px(part.at(-1)!.close),
    part.reduce((sum, { volume }) => sum + volume, 0).toFixed(3),
  ].join(",");
}
