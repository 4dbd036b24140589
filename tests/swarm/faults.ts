/**
 * A venue that misbehaves on schedule: it wraps the simulated exchange and, by seed, loses, delays,
 * repeats and falsifies what passes through it. What really happened stays in the exchange's ledger.
 */
import type {
  Command,
  MarketView,
  Observation,
  Venue,
  VenueEvent,
  Wake,
} from "../../core/ports.ts";
import type { Book } from "../../core/types.ts";
import { chance } from "../../core/venues/chance.ts";
import { rejectCodeOf } from "../../core/router/errors.ts";
import { REFUSALS } from "./refusals.ts";
import type { SimVenue } from "../../core/venues/sim.ts";

export const FAULT_KINDS = [
  "failed_read",
  "stale_nav",
  "stale_feed",
  "missing_book",
  "wide_spread",
  "post_only_reject",
  "stop_reject",
  "throttle",
  "band_reject",
  "margin_reject",
  "reduce_reject",
  "repeated_submit",
  "unknown_reply",
  "duplicate_fill",
  "lost_fill",
  "lost_ack",
  "lost_submit",
  "venue_down",
  "nav_spike",
  "clock_jump",
  "foreign_trade",
  "nan_mark",
  "nan_book",
  "nan_account",
  "nan_trade",
  "missing_candle",
  "delisted",
  "disk_full",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** A time span in which a fault acts. */
export type Window = { readonly kind: FaultKind; readonly fromMs: number; readonly toMs: number };

/** Orders that are not the engine's begin with this. */
export const HAND = "hand-";

/** Faults every run has; the others are drawn. */
const ALWAYS: readonly FaultKind[] = ["failed_read", "stale_nav", "stale_feed"];
/** What meets single messages acts over longer spans: orders are rarer than ticks. */
const LONG: readonly FaultKind[] = [
  "post_only_reject",
  "stop_reject",
  "throttle",
  "band_reject",
  "margin_reject",
  "reduce_reject",
  "repeated_submit",
  "unknown_reply",
  "duplicate_fill",
  "lost_fill",
  "lost_ack",
  "lost_submit",
  "nan_trade",
  "missing_candle",
  "disk_full",
];
const LONG_FACTOR = 12;
/** Faults every run has must span more than one tick. */
const ALWAYS_MIN_MS = 120_000;
/** A jump of the clock may swallow a span whole. */
const ALWAYS_TIMES = 4;
const WIDE_FACTOR = 40;

/** The faults of one seed: spans of seconds to minutes, spread over the run. */
export function drawWindows(
  seed: number,
  { fromMs, toMs }: { fromMs: number; toMs: number },
): readonly Window[] {
  const windows: Window[] = [];
  FAULT_KINDS.forEach((kind, k) => {
    const always = ALWAYS.includes(kind);
    const times = always ? ALWAYS_TIMES : Math.floor(chance(seed, k, 1) * 4);
    for (let i = 0; i < times; i++) {
      const startMs = fromMs + chance(seed, k, i, 2) * (toMs - fromMs) * 0.9;
      const factor = LONG.includes(kind) ? LONG_FACTOR : 1;
      const lastsMs = ((always ? ALWAYS_MIN_MS : 5_000) + chance(seed, k, i, 3) ** 2 * 240_000) *
        factor;
      windows.push({ kind, fromMs: Math.round(startMs), toMs: Math.round(startMs + lastsMs) });
    }
  });
  return windows;
}

export class FaultyVenue implements Venue {
  readonly #venue: SimVenue;
  readonly #windows: readonly Window[];
  readonly #seed: number;
  /** How often each fault really changed something. */
  readonly counts = new Map<FaultKind, number>();
  #held: VenueEvent[] = [];
  #frozen: Observation | null = null;
  #jumped = new Set<Window>();
  #traded = new Set<Window>();
  #draws = 0;

  constructor(venue: SimVenue, windows: readonly Window[], seed: number) {
    this.#venue = venue;
    this.#windows = windows;
    this.#seed = seed;
  }

  async observe(): Promise<Observation | null> {
    const real = await this.#venue.observe();
    if (real === null) return null;
    const { nowMs } = real;
    this.#tradeByHand(nowMs);
    let seen: Observation = { ...real, events: this.#events(real) };
    if (this.#on("failed_read", nowMs) || this.#on("venue_down", nowMs)) {
      const fault = { code: "timeout", message: "no answer", retryable: true };
      seen = { ...seen, account: { kind: "failed", fault }, faults: [fault] };
      this.#count("failed_read");
    } else if (this.#on("stale_nav", nowMs) && this.#frozen !== null) {
      seen = { ...seen, account: this.#frozen.account };
      this.#count("stale_nav");
    } else this.#frozen = real;
    seen = this.#garble(this.#spike(seen));
    return { ...seen, ...this.#market(seen), candles: this.#candles(seen) };
  }

  async submit(commands: readonly Command[]): Promise<void> {
    const nowMs = this.#venue.exchange.desk.state.nowMs;
    const passed: Command[] = [];
    for (const command of commands) {
      if (this.#on("venue_down", nowMs)) this.#count("venue_down");
      else if (this.#on("lost_submit", nowMs) && this.#draw() < 0.5) this.#count("lost_submit");
      else if (this.#refuses(command, nowMs)) continue;
      else passed.push(command);
    }
    await this.#venue.submit(passed);
  }

  async wait(wake: Wake): Promise<void> {
    const { state } = this.#venue.exchange.desk;
    const jump = this.#windows.find((window) =>
      window.kind === "clock_jump" && state.nowMs >= window.fromMs && !this.#jumped.has(window)
    );
    await this.#venue.wait(wake);
    if (jump === undefined) return;
    this.#jumped.add(jump);
    this.#count("clock_jump");
    const targetMs = this.#venue.exchange.desk.state.nowMs + (jump.toMs - jump.fromMs);
    // What arrives during the jump is heard after it, all at once.
    while (this.#venue.exchange.desk.state.nowMs < targetMs) {
      this.#held.push(...this.#venue.exchange.desk.hear());
      await this.#venue.wait({ untilMs: targetMs, alerts: [] });
    }
  }

  /** Somebody trades on the account by hand: closes a leg, or opens one where there is none. */
  #tradeByHand(nowMs: number): void {
    const window = this.#windows.find((other) =>
      other.kind === "foreign_trade" && nowMs >= other.fromMs && !this.#traded.has(other)
    );
    if (window === undefined) return;
    this.#traded.add(window);
    this.#count("foreign_trade");
    const { exchange } = this.#venue;
    const [leg] = Object.values(exchange.desk.state.positions);
    const opens = leg === undefined || this.#draw() < 0.3;
    exchange.send([{
      kind: "place",
      order: {
        clientId: `${HAND}${nowMs}`,
        ticker: opens ? exchange.desk.feed.tickers[0]! : leg.ticker,
        side: opens ? "LONG" : leg.side,
        effect: opens ? "open" : "close",
        leverage: 1,
        kind: "market",
        tif: null,
        lots: opens ? 2 : Math.ceil(leg.lots / 2),
        priceTicks: null,
        stopTicks: null,
        closePosition: false,
      },
    }]);
  }

  /** After a kill the connection is new: nothing held back survives. */
  restart(): void {
    this.#held = [];
    this.#frozen = null;
  }

  /** Whether the journal's disk refuses now. */
  refusesRows(nowMs: number): boolean {
    const refuses = this.#on("disk_full", nowMs);
    if (refuses) this.#count("disk_full");
    return refuses;
  }

  /** Whether a fault acts now. */
  active(nowMs: number): boolean {
    return this.#windows.some(({ fromMs, toMs }) => nowMs >= fromMs && nowMs <= toMs);
  }

  #events({ events, nowMs }: Observation): readonly VenueEvent[] {
    if (this.#on("venue_down", nowMs)) {
      this.#held.push(...events);
      return [];
    }
    const heard: VenueEvent[] = [];
    for (const event of [...this.#held, ...events]) {
      if (event.kind === "trade" && this.#on("lost_fill", nowMs) && this.#draw() < 0.5) {
        this.#count("lost_fill");
        continue;
      }
      const answer = event.kind === "ack" || event.kind === "done" || event.kind === "reject";
      if (answer && this.#on("lost_ack", nowMs) && this.#draw() < 0.5) {
        this.#count("lost_ack");
        continue;
      }
      heard.push(event);
      if (event.kind === "trade" && this.#on("duplicate_fill", nowMs)) {
        heard.push(event);
        this.#count("duplicate_fill");
      }
    }
    this.#held = [];
    return heard;
  }

  #spike(seen: Observation): Observation {
    if (!this.#on("nav_spike", seen.nowMs) || seen.account.kind === "failed") return seen;
    const { value } = seen.account;
    const factor = chance(this.#seed, Math.floor(seen.nowMs / 600_000), 9) < 0.5 ? 10 : 0.1;
    const walletQty = Object.fromEntries(
      Object.entries(value.walletQty).map(([asset, qty]) => [asset, qty * factor]),
    );
    this.#count("nav_spike");
    return { ...seen, account: { kind: "read", value: { ...value, walletQty } } };
  }

  /** Numbers that are none, where the venue should have told some. */
  #garble(seen: Observation): Observation {
    let { account, events } = seen;
    const { nowMs } = seen;
    if (this.#on("nan_account", nowMs) && account.kind === "read") {
      const [leg, ...others] = account.value.positions;
      if (leg !== undefined) {
        this.#count("nan_account");
        const part = this.#draw();
        const garbled = part < 0.5
          ? { ...leg, lots: part < 0.25 ? NaN : 0.5 }
          : { ...leg, entryPx: NaN, unrealizedUsd: NaN, leverage: Infinity };
        account = { kind: "read", value: { ...account.value, positions: [garbled, ...others] } };
      }
    }
    if (this.#on("nan_trade", nowMs)) {
      events = events.map((event) => {
        if (event.kind === "income") {
          this.#count("nan_trade");
          return { ...event, income: { ...event.income, usd: NaN } };
        }
        if (event.kind !== "trade" || this.#draw() < 0.5) return event;
        this.#count("nan_trade");
        const wrong = this.#draw() < 0.5 ? { px: NaN } : { lots: Infinity, feeUsd: NaN };
        return { ...event, trade: { ...event.trade, ...wrong } };
      });
    }
    return { ...seen, account, events };
  }

  /** Candles that never came, or came without prices. */
  #candles({ nowMs, candles }: Observation): Observation["candles"] {
    if (!this.#on("missing_candle", nowMs) || candles.length === 0) return candles;
    this.#count("missing_candle");
    return candles.flatMap((closed, i) => {
      if (i % 3 === 0) return [];
      if (i % 3 === 1) return [closed];
      return [{ ...closed, candles: closed.candles.map((one) => ({ ...one, close: NaN })) }];
    });
  }

  #market({ nowMs, market }: Observation): Pick<Observation, "market"> {
    if (this.#on("stale_feed", nowMs)) {
      this.#count("stale_feed");
      const stale: MarketView = {
        ...market,
        mark: (ticker) => {
          const mark = market.mark(ticker);
          return mark === null ? null : { ...mark, atMs: mark.atMs - 60_000 };
        },
        book: () => null,
      };
      return { market: stale };
    }
    if (this.#on("missing_book", nowMs)) {
      return { market: { ...market, book: () => (this.#count("missing_book"), null) } };
    }
    if (this.#on("wide_spread", nowMs)) {
      const book = (ticker: Parameters<MarketView["book"]>[0]) => {
        this.#count("wide_spread");
        return widen(market.book(ticker));
      };
      return { market: { ...market, book } };
    }
    if (this.#on("nan_mark", nowMs)) {
      const mark: MarketView["mark"] = (ticker) => {
        const real = market.mark(ticker);
        this.#count("nan_mark");
        return real === null ? null : { ...real, px: ticker.length % 2 === 0 ? NaN : -1 };
      };
      return { market: { ...market, mark } };
    }
    if (this.#on("nan_book", nowMs)) {
      const book: MarketView["book"] = (ticker) => {
        const real = market.book(ticker);
        this.#count("nan_book");
        return real === null ? null : {
          ...real,
          bids: real.bids.map((level) => ({ ...level, priceTicks: level.priceTicks + 0.25 })),
          asks: real.asks.map((level) => ({ ...level, priceTicks: NaN })),
        };
      };
      return { market: { ...market, book } };
    }
    if (this.#on("delisted", nowMs)) {
      const [gone] = market.tickers;
      const known: MarketView["market"] = (ticker) => {
        if (ticker !== gone) return market.market(ticker);
        this.#count("delisted");
        return null;
      };
      return { market: { ...market, market: known } };
    }
    return { market };
  }

  /**
   * Answers instead of the exchange, which is heard with the next observation. True where the
   * command does not reach it; a repeated submit reaches it and is refused all the same.
   */
  #refuses(command: Command, nowMs: number): boolean {
    if (command.kind !== "place") return false;
    const { order } = command;
    const refusal = REFUSALS.find(({ kind, of }) => this.#on(kind, nowMs) && of(order));
    if (refusal === undefined || this.#draw() > refusal.chance) return false;
    const { kind, venueCode, arrives } = refusal;
    this.#count(kind);
    const message = `refused by ${kind}`;
    const code = rejectCodeOf(venueCode, message);
    const { clientId } = order;
    this.#held.push({ kind: "reject", clientId, code, venueCode, message, atMs: nowMs });
    return this.#draw() >= arrives;
  }

  #on(kind: FaultKind, nowMs: number): boolean {
    return this.#windows.some((window) =>
      window.kind === kind && nowMs >= window.fromMs && nowMs <= window.toMs
    );
  }

  #count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  #draw(): number {
    this.#draws += 1;
    return chance(this.#seed, this.#draws, 77);
  }
}

function widen(book: Book | null): Book | null {
  if (book === null) return null;
  const away = (ticks: number, sign: 1 | -1) =>
    Math.max(1, Math.round(ticks * (1 + (sign * WIDE_FACTOR) / 10_000)));
  return {
    atMs: book.atMs,
    bids: book.bids.map(({ priceTicks, lots }) => ({ priceTicks: away(priceTicks, -1), lots })),
    asks: book.asks.map(({ priceTicks, lots }) => ({ priceTicks: away(priceTicks, 1), lots })),
  };
}
