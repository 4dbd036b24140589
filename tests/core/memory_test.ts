/** What the engine remembers with: maps, patches, ids, market history, the journal's value. */
import assert from "node:assert/strict";
import { isDict, keep, sortedEntries, sortedKeys, without } from "../../core/dict.ts";
import {
  History,
  Series,
  SERIES_CAPACITY,
  timeframeLabel,
  timeframeMs,
} from "../../core/history.ts";
import { clientOrderId, digest } from "../../core/ids.ts";
import { blankMemory } from "../../core/memory.ts";
import { applyPatch, diff } from "../../core/patch.ts";
import type { Candle } from "../../core/types.ts";
import { BTC, dice, ETH, freeze, T0 } from "../fixtures.ts";
import { candles } from "../fixtures_run.ts";

const MINUTE = 60_000;

Deno.test("dict keeps the map when nothing changes and never touches it when something does", () => {
  const map: Readonly<Record<string, number>> = freeze({ b: 2, a: 1, c: 3 });
  assert.deepEqual(sortedKeys(map), ["a", "b", "c"]);
  assert.deepEqual(sortedEntries(map), [["a", 1], ["b", 2], ["c", 3]]);
  assert.equal(without(map, "x"), map);
  assert.deepEqual(without(map, "a"), { b: 2, c: 3 });
  assert.equal(keep(map, () => true), map);
  assert.deepEqual(keep(map, (value) => value > 1), { b: 2, c: 3 });
  assert.deepEqual([{}, [], null, 1, "x"].map(isDict), [true, false, false, false, false]);
});

/** A JSON value, deep and wide enough to meet every branch. */
function randomJson(roll: () => number, depth = 0): unknown {
  const kind = Math.floor(roll() * (depth > 3 ? 4 : 7));
  if (kind === 0) return null;
  if (kind === 1) return Math.round(roll() * 100) / 4;
  if (kind === 2) return roll() < 0.5;
  if (kind === 3) return "abc".slice(0, Math.floor(roll() * 4));
  const size = Math.floor(roll() * 4);
  if (kind === 4) return Array.from({ length: size }, () => randomJson(roll, depth + 1));
  const entries = Array.from({ length: size + 1 }, () => {
    const key = "klmnop"[Math.floor(roll() * 6)]!;
    return [key, randomJson(roll, depth + 1)];
  });
  return Object.fromEntries(entries);
}

/** The same value with something in it changed. */
function altered(value: unknown, roll: () => number): unknown {
  if (!isDict(value) || roll() < 0.2) return randomJson(roll, 2);
  const next: Record<string, unknown> = { ...value };
  for (const key of Object.keys(next)) {
    const luck = roll();
    if (luck < 0.2) delete next[key];
    else if (luck < 0.5) next[key] = altered(next[key], roll);
  }
  if (roll() < 0.4) next[`n${Math.floor(roll() * 3)}`] = randomJson(roll, 2);
  return next;
}

Deno.test("applyPatch(before, diff(before, after)) is after, also through JSON", () => {
  const roll = dice(4);
  for (let i = 0; i < 3_000; i++) {
    const before = freeze({ root: randomJson(roll) });
    const after = freeze(altered(before, roll));
    const patch = diff(before, after);
    assert.deepEqual(applyPatch(before, patch), after);
    assert.deepEqual(applyPatch(before, JSON.parse(JSON.stringify(patch))), after);
    assert.deepEqual(diff(after, structuredClone(after)), []);
  }
});

Deno.test("a patch names only what changed and shares what did not", () => {
  const before = freeze({ a: { x: 1, y: [1, 2] }, b: { z: 1 } });
  const after = { ...before, a: { x: 2, y: [1, 2] } };
  assert.deepEqual(diff(before, after), [[["a", "x"], 2]]);
  assert.equal(applyPatch(before, diff(before, after)).b, before.b);
  assert.deepEqual(diff({ a: 1, b: 2 }, { b: 2 }), [[["a"]]]);
  assert.throws(() => applyPatch({ a: 1 }, [[["a", "b"], 2]]), /objects only/);
});

Deno.test("ids are the same in every run, differ in every part, and fit every exchange", () => {
  const ids = new Set<string>();
  for (let key = 0; key < 5_000; key++) {
    for (const attempt of [0, 1]) {
      const id = clientOrderId("lin3ag", { key: `k${key}`, child: 0, attempt });
      assert.match(id, /^[0-9a-z-]{1,24}$/);
      assert.equal(id, clientOrderId("lin3ag", { key: `k${key}`, child: 0, attempt }));
      ids.add(id);
    }
  }
  assert.equal(ids.size, 10_000);
  const base = { key: "k", child: 0, attempt: 0 };
  const others = [
    clientOrderId("lin3ag", base),
    clientOrderId("other1", base),
    clientOrderId("lin3ag", { ...base, key: "q" }),
    clientOrderId("lin3ag", { ...base, child: 1 }),
    clientOrderId("lin3ag", { ...base, attempt: 35 }),
    clientOrderId("lin3ag", { ...base, attempt: 36 }),
  ];
  assert.equal(new Set(others).size, others.length);
  assert.equal(digest(["a", 1]).length, 10);
  assert.notEqual(digest(["a", "b"]), digest(["ab"]));
  assert.match(digest([1], 6), /^[0-9a-z]{6}$/);
});

