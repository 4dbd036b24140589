/** What the gate sees: positions at marks, what is under way, what was approved a moment ago. */
import assert from "node:assert/strict";
import strategyConfig from "../../config/strategy_config.json" with { type: "json" };
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { MarketView } from "../../core/ports.ts";
import { seek } from "../../core/seek.ts";
import { netUsdOf, reserveEntry, withoutLeg, worldOf } from "../../core/world.ts";
import { approvedEntry, BTC, ETH, freeze, guard, holding, order, route, T0 } from "../fixtures.ts";
import { candles, observation as seen, rules } from "../fixtures_run.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const BLANK = blankMemory("test00", T0);
const MEMORY: Memory = freeze({
  ...BLANK,
  pulse: { ...BLANK.pulse, phase: "run", accountOk: true, accountMs: T0 },
});

function at(memory: Partial<Memory>, view: Partial<MarketView> = {}, px = 60_000) {
  const surroundings = { market: { ...seen({ px }).market, ...view }, past: PAST, rules: RULES };
  return worldOf({ ...MEMORY, ...memory }, surroundings);
}

const held = { "BTCUSDT:LONG": holding({ lots: 100, strategyId: "btc_m15" }) };
const quoting = {
  "r:1": route({
    id: "r:1",
    ticker: BTC,
    side: "LONG",
    lots: 50,
    filledLots: 20,
    strategyId: "btc_m15",
  }),
};
/** A step of the lot is a thousandth: a hundred lots at 60,000 are 6,000 dollars. */
const USD_A_LOT = 60;

Deno.test("positions count at their mark, entries with what is still unfilled", () => {
  const world = at({ holdings: held, routes: quoting }, {}, 66_000);
  const usd = (100 + 30) * 66;
  assert.equal(world.grossUsd, usd);
  assert.deepEqual(world.symbolUsd, { [BTC]: usd });
  assert.deepEqual(world.tierUsd, { CORE: usd });
  assert.deepEqual(world.groupUsd, { L1_bluechips: usd });
  assert.equal(world.legsCount, 1);
  assert.deepEqual(world.strategyLegs, { btc_m15: 1 });
  const leg = world.legs["BTCUSDT:LONG"]!;
  assert.deepEqual([leg.notionalUsd, leg.qty], [usd, 0.1], "what is under way is not held yet");
});

Deno.test("an entry under way takes a place before it has filled, an exit takes none", () => {
  assert.equal(at({ routes: quoting }).legsCount, 1);
  const leaving = { "r:1": route({ id: "r:1", effect: "close" }) };
  const world = at({ holdings: held, routes: leaving });
  assert.equal(world.grossUsd, 100 * USD_A_LOT);
});

Deno.test("both legs of a symbol add up in the caps and net in the tails", () => {
  const both = { ...held, "BTCUSDT:SHORT": holding({ side: "SHORT", lots: 40 }) };
  const world = at({ holdings: both });
  assert.equal(world.symbolUsd[BTC], 140 * USD_A_LOT);
  assert.deepEqual(netUsdOf(world.legs), { [BTC]: 60 * USD_A_LOT });
  assert.equal(world.tail.of(BTC).netUsd, 60 * USD_A_LOT);
  assert.equal(world.legsCount, 2);
});

Deno.test("without a mark a leg counts at its entry, without any price nothing can be summed", () => {
  assert.equal(at({ holdings: held }).legs["BTCUSDT:LONG"]!.atMark, true);
  for (const mark of [null, { px: 0, atMs: T0 }]) {
    const world = at({ holdings: held }, { mark: () => mark });
    assert.deepEqual([world.grossUsd, world.badPositions], [6_000, []]);
    assert.equal(world.legs["BTCUSDT:LONG"]!.atMark, false, "and it says so");
  }
  const gone = at({ holdings: held }, { market: () => null });
  assert.deepEqual(gone.badPositions, ["BTCUSDT:LONG"]);
  assert.equal(gone.mode.mode, "HALTED");
  const unpriced = { "r:1": route({ id: "r:1", decisionMidPx: null }) };
  assert.deepEqual(at({ routes: unpriced }, { mark: () => null }).badPositions, ["BTCUSDT:LONG"]);
});

