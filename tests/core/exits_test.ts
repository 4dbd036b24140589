/** Levels, exits, protective stops, the book against the venue. */
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
import { reduceIntent } from "../../core/exits/reduce.ts";
import { follow, levelsRow, register, seed, trackExtremes } from "../../core/exits/registry.ts";
import { exitDue, levelDue } from "../../core/exits/scan.ts";
import { tendTarget } from "../../core/exits/targets.ts";
import { isForsaken, stopDeadlineMs, tendStop } from "../../core/exits/stops.ts";
import { EXIT_REASONS, type VenuePosition } from "../../core/types.ts";
import {
  account,
  BTC,
  EXIT_RULES,
  freeze,
  guard,
  holding,
  levels,
  market,
  position,
  T0,
} from "../fixtures.ts";

const SECOND = 1_000;
const KEY = "BTCUSDT:LONG";
const mark = (px: number, atMs = T0) => ({ px, atMs });

Deno.test("levels trigger at equality, on the right side, and on real prices only", () => {
  const long = { side: "LONG", slPx: 59_000, tpPx: 62_000 } as const;
  const short = { side: "SHORT", slPx: 62_000, tpPx: 59_000 } as const;
  const reasons = (px: number) => [levelDue(long, px)?.reason, levelDue(short, px)?.reason];
  assert.deepEqual(reasons(62_000), ["tp", "sl"]);
  assert.deepEqual(reasons(61_999.9), [undefined, undefined]);
  assert.deepEqual(reasons(59_000.1), [undefined, undefined]);
  assert.deepEqual(reasons(59_000), ["sl", "tp"]);
  for (const px of [0, -1, NaN, Infinity]) assert.deepEqual(reasons(px), [undefined, undefined]);
});

Deno.test("an old or missing mark triggers nothing but the holding time", () => {
  const leg = { side: "LONG", levels: levels({ maxHoldMs: 60 * SECOND }), bestPx: 60_000 } as const;
  const at = (nowMs: number, seen: ReturnType<typeof mark> | null) =>
    exitDue({ ...leg, openedMs: T0 }, { mark: seen, nowMs })?.reason;
  assert.equal(at(T0 + 5 * SECOND, mark(50_000)), "sl");
  assert.equal(at(T0 + 5 * SECOND + 1, mark(50_000)), undefined);
  assert.equal(at(T0, null), undefined);
  assert.equal(at(T0 + 60 * SECOND - 1, null), undefined);
  assert.equal(at(T0 + 60 * SECOND, null), "time");
});

Deno.test("trailing gives back its share of the best price, on both sides", () => {
  const due = (side: "LONG" | "SHORT", bestPx: number, px: number) =>
    exitDue({
      side,
      levels: levels({ slPx: null, tpPx: null, trailFrac: 0.01 }),
      bestPx,
      openedMs: T0,
    }, {
      mark: mark(px),
      nowMs: T0,
    })?.reason;
  assert.equal(due("LONG", 61_000, 60_390), "trail");
  assert.equal(due("LONG", 61_000, 60_390.1), undefined);
  assert.equal(due("SHORT", 59_000, 59_590), "trail");
  assert.equal(due("SHORT", 59_000, 59_589.9), undefined);
});

Deno.test("the best price since entry only gets better, the worst only worse", () => {
  const trailing = guard({ levels: levels({ trailFrac: 0.01 }), worstPx: 58_000 });
  assert.equal(trackExtremes(trailing, 59_000), trailing);
  assert.equal(trackExtremes(trailing, 57_000).worstPx, 57_000);
  assert.equal(trackExtremes(trailing, 60_001).bestPx, 60_001, "every tick where it trails");
  assert.equal(trackExtremes(trailing, 60_500).bestPx, 60_500);
  const short = { ...trailing, side: "SHORT", worstPx: 62_000 } as const;
  assert.equal(trackExtremes(short, 61_000), short);
  assert.equal(trackExtremes(short, 59_000).bestPx, 59_000);
  const fixed = guard();
  assert.equal(trackExtremes(fixed, 60_012), fixed, "elsewhere in steps of two basis points");
  assert.equal(trackExtremes(fixed, 60_013).bestPx, 60_013);
  assert.equal(trackExtremes(fixed, 59_987).worstPx, 59_987);
});

