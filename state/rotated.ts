/**
 * A log of JSON lines together with the files it has outgrown: `name.jsonl` is the newest, the
 * others carry the engine time and sequence at which they were moved aside.
 */
import { fileStamp, folderOf } from "./files.ts";

/** The name under which a log is moved aside: sorts after every earlier one. */
export function rotatedName(stem: string, { nowMs, seq }: { nowMs: number; seq: number }): string {
  return `${stem}-${fileStamp(nowMs)}-${String(seq).padStart(10, "0")}.jsonl`;
}

/** The files of a log that exist, newest first. */
export async function filesOf(path: string): Promise<readonly string[]> {
  const folder = folderOf(path);
  const name = path.slice(folder.length + 1);
  const stem = name.replace(/\.jsonl$/, "");
  const aside = new RegExp(`^${stem}-\\d{8}T\\d{6}Z-\\d+\\.jsonl$`);
  const older: string[] = [];
  const current: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (entry.name === name) current.push(path);
    else if (aside.test(entry.name)) older.push(`${folder}/${entry.name}`);
  }
  return [...current, ...older.toSorted().toReversed()];
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
  const lines = (await Deno.readTextFile(file)).split("\n");
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
