/** What lies on disk: whole or not at all, found again after damage, told about and never guessed. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import type { LedgerRow } from "../../core/venues/sim_state.ts";
import { recover, writeCheckpoint } from "../../state/checkpoint.ts";
import { Complaints } from "../../state/complaints.ts";
import { LineFile, removeTemporary, whyOf, writeAtomic } from "../../state/files.ts";
import { Flusher } from "../../state/flush.ts";
import { Journal, type JournalRow } from "../../state/journal.ts";
import { takeLock } from "../../state/lock.ts";
import { writeMarkets } from "../../state/markets.ts";
import { rowsAfter } from "../../state/rotated.ts";
import { keepsFailing, noteRun } from "../../state/runs.ts";
import { Store } from "../../state/store.ts";
import { Telemetry } from "../../state/telemetry.ts";
import { recoverVenue, VenueLedger } from "../../state/venue_ledger.ts";
import { inTempDir, lane } from "../lanes.ts";
import { BTC, market, T0 } from "../fixtures.ts";
import { candleFeed, candles, observation, rules } from "../fixtures_run.ts";

const NEEDS = ["read", "write"] as const;
const LINEAGE = "abcdef";

function memoryAt(seq: number): Memory {
  const blank = blankMemory(LINEAGE, T0);
  const pulse = { ...blank.pulse, seq, nowMs: T0 + seq * 1_000 };
  return { ...blank, pulse, counters: { ...blank.counters, totalSignals: seq } };
}

/** Writes journal rows from one tick to the last, each changing the memory. */
async function writeJournal(path: string, from: number, to: number): Promise<void> {
  const journal = new Journal(path, memoryAt(from - 1));
  for (let seq = from; seq <= to; seq++) {
    const decision = { before: memoryAt(seq - 1), memory: memoryAt(seq), seen: observation() };
    await journal.record({ ...decision, commands: [], events: [] }, { durable: false });
  }
  journal.close();
}

lane("recovery folds the journal after the checkpoint, and a torn last row never happened", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const paths = { checkpoint: `${dir}/checkpoint.json`, journal: `${dir}/journal.jsonl` };
      assert.equal(await recover(paths), null, "a directory that has never run");
      await writeCheckpoint(paths.checkpoint, memoryAt(3), { sync: true });
      await writeJournal(paths.journal, 1, 7);
      await Deno.writeTextFile(paths.journal, '{"seq":8,"ts":"2026', { append: true });
      const recovered = await recover(paths);
      assert.deepEqual(recovered!.memory, memoryAt(7));
      assert.deepEqual(recovered!.rows.map(({ seq }) => seq), [4, 5, 6, 7]);
      assert.equal(recovered!.source, "checkpoint");
      await writeJournal(paths.journal, 8, 8);
      const lines = (await Deno.readTextFile(paths.journal)).trimEnd().split("\n");
      assert.equal(lines.length, 8, "the torn row is cut off before the next one is written");
    }),
});

lane("a damaged row in the middle of the journal stops the start with file and line", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const paths = { checkpoint: `${dir}/checkpoint.json`, journal: `${dir}/journal.jsonl` };
      await writeCheckpoint(paths.checkpoint, memoryAt(0), { sync: false });
      await writeJournal(paths.journal, 1, 3);
      const text = await Deno.readTextFile(paths.journal);
      await Deno.writeTextFile(paths.journal, text.replace('{"seq":2', '{"seq":'));
      await assert.rejects(recover(paths), /journal\.jsonl:2 must be a row of JSON/);
    }),
});

