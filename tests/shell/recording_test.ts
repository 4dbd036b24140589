/** A run that was recorded is decided again by the program: the same, or told where it differs. */
import assert from "node:assert/strict";
import type { TickRow } from "../../core/replay.ts";
import type { JournalRow } from "../../state/journal.ts";
import type { HeadRow } from "../../state/recorder.ts";
import { filesOf, rotatedName } from "../../state/rotated.ts";
import { REFUSALS } from "../kill/full_disk.ts";
import { startEngine, writeBusyConfig } from "../kill/run.ts";
import { inTempDir, lane } from "../lanes.ts";
import { ballast, logRows, type Outcome, startBallast, surface } from "./ballast.ts";
import { writeCandles } from "./candles.ts";

const NEEDS = ["read", "write", "run", "env"] as const;
const JOURNAL = "execution/journal";
const RECORDING = "recording/ticks";
const KILLS = 3;
const OUTAGE_MS = 2_000;
/** Enough of a journal for some trades. */
const SOME_BYTES = 30_000;

type Row = { readonly k: string; readonly seq?: number };

const again = (dir: string, ...args: readonly string[]) =>
  ballast(["replay", "--journal", dir, ...args]);

/** Runs a busy engine for some ticks, recorded. */
async function recorded(dir: string, ticks: readonly number[]): Promise<void> {
  await writeBusyConfig(`${dir}/config`);
  for (const n of ticks) {
    const { code, err } = await ballast([
      ...["run", "--record", "--config", `${dir}/config`, "--data", dir, "--speed", "0"],
      ...["--no-web", "--ticks", String(n)],
    ]);
    assert.equal(code, 0, err);
  }
}

/** Every file under a folder with its size and its last change. */
async function listing(dir: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    const path = `${dir}/${name}`;
    if (isDirectory) found.push(...await listing(path));
    const { size, mtime } = await Deno.stat(path);
    found.push(`${path} ${size} ${mtime?.getTime()}`);
  }
  return found.toSorted();
}

async function journalBytes(dir: string): Promise<number> {
  const { size } = await Deno.stat(`${dir}/logs/${JOURNAL}.jsonl`).catch(() => ({ size: 0 }));
  return size;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!await done()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Changes rows of a log where they lie, over all its files; null removes one. */
async function tamper<T>(
  dir: string,
  name: string,
  change: (row: T) => unknown,
): Promise<() => Promise<void>> {
  const files = await filesOf(`${dir}/logs/${name}.jsonl`);
  const before = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  for (const [i, file] of files.entries()) {
    const rows = before[i]!.trimEnd().split("\n").map((line) => change(JSON.parse(line) as T));
    const kept = rows.filter((row) => row !== null).map((row) => `${JSON.stringify(row)}\n`);
    await Deno.writeTextFile(file, kept.join(""));
  }
  return async () => {
    for (const [i, file] of files.entries()) await Deno.writeTextFile(file, before[i]!);
  };
}

type Told = { readonly intent_id: string; readonly route_id: string | null };
type Decided = Told & { readonly occasion: string; readonly reason: string | null };

/** What was decided about every signal agrees with the counters and with the other logs. */
async function agrees(dir: string): Promise<void> {
  const decided = await logRows<Decided>(dir, "execution/decisions");
  const { runtime_diagnostics: told } = await surface(dir, "diagnostics.json") as {
    runtime_diagnostics: { veto_counters: { total_signals: number; total_vetoes: number } };
  };
  const refused = decided.filter(({ reason }) => reason !== null);
  assert.equal(
    decided.filter(({ occasion }) => occasion === "signal").length,
    told.veto_counters.total_signals,
  );
  assert.equal(refused.length, told.veto_counters.total_vetoes);
  const ids = (rows: readonly Told[]) => rows.map(({ intent_id: id }) => id).toSorted();
  assert.deepEqual(ids(refused), ids(await logRows<Told>(dir, "execution/risk_vetoes")));
  const attempts = (await logRows<Told & { readonly reduceOnly: boolean }>(
    dir,
    "execution/orders_attempted",
  )).filter(({ reduceOnly }) => !reduceOnly);
  const ordered = decided.filter(({ route_id }) => route_id !== null);
  assert.deepEqual(ids(ordered), ids(attempts));
  assert.ok(attempts.length > 5 && refused.length > 5, "there was something to agree on");
}

function differs({ code, out, err }: Outcome, pattern: RegExp): void {
  assert.equal(code, 1, `${out}${err}`);
  assert.match(out, pattern);
}

lane("a recorded run is decided the same again, across starts, and nothing is changed by that", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await recorded(dir, [700, 1, 500]);
      const heads = (await logRows<Row>(dir, RECORDING)).filter(({ k }) => k === "head");
      assert.equal(heads.length, 3, "every start has a row of its own");
      assert.ok((await filesOf(`${dir}/logs/${RECORDING}.jsonl`)).length > 1, "over several files");
      const before = await listing(`${dir}/logs`);
      const { code, out, err } = await again(dir, "--json");
      assert.deepEqual(await listing(`${dir}/logs`), before);
      assert.equal(code, 0, `${out}${err}`);
      const rows = await logRows<JournalRow>(dir, JOURNAL);
      const { recorded_by: _, config_hash: __, ...told } = JSON.parse(out);
      assert.deepEqual(told, {
        equal: true,
        starts: 3,
        ticks: 1_201,
        rows: rows.length,
        lost_ticks: 0,
        unrecorded_rows: 0,
        difference: null,
      });
      assert.ok(rows.length > 300, "there was something to decide");
      assert.match((await again(dir)).out, /^equal: /m);
      await agrees(dir);

      // A start without a recording leaves a hole, and says so.
      const more = ["run", "--config", `${dir}/config`, "--data", dir, "--speed", "0", "--no-web"];
      assert.equal((await ballast([...more, "--ticks", "200"])).code, 0);
      // What a start itself changes is in the row of its first tick.
      const killed = { env: { KILL_SWITCH: "1" } };
      assert.equal((await ballast([...more, "--ticks", "50", "--record"], killed)).code, 0);
      const holed = await again(dir);
      assert.equal(holed.code, 0, holed.out);
      assert.match(holed.out, /^\d+ rows of the journal were written while nothing was recorded$/m);
      assert.match(holed.out, /^1251 ticks decided again/m);
    }),
});

