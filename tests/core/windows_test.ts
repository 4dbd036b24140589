/** Every figure over a stretch of time says over which, since when, and from how much. */
import assert from "node:assert/strict";
import { blankMemory } from "../../core/memory.ts";
import { dayStartMs } from "../../core/calendar.ts";
import { Past } from "../../core/past.ts";
import { EXECUTOR_SURFACES, PROJECTIONS } from "../../state/surfaces/mod.ts";
import { closesWindow, windowOf } from "../../state/surfaces/window.ts";
import { close, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

function books(afterMs: number, closedMs: readonly number[] = []) {
  const blank = blankMemory("test00", T0);
  const closes = closedMs.map((ms, i) => [`c${i}`, close({ closedMs: ms })] as const);
  const memory = {
    ...blank,
    pulse: { ...blank.pulse, nowMs: T0 + afterMs },
    closes: Object.fromEntries(closes),
  };
  const seen = observation({ nowMs: T0 + afterMs });
  return publishedOf({ memory, seen, rules: RULES, past: PAST });
}

/** Names of figures over a stretch of time, and of the stretch itself. */
const ENDING = /_(\d+[hd]|today)$/;
const LENGTH = /^(?:window_s|window_seconds|seconds|lookback_(?:hours|days))$/;

/** Every figure in a surface that does not say what it is about; limits are no figures. */
function unspanned(value: unknown, windows: Readonly<Record<string, unknown>>): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    if (name === "caps") return [];
    const ending = ENDING.exec(name)?.[1];
    const lacks = ending !== undefined && windows[ending] === undefined ||
      LENGTH.test(name) && !("from_ts" in value);
    return [...lacks ? [name] : [], ...unspanned(inner, windows)];
  });
}

Deno.test("no windowed figure is published without its window", () => {
  const published = books(12 * HOUR, [T0 + HOUR]);
  let spans = 0;
  for (const name of EXECUTOR_SURFACES) {
    const body = PROJECTIONS[name](published);
    const windows = "windows" in body ? body.windows : {};
    assert.deepEqual(unspanned(body, windows), [], `${name}.json`);
    spans += JSON.stringify(body).match(/"from_ts"/g)?.length ?? 0;
  }
  assert.ok(spans > 8, `${spans} windows are told`);
  assert.deepEqual(unspanned({ a: { win_rate_30d: 1, window_s: 5 } }, { "7d": {} }), [
    "win_rate_30d",
    "window_s",
  ]);
});

Deno.test("twelve hours are not a week: a window begins no earlier than the books", () => {
  const young = books(12 * HOUR, [T0 + HOUR, T0 + 2 * HOUR]);
  const { windows, portfolio } = PROJECTIONS.kpis_v7(young);
  const start = new Date(T0).toISOString();
  assert.deepEqual(windows["7d"], { window_s: 7 * 86_400, from_ts: start, n: 2 });
  assert.deepEqual(windows["48h"].from_ts, start);
  assert.equal(portfolio.win_rate_7d, 1);
  const old = books(30 * DAY, [T0 + HOUR, T0 + 29 * DAY]);
  const later = PROJECTIONS.kpis_v7(old);
  assert.deepEqual(later.windows["7d"], {
    window_s: 7 * 86_400,
    from_ts: new Date(T0 + 23 * DAY).toISOString(),
    n: 1,
  });
  assert.deepEqual(later.windows.today, { window_s: 0.001, from_ts: iso(30 * DAY - 1), n: 0 });
  const none = PROJECTIONS.kpis_v7(books(12 * HOUR));
  assert.deepEqual([none.windows["7d"].n, none.portfolio.win_rate_7d], [0, null]);
  assert.equal(windowOf(old, { windowMs: DAY, n: 3 }).from_ts, iso(29 * DAY));
});

const iso = (afterMs: number) => new Date(T0 + afterMs).toISOString();

Deno.test("what is no longer kept is not in the window: all time begins at the oldest that is", () => {
  const few = { ...RULES, loop: { ...RULES.loop, keepClosesCount: 2 } };
  const published = { ...books(30 * DAY, [T0 + 28 * DAY, T0 + 29 * DAY]), rules: few };
  assert.deepEqual(closesWindow(published, null), { window_s: null, from_ts: iso(28 * DAY), n: 2 });
  assert.equal(PROJECTIONS.pnl_attribution(published).window.from_ts, iso(28 * DAY));
  const whole = books(30 * DAY, [T0 + 28 * DAY]);
  assert.equal(PROJECTIONS.pnl_attribution(whole).window.from_ts, iso(0), "since the first start");
});

Deno.test("a day begins at its zone's midnight, also where clocks are changed", () => {
  const table: readonly (readonly [zone: string, at: string, start: string])[] = [
    ["UTC", "2026-01-05T00:00:00.000Z", "2026-01-05T00:00:00.000Z"],
    ["UTC", "2026-01-05T23:59:59.999Z", "2026-01-05T00:00:00.000Z"],
    ["Europe/Berlin", "2026-01-05T00:30:00.000Z", "2026-01-04T23:00:00.000Z"],
    ["Europe/Berlin", "2026-03-29T20:00:00.000Z", "2026-03-28T23:00:00.000Z"],
    ["Europe/Berlin", "2026-10-25T22:59:00.000Z", "2026-10-24T22:00:00.000Z"],
    ["Asia/Kathmandu", "2026-01-05T18:14:00.000Z", "2026-01-04T18:15:00.000Z"],
  ];
  for (const [zone, at, start] of table) {
    assert.equal(new Date(dayStartMs(Date.parse(at), zone)).toISOString(), start, `${zone} ${at}`);
  }
});
