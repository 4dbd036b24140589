/**
 * What the engine remembers at a start: what is damaged is set aside and told about, and from then on
 * there is a whole checkpoint again.
 */
import type { Memory } from "../core/memory.ts";
import { operatorAtStart } from "../core/operator.ts";
import { recover, type Recovery, type Source, writeCheckpoint } from "./checkpoint.ts";
import { setAside } from "./files.ts";
import type { Layout } from "./layout.ts";

export type Remembered = Pick<Recovery, "memory" | "rows" | "checkpointSeq"> & {
  /** The memory before the start changed anything of it, as the journal tells it. */
  readonly told: Memory;
  /** Sentences about what was found damaged and what was used instead. */
  readonly notes: readonly string[];
};

/**
 * The memory that a process begins with, on disk when this resolves. `blank` is what a first start
 * begins with, `isOwnForm` whether the journal was begun in the form that this build remembers in.
 */
export async function memoryAtStart(
  { checkpoint, journal }: Pick<Layout, "checkpoint" | "journal">,
  { blank, isOwnForm, killed, sync }: {
    blank: Memory;
    isOwnForm: boolean;
    killed: boolean;
    sync: boolean;
  },
): Promise<Remembered> {
  const recovery = await recover({ checkpoint, journal }, isOwnForm ? blank : null);
  const base = recovery?.memory ?? blank;
  const operator = operatorAtStart(base.operator, { killed, nowMs: base.pulse.nowMs });
  const begun = operator === base.operator ? base : { ...base, operator };
  const memory = marked(begun, recovery?.source ?? "checkpoint");
  const notes = recovery === null ? [] : await tellSource(checkpoint, recovery);
  // From here on there is always a checkpoint to fold from.
  if (recovery === null || memory !== base) await writeCheckpoint(checkpoint, memory, { sync });
  const { rows = [], checkpointSeq = 0 } = recovery ?? {};
  return { memory, told: base, notes, rows, checkpointSeq };
}

/** A memory that had to be brought back says so: somebody should look why. */
function marked(memory: Memory, source: Source): Memory {
  return source === "checkpoint"
    ? memory
    : { ...memory, restored: { from: source, atMs: memory.pulse.nowMs } };
}

/** Sets aside what is damaged, so that it never takes the place of a good generation, and tells it. */
async function tellSource(
  checkpoint: string,
  { source, damaged }: Recovery,
): Promise<readonly string[]> {
  if (source === "checkpoint") return [];
  const notes: string[] = [];
  for (const path of damaged) {
    notes.push(`${path} is damaged; it is kept as ${await setAside(path)}`);
  }
  if (notes.length === 0) notes.push(`${checkpoint} is gone`);
  const instead = source === "previous" ? "the generation before" : "every row of the journal";
  return [...notes, `the memory is made of ${instead} instead`];
}
