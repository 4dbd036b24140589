/**
 * NAV minute by minute: `nav_history-<day>.jsonl`, one file a day (UTC, engine time). The last day
 * is whole, older ones keep a row every fifteen minutes, those older than ninety days their last.
 */
import { dayOf } from "../core/calendar.ts";
import { lotsToUsd } from "../core/increments.ts";
import type { Memory } from "../core/memory.ts";
import type { MarketView } from "../core/ports.ts";
import { MS_PER_DAY, MS_PER_MINUTE } from "../core/units.ts";
import { isThere, LineFile, readIfThere, writeAtomic } from "./files.ts";

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

/** What is kept of a day: the first row of each span, and always the last. */
export function thinned(
  rows: readonly NavRow[],
  { ageDays }: { ageDays: number },
): readonly NavRow[] {
  if (ageDays < 2) return rows;
  const last = rows.at(-1);
  if (last === undefined || ageDays > SPARSE_DAYS) return rows.slice(-1);
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

  /** Adds a point where the minute is a new one. */
  note(memory: Memory, view: Pick<MarketView, "market" | "mark">): void {
    const { nowMs } = memory.pulse;
    const minute = Math.floor(nowMs / MS_PER_MINUTE);
    if (minute === this.#minute) return;
    this.#minute = minute;
    const row = navRow(memory, view);
    this.#onRow(row);
    this.#turn(nowMs);
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
    const next = new LineFile(this.#path(day));
    this.#file?.close();
    this.#file = next;
    this.#day = day;
    this.#thinning = this.#thinning.then(async () => {
      for (const ageDays of [2, SPARSE_DAYS + 1]) {
        await thinFile(this.#path(dayOf(nowMs - ageDays * MS_PER_DAY, "UTC")), ageDays);
      }
    }).catch((error) => this.#onError(`nav_history: ${String(error)}`));
  }

  #path(day: string): string {
    return `${this.#folder}/nav_history-${day}.jsonl`;
  }
}

/** A file that cannot be read as rows stays as it is: history is never lost to tidiness. */
async function thinFile(path: string, ageDays: number): Promise<void> {
  if (!await isThere(path)) return;
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
