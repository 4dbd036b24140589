/**
 * A folder of recorded candles as a feed. The shell reads the files; here their text becomes
 * candles, strictly: every row is checked, and a bad one is a problem with its file and line.
 */
import { timeframeLabel } from "../history.ts";
import type { Filters } from "../router/normalize.ts";
import { marketOf } from "../router/normalize.ts";
import type { Candle, Market, Ticker } from "../types.ts";
import type { Feed } from "./feed.ts";
import { knownFilters, SIM_MAX_LEVERAGE } from "./markets.ts";

const COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"] as const;
/** Timestamps below this are seconds: milliseconds would lie in 1973. */
const SMALLEST_MS = 1e11;
const PROBLEMS_MAX = 5;

/** All candles of one symbol in columns, oldest first, with the decimals their texts had. */
export type CandleTable = {
  readonly ticker: Ticker;
  readonly length: number;
  readonly openMs: Float64Array;
  readonly open: Float64Array;
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly close: Float64Array;
  readonly volume: Float64Array;
  readonly priceDecimals: number;
  readonly volumeDecimals: number;
};

export type Parsed =
  | { readonly kind: "table"; readonly table: CandleTable }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

/** Reads one file: header `timestamp,open,high,low,close,volume`, one candle a line. */
export function parseCandles(file: string, ticker: Ticker, text: string): Parsed {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const header = (lines[0] ?? "").split(",").map((name) => name.trim());
  const order = COLUMNS.map((name) => header.indexOf(name));
  if (order.includes(-1) || header.length !== COLUMNS.length) {
    const problem = `${file}:1: expected the header "${COLUMNS.join(",")}", got "${
      lines[0] ?? ""
    }"`;
    return { kind: "problems", problems: [problem] };
  }
  const rows = lines.length - 1;
  const column = () => new Float64Array(rows);
  const table = {
    ticker,
    length: rows,
    openMs: column(),
    open: column(),
    high: column(),
    low: column(),
    close: column(),
    volume: column(),
    priceDecimals: 0,
    volumeDecimals: 0,
  };
  const problems: string[] = [];
  for (let row = 0; row < rows && problems.length < PROBLEMS_MAX; row++) {
    const cells = lines[row + 1]!.split(",");
    const problem = readRow(table, row, cells, order);
    if (problem !== null) problems.push(`${file}:${row + 2}: ${problem}`);
  }
  if (rows === 0) problems.push(`${file}:1: expected at least one candle, got only the header`);
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "table", table };
}

/**
 * The length of a candle in a set of tables, or why there is none that all of them share: what most
 * of them have. A table of another length, or off the grid, is a problem, never read as gaps.
 */
export function commonBase(
  tables: readonly CandleTable[],
): { readonly baseMs: number } | { readonly problem: string } {
  const steps = tables.map(smallestStep);
  const counts = new Map<number, number>();
  for (const step of steps) {
    if (step !== null) counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  const [common] = [...counts].toSorted(([a, n], [b, m]) => m - n || a - b);
  if (common === undefined) return { problem: "expected at least two candles in one file" };
  const [baseMs] = common;
  const label = timeframeLabel(baseMs);
  for (const [i, { ticker, openMs, length }] of tables.entries()) {
    const step = steps[i]!;
    if (step !== null && step !== baseMs) {
      const problem = `${ticker}: expected ${label} candles as most files here have, ` +
        `got ${timeframeLabel(step)}; each timeframe needs a folder of its own`;
      return { problem };
    }
    for (let row = 0; row < length; row++) {
      if (openMs[row]! % baseMs === 0) continue;
      const when = new Date(openMs[row]!).toISOString();
      const problem = `${ticker}, line ${row + 2}: expected a timestamp on the grid of ` +
        `${label} candles, got ${when}`;
      return { problem };
    }
  }
  return { baseMs };
}

/** The shortest time between two candles of a table; null when it has fewer than two. */
function smallestStep({ openMs, length }: CandleTable): number | null {
  let least: number | null = null;
  for (let i = 1; i < length; i++) {
    const step = openMs[i]! - openMs[i - 1]!;
    if (least === null || step < least) least = step;
  }
  return least;
}

/** A feed over tables that share their candle length. */
export class CandleFeed implements Feed {
  readonly id: string;
  readonly baseMs: number;
  readonly tickers: readonly Ticker[];
  readonly startMs: number;
  readonly endMs: number;
  readonly #tables: ReadonlyMap<Ticker, CandleTable>;
  readonly #markets: ReadonlyMap<Ticker, Market>;

  constructor(
    tables: readonly CandleTable[],
    { baseMs, fromMs, toMs }: { baseMs: number; fromMs: number | null; toMs: number | null },
  ) {
    let [first, last] = [Infinity, 0];
    for (const { openMs, length } of tables) {
      first = Math.min(first, openMs[0]!);
      last = Math.max(last, openMs[length - 1]! + baseMs);
    }
    this.baseMs = baseMs;
    this.tickers = tables.map(({ ticker }) => ticker).toSorted();
    this.startMs = Math.max(first, fromMs ?? first);
    this.endMs = Math.min(last, toMs ?? last);
    this.#tables = new Map(tables.map((table) => [table.ticker, table]));
    this.#markets = new Map(
      tables.map((table) => [
        table.ticker,
        marketOf(filtersOf(table), {
          ticker: table.ticker,
          maxLeverage: SIM_MAX_LEVERAGE,
        }),
      ]),
    );
    this.id = `candles:${timeframeLabel(baseMs)}:${this.tickers.length}:${this.startMs}`;
  }

  market(ticker: Ticker): Market | null {
    return this.#markets.get(ticker) ?? null;
  }

  candleAt(ticker: Ticker, ms: number): Candle | null {
    const table = this.#tables.get(ticker);
    if (table === undefined) return null;
    const row = rowAt(table, ms, this.baseMs);
    return row >= 0 && ms < table.openMs[row]! + this.baseMs ? candleOf(table, row) : null;
  }

  closed(ticker: Ticker, fromMs: number, toMs: number): readonly Candle[] {
    const table = this.#tables.get(ticker);
    if (table === undefined) return [];
    const candles: Candle[] = [];
    const first = rowAt(table, fromMs - this.baseMs, this.baseMs) + 1;
    for (let row = Math.max(0, first); row < table.length; row++) {
      if (table.openMs[row]! + this.baseMs > toMs) break;
      candles.push(candleOf(table, row));
    }
    return candles;
  }
}

