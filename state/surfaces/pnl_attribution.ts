/**
 * `pnl_attribution.json`: what was earned by which symbol, strategy, day, regime, risk mode and way
 * out. Results are net of fees and funding and begin with the first fee, not with the last fill;
 * those of strategies come from the lots they opened; what is open counts at its mark, or not at all
 * where a mark is missing. Day, regime and risk mode are those of each trade that closed, and of now
 * for what is open; a position counts where it ended.
 */
import { z } from "zod";
import { type Close, netUsd } from "../../core/exits/episode.ts";
import { earnedNetUsd } from "../../core/exits/parcels.ts";
import { sortedEntries } from "../../core/dict.ts";
import { equityCurve } from "../../core/intel/equity.ts";
import { dayOf } from "../../core/calendar.ts";
import { drawdownRegime, rangeBucket } from "../../core/regimes.ts";
import { mean } from "../../core/stats.ts";
import {
  type Conditions,
  type ExitReason,
  RISK_MODES,
  type RiskMode,
  signOf,
  type Ticker,
} from "../../core/types.ts";
import {
  count,
  entriesOf,
  envelopeShape,
  fraction,
  iso,
  isoTime,
  maybe,
  type Published,
  valueOf,
  wasAccountRead,
} from "./surface.ts";
import { closesWindow, Window } from "./window.ts";

const Row = z.strictObject({
  realized_pnl: z.number().describe("USD after fees and funding; what is paid for open legs too"),
  /** The same under a name that says so. */
  net_realized_pnl: z.number(),
  /** Null: a leg of it has no price, so that the sum is not known. */
  unrealized_pnl: maybe,
  total_pnl: maybe,
  trade_count: count,
  win_rate: fraction,
});
type Row = z.output<typeof Row>;

const Exit = z.strictObject({
  total_exits: count,
  /** At their target or their stop, whether the engine or the venue saw it. */
  tp_hits: count,
  sl_hits: count,
  /** Of the exits at a level; null without any. */
  tp_ratio: fraction,
  /** Mean result in multiples of what was at risk at the first stop. */
  avg_rr_tp: maybe,
  avg_rr_sl: maybe,
  avg_r: maybe,
  avg_exit_pnl: maybe,
  total_exit_pnl: z.number(),
  win_rate: fraction,
});

/** By the index of a regime; where that was not known a result is in none of them. */
const ByRegime = z.partialRecord(z.enum(["0", "1", "2", "3"]), Row);

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
  /** By the day (UTC) of the trades that closed; what is open stands under today. */
  per_day: z.record(z.string(), Row),
  per_regime: z.strictObject({ atr: ByRegime, dd: ByRegime }),
  per_risk_mode: z.record(z.enum(RISK_MODES), Row),
  exits: z.strictObject({
    summary: Exit,
    by_reason: z.record(z.string(), Exit),
    by_strategy: z.record(z.string(), Exit),
    by_symbol: z.record(z.string(), Exit),
  }),
  /** Equity after each of the newest closed positions: the start of the books and all results. */
  equity: z.array(z.strictObject({
    ts: isoTime,
    equity: z.number(),
    pnl: z.number(),
    /** As everywhere: more than everything cannot be lost. */
    drawdown_pct: fraction,
    rolling_pnl: maybe,
  })),
  /** The closed positions that all this is about: the newest ones, as many as are kept. */
  window: Window,
  reason: z.string().nullable(),
});

/** Who, where and in what: all that results are grouped by. */
type Labels = {
  readonly ticker: string;
  readonly strategyId: string | null;
  readonly day: string;
  readonly conditions: Conditions | null;
};
type Result = Labels & {
  readonly reason: ExitReason;
  readonly usd: number;
  readonly rMultiple: number | null;
};
/** What has been closed, where it was. */
type Paid = Labels & { readonly usd: number };
/** One open leg, or the part of one strategy in it. */
type Open = Labels & {
  /** What has been closed of it and paid for it so far. */
  readonly realizedUsd: number;
  /** Null: it has no price. */
  readonly usd: number | null;
};

const ROLLING_COUNT = 20;
const POINTS_MAX = 200;
const UNKNOWN_STRATEGY = "unknown";
const TARGETS: ReadonlySet<ExitReason> = new Set(["tp", "tp_venue"]);
const STOPS: ReadonlySet<ExitReason> = new Set(["sl", "sl_venue"]);

