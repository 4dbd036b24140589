/**
 * The matching engine and account of the simulated exchange: it takes commands, moves its clock and
 * says what happened. Deterministic: the same seed, candles and commands give the same rows.
 */
import { assert, unreachable } from "../assert.ts";
import { sortedEntries } from "../dict.ts";
import { unitsToNumber } from "../increments.ts";
import type { Command, NewOrder, RejectCode, VenueEvent } from "../ports.ts";
import type { Bucket } from "../router/rules.ts";
import {
  type Account,
  type Book,
  buys,
  type Mark,
  type Market,
  type Side,
  signOf,
  type Ticker,
  type Trade,
  type VenueOrder,
  type VenuePosition,
} from "../types.ts";
import { BPS_PER_UNIT, MS_PER_HOUR } from "../units.ts";
import { chance, label } from "./chance.ts";
import { type Feed, Paths } from "./feed.ts";
import { bookAt, topLots } from "./sim_book.ts";
import { firstCrossMs, type Flow, type Progress, progressOf } from "./sim_fill.ts";
import {
  applyRow,
  type InFlight,
  type LedgerRow,
  type SimOrder,
  type SimPosition,
  type SimState,
} from "./sim_state.ts";

const FUNDING_MS = 8 * MS_PER_HOUR;
const FUNDING_BASE_FRAC = 0.0001;
const MAINTENANCE_FRAC = 0.005;
/** A partial fill is told when it is at least this share of the order. */
const PARTIAL_SHARE = 0.2;
const LOOK_BACK_CANDLES = 1_000;

export type ExchangeRules = {
  readonly seed: number;
  readonly latencyMs: number;
  readonly makerBps: number;
  readonly takerBps: number;
  readonly positionMode: "hedge" | "one_way";
  readonly bucketOf: (ticker: Ticker) => Bucket;
};

export class SimExchange {
  readonly #feed: Feed;
  readonly #rules: ExchangeRules;
  readonly #paths: Paths;
  #state: SimState;
  #rows: LedgerRow[] = [];

