/**
 * What every decision was given, as rows that give it back: the recording side notes what was told
 * and what was looked up, the replaying side answers the same and says what it was never told.
 * A row holds only what has changed since the one before.
 */
import { applyPatch, diff, type Patch } from "./patch.ts";
import type { ClosedCandles, MarketView, Observation, VenueEvent } from "./ports.ts";
import type { Host } from "./protect.ts";
import type { Book, Candle, Dict, Fault, Mark, Market, Ticker } from "./types.ts";

/** Grows with every change of the rows that an older recording would not fit. */
export const RECORDING_FORM = 1;

/** Says that an answer is the one given last. */
const AS_BEFORE = "=";
type Answers<T> = Dict<T | typeof AS_BEFORE>;
type CandleRow = readonly [number, number, number, number, number, number];
export type CandleRows = readonly (readonly [Ticker, readonly CandleRow[]])[];

/** One tick as it was given; a part that is left out was empty, or is as before. */
export type TickRow = {
  readonly k: "tick";
  readonly seq: number;
  readonly nowMs: number;
  readonly host: Host;
  /** From the account reading of the tick before to this one. */
  readonly account: Patch;
  readonly candles?: CandleRows;
  readonly events?: readonly VenueEvent[];
  readonly faults?: readonly Fault[];
  readonly gap?: true;
  readonly tickers?: readonly Ticker[];
  /** Filters stand until others are told; marks and books are those that were looked up. */
  readonly markets?: Dict<Market | null>;
  readonly marks?: Answers<Mark | null>;
  readonly books?: Answers<Book | null>;
};

/** Candles that come before their tick, because one line would be too long. */
export type CandlesRow = { readonly k: "candles"; readonly candles: CandleRows };

const CANDLES_A_ROW = 2_000;

type Lookups = {
  readonly markets: Map<Ticker, Market | null>;
  readonly marks: Map<Ticker, Mark | null>;
  readonly books: Map<Ticker, Book | null>;
};

function noLookups(): Lookups {
  return { markets: new Map(), marks: new Map(), books: new Map() };
}

/** Notes what one process's decisions are given. */
export class Notebook {
  readonly #last = noLookups();
  #asked: Lookups | null = null;
  #account: unknown = null;
  #tickers: readonly Ticker[] = [];

