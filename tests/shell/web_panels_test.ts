/** Every panel in each of its states, and a word for every code the engine knows. */
import assert from "node:assert/strict";
import type { Payload } from "../../state/surfaces/mod.ts";
import { ATTENTION, exitWords, gloss } from "../../web/panels/words.ts";
import {
  type Changes,
  htmlWith,
  NOW_MS,
  pageOf,
  seen,
  SIX,
  storeWith,
  telling,
  textWith,
} from "./web_fixtures.ts";

type Told = Payload<"diagnostics">["runtime_diagnostics"];

/** The text of one panel. */
async function panel(id: string, changes: Changes): Promise<string> {
  const html = await htmlWith(changes);
  const from = html.indexOf(`<section id="${id}"`);
  assert.ok(from > 0, `${id} is there`);
  return seen(html.slice(from, html.indexOf("</section>", from)));
}

const risky = (change: (risk: Payload<"risk_snapshot">) => object): Changes => ({
  risk_snapshot: (risk) => ({ ...risk, ...change(risk) }),
});
const exitsWith = (change: (exits: Told["exit_pipeline"]) => object) =>
  telling((told) => ({ exit_pipeline: { ...told.exit_pipeline, ...change(told.exit_pipeline) } }));
const items = (...list: readonly [id: string, level: string, ...args: unknown[]][]) =>
  telling(() => ({
    attention: list.map(([id, level, ...args], i) => ({
      id,
      level,
      since: new Date(Date.UTC(2026, 0, 2, 5, 10 + i)).toISOString(),
      args,
    })) as Told["attention"],
  }));

Deno.test("positions: unprotected first, then by size, with totals", async () => {
  const text = await panel("positions", SIX);
  const names = [
    ...text.slice(0, text.indexOf("Total")).matchAll(/([A-Z]{3,4}) [▲▼] (LONG|SHORT)/g),
  ]
    .map(([, name]) => name);
  assert.deepEqual(names, ["DOGE", "BTC", "ETH", "SOL", "LINK", "SUI"]);
  assert.match(text, /6 open · 4L\/2S/);
  assert.match(text, /DOGE .*✖ NO TP\/SL/);
  assert.match(text, /Total \$11,884\.72 ▼ −\$2\.32 5\/6 protected \(83%\)/);
  const stops = (loss_at_stops_usd: number | null): Changes => ({
    kpis_v7: (kpis) => ({ ...kpis, portfolio: { ...kpis.portfolio, loss_at_stops_usd } }),
  });
  assert.match(await panel("positions", stops(17.95)), /every stop hit: −\$17\.95/);
  assert.doesNotMatch(await panel("positions", stops(null)), /every stop hit/);
  assert.match(text, /BTC .*SL −2\.1% · TP \+1\.2%/);
  assert.match(text, /ETH ▼ SHORT .*SL −1\.4% · TP \+4\.5%/, "a short loses upwards");
  assert.match(text, /SL −1\.5% · no TP/);
});