Deno.test("the next entry of the same tick sees the one before it", () => {
  const surroundings = { past: PAST, rules: RULES };
  const world = reserveEntry(at({}), approvedEntry({ grossUsd: 300 }), surroundings);
  assert.equal(world.grossUsd, 300);
  assert.equal(world.symbolUsd[BTC], 300);
  assert.equal(world.legsCount, 1);
  assert.deepEqual(world.strategyLegs, { s1: 1 });
  assert.equal(world.tail.of(BTC).netUsd, 300);
  const other = approvedEntry({ ticker: ETH, side: "SHORT", grossUsd: 200 });
  const next = reserveEntry(world, other, surroundings);
  assert.deepEqual([next.grossUsd, next.legsCount, next.tail.of(ETH).netUsd], [500, 2, -200]);
});

Deno.test("a flip is judged in a world without the leg that goes", () => {
  const both = {
    ...held,
    "ETHUSDT:SHORT": holding({ ticker: ETH, side: "SHORT", lots: 10, strategyId: "eth_m15" }),
  };
  const world = withoutLeg(at({ holdings: both }), "BTCUSDT:LONG", { past: PAST, rules: RULES });
  assert.deepEqual(Object.keys(world.legs), ["ETHUSDT:SHORT"]);
  assert.equal(world.grossUsd, 10 * USD_A_LOT);
  assert.deepEqual(world.strategyLegs, { eth_m15: 1 });
  assert.equal(world.tail.of(BTC).netUsd, 0);
  const same = at({ holdings: held });
  assert.equal(withoutLeg(same, "ETHUSDT:LONG", { past: PAST, rules: RULES }), same);
});

const QUARTER = 900_000;
const [BTC_BAND] = strategyConfig.strategies;

/** One tick in which the band strategy wants to buy BTC. */
function dip(memory: Partial<Memory>, { afterMs = 0 }: { afterMs?: number } = {}) {
  const by = rules({
    baseMs: QUARTER,
    changes: { "strategy_config.json": { ...strategyConfig, strategies: [BTC_BAND] } },
  });
  const past = new Past({ baseMs: QUARTER, framesMs: [], rules: by });
  const closes = Array.from(
    { length: 40 },
    (_, i) => 60_000 * (1 + 0.0004 * (i % 2) - (i === 39 ? 0.003 : 0)),
  );
  const list = candles(closes, { startMs: T0 - 40 * QUARTER, frameMs: QUARTER, reach: 5 });
  for (const candle of list) past.append(BTC, candle);
  const level = { navUsd: 10_000, walletUsd: 10_000, unrealizedUsd: 0, atMs: T0 };
  const nav = {
    ...BLANK.nav,
    level,
    peakUsd: 10_000,
    highUsd: 10_000,
    dayPeakUsd: 10_000,
    hourly: { [String(T0)]: 10_000 },
  };
  const nowMs = T0 + afterMs;
  const pulse = {
    ...MEMORY.pulse,
    nowMs,
    accountOk: true,
    accountMs: nowMs,
    screenedMs: T0 - 1,
    nextScreenMs: afterMs === 0 ? T0 : T0 + 60_000,
  };
  const at = freeze({
    ...MEMORY,
    nav: { ...nav, level: { ...level, atMs: nowMs } },
    pulse,
    ...memory,
  });
  const px = list.at(-1)!.close + afterMs / 1_000;
  const step = seek({ memory: at, seen: seen({ nowMs, px }), rules: by, past });
  const vetoes = step.events.flatMap((event) => event.kind === "veto" ? [event] : []);
  return { ...step, vetoes, px };
}

Deno.test("an approved entry starts a route and is remembered by the pace of trading", () => {
  const { memory, vetoes } = dip({});
  assert.deepEqual(vetoes, []);
  assert.equal(Object.keys(memory.routes).length, 1);
  assert.deepEqual(memory.tempo.entriesMs, { [BTC]: [T0] });
  assert.deepEqual(memory.tempo.attemptsMs, [T0]);
});

