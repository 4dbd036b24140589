/** The book against the venue's legs: what is asked, for how long, and what is taken over then. */
import assert from "node:assert/strict";
import type { Holding, Holdings } from "../../core/exits/ledger.ts";
import {
  DIFFERENCE_PATIENCE_MS,
  differenceDeadlineMs,
  type Differences,
  noteAnswer,
  reconcile,
  type Reconciled,
} from "../../core/exits/reconcile.ts";
import type { VenuePosition } from "../../core/types.ts";
import { account, BTC, freeze, guard, holding, position, T0 } from "../fixtures.ts";

const SECOND = 1_000;
const KEY = "BTCUSDT:LONG";
const SIGHT = { registry: {}, lastFillMs: {}, markPx: () => null, nowMs: T0 };

/** One leg of book and venue, seen until nothing moves any more. */
function settle(
  held: Holding | null,
  leg: VenuePosition | null,
  { answered = true, forMs = 10 * SECOND }: { answered?: boolean; forMs?: number } = {},
): Reconciled & { asked: number; kinds: string[] } {
  let holdings: Holdings = held === null ? {} : { [KEY]: held } as Holdings;
  let differences: Differences = {};
  let asked = 0;
  const kinds: string[] = [];
  let result: Reconciled | null = null;
  for (let nowMs = T0; nowMs <= T0 + forMs; nowMs += SECOND) {
    const seen = account({ atMs: nowMs, positions: leg === null ? [] : [leg] });
    result = reconcile(freeze({ holdings, differences }), seen, { ...SIGHT, nowMs });
    ({ holdings, differences } = result);
    asked += result.ask.length;
    kinds.push(...result.events.map(({ kind }) => kind));
    if (answered && result.ask.length > 0) differences = noteAnswer(differences, BTC);
  }
  return { ...result!, asked, kinds };
}

Deno.test("book and venue that agree need nothing", () => {
  const { asked, kinds, differences } = settle(holding(), position());
  assert.deepEqual([asked, kinds, differences], [0, [], {}]);
});

Deno.test("a foreign leg is asked about, then adopted", () => {
  const { holdings, kinds, asked } = settle(null, position({ lots: 7, entryPx: 61_000 }));
  const taken = holdings[KEY]!;
  assert.deepEqual([taken.lots, taken.entryPx, taken.source], [7, 61_000, "adopted"]);
  assert.deepEqual([kinds, asked], [["adjustment"], 1]);
});

Deno.test("a leg of another size is corrected, and remembers where it came from", () => {
  const { holdings, kinds } = settle(holding(), position({ lots: 3 }));
  assert.deepEqual([holdings[KEY]!.lots, holdings[KEY]!.source], [3, "adjustment"]);
  assert.deepEqual(kinds, ["adjustment"]);
});

Deno.test("a leg that the venue does not show any more ends as external", () => {
  const { holdings, kinds, closes } = settle(holding(), null, { forMs: DIFFERENCE_PATIENCE_MS });
  assert.deepEqual(holdings, {});
  assert.deepEqual(kinds, ["adjustment", "episode_end"]);
  assert.deepEqual(closes.map(({ reason }) => reason), ["external"]);
});

Deno.test("an answer is waited for as long as three questions last, and no longer", () => {
  const answered = false;
  const forMs = 3 * DIFFERENCE_PATIENCE_MS;
  const waits = settle(holding(), null, { answered, forMs: forMs - SECOND });
  assert.deepEqual([Object.keys(waits.holdings), waits.kinds, waits.asked], [[KEY], [], 3]);
  assert.ok(differenceDeadlineMs(waits.differences)! > T0);
  const gone = settle(holding(), null, { answered, forMs });
  assert.deepEqual([gone.holdings, gone.kinds], [{}, ["adjustment", "episode_end"]]);
  const foreign = settle(null, position({ lots: 7 }), { answered, forMs });
  assert.deepEqual([foreign.holdings[KEY]!.lots, foreign.holdings[KEY]!.source], [7, "adopted"]);
  const [row] = foreign.events;
  assert.ok(row!.kind === "adjustment" && !row.answered, "the row says that nobody answered");
});

Deno.test("a leg is corrected without its known entry price being lost", () => {
  const bare = (px: number) => position({ lots: 3, entryPx: null, mark: { px, atMs: T0 } });
  assert.equal(settle(holding(), bare(50_000)).holdings[KEY]!.entryPx, 60_000);
  assert.equal(
    settle(null, bare(50_000)).holdings[KEY]!.entryPx,
    50_000,
    "the mark, for want of it",
  );
});

Deno.test("a leg that the venue tells without any price is taken at the market's mark", () => {
  const atMs = T0 + DIFFERENCE_PATIENCE_MS;
  const seen = account({ atMs, positions: [position({ entryPx: null, mark: null })] });
  const known = { sinceMs: T0, venueLots: 5, askedMs: T0, askedCount: 1, answered: true };
  const { holdings } = reconcile({ holdings: {}, differences: { [KEY]: known } }, seen, {
    ...SIGHT,
    markPx: () => 61_000,
    nowMs: T0 + DIFFERENCE_PATIENCE_MS,
  });
  assert.deepEqual([holdings[KEY]!.entryPx, holdings[KEY]!.source], [61_000, "adopted"]);
});

Deno.test("what is known of a leg that has gone is told, though nobody saw it go", () => {
  const known = { sinceMs: T0, venueLots: 0, askedMs: T0, askedCount: 1, answered: true };
  const levelsThen = { slPx: 59_000, tpPx: 63_000 };
  const own = guard({ bestPx: 61_200, worstPx: 59_400, initialLevels: levelsThen });
  const ended = (one: typeof own) => {
    const start = { holdings: { [KEY]: holding() }, differences: { [KEY]: known } };
    const sight = { ...SIGHT, registry: { [KEY]: one }, nowMs: T0 + DIFFERENCE_PATIENCE_MS };
    const { events } = reconcile(start, account({ atMs: sight.nowMs, positions: [] }), sight);
    return events.flatMap((event) => event.kind === "episode_end" ? [event] : [])[0]!;
  };
  const { slPx, tpPx, mfeFrac, maeFrac } = ended(own);
  assert.deepEqual([slPx, tpPx], [59_000, 63_000]);
  assert.deepEqual([mfeFrac!.toFixed(3), maeFrac!.toFixed(3)], ["0.020", "-0.010"]);
  assert.equal(ended({ ...own, episodeId: "another" }).slPx, null, "not those of another episode");
});

Deno.test("a leg without any price stays a difference, so entries stay off", () => {
  const { holdings, differences } = settle(null, position({ entryPx: null, mark: null }));
  assert.deepEqual([holdings, Object.keys(differences)], [{}, [KEY]]);
});

Deno.test("a difference that moves starts its patience again", () => {
  const seen = (lots: number) => account({ positions: [position({ lots })] });
  const first = reconcile({ holdings: { [KEY]: holding() }, differences: {} }, seen(3), SIGHT);
  const moved = reconcile(first, seen(2), { ...SIGHT, nowMs: T0 + 5 * SECOND });
  assert.equal(moved.differences[KEY]!.sinceMs, T0 + 5 * SECOND);
  assert.equal(moved.holdings[KEY]!.lots, 5);
});
