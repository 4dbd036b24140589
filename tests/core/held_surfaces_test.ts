/** What is held stays told, with its levels, while the exchange does not list its market. */
import assert from "node:assert/strict";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { Sizes } from "../../state/markets.ts";
import { FillTracker, projectFillTracker } from "../../state/surfaces/fill_tracker.ts";
import { PositionTpSl, projectPositionTpSl } from "../../state/surfaces/durable.ts";
import type { Published } from "../../state/surfaces/surface.ts";
import { freeze, guard, holding, newOrder, order, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { envelopeOf, publishedOf } from "../swarm/surfaces.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const KEY = "BTCUSDT:LONG";
const STOP = order({ ...newOrder({ kind: "stop_market" }), clientId: "s-1" });
const HELD: Memory = freeze({
  ...blankMemory("test00", T0),
  holdings: { [KEY]: holding() },
  registry: { [KEY]: guard({ stop: { clientId: "s-1", stopTicks: 590_000 } }) },
  orders: { "s-1": STOP },
});
const LISTED = observation();
const UNLISTED = { ...LISTED, market: { ...LISTED.market, market: () => null, mark: () => null } };

function told(seen: typeof LISTED, sizeOf?: Published["sizeOf"]) {
  const published = publishedOf({ memory: HELD, seen, rules: RULES, past: PAST });
  const by = sizeOf === undefined ? published : { ...published, sizeOf };
  const envelope = envelopeOf(HELD);
  const levels = PositionTpSl.parse({ ...envelope, ...projectPositionTpSl(by) });
  const fills = FillTracker.parse({ ...envelope, ...projectFillTracker(by) });
  return { entry: levels.entries[KEY], lots: fills.lots[KEY], crc: [levels.crc32, fills.crc32] };
}

Deno.test("a leg without a market keeps its entry, its levels and its stop", () => {
  const { entry, lots } = told(UNLISTED);
  const known = told(LISTED);
  assert.ok(entry !== undefined && lots !== undefined, "what is held is never left out");
  assert.equal(entry.stop_loss_price, known.entry!.stop_loss_price);
  assert.equal(entry.take_profit_price, known.entry!.take_profit_price);
  assert.equal(entry.protective?.client_order_id, "s-1");
  assert.equal(lots.length, known.lots!.length);
  assert.deepEqual([entry.qty, entry.protective?.trigger, lots[0]!.qty], [null, null, null]);
});

Deno.test("a size that was known once holds: both files say what they said before", () => {
  const sizes = new Sizes({});
  const before = told(LISTED, sizes.seenBy(LISTED.market));
  assert.equal(before.entry!.qty! > 0, true);
  assert.deepEqual(told(UNLISTED, sizes.seenBy(UNLISTED.market)), before);
  const restarted = new Sizes({ BTCUSDT: { tick_size: "0.1", step_size: "0.001" } });
  assert.deepEqual(told(UNLISTED, restarted.seenBy(UNLISTED.market)), before);
});
