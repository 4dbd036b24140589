/**
 * A recorded day, decided again: the same two steps over what was recorded, held against the rows of
 * the journal. There is no venue in it and nothing is written; the directory stays as it is.
 */
import { Refusal } from "../core/assert.ts";
import { isDict } from "../core/dict.ts";
import type { Decision } from "../core/executor.ts";
import { type Memory, MEMORY_FORM } from "../core/memory.ts";
import { applyPatch } from "../core/patch.ts";
import { Past } from "../core/past.ts";
import {
  type CandlesRow,
  type Difference,
  differences,
  Recall,
  type Recalled,
  RECORDING_FORM,
  rowOfLine,
  type TickRow,
} from "../core/replay.ts";
import type { Rules } from "../core/rules.ts";
import { Engine, ProtectFault } from "./engine.ts";
import { type JournalRow, journalRow } from "./journal.ts";
import type { FirstDifference, Judgement } from "./judgement.ts";
import type { Layout } from "./layout.ts";
import type { EndRow, HeadRow } from "./recorder.ts";
import { filesOf, readRows } from "./rotated.ts";

type RecordedRow = HeadRow | CandlesRow | TickRow | EndRow;

/** The rules a process is judged by, and the timeframes they want. */
export type RulesOf = (
  head: HeadRow,
) => { readonly rules: Rules; readonly framesMs: readonly number[] };

/**
 * Judges again up to the first difference. Refuses what cannot be read, and what was written in
 * another form, with file, expected and found.
 */
export async function rejudge(layout: Layout, rulesOf: RulesOf): Promise<Judgement> {
  const starts = await startsOf(layout.recording);
  const journal = await filesIn(layout.journal);
  if (journal.length === 0) throw new Refusal(`${layout.journal}: expected a journal, found none`);
  const bench = new Bench(starts, rulesOf, new JournalCursor(journal));
  let difference: FirstDifference | null = null;
  for await (const { row, where } of recordedRows(layout.recording)) {
    difference = await bench.take(row, where);
    if (difference !== null) break;
  }
  const [{ version, configHash }] = starts;
  const counts = await bench.counts(difference === null);
  return { starts: starts.length, version, configHash, ...counts, difference };
}

/** The tick a process began behind, and whether it ended in order. */
type Start = Pick<HeadRow, "version" | "configHash"> & {
  readonly seq: number;
  readonly ended: boolean;
};

/** Walks through the recording with an engine of today and a finger in the journal. */
class Bench {
  readonly #starts: readonly Start[];
  readonly #rulesOf: RulesOf;
  readonly #journal: JournalCursor;
  #at = -1;
  #engine: Engine | null = null;
  #recall = new Recall();
  /** The memory behind the last row that has been found: what the next row is a change of. */
  #written: Memory | null = null;
  #ticks = 0;
  #rows = 0;
  #lostTicks = 0;
  /** The tick before had a row to be that nobody kept: a difference, unless it died or was refused. */
  #unkept: FirstDifference | null = null;

  constructor(starts: readonly Start[], rulesOf: RulesOf, journal: JournalCursor) {
    this.#starts = starts;
    this.#rulesOf = rulesOf;
    this.#journal = journal;
  }

