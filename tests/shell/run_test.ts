/** Whole runs of the program: the same input gives the same bytes, however often it is stopped. */
import assert from "node:assert/strict";
import type { JournalRow } from "../../state/journal.ts";
import { SURFACES } from "../../state/surfaces/mod.ts";
import { fillsOf } from "../kill/facts.ts";
import { writeBusyConfig } from "../kill/run.ts";
import { inTempDir, lane, twoAtATime } from "../lanes.ts";
import { ballast, logRows, logText, startBallast, surface } from "./ballast.ts";
import { writeCandles } from "./candles.ts";

const NEEDS = ["read", "write", "run", "env"] as const;
const JOURNAL = "execution/journal";
const SEEDS = 12;
const WARMUP_END = "2026-01-03T00:00:00.000Z";
/** Thirty seconds later at the shipped speed of a minute a second. */
const WATCHED_END = "2026-01-03T00:30:00.000Z";

/** What a run without faults of the venue writes; the swarm's journals hold the other kinds. */
const EVENT_KINDS = [
  "account_rule",
  "episode_end",
  "exit_forced",
  "exit_trigger",
  "income",
  "order_ack",
  "order_attempt",
  "order_cancel",
  "order_close",
  "order_done",
  "order_fill",
  "order_requote",
  "order_submit",
  "registry",
  "route_decision",
  "route_end",
  "twap_complete",
  "twap_pause",
  "twap_slice",
  "twap_start",
];
const MEMORY_PARTS = [
  "counters",
  "holdings",
  "nav",
  "orders",
  "registry",
  "routes",
  "routing",
  "tempo",
];

lane("replays of the same candles give the same journal, another seed another one", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeBusyConfig(`${dir}/config`);
      await writeCandles(`${dir}/candles`, { seed: 5, hours: 40, minutes: 3 });
      const common = ["--config", `${dir}/config`, "--candles", `${dir}/candles`];
      const play = async (name: string, args: readonly string[]) => {
        const { code, err } = await ballast([...args, ...common, "--data", `${dir}/${name}`]);
        assert.equal(code, 0, err);
        return await logText(`${dir}/${name}`, JOURNAL);
      };
      const plays = {
        first: ["replay"],
        again: ["replay"],
        run: ["run", "--speed", "0", "--no-web"],
        other: ["replay", "--seed", "8"],
      };
      const [first, again, run, other] = await twoAtATime(
        Object.entries(plays),
        ([name, args]) => play(name, args),
      );
      assert.ok(first === again, "a second replay gives the same bytes");
      assert.ok(first === run, "run at full speed gives the replay's bytes");
      assert.ok(first !== other, "another seed gives another journal");

      const rows = await logRows<JournalRow>(`${dir}/first`, JOURNAL);
      assert.ok(fillsOf(rows).length >= 1_000, `${fillsOf(rows).length} fills are enough to tell`);
      const kinds = new Set(rows.flatMap(({ events }) => events.map(({ kind }) => kind)));
      assert.deepEqual([...kinds].toSorted(), EVENT_KINDS);
      const parts = new Set(rows.flatMap(({ patch }) => patch.map(([path]) => String(path[0]))));
      for (const part of MEMORY_PARTS) assert.ok(parts.has(part), `some row changes ${part}`);
    }),
});

lane("a run stopped and started again gives the journal of one that was not", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeBusyConfig(`${dir}/config`);
      const run = async (name: string, ticks: readonly number[]) => {
        for (const n of ticks) {
          const { code, err } = await ballast([
            "run",
            ...["--config", `${dir}/config`, "--data", `${dir}/${name}`, "--speed", "0"],
            ...["--no-web", "--ticks", String(n)],
          ]);
          assert.equal(code, 0, err);
        }
        return await logText(`${dir}/${name}`, JOURNAL);
      };
      const [whole, pieces] = await Promise.all([
        run("whole", [6_000]),
        run("pieces", [1_500, 1, 2_499, 2_000]),
      ]);
      assert.ok(whole === pieces, "the bytes are the same");
      const rows = await logRows<JournalRow>(`${dir}/whole`, JOURNAL);
      assert.ok(fillsOf(rows).length > 200, "there was something to continue");
    }),
});

lane("whatever the seed, there is trade to be seen when the page opens", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
      await twoAtATime(seeds, async (seed) => {
        const data = `${dir}/${seed}`;
        const args = ["--data", data, "--seed", String(seed), "--speed", "0", "--no-web"];
        const { code, err } = await ballast(["run", ...args, "--ticks", "18000"]);
        assert.equal(code, 0, err);
        assert.ok((await surface(data, "nav.json")).updated_ts as string > WATCHED_END);
        const rows = (await logRows<JournalRow>(data, JOURNAL))
          .filter(({ ts }) => ts < WATCHED_END);
        const count = (kind: string) =>
          rows.flatMap(({ events }) => events).filter((event) => event.kind === kind).length;
        for (const kind of ["order_submit", "order_fill", "order_close"]) {
          assert.ok(count(kind) > 0, `seed ${seed}: ${kind}`);
        }
        const vetoes = await logRows<{ ts: string }>(data, "execution/risk_vetoes");
        assert.ok(
          vetoes.some(({ ts }) => ts >= WARMUP_END && ts < WATCHED_END),
          `seed ${seed}: vetoes while watched`,
        );
      });
    }),
});

