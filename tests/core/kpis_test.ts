/** Key figures say what is taken off of them, and use the words that their readers know. */
import assert from "node:assert/strict";
import { z } from "zod";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import { isMakerFirst, policyQuality } from "../../state/surfaces/kpis_routing.ts";
import { Kpis, projectKpis } from "../../state/surfaces/kpis_v7.ts";
import { projectPnlAttribution } from "../../state/surfaces/pnl_attribution.ts";
import { close, T0 } from "../fixtures.ts";
import { observation, rules } from "../fixtures_run.ts";
import { publishedOf } from "../swarm/surfaces.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

const BLANK = blankMemory("test00", T0);
/** One leg closed at a gain of ten, two of them fees, half a dollar of funding paid. */
const CLOSED: Memory = {
  ...BLANK,
  pulse: { ...BLANK.pulse, nowMs: T0 + 1_000 },
  dayCash: { day: "2026-01-05", realizedUsd: 10, feesUsd: 2, fundingUsd: -0.5 },
  closes: {
    c1: close({ closedMs: T0, realizedUsd: 10, feesUsd: 2, fundingUsd: -0.5, earned: [] }),
  },
};
const published = publishedOf({ memory: CLOSED, seen: observation(), rules: RULES, past: PAST });

Deno.test("a result is gross or net, and its name or its description says which", () => {
  const { portfolio, per_symbol } = projectKpis(published);
  assert.deepEqual([portfolio.realized_pnl_today, portfolio.net_pnl_today], [10, 7.5]);
  const [row] = Object.values(per_symbol);
  assert.deepEqual([row!.realized_pnl_7d, row!.fees_7d, row!.net_pnl_7d], [10, 2, 7.5]);
  const [earned] = Object.values(projectPnlAttribution(published).per_symbol);
  assert.deepEqual([earned!.realized_pnl, earned!.net_realized_pnl], [7.5, 7.5]);
  const schema = JSON.stringify(z.toJSONSchema(Kpis));
  assert.match(schema, /"realized_pnl_today":\{[^}]*before fees and funding/);
  assert.match(schema, /"net_pnl_today":\{[^}]*after fees and funding/);
});

Deno.test("the policy's quality is what most symbols have, and quoting first what half of them do", () => {
  const quality = (...names: string[]) =>
    policyQuality(
      names.map((name) => ({ quality: name }) as Parameters<typeof policyQuality>[0][0]),
    );
  assert.equal(quality(), "unknown");
  assert.equal(quality("broken", "ok", "broken"), "broken");
  assert.equal(quality("degraded", "ok", "degraded", "ok"), "ok", "of equals the better one");
  const first = (...flags: boolean[]) => isMakerFirst(flags.map((makerFirst) => ({ makerFirst })));
  assert.deepEqual([first(), first(true, false), first(true, false, false)], [null, true, false]);
});

Deno.test("where nothing was routed its words are unknown", () => {
  const { router, router_quality, router_stats } = projectKpis(published);
  assert.deepEqual([router.policy_quality, router.maker_first], ["unknown", null]);
  assert.deepEqual([router_quality, router_stats.quality], ["unknown", "unknown"]);
});