Deno.test("levels travel with the entry; quantity follows the leg, levels do not", () => {
  const { guard: born, event } = register(holding(), levels(), T0 + 5);
  assert.deepEqual([born.source, born.levels.slPx, born.bestPx], ["intent", 59_000, 60_000]);
  assert.equal(event.kind === "registry" && event.change, "registered");
  assert.equal(follow(born, holding(), T0 + 9), born);
  const more = follow(born, holding({ lots: 9, entryPx: 60_500 }), T0 + 9);
  assert.deepEqual([more.lots, more.entryPx, more.levels], [9, 60_500, levels()]);
  const gone = levelsRow(more, "removed");
  assert.equal(gone.kind === "registry" && gone.change, "removed");
});

Deno.test("invented levels anchor at the entry unless they would fire at once", () => {
  const at = (markPx: number | null, side: "LONG" | "SHORT" = "LONG") =>
    seed(holding({ side }), { markPx, atr: 100, nowMs: T0 }, EXIT_RULES);
  const safe = at(60_050);
  assert.deepEqual([safe.guard.levels.slPx, safe.guard.levels.tpPx, safe.guard.passedPx], [
    59_800,
    60_300,
    null,
  ]);
  assert.equal(at(null).guard.passedPx, null);
  for (const markPx of [59_800, 50_000, 60_300, 70_000]) {
    const moved = at(markPx);
    assert.equal(moved.guard.passedPx, markPx < 60_000 ? 59_800 : 60_300);
    assert.deepEqual([moved.guard.levels.slPx, moved.guard.levels.tpPx], [
      markPx - 200,
      markPx + 300,
    ]);
    for (const side of ["LONG", "SHORT"] as const) {
      const { slPx, tpPx } = at(markPx, side).guard.levels;
      assert.equal(levelDue({ side, slPx, tpPx }, markPx), null, "nothing fires at its invention");
    }
  }
  assert.equal(
    seed(holding(), { markPx: null, atr: null, nowMs: T0 }, EXIT_RULES).guard.levels.atr,
    420,
  );
  assert.equal(at(null).guard.source, "seed");
  const adopted = holding({ source: "adopted" });
  assert.equal(
    seed(adopted, { markPx: null, atr: 1, nowMs: T0 }, EXIT_RULES).guard.source,
    "adopted",
  );
});

const placing = (
  start: ReturnType<typeof guard>,
  sight: Parameters<typeof tendStop>[1],
  nowMs = T0,
) => tendStop(start, sight, { market: market(), lineage: "test00", nowMs, graceMs: 30 * SECOND });
const rests = { alive: true, resting: true, rejected: null };
const over = { alive: false, resting: false, rejected: null };

Deno.test("a stop is placed for the whole leg, rounded away from the market", () => {
  for (const [side, ticks] of [["LONG", 590_001], ["SHORT", 590_002]] as const) {
    const move = placing(guard({ side, levels: levels({ slPx: 59_000.15 }) }), null);
    assert.ok(move.kind === "place");
    const { stopTicks, closePosition, effect, kind } = move.order;
    assert.deepEqual([stopTicks, closePosition, effect, kind], [
      ticks,
      true,
      "close",
      "stop_market",
    ]);
    assert.deepEqual(move.guard.stop?.stopTicks, ticks);
  }
  assert.equal(placing(guard({ levels: levels({ slPx: null }) }), null).kind, "keep");
});

Deno.test("a target rests once per leg, is moved with its level, and waits between tries", () => {
  const tend = (start: ReturnType<typeof guard>, sight: typeof rests | null, nowMs = T0) =>
    tendTarget(start, sight, { market: market(), lineage: "test00", nowMs });
  for (const [side, ticks] of [["LONG", 620_002], ["SHORT", 620_001]] as const) {
    const move = tend(guard({ side, levels: levels({ tpPx: 62_000.15 }) }), null);
    assert.ok(move.kind === "place");
    const { kind, stopTicks, closePosition, effect } = move.order;
    assert.deepEqual([kind, stopTicks, closePosition, effect], [
      "take_profit_market",
      ticks,
      true,
      "close",
    ]);
  }
  const first = tend(guard(), null);
  assert.ok(first.kind === "place");
  assert.equal(tend(first.guard, rests).kind, "keep");
  const moved = { ...first.guard, levels: levels({ tpPx: 61_234 }) };
  assert.deepEqual(tend(moved, rests), { kind: "cancel", clientId: first.order.clientId });
  assert.equal(tend(moved, over, T0 + 2 * SECOND - 1).kind, "keep", "not before its time");
  const again = tend(moved, over, T0 + 2 * SECOND);
  assert.ok(again.kind === "place" && again.order.clientId !== first.order.clientId);
  const leaving = { routeId: "r", reason: "sl", firstMs: T0 } as const;
  assert.equal(tend(guard({ exit: leaving }), null).kind, "keep", "a leg that leaves gets none");
  assert.equal(tend(guard({ levels: levels({ tpPx: null }) }), null).kind, "keep");
});