  /** Takes the next recorded row; what differs ends the walk. */
  async take(row: RecordedRow, where: string): Promise<FirstDifference | null> {
    switch (row.k) {
      case "head":
        // The next process knew of that tick, so its row must have been there.
        if (this.#unkept !== null) return this.#unkept;
        this.#begin(row);
        return null;
      case "candles":
        this.#recall.candles(row);
        return null;
      case "tick":
        // Rows before the first head are of a process whose beginning has been removed.
        if (row.host.storage?.what === "journal") this.#giveUp();
        if (this.#engine === null || this.#unkept !== null) return this.#unkept;
        return await this.#tick(this.#engine, row, where);
      case "end":
        return this.#unkept;
      default:
        throw new Refusal(`${where}: expected a row of a recording, found another one`);
    }
  }

  async counts(toTheEnd: boolean) {
    if (toTheEnd) this.#giveUp();
    const unrecordedRows = await this.#journal.skipped(toTheEnd);
    const [ticks, rows, lostTicks] = [this.#ticks, this.#rows, this.#lostTicks];
    return { ticks, rows, lostTicks, unrecordedRows };
  }

  #begin(head: HeadRow): void {
    const { rules, framesMs } = this.#rulesOf(head);
    const { baseMs, memory, untold, protectOnly } = head;
    this.#at += 1;
    this.#recall = new Recall();
    this.#written = applyPatch(memory, untold);
    const past = new Past({ baseMs, framesMs, rules });
    // What an entry's bug does to the operator state is in the memory, and so in the row.
    this.#engine = new Engine({ memory, rules, past, protectOnly, onFault: () => {} });
  }

  async #tick(engine: Engine, row: TickRow, where: string): Promise<FirstDifference | null> {
    const recalled = this.#recall.tick(row);
    const begunBehind = this.#starts[this.#at + 1]?.seq ?? Infinity;
    if (row.seq > begunBehind) {
      // The next process did not know of this tick: its row had died with this one.
      this.#lostTicks += 1;
      return null;
    }
    const expected = engine.memory.pulse.seq + 1;
    if (row.seq !== expected) {
      throw new Refusal(`${where}: expected tick ${expected}, found tick ${row.seq}`);
    }
    const decided = decide(engine, recalled);
    const at = { seq: row.seq, ts: new Date(row.nowMs).toISOString() };
    const [missing] = recalled.missing;
    if (missing !== undefined) return { ...at, missing, places: [] };
    return await this.#compare(decided, at);
  }

  async #compare(
    decided: Decision | ProtectFault,
    at: { readonly seq: number; readonly ts: string },
  ): Promise<FirstDifference | null> {
    const told = await this.#journal.rowOf(at.seq);
    const threw = decided instanceof ProtectFault;
    const row = threw ? null : journalRow(this.#written!, decided);
    const was = told === null ? null : comparable(told);
    const now = threw ? decided.message : row === null ? null : comparable(row);
    const places = rowDifferences(was, now);
    const difference = places.length === 0 ? null : { ...at, missing: null, places };
    if (told === null && difference !== null) {
      this.#unkept = difference;
      if (await this.#hasEndedBefore()) this.#giveUp();
      return null;
    }
    this.#ticks += 1;
    if (told !== null && !threw) {
      this.#rows += 1;
      this.#written = decided.memory;
    }
    return difference;
  }

  /** True when the journal says no more, and its last process did not end in order. */
  async #hasEndedBefore(): Promise<boolean> {
    const isLast = this.#at === this.#starts.length - 1;
    return isLast && !this.#starts[this.#at]!.ended && await this.#journal.isDone();
  }

  /** The row that nobody kept is no difference: it died with its process, or the disk refused it. */
  #giveUp(): void {
    if (this.#unkept !== null) this.#lostTicks += 1;
    this.#unkept = null;
  }
}

function decide(engine: Engine, { seen, host }: Recalled): Decision | ProtectFault {
  try {
    return engine.decide(seen, host);
  } catch (error) {
    if (error instanceof ProtectFault) return error;
    throw error;
  }
}

/** Where two rows differ; one that is not there, or never came to be, differs as a whole. */
function rowDifferences(was: unknown, now: unknown): readonly Difference[] {
  if (isDict(was) && isDict(now)) return differences(was, now);
  return was === now ? [] : [{ path: "row", was: was ?? undefined, now: now ?? undefined }];
}

/** A row with its patch as the places it changes, as it would be read back from the file. */
function comparable({ patch, ...row }: JournalRow): unknown {
  const memory = patch.map((change) => {
    const [path, value] = change;
    return [path.join("."), change.length === 1 ? "removed" : value];
  });
  return JSON.parse(JSON.stringify({ ...row, memory: Object.fromEntries(memory) }));
}

/** The journal's rows in their order, over all files, one file in memory at a time. */
class JournalCursor {
  readonly #files: string[];
  #rows: JournalRow[] = [];
  #next = 0;
  #skipped = 0;

