/** The page as a whole: complete, never green without a reason, nothing inline, nothing foreign. */
import assert from "node:assert/strict";
import { Store } from "../../state/store.ts";
import type { Payload } from "../../state/surfaces/mod.ts";
import * as f from "../../web/format.ts";
import {
  ASSETS,
  type Changes,
  htmlWith,
  NOW_MS,
  pageOf,
  payloads,
  seen,
  SIX,
  storeWith,
  telling,
  textWith,
} from "./web_fixtures.ts";

Deno.test("the page shows what the store holds, in the shared format", async () => {
  const { nav, diagnostics, positions_state } = await payloads();
  const html = await htmlWith({});
  assert.ok(html.startsWith("<!doctype html>"));
  assert.ok(html.includes(`<span data-field="nav">${f.usd(nav.nav)}</span>`));
  assert.ok(positions_state.positions.length > 0);
  for (const { position_key, mark_price } of positions_state.positions) {
    const mark = `<span data-field="mark" data-key="${position_key}">${f.price(mark_price)}</span>`;
    assert.ok(html.includes(mark), position_key);
  }
  const { loop, veto_counters: counters } = diagnostics.runtime_diagnostics;
  assert.ok(html.includes(`<span data-field="seq">${f.count(loop.seq)}</span>`));
  assert.ok(html.includes(`<dd data-field="total-fills">${f.count(counters.total_fills)}</dd>`));
  const text = seen(html);
  assert.match(html, /<title>[^<]*\$25,[\d,.]+ · ballast<\/title>/);
  assert.match(text, /✓ OK/);
  assert.match(text, /15\/15 fresh/);
});

Deno.test("the page says that it is a simulation and how fast it runs", async () => {
  const text = await textWith({});
  assert.ok(text.includes(
    "Simulation: built-in exchange, no real money. 60 simulated seconds a second, " +
      "engine time 2026-01-02 06:00 UTC.",
  ));
  assert.match(text, /simulation · 60×/);
  const full = await textWith({ engine_metadata: (meta) => ({ ...meta, speed: 0 }) });
  assert.match(full, /no real money\. Runs as fast as possible, engine time/);
  const live = await textWith({
    engine_metadata: (meta) => ({ ...meta, env: "live", mode: "live", speed: null }),
  });
  assert.doesNotMatch(live, /simulat/i);
  assert.match(live, /LIVE/);
});

Deno.test("an empty store shows nothing green and no number", async () => {
  const html = await pageOf(new Store());
  const text = seen(html.slice(html.indexOf("<body")));
  assert.match(text, /\? BLIND/);
  assert.equal(text.match(/UNKNOWN/g)!.length, 5, "environment, three badges, risk mode");
  assert.doesNotMatch(text, /✓|\bOK\b|NORMAL|Flat|armed|fresh\b.*✓/);
  assert.doesNotMatch(text.replace(/\d\d:\d\d:\d\d UTC|0\/15 fresh/g, ""), /\d/);
  assert.match(html, /<title>\? BLIND · ballast<\/title>/);
  assert.match(text, /Positions unknown: positions_state\.json is not published/);
  assert.ok(html.includes('title="nav.json: not published"'));
});

for (const without of ["nav", "kpis_v7", "risk_snapshot", "router_health"] as const) {
  Deno.test(`a page without ${without} says what is missing and shows the rest`, async () => {
    const store = await storeWith({ without: [without] });
    const html = await pageOf(store);
    assert.ok(html.includes(`${without}.json`), "named");
    assert.ok(html.includes('data-field="seq"'), "the rest is there");
    assert.doesNotMatch(html, /could not be shown/);
  });
}

Deno.test("an old store is BLIND with the time it was last true", async () => {
  const blind = async (ageMs: number) => {
    const html = await pageOf(await storeWith({ wallMs: NOW_MS - ageMs }));
    return { html, text: seen(html) };
  };
  assert.doesNotMatch((await blind(15_000)).text, /BLIND/);
  const { html, text } = await blind(16_000);
  assert.match(text, /\? BLIND 16 s/);
  assert.match(text, /last true at 03:12:28 UTC \(engine time 2026-01-02 06:00 UTC\)/);
  assert.match(html, /<div class="page blind">/);
  assert.doesNotMatch(text, /✓ OK|✓ 0 of/);
  assert.match((await blind(-6_000)).text, /lies in the future/);
});