lane("the first tick that differs is named, whatever was changed", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await recorded(dir, [600]);
      const rows = await logRows<JournalRow>(dir, JOURNAL);
      const filled = rows.find(({ events }) => events.some(({ kind }) => kind === "order_fill"))!;
      const at = filled.events.findIndex(({ kind }) => kind === "order_fill");

      // The journal says something else than was decided.
      let restore = await tamper<JournalRow>(dir, JOURNAL, (row) => {
        if (row.seq !== filled.seq) return row;
        const events = row.events.map((event, i) => i === at ? { ...event, lots: 999 } : event);
        return { ...row, events };
      });
      const place = `tick ${filled.seq} ${filled.ts}: events\\[${at}\\]\\.lots: 999 in the journal`;
      differs(await again(dir), new RegExp(`^${place}, \\d+ now$`, "m"));
      const { difference } = JSON.parse((await again(dir, "--json")).out);
      assert.deepEqual([difference.seq, difference.places[0].journal], [filled.seq, 999]);
      await restore();

      // A row has gone; the last one as well, where the process ended in order.
      for (const { seq, ts } of [filled, rows.at(-1)!]) {
        restore = await tamper<JournalRow>(dir, JOURNAL, (row) => row.seq === seq ? null : row);
        const gone = `^tick ${seq} ${ts}: row: nothing in the journal, \\{.* now$`;
        differs(await again(dir), new RegExp(gone, "m"));
        await restore();
      }

      // The exchange would have shown another mark to the tick before a route began.
      const ticks = (await logRows<TickRow>(dir, RECORDING)).filter(({ k }) => k === "tick");
      const asked = ticks.find(({ seq, marks }) => seq === filled.seq && marks !== undefined)!;
      const [ticker] = Object.keys(asked.marks!);
      restore = await tamper<TickRow>(dir, RECORDING, (row) => {
        if (row.seq !== asked.seq) return row;
        const { px, atMs } = row.marks![ticker!] as { px: number; atMs: number };
        assert.ok(px > 0 && atMs > 0);
        return { ...row, marks: { ...row.marks, [ticker!]: { px: px * 1.2, atMs } } };
      });
      differs(await again(dir), new RegExp(`^tick ${asked.seq} .* in the journal, .* now$`, "m"));
      await restore();

      // Nobody noted what the mark was.
      restore = await tamper<TickRow>(dir, RECORDING, (row) => {
        if (row.seq !== asked.seq) return row;
        const { [ticker!]: _, ...marks } = row.marks!;
        return { ...row, marks };
      });
      const missing =
        `^tick ${asked.seq} .*: asks for the mark of ${ticker}, which was not recorded$`;
      differs(await again(dir), new RegExp(missing, "m"));
      await restore();

      // Another limit lets nothing pass that passed.
      const path = `${dir}/config/risk_limits.json`;
      const limits = await Deno.readTextFile(path);
      await Deno.writeTextFile(
        path,
        limits.replace(/"max_trade_nav_pct": [\d.]+/, '"max_trade_nav_pct": 0.000001'),
      );
      const other = await again(dir, "--config", `${dir}/config`);
      const first = rows.find(({ events }) => events.some(({ kind }) => kind === "order_attempt"))!;
      differs(other, new RegExp(`^tick ${first.seq} ${first.ts}: `, "m"));
      const under = await again(dir);
      assert.equal(under.code, 0, `the recorded configuration stands: ${under.out}`);
    }),
});