lane("rows are found over as many rotated files as it takes", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/journal.jsonl`;
      for (const [from, to] of [[1, 4], [5, 6]] as const) {
        await writeJournal(path, from, to);
        const stamp = `2026010${from}T000000Z-${String(to).padStart(10, "0")}`;
        await Deno.rename(path, `${dir}/journal-${stamp}.jsonl`);
      }
      await writeJournal(path, 7, 8);
      const seqs = async (after: number) =>
        (await rowsAfter<JournalRow>(path, after)).map(({ seq }) => seq);
      assert.deepEqual(await seqs(7), [8]);
      assert.deepEqual(await seqs(4), [5, 6, 7, 8]);
      assert.deepEqual(await seqs(2), [3, 4, 5, 6, 7, 8]);
      await Deno.remove(path);
      assert.deepEqual(
        await seqs(5),
        [6],
        "a crash between moving aside and writing loses nothing",
      );
    }),
});

lane("the name of a journal that was moved aside is synced before the next row", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const synced: string[] = [];
      const { open } = Deno;
      try {
        Deno.open = async (path, options) => {
          const file = await open(path, options);
          file.sync = () => Promise.resolve(void synced.push(String(path)));
          return file;
        };
        for (const durable of [true, false]) {
          const folder = `${dir}/${durable}`;
          await Deno.mkdir(folder);
          await writeJournal(`${folder}/journal.jsonl`, 1, 2);
          const journal = new Journal(`${folder}/journal.jsonl`, memoryAt(2));
          await journal.rotate(memoryAt(2).pulse, { durable });
          journal.close();
          assert.equal([...Deno.readDirSync(folder)].length, 2);
        }
      } finally {
        Deno.open = open;
      }
      assert.deepEqual(synced, [`${dir}/true`], "nothing is at stake in a replay");
    }),
});

lane("the logs are completed from the journal after a crash, row by row", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const event = (id: number) =>
        ({
          kind: "exit_trigger",
          key: "BTCUSDT:LONG",
          reason: "tp",
          markPx: 1,
          levelPx: 1,
          intentId: `x-${id}`,
        }) as const;
      const row = (seq: number, ids: readonly number[]): JournalRow => {
        const ts = new Date(T0 + seq).toISOString();
        return { seq, ts, events: ids.map(event), commands: [], patch: [] };
      };
      const rows = [row(1, [1]), row(2, [2, 3]), row(3, [4])];
      const markets = { market: () => market() };
      const first = new Telemetry(dir);
      const about = {
        runId: "a",
        env: "sim",
        positionMode: "hedge",
        venue: "sim",
        mode: "sim",
        loggedMs: T0,
      } as const;
      const kept = { view: markets, isKept: true };
      first.append([event(1)], { seq: 1, nowMs: T0 + 1, ...about }, kept);
      first.append([event(2)], { seq: 2, nowMs: T0 + 2, ...about }, kept);
      first.close();
      for (let start = 0; start < 2; start++) {
        const next = new Telemetry(dir);
        await next.complete(rows, { ...about, afterSeq: 0, runId: "b", markets });
        next.close();
        const text = await Deno.readTextFile(`${dir}/exit_events.jsonl`);
        const told = text.trimEnd().split("\n").map((line) => JSON.parse(line));
        assert.deepEqual(told.map(({ intent_id }) => intent_id), ["x-1", "x-2", "x-3", "x-4"]);
        assert.deepEqual(told.map(({ run_id }) => run_id), ["a", "a", "b", "b"]);
      }
    }),
});

lane("what one step of the simulated exchange wrote holds together", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/venue.jsonl`;
      const genesis: LedgerRow = {
        k: "genesis",
        at: T0,
        lineage: LINEAGE,
        feed: "t",
        walletUsd: 100,
        positions: [],
      };
      const income = (id: number): LedgerRow => ({
        k: "income",
        at: T0 + id,
        walletUsd: 100 + id,
        income: { id, type: "funding", ticker: null, side: null, usd: 1, atMs: T0 + id },
      });
      const ledger = new VenueLedger(path, { onError: assert.fail });
      ledger.append([genesis]);
      ledger.append([income(1)]);
      ledger.append([income(2), income(3), income(4)]);
      ledger.close();
      const whole = await Deno.readTextFile(path);
      const lastId = async () => (await recoverVenue(path))!.state.lastIncomeId;
      assert.equal(await lastId(), 4);
      for (const cut of [whole.lastIndexOf("{"), whole.length - 3]) {
        await Deno.writeTextFile(path, whole.slice(0, cut));
        assert.equal(await lastId(), 1, "a step without its last row never happened");
      }
      const next = new VenueLedger(path, { onError: assert.fail });
      next.append([income(2)]);
      next.close();
      assert.equal(await lastId(), 2, "and is cut off before the next one");
      await Deno.rename(path, `${dir}/venue-20260105T000000Z-0000000001.jsonl`);
      assert.equal(await lastId(), 2, "a crash while a file is moved aside loses nothing");
    }),
});

