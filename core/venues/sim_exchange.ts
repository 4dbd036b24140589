/**
 * The simulated exchange's clock: commands arrive, quotes fill, stops trigger, funding is paid, and
 * each happens at its own instant. Deterministic: the same seed, candles and commands give the same
 * rows.
 */
import { unreachable } from "../assert.ts";
import { sortedEntries } from "../dict.ts";
import { unitsToNumber } from "../increments.ts";
import type { Alert, Command } from "../ports.ts";
import { signOf, type Ticker } from "../types.ts";
import { MS_PER_HOUR } from "../units.ts";
import { chance, label } from "./chance.ts";
import type { Feed } from "./feed.ts";
import { type ExchangeRules, SimDesk } from "./sim_desk.ts";
import { firstCrossMs } from "./sim_fill.ts";
import { fillResting, finish, place, progress, sweep } from "./sim_matching.ts";
import {
  type InFlight,
  isConditional,
  type SimOrder,
  type SimPosition,
  type SimState,
} from "./sim_state.ts";

const FUNDING_MS = 8 * MS_PER_HOUR;
const FUNDING_BASE_FRAC = 0.0001;
const MAINTENANCE_FRAC = 0.005;
/** A partial fill is told when it is at least this share of the order. */
const PARTIAL_SHARE = 0.2;

export class SimExchange {
  readonly #desk: SimDesk;

  constructor(feed: Feed, rules: ExchangeRules, state: SimState) {
    this.#desk = new SimDesk(feed, rules, state);
  }

  /** The books: to look at, not to write in. */
  get desk(): SimDesk {
    return this.#desk;
  }

  /**
   * Takes commands; they arrive after a latency. A client awaits the answer to a dead-man switch
   * before it sends what comes after it.
   */
  send(commands: readonly Command[]): void {
    let { commandCount, arrivals } = this.#desk.state;
    let notBeforeMs = 0;
    for (const what of commands) {
      commandCount += 1;
      const sent = this.#desk.inFlight(what, commandCount, 51);
      const arrival = { ...sent, atMs: Math.max(sent.atMs, notBeforeMs) };
      if (what.kind === "dead_man" && what.timeoutMs > 0) notBeforeMs = arrival.atMs;
      arrivals = [...arrivals, arrival];
    }
    this.#desk.patch({ commandCount, arrivals: arrivals.toSorted(byTime) });
  }

  /**
   * Moves the clock to `toMs`, or to the first instant before it at which something reaches the
   * engine. Returns the instant reached.
   */
  run(toMs: number): number {
    while (true) {
      const heardMs = this.#desk.state.deliveries[0]?.atMs ?? Infinity;
      const horizonMs = Math.min(toMs, heardMs);
      const next = this.#nextHappening(horizonMs);
      if (next === null) {
        this.#desk.clock(horizonMs);
        break;
      }
      this.#desk.clock(next.atMs);
      next.happen();
      this.#liquidateIfDue();
    }
    this.#tellPartials();
    this.#liquidateIfDue();
    return this.#desk.state.nowMs;
  }

  /** Moves the clock without anybody listening: what happens is kept in the ledger only. */
  runAlone(toMs: number): void {
    while (this.run(toMs) < toMs) this.#desk.hear();
    this.#desk.hear();
  }

  /** Money in or out, as from a human. */
  transfer(usd: number): void {
    this.#income("transfer", usd, null);
  }

  /** A row that says where the clock stands. */
  noteTime(): void {
    this.#desk.commit({ k: "at", at: this.#desk.state.nowMs, fundedMs: this.#desk.state.fundedMs });
  }