Deno.test("what rests is kept, what rests elsewhere is moved, what would trigger is due", () => {
  const first = placing(guard(), null);
  assert.ok(first.kind === "place");
  const settled = placing(first.guard, rests);
  const calm = settled.kind === "rests" ? settled.guard : first.guard;
  assert.equal(placing(calm, rests).kind, "keep");
  const moved = { ...calm, levels: levels({ slPx: 59_500 }) };
  assert.deepEqual(placing(moved, rests), { kind: "cancel", clientId: first.order.clientId });
  assert.equal(placing(calm, { ...over, rejected: "would_trigger" }).kind, "due");
});

Deno.test("a stop that is gone is placed again, under a new id, with patience in between", () => {
  const ids = new Set<string>();
  const waits: number[] = [];
  let at = guard();
  let nowMs = T0;
  for (let i = 0; i < 20; i++) {
    const move = placing(at, i === 0 ? null : over, nowMs);
    assert.ok(move.kind === "place");
    ids.add(move.order.clientId);
    at = move.guard;
    assert.equal(placing(at, over, at.stopRetryMs - 1).kind, "keep");
    waits.push((at.stopRetryMs - nowMs) / SECOND);
    nowMs = at.stopRetryMs;
  }
  assert.equal(ids.size, 20);
  assert.deepEqual(waits.slice(0, 4), [1, 2, 2, 2]);
  assert.deepEqual(waits.slice(-2), [30, 30], "patient once nothing can be saved");
  assert.equal(stopDeadlineMs(at, over), at.stopRetryMs);
  assert.deepEqual([stopDeadlineMs(at, rests), stopDeadlineMs(guard(), null)], [null, null]);
});

Deno.test("a leg of ours that stays without a stop beyond its grace is forsaken", () => {
  const naked = guard({ nakedSinceMs: T0 });
  const at = (one: typeof naked, nowMs: number) => isForsaken(one, { nowMs, graceMs: 30 * SECOND });
  assert.equal(at(naked, T0 + 30 * SECOND), false);
  assert.equal(at(naked, T0 + 30 * SECOND + 1), true);
  assert.equal(at(guard(), T0 + 60 * SECOND), false);
  assert.equal(at({ ...naked, source: "adopted" }, T0 + 60 * SECOND), false);
  const leaving = { ...naked, exit: { routeId: "r", reason: "sl", firstMs: T0 } as const };
  assert.equal(at(leaving, T0 + 60 * SECOND), false);
});

Deno.test("reasons that cannot wait are urgent, and a repeated exit has an id of its own", () => {
  const wish = {
    ticker: BTC,
    side: "LONG",
    lots: 5,
    strategyId: null,
    episodeId: "e",
    attempt: 0,
    nowMs: T0,
  } as const;
  const urgent = EXIT_REASONS.filter((reason) => reduceIntent({ ...wish, reason }).urgent);
  assert.deepEqual(urgent, [
    "sl",
    "trail",
    "flip",
    "operator_flatten",
    "seed_breach",
    "unprotected",
  ]);
  const one = reduceIntent({ ...wish, reason: "tp" });
  assert.equal(reduceIntent({ ...wish, reason: "tp" }).id, one.id);
  assert.notEqual(reduceIntent({ ...wish, reason: "tp", attempt: 1 }).id, one.id);
});

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
    result = reconcile(freeze({ holdings, differences, lastFillMs: {} }), seen, nowMs);
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

Deno.test("nothing is taken over before the venue has answered", () => {
  const { holdings, kinds, asked, differences } = settle(holding(), null, { answered: false });
  assert.deepEqual([Object.keys(holdings), kinds], [[KEY], []]);
  assert.ok(asked >= 4, "it is asked again and again");
  assert.ok(differenceDeadlineMs(differences)! > T0);
});

Deno.test("a leg without any price stays a difference, so entries stay off", () => {
  const { holdings, differences } = settle(null, position({ entryPx: null, mark: null }));
  assert.deepEqual([holdings, Object.keys(differences)], [{}, [KEY]]);
});

Deno.test("a difference that moves starts its patience again", () => {
  const seen = (lots: number) => account({ positions: [position({ lots })] });
  const none = { differences: {}, lastFillMs: {} };
  const first = reconcile({ holdings: { [KEY]: holding() }, ...none }, seen(3), T0);
  const moved = reconcile({ ...first, lastFillMs: {} }, seen(2), T0 + 5 * SECOND);
  assert.equal(moved.differences[KEY]!.sinceMs, T0 + 5 * SECOND);
  assert.equal(moved.holdings[KEY]!.lots, 5);
});
