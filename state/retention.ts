/** What is kept of the files that a log has outgrown: packed after a day, removed when old or many. */
import { MS_PER_DAY } from "../core/units.ts";
import { removeIfThere, writeAtomic } from "./files.ts";
import { filesOf, isPacked, movedMsOf, PACKED } from "./rotated.ts";

/** How long a log keeps files it has outgrown, and how many bytes of them. */
export type Retention = { readonly keepMs: number; readonly keepBytes: number };

const PACK_AFTER_MS = MS_PER_DAY;

/**
 * Goes through the files that the log at `path` has outgrown, newest first: those beyond what is to be
 * kept are removed, the oldest first, and the rest are packed where they are older than a day. `nowMs`
 * is engine time, as in their names.
 */
export async function sweep(
  path: string,
  { nowMs, keepMs, keepBytes }: Retention & { nowMs: number },
): Promise<void> {
  const aside = (await filesOf(path)).filter((file) => file !== path);
  const old: string[] = [];
  let bytes = 0;
  for (const file of aside) {
    const ageMs = nowMs - movedMsOf(file);
    bytes += (await Deno.stat(file)).size;
    if (ageMs > keepMs || bytes > keepBytes) old.unshift(file);
    else if (ageMs >= PACK_AFTER_MS && !isPacked(file)) await pack(file);
  }
  for (const file of old) {
    const plain = isPacked(file) ? file.slice(0, -PACKED.length) : file;
    for (const one of [`${plain}${PACKED}`, plain]) await removeIfThere(one);
  }
}

/** At every moment there is the file or the packed one, whole and on disk. */
async function pack(file: string): Promise<void> {
  const packed = new Blob([await Deno.readFile(file)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  await writeAtomic(`${file}${PACKED}`, bytes, { sync: true });
  await Deno.remove(file);
}
