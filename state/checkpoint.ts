/**
 * The memory as one file, so that recovery need not fold from the beginning. It carries a checksum
 * and keeps the generation before; a damaged one is told about and never read as empty. Where both are
 * lost, the journal gives it back, if it reaches to its first row.
 */
import { Refusal } from "../core/assert.ts";
import { digest } from "../core/ids.ts";
import { type Memory, MEMORY_FORM } from "../core/memory.ts";
import { applyPatch } from "../core/patch.ts";
import { folderOf, readIfThere, syncFolder, writeAtomic } from "./files.ts";
import { type JournalRow, readJournal } from "./journal.ts";
import { filesOf, readRows } from "./rotated.ts";

const CHECKSUM_CHARS = 16;

/**
 * Writes the memory and gives the text of it: what is found as `known` says needs no checksum of its
 * own next time. `sync` is false in replays, where nothing is at stake.
 */
export async function writeCheckpoint(
  path: string,
  memory: Memory,
  { sync, known = null }: { sync: boolean; known?: string | null },
): Promise<string> {
  const body = JSON.stringify(memory);
  const head = `{"checksum":"${digest([body], CHECKSUM_CHARS)}","form":${MEMORY_FORM}`;
  const text = `${head},"memory":${body}}\n`;
  const isWhole = (before: string) => before === known || partsOf(before) !== null;
  await writeAtomic(path, text, { sync, isWhole });
  if (sync) await syncFolder(folderOf(path));
  return text;
}

/** What a memory was recovered from: the checkpoint, the generation before it, or the journal alone. */
export type Source = "checkpoint" | "previous" | "journal";

export type Recovery = {
  readonly memory: Memory;
  readonly source: Source;
  /** Files that were found damaged. They are as they were found. */
  readonly damaged: readonly string[];
  /** The journal's rows after the checkpoint; of a whole journal its newest file's. */
  readonly rows: readonly JournalRow[];
  /** The tick that those rows come after. */
  readonly checkpointSeq: number;
};

/**
 * Checkpoint and the journal's rows after it; null when this directory has never run. Where both
 * generations are lost, a journal that reaches back to its first row is folded onto `blank`, the
 * memory of a first start; null there says that another build may have written it. Changes nothing.
 */
export async function recover(
  { checkpoint, journal }: { checkpoint: string; journal: string },
  blank: Memory | null = null,
): Promise<Recovery | null> {
  const damaged: string[] = [];
  for (const [path, source] of generationsOf(checkpoint)) {
    const text = await readIfThere(path);
    if (text === null) continue;
    const base = parseCheckpoint(path, text);
    if (base === null) {
      damaged.push(path);
      continue;
    }
    const rows = await readJournal(journal, base.pulse.seq);
    const memory = rows.reduce((sum, { patch }) => applyPatch(sum, patch), base);
    return { memory, source, damaged, rows, checkpointSeq: base.pulse.seq };
  }
  if (damaged.length === 0 && !await hasRows(journal)) return null;
  const rebuilt = blank === null ? null : await foldWhole(journal, blank);
  if (rebuilt !== null) return { ...rebuilt, source: "journal", damaged };
  throw new Refusal(
    `Cannot recover from ${checkpoint} as neither it nor its .prev can be read, and the journal ` +
      "does not tell everything since the first start: put one of them back from a copy, or move " +
      "logs/ aside to start anew; positions are read from the venue. Nothing has been changed",
  );
}

function generationsOf(checkpoint: string): readonly (readonly [string, Source])[] {
  return [[checkpoint, "checkpoint"], [`${checkpoint}.prev`, "previous"]];
}

/** A first start writes its checkpoint before its first row: rows without one are of a lost one. */
async function hasRows(journal: string): Promise<boolean> {
  for (const file of await filesOf(journal)) {
    if ((await readRows(file)).length > 0) return true;
  }
  return false;
}

/** The first tick counts since when it counts, so it always has a row. */
const FIRST_SEQ = 1;

/** Every row on top of a first start's memory; null when the journal does not begin with one. */
async function foldWhole(
  journal: string,
  blank: Memory,
): Promise<Pick<Recovery, "memory" | "rows" | "checkpointSeq"> | null> {
  let memory = blank;
  let rows: readonly JournalRow[] = [];
  for (const file of (await filesOf(journal)).toReversed()) {
    const more = await readRows<JournalRow>(file);
    for (const { seq, patch } of more) {
      const follows = memory === blank ? seq === FIRST_SEQ : seq > memory.pulse.seq;
      if (!follows) return null;
      memory = applyPatch(memory, patch);
    }
    if (more.length > 0) rows = more;
  }
  const [first] = rows;
  return first === undefined ? null : { memory, rows, checkpointSeq: first.seq - 1 };
}

/** Null when the text is damaged; a whole one of another form is refused, never misread. */
function parseCheckpoint(path: string, text: string): Memory | null {
  const parts = partsOf(text);
  if (parts === null) return null;
  if (parts.form !== MEMORY_FORM) {
    throw new Refusal(
      `Cannot recover from ${path} as it must have form ${MEMORY_FORM}: it has form ${parts.form}, ` +
        "another build wrote it. Go on with that build, or move logs/ aside to start anew; " +
        "nothing has been changed",
    );
  }
  return JSON.parse(parts.body) as Memory;
}

/** Form and body of a text that its checksum fits; null when it is damaged. */
function partsOf(text: string): { readonly form: number; readonly body: string } | null {
  const parts = /^\{"checksum":"([0-9a-z]+)",(?:"form":(\d+),)?"memory":(.*)\}\n$/s.exec(text);
  const body = parts?.[3];
  if (body === undefined || digest([body], CHECKSUM_CHARS) !== parts![1]) return null;
  return { form: Number(parts![2] ?? 0), body };
}