Deno.test("nothing that runs or styles is inline, nothing comes from elsewhere", async () => {
  const html = await htmlWith(SIX);
  assert.doesNotMatch(html, /\sstyle\s*=|<style|\son\w+\s*=/i);
  const scripts = [...html.matchAll(/<script([^>]*)>/g)].map(([, attributes]) => attributes);
  assert.deepEqual(scripts, [
    ` type="module" src="${ASSETS.script!.path}"`,
    ' type="application/json" id="boot"',
  ]);
  const sources = [...html.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, url]) => url!);
  for (const url of sources) assert.match(url, /^(\/(?!\/)|#|data:image\/svg)/);
});

Deno.test("without a bundle the page is whole and loads itself anew", async () => {
  const html = await htmlWith({}, { assets: { ...ASSETS, script: null } });
  assert.doesNotMatch(html, /<script|<noscript/);
  assert.match(html, /<meta http-equiv="refresh" content="15">/);
  assert.match(await htmlWith({}), /<noscript><meta http-equiv="refresh"/);
});

Deno.test("what comes from outside cannot break out of the page", async () => {
  const evil = '</script><img src=x onerror="alert(1)">';
  const html = await htmlWith(telling((told) => ({
    operator_state: { ...told.operator_state, state: "PAUSED", reason: evil },
  })));
  assert.ok(!html.includes("<img"));
  const [, boot] = /<script type="application\/json" id="boot">(.*?)<\/script>/s.exec(html)!;
  const { state } = JSON.parse(boot!);
  assert.equal(state.diagnostics.runtime_diagnostics.operator_state.reason, evil);
});

Deno.test("a panel that fails is contained", async () => {
  const broken = { risk_snapshot: () => ({ risk_mode: "OK" }) } as unknown as Changes;
  const store = await storeWith({ without: ["risk_snapshot"] });
  const { risk_snapshot } = broken;
  const bad = { ...store, get: (name: string) => wrong(name) } as unknown as Store;
  const wrong = (name: string) =>
    name === "risk_snapshot"
      ? risk_snapshot!({} as Payload<"risk_snapshot">)
      : store.get(name as "nav");
  for (const method of ["text", "version", "onChange"] as const) {
    Object.assign(bad, { [method]: store[method].bind(store) });
  }
  const text = seen(await pageOf(bad));
  assert.match(text, /"Risk" could not be shown/);
  assert.match(text, /Why \(not\) trading/);
  assert.match(text, /Positions/);
});

Deno.test("losses carry a minus sign and a glyph, gains a plus", async () => {
  const text = await textWith({
    ...SIX,
    kpis_v7: (kpis) => ({
      ...kpis,
      portfolio: {
        ...kpis.portfolio,
        unrealized_pnl: -80,
        realized_pnl_today: -120,
        fees_today: 3.5,
        funding_today: -0.25,
      },
    }),
  });
  assert.match(text, /Day PnL, net ▼ −\$123\.75 realised −\$120\.00/);
  assert.match(text, /Unrealised ▼ −\$80\.00/);
  assert.match(text, /ETH ▼ SHORT.*▼ −\$36\.05 −0\.86%/);
  assert.match(text, /BTC ▲ LONG.*▲ \+\$40\.11 \+0\.85%/);
  assert.doesNotMatch(text, /[$\s]-\$?\d/, "no ASCII minus before a figure");
});

Deno.test("tables, landmarks and meters can be read without seeing", async () => {
  const html = await htmlWith(SIX);
  assert.equal(html.match(/<h1/g)!.length, 1);
  assert.equal(html.match(/<table/g)!.length, html.match(/<caption/g)!.length);
  assert.match(html, /<a class="skip" href="#positions">/);
  assert.match(html, /role="status" data-field="verdict"/);
  assert.match(html, /<html lang="en">/);
  assert.doesNotMatch(html, /<th(?:>|\s(?![^>]*scope=))/);
  for (const [, id] of html.matchAll(/aria-labelledby="([^"]+)"/g)) {
    assert.ok(html.includes(`id="${id}"`), id);
  }
  for (const [meter] of html.matchAll(/<svg[^>]*role="meter"[^>]*>/g)) {
    assert.match(meter, /aria-valuemin="0" aria-valuemax="[\d.]+" aria-valuenow="[\d.]+"/);
  }
});
