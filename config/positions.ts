/**
 * A book that a simulation begins with: rows as venues and our own surfaces spell them, with levels
 * where the file knows any. What cannot be read is told row by row; nothing is left out silently.
 */
import { Refusal } from "../core/assert.ts";
import type { GivenLevels } from "../core/exits/registry.ts";
import {
  attachLevels,
  type LedgerRow,
  type LegRow,
  type LevelRow,
  readLegs,
  readLevels,
  syncRegistry,
} from "../core/exits/rows.ts";
import { floorUnits } from "../core/increments.ts";
import { type Dict, signOf } from "../core/types.ts";
import type { Feed } from "../core/venues/feed.ts";
import type { SimPosition } from "../core/venues/sim_state.ts";
import { show } from "./problems.ts";

/** The legs of a file by key. */
export type GivenBook = Dict<LedgerRow>;

/** Reads `[...]` or `{ positions: [...], entries: { "SYMBOL:SIDE": {...} } }`. */
export function parsePositions(
  file: string,
  text: string,
): { readonly book: GivenBook } | { readonly problems: readonly string[] } {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return { problems: [`${file}: (whole file): expected JSON, got: ${String(error)}`] };
  }
  const given = Array.isArray(input) ? { positions: input } : input;
  const legs = readLegs(given);
  const { entries } = (given ?? {}) as { readonly entries?: unknown };
  const levels = readLevels(entries === undefined ? null : { entries });
  const { rows, removed } = syncRegistry(legs, levels.rows, { removeStale: true, seed: null });
  const rowOf = (row: number) => (given as { positions: readonly unknown[] }).positions[row];
  const problems = [
    ...legs.bad.map(({ row, problem }) =>
      row < 0
        ? `${file}: positions: ${problem}, got ${show(given)}`
        : `${file}: positions[${row}]: ${problem}, got ${show(rowOf(row))}`
    ),
    ...levels.bad.map((key) => `${file}: entries.${key}: expected levels above 0`),
    ...removed.map((key) => `${file}: entries.${key}: expected a position of this file, got none`),
    ...crossedLegs(legs.legs, rows).map(({ key, slPx, tpPx }) =>
      `${file}: entries.${key}: expected the stop on the losing side of the target, ` +
      `got stop ${slPx} and target ${tpPx}`
    ),
  ];
  return problems.length > 0 ? { problems } : { book: attachLevels(legs.legs, rows) };
}

/** Legs whose stop and target have changed sides: one of the two would always be due. */
function crossedLegs(legs: readonly LegRow[], levels: Dict<LevelRow>) {
  return Object.entries(attachLevels(legs, levels)).flatMap(([key, { side, slPx, tpPx }]) =>
    slPx !== null && tpPx !== null && signOf(side) * (tpPx - slPx) <= 0 ? [{ key, slPx, tpPx }] : []
  );
}

/** The book of a file. Refuses what cannot be read, row by row. */
export async function readPositions(file: string): Promise<GivenBook> {
  const text = await Deno.readTextFile(file).catch(() => null);
  if (text === null) throw new Refusal(`--positions: expected a file, cannot read "${file}"`);
  const parsed = parsePositions(file, text);
  if ("problems" in parsed) throw new Refusal(parsed.problems.join("\n"));
  return parsed.book;
}

/** The book as positions of the exchange; a leg it cannot hold is a problem. */
export function positionsOn(
  feed: Feed,
  book: GivenBook,
): { readonly positions: readonly SimPosition[]; readonly problems: readonly string[] } {
  const positions: SimPosition[] = [];
  const problems: string[] = [];
  for (const [key, { ticker, side, qty, entryPx, leverage }] of Object.entries(book)) {
    const market = feed.market(ticker);
    const lots = market === null ? 0 : floorUnits(qty, market.lot);
    if (market === null) {
      problems.push(`${key}: expected a symbol of the feed, got "${ticker}"`);
    } else if (lots === 0) {
      problems.push(`${key}: expected a quantity of at least ${market.lot.text}, got ${qty}`);
    } else if (entryPx === null) {
      problems.push(`${key}: expected an entry price above 0, got none`);
    } else positions.push({ ticker, side, lots, entryPx, leverage: leverage ?? 1 });
  }
  return { positions, problems };
}

/** The levels the file knows, by leg: they protect it from its adoption on. */
export function levelsOf(book: GivenBook): GivenLevels {
  return Object.fromEntries(
    Object.entries(book).filter(([, { slPx, tpPx }]) => slPx !== null || tpPx !== null)
      .map(([key, { slPx, tpPx }]) => [key, { slPx, tpPx }]),
  );
}