  constructor(feed: Feed, rules: ExchangeRules, state: SimState) {
    this.#feed = feed;
    this.#rules = rules;
    this.#paths = new Paths(feed, rules.seed);
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

  /** Takes commands; they arrive after a latency. */
  send(commands: readonly Command[]): void {
    let { commandCount, arrivals } = this.#state;
    for (const what of commands) {
      commandCount += 1;
      arrivals = [...arrivals, this.#inFlight(what, commandCount, 51)];
    }
    this.#state = { ...this.#state, commandCount, arrivals: arrivals.toSorted(byTime) };
  }

  /**
   * Moves the clock to `toMs`, or to the first instant before it at which something reaches the
   * engine. Returns the instant reached.
   */
  run(toMs: number): number {
    while (true) {
      const heardMs = this.#state.deliveries[0]?.atMs ?? Infinity;
      const horizonMs = Math.min(toMs, heardMs);
      const next = this.#nextHappening(horizonMs);
      if (next === null) {
        this.#clock(horizonMs);
        break;
      }
      this.#clock(next.atMs);
      next.happen();
      this.#liquidateIfDue();
    }
    this.#tellPartials();
    this.#liquidateIfDue();
    return this.#state.nowMs;
  }

  /** Moves the clock without anybody listening: what happens is kept in the ledger only. */
  runAlone(toMs: number): void {
    while (this.run(toMs) < toMs) this.hear();
    this.hear();
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

  /** Money in or out, as from a human. */
  transfer(usd: number): void {
    this.#income("transfer", usd, null);
  }

  /** A row that says where the clock stands. */
  noteTime(): void {
    this.#commit({ k: "at", at: this.#state.nowMs, fundedMs: this.#state.fundedMs });
  }

  mark(ticker: Ticker): Mark | null {
    const { nowMs } = this.#state;
    const px = this.#paths.pxAt(ticker, nowMs);
    if (px !== null) return { px, atMs: nowMs };
    const { baseMs } = this.#feed;
    const last = this.#feed.closed(ticker, nowMs - LOOK_BACK_CANDLES * baseMs, nowMs).at(-1);
    return last === undefined ? null : { px: last.close, atMs: last.openMs + baseMs };
  }

  book(ticker: Ticker): Book | null {
    const { nowMs } = this.#state;
    const px = this.#paths.pxAt(ticker, nowMs);
    const candle = this.#paths.candleAt(ticker, nowMs);
    const market = this.#feed.market(ticker);
    if (px === null || candle === null || market === null) return null;
    const { baseMs } = this.#feed;
    return bookAt(px, candle, {
      market,
      bucket: this.#rules.bucketOf(ticker),
      baseMs,
      atMs: nowMs,
    });
  }

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
        unrealizedUsd: mark === null ? null : this.#gain(leg, mark.px),
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

  /** The earliest thing that happens at the exchange up to `toMs`. Ties: fills, funding, commands. */
  #nextHappening(toMs: number): { atMs: number; happen: () => void } | null {
    let next: { atMs: number; happen: () => void } | null = null;
    const consider = (atMs: number | null, happen: () => void) => {
      if (atMs === null || atMs > toMs || (next !== null && atMs >= next.atMs)) return;
      next = { atMs: Math.max(atMs, this.#state.nowMs), happen };
    };
    for (const [, order] of sortedEntries(this.#state.orders)) {
      if (order.kind === "stop_market") {
        consider(this.#triggerMs(order, toMs), () => this.#trigger(order));
      } else consider(this.#progress(order, toMs).completeMs, () => this.#completeResting(order));
    }
    const fundingMs = (Math.floor(this.#state.fundedMs / FUNDING_MS) + 1) * FUNDING_MS;
    consider(fundingMs, () => this.#fund(fundingMs));
    for (const [ticker, untilMs] of sortedEntries(this.#state.deadManMs)) {
      consider(untilMs, () => this.#deadMan(ticker as Ticker));
    }
    const arrival = this.#state.arrivals[0];
    if (arrival !== undefined) consider(arrival.atMs, () => this.#arrive(arrival));
    return next;
  }

  #arrive(arrival: InFlight<Command>): void {
    this.#state = { ...this.#state, arrivals: this.#state.arrivals.slice(1) };
    const command = arrival.what;
    const { nowMs } = this.#state;
    switch (command.kind) {
      case "place":
        return this.#place(command.order);
      case "cancel": {
        const order = this.#state.orders[command.clientId];
        if (order === undefined) return this.#answer(command.clientId);
        this.#fillResting(order, this.#progress(order, nowMs).lots);
        return this.#finish(order.clientId, "cancelled");
      }
      case "query_order":
        return this.#answer(command.clientId);
      case "query_trades": {
        const { ticker, afterId } = command;
        const trades = this.#state.trades.filter((trade) =>
          trade.ticker === ticker && trade.id > afterId
        );
        return this.#tell({ kind: "trades_answer", ticker, afterId, trades, atMs: nowMs });
      }
      case "query_income":
        for (const income of this.#state.incomes) {
          if (income.id > command.afterId) this.#tell({ kind: "income", income });
        }
        return;
      case "dead_man": {
        const { ticker, timeoutMs } = command;
        const untilMs = timeoutMs === 0 ? 0 : nowMs + timeoutMs;
        return this.#commit({ k: "dead_man", at: nowMs, ticker, untilMs });
      }
      default:
        return unreachable(command);
    }
  }

  #place(order: NewOrder): void {
    const { clientId, ticker } = order;
    const { orders, done, nowMs } = this.#state;
    if (orders[clientId] !== undefined || done[clientId] !== undefined) {
      return this.#reject(clientId, "duplicate_id", "this client order id has been used");
    }
    const market = this.#feed.market(ticker);
    const book = this.book(ticker);
    if (market === null || book === null) {
      return this.#reject(clientId, "unavailable", `${ticker} is not trading`);
    }
    if (order.kind === "stop_market") return this.#placeStop(order);
    const refused = this.#refusal(order, market, book);
    if (refused !== null) return this.#reject(clientId, ...refused);
    const lots = this.#reducible(order);
    const accepted = { ...order, lots, acceptedMs: nowMs, filledLots: 0, queueLots: 0 };
    const queueLots = order.tif === "GTX" ? this.#queueAhead(accepted, market, book) : 0;
    this.#accept({ ...accepted, queueLots });
    if (order.tif !== "GTX") this.#sweep(clientId, book, "order");
  }

  /** Why an order is refused before it reaches the book; null when it is not. */
  #refusal(order: NewOrder, market: Market, book: Book): [RejectCode, string] | null {
    const { lots, priceTicks, kind, effect } = order;
    const [smallest, largest] = kind === "market"
      ? [market.marketMinLots, market.marketMaxLots]
      : [market.minLots, market.maxLots];
    if (!Number.isInteger(lots) || lots < smallest || lots > largest) {
      return ["filter", `${lots} lots are outside ${smallest} to ${largest}`];
    }
    if (kind === "limit" && (priceTicks === null || priceTicks < market.minTicks)) {
      return ["filter", "price below the smallest"];
    }
    if (effect === "close") {
      const held = this.#state.positions[`${order.ticker}:${order.side}`]?.lots ?? 0;
      const tooMuch = this.#rules.positionMode === "hedge" ? lots > held : held === 0;
      if (tooMuch) return ["reduce_only_rejected", `the position holds ${held} lots`];
    }
    if (order.tif === "GTX" && this.#crosses(order, book)) {
      return ["post_only_would_take", "the order would immediately match and take"];
    }
    if (effect === "open") {
      const px = unitsToNumber(priceTicks ?? book.asks[0]!.priceTicks, market.tick);
      const usd = px * unitsToNumber(lots, market.lot);
      if (usd < market.minNotionalUsd) return ["filter", "below the smallest notional"];
      if (usd / order.leverage > this.#freeMarginUsd()) {
        return ["insufficient_margin", "margin is insufficient"];
      }
    }
    return null;
  }

  #placeStop(order: NewOrder): void {
    const { clientId, ticker, side, stopTicks } = order;
    const leg = this.#state.positions[`${ticker}:${side}`];
    if (leg === undefined || stopTicks === null) {
      return this.#reject(clientId, "reduce_only_rejected", "no position to close");
    }
    const rival = Object.values(this.#state.orders).some((other) =>
      other.closePosition && other.ticker === ticker && other.side === side
    );
    if (rival) return this.#reject(clientId, "stop_exists", "a closing stop rests already");
    const market = this.#feed.market(ticker)!;
    const stopPx = unitsToNumber(stopTicks, market.tick);
    const mark = this.mark(ticker)!;
    if (signOf(side) * (mark.px - stopPx) <= 0) {
      return this.#reject(clientId, "would_trigger", "the stop would trigger at once");
    }
    const { nowMs } = this.#state;
    this.#accept({ ...order, acceptedMs: nowMs, filledLots: 0, queueLots: 0 });
  }

  #accept(order: SimOrder): void {
    const { nowMs } = this.#state;
    this.#commit({ k: "order", at: nowMs, order });
    this.#tell({ kind: "ack", clientId: order.clientId, atMs: nowMs });
  }

  #reject(clientId: string, code: RejectCode, message: string): void {
    const { nowMs } = this.#state;
    this.#commit({ k: "reject", at: nowMs, clientId, code });
    this.#tell({ kind: "reject", clientId, code, message, atMs: nowMs });
  }

  /** Takes what the book offers up to the order's price, and ends the order. */
  #sweep(clientId: string, book: Book, cause: Trade["cause"]): void {
    const order = this.#state.orders[clientId]!;
    const market = this.#feed.market(order.ticker)!;
    const direction = buys(order.side, order.effect);
    let left = order.lots - order.filledLots;
    for (const level of direction ? book.asks : book.bids) {
      const bound = order.priceTicks;
      const beyond = bound !== null &&
        (direction ? level.priceTicks > bound : level.priceTicks < bound);
      if (left === 0 || beyond) break;
      const lots = Math.min(left, level.lots);
      this.#trade(order, {
        px: unitsToNumber(level.priceTicks, market.tick),
        lots,
        maker: false,
        cause,
      });
      left -= lots;
    }
    this.#finish(clientId, left === 0 ? "filled" : "expired");
  }

  #completeResting(order: SimOrder): void {
    this.#fillResting(order, order.lots);
    this.#finish(order.clientId, "filled");
  }

  /** Brings a resting order up to `lots` filled in total. */
  #fillResting(order: SimOrder, lots: number): void {
    const current = this.#state.orders[order.clientId];
    if (current === undefined || lots <= current.filledLots || order.priceTicks === null) return;
    const market = this.#feed.market(order.ticker)!;
    const px = unitsToNumber(order.priceTicks, market.tick);
    this.#trade(current, { px, lots: lots - current.filledLots, maker: true, cause: "order" });
  }

  #tellPartials(): void {
    for (const [, order] of sortedEntries(this.#state.orders)) {
      if (order.kind === "stop_market") continue;
      const { lots } = this.#progress(order, this.#state.nowMs);
      const more = lots - order.filledLots;
      if (more >= Math.max(1, order.lots * PARTIAL_SHARE)) this.#fillResting(order, lots);
    }
  }

  #triggerMs(order: SimOrder, toMs: number): number | null {
    const market = this.#feed.market(order.ticker);
    if (market === null || order.stopTicks === null) return null;
    return firstCrossMs(this.#paths, {
      ticker: order.ticker,
      level: unitsToNumber(order.stopTicks, market.tick),
      falling: order.side === "LONG",
      fromMs: Math.max(order.acceptedMs, this.#state.nowMs),
      toMs,
    });
  }