export function projectPnlAttribution(published: Published) {
  const closes = Object.values(published.memory.closes);
  const results = closes.map(resultOf);
  const paid = [...closes.flatMap(paidBy), ...paidByOpen(published)];
  const byLots = closes.flatMap(resultsByStrategy);
  const open = openLegs(published);
  const openLots = openByStrategy(published);
  const rest = openLegs(published, { isWhole: false });
  const byTrade = (nameOf: (one: Labels) => string | null) =>
    rowsBy({ results, paid, open: rest }, nameOf);
  const all = rowOf({ results, paid: results, open });
  const isKnown = wasAccountRead(published);
  return {
    summary: {
      total_realized: all.realized_pnl,
      total_unrealized: isKnown ? all.unrealized_pnl : null,
      total_pnl: isKnown ? all.total_pnl : null,
      fees: sum(closes.map(({ feesUsd }) => feesUsd)),
      funding: sum(closes.map(({ fundingUsd }) => fundingUsd)),
      win_rate: all.win_rate,
      avg_r: averageMultiple(results),
      record_count: closes.length,
    },
    per_symbol: rowsBy({ results, paid: results, open }, ({ ticker }) => ticker),
    per_strategy: rowsBy({ results: byLots, paid: byLots, open: openLots }, strategyOf),
    per_day: byTrade(({ day }) => day),
    per_regime: {
      atr: byTrade(({ conditions }) => regimeName(conditions?.range)),
      dd: byTrade(({ conditions }) => regimeName(conditions?.drawdown)),
    },
    per_risk_mode: byMode({ results, paid, open: rest }),
    exits: {
      summary: exitOf(results),
      by_reason: exitsBy(results, ({ reason }) => reason),
      by_strategy: exitsBy(byLots, strategyOf),
      by_symbol: exitsBy(results, ({ ticker }) => ticker),
    },
    equity: curveOf(published),
    window: closesWindow(published, null),
    reason: closes.length === 0 ? "no_closed_trades" : null,
  };
}

/** Empty while nobody knows what the books began with. */
function curveOf({ memory }: Published) {
  const { cash, forgottenUsd } = memory;
  if (cash.startUsd === null) return [];
  const startUsd = cash.startUsd + forgottenUsd;
  const results = Object.values(memory.closes)
    .map((close) => ({ atMs: close.closedMs, pnlUsd: netUsd(close) }));
  const curve = equityCurve(results, { startUsd, windowCount: ROLLING_COUNT });
  return curve.slice(-POINTS_MAX).map((point) => ({
    ts: iso(point.atMs),
    equity: point.equityUsd,
    pnl: point.pnlUsd,
    drawdown_pct: point.drawdownFrac === null ? null : Math.min(1, point.drawdownFrac),
    rolling_pnl: point.rollingUsd,
  }));
}

function resultOf(close: Close): Result {
  const { ticker, strategyId, reason, conditions, rMultiple } = close;
  const day = dayOf(close.closedMs, "UTC");
  return { ticker, strategyId, reason, conditions, rMultiple, day, usd: netUsd(close) };
}

/** The result of a closed position by the trades that closed it; what they do not tell at its end. */
function paidBy(close: Close): readonly Paid[] {
  const whole = resultOf(close);
  const parts = close.parts.map((part): Paid => ({ ...whole, ...part }));
  return [...parts, { ...whole, usd: whole.usd - sum(parts.map(({ usd }) => usd)) }];
}

/** The same of what is still open in part. */
function paidByOpen({ memory }: Published): readonly Paid[] {
  return sortedEntries(memory.holdings).flatMap(([, { ticker, strategyId, parts }]) =>
    parts.map((part): Paid => ({ ticker, strategyId, ...part }))
  );
}

/** One result for each strategy whose lots were closed; the risk of a part of a leg is not known. */
function resultsByStrategy(close: Close): readonly Result[] {
  const whole = resultOf(close);
  if (close.earned.length === 0) return [whole];
  const rMultiple = close.earned.length === 1 ? whole.rMultiple : null;
  return close.earned.map((one) => ({
    ...whole,
    rMultiple,
    strategyId: one.strategyId,
    usd: earnedNetUsd(one),
  }));
}

/** Open legs with what was closed of them, or without it, where each trade stands for itself. */
function openLegs(published: Published, { isWhole } = { isWhole: true }): readonly Open[] {
  return entriesOf(published.memory.holdings).map(([, holding]) => {
    const value = valueOf(published, holding);
    const { ticker, strategyId, side, entryPx } = holding;
    const usd = value === null ? null : signOf(side) * (value.markPx - entryPx) * value.qty;
    const closedUsd = isWhole ? 0 : sum(holding.parts.map((part) => part.usd));
    const realizedUsd = netUsd(holding) - closedUsd;
    return { ...labelsNow(published, ticker), strategyId, realizedUsd, usd };
  });
}

