/** A book that a simulation begins with, as the file spells it: what cannot hold is refused by name. */
import assert from "node:assert/strict";
import { levelsOf, parsePositions } from "../../config/positions.ts";

const read = (side: "LONG" | "SHORT", stop: number | null, target: number | null) =>
  parsePositions(
    "book.json",
    JSON.stringify({
      positions: [{ symbol: "BTCUSDT", qty: 1, positionSide: side, entry_price: 60_000 }],
      entries: {
        [`BTCUSDT:${side}`]: { stop_loss_price: stop, take_profit_price: target },
      },
    }),
  );

Deno.test("a stop beyond its target is refused: one of the two would always be due", () => {
  const refused = [["LONG", 61_000, 59_000], ["LONG", 60_000, 60_000], ["SHORT", 59_000, 61_000]];
  for (const [side, stop, target] of refused as ["LONG" | "SHORT", number, number][]) {
    const parsed = read(side, stop, target);
    assert.ok("problems" in parsed);
    assert.deepEqual(parsed.problems, [
      `book.json: entries.BTCUSDT:${side}: expected the stop on the losing side of the target, ` +
      `got stop ${stop} and target ${target}`,
    ]);
  }
});

Deno.test("a stop and a target that have not changed sides are kept as they are", () => {
  const kept = [
    ["LONG", 59_000, 61_000],
    ["SHORT", 61_000, 59_000],
    ["LONG", 59_000, null],
    // Both below the entry: the market has moved, and the file may know why.
    ["LONG", 50_000, 55_000],
  ];
  for (const [side, slPx, tpPx] of kept as ["LONG" | "SHORT", number, number | null][]) {
    const parsed = read(side, slPx, tpPx);
    assert.ok("book" in parsed);
    assert.deepEqual(levelsOf(parsed.book), { [`BTCUSDT:${side}`]: { slPx, tpPx } });
  }
});
