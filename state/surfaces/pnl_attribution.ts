/**
 * `pnl_attribution.json`: what was earned by which symbol, strategy, day and way out. Results are
 * net of fees and funding; what is open counts at its mark, or not at all where a mark is missing.
 */
import { z } from "zod";
import type { Close } from "../../core/exits/ledger.ts";
import { sortedEntries } from "../../core/dict.ts";
import { equityCurve } from "../../core/intel/equity.ts";
import { dayOf } from "../../core/nav.ts";
import { mean } from "../../core/stats.ts";
import { signOf } from "../../core/types.ts";
import {
  count,
  envelopeShape,
  fraction,
  iso,
  isoTime,
  maybe,
  type Published,
  valueOf,
} from "./surface.ts";

const Row = z.strictObject({
  realized_pnl: z.number(),
  /** Null: a leg of it has no price, so that the sum is not known. */
  unrealized_pnl: maybe,
  total_pnl: maybe,
  trade_count: count,
  win_rate: fraction,
});

const Exit = z.strictObject({
  count,
  pnl: z.number(),
  avg_pnl: maybe,
  /** Mean result in multiples of what was at risk at the first stop. */
  avg_r: maybe,
  win_rate: fraction,
});

export const PnlAttribution = z.strictObject({
  ...envelopeShape,
  summary: z.strictObject({
    total_realized: z.number(),
    total_unrealized: maybe,
    total_pnl: maybe,
    fees: z.number(),
    funding: z.number(),
    win_rate: fraction,
    avg_r: maybe,
    record_count: count,
  }),
  per_symbol: z.record(z.string(), Row),
  per_strategy: z.record(z.string(), Row),
  /** By the day (UTC) a position closed; what is open stands under today. */
  per_day: z.record(z.string(), Row),
  exits: z.strictObject({
    by_reason: z.record(z.string(), Exit),
    by_strategy: z.record(z.string(), Exit),
    by_symbol: z.record(z.string(), Exit),
  }),
  /** Equity after each of the newest closed positions: the start of the books and all results. */
  equity: z.array(z.strictObject({
    ts: isoTime,
    equity: z.number(),
    pnl: z.number(),
    drawdown_pct: z.number().min(0).nullable(),
    rolling_pnl: maybe,
  })),
  reason: z.string().nullable(),
});

/** One open leg's result; null without a price. */
type Open = {
  readonly ticker: string;
  readonly strategyId: string | null;
  readonly usd: number | null;
};

const ROLLING_COUNT = 20;
const POINTS_MAX = 200;
const UNKNOWN_STRATEGY = "unknown";

export function projectPnlAttribution(published: Published) {
  const { memory } = published;
  const closes = Object.values(memory.closes);
  const open = openLegs(published);
  const today = dayOf(memory.pulse.nowMs, "UTC");
  const all = rowOf(closes, open);
  const strategyOf = ({ strategyId }: { strategyId: string | null }) =>
    strategyId ?? UNKNOWN_STRATEGY;
  return {
    summary: {
      total_realized: all.realized_pnl,
      total_unrealized: all.unrealized_pnl,
      total_pnl: all.total_pnl,
      fees: sum(closes.map(({ feesUsd }) => feesUsd)),
      funding: sum(closes.map(({ fundingUsd }) => fundingUsd)),
      win_rate: all.win_rate,
      avg_r: averageMultiple(closes),
      record_count: closes.length,
    },
    per_symbol: rowsBy(closes, open, ({ ticker }) => ticker),
    per_strategy: rowsBy(closes, open, strategyOf),
    per_day: rowsBy(
      closes,
      open,
      (one) => "closedMs" in one ? dayOf(one.closedMs, "UTC") : today,
    ),
    exits: {
      by_reason: exitsBy(closes, ({ reason }) => reason),
      by_strategy: exitsBy(closes, strategyOf),
      by_symbol: exitsBy(closes, ({ ticker }) => ticker),
    },
    equity: curveOf(published),
    reason: closes.length === 0 ? "no_closed_trades" : null,
  };
}

/** Empty while nobody knows what the books began with. */
function curveOf({ memory }: Published) {
  const { startUsd } = memory.cash;
  if (startUsd === null) return [];
  const results = Object.values(memory.closes)
    .map((close) => ({ atMs: close.closedMs, pnlUsd: netOf(close) }));
  const curve = equityCurve(results, { startUsd, windowCount: ROLLING_COUNT });
  return curve.slice(-POINTS_MAX).map((point) => ({
    ts: iso(point.atMs),
    equity: point.equityUsd,
    pnl: point.pnlUsd,
    drawdown_pct: point.drawdownFrac,
    rolling_pnl: point.rollingUsd,
  }));
}

function openLegs(published: Published): readonly Open[] {
  return sortedEntries(published.memory.holdings).map(([, holding]) => {
    const value = valueOf(published, holding);
    const { ticker, strategyId, side, entryPx } = holding;
    const usd = value === null ? null : signOf(side) * (value.markPx - entryPx) * value.qty;
    return { ticker, strategyId, usd };
  });
}

function rowsBy(
  closes: readonly Close[],
  open: readonly Open[],
  nameOf: (one: Close | Open) => string,
): Record<string, z.output<typeof Row>> {
  const [closed, held] = [grouped(closes, nameOf), grouped(open, nameOf)];
  const names = [...new Set([...Object.keys(closed), ...Object.keys(held)])].toSorted();
  return Object.fromEntries(
    names.map((name) => [name, rowOf(closed[name] ?? [], held[name] ?? [])] as const),
  );
}

function rowOf(closes: readonly Close[], open: readonly Open[]): z.output<typeof Row> {
  const realized = sum(closes.map(netOf));
  const unrealized = open.some(({ usd }) => usd === null)
    ? null
    : sum(open.map(({ usd }) => usd ?? 0));
  return {
    realized_pnl: realized,
    unrealized_pnl: unrealized,
    total_pnl: unrealized === null ? null : realized + unrealized,
    trade_count: closes.length,
    win_rate: winRate(closes),
  };
}

function exitsBy(
  closes: readonly Close[],
  nameOf: (close: Close) => string,
): Record<string, z.output<typeof Exit>> {
  const groups = sortedEntries(grouped(closes, nameOf));
  return Object.fromEntries(groups.map(([name, list]) => {
    const results = list.map(netOf);
    return [name, {
      count: list.length,
      pnl: sum(results),
      avg_pnl: mean(results),
      avg_r: averageMultiple(list),
      win_rate: winRate(list),
    }] as const;
  }));
}

function grouped<T>(list: readonly T[], nameOf: (one: T) => string): Record<string, T[]> {
  const groups: Record<string, T[]> = {};
  for (const one of list) (groups[nameOf(one)] ??= []).push(one);
  return groups;
}

function netOf({ realizedUsd, feesUsd, fundingUsd }: Close): number {
  return realizedUsd - feesUsd + fundingUsd;
}

function winRate(closes: readonly Close[]): number | null {
  return mean(closes.map((close) => netOf(close) > 0 ? 1 : 0));
}

/** Mean of what is known; null where nothing is. */
function averageMultiple(closes: readonly Close[]): number | null {
  return mean(closes.flatMap(({ rMultiple }) => rMultiple ?? []));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
