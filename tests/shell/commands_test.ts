/** The command line as an operator meets it: what it prints, what it refuses, how it exits. */
import assert from "node:assert/strict";
import { FILE_NAMES } from "../../config/files.ts";
import { schemaPath, schemaText } from "../../config/init.ts";
import { inTempDir, lane } from "../lanes.ts";
import { ballast, startBallast, surface } from "./ballast.ts";
import { writeCandles } from "./candles.ts";

const NEEDS = ["read", "write", "run", "env"] as const;
const CONFIG = new URL("../../config", import.meta.url).pathname;

lane("help, version and mistakes on the command line", {
  needs: NEEDS,
  run: async () => {
    for (
      const command of [[], ["run"], ["replay"], ["check"], ["init"], ["status"], ["ack"], ["ctl"]]
    ) {
      const { code, out } = await ballast([...command, "--help"]);
      assert.equal(code, 0, command.join());
      assert.match(out, /Usage: ballast/);
    }
    const version = await ballast(["--version"]);
    assert.match(version.out, /^ballast \d+\.\d+\.\d+, commit \S+, Deno \d+\.\d+\.\d+\n$/);

    const flag = await ballast(["run", "--spede", "5"]);
    assert.deepEqual([flag.code, /Did you mean --speed\?/.test(flag.err)], [2, true]);
    const command = await ballast(["replai"]);
    assert.deepEqual([command.code, /Did you mean replay\?/.test(command.err)], [2, true]);
    const stranger = await ballast(["frobnicate"]);
    assert.deepEqual([stranger.code, /Known: help, run/.test(stranger.err)], [2, true]);
    const port = await ballast(["run", "--port", "99999"]);
    assert.match(port.err, /Expected a port up to 65535/);
    assert.equal(port.code, 2);
    const zone = await ballast(["replay", "--candles", ".", "--from", "2025-10-10T00:00"]);
    assert.equal(zone.code, 2, "an instant without its zone is refused");
  },
});

lane("check tells every mistake of every file at once, and exits 2", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      assert.equal((await ballast(["init", dir])).code, 0);
      await edit(
        `${dir}/risk_limits.json`,
        '"drawdown_alert_pct": 0.03',
        '"drawdown_alert_pct": 3',
      );
      await edit(`${dir}/strategy_config.json`, '"timeframe"', '"timefrane"');
      await edit(`${dir}/runtime.yaml`, "mode: sim", "mode: simulation");
      await edit(`${dir}/symbol_tiers.json`, '"BTCUSDT"', '"BTCUSDX"');
      await Deno.rename(`${dir}/settings.json`, `${dir}/setting.json`);
      const { code, err, out } = await ballast(["check", "--config", dir]);
      assert.equal(code, 2);
      assert.equal(out, "");
      for (const file of ["risk_limits", "strategy_config", "runtime", "symbol_tiers", "setting"]) {
        assert.match(err, new RegExp(`^${file}\\.\\w+: .*: `, "m"), `${file} is named in:\n${err}`);
      }
      assert.match(
        err,
        /a fraction|did you mean 0\./i,
        "a percentage is told apart from a fraction",
      );
      assert.match(err, /did you mean "timeframe"\?/);
      assert.match(err, /did you mean "settings.json"\?/);
    }),
});

lane("a cap has one file: in any other it is a key that nobody knows", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      assert.equal((await ballast(["init", dir])).code, 0);
      const schema = (name: string) => `"$schema": "schema/${name}.schema.json",`;
      const places: readonly (readonly [string, string, string])[] = [
        ["pairs_universe", '"tier": "CORE",', "max_nav_pct"],
        ["strategy_config", schema("strategy_config"), "max_gross_exposure_pct"],
        ["settings", schema("settings"), "max_trade_nav_pct"],
        ["symbol_tiers", schema("symbol_tiers"), "max_tier_nav_pct"],
      ];
      for (const [file, beside, key] of places) {
        await edit(`${dir}/${file}.json`, beside, `${beside} "${key}": 0.5,`);
      }
      await edit(`${dir}/runtime.yaml`, "mode: sim", "mode: sim\nmax_concurrent_positions: 3");
      const { code, err } = await ballast(["check", "--config", dir]);
      assert.equal(code, 2);
      for (const [file, , key] of [...places, ["runtime", "", "max_concurrent_positions"]]) {
        assert.match(err, new RegExp(`^${file}\\..*${key}`, "m"), `${key} in ${file}:\n${err}`);
      }
    }),
});

