/**
 * How files are written: atomically (a temporary file in the same folder, synced, renamed, the
 * folder synced) or appended a whole line at a time. A reader sees an old file or a new one, never
 * half of one.
 */
import type { StorageFault } from "../core/types.ts";

/** What is wrong with a disk that refused, as far as the system says it. */
export function whyOf(error: unknown): StorageFault["why"] {
  const code = (error as { readonly code?: unknown } | null)?.code;
  if (code === "ENOSPC" || code === "EDQUOT") return "full";
  if (code === "EROFS" || error instanceof Deno.errors.PermissionDenied) return "read_only";
  return "failing";
}

/** Writes all bytes: a write may be partial. */
function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) written += file.writeSync(bytes.subarray(written));
}

/**
 * Replaces a file as a whole. Where `isWhole` is given, the generation before stays beside it as
 * `.prev` if that says that it is whole; a damaged one is set aside and never takes the place of a
 * good one.
 */
export async function writeAtomic(
  path: string,
  content: string | Uint8Array,
  { sync, isWhole }: { sync: boolean; isWhole?: (text: string) => boolean },
): Promise<void> {
  const temporary = `${path}.tmp-${Deno.pid}`;
  try {
    {
      using file = await Deno.open(temporary, { write: true, create: true, truncate: true });
      writeAll(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
      if (sync) await file.syncData();
    }
    if (isWhole !== undefined) await keepPrevious(path, isWhole);
    await Deno.rename(temporary, path);
  } catch (error) {
    // What cannot be removed either goes at the next start; why the write failed is what matters.
    await removeIfThere(temporary).catch(() => {});
    throw error;
  }
}

/** Names a whole generation `.prev` as well: at no moment is there no file under the old name. */
async function keepPrevious(path: string, isWhole: (text: string) => boolean): Promise<void> {
  const text = await readIfThere(path);
  if (text === null) return;
  if (!isWhole(text)) return void await setAside(path);
  const temporary = `${path}.prev.tmp-${Deno.pid}`;
  await removeIfThere(temporary);
  await Deno.link(path, temporary);
  await Deno.rename(temporary, `${path}.prev`);
}

/** Damaged generations of one file that are kept at most; the oldest go first. */
const ASIDE_MAX_COUNT = 5;

/** Moves a damaged file out of the way, to a name with the time in it, and gives that name. */
export async function setAside(path: string): Promise<string> {
  const stem = `${path}.corrupt-${fileStamp(Date.now())}`;
  const last = (await asideOf(path)).findLast((name) => name.startsWith(stem));
  const aside = last === undefined ? stem : `${stem}-${1 + Number(last.slice(stem.length + 1))}`;
  await Deno.rename(path, aside);
  for (const old of (await asideOf(path)).slice(0, -ASIDE_MAX_COUNT)) await removeIfThere(old);
  return aside;
}

/** Damaged generations of a file, oldest first. */
async function asideOf(path: string): Promise<readonly string[]> {
  const folder = folderOf(path);
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(`${folder}/${name}`);
  return names.filter((name) => name.startsWith(`${path}.corrupt-`)).toSorted();
}

/** Makes renames in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(path);
  await folder.sync();
}

/** The text of a file, or null when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function isThereSync(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Temporary files that a crash left behind are of no use to anybody. */
export async function removeTemporary(folder: string): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && /\.tmp-\d+$/.test(name)) await removeIfThere(`${folder}/${name}`);
  }
}

/** The end of a file that a crash left unfinished, and how long that was. */
export type Torn = { readonly path: string; readonly bytes: number };

/**
 * An append-only file of lines. A line that a crash has torn is cut off when the file is opened,
 * and the number of bytes cut is told; so are whole lines at the end that `isLast` does not take for
 * the last of what was appended together. What the disk refuses is owed: it is kept, and written
 * before anything else as soon as the disk takes it.
 */
export class LineFile {
  readonly path: string;
  #file: Deno.FsFile;
  #bytes: number;
  #owed: Uint8Array[] = [];
  /** A write that failed may have left a part of itself behind. */
  #torn = false;
  /** What was cut off at opening because a crash had torn it; null where nothing was. */
  readonly torn: Torn | null;
  /** The last line that was there at opening; null where there was none. */
  readonly lastLine: string | null;