/** Filters of a symbol: the table's for the shipped ones, else derived from the candles' decimals. */
export function filtersOf({ ticker, priceDecimals, volumeDecimals }: CandleTable): Filters {
  const known = knownFilters(ticker);
  if (known !== null) return known;
  const step = unit(volumeDecimals);
  const tick = unit(priceDecimals);
  return {
    tick,
    minPrice: tick,
    maxPrice: "10000000",
    step,
    minQty: step,
    maxQty: "1000000000",
    marketStep: step,
    marketMinQty: step,
    marketMaxQty: "1000000000",
    minNotional: "5",
  };
}

function unit(decimals: number): string {
  return decimals === 0 ? "1" : `0.${"0".repeat(decimals - 1)}1`;
}

/** The last row that opened at or before an instant; -1 before the first. */
function rowAt({ openMs, length }: CandleTable, ms: number, baseMs: number): number {
  if (length === 0 || ms < openMs[0]!) return -1;
  const guess = Math.min(length - 1, Math.floor((ms - openMs[0]!) / baseMs));
  if (openMs[guess]! <= ms && (guess + 1 >= length || openMs[guess + 1]! > ms)) return guess;
  let [low, high] = [0, guess];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (openMs[middle]! <= ms) low = middle;
    else high = middle - 1;
  }
  return low;
}

function candleOf(table: CandleTable, row: number): Candle {
  return {
    openMs: table.openMs[row]!,
    open: table.open[row]!,
    high: table.high[row]!,
    low: table.low[row]!,
    close: table.close[row]!,
    volume: table.volume[row]!,
  };
}

type Building = { -readonly [K in keyof CandleTable]: CandleTable[K] };

function readRow(
  table: Building,
  row: number,
  cells: readonly string[],
  order: readonly number[],
): string | null {
  if (cells.length !== COLUMNS.length) {
    return `expected ${COLUMNS.length} columns, got ${cells.length}`;
  }
  const values = order.map((at) => number(cells[at]!));
  const bad = values.findIndex((value) => value === null);
  if (bad >= 0) return `${COLUMNS[bad]}: expected a number, got "${cells[order[bad]!]}"`;
  const [openMs, open, high, low, close, volume] = values as number[];
  if (!Number.isInteger(openMs!) || openMs! < SMALLEST_MS) {
    const hint = openMs! > 1e9 ? "; this looks like seconds" : "";
    return `timestamp: expected Unix milliseconds, got ${cells[order[0]!]}${hint}`;
  }
  if (row > 0 && openMs! <= table.openMs[row - 1]!) {
    return `timestamp: expected one after ${table.openMs[row - 1]}, got ${openMs}`;
  }
  if (!(low! > 0)) return `low: expected a price above 0, got ${low}`;
  if (!(volume! >= 0)) return `volume: expected 0 or more, got ${volume}`;
  if (low! > Math.min(open!, close!) || high! < Math.max(open!, close!)) {
    return `expected low <= open, close <= high, got open ${open}, high ${high}, low ${low}, ` +
      `close ${close}`;
  }
  table.openMs[row] = openMs!;
  table.open[row] = open!;
  table.high[row] = high!;
  table.low[row] = low!;
  table.close[row] = close!;
  table.volume[row] = volume!;
  for (const at of order.slice(1, 5)) {
    table.priceDecimals = Math.max(table.priceDecimals, decimals(cells[at]!));
  }
  table.volumeDecimals = Math.max(table.volumeDecimals, decimals(cells[order[5]!]!));
  return null;
}

function number(cell: string): number | null {
  const value = Number(cell);
  return cell.trim() === "" || !Number.isFinite(value) ? null : value;
}

/** Decimals of a number as it was written; an exponent counts. */
function decimals(cell: string): number {
  const text = cell.trim();
  const exponent = text.search(/[eE]/);
  const shift = exponent < 0 ? 0 : Number(text.slice(exponent + 1));
  const digits = exponent < 0 ? text : text.slice(0, exponent);
  const dot = digits.indexOf(".");
  const fraction = dot < 0 ? "" : digits.slice(dot + 1).replace(/0+$/, "");
  return Math.max(0, fraction.length - shift);
}