lane("a process that was killed leaves a recording that can be judged, and so does the next", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeBusyConfig(`${dir}/config`);
      const run = ["run", "--record", "--config", `${dir}/config`, "--data", dir, "--no-web"];
      for (let kills = 0; kills < KILLS; kills++) {
        const had = await journalBytes(dir);
        const engine = await startBallast([...run, "--speed", "3000"]);
        await until(async () => await journalBytes(dir) > had + SOME_BYTES);
        // What is said to it is given to a decision as well.
        const order = kills % 2 === 0 ? "pause" : "resume";
        const told = await ballast(["ctl", order, "--data", dir, "--reason", "a test says so"]);
        assert.equal(told.code, 0, told.err);
        await engine.end("SIGKILL");
        const { code, out } = await again(dir);
        assert.equal(code, 0, out);
      }
      assert.equal((await ballast([...run, "--speed", "0", "--ticks", "300"])).code, 0);
      const { code, out } = await again(dir);
      assert.equal(code, 0, out);
      assert.match(out, new RegExp(`in ${KILLS + 1} starts`));
      const kinds = (await logRows<JournalRow>(dir, JOURNAL)).flatMap(({ events }) =>
        events.map(({ kind }) => kind)
      );
      assert.equal(kinds.filter((kind) => kind === "operator").length, KILLS);
      assert.ok(kinds.includes("order_fill"), "there was something to lose");

      // The end of the journal died with the process: told, and no difference.
      const last = (await logRows<JournalRow>(dir, JOURNAL)).at(-1)!;
      await tamper<JournalRow>(dir, JOURNAL, (row) => row.seq === last.seq ? null : row);
      assert.equal((await again(dir)).code, 1, "this one had ended in order");
      let ends = 0;
      await tamper<Row>(dir, RECORDING, (row) => {
        if (row.k === "end") ends += 1;
        return row.k === "end" ? null : row;
      });
      assert.equal(ends, 1, "only the last process ended in order");
      const lost = await again(dir);
      assert.equal(lost.code, 0, lost.out);
      assert.match(lost.out, /^[1-9]\d* ticks? died with the process or met a full disk/m);
    }),
});

for (const how of REFUSALS) {
  lane(`${how}: what was recorded over a disk that refused is decided the same again`, {
    needs: NEEDS,
    run: () =>
      inTempDir(async (dir) => {
        await writeBusyConfig(`${dir}/config`);
        const args = ["--record", "--no-web", "--speed", "600"];
        const engine = startEngine(dir, { args, disk: "full" });
        const told = Promise.all([
          new Response(engine.stdout).text(),
          new Response(engine.stderr).text(),
        ]);
        await until(async () => await journalBytes(dir) > SOME_BYTES);
        await Deno.writeTextFile(`${dir}/${how}`, "");
        await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
        await Deno.remove(`${dir}/${how}`);
        const healed = await journalBytes(dir);
        await until(async () => await journalBytes(dir) > healed + SOME_BYTES);
        engine.kill("SIGTERM");
        assert.equal((await engine.status).code, 0);
        const [, err] = await told;
        const { code, out } = await again(dir);
        assert.equal(code, 0, out);
        // A full disk takes no recording; one that is read-only still takes what is open.
        assert.equal(/the recording ends here/.test(err), how === "disk-full", err);
        assert.equal(/while nothing was recorded/.test(out), how === "disk-full", out);
        const failing = (await logRows<TickRow>(dir, RECORDING)).filter(({ host }) =>
          host?.storage != null
        );
        assert.equal(failing.length > 0, how === "disk-read-only", "a tick knows of the disk");
      }),
  });
}

