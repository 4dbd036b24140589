/** NAV minute by minute: one row a minute, a file a day, older days thinner, nothing lost. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { NavHistory, type NavRow, thinned } from "../../state/nav_history.ts";
import { holding, T0 } from "../fixtures.ts";
import { observation } from "../fixtures_run.ts";
import { inTempDir, lane } from "../lanes.ts";

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const at = (nowMs: number, changes: Partial<Memory> = {}): Memory => {
  const blank = blankMemory("test00", T0);
  const level = { navUsd: 10_000 + nowMs / DAY, walletUsd: 1, unrealizedUsd: 2, atMs: nowMs };
  const pulse = { ...blank.pulse, nowMs, accountMs: nowMs, accountOk: true };
  return { ...blank, nav: { ...blank.nav, level }, pulse, ...changes };
};
const { market } = observation();

async function rowsOf(path: string): Promise<readonly NavRow[]> {
  const text = await Deno.readTextFile(path);
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

lane("a row a minute in the file of its day, whatever the number of ticks", {
  needs: ["read", "write"],
  run: () =>
    inTempDir(async (dir) => {
      const told: string[] = [];
      const open = () => new NavHistory(dir, { onError: (message) => void told.push(message) });
      const history = open();
      for (let i = 0; i < 30; i++) history.note(at(T0 + i * 10_000), market);
      const held = { holdings: { "BTCUSDT:LONG": holding() } };
      history.note(at(T0 + DAY, held), market);
      await history.close();
      const again = open();
      again.note(at(T0 + DAY + MINUTE), { ...market, mark: () => null });
      await again.close();
      const [first, second] = [
        await rowsOf(`${dir}/nav_history-2026-01-05.jsonl`),
        await rowsOf(`${dir}/nav_history-2026-01-06.jsonl`),
      ];
      assert.deepEqual(first.map(({ ts }) => ts.slice(11, 19)), [
        "00:00:00",
        "00:01:00",
        "00:02:00",
        "00:03:00",
        "00:04:00",
      ]);
      assert.deepEqual(second.map(({ gross, open }) => [gross, open]), [[300, 1], [0, 0]]);
      assert.deepEqual(told, []);
    }),
});

lane("older days are thinned when a new one begins, and what is no row is left alone", {
  needs: ["read", "write"],
  run: () =>
    inTempDir(async (dir) => {
      const write = async (day: string, lines: readonly string[]) =>
        await Deno.writeTextFile(`${dir}/nav_history-${day}.jsonl`, `${lines.join("\n")}\n`);
      const whole = (fromMs: number) =>
        Array.from(
          { length: 1_440 },
          (_, i) => JSON.stringify({ ts: new Date(fromMs + i * MINUTE).toISOString(), seq: i }),
        );
      await write("2026-01-04", whole(T0 - DAY));
      await write("2026-01-03", whole(T0 - 2 * DAY));
      await write("2025-10-06", whole(T0 - 91 * DAY));
      const history = new NavHistory(dir, { onError: assert.fail });
      history.note(at(T0), market);
      await history.close();
      const counts = await Promise.all(
        ["2026-01-04", "2026-01-03", "2025-10-06"].map(async (day) =>
          (await rowsOf(`${dir}/nav_history-${day}.jsonl`)).length
        ),
      );
      assert.deepEqual(counts, [1_440, 97, 1]);
      await write("2026-01-03", ["torn {", ...whole(T0)]);
      const next = new NavHistory(dir, { onError: assert.fail });
      next.note(at(T0), market);
      await next.close();
      const text = await Deno.readTextFile(`${dir}/nav_history-2026-01-03.jsonl`);
      assert.ok(text.startsWith("torn {"), "what nobody can read nobody rewrites");
    }),
});

lane("days that began while the engine was down are thinned as well, each by its age", {
  needs: ["read", "write"],
  run: () =>
    inTempDir(async (dir) => {
      const path = (day: number) => {
        const name = new Date(T0 + day * DAY).toISOString().slice(0, 10);
        return `${dir}/nav_history-${name}.jsonl`;
      };
      const write = async (day: number) => {
        const row = (i: number) => ({ ts: new Date(T0 + day * DAY + i * MINUTE).toISOString() });
        const lines = Array.from({ length: 1_440 }, (_, i) => JSON.stringify(row(i)));
        await Deno.writeTextFile(path(day), `${lines.join("\n")}\n`);
      };
      const days = [-200, -91, -90, -10, -3, -1, 4, 5] as const;
      for (const day of days) await write(day);
      const counts = async () =>
        await Promise.all(days.map(async (day) => (await rowsOf(path(day))).length));
      const history = new NavHistory(dir, { onError: assert.fail });
      history.note(at(T0), market);
      await history.close();
      assert.deepEqual(await counts(), [1, 1, 97, 97, 97, 1_440, 1_440, 1_440]);
      const later = new NavHistory(dir, { onError: assert.fail });
      later.note(at(T0 + DAY), market);
      later.note(at(T0 + 6 * DAY), market);
      await later.close();
      assert.deepEqual(await counts(), [1, 1, 1, 97, 97, 97, 97, 1_440]);
    }),
});

lane("a minute that an earlier process has told is not told again", {
  needs: ["read", "write"],
  run: () =>
    inTempDir(async (dir) => {
      for (const minutes of [[0, 1, 2], [2, 3], [1, 2, 3, 4]]) {
        const history = new NavHistory(dir, { onError: assert.fail });
        for (const minute of minutes) history.note(at(T0 + minute * MINUTE + 1), market);
        await history.close();
      }
      const rows = await rowsOf(`${dir}/nav_history-2026-01-05.jsonl`);
      assert.deepEqual(rows.map(({ ts }) => new Date(ts).getUTCMinutes()), [0, 1, 2, 3, 4]);
    }),
});

Deno.test("the last row of a day is always kept", () => {
  const rows = [0, 1, 14, 15, 16, 44, 59].map((minute) => ({
    ts: new Date(T0 + minute * MINUTE).toISOString(),
  })) as unknown as readonly NavRow[];
  const minutes = (ageDays: number) =>
    thinned(rows, { ageDays }).map(({ ts }) => new Date(ts).getUTCMinutes());
  assert.deepEqual(minutes(1), [0, 1, 14, 15, 16, 44, 59]);
  assert.deepEqual(minutes(2), [0, 15, 44, 59]);
  assert.deepEqual(minutes(91), [59]);
  assert.deepEqual(thinned([], { ageDays: 91 }), []);
});