lane("a file is replaced as a whole, and leftovers of a crash are cleared", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/nav.json`;
      const isWhole = (text: string) => !text.startsWith("garbage");
      await writeAtomic(path, "one", { sync: true, isWhole });
      await writeAtomic(path, "two", { sync: false, isWhole });
      assert.equal(await Deno.readTextFile(path), "two");
      assert.equal(await Deno.readTextFile(`${path}.prev`), "one");
      await Deno.writeTextFile(`${path}.tmp-123`, "half");
      await removeTemporary(dir);
      const names = [...Deno.readDirSync(dir)].map(({ name }) => name).toSorted();
      assert.deepEqual(names, ["nav.json", "nav.json.prev"]);
    }),
});

lane("a flush that fails is told, the old file stays, and the next one writes it", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const errors: string[] = [];
      const store = { text: () => "{}", version: () => 1 };
      const folder = `${dir}/state`;
      const onError = (message: string) => void errors.push(message);
      const flusher = new Flusher({ store, folder, sync: true, onError });
      await flusher.drain();
      assert.ok(errors.some((text) => text.startsWith("nav: ")), "the folder is not there");
      await Deno.mkdir(folder);
      await flusher.drain();
      assert.equal(await Deno.readTextFile(`${folder}/nav.json`), "{}\n");
    }),
});

lane("the diagnostics on disk never say that a file is there whose write failed", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      let seq = 1;
      let saysOk = true;
      const ok = (name: string) => saysOk || name === "risk_snapshot";
      const fact = (name: string) => [name, { seq, ok: ok(name) }];
      const textOf = (name: string) => {
        if (name !== "diagnostics") return JSON.stringify({ seq });
        const surfaces = Object.fromEntries(["nav", "nav_state", "risk_snapshot"].map(fact));
        return JSON.stringify({ seq, runtime_diagnostics: { surfaces } });
      };
      const store = { text: textOf, version: () => seq };
      const flusher = new Flusher({ store, folder: dir, sync: false, onError: () => {} });
      const flushed = async (next: number) => {
        seq = next;
        await flusher.drain();
        const names = ["nav", "nav_state", "risk_snapshot", "diagnostics"];
        const text = async (name: string) => await Deno.readTextFile(`${dir}/${name}.json`);
        return await Promise.all(names.map(async (name) => JSON.parse(await text(name)).seq));
      };
      assert.deepEqual(await flushed(1), [1, 1, 1, 1]);
      const obstacle = `${dir}/nav.json.tmp-${Deno.pid}`;
      await Deno.mkdir(`${obstacle}/full`, { recursive: true });
      assert.deepEqual(await flushed(2), [1, 1, 2, 1], "held back: it says that nav is of 2");
      assert.deepEqual([...flusher.errors.keys()].toSorted(), ["nav", "nav_state"]);
      saysOk = false;
      assert.deepEqual(await flushed(3), [1, 1, 3, 3], "what says that nav failed is told");
      await Deno.remove(obstacle, { recursive: true });
      assert.deepEqual(await flushed(4), [4, 4, 4, 4]);
      assert.equal(flusher.errors.size, 0);
    }),
});

lane("a lock has one holder", {
  needs: NEEDS,
  run: () =>
    inTempDir((dir) => {
      const first = takeLock(`${dir}/.lock`, "r-1");
      const second = takeLock(`${dir}/.lock`, "r-2");
      assert.deepEqual(second, { kind: "busy", holderPid: String(Deno.pid) });
      if (first.kind === "held") first.release();
      const third = takeLock(`${dir}/.lock`, "r-3");
      assert.equal(third.kind, "held");
      if (third.kind === "held") third.release();
      return Promise.resolve();
    }),
});

lane("three assertion failures within ten minutes are a crash loop", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/engine.jsonl`;
      const stop = (minute: number, code: number) =>
        noteRun(path, {
          ts: new Date(T0 + minute * 60_000).toISOString(),
          event: "stop",
          run_id: "r",
          code,
          reason: "t",
        });
      for (const [minute, code] of [[0, 70], [2, 70], [3, 0], [4, 70]] as const) stop(minute, code);
      const failing = (minute: number) => keepsFailing(path, T0 + minute * 60_000, 70);
      assert.equal(await failing(9), true);
      assert.equal(await failing(11), false, "they grow old");
      new LineFile(path).close();
      await Deno.writeTextFile(path, '{"ts":"20', { append: true });
      assert.equal(await failing(9), true, "a torn row says nothing and stops nobody");
      await Deno.writeTextFile(path, '01"}\nnull\n{"event":"stop","code":70}\n', { append: true });
      assert.equal(await failing(9), true, "nor does one that is no row, or has no time");
    }),
});