lane("a loop too slow to keep NAV fresh is refused before it runs", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      assert.equal((await ballast(["init", dir])).code, 0);
      const [runtime, limits] = [`${dir}/runtime.yaml`, `${dir}/risk_limits.json`];
      const shipped = [await Deno.readTextFile(runtime), await Deno.readTextFile(limits)] as const;
      const cases: readonly (readonly [sleepS: number, freshS: number, passes: boolean])[] = [
        [5, 90, true],
        [29, 90, true],
        [30, 90, false],
        [600, 90, false],
        [5, 16, true],
        [5, 15, false],
      ];
      for (const [sleepS, freshS, passes] of cases) {
        await Deno.writeTextFile(runtime, shipped[0]);
        await Deno.writeTextFile(limits, shipped[1]);
        await edit(runtime, "loop_sleep_seconds: 5", `loop_sleep_seconds: ${sleepS}`);
        await edit(limits, '"nav_freshness_seconds": 90', `"nav_freshness_seconds": ${freshS}`);
        const { code, err } = await ballast(["check", "--config", dir]);
        const told = "runtime.yaml: runtime.loop_sleep_seconds: expected less than a third of " +
          `risk_limits.json: nav_freshness_seconds (${freshS}), got ${sleepS}\n`;
        assert.deepEqual([code, err.includes(told)], passes ? [0, false] : [2, true], err);
      }
    }),
});

lane("check prints every effective value with its unit and origin", {
  needs: NEEDS,
  run: async () => {
    const { code, out } = await ballast(["check", "--config", CONFIG]);
    assert.equal(code, 0);
    assert.match(out, /^runtime\.yaml: sim\.speed +60 .*file$/m);
    const { out: built } = await inTempDir(async (dir) => {
      await ballast(["init", dir]);
      await Deno.remove(`${dir}/settings.json`);
      return await ballast(["check", "--config", dir]);
    });
    assert.match(built, /^settings\.json: .* default$/m);
    const { out: json } = await ballast(["check", "--config", CONFIG, "--json"]);
    const values = JSON.parse(json) as { path: string; origin: string }[];
    assert.ok(values.every(({ origin }) => origin === "file" || origin === "default"));
  },
});

lane("init writes nine files with their schemas and overwrites nothing unasked", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const target = `${dir}/fresh`;
      assert.equal((await ballast(["init", target])).code, 0);
      for (const name of FILE_NAMES) {
        assert.equal(
          await Deno.readTextFile(`${target}/${name}`),
          await Deno.readTextFile(`${CONFIG}/${name}`),
        );
        JSON.parse(await Deno.readTextFile(`${target}/${schemaPath(name)}`));
      }
      await Deno.writeTextFile(`${target}/settings.json`, "{}");
      const again = await ballast(["init", target]);
      assert.equal(again.code, 2);
      assert.match(again.err, /--force overwrites/);
      assert.equal(await Deno.readTextFile(`${target}/settings.json`), "{}", "nothing was touched");
      assert.equal((await ballast(["init", target, "--force"])).code, 0);
      assert.notEqual(await Deno.readTextFile(`${target}/settings.json`), "{}");
      assert.equal((await ballast(["check", "--config", target])).code, 0);
    }),
});

lane("the schemas beside the shipped config are the ones the code exports", {
  needs: NEEDS,
  run: async () => {
    for (const name of FILE_NAMES) {
      const written = await Deno.readTextFile(`${CONFIG}/${schemaPath(name)}`);
      assert.equal(written, schemaText(name), `run: deno task start init config --force (${name})`);
      const text = await Deno.readTextFile(`${CONFIG}/${name}`);
      assert.ok(text.includes(schemaPath(name)), `${name} points at its schema`);
    }
  },
});

