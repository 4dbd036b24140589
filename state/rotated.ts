/**
 * A log of JSON lines together with the files it has outgrown: `name.jsonl` is the newest, the
 * others carry the engine time and sequence at which they were moved aside.
 */
import { fileStamp, folderOf } from "./files.ts";

/** The name under which a log is moved aside: sorts after every earlier one. */
export function rotatedName(stem: string, { nowMs, seq }: { nowMs: number; seq: number }): string {
  return `${stem}-${fileStamp(nowMs)}-${String(seq).padStart(10, "0")}.jsonl`;
}

/** How the name of a file that was packed ends. */
export const PACKED = ".gz";

export function isPacked(file: string): boolean {
  return file.endsWith(PACKED);
}

/** The engine time at which a file was moved aside, by its name; NaN for any other. */
export function movedMsOf(file: string): number {
  const [, y, mo, d, h, mi, s] = /-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-\d+\./.exec(file) ?? [];
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
}

/** The files of a log that exist, newest first; one that is there packed as well only once. */
export async function filesOf(path: string): Promise<readonly string[]> {
  const folder = folderOf(path);
  const name = path.slice(folder.length + 1);
  const stem = name.replace(/\.jsonl$/, "");
  const aside = new RegExp(`^${stem}-\\d{8}T\\d{6}Z-\\d+\\.jsonl(?:\\.gz)?$`);
  const older: string[] = [];
  const current: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.name === name) current.push(path);
    else if (aside.test(entry.name)) older.push(`${folder}/${entry.name}`);
  }
  const isTwin = (file: string) => isPacked(file) && older.includes(file.slice(0, -PACKED.length));
  return [...current, ...older.filter((file) => !isTwin(file)).toSorted().toReversed()];
}

/**
 * The rows after `seq`, oldest first, over as many files as are needed. A line counts only with its
 * newline: a torn last one never happened. Throws with file and line for any other that is no row.
 */
export async function rowsAfter<T extends { readonly seq: number }>(
  path: string,
  seq: number,
): Promise<readonly T[]> {
  const rows: T[] = [];
  for (const file of await filesOf(path)) {
    const parsed = await readRows<T>(file);
    rows.unshift(...parsed.filter((row) => row.seq > seq));
    if (parsed[0] !== undefined && parsed[0].seq <= seq) break;
  }
  return rows;
}

/** Every whole row of one file. */
export async function readRows<T>(file: string): Promise<readonly T[]> {
  const lines = (await textOf(file)).split("\n");
  lines.pop();
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as T;
    } catch (error) {
      throw new Error(
        `Cannot recover as ${file}:${i + 1} must be a row of JSON: ${String(error)}; ` +
          "what is before it is intact, nothing has been changed",
      );
    }
  });
}

async function textOf(file: string): Promise<string> {
  if (!isPacked(file)) return await Deno.readTextFile(file);
  const text = new Blob([await Deno.readFile(file)]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return await new Response(text).text();
}
