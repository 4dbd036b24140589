/** The execution logs over midnights and restarts: no row is lost or mixed up, no file overwritten. */
import assert from "node:assert/strict";
import type { EngineEvent } from "../../core/events.ts";
import { rowsAfter } from "../../state/rotated.ts";
import { Telemetry } from "../../state/telemetry.ts";
import { market, T0 } from "../fixtures.ts";
import { inTempDir, lane } from "../lanes.ts";

const NEEDS = ["read", "write"] as const;
const TRIGGER = { kind: "exit_trigger", key: "BTCUSDT:LONG", reason: "tp", markPx: 1, levelPx: 1 };
const MIDNIGHT = T0 + 86_400_000;

/** Tells a trigger of this number in the tick of the same number. */
function tell(log: Telemetry, id: number, nowMs: number, isKept = true): void {
  const run = { runId: "a", env: "sim", positionMode: "hedge", venue: "sim", mode: "sim" } as const;
  const event = { ...TRIGGER, intentId: `x-${id}` } as unknown as EngineEvent;
  const rule = { kind: "account_rule", rule: `r-${id}`, navUsd: 1, note: null } as const;
  const stamp = { seq: id, nowMs, loggedMs: nowMs, ...run };
  log.append([event, rule as unknown as EngineEvent], stamp, {
    view: { market: () => market() },
    isKept,
  });
}

/** Every trigger that is on disk, by the file it is in. */
function triggersIn(dir: string): Readonly<Record<string, readonly string[]>> {
  const names = [...Deno.readDirSync(dir)].filter(({ name }) => name.startsWith("exit_events"));
  return Object.fromEntries(
    names.toSorted((a, b) => a.name < b.name ? -1 : 1).map(({ name }) => [
      name,
      Deno.readTextFileSync(`${dir}/${name}`).split("\n").filter((line) => line !== "").map(
        (line) => JSON.parse(line).intent_id,
      ),
    ]),
  );
}
const ASIDE = (seq: number, time = "20260106T000000Z") =>
  `exit_events-${time}-${String(seq).padStart(10, "0")}.jsonl`;

lane("a log that cannot be moved aside at midnight goes on, and so do the others", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const told: string[] = [];
      const log = new Telemetry(dir, { onError: (message) => void told.push(message) });
      tell(log, 1, MIDNIGHT - 15_000);
      await Deno.writeTextFile(`${dir}/${ASIDE(2)}`, "");
      for (const id of [2, 3, 4]) tell(log, id, MIDNIGHT + (id - 2) * 15_000);
      tell(log, 5, MIDNIGHT + 86_400_000);
      log.close();
      assert.deepEqual(triggersIn(dir), {
        [ASIDE(2)]: [],
        [ASIDE(5, "20260107T000000Z")]: ["x-1", "x-2", "x-3", "x-4"],
        "exit_events.jsonl": ["x-5"],
      });
      assert.match(told.join(), /^exit_events: \S+ is there already$/, "once, not on every tick");
      const names = [...Deno.readDirSync(dir)].map(({ name }) => name);
      assert.equal(names.filter((name) => name.startsWith("account_events-")).length, 2);
    }),
});

lane("a log that somebody has taken away begins anew at midnight, and no other loses a row", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const log = new Telemetry(dir, { onError: assert.fail });
      tell(log, 1, MIDNIGHT - 15_000);
      await Deno.remove(`${dir}/exit_events.jsonl`);
      for (const id of [2, 3]) tell(log, id, MIDNIGHT + id);
      log.close();
      assert.deepEqual(triggersIn(dir), { "exit_events.jsonl": ["x-2", "x-3"] });
      const rules = await rowsAfter<{ seq: number }>(`${dir}/account_events.jsonl`, 0);
      assert.deepEqual(rules.map(({ seq }) => seq), [1, 2, 3]);
    }),
});

