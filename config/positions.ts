/** The file behind `--positions`: the book a simulated run begins with. */
import { z } from "zod";
import { floorUnits } from "../core/increments.ts";
import type { Ticker } from "../core/types.ts";
import { factor, symbol } from "../core/units.ts";
import type { Feed } from "../core/venues/feed.ts";
import type { SimPosition } from "../core/venues/sim_state.ts";
import { expectation, problemsOf } from "./problems.ts";

const Positions = z.array(z.strictObject({
  symbol: symbol(),
  side: z.enum(["LONG", "SHORT"], { error: "LONG or SHORT" }),
  qty: factor(1e12, 1e-12),
  entry_price: factor(1e9, 1e-12),
  leverage: factor(125, 1).default(1),
}));
export type PositionRows = z.output<typeof Positions>;

/** Reads the rows, or tells what is wrong with them. */
export function parsePositions(
  file: string,
  text: string,
): { readonly rows: PositionRows } | { readonly problems: readonly string[] } {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (error) {
    return { problems: [`${file}: (whole file): expected JSON, got: ${String(error)}`] };
  }
  const parsed = Positions.safeParse(input, { error: expectation });
  if (parsed.success) return { rows: parsed.data };
  return { problems: problemsOf(file, parsed.error, { input, schema: Positions }) };
}

/** The rows as positions of the exchange; a row it cannot hold is a problem. */
export function positionsOn(
  feed: Feed,
  rows: PositionRows,
): { readonly positions: readonly SimPosition[]; readonly problems: readonly string[] } {
  const positions: SimPosition[] = [];
  const problems: string[] = [];
  rows.forEach(({ symbol, side, qty, entry_price, leverage }, i) => {
    const ticker = symbol as Ticker;
    const market = feed.market(ticker);
    const lots = market === null ? 0 : floorUnits(qty, market.lot);
    if (market === null) {
      problems.push(`[${i}].symbol: expected a symbol of the feed, got "${symbol}"`);
    } else if (lots === 0) {
      problems.push(`[${i}].qty: expected at least ${market.lot.text}, got ${qty}`);
    } else positions.push({ ticker, side, lots, entryPx: entry_price, leverage });
  });
  return { positions, problems };
}
