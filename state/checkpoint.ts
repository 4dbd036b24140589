/**
 * The memory as one file, so that recovery need not fold from the beginning. It carries a checksum
 * and keeps the generation before; a damaged one is set aside, told about and never read as empty.
 */
import { Refusal } from "../core/assert.ts";
import { digest } from "../core/ids.ts";
import { type Memory, MEMORY_FORM } from "../core/memory.ts";
import { applyPatch } from "../core/patch.ts";
import { fileStamp, folderOf, readIfThere, syncFolder, writeAtomic } from "./files.ts";
import { type JournalRow, readJournal } from "./journal.ts";

const CHECKSUM_CHARS = 16;

/** Writes the memory; `sync` is false in replays, where nothing is at stake. */
export async function writeCheckpoint(
  path: string,
  memory: Memory,
  { sync }: { sync: boolean },
): Promise<void> {
  const body = JSON.stringify(memory);
  const head = `{"checksum":"${digest([body], CHECKSUM_CHARS)}","form":${MEMORY_FORM}`;
  const text = `${head},"memory":${body}}\n`;
  await writeAtomic(path, text, { sync, keepPrevious: true });
  if (sync) await syncFolder(folderOf(path));
}

export type Recovery = {
  readonly memory: Memory;
  /** Sentences about what was found damaged and what was used instead. */
  readonly notes: readonly string[];
  /** The journal's rows after the checkpoint. */
  readonly rows: readonly JournalRow[];
  /** The tick the checkpoint was taken after. */
  readonly checkpointSeq: number;
};

/** Checkpoint and the journal's rows after it; null when this directory has never run. */
export async function recover(
  { checkpoint, journal }: { checkpoint: string; journal: string },
): Promise<Recovery | null> {
  const notes: string[] = [];
  let base: Memory | null = null;
  let found = false;
  for (const path of [checkpoint, `${checkpoint}.prev`]) {
    const text = await readIfThere(path);
    if (text === null) continue;
    found = true;
    base = parseCheckpoint(path, text);
    if (base !== null) break;
    const aside = `${path}.corrupt-${fileStamp(Date.now())}`;
    await Deno.copyFile(path, aside);
    notes.push(`${path} is damaged; a copy is kept as ${aside}, the generation before is used`);
  }
  if (!found) return null;
  if (base === null) {
    throw new Refusal(
      `Cannot recover from ${checkpoint} as neither it nor its .prev can be read: move logs/ ` +
        "aside to start anew; positions are read from the venue",
    );
  }
  const rows = await readJournal(journal, base.pulse.seq);
  let memory = base;
  for (const row of rows) memory = applyPatch(memory, row.patch);
  return { memory, notes, rows, checkpointSeq: base.pulse.seq };
}

/** Null when the text is damaged; a whole one of another form is refused, never misread. */
function parseCheckpoint(path: string, text: string): Memory | null {
  const parts = /^\{"checksum":"([0-9a-z]+)",(?:"form":(\d+),)?"memory":(.*)\}\n$/s.exec(text);
  if (parts === null || digest([parts[3]!], CHECKSUM_CHARS) !== parts[1]) return null;
  const form = Number(parts[2] ?? 0);
  if (form !== MEMORY_FORM) {
    throw new Refusal(
      `Cannot recover from ${path} as it must have form ${MEMORY_FORM}: it has form ${form}, ` +
        "another build wrote it. Go on with that build, or move logs/ aside to start anew; " +
        "nothing has been changed",
    );
  }
  return JSON.parse(parts[3]!) as Memory;
}
