/** The execution logs of one data directory, under `logs/execution`: appended, rotated, completed. */
import type { EngineEvent } from "../core/events.ts";
import { dayOf } from "../core/nav.ts";
import { LineFile } from "./files.ts";
import type { JournalRow } from "./journal.ts";
import { FILE_OF, type LogName, LOGS, rowOf, type RowStamp } from "./log_rows.ts";
import type { PositionMode } from "../core/router/position_side.ts";
import type { Markets } from "./row_parts.ts";
import { rotatedName, rowsAfter } from "./rotated.ts";

const ROTATE_BYTES = 10_000_000;

/** The log files of one data directory, open for appending. */
export class Telemetry {
  readonly #files: Readonly<Record<LogName, LineFile>>;
  #day: string | null = null;

  constructor(folder: string) {
    this.#files = Object.fromEntries(
      LOGS.map((name) => [name, new LineFile(`${folder}/${name}.jsonl`)]),
    ) as Record<LogName, LineFile>;
  }

  /** Lines that a crash had torn, over all files: a number above 0 is worth a word. */
  get tornFiles(): readonly string[] {
    return Object.values(this.#files).filter(({ tornBytes }) => tornBytes > 0)
      .map(({ path }) => path);
  }

  append(events: readonly EngineEvent[], stamp: RowStamp, view: Markets): void {
    const lines: Partial<Record<LogName, string[]>> = {};
    for (const event of events) {
      (lines[FILE_OF[event.kind]] ??= []).push(JSON.stringify(rowOf(event, stamp, view)));
    }
    this.#rotateAtMidnight(stamp.nowMs);
    this.#write(lines, stamp);
  }

  /**
   * Writes what a crash kept from being written: the journal knows every event of its rows, and a
   * log that ends before them is completed. Vetoes are not in the journal: their counters are.
   */
  async complete(
    rows: readonly JournalRow[],
    { afterSeq, markets, ...run }: {
      afterSeq: number;
      runId: string;
      env: string;
      positionMode: PositionMode;
      venue: string;
      markets: Markets;
    },
  ): Promise<void> {
    const written = new Map<string, number>();
    for (const name of LOGS) {
      for (const { seq } of await rowsAfter<{ seq: number }>(this.#files[name].path, afterSeq)) {
        const key = `${name} ${seq}`;
        written.set(key, (written.get(key) ?? 0) + 1);
      }
    }
    for (const { seq, ts, events } of rows) {
      const stamp = { seq, nowMs: Date.parse(ts), ...run };
      const lines: Partial<Record<LogName, string[]>> = {};
      for (const event of events) {
        const name = FILE_OF[event.kind];
        const left = written.get(`${name} ${seq}`) ?? 0;
        written.set(`${name} ${seq}`, Math.max(0, left - 1));
        if (left === 0) (lines[name] ??= []).push(JSON.stringify(rowOf(event, stamp, markets)));
      }
      this.#write(lines, stamp);
    }
  }

  #write(lines: Partial<Record<LogName, string[]>>, stamp: { nowMs: number; seq: number }): void {
    for (const [name, texts] of Object.entries(lines)) {
      const file = this.#files[name as LogName];
      file.append(texts);
      if (file.bytes > ROTATE_BYTES) this.#rotate(name as LogName, stamp);
    }
  }

  /** All that has been written survives a power failure when this resolves. */
  async sync(): Promise<void> {
    for (const file of Object.values(this.#files)) await file.sync();
  }

  close(): void {
    for (const file of Object.values(this.#files)) file.close();
  }

  #rotateAtMidnight(nowMs: number): void {
    const day = dayOf(nowMs, "UTC");
    if (this.#day !== null && this.#day !== day) {
      for (const name of LOGS) this.#rotate(name, { nowMs, seq: 0 });
    }
    this.#day = day;
  }

  #rotate(name: LogName, { nowMs, seq }: { nowMs: number; seq: number }): void {
    const file = this.#files[name];
    if (file.bytes === 0) return;
    file.rotate(rotatedName(name, { nowMs, seq }));
  }
}
