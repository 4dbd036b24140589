/** What was closed in the last seven days, as `kpis_v7.json` tells it. */
import { type Close, netUsd } from "../../core/exits/episode.ts";
import { tradeStats } from "../../core/intel/expectancy.ts";
import { recent, remembered } from "../../core/remember.ts";
import { tradeOf } from "../../core/scoring.ts";
import type { Dict } from "../../core/types.ts";
import { MS_PER_DAY } from "../../core/units.ts";
import type { Published } from "./surface.ts";

export const WEEK_MS = 7 * MS_PER_DAY;

/** What a symbol has closed in the last seven days, or all of them together. */
export type Week = {
  readonly hitRate: number | null;
  readonly tradesCount: number;
  readonly realizedUsd: number | null;
  readonly feesUsd: number | null;
  /** After fees and funding. */
  readonly netUsd: number | null;
};
/** A symbol that has closed nothing. */
export const QUIET: Week = {
  hitRate: null,
  tradesCount: 0,
  realizedUsd: null,
  feesUsd: null,
  netUsd: null,
};

function weekOf(closes: readonly Close[]): Week {
  if (closes.length === 0) return QUIET;
  return {
    hitRate: tradeStats(closes.map(tradeOf)).hitRate,
    tradesCount: closes.length,
    realizedUsd: closes.reduce((sum, { realizedUsd }) => sum + realizedUsd, 0),
    feesUsd: closes.reduce((sum, { feesUsd }) => sum + feesUsd, 0),
    netUsd: closes.reduce((sum, close) => sum + netUsd(close), 0),
  };
}

const closesOfWeek = recent<Close>(({ closedMs }) => closedMs);
const weeks = remembered((closes: readonly Close[]) => {
  const groups: Record<string, Close[]> = {};
  for (const close of closes) (groups[close.ticker] ??= []).push(close);
  const symbols = Object.entries(groups).map(([ticker, list]) => [ticker, weekOf(list)] as const);
  return { all: weekOf(closes), symbols: Object.fromEntries(symbols) as Dict<Week> };
});

/** The last seven days, of all symbols and of each. */
export function weeksOf({ memory }: Published) {
  return weeks(closesOfWeek(memory.closes, memory.pulse.nowMs - WEEK_MS));
}
