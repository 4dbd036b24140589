/**
 * What is told late: an entry after the close that took it, funding after the leg it was due on. Each
 * belongs to the episode it happened in, and the books come to what the wallet holds.
 */
import assert from "node:assert/strict";
import { GAP_PATIENCE_MS } from "../../core/exits/proof.ts";
import { closeAt, rememberClose } from "../../core/closes.ts";
import { begin } from "../../core/work.ts";
import { Past } from "../../core/past.ts";
import { close, guard, holding, levels, order, position, route, T0, trade } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { income, memoryWith, tick, told, traded } from "../fixtures_told.ts";

const KEY = "BTCUSDT:LONG";
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const OWN = { holdings: { [KEY]: holding() }, registry: { [KEY]: guard() } };
const feeless = { feeUsd: 0, clientId: "x" };

Deno.test("an entry that is heard after its close opens no leg: it was closed by then", () => {
  // The venue held ten lots, the book five of them; all were closed at 61,000.
  const closing = trade({
    ...feeless,
    id: 3,
    effect: "close",
    lots: 10,
    px: 61_000,
    realizedUsd: 9,
    atMs: T0 + 3 * SECOND,
  });
  const first = tick(memoryWith(OWN), traded(closing), { nowMs: T0 + 3 * SECOND });
  assert.equal(first.memory.cash.realizedUsd, 9, "what the venue says, not five lots' worth");
  // Bought at 60,200, so that the venue's average was 60,100 and its result nine.
  const entry = { ...feeless, id: 2, lots: 5, px: 60_200, feeUsd: 0.5, atMs: T0 + SECOND };
  const { memory, events, commands } = tick(first.memory, traded(entry), {
    nowMs: T0 + 4 * SECOND,
  });
  assert.deepEqual([memory.holdings, memory.debts, memory.gaps], [{}, {}, {}]);
  assert.ok(!commands.some(({ kind }) => kind === "place"), "and no stop is placed for it");
  assert.deepEqual([memory.cash.realizedUsd, memory.cash.feesUsd], [9, 0.5]);
  const amended = events.find((event) => event.kind === "episode_amend");
  assert.deepEqual([amended?.reason, amended?.feesUsd, amended?.netUsd], ["late_entry", 0.5, 8.5]);
  const later = tick(memory, [], { nowMs: T0 + 4 * SECOND + GAP_PATIENCE_MS });
  assert.ok(!later.events.some(({ kind }) => kind === "pnl_mismatch"));
  const fresh = tick(memory, traded({ ...entry, id: 4 }), { nowMs: T0 + 5 * SECOND });
  assert.equal(fresh.memory.holdings[KEY]!.lots, 5, "a newer entry is one");
});

Deno.test("while an entry is still to come a newer one opens a leg, and keeps its own levels", () => {
  const stray = trade({ ...feeless, id: 3, effect: "close", lots: 5, realizedUsd: 1 });
  const owing = tick(memoryWith(), traded(stray)).memory;
  const entry = { ...feeless, id: 4, lots: 5 };
  const opened = tick(owing, traded(entry), { positions: [position()] }).memory;
  assert.deepEqual([opened.holdings[KEY]!.lots, opened.debts[KEY]!.lots], [5, 5]);
  const tighter = levels({ slPx: 59_900 });
  const { ownerId, clientId } = order();
  const late = memoryWith({
    ...opened,
    orders: { ...opened.orders, [clientId]: order() },
    routes: { [ownerId]: route({ levels: tighter }) },
  });
  const before = late.registry[KEY]!.levels.slPx;
  const { memory } = tick(late, traded({ id: 2, lots: 5 }), { positions: [position()] });
  assert.deepEqual([memory.holdings[KEY]!.lots, memory.debts], [5, {}]);
  assert.equal(memory.registry[KEY]!.levels.slPx, before, "what is gone protects nothing");
});

Deno.test("of an entry that was closed in part the rest is held", () => {
  const closing = { ...feeless, id: 3, effect: "close" as const, lots: 7, realizedUsd: 7 };
  const { memory } = tick(memoryWith(OWN), traded(closing));
  const entry = { ...feeless, id: 2, lots: 6, feeUsd: 0.6 };
  const after = tick(memory, traded(entry), { positions: [position({ lots: 4 })] }).memory;
  assert.deepEqual([after.holdings[KEY]!.lots, after.debts], [4, {}]);
  assert.ok(Math.abs(after.holdings[KEY]!.feesUsd - 0.4) < 1e-9);
});

