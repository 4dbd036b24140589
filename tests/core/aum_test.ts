/** What is held elsewhere counts once, at a price that says where it comes from, or is not known. */
import assert from "node:assert/strict";
import { blankMemory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { aumOf } from "../../state/surfaces/nav.ts";
import type { Published } from "../../state/surfaces/surface.ts";
import { T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

type Holdings = Published["treasury"]["holdings"];
const held = (qty: number, avg_cost: number | null = null): Holdings[string] => ({
  qty,
  avg_cost,
  kind: "treasury",
});

function aum(holdings: Holdings, navUsd: number | null = 25_000) {
  const memory = blankMemory("test00", T0);
  const published = publishedOf({ memory, seen: observation(), rules: RULES, past: PAST });
  const view: Published["view"] = {
    ...published.view,
    mark: (ticker) => ticker === "BTCUSDT" ? { px: 60_000, atMs: T0 } : null,
  };
  const include = ["futures", "offexchange"] as const;
  return aumOf(
    { ...published, view, treasury: { ...published.treasury, include, holdings } },
    navUsd,
  );
}

Deno.test("each holding has the price that its source gives, and the sum says when one has none", () => {
  const table: readonly (readonly [string, Holdings[string], ...(number | string | null)[]])[] = [
    ["USDT", held(5_000), 1, "futures", 5_000],
    ["USDC", held(100, 0.99), 1, "futures", 100],
    ["FDUSD", held(2), 1, "futures", 2],
    ["BTC", held(0.5, 20_000), 60_000, "futures", 30_000],
    ["GOLD", held(2, 4_000), 4_000, "avg_cost", 8_000],
    ["ART", held(1), null, "none", null],
  ];
  for (const [asset, holding, mark, source, usd] of table) {
    const { offexchange, total, partial } = aum({ [asset]: holding });
    const row = offexchange[asset]!;
    assert.deepEqual([row.mark, row.mark_source, row.usd_value], [mark, source, usd], asset);
    assert.equal(row.mark_ts, asset === "BTC" ? new Date(T0).toISOString() : null);
    assert.deepEqual([total, partial], [25_000 + Number(usd), usd === null], asset);
  }
  assert.deepEqual([aum({ USDT: held(1) }, null).total, aum({}, null).partial], [null, true]);
});
