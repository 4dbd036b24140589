/** What is told of an exit under way: whether it waits, has come half way, or was refused and why. */
import assert from "node:assert/strict";
import { attentionOf } from "../../core/attention.ts";
import { countTick, EMPTY_COUNTERS } from "../../core/diagnostics.ts";
import type { EngineEvent } from "../../core/events.ts";
import { blankMemory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { protect } from "../../core/protect.ts";
import { lateScanMs } from "../../core/rules.ts";
import type { Route } from "../../core/router/route.ts";
import { exitPipeline } from "../../state/surfaces/exit_pipeline.ts";
import { liveness } from "../../state/surfaces/liveness.ts";
import { projectPositionsLedger } from "../../state/surfaces/positions.ts";
import { account, BTC, guard, holding, position, route, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const KEY = "BTCUSDT:LONG";
const EXIT = { routeId: "r:x-1", reason: "sl", firstMs: T0 } as const;

function publish(changes: Partial<ReturnType<typeof blankMemory>>) {
  const memory = { ...blankMemory("test00", T0), ...changes };
  return publishedOf({ memory, seen: observation(), rules: RULES, past: PAST });
}

function exitOf(exit: typeof EXIT | null, leaving: Partial<Route> | null) {
  const published = publish({
    holdings: { [KEY]: holding() },
    registry: { [KEY]: guard({ exit }) },
    routes: leaving === null
      ? {}
      : { "r:x-1": route({ id: "r:x-1", effect: "close", ...leaving }) },
  });
  const { state, last_error, intent_id } = projectPositionsLedger(published).entries[0]!.exit;
  return [state, last_error, intent_id];
}

Deno.test("an exit is idle, armed, partial or failed, and says why it was refused", () => {
  assert.deepEqual(exitOf(null, null), ["idle", null, null]);
  assert.deepEqual(exitOf(EXIT, {}), ["armed", null, "x-1"]);
  assert.deepEqual(exitOf(EXIT, { filledLots: 2 }), ["partial", null, "x-1"]);
  const refused = { failures: 1, refusedCode: "throttled" } as const;
  assert.deepEqual(exitOf(EXIT, { ...refused, filledLots: 2 }), ["failed", "throttled", "x-1"]);
  assert.deepEqual(exitOf(EXIT, null), ["failed", null, "x-1"], "over, and the leg is still there");
});

Deno.test("refusals of exits are counted, those of entries and of resting stops are not", () => {
  const reject = (effect: "open" | "close", intentId: string | null): EngineEvent => ({
    kind: "order_reject",
    clientId: "c",
    intentId,
    ticker: BTC,
    side: "LONG",
    effect,
    code: "throttled",
    venueCode: -1003,
    message: "",
  });
  const events = [reject("close", "x-1"), reject("open", "e-1"), reject("close", null)];
  const counters = countTick(EMPTY_COUNTERS, { nowMs: T0, signals: 0, events });
  assert.equal(counters.totalExitRefusals, 1);
  assert.equal(exitPipeline(publish({ counters })).exit_failures, 1);
});

Deno.test("positions and NAV that nobody reads any more are told, and unknown is not fresh", () => {
  const read = (accountMs: number | null) => {
    const { pulse } = blankMemory("test00", T0);
    const told = liveness(publish({ pulse: { ...pulse, nowMs: T0 + 61_000, accountMs } }));
    return [told.idle_positions, told.states.positions, told.details.positions_idle_seconds];
  };
  assert.deepEqual(read(T0 + 1_000), [false, "ok", 60]);
  assert.deepEqual(read(T0), [true, "idle", 61]);
  assert.deepEqual(read(null), [true, "never", null]);
});

Deno.test("legs that nobody watched are told for a while, and louder the longer it was", () => {
  const SECOND = 1_000;
  const LATE = `warn exit_scan_late`;
  const attentionAt = (scanMs: number | null, { held = true, by = RULES } = {}) => {
    const blank = blankMemory("test00", T0);
    const memory = {
      ...blank,
      pulse: { ...blank.pulse, phase: "run", scanMs } as const,
      holdings: held ? { [KEY]: holding() } : {},
      registry: held ? { [KEY]: guard() } : {},
    };
    const positions = held ? [position()] : [];
    const seen = observation({ account: { kind: "read", value: account({ positions }) } });
    const after = protect({ memory, seen, rules: by, past: PAST }).memory;
    const later = (nowMs: number) =>
      protect({ memory: after, seen: observation({ nowMs }), rules: by, past: PAST }).memory;
    const told = (of: typeof after) =>
      attentionOf(of, { market: seen.market, past: PAST, rules: by })
        .flatMap(({ id, level }) => id === "exit_scan_late" ? [`${level} ${id}`] : []);
    return [told(after), told({ ...after, pulse: later(T0 + SECOND).pulse })];
  };
  const { warnMs, criticalMs } = lateScanMs(RULES);
  assert.deepEqual(attentionAt(T0 - warnMs), [[], []]);
  assert.deepEqual(attentionAt(T0 - warnMs - 1), [[LATE], [LATE]]);
  assert.deepEqual(attentionAt(T0 - criticalMs - 1)[0], ["critical exit_scan_late"]);
  assert.deepEqual(attentionAt(T0 - criticalMs - 1, { held: false })[0], []);
  assert.deepEqual(attentionAt(null)[0], []);
});