  /** A protective stop becomes a market order for whatever its leg holds now. */
  #trigger(stop: SimOrder): void {
    const leg = this.#state.positions[`${stop.ticker}:${stop.side}`];
    if (leg === undefined) return this.#finish(stop.clientId, "expired");
    const book = this.book(stop.ticker);
    if (book === null) return this.#finish(stop.clientId, "expired");
    const live: SimOrder = { ...stop, lots: leg.lots, priceTicks: null };
    this.#state = {
      ...this.#state,
      orders: { ...this.#state.orders, [stop.clientId]: live },
    };
    this.#sweep(stop.clientId, book, "stop");
  }

  #trade(
    order: NewOrder,
    { px, lots, maker, cause }: {
      px: number;
      lots: number;
      maker: boolean;
      cause: Trade["cause"];
    },
  ): void {
    const other = order.side === "LONG" ? "SHORT" : "LONG";
    const against = this.#state.positions[`${order.ticker}:${other}`];
    const nets = this.#rules.positionMode === "one_way" && order.effect === "open" &&
      against !== undefined;
    const netted = nets ? Math.min(lots, against.lots) : 0;
    if (netted > 0) {
      this.#book({ order, side: other, effect: "close", px, lots: netted, maker, cause });
    }
    if (lots > netted) {
      const { side, effect } = order;
      this.#book({ order, side, effect, px, lots: lots - netted, maker, cause });
    }
  }

  /** One trade in the books: position, wallet, fee, and the word to the engine. */
  #book(
    { order, side, effect, px, lots, maker, cause }: {
      order: NewOrder;
      side: Side;
      effect: "open" | "close";
      px: number;
      lots: number;
      maker: boolean;
      cause: Trade["cause"];
    },
  ): void {
    const { nowMs, positions, walletUsd, lastTradeId } = this.#state;
    const market = this.#feed.market(order.ticker)!;
    const key = `${order.ticker}:${side}`;
    const leg = positions[key];
    const qty = unitsToNumber(lots, market.lot);
    const feeBps = maker ? this.#rules.makerBps : this.#rules.takerBps;
    const feeUsd = (px * qty * feeBps) / BPS_PER_UNIT;
    assert(effect === "open" || leg !== undefined, "a closing trade has a position");
    const realizedUsd = effect === "open" ? 0 : signOf(side) * (px - leg!.entryPx) * qty;
    const trade: Trade = {
      id: lastTradeId + 1,
      clientId: order.clientId,
      ticker: order.ticker,
      side,
      effect,
      px,
      lots,
      feeUsd,
      maker,
      realizedUsd,
      atMs: nowMs,
      cause,
    };
    this.#commit({
      k: "trade",
      at: nowMs,
      trade,
      walletUsd: walletUsd + realizedUsd - feeUsd,
      position: after(leg, { order, side, effect, px, lots }),
      positionKey: key,
    });
    this.#tell({ kind: "trade", trade });
  }

  #finish(clientId: string, status: "filled" | "cancelled" | "expired"): void {
    const order = this.#state.orders[clientId];
    if (order === undefined) return;
    const { nowMs } = this.#state;
    const executedLots = order.filledLots;
    this.#commit({ k: "done", at: nowMs, clientId, done: { status, executedLots } });
    this.#tell({ kind: "done", clientId, status, executedLots, atMs: nowMs });
  }

  #answer(clientId: string): void {
    const { orders, done, nowMs } = this.#state;
    const open = orders[clientId];
    const over = done[clientId];
    const found = open !== undefined
      ? { status: "open" as const, executedLots: open.filledLots }
      : over === undefined
      ? null
      : { status: over.status, executedLots: over.executedLots };
    this.#tell({ kind: "order_answer", clientId, found, atMs: nowMs });
  }

  #fund(atMs: number): void {
    for (const [, leg] of sortedEntries(this.#state.positions)) {
      const mark = this.mark(leg.ticker);
      const market = this.#feed.market(leg.ticker);
      if (mark === null || market === null) continue;
      const luck = chance(this.#rules.seed, atMs, label(leg.ticker), 61);
      const rateFrac = FUNDING_BASE_FRAC * 2 * luck;
      const usd = -signOf(leg.side) * rateFrac * mark.px * unitsToNumber(leg.lots, market.lot);
      this.#income("funding", usd, leg);
    }
    this.#commit({ k: "at", at: this.#state.nowMs, fundedMs: atMs });
  }

  #income(type: "funding" | "transfer", usd: number, leg: SimPosition | null): void {
    const { nowMs, lastIncomeId, walletUsd } = this.#state;
    const income = {
      id: lastIncomeId + 1,
      type,
      ticker: leg?.ticker ?? null,
      side: leg?.side ?? null,
      usd,
      atMs: nowMs,
    };
    this.#commit({ k: "income", at: nowMs, income, walletUsd: walletUsd + usd });
    this.#tell({ kind: "income", income });
  }

  /** Nobody renewed the switch: quotes of the symbol are taken back, stops stay. */
  #deadMan(ticker: Ticker): void {
    const { nowMs, orders } = this.#state;
    this.#commit({ k: "dead_man", at: nowMs, ticker, untilMs: 0 });
    for (const [clientId, order] of sortedEntries(orders)) {
      if (order.ticker !== ticker || order.kind === "stop_market") continue;
      this.#fillResting(order, this.#progress(order, nowMs).lots);
      this.#finish(clientId, "cancelled");
    }
  }

  #liquidateIfDue(): void {
    const { positions } = this.#state;
    let grossUsd = 0;
    for (const leg of Object.values(positions)) grossUsd += this.#valueUsd(leg);
    if (grossUsd === 0 || this.#equityUsd() > grossUsd * MAINTENANCE_FRAC) return;
    for (const [key, leg] of sortedEntries(positions)) {
      const clientId = `liquidation-${this.#state.lastTradeId}-${key}`;
      const book = this.book(leg.ticker);
      const { nowMs } = this.#state;
      const order: SimOrder = {
        clientId,
        ticker: leg.ticker,
        side: leg.side,
        effect: "close",
        kind: "market",
        tif: null,
        lots: leg.lots,
        priceTicks: null,
        stopTicks: null,
        closePosition: false,
        leverage: leg.leverage,
        acceptedMs: nowMs,
        filledLots: 0,
        queueLots: 0,
      };
      this.#commit({ k: "order", at: nowMs, order });
      if (book !== null) this.#sweep(clientId, book, "liquidation");
    }
  }

  #freeMarginUsd(): number {
    let usedUsd = 0;
    for (const leg of Object.values(this.#state.positions)) {
      usedUsd += this.#valueUsd(leg) / leg.leverage;
    }
    for (const order of Object.values(this.#state.orders)) {
      if (order.effect !== "open" || order.priceTicks === null) continue;
      const market = this.#feed.market(order.ticker)!;
      const qty = unitsToNumber(order.lots - order.filledLots, market.lot);
      usedUsd += (unitsToNumber(order.priceTicks, market.tick) * qty) / order.leverage;
    }
    return this.#equityUsd() - usedUsd;
  }

  #equityUsd(): number {
    let equityUsd = this.#state.walletUsd;
    for (const leg of Object.values(this.#state.positions)) {
      equityUsd += this.#gain(leg, this.mark(leg.ticker)?.px ?? leg.entryPx);
    }
    return equityUsd;
  }

  #valueUsd(leg: SimPosition): number {
    const market = this.#feed.market(leg.ticker)!;
    const px = this.mark(leg.ticker)?.px ?? leg.entryPx;
    return px * unitsToNumber(leg.lots, market.lot);
  }

  #gain({ ticker, side, lots, entryPx }: SimPosition, px: number): number {
    const market = this.#feed.market(ticker)!;
    return signOf(side) * (px - entryPx) * unitsToNumber(lots, market.lot);
  }

  /** One-way mode trims a closing order to the position, as exchanges do. */
  #reducible(order: NewOrder): number {
    if (order.effect === "open") return order.lots;
    const held = this.#state.positions[`${order.ticker}:${order.side}`]?.lots ?? 0;
    return Math.min(order.lots, held);
  }

  #crosses(order: NewOrder, book: Book): boolean {
    const direction = buys(order.side, order.effect);
    return direction
      ? order.priceTicks! >= book.asks[0]!.priceTicks
      : order.priceTicks! <= book.bids[0]!.priceTicks;
  }

  /** Nothing is ahead of a quote that improves the touch; at the touch or behind it, a level is. */
  #queueAhead(order: SimOrder, market: Market, book: Book): number {
    const direction = buys(order.side, order.effect);
    const best = (direction ? book.bids[0] : book.asks[0])!.priceTicks;
    const improves = direction ? order.priceTicks! > best : order.priceTicks! < best;
    if (improves) return 0;
    const px = unitsToNumber(order.priceTicks!, market.tick);
    const candle = this.#paths.candleAt(order.ticker, this.#state.nowMs)!;
    return topLots(px, candle, { market, baseMs: this.#feed.baseMs });
  }

  #progress(order: SimOrder, toMs: number): Progress {
    const market = this.#feed.market(order.ticker);
    if (market === null || order.priceTicks === null) return { lots: 0, completeMs: null };
    const flow: Flow = {
      paths: this.#paths,
      market,
      bucket: this.#rules.bucketOf(order.ticker),
      baseMs: this.#feed.baseMs,
    };
    return progressOf(
      {
        ticker: order.ticker,
        buys: buys(order.side, order.effect),
        priceTicks: order.priceTicks,
        lots: order.lots,
        queueLots: order.queueLots,
        acceptedMs: order.acceptedMs,
      },
      toMs,
      flow,
    );
  }

  #inFlight<T>(what: T, n: number, stream: number): InFlight<T> {
    const spread = 0.5 + chance(this.#rules.seed, n, stream);
    const latencyMs = Math.max(1, Math.round(this.#rules.latencyMs * spread));
    return { atMs: this.#state.nowMs + latencyMs, n, what };
  }

  #tell(event: VenueEvent): void {
    const eventCount = this.#state.eventCount + 1;
    const { deliveries } = this.#state;
    const sent = this.#inFlight(event, eventCount, 52);
    // One connection: nothing overtakes what was told before it.
    const atMs = Math.max(sent.atMs, deliveries.at(-1)?.atMs ?? 0);
    this.#state = { ...this.#state, eventCount, deliveries: [...deliveries, { ...sent, atMs }] };
  }

  #commit(row: LedgerRow): void {
    this.#state = applyRow(this.#state, row);
    this.#rows.push(row);
  }

  #clock(ms: number): void {
    assert(ms >= this.#state.nowMs, "the exchange's clock only moves forward");
    this.#state = { ...this.#state, nowMs: ms };
  }
}

function after(
  leg: SimPosition | undefined,
  { order, side, effect, px, lots }: {
    order: NewOrder;
    side: Side;
    effect: "open" | "close";
    px: number;
    lots: number;
  },
): SimPosition | null {
  if (effect === "close") {
    const left = leg!.lots - lots;
    assert(left >= 0, "a position never falls below nothing");
    return left === 0 ? null : { ...leg!, lots: left };
  }
  if (leg === undefined) {
    return { ticker: order.ticker, side, lots, entryPx: px, leverage: order.leverage };
  }
  const total = leg.lots + lots;
  return { ...leg, lots: total, entryPx: (leg.entryPx * leg.lots + px * lots) / total };
}

function byTime(a: InFlight<unknown>, b: InFlight<unknown>): number {
  return a.atMs - b.atMs || a.n - b.n;
}
