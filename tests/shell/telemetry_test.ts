/** The execution logs: no row is lost, and what a crash has torn is told. */
import assert from "node:assert/strict";
import type { EngineEvent } from "../../core/events.ts";
import { blankMemory } from "../../core/memory.ts";
import { Journal } from "../../state/journal.ts";
import { rowOf } from "../../state/log_rows.ts";
import { LINE_BYTES_MAX, lineOf } from "../../state/row_line.ts";
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
      const about = {
        runId: "a",
        env: "sim",
        positionMode: "hedge",
        venue: "sim",
        mode: "sim",
        loggedMs: T0,
      } as const;
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

const CLOSE = {
  clientId: "c-1",
  intentId: "x:1",
  ticker: market().ticker,
  side: "LONG",
  effect: "close",
  tradeId: 7,
  px: 60_000,
  strategyId: "s1",
  exitReason: "tp",
  atMs: T0 - 250,
} as const;
/** A trade and what it closed, as one tick tells them. */
const CLOSING: readonly EngineEvent[] = [
  {
    ...CLOSE,
    kind: "order_fill",
    lots: 5,
    feeUsd: 0.1,
    maker: true,
    executedLots: 5,
    avgPx: 60_000,
    feesUsd: 0.1,
    firstMs: T0 - 250,
    isFilled: true,
  },
  {
    ...CLOSE,
    kind: "order_close",
    closedLots: 5,
    realizedUsd: 4,
    feeUsd: 0.1,
    entryFeesUsd: 0.1,
    fundingUsd: 0,
    netUsd: 3.8,
    earned: [],
    conditions: null,
    lotsBefore: 5,
    lotsAfter: 0,
    episodeId: "ep-1",
    final: true,
  },
];

lane("a close is in the metrics of orders as well, once, also after a crash between the two", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const run = {
        runId: "a",
        env: "sim",
        positionMode: "hedge",
        venue: "sim",
        mode: "sim",
      } as const;
      const markets = { market: () => market() };
      const first = new Telemetry(dir);
      const stamp = { seq: 3, nowMs: T0, loggedMs: T0 + 9, ...run };
      first.append(CLOSING, stamp, { view: markets, isKept: true });
      first.close();
      const rows = await rowsAfter<Record<string, unknown> & { seq: number }>(
        `${dir}/order_metrics.jsonl`,
        0,
      );
      const iso = (ms: number) => new Date(ms).toISOString();
      assert.deepEqual(rows, [{
        ts: iso(T0 - 250),
        logged_ts: iso(T0 + 9),
        event_type: "position_close",
        seq: 3,
        run_id: "a",
        env: "sim",
        mode: "sim",
        schema_version: 1,
        event: "position_close",
        intent_id: "x:1",
        attempt_id: "x:1",
        symbol: "BTCUSDT",
        side: "SELL",
        positionSide: "LONG",
        pnl_at_close_usd: 4,
        net_pnl_at_close_usd: 3.8,
        order_status: "FILLED",
        final: true,
      }]);
      await Deno.writeTextFile(`${dir}/order_metrics.jsonl`, "");
      const journalled = [{ seq: 3, ts: iso(T0), events: CLOSING, commands: [], patch: [] }];
      for (let start = 0; start < 2; start++) {
        const next = new Telemetry(dir);
        await next.complete(journalled, { afterSeq: 0, loggedMs: T0 + 99, markets, ...run });
        next.close();
        const told = async (name: string) =>
          (await rowsAfter<{ seq: number }>(`${dir}/${name}.jsonl`, 0)).length;
        assert.deepEqual([await told("order_metrics"), await told("orders_executed")], [1, 2]);
      }
    }),
});

Deno.test("order, acknowledgement and end of one order say the same of it", () => {
  const about = {
    clientId: "c-1",
    intentId: "x:1",
    ticker: market().ticker,
    side: "LONG",
    effect: "close",
    orderKind: "limit",
    lots: 5,
  } as const;
  const events = [
    { ...about, kind: "order_submit", tif: null, priceTicks: 1, stopTicks: null, purpose: "taker" },
    { ...about, kind: "order_ack", latencyMs: 60, atMs: T0 },
    { ...about, kind: "order_cancel", reason: "x" },
    { ...about, kind: "order_done", status: "cancelled", executedLots: 0 },
  ] as const;
  for (const positionMode of ["hedge", "one_way"] as const) {
    const stamp = {
      seq: 1,
      nowMs: T0,
      loggedMs: T0,
      runId: "a",
      env: "sim",
      mode: "sim",
      venue: "sim",
      positionMode,
    };
    const told = events.map((event) => {
      const { side, positionSide, reduceOnly } = rowOf(event, stamp, { market: () => market() });
      return [side, positionSide, reduceOnly];
    });
    assert.deepEqual(told, events.map(() => ["SELL", "LONG", true]));
  }
});

Deno.test("a line is at most 64 KiB: what is largest goes, what readers count on stays", () => {
  const bytes = (text: string) => new TextEncoder().encode(text).length;
  const small = { event_type: "order_ack", a: 1 };
  assert.equal(lineOf(small), JSON.stringify(small));
  const ack = {
    ts: "2026-01-05T00:00:00.000Z",
    event_type: "order_ack",
    seq: 1,
    symbol: "BTCUSDT",
    side: "BUY",
    ts_ack: "x",
    orderId: null,
    clientOrderId: "c-1",
    request_qty: 1,
    order_type: "limit",
    status: "NEW",
  };
  const message = "ü".repeat(40_000);
  const long = { ...ack, message, list: Array.from({ length: 9_000 }, (_, i) => i), note: "short" };
  assert.ok(bytes(JSON.stringify(long)) > LINE_BYTES_MAX);
  const cut = JSON.parse(lineOf(long));
  assert.ok(bytes(lineOf(long)) < LINE_BYTES_MAX);
  const { message: left, list, note, truncated, ...rest } = cut;
  assert.deepEqual([rest, note, truncated], [ack, "short", true]);
  assert.ok(message.startsWith(left) && left.length > 0);
  assert.equal(list.length, 9_000, "no more goes than has to");
  const both = { ...long, list: Array.from({ length: 40_000 }, () => 1) };
  assert.equal(JSON.parse(lineOf(both)).list, null);
  const tradeIds = Array.from({ length: 9_000 }, (_, i) => i);
  const fill = { event_type: "order_fill", tradeIds, list: tradeIds.slice(0, 6_000) };
  const { tradeIds: stays, list: goes } = JSON.parse(lineOf(fill));
  assert.deepEqual([stays, goes], [tradeIds, null], "though it is the largest");
  const edge = (size: number) => ({ event_type: "x", text: "a".repeat(size) });
  const room = LINE_BYTES_MAX - 1 - JSON.stringify(edge(0)).length;
  assert.equal(bytes(lineOf(edge(room))), LINE_BYTES_MAX - 1, "a newline still fits");
  assert.equal(JSON.parse(lineOf(edge(room + 1))).truncated, true);
});
