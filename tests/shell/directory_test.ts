/**
 * A memory belongs to the exchange it traded on: without its ledger it is not gone on with. One that
 * the disk damaged is brought back, and somebody is told.
 */
import assert from "node:assert/strict";
import { recover } from "../../state/checkpoint.ts";
import { inTempDir, lane } from "../lanes.ts";
import { ballast } from "./ballast.ts";
import { writeCandles } from "./candles.ts";

const NEEDS = ["read", "write", "run", "env"] as const;

lane("peaks and trade ids are of one account: without the exchange's ledger no start goes on", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeCandles(`${dir}/candles`, { seed: 3, hours: 30, minutes: 15, symbols: 2 });
      const run = ["run", "--no-web", "--speed", "0", "--candles", `${dir}/candles`];
      const play = (data: string, ticks: number, ...more: readonly string[]) =>
        ballast([...run, "--ticks", String(ticks), "--data", `${dir}/${data}`, ...more]);
      const first = await play("a", 20);
      assert.equal(first.code, 0, first.err);
      const ledger = `${dir}/a/logs/sim/venue.jsonl`;
      const checkpoint = `${dir}/a/logs/state/checkpoint.json`;
      const remembered = await Deno.readTextFile(checkpoint);
      const text = await Deno.readTextFile(ledger);

      await Deno.rename(ledger, `${ledger}.away`);
      const reset = await play("a", 20);
      assert.equal(reset.code, 2, "an old peak does not meet a new account");
      assert.match(reset.err, /the exchange's ledger .*venue\.jsonl is gone/);
      assert.equal(await Deno.readTextFile(checkpoint), remembered, "nothing is lost");

      const other = await play("b", 20, "--seed", "9");
      assert.equal(other.code, 0, other.err);
      await Deno.copyFile(`${dir}/b/logs/sim/venue.jsonl`, ledger);
      const strange = await play("a", 20);
      assert.equal(strange.code, 2, "nor another account's ledger");
      assert.match(strange.err, /venue\.jsonl is of another run/);

      await Deno.writeTextFile(ledger, text);
      const again = await play("a", 20);
      assert.equal(again.code, 0, again.err);
    }),
});

lane("with every checkpoint lost the journal of the whole life gives the memory back", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeCandles(`${dir}/candles`, { seed: 3, hours: 30, minutes: 15, symbols: 2 });
      const run = ["run", "--no-web", "--speed", "0", "--candles", `${dir}/candles`, "--data", dir];
      const play = (ticks: number, env: Readonly<Record<string, string>> = {}) =>
        ballast([...run, "--ticks", String(ticks)], { env });
      assert.equal((await play(300)).code, 0);
      // What a start makes of the operator's state is in no tick of its own.
      assert.equal((await play(20, { KILL_SWITCH: "1" })).code, 0);
      assert.equal((await play(20)).code, 0);
      const state = `${dir}/logs/state`;
      const checkpoint = `${state}/checkpoint.json`;
      const paths = { checkpoint, journal: `${dir}/logs/execution/journal.jsonl` };
      const { memory } = (await recover(paths))!;
      assert.ok(Object.keys(memory.holdings).length > 0, "there is something to lose");
      assert.deepEqual([memory.operator.state, memory.operator.by], ["PAUSED", "KILL_SWITCH"]);
      const garbage = "{}";
      for (const path of [checkpoint, `${checkpoint}.prev`]) {
        await Deno.writeTextFile(path, garbage);
      }
      const levels = await Deno.readTextFile(`${state}/position_tp_sl.json.prev`);
      await Deno.writeTextFile(`${state}/position_tp_sl.json`, garbage);
      const operator = await Deno.readTextFile(`${state}/operator_state.json`);

      const again = await play(0);
      assert.equal(again.code, 0, again.err);
      assert.match(again.err, /checkpoint\.json is damaged; it is kept as .*\.corrupt-\d{8}T/);
      assert.match(again.err, /the memory is made of every row of the journal instead/);
      assert.match(again.err, /position_tp_sl\.json is damaged; it is kept as .*\.corrupt-\d{8}T/);
      assert.equal(await Deno.readTextFile(`${state}/position_tp_sl.json.prev`), levels);
      const rebuilt = (await recover(paths))!.memory;
      const { atMs } = rebuilt.restored!;
      assert.deepEqual(rebuilt, { ...memory, restored: { from: "journal", atMs } });

      assert.equal((await play(20)).code, 0);
      const same = await Deno.readTextFile(`${state}/operator_state.json`);
      assert.equal(same, operator, "what a restart does not change it does not write");
      const told = await ballast(["status", "--json", "--data", dir]);
      const { attention } = JSON.parse(told.out) as { attention: readonly { id: string }[] };
      assert.ok(attention.some(({ id }) => id === "state_corrupt"), told.out);
    }),
});