lane("status tells a live engine from a dead one", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const nothing = await ballast(["status", "--data", dir]);
      assert.equal(nothing.code, 1, "nothing there is not alive");
      await ballast(["run", "--data", dir, "--no-web", "--speed", "0", "--ticks", "400"]);
      const fresh = await ballast(["status", "--data", dir]);
      for (const word of [/NAV \$/, /drawdown/, /risk OK/, /BTCUSDT:/, /vetoes/]) {
        assert.match(fresh.out, word);
      }
      const path = `${dir}/logs/state/diagnostics.json`;
      const old = await surface(dir, "diagnostics.json");
      const wallTs = new Date(Date.now() - 20_000).toISOString();
      await Deno.writeTextFile(path, JSON.stringify({ ...old, wall_ts: wallTs }));
      const dead = await ballast(["status", "--data", dir]);
      assert.equal(dead.code, 1, "twenty seconds of silence look dead");
      await Deno.writeTextFile(path, "{");
      assert.equal(
        (await ballast(["status", "--data", dir])).code,
        1,
        "so does an unreadable file",
      );
    }),
});

lane("what would mean something elsewhere refuses the start", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const run = ["run", "--data", dir, "--no-web", "--ticks", "1"];
      for (const name of ["DRY_RUN", "BINANCE_TESTNET", "ENV", "ALLOW_PROD_WRITE"]) {
        const { code, err } = await ballast(run, { env: { [name]: "1" } });
        assert.equal(code, 2);
        assert.match(err, new RegExp(`environment variable ${name} is set and means nothing here`));
      }
      const live = await ballast([...run, "--mode", "live"], { cwd: dir });
      assert.deepEqual([live.code, /never runs on built-in defaults/.test(live.err)], [2, true]);
      const paper = await ballast([...run, "--mode", "paper"]);
      assert.equal(paper.code, 2, "nothing is simulated where something else was asked for");
      const folder = await ballast([...run, "--config", `${dir}/none`]);
      assert.match(folder.err, /--config: expected a folder, got/);
    }),
});

lane("malformed candles are told with file and line", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const head = "timestamp,open,high,low,close,volume\n";
      const cases: readonly (readonly [name: string, text: string, told: RegExp])[] = [
        ["BTCUSDT.csv", `${head}1700000000000,1,2,0.5,NaN,3\n`, /BTCUSDT\.csv:2: .*close/],
        ["BTCUSDT.csv", `${head}1700000000000,1,0.9,0.5,1,3\n`, /BTCUSDT\.csv:2: .*high/],
        ["BTCUSDT.csv", `${head}1700000000000,1,2,0.5,1\n`, /BTCUSDT\.csv:2: /],
        [
          "BTCUSDT.csv",
          `${head}1700003600000,1,2,0.5,1,3\n1700000000000,1,2,0.5,1,3\n`,
          /BTCUSDT\.csv:3: /,
        ],
        ["BTCUSDT.csv", "time,open,high\n1,2,3\n", /BTCUSDT\.csv:1: /],
        ["btc.csv", `${head}1700000000000,1,2,0.5,1,3\n`, /expected a name such as BTCUSDT\.csv/],
        ["BTCUSDT.csv.gz", "this is not gzip", /expected gzip/],
      ];
      for (const [i, [name, text, told]] of cases.entries()) {
        const folder = `${dir}/${i}`;
        await Deno.mkdir(folder);
        await Deno.writeTextFile(`${folder}/${name}`, text);
        const args = ["replay", "--candles", folder, "--data", `${dir}/data`];
        const { code, err } = await ballast(args);
        assert.equal(code, 2, err);
        assert.match(err, told);
      }
    }),
});

lane("a replay never writes over another run's journal", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeCandles(`${dir}/candles`, { seed: 3, hours: 30, minutes: 15, symbols: 2 });
      const args = ["replay", "--candles", `${dir}/candles`, "--data", dir];
      const first = await ballast([...args, "--json"]);
      assert.equal(first.code, 0, first.err);
      const report = JSON.parse(first.out) as Record<string, unknown>;
      assert.ok(Object.keys(report).length > 5);
      const journal = await Deno.readTextFile(`${dir}/logs/execution/journal.jsonl`);
      const again = await ballast(args);
      assert.equal(again.code, 2);
      assert.match(again.err, /has a journal already: use another --data, or --fresh/);
      assert.equal(await Deno.readTextFile(`${dir}/logs/execution/journal.jsonl`), journal);
      const fresh = await ballast([...args, "--fresh"]);
      assert.equal(fresh.code, 0, fresh.err);
      const aside = /old logs moved to (\S+)/.exec(fresh.out)![1]!;
      assert.equal(await Deno.readTextFile(`${aside}/execution/journal.jsonl`), journal);
      const other = await ballast(["run", "--data", dir, "--no-web", "--ticks", "1"]);
      assert.equal(other.code, 2, "another feed does not go on with these books");
      assert.match(other.err, /belongs to another run/);
    }),
});

