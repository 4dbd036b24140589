/**
 * Rows of positions and of levels as venues and files spell them, read strictly at the edge. Always
 * true: a row that cannot be read is set aside with its problem and never read as something else;
 * rows as a whole that cannot be read are unknown, never flat; nothing here trusts a second name
 * for the same field beyond the venue's own.
 */
import { isDict } from "../dict.ts";
import type { Dict, PositionKey, Side, Ticker } from "../types.ts";
import { positionKey } from "../types.ts";
import { MS_PER_SECOND } from "../units.ts";
import { seedLevels } from "./registry.ts";

/** Times below this are seconds: as milliseconds they would lie in 1973. */
const SMALLEST_MS = 1e11;

/** One leg as a row tells it; the quantity is positive, the side says the direction. */
export type LegRow = {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly qty: number;
  /** Null: the row has no usable price. */
  readonly entryPx: number | null;
  readonly markPx: number | null;
  readonly leverage: number | null;
  readonly openedMs: number | null;
  readonly updatedMs: number | null;
};

/** A row that says something about a position but cannot be believed. */
export type BadRow = { readonly row: number; readonly problem: string };

export type LegRows = {
  /** False: something may be open that is not among the legs, so nothing may be called flat. */
  readonly complete: boolean;
  readonly legs: readonly LegRow[];
  readonly bad: readonly BadRow[];
};

/** Reads `{ positions: [...] }`. Rows without quantity are no positions; two rows of a leg add up. */
export function readLegs(input: unknown): LegRows {
  const rows = isDict(input) ? input.positions : undefined;
  if (!Array.isArray(rows)) {
    return {
      complete: false,
      legs: [],
      bad: [{ row: -1, problem: "expected a list of positions" }],
    };
  }
  const legs: LegRow[] = [];
  const bad: BadRow[] = [];
  rows.forEach((row, i) => {
    const leg = readLeg(row);
    if (typeof leg === "string") bad.push({ row: i, problem: leg });
    else if (leg !== null) addLeg(legs, leg);
  });
  return { complete: bad.length === 0, legs, bad };
}

/** One row; null when it holds nothing, a text when it cannot be read. */
export function readLeg(row: unknown): LegRow | null | string {
  if (!isDict(row)) return "expected a position";
  const signedQty = numberOf(row.qty ?? row.positionAmt);
  if (signedQty === null) return "expected a quantity";
  if (signedQty === 0) return null;
  const ticker = typeof row.symbol === "string" ? row.symbol.trim().toUpperCase() : "";
  if (!/^[A-Z0-9]+$/.test(ticker)) return "expected a symbol";
  const side = sideOf(row.positionSide ?? row.position_side ?? row.side, signedQty);
  if (side === null) return "expected LONG, SHORT or BOTH";
  const leverage = numberOf(row.leverage);
  return {
    ticker: ticker as Ticker,
    side,
    qty: Math.abs(signedQty),
    entryPx: priceOf(row.entry_price ?? row.entryPrice),
    markPx: priceOf(row.mark_price ?? row.markPrice),
    leverage: leverage !== null && leverage > 0 ? leverage : null,
    openedMs: instantOf(row.created_ts),
    updatedMs: instantOf(row.updated_ts ?? row.updateTime),
  };
}

/** What a file says about where one leg leaves. A level of null does not exist. */
export type LevelRow = {
  readonly tpPx: number | null;
  readonly slPx: number | null;
  readonly entryPx: number | null;
  /** Null: the levels were read; else what they were made from. */
  readonly seed: SeedRules | null;
};

export type LevelRows = {
  /** False: a level may exist that is not among the rows, so no leg may be called uncovered. */
  readonly complete: boolean;
  /** By leg, as the file spells the key. */
  readonly rows: Dict<LevelRow>;
  readonly bad: readonly string[];
};

/** Reads `{ entries: { "SYMBOL:SIDE": {...} } }`; no file at all is an empty registry. */
export function readLevels(input: unknown): LevelRows {
  if (input === null) return { complete: true, rows: {}, bad: [] };
  const entries = isDict(input) ? input.entries : undefined;
  if (!isDict(entries)) return { complete: false, rows: {}, bad: ["entries"] };
  const rows: Record<string, LevelRow> = {};
  const bad: string[] = [];
  for (const [key, entry] of Object.entries(entries)) {
    const row = readLevel(entry);
    if (row === null) bad.push(key);
    else rows[key] = row;
  }
  return { complete: bad.length === 0, rows, bad };
}

