/** The recorder is never in the way: a decision is given back, or thrown, whatever the disk does. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Observation } from "../../core/ports.ts";
import type { Host } from "../../core/protect.ts";
import { Engine, ProtectFault } from "../../state/engine.ts";
import { type JournalRow, journalRow } from "../../state/journal.ts";
import { type Layout, layoutOf, makeFolders } from "../../state/layout.ts";
import { Recorder } from "../../state/recorder.ts";
import { rejudge } from "../../state/rejudge.ts";
import { filesOf, readRows } from "../../state/rotated.ts";
import { BTC, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { inTempDir, lane } from "../lanes.ts";

const NEEDS = ["read", "write"] as const;
const DAY_MS = 86_400_000;
const RULES = rules();
const MEMORY = blankMemory("abcdef", T0);
const CALM_HOST = { said: [], storage: null };

const head = {
  version: "1",
  commit: null,
  feed: "test",
  configHash: "h",
  terms: { config: {}, universe: "config", given: {} },
  baseMs: 60_000,
  tickers: [BTC],
  protectOnly: false,
  untold: [],
  memory: MEMORY,
} as const;

function decider() {
  const engine = new Engine({
    memory: MEMORY,
    rules: RULES,
    past: new Past({ baseMs: 60_000, framesMs: [900_000], rules: RULES }),
    protectOnly: false,
    onFault: () => {},
  });
  return (seen: Observation, host?: Host) => engine.decide(seen, host);
}

const rowsOf = async (path: string) => {
  const files = (await filesOf(path)).toReversed();
  return await Promise.all(files.map((file) => readRows<{ k: string; seq?: number }>(file)));
};

lane("files are moved aside at midnight, and a tick that threw is in them", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = layoutOf(dir).recording;
      const notes: string[] = [];
      const recorder = await Recorder.open(path, head, (note) => void notes.push(note));
      const decide = decider();
      for (const nowMs of [T0, T0 + 1_000, T0 + DAY_MS]) {
        recorder.decide(observation({ nowMs }), CALM_HOST, decide);
      }
      const impossible = () => {
        throw new ProtectFault("planted");
      };
      const last = observation({ nowMs: T0 + DAY_MS + 1_000 });
      assert.throws(() => recorder.decide(last, CALM_HOST, impossible), ProtectFault);
      recorder.close({ inOrder: false });
      const rows = (await rowsOf(path)).map((file) =>
        file.map(({ k, seq }) => `${k} ${seq ?? ""}`)
      );
      assert.deepEqual(rows, [["head ", "tick 1", "tick 2"], ["tick 3", "tick 4"]]);
      assert.deepEqual(notes, []);
    }),
});

lane("a disk that fails ends the recording, is told once, and every decision is made", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = layoutOf(dir).recording;
      const notes: string[] = [];
      const recorder = await Recorder.open(path, head, (note) => void notes.push(note));
      const decide = decider();
      recorder.decide(observation(), CALM_HOST, decide);
      await Deno.remove(`${dir}/logs/recording`, { recursive: true });
      // Midnight: the file cannot be moved aside any more.
      for (const nowMs of [T0 + DAY_MS, T0 + 2 * DAY_MS]) {
        const { memory } = recorder.decide(
          observation({ nowMs }),
          CALM_HOST,
          (seen) => decide(seen),
        );
        assert.equal(memory.pulse.nowMs, nowMs);
      }
      recorder.close({ inOrder: true });
      assert.equal(notes.length, 1);
      assert.match(notes[0]!, /^the recording ends here, trading goes on: /);
    }),
});

lane("a full disk takes no first row, and that is all it does", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = layoutOf(dir).recording;
      await Deno.mkdir(`${dir}/logs/recording`, { recursive: true });
      await Deno.symlink("/dev/full", path);
      const notes: string[] = [];
      const recorder = await Recorder.open(path, head, (note) => void notes.push(note));
      assert.match(notes.join(), /^the recording ends here, trading goes on: /);
      const decision = recorder.decide(observation(), CALM_HOST, decider());
      assert.equal(decision.memory.pulse.seq, 1);
      recorder.close({ inOrder: true });
      assert.equal(notes.length, 1);
    }),
});

/** Seven ticks with a row each; those of the third to the fifth are refused, the sixth tells all. */
async function playOverFullDisk(dir: string, { isTold }: { isTold: boolean }): Promise<Layout> {
  const layout = layoutOf(dir);
  await makeFolders(layout);
  const recorder = await Recorder.open(layout.recording, head, assert.fail);
  const decide = decider();
  const rows: JournalRow[] = [];
  let kept: Memory = MEMORY;
  for (let n = 1; n <= 7; n++) {
    const isRefused = n >= 3 && n <= 5;
    const order = { kind: n % 2 === 0 ? "resume" : "pause" } as const;
    const host: Host = {
      said: [{ id: n, by: "somebody", reason: "a test", order }],
      storage: isTold && n >= 4 && n <= 6 ? { what: "journal", why: "full" } : null,
    };
    const seen = observation({ nowMs: T0 + n * 1_000 });
    const decision = recorder.decide(seen, host, (watched) => decide(watched, host));
    if (isRefused) continue;
    rows.push(journalRow(kept, decision)!);
    kept = decision.memory;
  }
  recorder.close({ inOrder: true });
  await Deno.writeTextFile(layout.journal, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return layout;
}

lane("rows that a full disk refused are no difference, nor is the one that tells them together", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const rulesOf = () => ({ rules: RULES, framesMs: [900_000] });
      const told = await rejudge(await playOverFullDisk(`${dir}/a`, { isTold: true }), rulesOf);
      assert.deepEqual([told.difference, told.lostTicks, told.rows], [null, 3, 4]);
      const calm = await rejudge(await playOverFullDisk(`${dir}/b`, { isTold: false }), rulesOf);
      assert.deepEqual([calm.difference?.seq, calm.difference?.places[0]?.path], [3, "row"]);

      // Today's build could not even decide the first tick.
      const exits = {
        get: () => {
          throw new Error("planted");
        },
      };
      const broken = Object.defineProperty({ ...RULES }, "exits", exits);
      const { difference } = await rejudge(layoutOf(`${dir}/a`), () => ({
        rules: broken,
        framesMs: [900_000],
      }));
      const [place] = difference!.places;
      assert.deepEqual([difference?.seq, place?.path, place?.now], [1, "row", "protect: planted"]);
    }),
});
