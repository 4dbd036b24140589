/** The mirror: a copy that is never newer than its source, never silent, and invents nothing. */
import assert from "node:assert/strict";
import { Mirror, mirrorNav } from "../../state/mirror.ts";
import type { NavRow } from "../../state/nav_history.ts";
import { NavSeries } from "../../state/nav_series.ts";
import { Store } from "../../state/store.ts";
import { inTempDir, lane } from "../lanes.ts";
import { payloads } from "./web_fixtures.ts";

const AT = { mirrorSeq: 7, wallMs: Date.UTC(2026, 0, 5) };

async function sources() {
  const { nav, risk_snapshot: risk, positions_state: positions, nav_state } = await payloads();
  return { nav, risk, positions, nav_state };
}

Deno.test("a copy says which source it was made of, and its figures are the source's", async () => {
  const { nav, risk, positions } = await sources();
  const copy = mirrorNav({ nav, risk, positions, history: [] }, undefined, AT)!;
  assert.deepEqual([copy.source_seq, copy.source_run_id, copy.nav], [nav.seq, nav.run_id, nav.nav]);
  assert.equal(copy.drawdown, risk.dd_frac);
  const gross = positions.positions.reduce((sum, { notional }) => sum + notional, 0);
  assert.equal(copy.gross_exposure, gross);
  assert.deepEqual([copy.lkg, copy.stale], [false, false]);
  assert.equal(copy.series.at(-1)?.nav, nav.nav);
});

Deno.test("without a source, or with one that went back, the last known good stays and says so", async () => {
  const { nav, risk, positions, nav_state: before } = await sources();
  assert.equal(mirrorNav({ nav: undefined, risk, positions, history: [] }, undefined, AT), null);
  const later = { ...before, updated_ts: "2027-01-01T00:00:00.000Z" };
  for (const source of [undefined, nav]) {
    const copy = mirrorNav({ nav: source, risk, positions, history: [] }, later, AT)!;
    assert.deepEqual([copy.lkg, copy.nav, copy.source_seq], [true, later.nav, later.source_seq]);
    assert.equal(copy.mirrored_ts, "2026-01-05T00:00:00.000Z", "it is still alive");
    assert.deepEqual(copy.series, later.series);
  }
});

Deno.test("equity of nothing or less is copied like any other", async () => {
  const { nav, risk, positions } = await sources();
  for (const value of [0, -5]) {
    const copy = mirrorNav(
      { nav: { ...nav, nav: value }, risk, positions, history: [] },
      undefined,
      AT,
    )!;
    assert.deepEqual([copy.nav, copy.total_equity, copy.lkg], [value, value, false]);
    assert.equal(copy.series.at(-1)?.nav, value);
  }
  const unknown = mirrorNav(
    { nav: { ...nav, nav: null }, risk, positions, history: [] },
    undefined,
    AT,
  )!;
  assert.deepEqual([unknown.nav, unknown.series], [null, []], "unknown is no point of the curve");
});

Deno.test("what is missing beside NAV is unknown, and an old NAV is stale", async () => {
  const { nav } = await sources();
  const bare = mirrorNav(
    { nav, risk: undefined, positions: undefined, history: [] },
    undefined,
    AT,
  )!;
  assert.deepEqual([bare.drawdown, bare.gross_exposure, bare.peak_equity, bare.stale], [
    null,
    null,
    null,
    true,
  ]);
  const { risk, positions } = await sources();
  const old = { ...nav, nav_age_s: 3 * risk.nav_health.threshold_s + 1 };
  assert.equal(mirrorNav({ nav: old, risk, positions, history: [] }, undefined, AT)!.stale, true);
});

Deno.test("what is copied no longer grows old: its age goes on, and it becomes stale", async () => {
  const { risk, positions, nav_state } = await sources();
  const { threshold_s } = risk.nav_health;
  const gone = { nav: undefined, risk, positions, history: [] };
  const mirroredMs = Date.parse("2026-01-05T00:00:00.000Z");
  const look = (speed: number | null, afterS: number, age_s: number | null = 2) => {
    const before = { ...nav_state, speed, age_s, mirrored_ts: "2026-01-05T00:00:00.000Z" };
    const copy = mirrorNav(gone, before, { mirrorSeq: 8, wallMs: mirroredMs + afterS * 1_000 })!;
    return [copy.age_s, copy.stale];
  };
  assert.deepEqual(look(1, 20), [22, false]);
  assert.deepEqual(look(null, 3 * threshold_s - 2), [3 * threshold_s, false]);
  assert.deepEqual(look(1, 3 * threshold_s - 1), [3 * threshold_s + 1, true]);
  assert.deepEqual(look(60, 20), [1_202, true], "simulated time runs on while it runs");
  assert.deepEqual(look(1, 20, null), [null, true], "an age that was never known stays unknown");
  assert.deepEqual(look(1, -5), [2, false], "a clock that was put back makes nothing younger");
});