/** One entry; null when it is damaged. A level of 0 is none; a text is never a level. */
export function readLevel(entry: unknown): LevelRow | null {
  if (!isDict(entry)) return null;
  const [tpPx, slPx] = [levelOf(entry.take_profit_price), levelOf(entry.stop_loss_price)];
  if (tpPx === undefined || slPx === undefined) return null;
  const armed = entry.enable_tp_sl !== false;
  return {
    tpPx: armed ? tpPx : null,
    slPx: armed ? slPx : null,
    entryPx: priceOf(entry.entry_price),
    seed: null,
  };
}

/** A leg with the levels that belong to it. */
export type LedgerRow = LegRow & Pick<LevelRow, "tpPx" | "slPx">;

/** The legs by key, each with its own levels; levels of another side or spelling stay away. */
export function attachLevels(legs: readonly LegRow[], levels: Dict<LevelRow>): Dict<LedgerRow> {
  return Object.fromEntries(legs.map((leg) => {
    const key = legKey(leg);
    const own = levels[key];
    return [key, { ...leg, tpPx: own?.tpPx ?? null, slPx: own?.slPx ?? null }];
  }));
}

export type SeedRules = {
  readonly slAtrMult: number;
  readonly tpAtrMult: number;
  /** True range as a share of price while no candle has measured it. */
  readonly atrFrac: number;
};

export type Synced = {
  readonly rows: Dict<LevelRow>;
  readonly seeded: readonly PositionKey[];
  readonly removed: readonly string[];
};

/**
 * Brings levels in step with legs: a leg without any level is seeded from its entry where there are
 * rules for it, levels without a leg go. Legs that were not read completely remove nothing. Twice is
 * the same as once.
 */
export function syncRegistry(
  { legs, complete }: LegRows,
  levels: Dict<LevelRow>,
  { removeStale, seed }: { removeStale: boolean; seed: SeedRules | null },
): Synced {
  const open = new Set<string>(legs.map(legKey));
  const removed = removeStale && complete
    ? Object.keys(levels).filter((key) => !open.has(key)).toSorted()
    : [];
  const rows: Record<string, LevelRow> = { ...levels };
  for (const key of removed) delete rows[key];
  const seeded: PositionKey[] = [];
  for (const leg of legs) {
    const key = legKey(leg);
    const covered = (rows[key]?.slPx ?? null) !== null || (rows[key]?.tpPx ?? null) !== null;
    if (covered || seed === null || leg.entryPx === null) continue;
    rows[key] = seedRow(leg.side, leg.entryPx, seed);
    seeded.push(key);
  }
  return { rows, seeded, removed };
}

/** Levels for a leg that has none, anchored at its entry price. */
export function seedRow(side: Side, entryPx: number, seed: SeedRules): LevelRow {
  const atr = entryPx * seed.atrFrac;
  const { tpPx, slPx } = seedLevels({ side, anchorPx: entryPx, atr }, seed);
  return { tpPx, slPx, entryPx, seed };
}

function legKey({ ticker, side }: LegRow): PositionKey {
  return positionKey(ticker, side);
}

/** Two rows of one leg: the quantities add up, the worse entry counts. */
function addLeg(legs: LegRow[], leg: LegRow): void {
  const at = legs.findIndex((known) => legKey(known) === legKey(leg));
  const known = legs[at];
  if (known === undefined) {
    legs.push(leg);
    return;
  }
  const worse = leg.side === "LONG" ? Math.max : Math.min;
  const entryPx = known.entryPx === null || leg.entryPx === null
    ? null
    : worse(known.entryPx, leg.entryPx);
  legs[at] = { ...known, qty: known.qty + leg.qty, entryPx };
}

function sideOf(named: unknown, signedQty: number): Side | null {
  const signed: Side = signedQty > 0 ? "LONG" : "SHORT";
  if (named === undefined || named === null || named === "") return signed;
  const side = typeof named === "string" ? named.trim().toUpperCase() : "";
  if (side === "BOTH") return signed;
  return side === "LONG" || side === "SHORT" ? side : null;
}

/** A number, or the text of one as venues send them. */
function numberOf(value: unknown): number | null {
  const isText = typeof value === "string" && value.trim() !== "";
  const number = isText ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

function priceOf(value: unknown): number | null {
  const price = numberOf(value);
  return price !== null && price > 0 ? price : null;
}

/** A level of a file; null when there is none, undefined when what stands there is not a level. */
function levelOf(value: unknown): number | null | undefined {
  if (value === undefined || value === null || value === 0) return null;
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined;
}

/** Seconds or milliseconds since 1970, or an ISO text with its zone. */
function instantOf(value: unknown): number | null {
  if (typeof value === "string" && /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/.test(value)) {
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? null : ms;
  }
  const number = numberOf(value);
  if (number === null || number <= 0) return null;
  return number < SMALLEST_MS ? number * MS_PER_SECOND : number;
}
