/**
 * A disk that refuses, under a real engine process: nothing new is begun, what is held keeps its
 * exits, the page says so aloud, and when the disk takes bytes again all of it ends by itself with
 * nothing lost.
 */
import assert from "node:assert/strict";
import { type Facts, factsOf, violationsOf } from "./kill/facts.ts";
import { ballast } from "./shell/ballast.ts";
import { REFUSALS } from "./kill/full_disk.ts";
import { settle, startEngine, writeBusyConfig } from "./kill/run.ts";
import { inTempDir, lane, say } from "./lanes.ts";

/** Ten simulated minutes a second: an outage of some seconds is an hour of trading. */
const SPEED = 600;
/** Whatever is waited for is there long before, or it never comes. */
const WAIT_MS = 120_000;
const POLL_MS = 20;
const NEEDS = ["read", "write", "run", "env", "net"] as const;

type Shown = {
  readonly seq: number;
  readonly simMs: number;
  readonly positions: number;
  readonly attention: readonly string[];
  readonly vetoes: number;
  readonly operator: string;
};

class Patient {
  readonly #dir: string;
  readonly #child: Deno.ChildProcess;
  readonly #told: Promise<string>;
  readonly #said: Promise<void>;
  #ended = false;
  readonly #page = Promise.withResolvers<string>();

  constructor(dir: string) {
    this.#dir = dir;
    const args = ["--port", "0", "--speed", String(SPEED)];
    this.#child = startEngine(dir, { args, disk: "full" });
    this.#told = new Response(this.#child.stderr).text();
    this.#said = this.#listen();
  }

  async #listen(): Promise<void> {
    let out = "";
    for await (const part of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      out += part;
      const url = /^page: (http:\S+)/m.exec(out)?.[1];
      if (url !== undefined) this.#page.resolve(url);
    }
    this.#page.reject(new Error(`the engine ended by itself in ${this.#dir}`));
  }

  /** What the page is told at this moment, from the memory of the process. */
  async shown(): Promise<Shown | null> {
    const answer = await fetch(`${await this.#page.promise}api/state/diagnostics`);
    const text = await answer.text();
    if (!answer.ok) return null;
    const diagnostics = JSON.parse(text);
    const { exit_pipeline, attention, veto_counters, operator_state } =
      diagnostics.runtime_diagnostics;
    return {
      seq: diagnostics.seq,
      simMs: Date.parse(diagnostics.updated_ts),
      positions: exit_pipeline.open_positions_count,
      attention: attention.map(({ id }: { id: string }) => id),
      vetoes: veto_counters.by_reason.storage_failing ?? 0,
      operator: operator_state.state,
    };
  }

  /** Waits until the page shows what is asked for. */
  async until(is: (shown: Shown) => boolean): Promise<Shown> {
    let last: Shown | null = null;
    for (let waitedMs = 0; waitedMs < WAIT_MS; waitedMs += POLL_MS) {
      last = await this.shown();
      if (last !== null && is(last)) return last;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    assert.fail(`what was waited for never came; the page shows ${JSON.stringify(last)}`);
  }

  /** Gives a command; what the journal does not take is in force, and that is no success. */
  async order(words: readonly string[], { isKept }: { isKept: boolean }): Promise<void> {
    const given = ["ctl", ...words, "--data", this.#dir, "--reason", "drill"];
    const { code, err } = await ballast(given);
    const isTold = err.startsWith("in force, but not on disk yet");
    assert.deepEqual([code, isTold], isKept ? [0, false] : [1, true], err);
  }

  /** However a test ends, its process ends with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.end("SIGKILL");
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<{ code: number; told: string }> {
    this.#ended = true;
    this.#child.kill(signal);
    const [{ code }, told] = await Promise.all([this.#child.status, this.#told, this.#said]);
    return { code, told };
  }
}

const isFailing = ({ attention }: Shown) => attention.includes("storage_failing");

/** What reached the exchange between two instants: orders that open, and what was closed by whom. */
function traffic({ ledger }: Facts, fromMs: number, toMs: number) {
  const stops = new Set(
    ledger.flatMap((row) => row.k === "order" && row.order.closePosition ? row.order.clientId : []),
  );
  const between = ledger.filter(({ at }) => at > fromMs && at <= toMs);
  const closing = between.flatMap((row) =>
    row.k === "trade" && row.trade.effect === "close" ? [row.trade.clientId] : []
  );
  return {
    opening: between.flatMap((row) =>
      row.k === "order" && row.order.effect === "open" ? [row.order.clientId] : []
    ),
    left: closing.filter((clientId) => !stops.has(clientId)),
    stopped: closing.filter((clientId) => stops.has(clientId)),
  };
}

for (const how of REFUSALS) {
  lane(`${how}: nothing new, exits go on, it is told, and it heals without help`, {
    needs: NEEDS,
    run: () =>
      inTempDir(async (dir) => {
        await writeBusyConfig(`${dir}/config`);
        await using engine = new Patient(dir);
        await engine.until(({ positions }) => positions > 1);
        await Deno.writeTextFile(`${dir}/${how}`, "");
        const from = await engine.until(isFailing);
        assert.ok(from.positions > 0, "something is held when the disk refuses");
        await engine.until(({ vetoes }) => vetoes > from.vetoes);
        await engine.order(["flatten", "--yes"], { isKept: how !== "disk-full" });
        const to = await engine.until(({ positions, operator }) =>
          positions === 0 && operator === "PAUSED"
        );
        assert.ok(isFailing(to), "the disk refuses still");
        await Deno.remove(`${dir}/${how}`);
        const healed = await engine.until((shown) => !isFailing(shown));
        await engine.until(({ seq }) => seq > healed.seq + 5);
        const { code, told } = await engine.end("SIGTERM");
        assert.equal(code, 0, told);
        assert.match(told, how === "disk-full" ? /No space left|full/ : /Read-only/);
        assert.ok(told.split("\n").length < 200, `a disk that refuses is no flood:\n${told}`);
        const facts = await factsOf(dir);
        assert.deepEqual(violationsOf(facts), []);
        assert.equal(facts.memory?.operator.state, "PAUSED", "what was said is remembered");
        const { opening, left, stopped } = traffic(facts, from.simMs, to.simMs);
        assert.deepEqual(opening, [], "no order that opens reached the exchange meanwhile");
        assert.ok(left.length > 0, "legs were closed by orders of the engine, not by stops alone");
        say(
          `${how}: ${to.seq - from.seq} ticks, ${left.length} trades of exits, ` +
            `${stopped.length} of stops, 0 opening orders, ` +
            `${to.vetoes - from.vetoes} signals refused`,
        );
        assert.deepEqual(await settle(dir), []);
      }),
  });
}

lane("disk-full: a process killed over a full disk leaves nothing naked and nothing double", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      await writeBusyConfig(`${dir}/config`);
      await using engine = new Patient(dir);
      await engine.until(({ positions }) => positions > 1);
      await Deno.writeTextFile(`${dir}/disk-full`, "");
      const { positions } = await engine.until(isFailing);
      await engine.order(["kill"], { isKept: false });
      const killed = await engine.until(({ operator }) => operator === "KILLED");
      await engine.until((shown) => shown.positions < positions || shown.seq > killed.seq + 200);
      await engine.end("SIGKILL");
      await Deno.remove(`${dir}/disk-full`);
      assert.deepEqual(await settle(dir), []);
    }),
});
