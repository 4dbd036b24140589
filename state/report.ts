/** What a replay came to: counted while it runs, told at the end as text or JSON. */
import type { Decision } from "../core/executor.ts";
import type { Memory } from "../core/memory.ts";
import { dayOf } from "../core/calendar.ts";
import type { Feed } from "../core/venues/feed.ts";
import { renderRouting, RoutingTally } from "./routing_report.ts";
import { timeframeLabel } from "../core/history.ts";

/** Frames that strategies wanted finer than the feed has: they ran on the feed's own. */
type Substitution = { readonly wanted: string; readonly used: string };

type Day = {
  readonly day: string;
  readonly nav_start: number | null;
  nav_end: number | null;
  nav_low: number | null;
  max_drawdown_frac: number;
  orders: number;
  fills: number;
  closed: number;
  vetoes: Record<string, number>;
  exits: Record<string, number>;
  rules: string[];
};

/** Counts one run, tick by tick. */
export class Tally {
  readonly #days: Day[] = [];
  #ticks = 0;
  #wins = 0;
  #trades = 0;
  #fills = 0;
  #makerFills = 0;
  #feesUsd = 0;
  #peakUsd = 0;
  #maxDrawdownFrac = 0;
  #startUsd: number | null = null;
  #endUsd: number | null = null;
  readonly #vetoes: Record<string, number> = {};
  readonly #exits: Record<string, number> = {};
  readonly #routing = new RoutingTally();

