/** Levels, exits, protective stops, the book against the venue. */
import assert from "node:assert/strict";
import { reduceIntent } from "../../core/exits/reduce.ts";
import {
  follow,
  levelsRow,
  register,
  reseed,
  seed,
  trackExtremes,
  wantsLevels,
} from "../../core/exits/registry.ts";
import { exitDue, levelDue } from "../../core/exits/scan.ts";
import { tendTarget } from "../../core/exits/targets.ts";
import { isForsaken, stopDeadlineMs, type StopSight, tendStop } from "../../core/exits/stops.ts";
import { EXIT_REASONS } from "../../core/types.ts";
import { BTC, EXIT_RULES, guard, holding, levels, market, T0 } from "../fixtures.ts";

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

Deno.test("levels that nobody could hold against a mark are anchored anew at the first one", () => {
  const sight = { markPx: null, atr: 100, nowMs: T0 };
  const blind = seed(holding(), sight, EXIT_RULES).guard;
  assert.deepEqual([blind.isProvisional, wantsLevels(blind, null)], [true, false]);
  for (const [markPx, slPx, passedPx] of [[60_050, 59_800, null], [55_000, 54_800, 59_800]]) {
    assert.ok(wantsLevels(blind, markPx!));
    const { guard: firm, event } = reseed(
      blind,
      holding(),
      { ...sight, markPx: markPx! },
      EXIT_RULES,
    );
    assert.deepEqual([firm.levels.slPx, firm.initialLevels.slPx, firm.passedPx], [
      slPx,
      slPx,
      passedPx,
    ]);
    assert.deepEqual([firm.isProvisional, wantsLevels(firm, markPx!)], [false, false]);
    assert.ok(event.kind === "registry" && event.change === "seeded" && event.slPx === slPx);
  }
});

Deno.test("a leg whose levels are both none gets some, and keeps what trails and what ends by time", () => {
  const bare = guard({ levels: levels({ slPx: null, tpPx: null, trailFrac: 0.02, maxHoldMs: 9 }) });
  assert.ok(wantsLevels(bare, null) && wantsLevels(bare, 60_000));
  assert.equal(wantsLevels(guard({ levels: levels({ slPx: null }) }), 60_000), false);
  const sight = { markPx: 60_000, atr: 100, nowMs: T0 };
  const { slPx, trailFrac, maxHoldMs } = reseed(bare, holding(), sight, EXIT_RULES).guard.levels;
  assert.deepEqual([slPx, trailFrac, maxHoldMs], [59_800, 0.02, 9]);
});

Deno.test("levels that somebody gave keep their prices, whatever the mark has passed", () => {
  const sown = (given: { slPx: number | null; tpPx: number | null }, markPx: number | null) => {
    const sight = { markPx, atr: 100, nowMs: T0 };
    const own = seed(holding({ source: "adopted" }), sight, {
      ...EXIT_RULES,
      given: { [KEY]: given },
    });
    const { levels: { slPx, tpPx }, passedPx, isProvisional } = own.guard;
    return [slPx, tpPx, passedPx, isProvisional];
  };
  assert.deepEqual(sown({ slPx: 59_000, tpPx: 70_000 }, 58_500), [59_000, 70_000, null, false]);
  assert.deepEqual(sown({ slPx: 59_000, tpPx: 70_000 }, null), [59_000, 70_000, null, false]);
  assert.deepEqual(sown({ slPx: 59_000, tpPx: null }, 60_000), [59_000, null, null, false]);
  assert.deepEqual(
    sown({ slPx: null, tpPx: 70_000 }, 58_500),
    [58_300, 70_000, 59_800, false],
    "only the stop was invented, and only it is anchored anew",
  );
  assert.deepEqual(sown({ slPx: null, tpPx: 70_000 }, null), [59_800, 70_000, null, true]);
});

const STOP = { clientId: "s-1", stopTicks: 590_000 };
const PLACING = {
  market: market(),
  markPx: 60_000,
  bridge: null,
  lineage: "test00",
  nowMs: T0,
  graceMs: 30 * SECOND,
};
const placing = (
  start: ReturnType<typeof guard>,
  sight: Parameters<typeof tendStop>[1],
  nowMs = T0,
) => tendStop(start, sight, { ...PLACING, nowMs });
const rests = { alive: true, resting: true, missed: false, rejected: null };
const over = { alive: false, resting: false, missed: false, rejected: null };

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
  const calm = settled.kind === "note" ? settled.guard : first.guard;
  assert.equal(placing(calm, rests).kind, "keep");
  assert.equal(placing(calm, { ...over, rejected: "would_trigger" }).kind, "due");
});

