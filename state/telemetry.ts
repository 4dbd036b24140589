/** The execution logs of one data directory, under `logs/execution`: appended, rotated, completed. */
import type { EngineEvent } from "../core/events.ts";
import { dayOf } from "../core/calendar.ts";
import { LineFile, type Torn } from "./files.ts";
import type { JournalRow } from "./journal.ts";
import { type LogName, LOGS, rowsOf, type RowStamp } from "./log_rows.ts";
import { lineOf } from "./row_line.ts";
import { rowProblem } from "./row_check.ts";
import type { Markets, Row } from "./row_parts.ts";
import { type Retention, sweep } from "./retention.ts";
import { rotatedName, rowsAfter } from "./rotated.ts";

const ROTATE_BYTES = 10_000_000;
/** Lines owed to a disk that refuses, per file; beyond this they are lost, and that is told. */
const OWED_BYTES_MAX = 4_000_000;

/** Ticks that are held back at most; beyond this the oldest are given up. */
const HELD_MAX_COUNT = 20_000;

type Lines = Partial<Record<LogName, string[]>>;
type Written = { readonly seq: number; readonly log?: string };
type Held = { readonly lines: Lines; readonly stamp: { nowMs: number; seq: number } };

/** The log files of one data directory, open for appending. */
export class Telemetry {
  readonly #files: Readonly<Record<LogName, LineFile>>;
  readonly #held: Held[] = [];
  /** The day of a file's rows (UTC, engine time), where it has any. */
  readonly #days: Partial<Record<LogName, string>> = {};
  readonly #onError: (message: string) => void;
  readonly #retention: Retention | null;
  #sweeping: Promise<void> = Promise.resolve();
  #invalidRowsCount = 0;

