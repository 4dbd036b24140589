/**
 * The sink of the loop: a decision is recorded (journal, before any order leaves), then told (logs)
 * and shown (surfaces, at most once per real second plus after a fill). Checkpoints ride along.
 */
import type { Decision, Sink } from "../core/executor.ts";
import type { Memory } from "../core/memory.ts";
import type { Account, StorageFault } from "../core/types.ts";
import { MS_PER_MINUTE, MS_PER_SECOND } from "../core/units.ts";
import { worldOf } from "../core/world.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import type { Engine, Fault } from "./engine.ts";
import { whyOf } from "./files.ts";
import type { Flusher } from "./flush.ts";
import type { Journal } from "./journal.ts";
import { LoopWatch } from "./loop_watch.ts";
import type { Sizes } from "./markets.ts";
import type { Mirror } from "./mirror.ts";
import { type Made, type Reading, Showing } from "./showing.ts";
import { type SurfaceName, SURFACES } from "./surfaces/mod.ts";
import type { Envelope, LoopFacts, RunFacts, SurfaceFact, Treasury } from "./surfaces/surface.ts";
import { iso, SCHEMA_VERSION } from "./surfaces/surface.ts";
import { type Failure, Stages } from "./stages.ts";
import type { Store } from "./store.ts";
import type { NavHistory } from "./nav_history.ts";
import type { Telemetry } from "./telemetry.ts";

const PUBLISH_MS = MS_PER_SECOND;
const CHECKPOINT_MS = MS_PER_MINUTE;
const CHECKPOINT_ROWS = 5_000;

export type PublisherOptions = {
  readonly engine: Engine;
  readonly store: Store;
  readonly flusher: Flusher;
  readonly mirror: Mirror;
  readonly journal: Journal;
  readonly telemetry: Telemetry;
  readonly history: NavHistory;
  readonly checkpointPath: string;
  readonly run: RunFacts;
  readonly treasury: Treasury;
  readonly sizes: Sizes;
  /** Files whose torn last line was cut off when they were opened. */
  readonly tornFiles: readonly string[];
  /** True while something is at stake: paced, paper and live runs are synced, replays are not. */
  readonly durable: () => boolean;
  readonly stopRequested: () => boolean;
  readonly onError: (message: string) => void;
};