Deno.test("a flip asks the gate first, then closes the old leg, then asks again", () => {
  const leg = holding({ side: "SHORT", lots: 100, strategyId: "btc_m15" });
  const held = {
    holdings: { "BTCUSDT:SHORT": leg },
    registry: { "BTCUSDT:SHORT": guard({ side: "SHORT", strategyId: "btc_m15" }) },
  };
  const began = dip(held);
  assert.deepEqual(began.vetoes, []);
  const [route] = Object.values(began.memory.routes);
  assert.deepEqual([route?.effect, route?.exitReason, route?.side], ["close", "flip", "SHORT"]);
  assert.equal(
    began.commands.filter(({ kind }) => kind === "place").length,
    1,
    "nothing opens yet",
  );
  const flip = began.memory.flips[BTC]!;
  assert.deepEqual([flip.entry.side, flip.untilMs], ["LONG", T0 + 30_000]);

  const later = (changes: Parameters<typeof dip>[0], afterMs: number) =>
    dip({ ...changes, flips: { [BTC]: flip } }, { afterMs });
  const waits = later({ ...held, routes: began.memory.routes }, 1_000);
  assert.deepEqual([waits.commands, waits.memory.flips[BTC]], [[], flip], "the leg is still there");
  const flat = later({}, 1_000);
  const [entered] = Object.values(flat.memory.routes);
  assert.deepEqual([entered?.effect, entered?.side], ["open", "LONG"]);
  assert.deepEqual(flat.memory.flips, {});
  const moved = flip.entry.levels.slPx! / flip.entry.refPx;
  assert.ok(
    Math.abs(entered!.levels!.slPx! / flat.px - moved) < 1e-12,
    "levels keep their distance",
  );
  const late = later(held, 30_000);
  assert.deepEqual(late.vetoes.map(({ stage, reason }) => [stage, reason]), [
    ["route", "flip_timeout"],
  ]);
  assert.deepEqual(late.memory.flips, {});
});

Deno.test("the dead-man switch is set before the quote leaves that it is for", () => {
  const { commands } = dip({});
  const kinds = commands.map(({ kind }) => kind);
  assert.ok(kinds.includes("place"));
  assert.equal(kinds[0], "dead_man");
});

Deno.test("while an order of the symbol is unresolved nothing more is opened in it", () => {
  const lost = order({ state: "unknown", clientId: "c-9", ownerId: "r:old", effect: "close" });
  const { vetoes, commands } = dip({ orders: { "c-9": lost } });
  assert.deepEqual(vetoes.map(({ reason, gate }) => [reason, gate]), [
    ["order_unresolved", "one_outcome_at_a_time"],
  ]);
  assert.deepEqual(commands.filter(({ kind }) => kind === "place"), []);
  const stop = { ...lost, closePosition: true, stopTicks: 590_000 };
  assert.deepEqual(dip({ orders: { "c-9": stop } }).vetoes, [], "a stop opens nothing");
  const closing = route({ id: "r:x", effect: "close", exitReason: "sl", levels: null });
  const waits = dip({ routes: { "r:x": closing } }).vetoes;
  assert.deepEqual(waits.map(({ reason }) => reason), ["order_unresolved"]);
});

Deno.test("a flip that the gate refuses closes nothing, and a leg of others stays", () => {
  const short = { "BTCUSDT:SHORT": holding({ side: "SHORT", lots: 100, strategyId: "btc_m15" }) };
  const registry = { "BTCUSDT:SHORT": guard({ side: "SHORT", strategyId: "btc_m15" }) };
  const killed = { state: "KILLED", sinceMs: T0, by: "me", reason: null } as const;
  const refused = dip({ holdings: short, registry, operator: killed });
  assert.deepEqual(refused.vetoes.map(({ stage, reason }) => [stage, reason]), [
    ["risk", "kill_switch"],
  ]);
  assert.deepEqual([refused.commands, refused.memory.routes], [[], {}]);
  const foreign = holding({ side: "SHORT", lots: 100, strategyId: null, source: "adopted" });
  const kept = dip({ holdings: { "BTCUSDT:SHORT": foreign }, registry });
  assert.deepEqual(kept.vetoes.map(({ reason }) => reason), ["opposite_leg_open"]);
  assert.deepEqual(kept.commands, []);
  const others = { "BTCUSDT:SHORT": guard({ side: "SHORT", strategyId: "vol_target" }) };
  assert.deepEqual(dip({ holdings: short, registry: others }).vetoes.map(({ reason }) => reason), [
    "opposite_leg_open",
  ]);
});

Deno.test("a veto tells all of it: codes, gate, figures, room, the state of the book", () => {
  const long = { "BTCUSDT:LONG": holding({ lots: 40, strategyId: "btc_m15" }) };
  const [veto] = dip({ holdings: long }).vetoes;
  assert.deepEqual(veto!.codes, [
    "position_cvar_limit",
    "already_in_trade",
    "symbol_cap",
    "max_concurrent",
  ]);
  assert.deepEqual([veto!.reason, veto!.gate], ["position_cvar_limit", "position_cvar_limit"]);
  assert.ok(Object.keys(veto!.thresholds).includes("symbol_notional_cap_usd"), "of every breach");
  assert.equal(veto!.maxNotionalUsd, 0, "no size may be added to a leg");
  assert.equal(veto!.context.risk_mode, "OK");
  assert.equal(veto!.context.open_positions, 1);
  assert.ok(Object.keys(veto!.observations).includes("position_usd"));
});