lane("what was held back over midnight is in the file of its own day", {
  needs: NEEDS,
  run: () =>
    inTempDir((dir) => {
      const log = new Telemetry(dir, { onError: assert.fail });
      tell(log, 1, MIDNIGHT - 30_000);
      tell(log, 2, MIDNIGHT - 15_000, false);
      tell(log, 3, MIDNIGHT, false);
      tell(log, 4, MIDNIGHT + 15_000);
      log.close();
      assert.deepEqual(triggersIn(dir), {
        [ASIDE(3)]: ["x-1", "x-2"],
        "exit_events.jsonl": ["x-3", "x-4"],
      });
      return Promise.resolve();
    }),
});

lane("a start after midnight moves aside what belongs to the day before", {
  needs: NEEDS,
  run: () =>
    inTempDir((dir) => {
      for (const [id, nowMs] of [[1, MIDNIGHT - 15_000], [2, MIDNIGHT + 3_600_000]] as const) {
        const log = new Telemetry(dir, { onError: assert.fail });
        tell(log, id, nowMs);
        log.close();
      }
      const aside = ASIDE(2, "20260106T010000Z");
      assert.deepEqual(triggersIn(dir), { [aside]: ["x-1"], "exit_events.jsonl": ["x-2"] });
      return Promise.resolve();
    }),
});

lane("a midnight that is crossed twice overwrites nothing", {
  needs: NEEDS,
  run: () =>
    inTempDir((dir) => {
      for (const ids of [[1, 3], [2, 4], [6, 4]] as const) {
        Deno.writeTextFileSync(`${dir}/exit_events.jsonl`, "");
        const log = new Telemetry(dir);
        for (const [i, id] of ids.entries()) tell(log, id, MIDNIGHT + (i - 1) * 15_000);
        log.close();
      }
      assert.deepEqual(triggersIn(dir), {
        [ASIDE(3)]: ["x-1"],
        [ASIDE(4)]: ["x-2"],
        "exit_events.jsonl": ["x-6", "x-4"],
      });
      return Promise.resolve();
    }),
});

lane("what a log has outgrown is packed after a day, and removed when it is old or too much", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const DAY = 86_400_000;
      const open = (keepBytes: number) =>
        new Telemetry(dir, { onError: assert.fail, retention: { keepMs: 3 * DAY, keepBytes } });
      const journal = `${dir}/journal-20200101T000000Z-0000000001.jsonl`;
      await Deno.writeTextFile(journal, "");
      const stranger = `${dir}/exit_events-notes.jsonl`;
      await Deno.writeTextFile(stranger, "");
      const log = open(1_000_000);
      for (let day = 0; day <= 6; day++) tell(log, day + 1, T0 + day * DAY);
      await log.swept();
      log.close();
      const names = () =>
        [...Deno.readDirSync(dir)].map(({ name }) => name)
          .filter((name) => /^exit_events-\d/.test(name)).toSorted();
      const asideOn = (day: number) =>
        `exit_events-202601${String(day).padStart(2, "0")}T000000Z-${
          String(day - 4).padStart(10, "0")
        }.jsonl`;
      assert.deepEqual(names(), [
        `${asideOn(8)}.gz`,
        `${asideOn(9)}.gz`,
        `${asideOn(10)}.gz`,
        asideOn(11),
      ]);
      const seqs = async (after: number) =>
        (await rowsAfter<{ seq: number }>(`${dir}/exit_events.jsonl`, after)).map(({ seq }) => seq);
      assert.deepEqual(await seqs(0), [3, 4, 5, 6, 7], "what is packed is read like the rest");
      // A crash between packing and removing leaves both: the rows are there once.
      await Deno.writeTextFile(`${dir}/${asideOn(11)}.gz`, "torn");
      assert.deepEqual(await seqs(0), [3, 4, 5, 6, 7]);
      const less = open(1);
      tell(less, 8, T0 + 7 * DAY);
      await less.swept();
      less.close();
      assert.deepEqual(names(), [], "no more than may be kept");
      assert.deepEqual(await seqs(0), [8]);
      for (const path of [journal, stranger]) assert.ok((await Deno.stat(path)).isFile);
    }),
});