  /** The same observation; what is looked up in it from now on is noted until `tick`. */
  watch(seen: Observation): Observation {
    const asked = noLookups();
    this.#asked = asked;
    const note = <T>(into: Map<Ticker, T>, ticker: Ticker, answer: T): T => {
      if (this.#asked === asked) into.set(ticker, answer);
      return answer;
    };
    const { market } = seen;
    return {
      ...seen,
      market: {
        tickers: market.tickers,
        market: (ticker) => note(asked.markets, ticker, market.market(ticker)),
        mark: (ticker) => note(asked.marks, ticker, market.mark(ticker)),
        book: (ticker) => note(asked.books, ticker, market.book(ticker)),
      },
    };
  }

  /** The rows of the tick that was watched, in the order in which they must be written. */
  tick(seq: number, seen: Observation, host: Host): readonly (CandlesRow | TickRow)[] {
    const asked = this.#asked ?? noLookups();
    this.#asked = null;
    const account = diff(this.#account, seen.account);
    this.#account = seen.account;
    const isListed = same(this.#tickers, seen.market.tickers);
    this.#tickers = seen.market.tickers;
    const parts = candleParts(seen.candles);
    const candles = parts.pop() ?? [];
    const markets = changed(this.#last.markets, asked.markets);
    const marks = answers(this.#last.marks, asked.marks);
    const books = answers(this.#last.books, asked.books);
    const row: TickRow = {
      k: "tick",
      seq,
      nowMs: seen.nowMs,
      host,
      account,
      ...candles.length > 0 && { candles },
      ...seen.events.length > 0 && { events: seen.events },
      ...seen.faults.length > 0 && { faults: seen.faults },
      ...seen.gap && { gap: true },
      ...!isListed && { tickers: seen.market.tickers },
      ...!isEmpty(markets) && { markets },
      ...!isEmpty(marks) && { marks },
      ...!isEmpty(books) && { books },
    };
    return [...parts.map((part): CandlesRow => ({ k: "candles", candles: part })), row];
  }
}

/** What a recorded tick was given. */
export type Recalled = {
  readonly seen: Observation;
  readonly host: Host;
  /** Fills up with what is looked up and was not recorded; such a lookup finds nothing. */
  readonly missing: readonly string[];
};

/** Gives back what the decisions of one process were given, tick by tick from its first one. */
export class Recall {
  readonly #last = noLookups();
  #account: Observation["account"] | null = null;
  #tickers: readonly Ticker[] = [];
  #candles: CandleRows = [];

  candles({ candles }: CandlesRow): void {
    this.#candles = [...this.#candles, ...candles];
  }

  tick(row: TickRow): Recalled {
    const account = applyPatch<Observation["account"] | null>(this.#account, row.account)!;
    this.#account = account;
    this.#tickers = row.tickers ?? this.#tickers;
    const candles = joined([...this.#candles, ...row.candles ?? []]);
    this.#candles = [];
    const { markets } = this.#last;
    for (const [ticker, market] of entriesOf(row.markets)) markets.set(ticker, market);
    const marks = recalled(this.#last.marks, row.marks);
    const books = recalled(this.#last.books, row.books);
    const missing: string[] = [];
    const find = <T>(known: ReadonlyMap<Ticker, T | null>, ticker: Ticker, what: string) => {
      const found = known.get(ticker);
      if (found === undefined) missing.push(`the ${what} of ${ticker}`);
      return found ?? null;
    };
    const market: MarketView = {
      tickers: this.#tickers,
      market: (ticker) => find(markets, ticker, "filters"),
      mark: (ticker) => find(marks, ticker, "mark"),
      book: (ticker) => find(books, ticker, "book"),
    };
    const { nowMs, host, events = [], faults = [], gap = false } = row;
    return { seen: { nowMs, candles, account, market, events, faults, gap }, host, missing };
  }
}

/** Those of `asked` that were not known as they are; they are known from now on. */
function changed<T>(known: Map<Ticker, T>, asked: ReadonlyMap<Ticker, T>): Dict<T> {
  const news: Record<Ticker, T> = {};
  for (const [ticker, answer] of asked) {
    if (known.has(ticker) && same(known.get(ticker), answer)) continue;
    known.set(ticker, answer);
    news[ticker] = answer;
  }
  return news;
}

function answers<T>(known: Map<Ticker, T>, asked: ReadonlyMap<Ticker, T>): Answers<T> {
  const news = changed(known, asked);
  const told: Record<Ticker, T | typeof AS_BEFORE> = {};
  for (const ticker of asked.keys()) told[ticker] = ticker in news ? news[ticker]! : AS_BEFORE;
  return told;
}

function recalled<T>(last: Map<Ticker, T>, told: Answers<T> | undefined): ReadonlyMap<Ticker, T> {
  const now = new Map<Ticker, T>();
  for (const [ticker, answer] of entriesOf(told)) {
    if (answer !== AS_BEFORE) last.set(ticker, answer as T);
    now.set(ticker, last.get(ticker)!);
  }
  return now;
}

function entriesOf<T>(dict: Dict<T> | undefined): [Ticker, T][] {
  return Object.entries(dict ?? {}) as [Ticker, T][];
}

function isEmpty(dict: Dict<unknown>): boolean {
  for (const _ in dict) return false;
  return true;
}

function same(one: unknown, other: unknown): boolean {
  return one === other || lineOf(one) === lineOf(other);
}

/** Candles in pieces of which each fits into a line. */
function candleParts(closed: readonly ClosedCandles[]): CandleRows[] {
  const parts: (readonly [Ticker, readonly CandleRow[]])[][] = [];
  let room = 0;
  for (const { ticker, candles } of closed) {
    for (let from = 0; from < candles.length; from += CANDLES_A_ROW) {
      const rows = candles.slice(from, from + CANDLES_A_ROW).map(rowOfCandle);
      if (room < rows.length) {
        parts.push([]);
        room = CANDLES_A_ROW;
      }
      parts.at(-1)!.push([ticker, rows]);
      room -= rows.length;
    }
  }
  return parts;
}

function rowOfCandle({ openMs, open, high, low, close, volume }: Candle): CandleRow {
  return [openMs, open, high, low, close, volume];
}

/** The pieces of each symbol are one list again: the engine doubts a list as a whole. */
function joined(rows: CandleRows): readonly ClosedCandles[] {
  const lists = new Map<Ticker, Candle[]>();
  for (const [ticker, candles] of rows) {
    const list = lists.get(ticker) ?? [];
    for (const [openMs, open, high, low, close, volume] of candles) {
      list.push({ openMs, open, high, low, close, volume });
    }
    lists.set(ticker, list);
  }
  return [...lists].map(([ticker, candles]) => ({ ticker, candles }));
}

const NOT_FINITE = "not_finite";

/** A row as a line. What is told may be no number at all: that is kept as well. */
export function lineOf(row: unknown): string {
  // A replacer costs many times the writing itself; it is for the rare row that needs one.
  return allFinite(row)
    ? JSON.stringify(row)
    : JSON.stringify(row, (_key, value: unknown) =>
      typeof value === "number" && !Number.isFinite(value)
        ? { [NOT_FINITE]: String(value) }
        : value);
}

/** True when every number in a value is one. */
function allFinite(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(allFinite);
  for (const key in value) {
    if (!allFinite((value as Readonly<Record<string, unknown>>)[key])) return false;
  }
  return true;
}

/** The row of a line. Throws where the line is no JSON. */
export function rowOfLine(line: string): unknown {
  if (!line.includes(`"${NOT_FINITE}"`)) return JSON.parse(line);
  return JSON.parse(line, (_key, value) => {
    const word: unknown = value?.[NOT_FINITE];
    return typeof word === "string" ? Number(word) : value;
  });
}

/** One place where two values differ; undefined where one of them has nothing. */
export type Difference = { readonly path: string; readonly was: unknown; readonly now: unknown };

/** Where two JSON values differ, place by place, into arrays as well: `events[0].lots`. */
export function differences(was: unknown, now: unknown): readonly Difference[] {
  const [before, after] = [indexed(was), indexed(now)];
  return diff(before, after).map(([path]) => ({
    path: path.reduce(
      (all, key) => `${all}${key.startsWith("[") || all === "" ? "" : "."}${key}`,
      "",
    ),
    was: valueAt(was, path),
    now: valueAt(now, path),
  }));
}

/** Arrays as objects, so that a difference has a place in them. */
function indexed(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const isList = Array.isArray(value);
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [isList ? `[${key}]` : key, indexed(part)]),
  );
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let part = value;
  for (const key of path) {
    const name = Array.isArray(part) ? key.slice(1, -1) : key;
    part = (part as Readonly<Record<string, unknown>> | null | undefined)?.[name];
  }
  return part;
}
