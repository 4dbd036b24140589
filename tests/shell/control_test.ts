/** The way in for a human: what is heard, what is answered, what is none of the engine's business. */
import assert from "node:assert/strict";
import type { EngineEvent } from "../../core/events.ts";
import { killSwitch } from "../../config/environment.ts";
import { Control, tellEngine } from "../../state/control.ts";
import { inTempDir, lane } from "../lanes.ts";
import { ballast, logRows, startBallast, surface } from "./ballast.ts";

const NEEDS = ["read", "write", "net"] as const;
const ACK = {
  by: "me",
  reason: "seen",
  order: { kind: "ack", what: "nav_drawdown_limit" },
} as const;

function done(id: number, note: string): EngineEvent {
  return { kind: "operator", id, by: "me", reason: "seen", order: "ack", done: true, note };
}

async function heard(control: Control) {
  for (;;) {
    const said = control.take();
    if (said.length > 0) return said;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

lane("a command is heard once and answered after its tick", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/control`;
      const control = await Control.open(path);
      const asked = tellEngine(path, ACK);
      const [command, ...others] = await heard(control);
      assert.deepEqual(others, []);
      assert.deepEqual(command, { id: command!.id, ...ACK });
      assert.deepEqual(control.take(), [], "it is carried out once");
      control.answer([done(command!.id + 1, "another's"), done(command!.id, "it is open")], {
        isKept: true,
      });
      assert.deepEqual(await asked, { done: true, note: "it is open" });
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600, "nobody else may speak");
      await control.close();
      await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
      assert.equal(await tellEngine(path, ACK), null, "nobody listens any more");
    }),
});

lane("nonsense is refused, a caller who hangs up does no harm, who waits at the end is told", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/control`;
      const control = await Control.open(path);
      const say = async (text: string) => {
        const talk = await Deno.connect({ transport: "unix", path });
        await talk.write(new TextEncoder().encode(text));
        const bytes = new Uint8Array(4_096);
        const length = await talk.read(bytes) ?? 0;
        talk.close();
        return new TextDecoder().decode(bytes.subarray(0, length));
      };
      for (
        const text of [
          "hello\n",
          "{}\n",
          `${JSON.stringify({ ...ACK, order: { kind: "ack", what: "everything" } })}\n`,
          `${JSON.stringify({ ...ACK, reason: "" })}\n`,
          `${JSON.stringify({ ...ACK, by: "a\u0007b" })}\n`,
          `${JSON.stringify({ ...ACK, more: 1 })}\n`,
          "x".repeat(5_000),
        ]
      ) {
        assert.match(await say(text), /"done":false,"note":"not a command: /, text.slice(0, 60));
      }
      const silent = await Deno.connect({ transport: "unix", path });
      silent.close();
      assert.deepEqual(control.take(), []);
      const asked = tellEngine(path, ACK);
      await heard(control);
      await control.close();
      assert.deepEqual(await asked, {
        done: false,
        note: "the engine stops: the command was not carried out",
      });
    }),
});

/** Connects and says nothing; gives back what the other end does. */
async function connectSilently(path: string) {
  const talk = await Deno.connect({ transport: "unix", path });
  const ended = talk.read(new Uint8Array(1)).then(
    (read) => read === null ? "hung up" : "answered",
    (error) => error instanceof Deno.errors.ConnectionReset ? "hung up" : String(error),
  ).finally(() => talk.close());
  return { ended };
}

lane("who connects and says nothing neither stays for ever nor holds up the end", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/control`;
      const impatient = await Control.open(path, { hearMs: 10 });
      assert.equal(await (await connectSilently(path)).ended, "hung up");
      await impatient.close();

      const control = await Control.open(path);
      const silent = await Promise.all([connectSilently(path), connectSilently(path)]);
      const half = await Deno.connect({ transport: "unix", path });
      await half.write(new TextEncoder().encode('{"by":"me"'));
      const asked = tellEngine(path, ACK);
      await heard(control);
      await control.close();
      assert.deepEqual(await Promise.all(silent.map(({ ended }) => ended)), ["hung up", "hung up"]);
      assert.equal(await half.read(new Uint8Array(1)), null);
      half.close();
      assert.equal((await asked)?.done, false, "who asked is answered all the same");
    }),
});

lane("an engine that ends in the middle of a talk has hung up, and says nothing else", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/control`;
      const listener = Deno.listen({ transport: "unix", path });
      const asked = tellEngine(path, ACK);
      // Closed with something unread the talk is reset, as by a process that was killed.
      const talk = await listener.accept();
      talk.close();
      assert.deepEqual(await asked, { done: false, note: "the engine hung up" });
      listener.close();
    }),
});

