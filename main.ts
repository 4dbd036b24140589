/**
 * The composition root: the only place that reads arguments and environment and builds the ports.
 * Everything it starts, it stops.
 */
import { effectiveValues, renderCheck } from "./config/check.ts";
import {
  type AckFlags,
  type CtlFlags,
  dispatch,
  type RejudgeFlags,
  type ReplayFlags,
  type RunFlags,
} from "./config/commands.ts";
import { killSwitch, refuseEnvironment, resolveMode } from "./config/environment.ts";
import { initConfig } from "./config/init.ts";
import { buildRules, framesOf, recordedConfig, treasuryOf } from "./config/load.ts";
import { type Read, readConfig } from "./config/locate.ts";
import { levelsOf, positionsOn, readPositions } from "./config/positions.ts";
import { Refusal } from "./core/assert.ts";
import type { AckSubject, OperatorOrder, StateOrder } from "./core/operator.ts";
import { digest } from "./core/ids.ts";
import { bucketOf } from "./core/router/rules.ts";
import type { Feed } from "./core/venues/feed.ts";
import { SyntheticFeed } from "./core/venues/feed_synthetic.ts";
import type { Recovered } from "./core/venues/sim_state.ts";
import deno from "./deno.json" with { type: "json" };
import { readCandleFeed } from "./state/candles.ts";
import { tellEngine } from "./state/control.ts";
import { MS_PER_DAY } from "./core/units.ts";
import { isThere } from "./state/files.ts";
import { layoutOf, makeFolders, moveAside } from "./state/layout.ts";
import { takeLock } from "./state/lock.ts";
import { Pacer } from "./state/pacer.ts";
import { ProgressBar } from "./state/progress.ts";
import { judgementJson, renderJudgement } from "./state/judgement.ts";
import { rejudge, type RulesOf } from "./state/rejudge.ts";
import { renderReport, Tally } from "./state/report.ts";
import { runSession, type SessionOptions } from "./state/session.ts";
import { untilSignal } from "./state/signals.ts";
import { readStatus } from "./state/status.ts";
import { servePage } from "./web/server.tsx";

const EXIT = { ok: 0, dead: 1, usage: 2, busy: 3 } as const;
const ROOT = import.meta.dirname!;
const BUILT_IN_CONFIG = `${ROOT}/config`;

function out(text: string): void {
  writeAll(Deno.stdout, text);
}

function err(text: string): void {
  writeAll(Deno.stderr, text);
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  let written = 0;
  while (written < bytes.length) written += to.writeSync(bytes.subarray(written));
}

function configOf({ config: given }: { readonly config?: string }): Promise<Read> {
  const besideBinary = Deno.build.standalone
    ? `${Deno.execPath().replace(/\/[^/]*$/, "")}/config`
    : null;
  return readConfig({ given, besideBinary, builtIn: BUILT_IN_CONFIG });
}

type Play = {
  readonly read: Read;
  readonly data: string;
  readonly candles: string | undefined;
  readonly universe: "config" | "all";
  readonly positions: string | undefined;
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly seed: number;
  readonly speed: number;
  readonly replay: boolean;
  readonly record: boolean | undefined;
};

/** What a simulated run and a replay have in common: feed, rules, exchange. */
async function prepare(play: Play): Promise<
  Omit<SessionOptions, "stop" | "onTick" | "onNote" | "serve" | "pacerFor">
> {
  const { read, seed, candles } = play;
  const runtime = read.config.files["runtime.yaml"];
  const recorded = candles === undefined ? null : await readCandleFeed(candles, play);
  const book = play.positions === undefined ? {} : await readPositions(play.positions);
  const { files, inputs } = read.config;
  const given = levelsOf(book);
  const { universe } = play;
  return {
    layout: layoutOf(play.data),
    makeFeed: (recovered) => recorded ?? syntheticFeed(recovered, seed, runtime.sim.history_days),
    rulesFor: ({ baseMs, tickers }) =>
      buildRules(read.config, { baseMs, tickers, universe, given }),
    framesMs: framesOf(read.config),
    exchange: {
      seed,
      latencyMs: runtime.sim.latency_ms,
      makerBps: runtime.fees.maker_bps,
      takerBps: runtime.fees.taker_bps,
      positionMode: runtime.position_mode,
    },
    genericBucket: bucketOf(files["liquidity_buckets.json"], ""),
    startEquityUsd: runtime.sim.start_equity_usd,
    positionsFor: (feed) => {
      const { positions, problems } = positionsOn(feed, book);
      if (problems.length === 0) return positions;
      throw new Refusal(problems.map((text) => `${play.positions}: ${text}`).join("\n"));
    },
    facts: await processFacts(play, read),
    treasury: treasuryOf(read.config),
    replay: play.replay,
    killed: killSwitch(Deno.env.get),
    retention: {
      keepMs: runtime.logs.keep_days * MS_PER_DAY,
      keepBytes: runtime.logs.keep_mb * 1_000_000,
    },
    recording: play.record ?? runtime.recording ? { config: inputs, universe, given } : null,
  };
}

