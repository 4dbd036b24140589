/**
 * The journal: one row per tick that changed something, on disk before any of its orders leaves.
 * A row holds what happened, what was asked for and how the memory changed, so recovery folds rows
 * and never decides again. No wall time, process or host is in it: the same run gives the same bytes.
 */
import type { EngineEvent } from "../core/events.ts";
import type { Decision } from "../core/executor.ts";
import { type Memory, VOLATILE } from "../core/memory.ts";
import { type Change, diff, type Patch } from "../core/patch.ts";
import type { Command } from "../core/ports.ts";
import { assert } from "../core/assert.ts";
import type { StorageFault } from "../core/types.ts";
import { folderOf, LineFile, syncFolder, type Torn, whyOf } from "./files.ts";
import { rotatedName, rowsAfter } from "./rotated.ts";

export type JournalRow = {
  readonly seq: number;
  readonly ts: string;
  readonly events: readonly EngineEvent[];
  readonly commands: readonly Command[];
  readonly patch: Patch;
};

/** A file that has grown beyond this is moved aside before the next row, behind a checkpoint. */
const ROTATE_BYTES = 10_000_000;

/** Rows owed to a disk that refuses; beyond this they are drawn together into one. */
const OWED_BYTES_MAX = 16_000_000;

/** Events after which a row must not be lost to a power failure. */
const DURABLE: ReadonlySet<EngineEvent["kind"]> = new Set([
  "order_fill",
  "order_close",
  "registry",
  "adjustment",
  "account_rule",
  "exit_trigger",
  "operator",
]);

/**
 * The row of a decision; null when nothing changed but the pulse. What moves on every tick is in it
 * whole, so that a row depends on its own tick alone and not on which tick had a row before it.
 * Vetoes and decisions have logs of their own and are in no row: nothing is recovered from them, what
 * came of them (counters, routes) is in the patch, and with many symbols they would be most of the
 * bytes that have to be on disk before an order leaves.
 */
export function journalRow(
  before: Memory,
  { memory, events, commands }: Pick<Decision, "memory" | "events" | "commands">,
): JournalRow | null {
  const told = events.filter(({ kind }) => kind !== "veto" && kind !== "decision");
  const changes = diff(before, memory).filter((change) => !isVolatile(change));
  if (changes.length === 0 && commands.length === 0 && told.length === 0) return null;
  const { seq, nowMs } = memory.pulse;
  const patch = [...VOLATILE.map((path) => whole(memory, path)), ...changes];
  return { seq, ts: new Date(nowMs).toISOString(), events: told, commands, patch };
}

function whole(memory: Memory, [slice, field]: typeof VOLATILE[number]): Change {
  const value: unknown = memory[slice];
  if (field === null) return [[slice], value];
  return [[slice, field], (value as Readonly<Record<string, unknown>>)[field]];
}

/** True when the row must be synced before its commands leave. */
export function mustSync({ events, commands, patch }: JournalRow): boolean {
  return commands.length > 0 || events.some(({ kind }) => DURABLE.has(kind)) ||
    patch.some(([path]) => path[0] === "operator");
}

function isVolatile([path]: Change): boolean {
  return VOLATILE.some(([slice, field]) =>
    path[0] === slice && (field === null || path[1] === field)
  );
}

/** The journal of one data directory, open for appending. */
export class Journal {
  readonly #file: LineFile;
  /** The memory of the newest row, and that of the newest row which is in the file. */
  #told: Memory;
  #written: Memory;
  #unsynced = false;
  #rowsSinceCheckpoint = 0;

  constructor(path: string, memory: Memory) {
    this.#file = new LineFile(path);
    this.#told = memory;
    this.#written = memory;
  }

  get torn(): Torn | null {
    return this.#file.torn;
  }

  get rowsSinceCheckpoint(): number {
    return this.#rowsSinceCheckpoint;
  }

  /**
   * Appends the row of a decision, if it has one. `durable` is false where nothing is at stake.
   * Gives back what is wrong where the disk refuses: the row is owed then, and goes first as soon as
   * the disk takes it.
   */
  async record(
    decision: Decision,
    { durable }: { durable: boolean },
  ): Promise<StorageFault | null> {
    const from = this.#file.owedBytes > OWED_BYTES_MAX ? this.#drawTogether() : this.#told;
    const row = journalRow(from, decision);
    const lines = row === null ? [] : [JSON.stringify(row, refuseNonFinite)];
    if (row !== null) {
      this.#told = decision.memory;
      this.#rowsSinceCheckpoint += 1;
      this.#unsynced ||= durable && mustSync(row);
    }
    try {
      this.#file.append(lines);
      if (this.#unsynced) await this.#file.sync();
    } catch (error) {
      return { what: "journal", why: whyOf(error) };
    }
    this.#written = this.#told;
    this.#unsynced = false;
    return null;
  }

  /** One row will tell the change since the newest row that is in the file; the events are lost. */
  #drawTogether(): Memory {
    this.#file.forgetOwed();
    return this.#written;
  }

  /** True when the file wants to be moved aside; its bytes alone decide, never the wall clock. */
  get isFull(): boolean {
    return this.#file.bytes >= ROTATE_BYTES && this.#file.owedBytes === 0;
  }

  /** Called when a checkpoint is on disk. */
  checkpointed(): void {
    this.#rowsSinceCheckpoint = 0;
  }

  /**
   * Moves the file aside. The caller has a checkpoint of this tick on disk. Rows of a file whose name
   * a power failure takes are lost as well, so the names are synced before the next row.
   */
  async rotate({ seq, nowMs }: Memory["pulse"], { durable }: { durable: boolean }): Promise<void> {
    this.#file.rotate(rotatedName("journal", { nowMs, seq }));
    if (durable) await syncFolder(folderOf(this.#file.path));
  }

  close(): void {
    this.#file.close();
  }
}

/** Rows after `seq`, oldest first, over the current file and as many older ones as are needed. */
export function readJournal(path: string, seq: number): Promise<readonly JournalRow[]> {
  return rowsAfter<JournalRow>(path, seq);
}

/** A number that JSON cannot hold is a bug: it must stop the run, not become null on disk. */
function refuseNonFinite(key: string, value: unknown): unknown {
  if (typeof value === "number") assert(Number.isFinite(value), `"${key}" is a finite number`);
  return value;
}