Deno.test("timeframe labels: a count and a unit, and nothing that must be guessed", () => {
  for (
    const [label, ms] of [
      ["1m", MINUTE],
      ["15m", 15 * MINUTE],
      ["1h", 60 * MINUTE],
      ["4H", 240 * MINUTE],
      ["1d", 1_440 * MINUTE],
      ["1w", 10_080 * MINUTE],
      ["90sec", 90_000],
      ["15 mins", 15 * MINUTE],
    ] as const
  ) assert.equal(timeframeMs(label), ms, label);
  for (const label of ["", "m", "15", "0m", "1M", "1.5h", "-1m", "1x", "1hm", "h1", "1 m m"]) {
    assert.equal(timeframeMs(label), null, label);
  }
  assert.deepEqual([15, 60, 240, 1_440, 90].map((m) => timeframeLabel(m * MINUTE)), [
    "15m",
    "1h",
    "4h",
    "1d",
    "90m",
  ]);
});

function minutes(count: number, startMs = T0): Candle[] {
  const closes = Array.from({ length: count }, (_, i) => 100 + ((i * 7) % 13));
  return candles(closes, { startMs, frameMs: MINUTE, reach: 0.5, volume: 2 });
}

function historyOf(list: readonly Candle[], frames = [5 * MINUTE]): History {
  const history = new History(MINUTE, frames);
  for (const candle of list) history.append(BTC, candle);
  return history;
}

Deno.test("coarse candles are joined from the feed's own", () => {
  const list = minutes(12);
  const coarse = historyOf(list).series(BTC, 5 * MINUTE)!;
  assert.equal(coarse.length, 2);
  const part = list.slice(5, 10);
  assert.deepEqual([...coarse.column("openMs")], [T0, T0 + 5 * MINUTE]);
  assert.equal(coarse.column("open")[1], part[0]!.open);
  assert.equal(coarse.column("close")[1], part[4]!.close);
  assert.equal(coarse.column("high")[1], Math.max(...part.map(({ high }) => high)));
  assert.equal(coarse.column("low")[1], Math.min(...part.map(({ low }) => low)));
  assert.equal(coarse.column("volume")[1], 10);
  assert.equal(coarse.lastCloseMs, T0 + 10 * MINUTE);
});

Deno.test("a gap drops the coarse candle it lies in, and no other", () => {
  const list = minutes(20).filter((_, i) => i !== 7);
  const coarse = historyOf(list).series(BTC, 5 * MINUTE)!;
  assert.deepEqual([...coarse.column("openMs")], [0, 10, 15].map((m) => T0 + m * MINUTE));
});

Deno.test("a history that begins inside a coarse candle leaves that one out", () => {
  const coarse = historyOf(minutes(10).slice(3)).series(BTC, 5 * MINUTE)!;
  assert.deepEqual([...coarse.column("openMs")], [T0 + 5 * MINUTE]);
});

Deno.test("appending is idempotent by open time", () => {
  const list = minutes(17);
  const once = historyOf(list);
  const again = historyOf([...list, ...list.slice(3), ...list.slice(10)]);
  for (const frame of [MINUTE, 5 * MINUTE]) {
    const [a, b] = [once.series(BTC, frame)!, again.series(BTC, frame)!];
    for (const field of ["openMs", "open", "high", "low", "close", "volume"] as const) {
      assert.deepEqual([...a.column(field)], [...b.column(field)]);
    }
  }
});

Deno.test("a series slides: it holds its newest candles whatever came before", () => {
  const series = new Series(MINUTE);
  const list = minutes(3 * SERIES_CAPACITY + 5);
  for (const [i, candle] of list.entries()) {
    assert.ok(series.append(candle));
    const held = Math.min(i + 1, SERIES_CAPACITY);
    assert.equal(series.length, held);
    if (i % 97 !== 0) continue;
    const expected = list.slice(i + 1 - held, i + 1).map(({ openMs }) => openMs);
    assert.deepEqual([...series.column("openMs")], expected);
    assert.deepEqual(
      [...series.column("close", 3)],
      list.slice(Math.max(0, i - 2), i + 1).map(
        ({ close }) => close,
      ),
    );
  }
  assert.ok(!series.append(list[0]!));
});

Deno.test("what a history holds depends only on the newest candles", () => {
  const list = minutes(6_000, T0 - (T0 % (5 * MINUTE)));
  const long = historyOf(list);
  const short = historyOf(list.slice(-5 * SERIES_CAPACITY));
  for (const frame of [MINUTE, 5 * MINUTE]) {
    const [a, b] = [long.series(BTC, frame)!, short.series(BTC, frame)!];
    assert.equal(b.length, SERIES_CAPACITY);
    assert.deepEqual([...a.column("close")], [...b.column("close")]);
  }
});

Deno.test("a frame that the feed cannot give is answered by the feed's own", () => {
  const history = historyOf(minutes(6), [5 * MINUTE, 30_000, 90_000, MINUTE]);
  assert.deepEqual(
    [30_000, 90_000, MINUTE, 5 * MINUTE, 7 * MINUTE].map((ms) => history.frameFor(ms)),
    [MINUTE, MINUTE, MINUTE, 5 * MINUTE, MINUTE],
  );
  assert.equal(history.series(ETH, MINUTE), null);
  assert.equal(new Series(MINUTE).lastCloseMs, null);
});

Deno.test("a blank memory is plain JSON", () => {
  const memory = blankMemory("abc123", T0);
  assert.deepEqual(JSON.parse(JSON.stringify(memory)), memory);
});