async function processFacts(
  { speed }: Play,
  { hash, config }: Read,
): Promise<SessionOptions["facts"]> {
  const startedWallMs = Date.now();
  return {
    runId: `r-${digest([startedWallMs, Deno.pid, Deno.hostname()], 8)}`,
    env: "sim",
    mode: "sim",
    speed,
    positionMode: config.files["runtime.yaml"].position_mode,
    startedWallMs,
    version: deno.version,
    commit: await commit(),
    deno: Deno.version.deno,
    target: Deno.build.target,
    hostname: Deno.hostname(),
    pid: Deno.pid,
    configHash: hash,
  };
}

function syntheticFeed(recovered: Recovered | null, seed: number, historyDays: number): Feed {
  const anchors = recovered?.anchors ?? [];
  return new SyntheticFeed({ seed, historyDays, anchors, nowMs: recovered?.state.nowMs ?? null });
}

async function runCommand(flags: RunFlags): Promise<number> {
  refuseEnvironment(Deno.env.get);
  const read = await configOf(flags);
  resolveMode(flags.mode, read);
  const { sim } = read.config.files["runtime.yaml"];
  const play: Play = {
    read,
    data: flags.data,
    candles: flags.candles,
    universe: flags.universe ?? "config",
    positions: flags.positions,
    fromMs: null,
    toMs: null,
    seed: flags.seed ?? sim.seed,
    speed: flags.speed ?? sim.speed,
    replay: false,
    record: flags.record,
  };
  const session = await prepare(play);
  return await locked(session, () =>
    untilSignal(async (signal) => {
      let ticks = 0;
      const enough = () => flags.ticks !== undefined && ticks >= flags.ticks;
      out(`ballast ${deno.version}, config: ${read.source}, data: ${session.layout.root}\n`);
      const end = await runSession({
        ...session,
        // Recorded candles have no warm-up: every one of them is part of what is played.
        pacerFor: (feed, onBeat) =>
          new Pacer({
            speed: play.speed,
            fromMs: flags.candles === undefined ? feed.startMs + sim.warmup_hours : feed.startMs,
            signal,
            onBeat,
          }),
        stop: () => signal.aborted || enough(),
        onTick: () => void (ticks += 1),
        onNote: (note) => err(`${note}\n`),
        serve: async (store, run) => {
          if (!flags.web) return () => Promise.resolve();
          const { host, port } = flags;
          const web = await servePage({
            store,
            run,
            host,
            port,
            assets: `${ROOT}/web`,
            onFault: (fault) => err(`page: ${fault}\n`),
          });
          out(`page: http://${host}:${web.port}/  (simulation, ${speedText(play.speed)})\n`);
          return web.stop;
        },
      });
      const { nowMs, seq } = end.memory.pulse;
      out(`stopped after tick ${seq} at ${new Date(nowMs).toISOString()} engine time\n`);
      return end.code;
    }));
}

async function replayCommand(flags: ReplayFlags): Promise<number> {
  refuseEnvironment(Deno.env.get);
  const read = await configOf(flags);
  const play: Play = {
    read,
    data: flags.data,
    candles: flags.candles,
    universe: flags.universe ?? "config",
    positions: flags.positions,
    fromMs: flags.from ?? null,
    toMs: flags.to ?? null,
    seed: flags.seed ?? read.config.files["runtime.yaml"].sim.seed,
    speed: 0,
    replay: true,
    record: flags.record,
  };
  const session = await prepare(play);
  return await locked(session, () =>
    untilSignal(async (signal) => {
      const { layout } = session;
      if (await isThere(layout.journal)) {
        if (!flags.fresh) {
          err(`${layout.root} has a journal already: use another --data, or --fresh\n`);
          return EXIT.usage;
        }
        out(flags.json ? "" : `old logs moved to ${await moveAside(layout)}\n`);
        await makeFolders(layout);
      }
      const tally = new Tally();
      const bar = new ProgressBar(Deno.stderr.isTerminal() ? err : null);
      const startedMs = performance.now();
      let feedEndMs = 0;
      const end = await runSession({
        ...session,
        makeFeed: (recovered) => {
          const feed = session.makeFeed(recovered);
          feedEndMs = feed.endMs ?? 0;
          return feed;
        },
        pacerFor: (_feed, onBeat) => new Pacer({ speed: 0, fromMs: 0, signal, onBeat }),
        stop: () => signal.aborted,
        onTick: (decision) => {
          tally.count(decision);
          bar.show(decision.memory.startedMs, decision.memory.pulse.nowMs, feedEndMs);
        },
        onNote: (note) => err(`${note}\n`),
        serve: () => Promise.resolve(() => Promise.resolve()),
      });
      bar.clear();
      const report = tally.report({
        memory: end.memory,
        feed: end.feed,
        wallMs: performance.now() - startedMs,
        framesMs: session.framesMs,
        complete: !signal.aborted,
      });
      out(flags.json ? `${JSON.stringify(report, null, 2)}\n` : renderReport(report));
      return end.code;
    }));
}