lane("a run can begin with a given book", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const file = `${dir}/positions.json`;
      const row = { symbol: "BTCUSDT", side: "LONG", qty: 0.02, entry_price: 90_000 };
      await Deno.writeTextFile(file, JSON.stringify([row]));
      const run = ["run", "--no-web", "--speed", "0", "--ticks", "3", "--positions", file];
      const { code, err } = await ballast([...run, "--data", `${dir}/a`]);
      assert.equal(code, 0, err);
      const ledger = JSON.stringify(await surface(`${dir}/a`, "positions_ledger.json"));
      assert.match(ledger, /BTCUSDT:LONG/);
      const levels = { stop_loss_price: 41_000, take_profit_price: 180_000 };
      const book = { positions: [row], entries: { "BTCUSDT:LONG": levels } };
      await Deno.writeTextFile(file, JSON.stringify(book));
      const ticks = run.toSpliced(run.indexOf("3"), 1, "30");
      assert.equal((await ballast([...ticks, "--data", `${dir}/levels`])).code, 0);
      const guarded = JSON.stringify(await surface(`${dir}/levels`, "positions_ledger.json"));
      assert.match(guarded, /"sl":41000/, "levels that were given hold from the adoption on");
      assert.match(guarded, /"tp":180000/);

      const refused: readonly (readonly [given: unknown, told: RegExp])[] = [
        [[{ ...row, side: "UP" }], /positions\[0\]: expected LONG, SHORT or BOTH, got \{/],
        [[{ ...row, symbol: "NOPEUSDT" }], /NOPEUSDT:LONG: expected a symbol of the feed/],
        [[{ ...row, qty: "much" }], /positions\[0\]: expected a quantity/],
        [[{ ...row, entry_price: 0 }], /BTCUSDT:LONG: expected an entry price above 0/],
        [{ rows: [row] }, /positions: expected a list of positions/],
        [{ positions: [row], entries: { "ETHUSDT:LONG": levels } }, /entries\.ETHUSDT:LONG: expec/],
        [
          { positions: [row], entries: { "BTCUSDT:LONG": { stop_loss_price: -1 } } },
          /levels above/,
        ],
      ];
      for (const [given, told] of refused) {
        await Deno.writeTextFile(file, JSON.stringify(given));
        const answer = await ballast([...run, "--data", `${dir}/b`]);
        assert.equal(answer.code, 2, JSON.stringify(given));
        assert.match(answer.err, told);
      }
    }),
});

lane("Ctrl-C ends a replay in order, with its report", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeCandles(`${dir}/candles`, { seed: 3, hours: 24 * 40, minutes: 15 });
      const args = ["replay", "--candles", `${dir}/candles`, "--data", `${dir}/data`, "--json"];
      const running = await startBallast(args, { quiet: true });
      const journal = `${dir}/data/logs/execution/journal.jsonl`;
      while (!await Deno.stat(journal).then(({ size }) => size > 100_000, () => false)) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const { code, out, err } = await running.end("SIGINT");
      assert.equal(code, 0, err);
      const report = JSON.parse(out) as { complete: boolean; ticks: number };
      assert.equal(report.complete, false);
      const log = await Deno.readTextFile(`${dir}/data/logs/execution/engine.jsonl`);
      assert.match(log.trimEnd().split("\n").at(-1)!, /"event":"stop".*"code":0/);
    }),
});

lane("candles that were played to their end are not played on", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeCandles(`${dir}/candles`, { seed: 3, hours: 30, minutes: 15, symbols: 2 });
      const args = ["run", "--candles", `${dir}/candles`, "--data", dir, "--speed", "0"];
      const ends = async () => /tick (\d+)/.exec((await ballast([...args, "--no-web"])).out)![1];
      const first = await ends();
      assert.equal(await ends(), first);
      assert.equal(await ends(), first);
    }),
});

/** Changes one place of a file; the place must be there. */
async function edit(path: string, from: string, to: string): Promise<void> {
  const text = await Deno.readTextFile(path);
  assert.ok(text.includes(from), `${path} holds ${from}`);
  await Deno.writeTextFile(path, text.replace(from, to));
}
