/** The check that a supervisor runs: it passes only when everything it judges by is there and calm. */
import assert from "node:assert/strict";
import { readStatus } from "../../state/status.ts";
import { type SurfaceName, SURFACES } from "../../state/surfaces/mod.ts";
import { inTempDir, lane } from "../lanes.ts";
import { ballast, startBallast, surface } from "./ballast.ts";

const NEEDS = ["read", "write", "run", "env"] as const;

type Json = Record<string, unknown>;

/** What an engine has written, as if it were running and had nothing to complain of. */
class Written {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<Written> {
    const { code, err } = await ballast(
      ["run", "--data", dir, "--no-web", "--speed", "0", "--ticks", "400"],
    );
    assert.equal(code, 0, err);
    const written = new Written(dir);
    await written.change("engine_metadata", (meta) => ({ ...meta, status: "running" }));
    await written.attend([]);
    return written;
  }

  get state(): string {
    return `${this.#dir}/logs/state`;
  }

  path(name: SurfaceName): string {
    return `${this.state}/${SURFACES[name].file}`;
  }

  async change(name: SurfaceName, change: (was: Json) => Json): Promise<void> {
    const was = await surface(this.#dir, SURFACES[name].file);
    await Deno.writeTextFile(this.path(name), JSON.stringify(change(was)));
  }

  /** Lets the engine have told of these levels. */
  async attend(levels: readonly string[]): Promise<void> {
    await this.change("diagnostics", (was) => {
      const attention = levels.map((level) => ({
        id: "something",
        level,
        since: was.updated_ts,
        args: [],
      }));
      const told = was.runtime_diagnostics as Json;
      return { ...was, runtime_diagnostics: { ...told, attention } };
    });
  }

  /** The status at the moment of the last sign of life. */
  async status() {
    const { wall_ts } = await surface(this.#dir, SURFACES.diagnostics.file);
    return await readStatus(this.state, Date.parse(wall_ts as string));
  }
}

lane("status is well only while every surface is there and whole", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const written = await Written.open(dir);
      const { isWell, text } = await written.status();
      assert.ok(isWell, text);
      for (const name of Object.keys(SURFACES) as SurfaceName[]) {
        const path = written.path(name);
        const whole = await Deno.readTextFile(path);
        const broken: readonly (readonly [text: string | null, told: string])[] = [
          [null, "is missing"],
          [whole.slice(0, whole.length / 2), "is no JSON"],
          ["{}", "does not fit its schema"],
        ];
        for (const [torn, told] of broken) {
          if (torn === null) await Deno.remove(path);
          else await Deno.writeTextFile(path, torn);
          const wallMs = Date.now();
          const status = name === "diagnostics"
            ? await readStatus(written.state, wallMs)
            : await written.status();
          assert.equal(status.isWell, false, `${name} ${told}`);
          assert.deepEqual(status.json.unreadable, [`${SURFACES[name].file} ${told}`]);
        }
        await Deno.writeTextFile(path, whole);
      }
      assert.ok((await written.status()).isWell);
    }),
});

lane("status warns of what the engine warns of, and of nothing less", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const written = await Written.open(dir);
      const cases: readonly (readonly [levels: readonly string[], isWell: boolean])[] = [
        [[], true],
        [["info"], true],
        [["info", "warn"], false],
        [["critical"], false],
        [["blind"], false],
      ];
      for (const [levels, isWell] of cases) {
        await written.attend(levels);
        assert.equal((await written.status()).isWell, isWell, levels.join());
      }
    }),
});

lane("status says flat only when the exchange has said so", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const written = await Written.open(dir);
      const [row] = (await surface(dir, SURFACES.positions_state.file)).positions as Json[];
      assert.ok(row, "something is held");
      await written.change("positions_ledger", (was) => ({ ...was, entries: [] }));
      const ts = "2026-01-02T03:04:05.000Z";
      const read = { read_ok: true, last_ok_ts: ts, positions: [], quarantined: [] };
      const cases: readonly (readonly [change: Json, told: string])[] = [
        [read, "positions: flat"],
        [{ ...read, read_ok: false }, `positions: flat when the account was last read, at ${ts}`],
        [
          { ...read, read_ok: false, last_ok_ts: null },
          "positions: unknown, the account has not been read yet",
        ],
        [{ ...read, positions: [row] }, "positions: none in the book, 1 at the exchange"],
      ];
      for (const [change, told] of cases) {
        await written.change("positions_state", (was) => ({ ...was, ...change }));
        const { text } = await written.status();
        assert.ok(text.split("\n").includes(told), `${told}\nin\n${text}`);
      }
      await Deno.remove(written.path("positions_state"));
      const { text } = await written.status();
      assert.match(text, /^positions: unknown, positions_state\.json cannot be read$/m);
    }),
});

lane("a running engine is well by its exit code, a killed one is not", {
  needs: [...NEEDS, "net"],
  run: () =>
    inTempDir(async (dir) => {
      const engine = await startBallast(["run", "--data", dir, "--no-web", "--speed", "60"]);
      const until = async (wanted: number) => {
        let told = await ballast(["status", "--data", dir]);
        for (let i = 0; i < 40 && told.code !== wanted; i++) {
          told = await ballast(["status", "--data", dir]);
        }
        assert.equal(told.code, wanted, told.out);
        return told.out;
      };
      await until(0);
      const kill = ["ctl", "kill", "--data", dir, "--reason", "drill"];
      assert.equal((await ballast(kill)).code, 0);
      assert.match(await until(1), /^ {2}critical killed /m);
      assert.equal((await engine.end("SIGTERM")).code, 0);
    }),
});