lane("replays of candles are recorded as well, with the universe and the book they began with", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeCandles(`${dir}/candles`, { seed: 5, hours: 24, minutes: 15 });
      const book = [{ symbol: "BTCUSDT", positionSide: "LONG", qty: 0.01, entryPrice: 100_000 }];
      await Deno.writeTextFile(`${dir}/book.json`, JSON.stringify(book));
      const { code, err } = await ballast([
        ...["replay", "--candles", `${dir}/candles`, "--data", dir, "--record"],
        ...["--universe", "all", "--positions", `${dir}/book.json`],
      ]);
      assert.equal(code, 0, err);
      // A journal that has outgrown its file is read over both.
      const journal = `${dir}/logs/${JOURNAL}.jsonl`;
      const lines = (await Deno.readTextFile(journal)).split("\n");
      const middle = Math.floor(lines.length / 2);
      const { seq, ts } = JSON.parse(lines[middle - 1]!) as JournalRow;
      const aside = rotatedName("journal", { nowMs: Date.parse(ts), seq });
      const folder = `${dir}/logs/execution`;
      await Deno.writeTextFile(`${folder}/${aside}`, `${lines.slice(0, middle).join("\n")}\n`);
      await Deno.writeTextFile(journal, lines.slice(middle).join("\n"));
      const judged = await again(dir, "--json");
      assert.equal(judged.code, 0, judged.out);
      assert.equal(JSON.parse(judged.out).rows, lines.length - 1);
      assert.equal(JSON.parse(judged.out).unrecorded_rows, 0);
    }),
});

lane("what cannot be judged is refused with file, expected and found", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const refused = async (pattern: RegExp, ...args: string[]) => {
        const { code, out, err } = await ballast(["replay", ...args]);
        assert.deepEqual([code, out], [2, ""], err);
        assert.match(err, pattern);
      };
      const here = ["--journal", dir];
      await refused(/expected --candles <dir> or --journal <dir>, got neither/);
      await refused(
        /'--journal <dir>' cannot be used with option '--candles <dir>'/,
        "--candles",
        dir,
        ...here,
      );
      await refused(/cannot be used with option '--data <dir>'/, ...here, "--data", dir);
      await refused(/ticks\.jsonl: expected a recording, .* found none/, ...here);

      await recorded(dir, [30]);
      const journal = `${dir}/logs/${JOURNAL}.jsonl`;
      await Deno.rename(journal, `${journal}.gone`);
      await refused(/journal\.jsonl: expected a journal, found none/, ...here);
      await Deno.rename(`${journal}.gone`, journal);
      const head = (change: (row: HeadRow) => HeadRow) =>
        tamper<HeadRow>(dir, RECORDING, (row) => row.k === "head" ? change(row) : row);
      let restore = await head((row) => ({ ...row, form: 99 }));
      await refused(/:1: expected a recording of form \d+, found form 99 \(ballast /, ...here);
      await restore();
      restore = await head((row) => ({ ...row, memoryForm: 99 }));
      await refused(/:1: expected a memory of form \d+, found form 99 \(ballast /, ...here);
      await restore();
      restore = await tamper<Row>(dir, RECORDING, (row) => row.seq === 9 ? null : row);
      await refused(/\.jsonl:\d+: expected tick 9, found tick 10/, ...here);
      await restore();
      const file = `${dir}/logs/recording/ticks.jsonl`;
      const text = await Deno.readTextFile(file);
      await Deno.writeTextFile(file, text.replace('{"k":"tick"', '{"k":tick"'));
      await refused(/ticks\.jsonl:\d+: expected a row of JSON, found SyntaxError/, ...here);
    }),
});

lane("a recording that cannot be written is told, and the engine trades on without it", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await Deno.mkdir(`${dir}/logs`);
      await Deno.writeTextFile(`${dir}/logs/recording`, "in the way");
      const args = ["--data", dir, "--speed", "0", "--no-web", "--ticks", "50"];
      const { code, out, err } = await ballast(["run", "--record", ...args]);
      assert.equal(code, 0, err);
      assert.match(err, /^the recording ends here, trading goes on: /m);
      assert.match(out, /stopped after tick 50/);
    }),
});