Deno.test("positions: flat, unknown and never read are three different things", async () => {
  const with_ = (change: object): Changes => ({
    positions_state: (state) => ({ ...state, ...change }),
  });
  assert.match(await panel("positions", with_({ positions: [] })), /Flat since \d\d:\d\d:\d\d \(/);
  const failed = await panel("positions", with_({ read_ok: false, age_s: 40 }));
  assert.match(
    failed,
    /Positions unknown\. The exchange read failed; last good read 40 s ago\. Last/,
  );
  assert.doesNotMatch(failed, /Flat/);
  const empty = await panel("positions", with_({ read_ok: false, age_s: 40, positions: [] }));
  assert.doesNotMatch(empty, /Flat|Last known/);
  const never = with_({ read_ok: false, age_s: null, last_ok_ts: null, positions: [] });
  assert.match(await panel("positions", never), /has never been read/);
  const apart = with_({
    quarantined: [{ symbol: "XUSDT", side: "LONG", qty: 1, problem: "entry_unknown" }],
  });
  assert.match(await panel("positions", apart), /Set aside, cannot be read: XUSDT LONG \(entry_u/);
});

Deno.test("positions: a leg that the book lacks, a stop that does not rest, an exit on its way", async () => {
  const book = (change: (entry: Payload<"positions_ledger">["entries"][number]) => object) => ({
    positions_ledger: (ledger: Payload<"positions_ledger">) => ({
      ...ledger,
      entries: ledger.entries.map((entry) => ({ ...entry, ...change(entry) })),
    }),
  } as Changes);
  assert.match(await panel("positions", book(() => ({ protective: null }))), /✖ none/);
  const armed = book(({ exit }) => ({ exit: { ...exit, state: "armed", reason: "tp" } }));
  assert.match(await panel("positions", armed), /▲ closing/);
  const sent = book(({ protective }) => ({ protective: { ...protective, status: "SENT" } }));
  assert.match(await panel("positions", sent), /▲ sent/);
  const empty: Changes = { positions_ledger: (ledger) => ({ ...ledger, entries: [] }) };
  assert.match(await panel("positions", empty), /✖ NOT IN BOOK.*0\/\d protected/);
  const gone = seen(await pageOf(await storeWith({ without: ["positions_ledger"] })));
  assert.match(gone, /protection unknown/);
});

Deno.test("risk: near from 0.70 of a cap, over from 1, no bar without a measurement", async () => {
  const at = async (dd_frac: number | null) => await panel("risk", risky(() => ({ dd_frac })));
  assert.match(await at(0.069_9), /Drawdown 6\.99 \/ 10 %/);
  assert.match(await at(0.07), /Drawdown ▲ 7\.00 \/ 10 %/);
  assert.match(await at(0.1), /Drawdown ✖ 10\.00 \/ 10 %/);
  assert.match(await at(null), /Drawdown — \/ 10 %.*\? Circuits unknown/);
  assert.match(await at(0), /VaR 99% 0\.\d\d \/ 12 % Worst CVaR 95% 0\.\d\d \/ 4 %/);
  const unmeasured = await panel(
    "risk",
    risky(({ var: value, cvar }) => ({
      var: { ...value, portfolio_var_nav_pct: null, reason: "short_history" },
      cvar: {
        ...cvar,
        per_symbol: { BTCUSDT: { cvar_nav_pct: null, limit: 0.04, within_limit: null } },
      },
    })),
  );
  assert.match(unmeasured, /VaR 99% — \/ 12 % Worst CVaR 95% — \/ 4 %/);
  const html = await htmlWith({});
  const meters = [...html.matchAll(/role="meter" aria-label="([^"]+)"/g)].map(([, name]) => name);
  assert.equal(meters.length, 7);
});

Deno.test("risk: circuit, NAV age, anomalies and mode", async () => {
  const tripped = await panel(
    "risk",
    risky(({ circuits, regimes }) => ({
      risk_mode: "DEFENSIVE",
      risk_mode_reason: "circuit_breaker_active",
      circuits: circuits.map((circuit) => ({
        ...circuit,
        active: circuit.id === "portfolio_dd_circuit",
        since: "2026-01-02T01:00:00.000Z",
      })),
      regimes: { ...regimes, size_factor: 0.5 },
      anomalies: { nav_jump: { old: 25_000, new: 50_000, pct: 1 } },
      nav_health: {
        ...({} as object),
        age_s: 95,
        fresh: false,
        sources_ok: false,
        threshold_s: 90,
        nav_ts: null,
        stale_flags: { balances: true, positions: true, prices: false },
        nav_total: 25_000,
      },
    })),
  );
  assert.match(tripped, /mode DEFENSIVE · circuit_breaker_active/);
  assert.match(tripped, /✖ portfolio_dd_circuit since 2026-01-02 01:00/);
  assert.match(tripped, /sizes ▲ × 0\.50/);
  assert.match(tripped, /✖ NAV age 95 s \(limit 90 s\)/);
  assert.match(tripped, /▲ NAV jump \$25,000\.00 → \$50,000\.00/);
  const halted = await textWith(risky(() => ({ risk_mode: "HALTED" })));
  assert.match(halted, /Risk ✖ HALT ED/);
});

Deno.test("attention: worst first, then oldest; three shown, the rest counted", async () => {
  const text = await textWith(items(
    ["caps_full", "info", 6],
    ["drawdown_near", "warn", 0.0499, 0.1],
    ["pos_unprotected:DOGEUSDT:LONG", "critical", -0.0179],
    ["nav_jump", "warn", 25_000, 50_000],
    ["ledger_mismatch", "critical", "DOGEUSDT:LONG", "BTCUSDT:LONG"],
  ));
  assert.match(text, /✖ 2 critical · 2 warnings/);
  const rows = [
    "✖ DOGEUSDT LONG has no stop −1.79% from entry since 05:12:00 · 48 m",
    "✖ Book and exchange differ in 2 places DOGEUSDT:LONG, BTCUSDT:LONG",
    "▲ Drawdown is near its circuit 4.99 / 10 %",
  ].map((row) => text.indexOf(row));
  assert.deepEqual(rows, rows.toSorted((a, b) => a - b));
  assert.ok(rows[0]! > 0);
  assert.doesNotMatch(text, /All position slots/);
  assert.match(text, /\+2 more/);
  assert.match(await textWith(items(["caps_full", "info", 6])), /i 1 note/);
  assert.match(await textWith(items(["drawdown_near", "warn", 0, 0.1])), /▲ 1 warning /);
  assert.match(
    await textWith(items(["new_thing:X", "warn", 1, "y", null])),
    /new_thing:X 1 · y · —/,
  );
});

Deno.test("every attention item says what it is in words, with its figures", () => {
  const args = [0.05, 0.1, "x"];
  for (const [id, tell] of Object.entries(ATTENTION)) {
    for (const given of [args, [], [null, null], ["a", "b"]]) {
      const { what, proof } = tell(given, { leg: "BTCUSDT LONG", nowMs: NOW_MS });
      assert.ok(what.length > 10 && proof !== undefined, id);
      assert.doesNotMatch(what + proof, /undefined|NaN|null/, id);
    }
  }
});

Deno.test("a code without words is shown as it is", () => {
  assert.equal(gloss("brand_new"), null);
  assert.equal(gloss("toString"), null);
  assert.equal(exitWords("brand_new"), "brand_new");
  assert.match(gloss("portfolio_var_limit")!, /value at risk/);
});

Deno.test("why: funnel, heat in five steps, top blocker with its gloss", async () => {
  const counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0];
  const rows = [{ reason: "symbol_cap", counts, total: 36 }, {
    reason: "brand_new",
    counts: counts.map(() => 0),
    total: 4,
  }];
  const changes = telling(({ veto_counters }) => ({
    veto_counters: { ...veto_counters, heat: { ...veto_counters.heat, rows } },
  }));
  const html = await htmlWith(changes);
  const cells = [...html.matchAll(/<td class="h(\d)">(\d*)<\/td>/g)].slice(0, 12);
  assert.deepEqual(cells.map(([, step]) => Number(step)), [0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0, 0]);
  assert.deepEqual(cells.map(([, , n]) => n), ["", ..."12345678", "", "", ""]);
  const text = await panel("why", changes);
  assert.match(text, /Top blocker: symbol_cap \(36, 90%\): the cap of this symbol is reached\./);
  assert.match(text, /nav_stale 0 portfolio_dd_circuit 0/, "the brakes are shown at 0");
  const none = telling(({ veto_counters }) => ({
    veto_counters: { ...veto_counters, heat: { ...veto_counters.heat, rows: [] } },
  }));
  assert.match(await panel("why", none), /No signal was refused in the last hour/);
});

Deno.test("exits: coverage, mismatch, a late scan, watchers", async () => {
  assert.match(await panel("exits", {}), /TP\/SL coverage ✓ 100%/);
  const flat = exitsWith(() => ({ tp_sl_coverage_pct: null, open_positions_count: 0 }));
  assert.match(await panel("exits", flat), /n\/a, flat/);
  const unread = exitsWith(() => ({
    tp_sl_coverage_pct: null,
    open_positions_count: null,
    missing_sl_count: null,
    underwater_without_tp_sl_count: null,
  }));
  assert.match(
    await panel("exits", unread),
    /coverage \? exchange not read Underwater, no level \? exchange not read/,
  );
  assert.doesNotMatch(await panel("exits", unread), /flat/);
  const bare = exitsWith(() => ({
    tp_sl_coverage_pct: 5 / 6,
    tp_sl_registered_count: 5,
    open_positions_count: 6,
    missing_sl_count: 1,
    underwater_without_tp_sl_count: 1,
  }));
  assert.match(await panel("exits", bare), /✖ 83% \(5\/6\) Underwater, no level ✖ 1/);
  const ghost = exitsWith(({ mismatch_breakdown }) => ({
    ledger_registry_mismatch: true,
    mismatch_breakdown: { ...mismatch_breakdown, ghost_ledger_entries: 2 },
  }));
  assert.match(await panel("exits", ghost), /✖ 2 ghost/);
  assert.match(await panel("exits", exitsWith(() => ({ read_ok: false }))), /\? exchange not read/);
  const scanned = (last_exit_scan_ts: string) => exitsWith(() => ({ last_exit_scan_ts }));
  assert.match(await panel("exits", scanned("2026-01-02T05:59:00.000Z")), /Exit scan ▲ 1 m ago/);
  assert.match(await panel("exits", scanned("2026-01-02T05:50:00.000Z")), /Exit scan ✖ 10 m ago/);
  const states = { signals: "never", orders: "quiet", exits: "ok", router: "idle" } as const;
  const watched = telling(({ liveness }) => ({ liveness: { ...liveness, states } }));
  const text = await panel("exits", watched);
  assert.match(text, /Signals ▲ never since start/);
  assert.match(text, /Orders quiet/);
  assert.match(text, /Router event ▲/);
});

Deno.test("router: too few orders are UNKNOWN, weak ones warn", async () => {
  const rated = (change: object): Changes => ({
    router_health: (health) => ({ ...health, global: { ...health.global, ...change } }),
  });
  const few = await textWith(rated({ insufficient: true, label: "UNKNOWN" }));
  assert.match(few, /Router Rtr \? UNKNOWN/);
  assert.match(few, /Router score too few orders/);
  const window = { window_s: 864_000, from_ts: "2026-01-01T00:00:00.000Z", n: 41 };
  const html = await htmlWith(rated({ maker_fill_ratio: 0.63, window }));
  assert.match(seen(html), /Maker share 63% of 41 routes/, "a share says of how many");
  assert.match(html, /since 2026-01-01 00:00, at most the last 10 d/, "and since when");
  const weak = rated({ quality_score: 0.42, label: "WEAK", slippage_drift_bucket: "RED" });
  assert.match(await textWith(weak), /Router Rtr ▲ 0\.42 WEAK/);
  assert.match(await panel("exits", weak), /▲ 0\.42 WEAK Slippage, drift ▲ [\d.]+ bps, RED/);
});

Deno.test("activity: totals and the last closed positions", async () => {
  const text = await panel(
    "activity",
    exitsWith(() => ({
      recent_exits: [
        {
          symbol: "SOLUSDT",
          side: "LONG",
          closed_ts: "2026-01-02T05:58:00.000Z",
          reason: "trail",
          net_usd: -3.456,
        },
        {
          symbol: "BTCUSDT",
          side: "SHORT",
          closed_ts: "2026-01-01T23:00:00.000Z",
          reason: "odd",
          net_usd: 12,
        },
      ],
    })),
  );
  assert.match(text, /signals .* vetoes .* orders .* fills .* exits/);
  assert.match(text, /05:58:00 SOL LONG trailing stop ▼ −\$3\.46/);
  assert.match(text, /1 Jan 23:00 BTC SHORT odd ▲ \+\$12\.00/);
  const none = exitsWith(() => ({ recent_exits: [] }));
  assert.match(await panel("activity", none), /No position has been closed yet/);
});
