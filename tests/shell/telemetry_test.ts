/** The execution logs: no row is lost, and what a crash has torn is told. */
import assert from "node:assert/strict";
import type { EngineEvent } from "../../core/events.ts";
import { blankMemory } from "../../core/memory.ts";
import { Journal } from "../../state/journal.ts";
import { rowsAfter } from "../../state/rotated.ts";
import { Telemetry } from "../../state/telemetry.ts";
import { inTempDir, lane } from "../lanes.ts";
import { market, T0 } from "../fixtures.ts";

const NEEDS = ["read", "write"] as const;

lane("a row that lacks a field is kept apart and counted, and a restart does not write it again", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const ack = {
        kind: "order_ack",
        clientId: "c-1",
        intentId: null,
        ticker: market().ticker,
        side: "LONG",
        effect: "open",
        latencyMs: 60,
        lots: 1,
        atMs: T0,
      } as unknown as EngineEvent;
      const about = { runId: "a", env: "sim", positionMode: "hedge", venue: "sim" } as const;
      const markets = { market: () => market() };
      const first = new Telemetry(dir);
      const sayIt = { view: markets, isKept: true };
      first.append([ack, { ...ack, orderKind: "limit" } as EngineEvent], {
        seq: 1,
        nowMs: T0,
        ...about,
      }, sayIt);
      assert.equal(first.invalidRowsCount, 1);
      first.close();
      const next = new Telemetry(dir);
      const ts = new Date(T0).toISOString();
      const rows = [{ seq: 1, ts, events: [ack, ack], commands: [], patch: [] }];
      await next.complete(rows, { ...about, afterSeq: 0, markets });
      next.close();
      const rowsOf = async (
        name: string,
      ) => (await rowsAfter<Record<string, unknown> & { seq: number }>(`${dir}/${name}.jsonl`, 0));
      assert.equal((await rowsOf("orders_executed")).length, 1);
      const [apart, ...more] = await rowsOf("invalid_events");
      assert.equal(apart!.problem, "order_ack missing fields: order_type");
      assert.deepEqual([apart!.log, apart!.clientOrderId], ["orders_executed", "c-1"]);
      assert.deepEqual(more, []);
    }),
});

lane("what a crash has torn is told with its file and its length", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      for (const name of ["orders_executed", "journal"]) {
        await Deno.writeTextFile(`${dir}/${name}.jsonl`, '{"seq":1}\n{"se');
      }
      const telemetry = new Telemetry(dir);
      assert.deepEqual(telemetry.torn, [{ path: `${dir}/orders_executed.jsonl`, bytes: 4 }]);
      telemetry.close();
      const journal = new Journal(`${dir}/journal.jsonl`, blankMemory("abcdef", T0));
      assert.deepEqual(journal.torn, { path: `${dir}/journal.jsonl`, bytes: 4 });
      journal.close();
      const whole = new Journal(`${dir}/journal.jsonl`, blankMemory("abcdef", T0));
      assert.equal(whole.torn, null, "and only once");
      whole.close();
    }),
});
