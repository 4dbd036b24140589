/**
 * The recording: everything a decision is given, in `logs/recording/`, so that a day can be decided
 * again by another build. It is wanted or not, and never in the way: nothing is synced, and what
 * cannot be written is told once and ends the recording, not the trading.
 */
import type { Decision } from "../core/executor.ts";
import { type Memory, MEMORY_FORM } from "../core/memory.ts";
import { dayOf } from "../core/calendar.ts";
import type { Patch } from "../core/patch.ts";
import type { Observation } from "../core/ports.ts";
import type { Host } from "../core/protect.ts";
import { lineOf, Notebook, RECORDING_FORM } from "../core/replay.ts";
import type { GivenLevels } from "../core/exits/registry.ts";
import type { Ticker } from "../core/types.ts";
import { folderOf, LineFile } from "./files.ts";
import { filesOf, rotatedName } from "./rotated.ts";

const ROTATE_BYTES = 10_000_000;

/** Under what a process decides. There is no secret in it: the configuration holds none. */
export type Terms = {
  /** The configuration files as plain values, by name. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly universe: "config" | "all";
  /** Levels of the book that a simulation began with. */
  readonly given: GivenLevels;
};

/** The first row of every process: what it decides under, and what it remembers at its start. */
export type HeadRow = {
  readonly k: "head";
  readonly form: number;
  readonly memoryForm: number;
  readonly version: string;
  readonly commit: string | null;
  readonly feed: string;
  readonly configHash: string;
  readonly terms: Terms;
  readonly baseMs: number;
  readonly tickers: readonly Ticker[];
  readonly protectOnly: boolean;
  readonly memory: Memory;
  /** Turns that back into what the journal has told of it: what a start changes is in the next row. */
  readonly untold: Patch;
};

/** The last row of a process that ended in order: every tick before it is in the journal. */
export type EndRow = { readonly k: "end"; readonly seq: number };

export class Recorder {
  readonly #notes = new Notebook();
  readonly #onError: (message: string) => void;
  #file: LineFile | null;
  #filesCount: number;
  #seq: number;
  #day: string | null = null;

  private constructor(
    file: LineFile | null,
    { seq, filesCount, onError }: {
      seq: number;
      filesCount: number;
      onError: (message: string) => void;
    },
  ) {
    this.#file = file;
    this.#seq = seq;
    this.#filesCount = filesCount;
    this.#onError = onError;
  }

  /** Begins a recording with its first row. A disk that does not take it is told: nothing is noted. */
  static async open(
    path: string,
    head: Omit<HeadRow, "k" | "form" | "memoryForm">,
    onError: (message: string) => void,
  ): Promise<Recorder> {
    const { seq, nowMs } = head.memory.pulse;
    let [file, filesCount]: [LineFile | null, number] = [null, 0];
    try {
      await Deno.mkdir(folderOf(path), { recursive: true });
      filesCount = (await filesOf(path)).length;
      file = new LineFile(path);
    } catch (error) {
      onError(sentence(error));
    }
    const recorder = new Recorder(file, { seq, filesCount, onError });
    const row = { k: "head", form: RECORDING_FORM, memoryForm: MEMORY_FORM, ...head };
    recorder.#write([row], nowMs);
    return recorder;
  }

  /** Decides, and writes down what the decision was given: of one that throws as well. */
  decide(
    told: Observation,
    host: Host,
    decide: (seen: Observation) => Decision,
  ): Decision {
    if (this.#file === null) return decide(told);
    try {
      return decide(this.#notes.watch(told));
    } finally {
      this.#seq += 1;
      this.#note(told, host);
    }
  }

  /** Ends the recording; `inOrder` when every tick that was decided has been journalled. */
  close({ inOrder }: { inOrder: boolean }): void {
    const row: EndRow = { k: "end", seq: this.#seq };
    if (inOrder) this.#contain((file) => file.append([lineOf(row)]));
    this.#file?.close();
    this.#file = null;
  }

  #note(told: Observation, host: Host): void {
    const { nowMs } = told;
    const day = dayOf(nowMs, "UTC");
    if (this.#day !== null && this.#day !== day) this.#contain((file) => this.#rotate(file, nowMs));
    this.#day = day;
    this.#contain(() => this.#write(this.#notes.tick(this.#seq, told, host), nowMs));
  }

  #write(rows: readonly unknown[], nowMs: number): void {
    for (const row of rows) {
      this.#contain((file) => {
        file.append([lineOf(row)]);
        if (file.bytes >= ROTATE_BYTES) this.#rotate(file, nowMs);
      });
    }
  }

  #rotate(file: LineFile, nowMs: number): void {
    if (file.bytes === 0) return;
    this.#filesCount += 1;
    file.rotate(rotatedName("ticks", { nowMs, seq: this.#filesCount }));
  }

  /** What is recorded may fail; what is traded may not fail with it. */
  #contain(work: (file: LineFile) => void): void {
    const file = this.#file;
    if (file === null) return;
    try {
      work(file);
    } catch (error) {
      this.#file = null;
      closeQuietly(file);
      this.#onError(sentence(error));
    }
  }
}

/** Closes a file that has failed already. */
function closeQuietly(file: LineFile): void {
  try {
    file.close();
  } catch {
    return;
  }
}

function sentence(error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  return `the recording ends here, trading goes on: ${why}`;
}
