/**
 * The engine's memory on disk: what a crash or a damage takes is brought back, a good generation is
 * never given up for a bad one, and what cannot be brought back is refused, never begun anew.
 */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { recover, writeCheckpoint } from "../../state/checkpoint.ts";
import { removeTemporary, setAside } from "../../state/files.ts";
import { Journal } from "../../state/journal.ts";
import { memoryAtStart } from "../../state/recovery.ts";
import { inTempDir, lane } from "../lanes.ts";
import { T0 } from "../fixtures.ts";
import { observation } from "../fixtures_run.ts";

const NEEDS = ["read", "write"] as const;
const BLANK = blankMemory("abcdef", T0);

function memoryAt(seq: number): Memory {
  const pulse = { ...BLANK.pulse, seq, nowMs: T0 + seq * 1_000 };
  return { ...BLANK, pulse, counters: { ...BLANK.counters, totalSignals: seq } };
}

type Paths = { readonly checkpoint: string; readonly journal: string };

/** Journal rows from one tick to the last, each changing the memory. */
async function writeJournal(path: string, from: number, to: number): Promise<void> {
  const journal = new Journal(path, memoryAt(from - 1));
  for (let seq = from; seq <= to; seq++) {
    const decision = { before: memoryAt(seq - 1), memory: memoryAt(seq), seen: observation() };
    await journal.record({ ...decision, commands: [], events: [] }, { durable: false });
  }
  journal.close();
}

/** A directory that has come to tick 7, with checkpoints of the ticks 3 and 5. */
async function lived(dir: string): Promise<Paths> {
  const paths = { checkpoint: `${dir}/checkpoint.json`, journal: `${dir}/journal.jsonl` };
  await writeCheckpoint(paths.checkpoint, memoryAt(3), { sync: false });
  await writeCheckpoint(paths.checkpoint, memoryAt(5), { sync: false });
  await writeJournal(paths.journal, 1, 7);
  return paths;
}

const start = (paths: Paths, isOwnForm = true) =>
  memoryAtStart(paths, { blank: BLANK, isOwnForm, killed: false, sync: true });

/** What a memory holds, the note about how it was brought back apart. */
const heldIn = (memory: Memory) => ({ ...memory, restored: null });

const filesIn = (dir: string, start = "") =>
  [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => name.startsWith(start))
    .toSorted();

/** The text with one of its digits changed, as a failing disk does it. */
const rotten = (text: string) => text.replace('"seq":', '"seq":1');

async function damage(path: string): Promise<void> {
  await Deno.writeTextFile(path, rotten(await Deno.readTextFile(path)));
}

class Killed extends Error {}
const OPERATIONS = ["open", "rename", "link", "remove"] as const;

/** Runs `work` in a process that dies before its n-th operation on files; false when it outlives it. */
async function diesBefore(n: number, work: () => Promise<unknown>): Promise<boolean> {
  const known = OPERATIONS.map((name) => [name, Deno[name]] as const);
  let count = 0;
  for (const [name, real] of known) {
    const mortal = (...args: readonly unknown[]) => {
      count += 1;
      // Dead is dead: what would clean up afterwards does not run either.
      if (count >= n) return Promise.reject(new Killed());
      return (real as (...args: readonly unknown[]) => unknown).apply(Deno, [...args]);
    };
    Object.assign(Deno, { [name]: mortal });
  }
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof Killed) return true;
    throw error;
  } finally {
    Object.assign(Deno, Object.fromEntries(known));
  }
}

lane("a checkpoint of another form is refused and left as it is", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const paths = { checkpoint: `${dir}/checkpoint.json`, journal: `${dir}/journal.jsonl` };
      await writeCheckpoint(paths.checkpoint, memoryAt(2), { sync: false });
      const own = await Deno.readTextFile(paths.checkpoint);
      for (const form of ['"form":999,', ""]) {
        const other = own.replace(/"form":\d+,/, form);
        assert.notEqual(other, own);
        await Deno.writeTextFile(paths.checkpoint, other);
        await assert.rejects(recover(paths), /it has form (999|0), another build wrote it/);
        assert.equal(await Deno.readTextFile(paths.checkpoint), other);
      }
    }),
});

lane("a damaged checkpoint is moved aside, the generation before is used and stays", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const paths = await lived(dir);
      const good = await Deno.readTextFile(`${paths.checkpoint}.prev`);
      await damage(paths.checkpoint);
      const bad = await Deno.readTextFile(paths.checkpoint);
      const begun = await start(paths);
      assert.deepEqual(heldIn(begun.memory), memoryAt(7), "the journal gives what damage took");
      assert.deepEqual(begun.memory.restored, { from: "previous", atMs: T0 + 7_000 });
      assert.match(
        begun.notes[0]!,
        /checkpoint\.json is damaged; it is kept as .*\.corrupt-\d{8}T/,
      );
      const [aside] = filesIn(dir, "checkpoint.json.corrupt-");
      assert.equal(await Deno.readTextFile(`${dir}/${aside}`), bad);
      assert.equal(await Deno.readTextFile(`${paths.checkpoint}.prev`), good);
      const again = await start(paths);
      assert.deepEqual(again.memory, begun.memory, "a whole one is there again");
      assert.deepEqual(again.notes, []);
    }),
});