  /** `onError` is told of files that could not be moved aside: that costs a long file, no row. */
  constructor(
    folder: string,
    { onError = () => {}, retention = null }: {
      onError?: (message: string) => void;
      /** What is kept of files that were moved aside; null: all of them. */
      retention?: Retention | null;
    } = {},
  ) {
    this.#onError = onError;
    this.#retention = retention;
    this.#files = Object.fromEntries(
      LOGS.map((name) => [name, new LineFile(`${folder}/${name}.jsonl`)]),
    ) as Record<LogName, LineFile>;
    for (const name of LOGS) this.#noteDay(name, dayOfRow(this.#files[name].lastLine));
  }

  /** Rows of this process that lacked a required field. */
  get invalidRowsCount(): number {
    return this.#invalidRowsCount;
  }

  /** What a crash had torn, of all files. */
  get torn(): readonly Torn[] {
    return Object.values(this.#files).flatMap(({ torn }) => torn ?? []);
  }

  /**
   * Tells what happened in a tick. While the journal's row of it is not on disk (`isKept` false) it
   * is held back: a log never knows of a tick that a restart would not remember.
   */
  append(
    events: readonly EngineEvent[],
    stamp: RowStamp,
    { view, isKept }: { view: Markets; isKept: boolean },
  ): void {
    const lines: Lines = {};
    for (const event of events) {
      for (const [name, row] of rowsOf(event, events, { stamp, view })) this.#add(lines, name, row);
    }
    if (events.length > 0) this.#held.push({ lines, stamp });
    if (!isKept) return void this.#held.splice(0, Math.max(0, this.#held.length - HELD_MAX_COUNT));
    this.#writeAll([...this.#held.splice(0), { lines: {}, stamp }]);
  }

  /**
   * Writes what a crash kept from being written: the journal knows every event of its rows, and a
   * log that ends before them is completed. Vetoes and decisions are not in the journal: their counters
   * are.
   */
  async complete(
    rows: readonly JournalRow[],
    { afterSeq, markets, ...run }: {
      afterSeq: number;
      markets: Markets;
    } & Omit<RowStamp, "seq" | "nowMs">,
  ): Promise<void> {
    const written = new Map<string, number>();
    for (const name of LOGS) {
      const { path } = this.#files[name];
      // A row that was kept apart says which log it would have been in.
      for (const { seq, log = name } of await rowsAfter<Written>(path, afterSeq)) {
        const key = `${log} ${seq}`;
        written.set(key, (written.get(key) ?? 0) + 1);
      }
    }
    const ticks: Held[] = [];
    for (const { seq, ts, events } of rows) {
      const stamp = { seq, nowMs: Date.parse(ts), ...run };
      const lines: Lines = {};
      for (const event of events) {
        for (const [name, row] of rowsOf(event, events, { stamp, view: markets })) {
          const left = written.get(`${name} ${seq}`) ?? 0;
          written.set(`${name} ${seq}`, Math.max(0, left - 1));
          if (left === 0) this.#add(lines, name, row);
        }
      }
      ticks.push({ lines, stamp });
    }
    this.#writeAll(ticks);
  }

  /** A row that lacks what readers count on is kept apart, with what it lacks: it is never lost. */
  #add(lines: Lines, name: LogName, row: Row): void {
    const problem = rowProblem(String(row.event_type), row);
    if (problem === null) return void (lines[name] ??= []).push(lineOf(row));
    this.#invalidRowsCount += 1;
    (lines.invalid_events ??= []).push(lineOf({ ...row, log: name, problem }));
  }

  /**
   * Writes what is told of these ticks to every file it can; throws the first refusal when all have
   * been tried. What a file does not take it owes, so no tick's rows wait for another's.
   */
  #writeAll(ticks: readonly Held[]): void {
    const refusals = ticks.flatMap(({ lines, stamp }) => {
      this.#rotateAtMidnight(stamp);
      return this.#write(lines, stamp);
    });
    if (refusals.length > 0) throw refusals[0];
  }

  #write(lines: Lines, stamp: Held["stamp"]): readonly unknown[] {
    const refusals: unknown[] = [];
    for (const name of LOGS) {
      const file = this.#files[name];
      const texts = lines[name] ?? [];
      if (texts.length === 0 && file.owedBytes === 0) continue;
      try {
        file.append(texts);
        this.#noteDay(name, dayOf(stamp.nowMs, "UTC"));
        if (file.bytes > ROTATE_BYTES) this.#rotate(name, stamp);
      } catch (error) {
        refusals.push(error);
        if (file.owedBytes <= OWED_BYTES_MAX) continue;
        file.forgetOwed();
        refusals.unshift(new Error(`lines of ${name} are lost`, { cause: error }));
      }
    }
    return refusals;
  }

  /** All that has been written survives a power failure when this resolves. */
  async sync(): Promise<void> {
    for (const file of Object.values(this.#files)) await file.sync();
  }

  /** Files that were moved aside have been gone through when this resolves. */
  async swept(): Promise<void> {
    await this.#sweeping;
  }

  close(): void {
    for (const file of Object.values(this.#files)) file.close();
  }

  /** Rows of a day before this tick's go aside; whether that works or not, it is tried once. */
  #rotateAtMidnight(stamp: Held["stamp"]): void {
    const today = dayOf(stamp.nowMs, "UTC");
    for (const name of LOGS) {
      const day = this.#days[name];
      if (day === undefined || day >= today || this.#files[name].owedBytes > 0) continue;
      this.#days[name] = today;
      this.#rotate(name, stamp);
    }
  }

  /** A file is of the day of its first rows until it is moved aside. */
  #noteDay(name: LogName, day: string | null): void {
    if (day !== null && this.#files[name].bytes > 0) this.#days[name] ??= day;
  }

  #rotate(name: LogName, { nowMs, seq }: Held["stamp"]): void {
    const file = this.#files[name];
    if (file.bytes === 0 || file.owedBytes > 0) return;
    try {
      file.rotate(rotatedName(name, { nowMs, seq }));
      delete this.#days[name];
      this.#sweep(name, nowMs);
    } catch (error) {
      this.#onError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Off the decision path, one log after the other. */
  #sweep(name: LogName, nowMs: number): void {
    const retention = this.#retention;
    if (retention === null) return;
    const { path } = this.#files[name];
    this.#sweeping = this.#sweeping.then(() => sweep(path, { nowMs, ...retention }))
      .catch((error) => this.#onError(`${name}: ${String(error)}`));
  }
}

/** The day a row tells of; null where it tells none. */
function dayOfRow(line: string | null): string | null {
  try {
    const { ts } = JSON.parse(line ?? "{}") as { readonly ts?: unknown };
    return typeof ts === "string" ? ts.slice(0, "2026-01-05".length) : null;
  } catch {
    return null;
  }
}
