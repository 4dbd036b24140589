/**
 * NAV minute by minute: `nav_history-<day>.jsonl`, one file a day (UTC, engine time). The last day
 * is whole, older ones keep a row every fifteen minutes, those older than ninety days their last.
 */
import { dayOf } from "../core/calendar.ts";
import { lotsToUsd } from "../core/increments.ts";
import type { Memory } from "../core/memory.ts";
import type { MarketView } from "../core/ports.ts";
import { MS_PER_DAY, MS_PER_MINUTE } from "../core/units.ts";
import { LineFile, readIfThere, writeAtomic } from "./files.ts";

/** One point. Null is unknown; `read_ok` says whether the account was read in that tick. */
export type NavRow = {
  readonly ts: string;
  readonly seq: number;
  readonly nav: number | null;
  readonly wallet: number | null;
  readonly unrealized: number | null;
  readonly realized_day: number;
  readonly fees_day: number;
  readonly funding_day: number;
  readonly gross: number | null;
  readonly open: number | null;
  readonly read_ok: boolean;
  readonly anomaly: boolean;
};

const SPARSE_MS = 15 * MS_PER_MINUTE;
const SPARSE_DAYS = 90;
/** The name of a day's file, and the day in it. */
export const DAY_FILE = /^nav_history-(\d{4}-\d\d-\d\d)\.jsonl$/;

/** What one tick adds to the history. */
export function navRow(memory: Memory, view: Pick<MarketView, "market" | "mark">): NavRow {
  const { nav: { level, pending }, dayCash, pulse, holdings } = memory;
  return {
    ts: new Date(pulse.nowMs).toISOString(),
    seq: pulse.seq,
    nav: level?.navUsd ?? null,
    wallet: level?.walletUsd ?? null,
    unrealized: level?.unrealizedUsd ?? null,
    realized_day: dayCash.realizedUsd,
    fees_day: dayCash.feesUsd,
    funding_day: dayCash.fundingUsd,
    gross: grossUsd(memory, view),
    open: pulse.accountMs === null ? null : Object.keys(holdings).length,
    read_ok: pulse.accountOk,
    anomaly: pending !== null,
  };
}

function grossUsd(
  { holdings, pulse }: Memory,
  view: Pick<MarketView, "market" | "mark">,
): number | null {
  if (pulse.accountMs === null) return null;
  let sum = 0;
  for (const { ticker, lots } of Object.values(holdings)) {
    const [market, mark] = [view.market(ticker), view.mark(ticker)];
    if (market === null || mark === null) return null;
    sum += lotsToUsd(lots, { px: mark.px, lot: market.lot });
  }
  return sum;
}

type Density = "whole" | "sparse" | "last";

/** How much is kept of a day that began so many days ago. */
function densityOf(ageDays: number): Density {
  if (ageDays < 2) return "whole";
  return ageDays > SPARSE_DAYS ? "last" : "sparse";
}

/** What is kept of a day: the first row of each span, and always the last. */
export function thinned(
  rows: readonly NavRow[],
  { ageDays }: { ageDays: number },
): readonly NavRow[] {
  const density = densityOf(ageDays);
  if (density === "whole") return rows;
  const last = rows.at(-1);
  if (last === undefined || density === "last") return rows.slice(-1);
  const spanOf = ({ ts }: NavRow) => Math.floor(Date.parse(ts) / SPARSE_MS);
  return rows.filter((row, i) => row === last || i === 0 || spanOf(row) !== spanOf(rows[i - 1]!));
}

export class NavHistory {
  readonly #folder: string;
  readonly #onError: (message: string) => void;
  readonly #onRow: (row: NavRow) => void;
  #file: LineFile | null = null;
  #day: string | null = null;
  #minute: number | null = null;
  /** The newest minute that an earlier process left in the open file; null where none did. */
  #toldMinute: number | null = null;
  #thinning: Promise<void> = Promise.resolve();

  constructor(
    folder: string,
    { onError, onRow = () => {} }: {
      onError: (message: string) => void;
      onRow?: (row: NavRow) => void;
    },
  ) {
    this.#folder = folder;
    this.#onError = onError;
    this.#onRow = onRow;
  }

  /** Adds a point where the minute is a new one, also to what an earlier process has told. */
  note(memory: Memory, view: Pick<MarketView, "market" | "mark">): void {
    const { nowMs } = memory.pulse;
    const minute = minuteOf(nowMs);
    if (minute === this.#minute) return;
    this.#minute = minute;
    const row = navRow(memory, view);
    this.#onRow(row);
    this.#turn(nowMs);
    if (this.#toldMinute !== null && minute <= this.#toldMinute) return;
    this.#file?.append([JSON.stringify(row)]);
  }

  async close(): Promise<void> {
    this.#file?.close();
    this.#file = null;
    await this.#thinning;
  }

  /** A new day has a file of its own, and older ones are thinned. */
  #turn(nowMs: number): void {
    const day = dayOf(nowMs, "UTC");
    if (day === this.#day) return;
    const next = new LineFile(`${this.#folder}/nav_history-${day}.jsonl`);
    const last = rowOrNull(next.lastLine ?? "");
    this.#toldMinute = last === null ? null : minuteOf(Date.parse(last.ts));
    this.#file?.close();
    this.#file = next;
    const before = this.#day;
    this.#day = day;
    this.#thinning = this.#thinning.then(() => thinFolder(this.#folder, { day, before }))
      .catch((error) => this.#onError(`nav_history: ${String(error)}`));
  }
}

function minuteOf(ms: number): number {
  return Math.floor(ms / MS_PER_MINUTE);
}

/** Thins every file that is due for it on this day and was not on the day `before` (null: unknown). */
async function thinFolder(
  folder: string,
  { day, before }: { day: string; before: string | null },
): Promise<void> {
  const files = [...Deno.readDirSync(folder)].flatMap(({ name }) => {
    const of = DAY_FILE.exec(name)?.[1];
    return of === undefined ? [] : [{ path: `${folder}/${name}`, of }];
  });
  for (const { path, of } of files) {
    const ageDays = daysBetween(of, day);
    const known = before === null ? "whole" : densityOf(daysBetween(of, before));
    if (densityOf(ageDays) !== known) await thinFile(path, ageDays);
  }
}

function daysBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / MS_PER_DAY;
}

/** A file that cannot be read as rows stays as it is: history is never lost to tidiness. */
async function thinFile(path: string, ageDays: number): Promise<void> {
  const lines = (await readIfThere(path) ?? "").trimEnd().split("\n");
  const rows = lines.map(rowOrNull);
  if (rows.some((row) => row === null)) return;
  const kept = thinned(rows as NavRow[], { ageDays });
  if (kept.length === rows.length) return;
  await writeAtomic(path, kept.map((row) => `${JSON.stringify(row)}\n`).join(""), { sync: true });
}

/** The row that a line tells; null where it tells none. */
export function rowOrNull(line: string): NavRow | null {
  try {
    return JSON.parse(line) as NavRow;
  } catch {
    return null;
  }
}