  count({ memory, events, seen }: Decision): void {
    this.#ticks += 1;
    const { level } = memory.nav;
    const day = this.#day(memory);
    if (level !== null) this.#value(level.navUsd, day);
    for (const event of events) {
      if (event.kind === "veto") {
        bump(this.#vetoes, event.reason);
        bump(day.vetoes, event.reason);
      } else if (event.kind === "order_attempt") day.orders += 1;
      else if (event.kind === "order_fill") {
        day.fills += 1;
        this.#fills += 1;
        if (event.maker) this.#makerFills += 1;
        this.#feesUsd += event.feeUsd;
      } else if (event.kind === "route_end") this.#routing.count(event, seen.market);
      else if (event.kind === "episode_end") {
        day.closed += 1;
        this.#trades += 1;
        if (event.realizedUsd - event.feesUsd + event.fundingUsd > 0) this.#wins += 1;
        bump(this.#exits, event.exitReason);
        bump(day.exits, event.exitReason);
      } else if (event.kind === "account_rule" && event.rule !== "new_day") {
        day.rules.push(
          `${new Date(memory.pulse.nowMs).toISOString()} ${event.rule}: ${event.note}`,
        );
      }
    }
  }

  /** The report; `wallMs` is how long the run took on this machine. */
  report(
    { memory, feed, wallMs, framesMs, complete }: {
      memory: Memory;
      feed: Feed;
      wallMs: number;
      /** Timeframes the strategies wanted. */
      framesMs: readonly number[];
      /** False when the run was stopped before its feed had ended. */
      complete: boolean;
    },
  ) {
    const candles = candlesPlayed(feed, memory);
    return {
      feed: feed.id,
      from: new Date(feed.startMs).toISOString(),
      to: new Date(memory.pulse.nowMs).toISOString(),
      complete,
      symbols: feed.tickers.length,
      candle: timeframeLabel(feed.baseMs),
      timeframes_replaced: substitutions(framesMs, feed.baseMs),
      nav_start: this.#startUsd,
      nav_end: this.#endUsd,
      return_frac: this.#startUsd === null || this.#endUsd === null
        ? null
        : this.#endUsd / this.#startUsd - 1,
      max_drawdown_frac: this.#maxDrawdownFrac,
      trades: this.#trades,
      win_rate: this.#trades === 0 ? null : this.#wins / this.#trades,
      orders: memory.counters.totalOrders,
      fills: this.#fills,
      maker_share: this.#fills === 0 ? null : this.#makerFills / this.#fills,
      fees_usd: this.#feesUsd,
      funding_usd: memory.cash.fundingUsd,
      signals: memory.counters.totalSignals,
      vetoes_by_reason: sorted(this.#vetoes),
      exits_by_reason: sorted(this.#exits),
      routing: this.#routing.report(),
      open_positions: Object.keys(memory.holdings).length,
      ticks: this.#ticks,
      symbol_candles: candles,
      wall_s: wallMs / 1_000,
      symbol_candles_per_s: wallMs > 0 ? Math.round(candles / (wallMs / 1_000)) : null,
      days: this.#days,
    };
  }

  #value(navUsd: number, day: Day): void {
    this.#startUsd ??= navUsd;
    this.#endUsd = navUsd;
    this.#peakUsd = Math.max(this.#peakUsd, navUsd);
    const drawdown = this.#peakUsd > 0 ? (this.#peakUsd - navUsd) / this.#peakUsd : 0;
    this.#maxDrawdownFrac = Math.max(this.#maxDrawdownFrac, drawdown);
    day.nav_end = navUsd;
    day.nav_low = Math.min(day.nav_low ?? navUsd, navUsd);
    day.max_drawdown_frac = Math.max(day.max_drawdown_frac, drawdown);
  }

  #day({ pulse, nav }: Memory): Day {
    const name = dayOf(pulse.nowMs, "UTC");
    const last = this.#days.at(-1);
    if (last?.day === name) return last;
    const navUsd = nav.level?.navUsd ?? null;
    const day: Day = {
      day: name,
      nav_start: navUsd,
      nav_end: navUsd,
      nav_low: navUsd,
      max_drawdown_frac: 0,
      orders: 0,
      fills: 0,
      closed: 0,
      vetoes: {},
      exits: {},
      rules: [],
    };
    this.#days.push(day);
    return day;
  }
}

export type Report = ReturnType<Tally["report"]>;

/** The report as one screen of text. */
export function renderReport(report: Report): string {
  const lines = [
    `${report.symbols} symbols of ${report.candle} candles, ${report.from} to ${report.to}`,
    ...report.timeframes_replaced.map(({ wanted, used }) =>
      `a strategy for ${wanted} ran on ${used}, the feed's own`
    ),
    ...report.complete ? [] : ["stopped before the end of the candles"],
    "",
    `NAV            ${usd(report.nav_start)} -> ${usd(report.nav_end)}  (${
      frac(report.return_frac)
    })`,
    `max drawdown   ${frac(report.max_drawdown_frac)}`,
    `trades         ${report.trades}, won ${frac(report.win_rate)}, ${report.open_positions} open`,
    `orders         ${report.orders}, fills ${report.fills}, maker ${frac(report.maker_share)}`,
    `fees           ${usd(report.fees_usd)}, funding ${usd(report.funding_usd)}`,
    `signals        ${report.signals}`,
    "",
    "vetoes by reason",
    ...Object.entries(report.vetoes_by_reason).map(([reason, n]) => `  ${reason.padEnd(24)} ${n}`),
    "exits by reason",
    ...Object.entries(report.exits_by_reason).map(([reason, n]) => `  ${reason.padEnd(24)} ${n}`),
    ...renderRouting(report.routing),
    "",
    `${report.symbol_candles} symbol-candles in ${report.wall_s.toFixed(1)} s: ` +
    `${report.symbol_candles_per_s} a second, ${report.ticks} ticks`,
  ];
  return `${lines.join("\n")}\n`;
}

function candlesPlayed(feed: Feed, { pulse }: Memory): number {
  let candles = 0;
  for (const ticker of feed.tickers) {
    candles += feed.closed(ticker, feed.startMs - feed.baseMs, pulse.nowMs).length;
  }
  return candles;
}

function bump(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function sorted(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)),
  );
}

function usd(value: number | null): string {
  return value === null ? "unknown" : `$${value.toFixed(2)}`;
}

function frac(value: number | null): string {
  return value === null ? "unknown" : `${(value * 100).toFixed(2)} %`;
}

function substitutions(framesMs: readonly number[], baseMs: number): readonly Substitution[] {
  const used = timeframeLabel(baseMs);
  const finer = new Set(framesMs.filter((frameMs) => frameMs < baseMs));
  return [...finer].map((frameMs) => ({ wanted: timeframeLabel(frameMs), used }));
}