lane("a feature that is off is not among the capabilities that are told", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const told = async () => {
        const flags = ["--speed", "0", "--no-web", "--ticks", "3"];
        const config = ["--config", `${dir}/config`, "--data", dir];
        const { code, err } = await ballast(["run", ...config, ...flags]);
        assert.equal(code, 0, err);
        return (await surface(dir, "engine_metadata.json")).capabilities;
      };
      assert.equal((await ballast(["init", `${dir}/config`])).code, 0);
      assert.deepEqual(await told(), ["venue_stops", "maker_first", "dead_man_switch"]);
      const path = `${dir}/config/runtime.yaml`;
      const text = await Deno.readTextFile(path);
      const off = text.replace(/venue_stops: true/, "venue_stops: false");
      assert.notEqual(off, text, "the key was there");
      await Deno.writeTextFile(path, off);
      assert.deepEqual(await told(), ["maker_first", "dead_man_switch"]);
    }),
});

lane("after an hour every figure of the surfaces that can be known is known", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const { code, err } = await ballast([
        "run",
        ...["--data", dir, "--speed", "0", "--no-web", "--ticks", "310"],
      ]);
      assert.equal(code, 0, err);
      const nav = await surface(dir, "nav.json");
      const risk = await surface(dir, "risk_snapshot.json");
      const router = at(await surface(dir, "router_health.json"), "router_health.per_symbol");
      const told = at(await surface(dir, "diagnostics.json"), "runtime_diagnostics");
      const kpis = await surface(dir, "kpis_v7.json");
      const known = {
        nav: at(nav, "nav"),
        "risk dd_frac": at(risk, "dd_frac"),
        "risk gross": at(risk, "exposure.gross_usd"),
        "kpis gross": at(kpis, "portfolio.gross_nav_pct"),
        "kpis nav": at(kpis, "portfolio.nav"),
        coverage: at(told, "exit_pipeline.tp_sl_coverage_pct"),
        "total vetoes": at(told, "veto_counters.total_vetoes"),
        ...Object.fromEntries(
          Object.entries(router as Record<string, unknown>).map(([symbol, row]) => [
            `slippage of ${symbol}`,
            at(row, "avg_slippage_bps"),
          ]),
        ),
      };
      assert.ok(Object.keys(known).length > 8, "several symbols have been traded");
      for (const [name, value] of Object.entries(known)) {
        assert.ok(Number.isFinite(value), `${name} is ${value}`);
      }
    }),
});

lane("a second process on the same data is refused with the holder's pid", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const args = ["run", "--data", dir, "--no-web", "--speed", "60"];
      const first = await startBallast(args);
      const second = await ballast(args);
      assert.equal(second.code, 3);
      assert.match(second.err, new RegExp(`in use by process ${first.pid}\\b`));
      const { code, out } = await first.end("SIGINT");
      assert.equal(code, 0, "Ctrl-C finishes the tick and ends in order");
      assert.match(out, /stopped after tick \d+ at 2026-/);
      const third = await startBallast(args);
      assert.equal((await third.end("SIGTERM")).code, 0, "so does SIGTERM");
    }),
});

/** A value inside a parsed surface, by its dotted path. */
function at(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key],
    value,
  );
}

lane("surfaces are written while nothing is held and nothing is asked for", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      assert.equal((await ballast(["init", `${dir}/config`])).code, 0);
      const path = `${dir}/config/strategy_config.json`;
      const { vol_target: _, ...shipped } = JSON.parse(await Deno.readTextFile(path));
      await Deno.writeTextFile(path, JSON.stringify({ ...shipped, strategies: [] }));
      const common = ["--config", `${dir}/config`, "--data", dir, "--no-web"];
      const engine = await startBallast(["run", ...common, "--speed", "60"]);
      const files = Object.values(SURFACES).filter(({ cadence }) => cadence === "loop");
      const seqs = () =>
        Promise.all(
          files.map(({ file }) => surface(dir, file).then(({ seq }) => Number(seq), () => 0)),
        );
      const until = async (is: (seqs: readonly number[]) => boolean) => {
        for (let i = 0; i < 400; i++) {
          const told = await seqs();
          if (is(told)) return told;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        assert.fail(`no new surfaces: ${await seqs()}`);
      };
      try {
        const first = await until((told) => told.every((seq) => seq > 0));
        await until((told) => told.every((seq, i) => seq > first[i]!));
        const { runtime_diagnostics } = await surface(dir, "diagnostics.json") as {
          runtime_diagnostics: {
            exit_pipeline: { open_positions_count: number };
            veto_counters: { total_signals: number; total_orders: number };
          };
        };
        const { exit_pipeline: exits, veto_counters: counted } = runtime_diagnostics;
        assert.deepEqual(
          [exits.open_positions_count, counted.total_signals, counted.total_orders],
          [0, 0, 0],
        );
      } finally {
        assert.equal((await engine.end("SIGTERM")).code, 0);
      }
    }),
});