  /** `files` newest first. */
  constructor(files: readonly string[]) {
    this.#files = [...files];
  }

  /** The row of a tick, or null; rows before it are passed over. Ticks are asked for in their order. */
  async rowOf(seq: number): Promise<JournalRow | null> {
    for (;;) {
      const row = await this.#peek();
      if (row === null || row.seq > seq) return null;
      this.#next += 1;
      if (row.seq === seq) return row;
      this.#skipped += 1;
    }
  }

  async isDone(): Promise<boolean> {
    return await this.#peek() === null;
  }

  /** How many rows have been passed over, with all that are left where the walk went to the end. */
  async skipped(toTheEnd: boolean): Promise<number> {
    if (toTheEnd) await this.rowOf(Infinity);
    return this.#skipped;
  }

  async #peek(): Promise<JournalRow | null> {
    while (this.#next >= this.#rows.length) {
      const file = this.#files.pop();
      if (file === undefined) return null;
      this.#rows = [...await read(() => readRows<JournalRow>(file))];
      this.#next = 0;
    }
    return this.#rows[this.#next]!;
  }
}

/** Every start of the recording. Refuses one that was written in another form. */
async function startsOf(path: string): Promise<readonly [Start, ...Start[]]> {
  const starts: Start[] = [];
  const files = await filesIn(path);
  for await (const { line, where } of linesOf(files)) {
    if (line.startsWith('{"k":"head"')) {
      const head = parse<HeadRow>(line, where);
      refuseOther(head, where);
      const { version, configHash, memory } = head;
      starts.push({ version, configHash, seq: memory.pulse.seq, ended: false });
    } else if (line.startsWith('{"k":"end"')) {
      const last = starts.pop();
      if (last !== undefined) starts.push({ ...last, ended: true });
    }
  }
  const [first, ...more] = starts;
  if (first !== undefined) return [first, ...more];
  const found = files.length === 0 ? "none" : "no start of a process";
  throw new Refusal(
    `${path}: expected a recording, as "ballast run --record" makes it, found ${found}`,
  );
}

function refuseOther({ form, memoryForm, version }: HeadRow, where: string): void {
  const other = (what: string, expected: number, found: number) =>
    new Refusal(
      `${where}: expected ${what} of form ${expected}, found form ${found} (ballast ${version}): ` +
        "a build that knows this form can judge it",
    );
  if (form !== RECORDING_FORM) throw other("a recording", RECORDING_FORM, form);
  if (memoryForm !== MEMORY_FORM) throw other("a memory", MEMORY_FORM, memoryForm);
}

type Placed<T> = T & { readonly where: string };

async function* recordedRows(path: string): AsyncGenerator<Placed<{ readonly row: RecordedRow }>> {
  for await (const { line, where } of linesOf(await filesIn(path))) {
    yield { row: parse<RecordedRow>(line, where), where };
  }
}

/** Whole lines, oldest first, with the place of each. A torn last one never happened. */
async function* linesOf(
  files: readonly string[],
): AsyncGenerator<Placed<{ readonly line: string }>> {
  for (const file of files.toReversed()) {
    const lines = (await read(() => Deno.readTextFile(file))).split("\n");
    lines.pop();
    for (const [i, line] of lines.entries()) yield { line, where: `${file}:${i + 1}` };
  }
}

function parse<T>(line: string, where: string): T {
  try {
    return rowOfLine(line) as T;
  } catch (error) {
    throw new Refusal(`${where}: expected a row of JSON, found ${String(error)}`);
  }
}

/** The files of a log, newest first; none where there is not even a folder. */
async function filesIn(path: string): Promise<readonly string[]> {
  try {
    return await filesOf(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** What cannot be read is refused in the words of whoever tried. */
async function read<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error));
  }
}