  /** The earliest thing that happens at the exchange up to `toMs`. Ties: fills, funding, commands. */
  #nextHappening(toMs: number): { atMs: number; happen: () => void } | null {
    let next: { atMs: number; happen: () => void } | null = null;
    const consider = (atMs: number | null, happen: () => void) => {
      if (atMs === null || atMs > toMs || (next !== null && atMs >= next.atMs)) return;
      next = { atMs: Math.max(atMs, this.#desk.state.nowMs), happen };
    };
    for (const [, order] of sortedEntries(this.#desk.state.orders)) {
      if (isConditional(order)) {
        consider(this.#triggerMs(order, toMs), () => this.#trigger(order));
        continue;
      }
      const { completeMs } = progress(this.#desk, order, toMs);
      consider(completeMs, () => this.#completeResting(order));
    }
    const fundingMs = (Math.floor(this.#desk.state.fundedMs / FUNDING_MS) + 1) * FUNDING_MS;
    consider(fundingMs, () => this.#fund(fundingMs));
    for (const [ticker, untilMs] of sortedEntries(this.#desk.state.deadManMs)) {
      consider(untilMs, () => this.#deadMan(ticker as Ticker));
    }
    const arrival = this.#desk.state.arrivals[0];
    if (arrival !== undefined) consider(arrival.atMs, () => this.#arrive(arrival));
    return next;
  }

  #arrive(arrival: InFlight<Command>): void {
    this.#desk.patch({ arrivals: this.#desk.state.arrivals.slice(1) });
    const command = arrival.what;
    const { nowMs } = this.#desk.state;
    switch (command.kind) {
      case "place":
        return place(this.#desk, command.order);
      case "cancel": {
        const order = this.#desk.state.orders[command.clientId];
        if (order === undefined) return this.#answer(command.clientId);
        fillResting(this.#desk, order, progress(this.#desk, order, nowMs).lots);
        return finish(this.#desk, order.clientId, "cancelled");
      }
      case "query_order":
        return this.#answer(command.clientId);
      case "query_trades": {
        const { ticker, afterId } = command;
        const trades = this.#desk.state.trades.filter((trade) =>
          trade.ticker === ticker && trade.id > afterId
        );
        return this.#desk.tell({ kind: "trades_answer", ticker, afterId, trades, atMs: nowMs });
      }
      case "query_income": {
        const { afterId } = command;
        const incomes = this.#desk.state.incomes.filter(({ id }) => id > afterId);
        return this.#desk.tell({ kind: "income_answer", afterId, incomes, atMs: nowMs });
      }
      case "dead_man": {
        const { ticker, timeoutMs } = command;
        const untilMs = timeoutMs === 0 ? 0 : nowMs + timeoutMs;
        return this.#desk.commit({ k: "dead_man", at: nowMs, ticker, untilMs });
      }
      default:
        return unreachable(command);
    }
  }

  #completeResting(order: SimOrder): void {
    fillResting(this.#desk, order, order.lots);
    const filled = this.#desk.state.orders[order.clientId]!.filledLots === order.lots;
    finish(this.#desk, order.clientId, filled ? "filled" : "expired");
  }

  #tellPartials(): void {
    for (const [, order] of sortedEntries(this.#desk.state.orders)) {
      if (isConditional(order)) continue;
      const { lots } = progress(this.#desk, order, this.#desk.state.nowMs);
      const more = lots - order.filledLots;
      if (more >= Math.max(1, order.lots * PARTIAL_SHARE)) fillResting(this.#desk, order, lots);
    }
  }

  #triggerMs(order: SimOrder, toMs: number): number | null {
    const market = this.#desk.feed.market(order.ticker);
    if (market === null || order.stopTicks === null) return null;
    return firstCrossMs(this.#desk.paths, {
      ticker: order.ticker,
      level: unitsToNumber(order.stopTicks, market.tick),
      falling: (order.side === "LONG") === (order.kind === "stop_market"),
      fromMs: Math.max(order.acceptedMs, this.#desk.state.nowMs),
      toMs,
    });
  }

  /**
   * When an alert goes off, up to `toMs`; null: not by then. What has been reached already has been
   * told: it goes off again only after the price has been on the other side.
   */
  alertMs(alert: Alert, toMs: number): number | null {
    const { nowMs } = this.#desk.state;
    const { ticker } = alert;
    if (alert.kind === "turn") {
      const turnMs = this.#desk.paths.turnAfter(nowMs);
      return turnMs <= toMs ? turnMs : null;
    }
    const { px: level, falling } = alert;
    const px = this.#desk.paths.pxAt(ticker, nowMs);
    if (px === null || (falling ? px <= level : px >= level)) return null;
    const crossMs = firstCrossMs(this.#desk.paths, {
      ticker,
      level,
      falling,
      fromMs: nowMs,
      toMs,
    });
    // A price a hair away from its level reaches it in the next millisecond: time must go on.
    return crossMs === null ? null : Math.max(crossMs, nowMs + 1);
  }

  /** A stop or a target becomes a market order: for its quantity, and no more than its leg holds. */
  #trigger(stop: SimOrder): void {
    const leg = this.#desk.state.positions[`${stop.ticker}:${stop.side}`];
    if (leg === undefined) return finish(this.#desk, stop.clientId, "expired");
    const book = this.#desk.book(stop.ticker);
    if (book === null) return finish(this.#desk, stop.clientId, "expired");
    const lots = stop.closePosition ? leg.lots : Math.min(stop.lots, leg.lots);
    const live: SimOrder = { ...stop, lots, priceTicks: null };
    const { orders } = this.#desk.state;
    this.#desk.patch({ orders: { ...orders, [stop.clientId]: live } });
    sweep(this.#desk, stop.clientId, book, "stop");
  }

  #answer(clientId: string): void {
    const { orders, done, nowMs } = this.#desk.state;
    const open = orders[clientId];
    const over = done[clientId];
    const found = open !== undefined
      ? { status: "open" as const, executedLots: open.filledLots }
      : over === undefined
      ? null
      : { status: over.status, executedLots: over.executedLots };
    this.#desk.tell({ kind: "order_answer", clientId, found, atMs: nowMs });
  }

  #fund(atMs: number): void {
    for (const [, leg] of sortedEntries(this.#desk.state.positions)) {
      const mark = this.#desk.mark(leg.ticker);
      const market = this.#desk.feed.market(leg.ticker);
      if (mark === null || market === null) continue;
      const luck = chance(this.#desk.rules.seed, atMs, label(leg.ticker), 61);
      const rateFrac = FUNDING_BASE_FRAC * 2 * luck;
      const usd = -signOf(leg.side) * rateFrac * mark.px * unitsToNumber(leg.lots, market.lot);
      this.#income("funding", usd, leg);
    }
    this.#desk.commit({ k: "at", at: this.#desk.state.nowMs, fundedMs: atMs });
  }

  #income(type: "funding" | "transfer", usd: number, leg: SimPosition | null): void {
    const { nowMs, lastIncomeId, walletUsd } = this.#desk.state;
    const income = {
      id: lastIncomeId + 1,
      type,
      ticker: leg?.ticker ?? null,
      side: leg?.side ?? null,
      usd,
      atMs: nowMs,
    };
    this.#desk.commit({ k: "income", at: nowMs, income, walletUsd: walletUsd + usd });
    this.#desk.tell({ kind: "income", income });
  }

  /** Nobody renewed the switch: quotes of the symbol are taken back, stops and targets stay. */
  #deadMan(ticker: Ticker): void {
    const { nowMs, orders } = this.#desk.state;
    this.#desk.commit({ k: "dead_man", at: nowMs, ticker, untilMs: 0 });
    for (const [clientId, order] of sortedEntries(orders)) {
      if (order.ticker !== ticker || isConditional(order)) continue;
      fillResting(this.#desk, order, progress(this.#desk, order, nowMs).lots);
      finish(this.#desk, clientId, "cancelled");
    }
  }

  #liquidateIfDue(): void {
    const { positions } = this.#desk.state;
    let grossUsd = 0;
    for (const leg of Object.values(positions)) grossUsd += this.#desk.valueUsd(leg);
    if (grossUsd === 0 || this.#desk.equityUsd() > grossUsd * MAINTENANCE_FRAC) return;
    for (const [key, leg] of sortedEntries(positions)) {
      const clientId = `liquidation-${this.#desk.state.lastTradeId}-${key}`;
      const book = this.#desk.book(leg.ticker);
      const { nowMs } = this.#desk.state;
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
      this.#desk.commit({ k: "order", at: nowMs, order });
      if (book !== null) sweep(this.#desk, clientId, book, "liquidation");
    }
  }
}

function byTime(a: InFlight<unknown>, b: InFlight<unknown>): number {
  return a.atMs - b.atMs || a.n - b.n;
}