/** Decides again what was recorded, under the configuration it was recorded with or another one. */
async function rejudgeCommand(flags: RejudgeFlags): Promise<number> {
  const other = flags.config === undefined ? null : (await configOf(flags)).config;
  const rulesOf: RulesOf = ({ terms, baseMs, tickers }) => {
    const config = other ?? recordedConfig(terms.config);
    const { universe, given } = terms;
    const rules = buildRules(config, { baseMs, tickers, universe, given });
    return { rules, framesMs: framesOf(config) };
  };
  const judgement = await rejudge(layoutOf(flags.journal), rulesOf);
  const json = () => `${JSON.stringify(judgementJson(judgement), null, 2)}\n`;
  out(flags.json ? json() : renderJudgement(judgement));
  return judgement.difference === null ? EXIT.ok : EXIT.dead;
}

/** Runs with the data directory's lock held, and turns refusals into exit codes. */
async function locked(
  { layout, facts }: Pick<SessionOptions, "layout" | "facts">,
  work: () => Promise<number>,
): Promise<number> {
  await makeFolders(layout);
  const lock = takeLock(layout.lock, facts.runId);
  if (lock.kind === "busy") {
    err(`${layout.root} is in use by process ${lock.holderPid}\n`);
    return EXIT.busy;
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

async function checkCommand(flags: { config?: string; json: boolean }): Promise<number> {
  const { config, source } = await configOf(flags);
  const values = effectiveValues(config);
  out(
    flags.json
      ? `${JSON.stringify(values, null, 2)}\n`
      : `${renderCheck(values)}\n\n${source}: ${values.length} values, no problems\n`,
  );
  return EXIT.ok;
}

async function initCommand(dir: string, flags: { force: boolean }): Promise<number> {
  const result = await initConfig(dir, { defaults: BUILT_IN_CONFIG, force: flags.force });
  if (result.kind === "exists") {
    err(`nothing written, these exist already (--force overwrites):\n${result.paths.join("\n")}\n`);
    return EXIT.usage;
  }
  out(`${result.paths.join("\n")}\n`);
  return EXIT.ok;
}

async function statusCommand(flags: { data: string; json: boolean }): Promise<number> {
  const status = await readStatus(layoutOf(flags.data).state, Date.now());
  out(flags.json ? `${JSON.stringify(status.json, null, 2)}\n` : status.text);
  return status.isWell ? EXIT.ok : EXIT.dead;
}

function ackCommand(what: AckSubject, flags: AckFlags): Promise<number> {
  return tell({ kind: "ack", what }, flags);
}

async function ctlCommand(kind: StateOrder, flags: CtlFlags): Promise<number> {
  if (kind === "flatten" && !flags.yes) {
    err("flatten closes every position at market: say --yes if that is meant\n");
    return EXIT.usage;
  }
  return await tell({ kind }, flags);
}

async function tell(order: OperatorOrder, { data, by, reason }: AckFlags): Promise<number> {
  const { control, root } = layoutOf(data);
  const answer = await tellEngine(control, { by, reason, order });
  if (answer === null) {
    err(`no engine listens in ${root}: start it, then say it again\n`);
    return EXIT.dead;
  }
  (answer.done ? out : err)(`${answer.note}\n`);
  return answer.done ? EXIT.ok : EXIT.dead;
}

function speedText(speed: number): string {
  return speed === 0 ? "as fast as possible" : `${speed} simulated seconds a second`;
}

/** The commit the build was made from; null when nobody noted it. */
async function commit(): Promise<string | null> {
  const text = await Deno.readTextFile(`${ROOT}/web/dist/commit.txt`).catch(() => "");
  return text.trim() || null;
}

async function main(): Promise<number> {
  const version = `ballast ${deno.version}, commit ${await commit() ?? "unknown"}, ` +
    `Deno ${Deno.version.deno}`;
  try {
    return await dispatch(Deno.args, {
      run: runCommand,
      replay: replayCommand,
      rejudge: rejudgeCommand,
      check: checkCommand,
      init: initCommand,
      status: statusCommand,
      ack: ackCommand,
      ctl: ctlCommand,
    }, { version, out, err });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    err(`${error.message}\n`);
    return EXIT.usage;
  }
}

if (import.meta.main) Deno.exit(await main());