lane("what is carried out but not on disk is no success", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const path = `${dir}/control`;
      const control = await Control.open(path);
      const asked = tellEngine(path, ACK);
      const [command] = await heard(control);
      control.answer([done(command!.id, "it is open")], { isKept: false });
      assert.deepEqual(await asked, {
        done: false,
        note: "in force, but not on disk yet, a crash would forget it: it is open",
      });
      await control.close();
    }),
});

/** An engine says its first words before it hears any: waits until it does. */
async function listening(dir: string): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await Deno.stat(`${dir}/logs/state/.control`).catch(() => null)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`no engine listens in ${dir}`);
}

/** What a process has written of its operator: `runId` says which process. */
async function operatorOf(dir: string) {
  const told = await surface(dir, "diagnostics.json") as {
    run_id: string;
    runtime_diagnostics: { operator_state: { state: string; by: string | null; since: string } };
  };
  return { runId: told.run_id, ...told.runtime_diagnostics.operator_state };
}

/** Starts an engine over the files of an earlier one and waits until it has written its own. */
async function nextLife(dir: string, args: readonly string[], env: Record<string, string> = {}) {
  const { runId } = await operatorOf(dir);
  const engine = await startBallast(args, { env });
  for (let i = 0; i < 400; i++) {
    if ((await operatorOf(dir)).runId !== runId) return engine;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await engine.end("SIGKILL");
  assert.fail(`the engine that was started over ${dir} tells nothing`);
}

lane("a latched limit stays over a restart, and opens by ballast ack alone", {
  needs: ["read", "write", "run", "env", "net"],
  run: () =>
    inTempDir(async (dir) => {
      assert.equal((await ballast(["init", `${dir}/config`])).code, 0);
      const path = `${dir}/config/risk_limits.json`;
      const limits = JSON.parse(await Deno.readTextFile(path));
      limits.global.max_nav_drawdown_pct = 0.001;
      await Deno.writeTextFile(path, JSON.stringify(limits));
      // A position worth more than NAV: a tenth of a per cent is lost within minutes.
      await Deno.writeTextFile(
        `${dir}/book.json`,
        JSON.stringify([
          { symbol: "BTCUSDT", side: "LONG", qty: 0.3, entry_price: 90_000, leverage: 1 },
        ]),
      );
      const common = ["--config", `${dir}/config`, "--data", dir, "--no-web"];
      const run = ["run", ...common, "--positions", `${dir}/book.json`];
      const ack = (what: string, reason = "seen") =>
        ballast(["ack", what, "--data", dir, "--reason", reason]);
      const latched = async () => {
        const risk = await surface(dir, "risk_snapshot.json") as {
          circuits: { id: string; active: boolean; resume: string }[];
        };
        return risk.circuits.find(({ id }) => id === "nav_drawdown_limit")!;
      };

      assert.equal((await ballast([...run, "--speed", "0", "--ticks", "600"])).code, 0);
      assert.deepEqual([(await latched()).active, (await latched()).resume], [
        true,
        "by a human: ballast ack nav_drawdown_limit",
      ]);
      const status = await ballast(["status", "--data", dir]);
      assert.match(
        status.out,
        /^blocked by nav_drawdown_limit since \S+, opens by a human: ballast ack nav_drawdown_limit$/m,
      );
      const nobody = await ack("nav_drawdown_limit");
      assert.deepEqual([nobody.code, nobody.err], [
        1,
        `no engine listens in ${dir}/logs: start it, then say it again\n`,
      ]);
      const bare = await ballast(["ack", "nav_drawdown_limit", "--data", dir]);
      assert.deepEqual([bare.code, /required option '--reason/.test(bare.err)], [2, true]);
      assert.equal((await ack("everything")).code, 2);

      const engine = await startBallast([...run, "--speed", "60"]);
      await listening(dir);
      const opened = await ack("nav_drawdown_limit", "positions checked");
      assert.deepEqual([opened.code, opened.err], [0, ""]);
      assert.match(opened.out, /^nav_drawdown_limit is open again, its baseline begins at \d+/);
      const again = await ack("portfolio_dd_circuit");
      assert.deepEqual([again.code, again.out], [1, ""]);
      assert.match(again.err, /portfolio_dd_circuit is not latched/);
      const { code } = await engine.end("SIGTERM");
      assert.equal(code, 0);
      const rows = await logRows<Record<string, unknown>>(dir, "execution/account_events");
      const told = rows.filter(({ event_type }) => event_type === "operator");
      assert.deepEqual(told.map(({ by, reason, done }) => [by, reason, done]), [
        ["operator", "positions checked", true],
        ["operator", "seen", false],
      ]);
    }),
});

lane("an operator pauses, resumes, flattens and kills a running engine", {
  needs: ["read", "write", "run", "env", "net"],
  run: () =>
    inTempDir(async (dir) => {
      const common = ["--data", dir, "--no-web"];
      const ctl = (order: string, ...flags: string[]) =>
        ballast(["ctl", order, "--data", dir, "--reason", "drill", ...flags]);
      const nobody = await ctl("pause");
      assert.deepEqual([nobody.code, /no engine listens/.test(nobody.err)], [1, true]);
      assert.equal((await ctl("stop")).code, 2, "an order nobody knows");
      const engine = await startBallast(["run", ...common, "--speed", "60"]);
      await listening(dir);
      const state = async () => {
        const held = await surface(dir, "positions_state.json") as { positions: unknown[] };
        const count = held.positions.length;
        return `${(await operatorOf(dir)).state}${count === 0 ? " flat" : ""}`;
      };
      const until = async (wanted: RegExp) => {
        for (let i = 0; i < 200 && !wanted.test(await state()); i++) {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        assert.match(await state(), wanted);
      };
      const said: string[] = [];
      for (const order of ["pause", "resume", "kill", "resume"]) {
        const { out, err, code } = await ctl(order);
        said.push(`${code} ${(out + err).split(":")[0]}`.trim());
      }
      assert.deepEqual(said, [
        "0 paused",
        "0 running",
        "0 killed",
        "1 only what is paused can be resumed",
      ]);
      await until(/^KILLED/);
      const early = await ctl("release");
      // A minute of engine time is a second here: either word may come first.
      if (early.code !== 0) {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        assert.equal((await ctl("release")).code, 0);
      }
      await until(/^PAUSED/);
      const unsure = await ctl("flatten");
      assert.deepEqual([unsure.code, /say --yes/.test(unsure.err)], [2, true]);
      assert.equal((await ctl("flatten", "--yes")).code, 0);
      await until(/^PAUSED flat$/);
      const idle = await connectSilently(`${dir}/logs/state/.control`);
      assert.equal((await ctl("pause")).code, 1, "paused already; the idle one was heard before");
      assert.equal((await engine.end("SIGTERM")).code, 0, "who only listens stops no shutdown");
      assert.equal(await idle.ended, "hung up");
      const again = await nextLife(dir, ["run", ...common, "--speed", "60"]);
      assert.equal(await state(), "PAUSED flat", "a pause outlives the process");
      assert.equal((await again.end("SIGTERM")).code, 0);
    }),
});

Deno.test("the kill switch is thrown by every word but an empty or a negative one", () => {
  const cases: readonly (readonly [given: string | undefined, thrown: boolean])[] = [
    [undefined, false],
    ["", false],
    ["  ", false],
    ["0", false],
    ["false", false],
    ["False", false],
    ["no", false],
    ["NO", false],
    ["off", false],
    [" off ", false],
    ["1", true],
    ["true", true],
    ["TRUE", true],
    ["yes", true],
    ["on", true],
    ["2", true],
    ["-1", true],
    ["00", true],
    ["f", true],
    ["nope", true],
    ["null", true],
    ["disabled", true],
  ];
  for (const [given, thrown] of cases) {
    const get = (name: string) => name === "KILL_SWITCH" ? given : undefined;
    assert.equal(killSwitch(get), thrown, JSON.stringify(given));
  }
});

lane("a start with the kill switch is KILLED, the next without it waits for a human", {
  needs: ["read", "write", "run", "env", "net"],
  run: () =>
    inTempDir(async (dir) => {
      const run = ["run", "--data", dir, "--no-web", "--speed", "600"];
      const once = [...run, "--ticks", "3"];
      const thrown = { KILL_SWITCH: "yes" };
      assert.equal((await ballast(once, { env: thrown })).code, 0);
      const first = await operatorOf(dir);
      assert.deepEqual([first.state, first.by], ["KILLED", "KILL_SWITCH"]);

      const still = await nextLife(dir, run, thrown);
      const { runId: _, ...second } = await operatorOf(dir);
      assert.deepEqual({ ...first, ...second }, first, "it is killed since the first start");
      assert.equal((await still.end("SIGKILL")).code !== 0, true);

      const out = await nextLife(dir, run);
      const paused = await operatorOf(dir);
      assert.deepEqual([paused.state, paused.by], ["PAUSED", "KILL_SWITCH"]);
      assert.equal((await out.end("SIGTERM")).code, 0);
      const opened = (await logRows<Record<string, unknown>>(dir, "execution/orders_executed"))
        .filter(({ reduceOnly }) => reduceOnly === false);
      assert.deepEqual(opened, [], "nothing was opened in any of the three lives");
    }),
});
