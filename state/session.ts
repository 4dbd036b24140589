/**
 * One run of the engine over one data directory: recovers, wires engine, venue and sink, runs the
 * loop, and leaves everything on disk. Start-up is recovery: a first start recovers from nothing.
 */
import { type Decision, run, type Sink } from "../core/executor.ts";
import type { Memory } from "../core/memory.ts";
import { Past } from "../core/past.ts";
import { diff } from "../core/patch.ts";
import type { Bucket } from "../core/router/rules.ts";
import type { Rules } from "../core/rules.ts";
import type { Feed } from "../core/venues/feed.ts";
import { SimVenue } from "../core/venues/sim.ts";
import type { ExchangeRules } from "../core/venues/sim_desk.ts";
import type { Recovered, SimPosition } from "../core/venues/sim_state.ts";
import { Complaints } from "./complaints.ts";
import { Control } from "./control.ts";
import { Engine, type Fault } from "./engine.ts";
import { syncFolder, type Torn } from "./files.ts";
import { Flusher } from "./flush.ts";
import { Journal } from "./journal.ts";
import type { Layout } from "./layout.ts";
import { Mirror } from "./mirror.ts";
import { openDirectory, type Opened } from "./open.ts";
import type { Pacer } from "./pacer.ts";
import { Publisher } from "./publish.ts";
import { Recorder, type Terms } from "./recorder.ts";
import { keepsFailing, noteRun } from "./runs.ts";
import { Store } from "./store.ts";
import { iso, type RunFacts, type Treasury } from "./surfaces/surface.ts";
import { infeasible } from "../core/feasible.ts";
import type { MarketView, Observation } from "../core/ports.ts";
import type { Ticker } from "../core/types.ts";
import { wakeOf } from "../core/wake.ts";
import { NavHistory } from "./nav_history.ts";
import { NavSeries } from "./nav_series.ts";
import type { Retention } from "./retention.ts";
import { Telemetry } from "./telemetry.ts";
import { VenueLedger } from "./venue_ledger.ts";

export const EXIT_OK = 0;
export const EXIT_ASSERTION = 70;
const MIRROR_MS = 20_000;

export type SessionOptions = {
  readonly layout: Layout;
  /** Builds the feed; `recovered` tells where an earlier process stood. */
  readonly makeFeed: (recovered: Recovered | null) => Feed;
  readonly rulesFor: (feed: Feed) => Rules;
  readonly framesMs: readonly number[];
  readonly exchange: Omit<ExchangeRules, "bucketOf">;
  /** The liquidity of symbols that no rule names. */
  readonly genericBucket: Bucket;
  readonly startEquityUsd: number;
  /** Positions the simulated exchange begins with. */
  readonly positionsFor: (feed: Feed) => readonly SimPosition[];
  readonly facts: Omit<RunFacts, "venue" | "feed" | "startedMs" | "notes">;
  readonly treasury: Treasury;
  readonly pacerFor: (feed: Feed, onBeat: () => void) => Pacer;
  /** True for replays: nothing is at stake, speed is all, nothing is synced. */
  readonly replay: boolean;
  readonly killed: boolean;
  /** What is kept of the execution logs' older files. */
  readonly retention: Retention;
  /** What the rules were made from, where every decision is to be recorded; else null. */
  readonly recording: Terms | null;
  readonly stop: () => boolean;
  readonly onTick: (decision: Decision) => void;
  readonly onNote: (note: string) => void;
  /** Called when the store is there; gives back how to stop what was started. */
  readonly serve: (store: Store, run: RunFacts) => Promise<() => Promise<void>>;
};

export type SessionEnd = {
  readonly code: number;
  readonly memory: Memory;
  readonly feed: Feed;
  readonly venue: SimVenue;
};

type Parts = Opened & {
  readonly facts: RunFacts;
  readonly store: Store;
  readonly engine: Engine;
  readonly venue: SimVenue;
  readonly ledger: VenueLedger;
  readonly mirror: Mirror;
  readonly publisher: Publisher;
  readonly recorder: Recorder | null;
};