Deno.test("funding belongs to the leg that was open when it was due, however late it is told", () => {
  const close1 = { ...feeless, id: 1, effect: "close" as const, atMs: T0 + 5 * MINUTE };
  const reopen = { ...feeless, id: 2, lots: 9, clientId: "y", atMs: T0 + 6 * MINUTE };
  const nowMs = T0 + 7 * MINUTE;
  const positions = [position({ lots: 9 })];
  const due = (id: number, afterMs: number) => told(income(id, -7, { atMs: T0 + afterMs }));
  const rows: readonly (readonly [string, number, closedUsd: number, openUsd: number])[] = [
    ["due before the close", MINUTE, -7, 0],
    ["due on the new leg", 6 * MINUTE + 1, 0, -7],
    ["due in between", 5 * MINUTE + 1, 0, 0],
  ];
  for (const [name, afterMs, closedUsd, openUsd] of rows) {
    const events = [...traded(close1, reopen), ...due(1, afterMs)];
    const { memory, events: out } = tick(memoryWith(OWN), events, { nowMs, positions });
    const [ended] = Object.values(memory.closes);
    const told = [ended!.fundingUsd, memory.holdings[KEY]!.fundingUsd];
    assert.deepEqual(told, [closedUsd, openUsd], name);
    assert.equal(memory.cash.fundingUsd, -7, "in the sums of the account in any case");
    const row = out.find((event) => event.kind === "episode_amend");
    assert.deepEqual(
      [row?.reason, row?.fundingUsd],
      closedUsd === 0 ? [undefined, undefined] : ["late_funding", -7],
    );
  }
});

Deno.test("funding that comes late is shared by the lots that earned, and the multiple follows", () => {
  const earned = (strategyId: string, lots: number) => ({
    strategyId,
    lots,
    realizedUsd: 5,
    entryFeesUsd: 0,
    exitFeesUsd: 0,
    fundingUsd: 0,
  });
  const at = close({
    realizedUsd: 10,
    feesUsd: 0,
    fundingUsd: 0,
    rMultiple: 2,
    closedMs: T0 + MINUTE,
    earned: [earned("a", 1), earned("b", 3)],
  });
  const { memory } = tick(memoryWith({ closes: { a: at } }), told(income(1, -4)), {
    nowMs: T0 + 2 * MINUTE,
  });
  const { fundingUsd, rMultiple, earned: parts } = memory.closes.a!;
  assert.deepEqual([fundingUsd, rMultiple], [-4, 1.2]);
  assert.deepEqual(parts.map((one) => one.fundingUsd), [-1, -3]);
});

Deno.test("of several closed episodes it is the one that was open then; one no longer kept is none", () => {
  const ended = (openedMs: number, closedMs: number) => close({ openedMs, closedMs });
  const closes = { a: ended(T0, T0 + 10), b: ended(T0 + 20, T0 + 30), c: ended(T0 + 40, T0 + 50) };
  const past = new Past({ baseMs: 60_000, framesMs: [], rules: rules() });
  const work = begin({ memory: memoryWith({ closes }), seen: observation(), rules: rules(), past });
  const at = (afterMs: number, isOpen = true) => closeAt(work, KEY, { atMs: T0 + afterMs, isOpen });
  assert.deepEqual([at(5), at(25), at(50), at(15), at(60)], ["a", "b", "c", null, null]);
  assert.equal(at(15, false), "b", "the next that ended");
});

Deno.test("what closed positions came to is not forgotten with them", () => {
  const RULES = rules();
  const past = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
  const few = { ...RULES, loop: { ...RULES.loop, keepClosesCount: 2 } };
  const work = begin({ memory: memoryWith(), seen: observation(), rules: few, past });
  for (let i = 1; i <= 4; i++) {
    rememberClose(
      work,
      close({ realizedUsd: i, feesUsd: 0.5, fundingUsd: 0, closedMs: T0 + i }),
      i,
    );
  }
  assert.equal(Object.keys(work.memory.closes).length, 2);
  assert.equal(work.memory.forgottenUsd, 1 + 2 - 1);
});

Deno.test("the books begin with the wallet: what a leg of then has won is realised later", () => {
  const leg = position({ lots: 100, entryPx: 50_000, unrealizedUsd: 1_000 });
  let { memory } = tick(memoryWith(), [], { positions: [leg] });
  assert.equal(memory.cash.startUsd, 10_000);
  memory = { ...memory, holdings: { [KEY]: holding({ lots: 100, source: "adopted" }) } };
  const closing = { id: 1, effect: "close" as const, lots: 100, realizedUsd: 1_000, feeUsd: 3 };
  const { cash } = tick(memory, traded(closing), { nowMs: T0 + SECOND }).memory;
  assert.equal(cash.startUsd! + cash.realizedUsd - cash.feesUsd, 10_997, "as the wallet has it");
});
