/**
 * The books of the simulated exchange: its state, its clock, what it knows about prices and about
 * the account, and the two ways anything leaves it: a ledger row and a word to the engine.
 */
import type { PositionMode } from "../router/position_side.ts";
import { assert } from "../assert.ts";
import { sortedEntries } from "../dict.ts";
import { unitsToNumber } from "../increments.ts";
import type { VenueEvent } from "../ports.ts";
import type { Bucket } from "../router/rules.ts";
import {
  type Account,
  type Book,
  type Mark,
  signOf,
  type Ticker,
  type VenueOrder,
  type VenuePosition,
} from "../types.ts";
import { chance } from "./chance.ts";
import { type Feed, Paths } from "./feed.ts";
import { bookAt } from "./sim_book.ts";
import {
  applyRow,
  type InFlight,
  type LedgerRow,
  type SimPosition,
  type SimState,
} from "./sim_state.ts";

const LOOK_BACK_CANDLES = 1_000;

export type ExchangeRules = {
  readonly seed: number;
  readonly latencyMs: number;
  readonly makerBps: number;
  readonly takerBps: number;
  readonly positionMode: PositionMode;
  readonly bucketOf: (ticker: Ticker) => Bucket;
};

export class SimDesk {
  readonly feed: Feed;
  readonly rules: ExchangeRules;
  readonly paths: Paths;
  #state: SimState;
  #rows: LedgerRow[] = [];

  constructor(feed: Feed, rules: ExchangeRules, state: SimState) {
    this.feed = feed;
    this.rules = rules;
    this.paths = new Paths(feed, rules.seed);
    this.#state = state;
  }

  get state(): SimState {
    return this.#state;
  }

  /** Rows since the last call: to be on disk before anything they say is told. */
  takeRows(): readonly LedgerRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /** What has reached the engine by now. */
  hear(): readonly VenueEvent[] {
    const { deliveries, nowMs } = this.#state;
    const arrived = deliveries.filter(({ atMs }) => atMs <= nowMs);
    if (arrived.length === 0) return [];
    this.#state = { ...this.#state, deliveries: deliveries.slice(arrived.length) };
    return arrived.map(({ what }) => what);
  }

  /** Notes up to where closed candles have been shown. */
  shown(ms: number): void {
    this.#state = { ...this.#state, shownMs: ms };
  }

  /** The mark at an instant; in a gap the last one there was, with its own time. */
  mark(ticker: Ticker, atMs: number = this.#state.nowMs): Mark | null {
    const px = this.paths.pxAt(ticker, atMs);
    if (px !== null) return { px, atMs };
    const { baseMs } = this.feed;
    const last = this.feed.closed(ticker, atMs - LOOK_BACK_CANDLES * baseMs, atMs).at(-1);
    return last === undefined ? null : { px: last.close, atMs: last.openMs + baseMs };
  }

  /** The book at an instant; null in a gap. */
  book(ticker: Ticker, atMs: number = this.#state.nowMs): Book | null {
    const px = this.paths.pxAt(ticker, atMs);
    const candle = this.paths.candleAt(ticker, atMs);
    const market = this.feed.market(ticker);
    if (px === null || candle === null || market === null) return null;
    const bucket = this.rules.bucketOf(ticker);
    return bookAt(px, candle, { market, bucket, baseMs: this.feed.baseMs, atMs });
  }

  /** Balances, positions and open orders as they are now. */
  account(): Account {
    const { nowMs, walletUsd, positions, orders } = this.#state;
    const legs = sortedEntries(positions).map(([, leg]): VenuePosition => {
      const mark = this.mark(leg.ticker);
      return {
        ticker: leg.ticker,
        side: leg.side,
        lots: leg.lots,
        entryPx: leg.entryPx,
        mark,
        unrealizedUsd: mark === null ? null : this.gain(leg, mark.px),
        leverage: leg.leverage,
        liquidationPx: null,
      };
    });
    const open = sortedEntries(orders).map(([, order]): VenueOrder => ({
      clientId: order.clientId,
      ticker: order.ticker,
      side: order.side,
      effect: order.effect,
      kind: order.kind,
      lots: order.lots,
      filledLots: order.filledLots,
      stopTicks: order.stopTicks,
    }));
    return { atMs: nowMs, walletQty: { USDT: walletUsd }, positions: legs, openOrders: open };
  }

  freeMarginUsd(): number {
    let usedUsd = 0;
    for (const leg of Object.values(this.#state.positions)) {
      usedUsd += this.valueUsd(leg) / leg.leverage;
    }
    for (const order of Object.values(this.#state.orders)) {
      if (order.effect !== "open" || order.priceTicks === null) continue;
      const market = this.feed.market(order.ticker)!;
      const qty = unitsToNumber(order.lots - order.filledLots, market.lot);
      usedUsd += (unitsToNumber(order.priceTicks, market.tick) * qty) / order.leverage;
    }
    return this.equityUsd() - usedUsd;
  }

  equityUsd(): number {
    let equityUsd = this.#state.walletUsd;
    for (const leg of Object.values(this.#state.positions)) {
      equityUsd += this.gain(leg, this.mark(leg.ticker)?.px ?? leg.entryPx);
    }
    return equityUsd;
  }

  valueUsd(leg: SimPosition): number {
    const market = this.feed.market(leg.ticker)!;
    const px = this.mark(leg.ticker)?.px ?? leg.entryPx;
    return px * unitsToNumber(leg.lots, market.lot);
  }

  gain({ ticker, side, lots, entryPx }: SimPosition, px: number): number {
    const market = this.feed.market(ticker)!;
    return signOf(side) * (px - entryPx) * unitsToNumber(lots, market.lot);
  }

  inFlight<T>(what: T, n: number, stream: number): InFlight<T> {
    const spread = 0.5 + chance(this.rules.seed, n, stream);
    const latencyMs = Math.max(1, Math.round(this.rules.latencyMs * spread));
    return { atMs: this.#state.nowMs + latencyMs, n, what };
  }

  tell(event: VenueEvent): void {
    const eventCount = this.#state.eventCount + 1;
    const { deliveries } = this.#state;
    const sent = this.inFlight(event, eventCount, 52);
    // One connection: nothing overtakes what was told before it.
    const atMs = Math.max(sent.atMs, deliveries.at(-1)?.atMs ?? 0);
    this.#state = { ...this.#state, eventCount, deliveries: [...deliveries, { ...sent, atMs }] };
  }

  commit(row: LedgerRow): void {
    this.#state = applyRow(this.#state, row);
    this.#rows.push(row);
  }

  clock(ms: number): void {
    assert(ms >= this.#state.nowMs, "the exchange's clock only moves forward");
    this.#state = { ...this.#state, nowMs: ms };
  }

  /** Replaces slices that are no row of the ledger: what is on its way, and counters of it. */
  patch(slices: Partial<SimState>): void {
    this.#state = { ...this.#state, ...slices };
  }
}