lane("a second damage, right after a start that used the generation before, is survived", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const paths = await lived(dir);
      for (let times = 0; times < 3; times++) {
        await damage(paths.checkpoint);
        const { memory } = await start(paths, false);
        assert.deepEqual(heldIn(memory), memoryAt(7));
      }
    }),
});

lane("what is damaged while the engine runs never becomes the generation before", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const paths = await lived(dir);
      const known = await writeCheckpoint(paths.checkpoint, memoryAt(6), { sync: false });
      await damage(paths.checkpoint);
      await writeCheckpoint(paths.checkpoint, memoryAt(7), { sync: false, known });
      assert.equal(filesIn(dir, "checkpoint.json.corrupt-").length, 1);
      await damage(paths.checkpoint);
      assert.deepEqual(heldIn((await start(paths, false)).memory), memoryAt(7));
    }),
});

lane("whatever operation on files a process dies before, the next one has the memory", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (root) => {
      const works = {
        "a checkpoint": (paths: Paths) =>
          writeCheckpoint(paths.checkpoint, memoryAt(7), { sync: true }),
        "a checkpoint over a damaged one": async (paths: Paths) => {
          await damage(paths.checkpoint);
          await writeCheckpoint(paths.checkpoint, memoryAt(7), { sync: true });
        },
        "a start after damage": async (paths: Paths) => {
          await damage(paths.checkpoint);
          await start(paths);
        },
        "a start after both are lost": async (paths: Paths) => {
          await damage(paths.checkpoint);
          await damage(`${paths.checkpoint}.prev`);
          await start(paths);
        },
      };
      for (const [what, work] of Object.entries(works)) {
        let deaths = 0;
        for (let n = 1;; n++) {
          const dir = `${root}/${what}-${n}`;
          await Deno.mkdir(dir);
          const paths = await lived(dir);
          const died = await diesBefore(n, () => work(paths));
          await removeTemporary(dir);
          const { memory } = await start(paths);
          assert.deepEqual(heldIn(memory), memoryAt(7), `${what}, dead before operation ${n}`);
          if (!died) break;
          deaths += 1;
        }
        assert.ok(deaths >= 4, `${what} has ${deaths} operations`);
      }
    }),
});

lane("with both generations lost a journal from the first tick on gives the memory back", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const paths = await lived(dir);
      await Deno.rename(paths.journal, `${dir}/journal-20260101T000007Z-0000000007.jsonl`);
      await writeJournal(paths.journal, 8, 9);
      for (const path of [paths.checkpoint, `${paths.checkpoint}.prev`]) {
        await Deno.writeTextFile(path, "garbage");
      }
      const begun = await start(paths);
      assert.deepEqual(heldIn(begun.memory), memoryAt(9));
      assert.equal(begun.memory.restored?.from, "journal");
      assert.deepEqual(begun.rows.map(({ seq }) => seq), [8, 9]);
      assert.equal(begun.checkpointSeq, 7);
      assert.match(begun.notes.at(-1)!, /every row of the journal/);
      assert.equal(filesIn(dir, "checkpoint.json.").length, 2, "both are kept");
      for (const name of filesIn(dir, "checkpoint.json")) await Deno.remove(`${dir}/${name}`);
      const gone = await start(paths);
      assert.deepEqual(heldIn(gone.memory), memoryAt(9), "rows without a checkpoint are no start");
    }),
});

lane("what cannot be brought back is refused, and nothing is touched", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (root) => {
      const lost = async (dir: string, then: (paths: Paths) => Promise<void>) => {
        await Deno.mkdir(dir);
        const paths = await lived(dir);
        for (const path of [paths.checkpoint, `${paths.checkpoint}.prev`]) await damage(path);
        await then(paths);
        return paths;
      };
      const nothing = () => Promise.resolve();
      const cut = async ({ journal }: Paths) => {
        const rows = (await Deno.readTextFile(journal)).split("\n");
        await Deno.writeTextFile(journal, rows.slice(1).join("\n"));
      };
      const doubled = async ({ journal }: Paths) => {
        const text = await Deno.readTextFile(journal);
        await Deno.writeTextFile(journal, text + text);
      };
      const empty = ({ journal }: Paths) => Deno.writeTextFile(journal, "");
      const cases = [
        ["another build may have written it", nothing, false],
        ["the first row is gone", cut, true],
        ["rows are told twice", doubled, true],
        ["there are no rows", empty, true],
      ] as const;
      for (const [name, then, isOwnForm] of cases) {
        const dir = `${root}/${name}`;
        const paths = await lost(dir, then);
        const before = filesIn(dir);
        await assert.rejects(start(paths, isOwnForm), /put one of them back from a copy/, name);
        assert.deepEqual(filesIn(dir), before, `${name}: a refusal writes nothing`);
      }
    }),
});

lane("damaged files are kept under names of their own, the newest five of them", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const names: string[] = [];
      for (let n = 0; n < 7; n++) {
        await Deno.writeTextFile(`${dir}/nav.json`, String(n));
        names.push(await setAside(`${dir}/nav.json`));
      }
      assert.equal(new Set(names).size, 7, "none is written over");
      const kept = filesIn(dir).map((name) => Deno.readTextFileSync(`${dir}/${name}`)).toSorted();
      assert.deepEqual(kept, ["2", "3", "4", "5", "6"]);
    }),
});