Deno.test("a stop is moved over a bridge: no step of it leaves the leg naked", () => {
  const raised = guard({ stop: STOP, levels: levels({ slPx: 59_500 }) });
  const at = (one: typeof raised, sight: StopSight, bridge: StopSight) =>
    tendStop(one, sight, { ...PLACING, bridge });
  const bridged = at(raised, rests, null);
  assert.ok(bridged.kind === "bridge");
  const { effect, kind, lots, closePosition, stopTicks, clientId } = bridged.order;
  assert.deepEqual(
    [effect, kind, lots, closePosition, stopTicks],
    ["close", "stop_market", 5, false, 595_000],
  );
  assert.deepEqual(bridged.guard.bridge, { clientId, stopTicks: 595_000 });
  const onItsWay = { ...rests, resting: false };
  assert.equal(at(bridged.guard, rests, onItsWay).kind, "keep", "the old one stays until it rests");
  const cancel = { kind: "cancel", clientId: STOP.clientId };
  assert.deepEqual(at(bridged.guard, rests, rests), cancel);
  const later = { ...bridged.guard, stopRetryMs: T0 };
  const placed = at(later, over, rests);
  assert.ok(placed.kind === "place" && placed.order.closePosition);
  assert.equal(placed.order.stopTicks, 595_000);
  assert.deepEqual([placed.guard.nakedSinceMs, placed.guard.bridge!.clientId], [null, clientId]);
  assert.equal(at(placed.guard, onItsWay, rests).kind, "keep", "the bridge stays until it rests");
  const done = at(placed.guard, rests, rests);
  assert.ok(done.kind === "note" && done.guard.bridge === null);
});

Deno.test("a bridge that cannot be had: the stop is moved without, what is passed is due", () => {
  const bridge = { clientId: "b-1", stopTicks: 595_000 };
  const raised = guard({ stop: STOP, bridge, levels: levels({ slPx: 59_500 }) });
  const at = (sight: StopSight, markPx = 60_000, changes: Partial<typeof raised> = {}) =>
    tendStop({ ...raised, ...changes }, rests, { ...PLACING, markPx, bridge: sight });
  assert.deepEqual(at({ ...over, rejected: "filter" }).kind, "cancel");
  const passed = { ...over, rejected: "would_trigger" } as const;
  assert.equal(at(passed).kind, "due");
  const exit = { routeId: "r", reason: "sl", firstMs: T0 } as const;
  assert.equal(at(passed, 59_400, { exit }).kind, "keep", "the old one stays while the leg leaves");
  assert.equal(at(passed, 60_000, { exit }).kind, "bridge", "price is back");
  const large = tendStop({ ...raised, bridge: null, lots: 9_999_999 }, rests, PLACING);
  assert.ok(large.kind === "bridge" && large.order.lots === market().marketMaxLots);
});

Deno.test("a stop that would have triggered comes back while its exit lasts, once price is back", () => {
  const exit = { routeId: "r", reason: "sl", firstMs: T0 } as const;
  const leaving = guard({ exit, stop: STOP, stopRetryMs: T0 + SECOND });
  const refused = { ...over, rejected: "would_trigger" } as const;
  const at = (nowMs: number, markPx: number | null) =>
    tendStop(leaving, refused, { ...PLACING, markPx, nowMs }).kind;
  assert.equal(at(T0 + SECOND - 1, 60_000), "keep", "not before its time");
  assert.equal(at(T0 + SECOND, 58_900), "keep", "the price is still beyond it");
  assert.equal(at(T0 + SECOND, null), "keep", "nobody knows where the price is");
  assert.equal(at(T0 + SECOND, 60_000), "place");
});

Deno.test("a stop that one reading misses leaves its leg naked until it is shown again", () => {
  const missed = placing(guard({ stop: STOP }), { ...rests, resting: false, missed: true });
  assert.ok(missed.kind === "note");
  assert.equal(missed.guard.nakedSinceMs, T0);
  const back = placing(missed.guard, rests, T0 + SECOND);
  assert.ok(back.kind === "note" && back.guard.nakedSinceMs === null);
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