  constructor(path: string, isLast: (line: string) => boolean = () => true) {
    this.path = path;
    this.#file = Deno.openSync(path, { read: true, write: true, create: true });
    const size = this.#file.statSync().size;
    const whole = wholeLines(this.#file, size, isLast);
    this.torn = size > whole ? { path, bytes: size - whole } : null;
    if (this.torn !== null) this.#file.truncateSync(whole);
    this.#bytes = whole;
    this.lastLine = whole === 0
      ? null
      : new TextDecoder().decode(readAt(this.#file, lineStart(this.#file, whole - 1), whole - 1));
    this.#file.seekSync(whole, Deno.SeekMode.Start);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that were appended and are not in the file yet. */
  get owedBytes(): number {
    return this.#owed.reduce((sum, { length }) => sum + length, 0);
  }

  /** Adds whole lines. Throws where the disk refuses; the lines are owed then. */
  append(lines: readonly string[]): void {
    if (lines.length > 0) {
      this.#owed.push(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
    }
    this.settle();
  }

  /** Writes what is owed, oldest first; throws where the disk still refuses. */
  settle(): void {
    for (let next = this.#owed[0]; next !== undefined; next = this.#owed[0]) {
      this.#mend();
      this.#torn = true;
      writeAll(this.#file, next);
      this.#torn = false;
      this.#bytes += next.length;
      this.#owed.shift();
    }
  }

  /** Gives up what is owed: what was appended and never written. */
  forgetOwed(): void {
    this.#owed = [];
  }

  #mend(): void {
    if (!this.#torn) return;
    this.#file.truncateSync(this.#bytes);
    this.#file.seekSync(this.#bytes, Deno.SeekMode.Start);
  }

  async sync(): Promise<void> {
    await this.#file.syncData();
  }

  /**
   * Moves what has been written aside under `name` (in the same folder) and begins anew. Where the
   * folder refuses, or has a file of that name, everything stays as it was and the next rotation
   * tries again. A file that somebody has taken away counts as moved.
   */
  rotate(name: string): void {
    const aside = `${folderOf(this.path)}/${name}`;
    if (isThereSync(aside)) throw new Deno.errors.AlreadyExists(`${aside} is there already`);
    const isMoved = isThereSync(this.path);
    if (isMoved) Deno.renameSync(this.path, aside);
    let next: Deno.FsFile;
    try {
      next = Deno.openSync(this.path, { read: true, write: true, create: true });
    } catch (error) {
      if (isMoved) Deno.renameSync(aside, this.path);
      throw error;
    }
    this.#file.close();
    this.#file = next;
    this.#bytes = 0;
  }

  close(): void {
    this.#file.close();
  }
}

/** The length of a file up to the end of its last line that may be one. */
function wholeLines(file: Deno.FsFile, size: number, isLast: (line: string) => boolean): number {
  let end = lineStart(file, size);
  while (end > 0) {
    const start = lineStart(file, end - 1);
    if (isLast(new TextDecoder().decode(readAt(file, start, end - 1)))) return end;
    end = start;
  }
  return 0;
}

/** Where the line begins that the byte before `end` belongs to. */
function lineStart(file: Deno.FsFile, end: number): number {
  const chunkBytes = 65_536;
  for (let to = end; to > 0; to -= chunkBytes) {
    const from = Math.max(0, to - chunkBytes);
    const newline = readAt(file, from, to).lastIndexOf(10);
    if (newline >= 0) return from + newline + 1;
  }
  return 0;
}

function readAt(file: Deno.FsFile, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  file.seekSync(from, Deno.SeekMode.Start);
  let read = 0;
  while (read < bytes.length) {
    const n = file.readSync(bytes.subarray(read));
    if (n === null) break;
    read += n;
  }
  return bytes.subarray(0, read);
}

export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash);
}

/** A stamp for file names: 20260101T000000Z. */
export function fileStamp(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
}