/** Runs until the feed ends or `stop` says so. The caller holds the lock. */
export async function runSession(options: SessionOptions): Promise<SessionEnd> {
  const parts = await wire(options);
  const { engine, venue, mirror, publisher, ledger, recovered, facts, feed, recorder } = parts;
  let [code, reason] = [EXIT_OK, "stopped"];
  let stopServing: (() => Promise<void>) | null = null;
  let control: Control | null = null;
  try {
    stopServing = await options.serve(parts.store, facts);
    control = options.replay ? null : await openControl(options);
    mirror.start(MIRROR_MS);
    const decide: Parameters<typeof run>[0] = (seen) => {
      publisher.tickBegins();
      const host = { said: control?.take() ?? [], storage: publisher.storage };
      const judge = (watched: Observation) => engine.decide(watched, host);
      const decision = recorder?.decide(seen, host, judge) ?? judge(seen);
      options.onTick(decision);
      return decision;
    };
    const resume = recovered?.clean ? wakeOf(engine.memory) : null;
    const sink: Sink = {
      record: async (decision) => {
        const isKept = await publisher.record(decision);
        control?.answer(decision.events, { isKept });
        return isKept;
      },
      publish: (decision) => publisher.publish(decision),
    };
    await run(decide, { venue, sink, stop: options.stop, resume });
    venue.close();
  } catch (error) {
    if (stopServing === null) throw error;
    // An impossible state, or a journal that cannot be written: no order may leave any more.
    [code, reason] = [EXIT_ASSERTION, error instanceof Error ? error.message : String(error)];
    options.onNote(`stopping, as trading on would be wrong: ${reason}`);
  } finally {
    await control?.close();
    mirror.stop();
    await publisher.close().catch((error) => {
      [code, reason] = [EXIT_ASSERTION, `last flush: ${String(error)}`];
      options.onNote(reason);
    });
    ledger.close();
    recorder?.close({ inOrder: code === EXIT_OK });
    await stopServing?.();
    const ts = iso(Date.now());
    noteRun(options.layout.engineLog, { ts, event: "stop", run_id: facts.runId, code, reason });
  }
  return { code, memory: engine.memory, feed, venue };
}

/** An engine nobody can talk to still trades: that it cannot hear is told, and no more. */
async function openControl({ layout, onNote }: SessionOptions): Promise<Control | null> {
  try {
    return await Control.open(layout.control);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    onNote(`commands cannot be heard at ${layout.control}: ${why}`);
    return null;
  }
}

const SYMBOLS_TOLD_MAX = 5;

/** A word about symbols that no order could pass for, before their first signal. */
function feasibilityNotes(
  { feed, rules, memory }: Pick<
    Awaited<ReturnType<typeof openDirectory>>,
    "feed" | "rules" | "memory"
  >,
  startUsd: number,
): readonly string[] {
  const { nowMs } = memory.pulse;
  const navUsd = memory.nav.level?.navUsd ?? startUsd;
  const lastOf = (ticker: Ticker) => feed.closed(ticker, nowMs - 2 * feed.baseMs, nowMs).at(-1);
  const view: MarketView = {
    tickers: feed.tickers,
    market: (ticker) => feed.market(ticker),
    mark: (ticker) => {
      const last = lastOf(ticker);
      return last === undefined ? null : { px: last.close, atMs: nowMs };
    },
    book: () => null,
  };
  const found = infeasible({ nowMs, navUsd, view, rules, baseMs: feed.baseMs });
  if (found.length === 0) return [];
  const told = found.slice(0, SYMBOLS_TOLD_MAX).map(({ ticker, smallestUsd }) =>
    `${ticker} (${smallestUsd})`
  );
  const more = found.length > told.length ? ` and ${found.length - told.length} more` : "";
  return [
    `at a NAV of ${navUsd.toFixed(2)} the limits leave less than the smallest order of ${
      told.join(", ")
    }${more}: no entry can pass`,
  ];
}