/** The same by whose lots they are, each against the price it was opened at. */
function openByStrategy(published: Published): readonly Open[] {
  return sortedEntries(published.memory.holdings).flatMap(([, { ticker, parcels, earned }]) => {
    const labels = labelsNow(published, ticker);
    const gone = earned.map((one) => ({
      ...labels,
      strategyId: one.strategyId,
      realizedUsd: earnedNetUsd(one),
      usd: 0,
    }));
    const held = parcels.map(({ strategyId, side, lots, px, feeUsd, fundingUsd }) => {
      const value = valueOf(published, { ticker, lots });
      const usd = value === null ? null : signOf(side) * (value.markPx - px) * value.qty;
      return { ...labels, strategyId, realizedUsd: fundingUsd - feeUsd, usd };
    });
    return [...gone, ...held];
  });
}

function labelsNow({ memory, past, world }: Published, ticker: Ticker) {
  return {
    ticker,
    day: dayOf(memory.pulse.nowMs, "UTC"),
    conditions: {
      range: rangeBucket(past.regimes.range(ticker)?.frac ?? null),
      drawdown: drawdownRegime(world.account.ddFrac),
      mode: world.mode.mode,
    },
  };
}

function strategyOf({ strategyId }: Labels): string {
  return strategyId ?? UNKNOWN_STRATEGY;
}

function regimeName(index: number | null | undefined): string | null {
  return index === null || index === undefined ? null : String(index);
}

/** What a row is made of: positions that count in it, what was paid in it, what is open in it. */
type Sources = {
  readonly results: readonly Result[];
  readonly paid: readonly Paid[];
  readonly open: readonly Open[];
};

/** Every mode has its row: none of a mode is a measured zero. */
function byMode({ results, paid, open }: Sources): Record<RiskMode, Row> {
  const isIn = (mode: RiskMode) => ({ conditions }: Labels) => conditions?.mode === mode;
  const rows = RISK_MODES.map((mode) => {
    const within = isIn(mode);
    const part = { results: results.filter(within), paid: paid.filter(within) };
    return [mode, rowOf({ ...part, open: open.filter(within) })] as const;
  });
  return Object.fromEntries(rows) as Record<RiskMode, Row>;
}

/** One row for each name; what has none is in no row. */
function rowsBy(
  { results, paid, open }: Sources,
  nameOf: (one: Labels) => string | null,
): Record<string, Row> {
  const ended = grouped(results, nameOf);
  const closed = grouped(paid, nameOf);
  const held = grouped(open, nameOf);
  const names = new Set([ended, closed, held].flatMap((groups) => Object.keys(groups)));
  return Object.fromEntries(
    [...names].toSorted().map((name) => {
      const part = { results: ended[name] ?? [], paid: closed[name] ?? [], open: held[name] ?? [] };
      return [name, rowOf(part)] as const;
    }),
  );
}

function rowOf({ results, paid, open }: Sources): Row {
  const realized = sum(paid.map(({ usd }) => usd)) +
    sum(open.map(({ realizedUsd }) => realizedUsd));
  const unrealized = open.some(({ usd }) => usd === null)
    ? null
    : sum(open.map(({ usd }) => usd ?? 0));
  return {
    realized_pnl: realized,
    net_realized_pnl: realized,
    unrealized_pnl: unrealized,
    total_pnl: unrealized === null ? null : realized + unrealized,
    trade_count: results.length,
    win_rate: winRate(results),
  };
}

function exitsBy(
  results: readonly Result[],
  nameOf: (result: Result) => string,
): Record<string, z.output<typeof Exit>> {
  const groups = sortedEntries(grouped(results, nameOf));
  return Object.fromEntries(groups.map(([name, list]) => [name, exitOf(list)] as const));
}

function exitOf(results: readonly Result[]): z.output<typeof Exit> {
  const targets = results.filter(({ reason }) => TARGETS.has(reason));
  const stops = results.filter(({ reason }) => STOPS.has(reason));
  const atLevels = targets.length + stops.length;
  const usd = results.map((result) => result.usd);
  return {
    total_exits: results.length,
    tp_hits: targets.length,
    sl_hits: stops.length,
    tp_ratio: atLevels === 0 ? null : targets.length / atLevels,
    avg_rr_tp: averageMultiple(targets),
    avg_rr_sl: averageMultiple(stops),
    avg_r: averageMultiple(results),
    avg_exit_pnl: mean(usd),
    total_exit_pnl: sum(usd),
    win_rate: winRate(results),
  };
}

function grouped<T>(
  list: readonly T[],
  nameOf: (one: T) => string | null,
): Record<string, T[]> {
  const groups: Record<string, T[]> = {};
  for (const one of list) {
    const name = nameOf(one);
    if (name !== null) (groups[name] ??= []).push(one);
  }
  return groups;
}

function winRate(results: readonly Result[]): number | null {
  return mean(results.map(({ usd }) => usd > 0 ? 1 : 0));
}

/** Mean of what is known; null where nothing is. */
function averageMultiple(results: readonly Result[]): number | null {
  return mean(results.flatMap(({ rMultiple }) => rMultiple ?? []));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
