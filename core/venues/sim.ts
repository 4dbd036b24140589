/**
 * The simulated exchange behind the venue port. It outlives the process: its own ledger is written
 * before anything is told, and rebuilt at the next start. Wall time only paces it.
 */
import type { ClosedCandles, Command, MarketView, Observation, Venue, Wake } from "../ports.ts";
import type { Book, Mark, Ticker } from "../types.ts";
import { MS_PER_MINUTE } from "../units.ts";
import type { Feed } from "./feed.ts";
import { SyntheticFeed } from "./feed_synthetic.ts";
import type { ExchangeRules } from "./sim_desk.ts";
import { SimExchange } from "./sim_exchange.ts";
import type { LedgerPort, LedgerRow, SimState } from "./sim_state.ts";

/** The clock's position is written at least this often. */
const NOTE_TIME_MS = MS_PER_MINUTE;
/** Rows after which a new ledger file begins with a snapshot. */
const ROTATE_ROWS = 20_000;

export type SimOptions = {
  readonly feed: Feed;
  readonly rules: ExchangeRules;
  readonly state: SimState;
  /** Identity of the run, written into snapshots. */
  readonly lineage: string;
  readonly ledger: LedgerPort;
  /** True when events may have been lost since the engine last listened. */
  readonly gap: boolean;
  /** Waits until simulated time may show; returns at once when time is not paced. */
  readonly pace: (simMs: number) => Promise<void>;
};

/** A venue without a network. */
export class SimVenue implements Venue {
  readonly #options: SimOptions;
  readonly #exchange: SimExchange;
  #gap: boolean;
  #firstLook = true;
  #ended = false;
  #notedMs = 0;
  #rowCount = 0;

  constructor(options: SimOptions) {
    this.#options = options;
    this.#exchange = new SimExchange(options.feed, options.rules, options.state);
    this.#gap = options.gap;
    // A feed that was played to its end and left in order has nothing more to show.
    const { feed, state, gap } = options;
    this.#ended = feed.endMs !== null && state.nowMs >= feed.endMs && !gap;
  }

  /** The exchange's own books: for checkers and for the report, never for decisions. */
  get exchange(): SimExchange {
    return this.#exchange;
  }

  observe(): Promise<Observation | null> {
    if (this.#ended) return Promise.resolve(null);
    const { feed } = this.#options;
    const { desk } = this.#exchange;
    const { nowMs } = desk.state;
    const candles = this.#closedCandles();
    desk.shown(nowMs);
    const gap = this.#gap;
    this.#gap = false;
    if (feed.endMs !== null && nowMs >= feed.endMs) this.#ended = true;
    return Promise.resolve({
      nowMs,
      candles,
      account: { kind: "read", value: desk.account() },
      market: this.#view(),
      events: desk.hear(),
      faults: [],
      gap,
    });
  }

  submit(commands: readonly Command[]): Promise<void> {
    this.#exchange.send(commands);
    return Promise.resolve();
  }

  async wait({ untilMs, alerts }: Wake): Promise<void> {
    const { feed, pace } = this.#options;
    const { desk } = this.#exchange;
    const latestMs = Math.min(Math.ceil(untilMs), feed.endMs ?? Infinity);
    const limitMs = alerts.reduce(
      (firstMs, alert) => Math.min(firstMs, this.#exchange.alertMs(alert, firstMs) ?? Infinity),
      latestMs,
    );
    const reachedMs = this.#exchange.run(Math.max(limitMs, desk.state.nowMs));
    if (reachedMs - this.#notedMs >= NOTE_TIME_MS) {
      this.#exchange.noteTime();
      this.#notedMs = reachedMs;
    }
    this.#write(desk.takeRows());
    await pace(reachedMs);
  }

  /** Simulated time goes on by this much with nobody there, as when the process was dead. */
  sleepThrough(ms: number): void {
    const { desk } = this.#exchange;
    this.#exchange.runAlone(Math.min(desk.state.nowMs + ms, this.#options.feed.endMs ?? Infinity));
    // Time has passed even where nothing happened in it.
    this.#exchange.noteTime();
    desk.patch({ arrivals: [], deliveries: [], shownMs: null });
    this.#write(desk.takeRows());
    this.#gap = true;
  }

  /** Writes where everything stands, so that the next start goes on as if nothing had happened. */
  close(): void {
    this.#write(this.#exchange.desk.takeRows());
    this.#options.ledger.append([this.#snapshot(true)]);
  }

  #write(rows: readonly LedgerRow[]): void {
    if (rows.length === 0) return;
    const { ledger } = this.#options;
    ledger.append(rows);
    this.#rowCount += rows.length;
    if (this.#rowCount < ROTATE_ROWS) return;
    ledger.rotate(this.#snapshot(false));
    this.#rowCount = 0;
  }

  #snapshot(clean: boolean): LedgerRow {
    const { feed, lineage } = this.#options;
    const { state } = this.#exchange.desk;
    const anchors = feed instanceof SyntheticFeed ? feed.anchors : [];
    return { k: "snapshot", at: state.nowMs, lineage, feed: feed.id, clean, state, anchors };
  }

  /** What closed since the last look; everything the feed has at the first look of a process. */
  #closedCandles(): readonly ClosedCandles[] {
    const { feed } = this.#options;
    const { nowMs } = this.#exchange.desk.state;
    const shownMs = this.#firstLook ? null : this.#exchange.desk.state.shownMs;
    this.#firstLook = false;
    if (shownMs !== null && Math.floor(shownMs / feed.baseMs) === Math.floor(nowMs / feed.baseMs)) {
      return [];
    }
    const fromMs = shownMs ?? -Infinity;
    const closed: ClosedCandles[] = [];
    for (const ticker of feed.tickers) {
      const candles = feed.closed(ticker, fromMs, nowMs);
      if (candles.length > 0) closed.push({ ticker, candles });
    }
    return closed;
  }

  /** Lookups at this instant; an answer is worked out once and then kept. */
  #view(): MarketView {
    const { feed } = this.#options;
    const { desk } = this.#exchange;
    const { nowMs } = desk.state;
    const marks = new Map<Ticker, Mark | null>();
    const books = new Map<Ticker, Book | null>();
    return {
      tickers: feed.tickers,
      market: (ticker) => feed.market(ticker),
      mark: (ticker) => remember(marks, ticker, () => desk.mark(ticker, nowMs)),
      book: (ticker) => remember(books, ticker, () => desk.book(ticker, nowMs)),
    };
  }
}

function remember<T>(known: Map<Ticker, T>, ticker: Ticker, work: () => T): T {
  const found = known.get(ticker);
  if (found !== undefined) return found;
  const made = work();
  known.set(ticker, made);
  return made;
}