async function wire(options: SessionOptions): Promise<Parts> {
  const { layout, replay, stop, treasury } = options;
  const opened = await openDirectory(options);
  const { feed, rules, memory, told, rows, lineage, recovered, state, gap, kept } = opened;
  const complaints = new Complaints(options.onNote);
  const onError = (message: string) => complaints.tell(`write failed: ${message}`, Date.now());
  const { journal, ledger, telemetry, torn } = await openLogs(options, { told, onError });
  const notes = [
    ...opened.notes,
    ...torn.map(tornNote),
    ...feasibilityNotes(opened, options.startEquityUsd),
  ];
  for (const note of notes) options.onNote(note);
  const facts: RunFacts = {
    ...options.facts,
    venue: "sim",
    feed: feed.id,
    startedMs: memory.pulse.nowMs,
    notes,
  };
  const protectOnly = await keepsFailing(layout.engineLog, Date.now(), EXIT_ASSERTION);
  if (protectOnly) options.onNote("the last runs ended in assertion failures: protecting only");
  noteStart(layout, facts, rows.length);

  const store = new Store(kept);
  const flusher = new Flusher({ store, folder: layout.state, sync: !replay, onError, kept });
  const { mirror, curve } = await openMirror(layout, opened, { store, flusher, onError });
  const onFault = (fault: Fault) => {
    publisher.noteFault(fault);
    options.onNote(`fault in ${fault.stage} at tick ${fault.seq}: ${fault.message}`);
  };
  const { runId, env, mode, positionMode, venue: venueName } = facts;
  const about = { runId, env, mode, positionMode, venue: venueName, markets: feed };
  const loggedMs = Date.now();
  await telemetry.complete(rows, { afterSeq: opened.checkpointSeq, loggedMs, ...about });
  const past = new Past({ baseMs: feed.baseMs, framesMs: options.framesMs, rules });
  const onWorked = (stage: string, ms: number) => publisher.noteWorked(stage, ms);
  const engine = new Engine({ memory, rules, past, protectOnly, onFault, onWorked });
  const pacer = options.pacerFor(feed, () => publisher.beat());
  const publisher: Publisher = new Publisher({
    engine,
    store,
    flusher,
    mirror,
    journal,
    telemetry,
    tornFiles: torn.map(({ path }) => path),
    history: new NavHistory(layout.execution, { onError, onRow: (row) => curve.add(row) }),
    checkpointPath: layout.checkpoint,
    run: facts,
    treasury,
    sizes: opened.sizes,
    durable: () => !replay && pacer.paced,
    stopRequested: stop,
    onError,
  });
  if (recovered === null) ledger.append([opened.genesis]);
  const venue = new SimVenue({
    feed,
    rules: { ...options.exchange, bucketOf: opened.bucketOf },
    state,
    lineage,
    ledger,
    gap,
    pace: (ms) => pacer.pace(ms),
  });
  const recorder = await openRecorder(options, { ...opened, protectOnly });
  return { ...opened, facts, store, engine, venue, ledger, mirror, publisher, recorder };
}

/** The mirror with the curve it shows, taken up where an earlier process left them. */
async function openMirror(
  { execution }: Layout,
  { navState }: Opened,
  { store, flusher, onError }: {
    store: Store;
    flusher: Flusher;
    onError: (message: string) => void;
  },
): Promise<{ mirror: Mirror; curve: NavSeries }> {
  const curve = new NavSeries();
  await curve.seed(execution);
  const historyOf = () => curve.points;
  const mirror = new Mirror(store, { historyOf, onWrite: () => flusher.request(), onError });
  if (navState !== null) mirror.remember(navState);
  return { mirror, curve };
}

async function openRecorder(
  { layout, facts, recording: terms, onNote }: SessionOptions,
  { feed, memory, told, protectOnly }: Pick<Opened, "feed" | "memory" | "told"> & {
    protectOnly: boolean;
  },
): Promise<Recorder | null> {
  if (terms === null) return null;
  const { version, commit, configHash } = facts;
  const { id, baseMs, tickers } = feed;
  const by = { version, commit, configHash, feed: id };
  return await Recorder.open(
    layout.recording,
    { ...by, terms, baseMs, tickers, protectOnly, memory, untold: diff(memory, told) },
    onNote,
  );
}

function tornNote({ path, bytes }: Torn): string {
  return `the end of ${path} was torn: its last ${bytes} bytes never happened and are cut off`;
}

/** The files that are appended to, and what a crash had torn of them. */
async function openLogs(
  { layout, replay, retention }: SessionOptions,
  { told, onError }: {
    told: Memory;
    onError: (message: string) => void;
  },
) {
  const journal = new Journal(layout.journal, told);
  const ledger = new VenueLedger(layout.venueLedger, { onError });
  const telemetry = new Telemetry(layout.execution, { onError, retention });
  const torn = [journal.torn, ledger.torn, ...telemetry.torn].filter((one) => one !== null);
  // What a power failure takes the name of is lost, however well it was synced.
  if (!replay) { for (const folder of [layout.execution, layout.sim]) await syncFolder(folder); }
  return { journal, ledger, telemetry, torn };
}

function noteStart(layout: Layout, facts: RunFacts, rows: number): void {
  noteRun(layout.engineLog, {
    ts: iso(facts.startedWallMs),
    event: "start",
    run_id: facts.runId,
    pid: facts.pid,
    host: facts.hostname,
    version: facts.version,
    mode: facts.mode,
    feed: facts.feed,
    config_hash: facts.configHash,
    recovered_rows: rows,
    notes: facts.notes,
  });
}