/** One minute of history, as it is written. */
const row = (minute: number, changes: Partial<NavRow> = {}): NavRow => ({
  ts: new Date(AT.wallMs + minute * 60_000).toISOString(),
  seq: minute,
  nav: 1_000 + minute,
  wallet: 1,
  unrealized: 2,
  realized_day: 0,
  fees_day: 0,
  funding_day: 0,
  gross: 0,
  open: 0,
  read_ok: true,
  anomaly: false,
  ...changes,
});

Deno.test("the curve is the history from its beginning, evenly spaced, up to the present", async () => {
  const { nav, risk, positions } = await sources();
  const curve = new NavSeries();
  for (let minute = 0; minute < 2_765; minute++) curve.add(row(minute));
  const nav_ts = row(2_765).ts;
  const present = { ...nav, nav: 9_000, nav_ts };
  const { series } = mirrorNav(
    { nav: present, risk, positions, history: curve.points },
    undefined,
    AT,
  )!;
  assert.ok(series.length > 250 && series.length <= 500, `${series.length} points`);
  assert.deepEqual([series[0]!.nav, series.at(-1)!.nav, series.at(-1)!.t], [1_000, 9_000, nav_ts]);
  const gaps = series.slice(2, -1).map(({ t }, i) => Date.parse(t) - Date.parse(series[i + 1]!.t));
  assert.deepEqual(new Set(gaps), new Set([8 * 60_000]));
  const again = mirrorNav(
    { nav: { ...present, nav_ts: series.at(-2)!.t }, risk, positions, history: curve.points },
    undefined,
    AT,
  )!;
  assert.equal(again.series.length, series.length - 1, "an instant is one point");
});

Deno.test("minutes that nobody read are no points, nor are those that come twice", () => {
  const curve = new NavSeries();
  const rows = [row(0), row(1, { read_ok: false }), row(2, { nav: null }), row(3), row(2), row(3)];
  for (const one of [...rows, row(4)]) curve.add(one);
  assert.deepEqual(curve.points.map(({ nav }) => nav), [1_000, 1_003, 1_004]);
});

lane("a start draws the curve from the files, thinned or not, as if it had been there", {
  needs: ["read", "write"],
  run: () =>
    inTempDir(async (dir) => {
      const there = new NavSeries();
      for (let day = 0; day < 4; day++) {
        const rows = Array.from({ length: 1_440 }, (_, i) => row(day * 1_440 + i));
        for (const one of rows) there.add(one);
        const date = row(day * 1_440).ts.slice(0, 10);
        const text = rows.map((one) => `${JSON.stringify(one)}\n`).join("");
        await Deno.writeTextFile(`${dir}/nav_history-${date}.jsonl`, `${text}{"ts":"20`);
      }
      await Deno.writeTextFile(`${dir}/orders_executed.jsonl`, "{}\n");
      const started = new NavSeries();
      await started.seed(dir);
      assert.ok(started.points.length > 250);
      assert.deepEqual(started.points, there.points);
    }),
});

Deno.test("the copy follows the source's clock as well, and says when it was put back", async () => {
  const { nav, risk } = await sources();
  const store = new Store();
  const executor = store.claim("executor");
  const mirror = new Mirror(store, {
    historyOf: () => [],
    onWrite: () => {},
    onError: assert.fail,
  });
  mirror.start(20_000);
  try {
    const startMs = Date.parse(nav.updated_ts);
    const show = (afterMs: number, seq: number) => {
      const updated_ts = new Date(startMs + afterMs).toISOString();
      executor.put("nav", nav, { ...nav, updated_ts, seq } as typeof nav);
      executor.commit();
      return store.get("nav_state")?.source_seq;
    };
    executor.put("risk_snapshot", risk, risk);
    executor.commit();
    assert.equal(store.get("nav_state"), undefined, "there is nothing to copy yet");
    assert.equal(show(0, 1), 1);
    assert.equal(show(19_000, 2), 1, "its timer is for this");
    assert.equal(show(20_000, 3), 3);
    assert.equal(show(3_600_000, 900), 900, "warming up is fast, and is followed");
    assert.equal(mirror.regression, null);
    assert.equal(show(60_000, 901), 900);
    assert.deepEqual([store.get("nav_state")!.lkg, mirror.regression], [true, {
      fromTs: new Date(startMs + 3_600_000).toISOString(),
      toTs: new Date(startMs + 60_000).toISOString(),
    }]);
    assert.equal(show(3_600_001, 902), 902);
    assert.deepEqual([store.get("nav_state")!.lkg, mirror.regression], [false, null]);
  } finally {
    mirror.stop();
  }
});
