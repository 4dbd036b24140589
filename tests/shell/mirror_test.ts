/** The mirror: a copy that is never newer than its source, never silent, and invents nothing. */
import assert from "node:assert/strict";
import { mirrorNav } from "../../state/mirror.ts";
import type { Payload } from "../../state/surfaces/mod.ts";
import { payloads } from "./web_fixtures.ts";

const AT = { mirrorSeq: 7, wallMs: Date.UTC(2026, 0, 5) };

async function sources() {
  const { nav, risk_snapshot: risk, positions_state: positions, nav_state } = await payloads();
  return { nav, risk, positions, nav_state };
}

/** A copy as the next one finds it. */
const after = (
  before: Payload<"nav_state">,
  body: NonNullable<ReturnType<typeof mirrorNav>>,
  updated_ts: string,
): Payload<"nav_state"> => ({ ...before, ...body, updated_ts });

Deno.test("a copy says which source it was made of, and its figures are the source's", async () => {
  const { nav, risk, positions } = await sources();
  const copy = mirrorNav({ nav, risk, positions }, undefined, AT)!;
  assert.deepEqual([copy.source_seq, copy.source_run_id, copy.nav], [nav.seq, nav.run_id, nav.nav]);
  assert.equal(copy.drawdown, risk.dd_frac);
  const gross = positions.positions.reduce((sum, { notional }) => sum + notional, 0);
  assert.equal(copy.gross_exposure, gross);
  assert.deepEqual([copy.lkg, copy.stale], [false, false]);
  assert.equal(copy.series.at(-1)?.nav, nav.nav);
});

Deno.test("without a source, or with one that went back, the last known good stays and says so", async () => {
  const { nav, risk, positions, nav_state: before } = await sources();
  assert.equal(mirrorNav({ nav: undefined, risk, positions }, undefined, AT), null);
  const later = { ...before, updated_ts: "2027-01-01T00:00:00.000Z" };
  for (const source of [undefined, nav]) {
    const copy = mirrorNav({ nav: source, risk, positions }, later, AT)!;
    assert.deepEqual([copy.lkg, copy.nav, copy.source_seq], [true, later.nav, later.source_seq]);
    assert.equal(copy.mirrored_ts, "2026-01-05T00:00:00.000Z", "it is still alive");
  }
});

Deno.test("equity of nothing or less is copied like any other", async () => {
  const { nav, risk, positions } = await sources();
  for (const value of [0, -5]) {
    const copy = mirrorNav({ nav: { ...nav, nav: value }, risk, positions }, undefined, AT)!;
    assert.deepEqual([copy.nav, copy.total_equity, copy.lkg], [value, value, false]);
    assert.equal(copy.series.at(-1)?.nav, value);
  }
  const unknown = mirrorNav({ nav: { ...nav, nav: null }, risk, positions }, undefined, AT)!;
  assert.deepEqual([unknown.nav, unknown.series], [null, []], "unknown is no point of the curve");
});

Deno.test("what is missing beside NAV is unknown, and an old NAV is stale", async () => {
  const { nav } = await sources();
  const bare = mirrorNav({ nav, risk: undefined, positions: undefined }, undefined, AT)!;
  assert.deepEqual([bare.drawdown, bare.gross_exposure, bare.peak_equity, bare.stale], [
    null,
    null,
    null,
    true,
  ]);
  const { risk, positions } = await sources();
  const old = { ...nav, nav_age_s: 3 * risk.nav_health.threshold_s + 1 };
  assert.equal(mirrorNav({ nav: old, risk, positions }, undefined, AT)!.stale, true);
});

Deno.test("the series keeps its whole span, its last point, and one point an instant", async () => {
  const { nav, risk, positions, nav_state } = await sources();
  let before: Payload<"nav_state"> = { ...nav_state, series: [], updated_ts: nav.updated_ts };
  for (let i = 0; i < 1_500; i++) {
    const nav_ts = new Date(AT.wallMs + i * 60_000).toISOString();
    const point = { ...nav, nav: 1_000 + i, nav_ts };
    const copy = mirrorNav({ nav: point, risk, positions }, before, AT)!;
    const again = mirrorNav(
      { nav: point, risk, positions },
      after(before, copy, nav.updated_ts),
      AT,
    )!;
    assert.equal(again.series.length, copy.series.length, "an instant is one point");
    before = after(before, copy, nav.updated_ts);
  }
  const { series } = before;
  assert.ok(series.length <= 500, `${series.length} points`);
  assert.equal(series.at(-1)?.nav, 2_499);
  assert.equal(series[0]?.nav, 1_000, "from its beginning on");
  const gaps = series.slice(1).map(({ t }, i) => Date.parse(t) - Date.parse(series[i]!.t));
  const oldest = gaps.slice(0, gaps.length / 3);
  assert.ok(Math.max(...oldest) <= 2 * Math.min(...oldest), "what is old is spaced evenly");
  assert.deepEqual(series.map(({ t }) => t), series.map(({ t }) => t).toSorted());
});