export class Publisher implements Sink {
  readonly #options: PublisherOptions;
  readonly #showing: Showing;
  readonly #loop: LoopWatch;
  readonly #stages = new Stages();
  #account: Account | null = null;
  #lastDecision: Decision | null = null;
  /** The memory of the newest tick whose row is on disk: a checkpoint never runs ahead of it. */
  #recorded: Memory;
  #publishedWallMs = 0;
  #checkpointMs = 0;
  #checkpointWallMs = 0;
  #checkpointing: Promise<void> | null = null;
  /** The text of the checkpoint that was written last. */
  #checkpointed: string | null = null;
  /** What the disk refused when it was last tried. */
  readonly #refused: Record<"journal" | "checkpoint" | "logs", StorageFault | null> = {
    journal: null,
    checkpoint: null,
    logs: null,
  };
  #tickStartMs = 0;
  #ended = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#showing = new Showing(options.store, {
      onFault: (message, item) => this.#tell({ stage: "surfaces", message, item }),
    });
    this.#loop = new LoopWatch(options.engine.rules);
    this.#recorded = options.engine.memory;
    this.#checkpointMs = this.#recorded.pulse.nowMs;
  }

  /** Notes the wall time at which a tick began. */
  tickBegins(): void {
    this.#tickStartMs = performance.now();
  }

  /** A sign of life while the loop waits: the same figures with this moment's wall time. */
  beat(): void {
    const wallMs = Date.now();
    if (wallMs - this.#publishedWallMs >= PUBLISH_MS) this.#showLast(wallMs);
  }

  #showLast(wallMs: number, all = false): void {
    const decision = this.#lastDecision;
    if (decision !== null) this.#contain("surfaces", () => this.#show(decision, wallMs, all));
  }

  noteFault({ stage, message }: Fault): void {
    this.#noteFailure({ stage, message });
  }

  /** A step of the engine went well, in so many milliseconds. */
  noteWorked(stage: string, ms: number): void {
    this.#stages.worked(stage, ms);
  }

  #noteFailure(failure: Failure): void {
    this.#stages.failed(failure, this.#options.engine.memory.pulse.nowMs);
  }

  #noteVenue({ seen }: Decision): void {
    const { faults } = seen;
    if (faults.length === 0) this.#stages.worked("venue", null);
    for (const { code, message } of faults) this.#noteFailure({ stage: "venue", code, message });
  }

  /** What cannot be written at the moment; null while everything that has to be kept is kept. */
  get storage(): StorageFault | null {
    const { journal, checkpoint, logs } = this.#refused;
    return journal ?? checkpoint ?? logs ?? this.#options.flusher.fault;
  }

  async record(decision: Decision): Promise<boolean> {
    const { journal, durable } = this.#options;
    if (journal.isFull) await this.#rotate();
    const startMs = performance.now();
    this.#refused.journal = await journal.record(decision, { durable: durable() });
    if (this.#refused.journal !== null) {
      this.#tell({ stage: "journal", message: this.#refused.journal.why });
      return false;
    }
    this.#stages.worked("journal", performance.now() - startMs);
    this.#recorded = decision.memory;
    return true;
  }

  /** A folder that refuses costs a long file, no more: the next tick tries again. */
  async #rotate(): Promise<void> {
    await this.#checkpointing;
    await this.#checkpoint();
    if (this.#refused.checkpoint !== null) return;
    const { journal, durable } = this.#options;
    try {
      await journal.rotate(this.#recorded.pulse, { durable: durable() });
    } catch (error) {
      this.#tell({ stage: "journal", message: messageOf(error) });
    }
  }

  publish(decision: Decision): void {
    const { telemetry, history, run } = this.#options;
    this.#lastDecision = decision;
    if (decision.seen.account.kind === "read") this.#account = decision.seen.account.value;
    const { seq, nowMs } = decision.memory.pulse;
    this.#noteVenue(decision);
    const { runId, env, mode, positionMode, venue } = run;
    const stamp = { seq, nowMs, loggedMs: Date.now(), runId, env, mode, positionMode, venue };
    const { market } = decision.seen;
    this.#refused.logs = null;
    this.#contain("logs", () => {
      const isKept = this.#refused.journal === null;
      telemetry.append(decision.events, stamp, { view: market, isKept });
    }, (error) => {
      this.#refused.logs = { what: "logs", why: whyOf(error) };
    });
    this.#contain("nav_history", () => history.note(decision.memory, market));
    this.#loop.worked(performance.now() - this.#tickStartMs, {
      atMs: nowMs,
      // At full speed nothing waits for a tick.
      speed: this.#options.durable() ? run.speed ?? 1 : null,
    });
    const filled = decision.events.some(({ kind }) => kind === "order_fill");
    const wallMs = Date.now();
    const due = wallMs - this.#publishedWallMs >= PUBLISH_MS;
    if (due || (filled && this.#options.durable())) {
      this.#contain("surfaces", () => this.#show(decision, wallMs));
    }
    this.#checkpointIfDue(decision, wallMs);
  }

  /** The last word of a run: surfaces, checkpoint and logs are on disk when this resolves. */
  async close(): Promise<void> {
    const { journal, telemetry, history, flusher, mirror } = this.#options;
    this.#ended = true;
    this.#showLast(Date.now(), true);
    this.#contain("nav_state", () => mirror.copy());
    await flusher.drain();
    await this.#checkpointing;
    await this.#checkpoint();
    await telemetry.sync();
    await telemetry.swept();
    journal.close();
    telemetry.close();
    await history.close();
  }

  /** What is told may fail; what is traded may not fail with it. A silent page turns BLIND. */
  #contain(stage: string, work: () => void, onRefusal: (error: unknown) => void = () => {}): void {
    this.#stages.run(stage, () => {
      try {
        work();
      } catch (error) {
        this.#tell({ stage, message: messageOf(error) });
        onRefusal(error);
      }
    });
  }

  #tell(failure: Failure): void {
    this.#noteFailure(failure);
    this.#options.onError(`${failure.stage}: ${failure.message}`);
  }

  #show(decision: Decision, wallMs: number, all = false): void {
    this.#publishedWallMs = wallMs;
    const { run, engine, treasury, flusher, sizes } = this.#options;
    const { memory } = decision;
    const { rules, past } = engine;
    const { market } = decision.seen;
    const reading: Reading = {
      memory,
      view: market,
      sizeOf: sizes.seenBy(market),
      rules,
      past,
      world: worldOf(memory, { market, past, rules }),
      account: this.#account,
      run,
      treasury,
    };
    const envelope: Envelope = {
      schema_version: SCHEMA_VERSION,
      updated_ts: iso(memory.pulse.nowMs),
      seq: memory.pulse.seq,
      run_id: run.runId,
      env: run.env,
      writer: "executor",
      wall_ts: iso(wallMs),
      speed: run.speed,
    };
    this.#showing.show(reading, { envelope, loopFacts: () => this.#loopFacts(), all });
    flusher.request();
  }

  #loopFacts(): LoopFacts {
    const { telemetry, mirror, stopRequested } = this.#options;
    return {
      ...this.#loop.figures(this.#options.engine.memory.pulse.nowMs),
      stages: this.#stages.facts,
      faults: this.#stages.errors,
      surfaces: this.#surfaceFacts(),
      nonfiniteCount: this.#showing.nonfiniteCount,
      showing: this.#showing.facts,
      regression: mirror.regression,
      tornFiles: this.#options.tornFiles,
      invalidRowsCount: telemetry.invalidRowsCount,
      stopRequested: stopRequested(),
      ended: this.#ended,
      rssBytes: Deno.memoryUsage().rss,
    };
  }

  #surfaceFacts(): LoopFacts["surfaces"] {
    const { store, flusher } = this.#options;
    const { errors: unmade } = this.#showing;
    const facts: Record<string, SurfaceFact> = {};
    for (const name of Object.keys(SURFACES) as SurfaceName[]) {
      const published = store.get(name);
      if (published === undefined) continue;
      const { seq, updated_ts } = published;
      const error = unmade.get(name as Made) ?? flusher.errors.get(name);
      facts[name] = { seq, updated_ts, ok: error === undefined, ...error && { error } };
    }
    return facts;
  }

  #checkpointIfDue({ memory }: Decision, wallMs: number): void {
    const { journal } = this.#options;
    const { nowMs } = memory.pulse;
    const isRetry = this.#refused.checkpoint !== null;
    const due = (isRetry || nowMs - this.#checkpointMs >= CHECKPOINT_MS) &&
      wallMs - this.#checkpointWallMs >= PUBLISH_MS;
    if (this.#checkpointing !== null || (!due && journal.rowsSinceCheckpoint < CHECKPOINT_ROWS)) {
      return;
    }
    this.#checkpointMs = nowMs;
    this.#checkpointWallMs = wallMs;
    this.#checkpointing = this.#checkpoint().finally(() => {
      this.#checkpointing = null;
    });
  }

  /** A disk that refuses is told, and tried again; nothing is opened meanwhile. */
  async #checkpoint(): Promise<void> {
    const { checkpointPath, journal, telemetry, durable } = this.#options;
    const memory = this.#recorded;
    const startMs = performance.now();
    try {
      // Logs are completed from the journal's rows after the checkpoint: what is older must be safe.
      if (durable()) await telemetry.sync();
      const known = this.#checkpointed;
      this.#checkpointed = await writeCheckpoint(checkpointPath, memory, {
        sync: durable(),
        known,
      });
      this.#refused.checkpoint = null;
      journal.checkpointed();
      this.#stages.worked("checkpoint", performance.now() - startMs);
    } catch (error) {
      this.#refused.checkpoint = { what: "checkpoint", why: whyOf(error) };
      this.#tell({ stage: "checkpoint", message: messageOf(error) });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