Deno.test("a surface has one writer", () => {
  const store = new Store();
  const writer = store.claim("mirror");
  assert.throws(() => store.claim("mirror"), /already claimed/);
  const put = writer.put as unknown as (name: string, envelope: object, body: object) => void;
  assert.throws(() => put("nav", {}, {}), /written by its owner/);
  let told = 0;
  const stop = store.onChange(() => void (told += 1));
  put("nav_state", {}, { nav: 1 });
  assert.equal(store.version("nav_state"), 1);
  writer.commit();
  stop();
  writer.commit();
  assert.equal(told, 1);
});

Deno.test("what keeps failing is said once a minute, with how often", () => {
  const said: string[] = [];
  const complaints = new Complaints((text) => said.push(text));
  for (const wallMs of [0, 1_000, 59_999]) complaints.tell("full", wallMs);
  complaints.tell("read-only", 500);
  complaints.tell("full", 60_000);
  complaints.tell("full", 125_000);
  assert.deepEqual(said, [
    "full",
    "read-only",
    "full (and 2 times more in the last minute)",
    "full",
  ]);
});

lane("what a disk refused is owed, and comes first and whole when it takes bytes again", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/lines.jsonl`;
      const file = new LineFile(path);
      file.append(["one"]);
      const { writeSync } = Deno.FsFile.prototype;
      const refused = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
      try {
        Deno.FsFile.prototype.writeSync = function (bytes) {
          writeSync.call(this, bytes.subarray(0, 2));
          throw refused;
        };
        for (const line of ["two", "three"]) {
          assert.throws(() => file.append([line]), { message: refused.message });
        }
        assert.equal(file.owedBytes, "two\nthree\n".length);
        assert.equal(whyOf(refused), "full");
      } finally {
        Deno.FsFile.prototype.writeSync = writeSync;
      }
      file.append([]);
      file.append(["four"]);
      file.close();
      assert.equal(await Deno.readTextFile(path), "one\ntwo\nthree\nfour\n");
      assert.equal(file.owedBytes, 0);
    }),
});

lane("a symbol that is not listed at a start keeps the size it was last known with", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/markets.json`;
      const feed = candleFeed(candles([1, 1]));
      const unlisted = { id: feed.id, market: () => null };
      await writeMarkets(path, feed, rules());
      const before = JSON.parse(await Deno.readTextFile(path)) as { symbols: object };
      assert.ok(Object.keys(before.symbols).length > 0);
      const sizes = await writeMarkets(path, unlisted, rules());
      assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), before);
      assert.equal(sizes.seenBy(unlisted)(BTC)?.lot.text, market().lot.text);
      for (const text of ["", "{}", '{"symbols":{"BTCUSDT":{"tick_size":"0","step_size":"x"}}}']) {
        await Deno.writeTextFile(path, text);
        assert.equal(
          (await writeMarkets(path, unlisted, rules())).seenBy(unlisted)(BTC),
          null,
        );
      }
    }),
});
