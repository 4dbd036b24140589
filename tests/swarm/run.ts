/**
 * One seeded run of the real engine against the real simulated exchange with faults in between and
 * kills between any two steps of the loop. Everything is in memory; facts come from the exchange's
 * ledger. `deno task swarm --seeds N --hours H` runs many.
 */
import { buildRules, type Config, framesOf } from "../../config/load.ts";
import { type Decision, withoutRisk } from "../../core/executor.ts";
import { digest } from "../../core/ids.ts";
import { ACKNOWLEDGEABLE } from "../../core/drawdown.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import type { OperatorCommand, StateOrder } from "../../core/operator.ts";
import { atStart } from "../../core/phase.ts";
import { Past } from "../../core/past.ts";
import { applyPatch } from "../../core/patch.ts";
import type { Command, Observation } from "../../core/ports.ts";
import { wakeOf } from "../../core/wake.ts";
import type { Rules } from "../../core/rules.ts";
import type { StorageFault } from "../../core/types.ts";
import { chance } from "../../core/venues/chance.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState, type LedgerRow, type SimPosition } from "../../core/venues/sim_state.ts";
import { Engine, type Fault } from "../../state/engine.ts";
import { type JournalRow, journalRow } from "../../state/journal.ts";
import {
  type CheckerName,
  CHECKERS,
  type CheckerState,
  closesOf,
  freshCheckerState,
} from "./checkers.ts";
import { drawWindows, type FaultKind, FaultyVenue } from "./faults.ts";

const ACK_CHANCE = 1 / 150;
/** In every so many runs the operator pauses, flattens, kills, and mostly resumes. */
const RESTLESS_EVERY = 5;
const RESTLESS: readonly StateOrder[] = [
  "pause",
  "flatten",
  "kill",
  "release",
  "release",
  "resume",
  "resume",
  "resume",
];
const KILL_CHANCE = 1 / 400;
const CALM_MS = 120_000;
const HISTORY_DAYS = 7;
/** Runs begin an hour before funding is due. */
const START_AFTER_MS = 7 * 3_600_000;
const EQUITY_USD = 25_000;

export const KILL_STEPS = ["before_record", "before_submit", "before_publish", "in_wait"] as const;
export type KillStep = (typeof KILL_STEPS)[number];

const DISK_FULL: StorageFault = { what: "journal", why: "full" };

/** What one tick was: the checkers look at nothing else. */
export type Tick = {
  readonly seed: number;
  readonly before: Memory;
  readonly memory: Memory;
  readonly seen: Observation;
  readonly decision: Decision;
  readonly row: JournalRow | null;
  /** False: the disk refused the row. */
  readonly isKept: boolean;
  /** True: the process died before any command left. */
  readonly isCut: boolean;
  /** Commands that left after the row had been recorded. */
  readonly submitted: readonly Command[];
  readonly ledger: readonly LedgerRow[];
  readonly venue: SimVenue;
  readonly rules: Rules;
  readonly past: Past;
  readonly faultActive: boolean;
  /** True in the last phase: faults are over and everything has had time to settle. */
  readonly settled: boolean;
  readonly engineFaults: readonly Fault[];
};

export type RunResult = {
  readonly seed: number;
  readonly ticks: number;
  readonly fills: number;
  /** Closes that left although the disk had refused their row; no stops among them. */
  readonly unkeptCloses: number;
  readonly kills: Readonly<Record<KillStep, number>>;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly rows: readonly JournalRow[];
  readonly violations: readonly string[];
  readonly memory: Memory;
  readonly vetoes: Readonly<Record<string, number>>;
  readonly exits: Readonly<Record<string, number>>;
};

export type RunOptions = {
  readonly seed: number;
  readonly hours: number;
  readonly config: Config;
  readonly faults?: boolean;
  readonly kills?: boolean;
  /** Changes a tick before the checkers see it: how a checker is shown to work. */
  readonly plant?: (tick: Tick) => Tick;
  /** The run ends when this checker fires; what the others say of a planted fault is not told. */
  readonly watched?: CheckerName;
};

/** Plays one seed and gives back every violation of every checker. */
export async function playSeed(options: RunOptions): Promise<RunResult> {
  const run = new SeededRun(options);
  while (await run.tick());
  return run.result();
}

class SeededRun {
  readonly #options: RunOptions;
  readonly #rules: Rules;
  readonly #venue: SimVenue;
  readonly #faulty: FaultyVenue;
  readonly #endMs: number;
  readonly #ledger: LedgerRow[] = [];
  readonly #rows: JournalRow[] = [];
  /** Rows that the disk has not taken yet. No process is killed over them: they would be lost. */
  readonly #owed: JournalRow[] = [];
  readonly #violations: string[] = [];
  readonly #engineFaults: Fault[] = [];
  readonly #killed: Record<KillStep, number>;
  #engine: Engine;
  /** What a start would remember: the recorded rows, folded. */
  #folded: Memory;
  #state: CheckerState = freshCheckerState();
  readonly #fired = new Set<CheckerName>();
  #ticks = 0;
  #fills = 0;
  #unkeptCloses = 0;
  #ledgerSeen = 0;
  #lastFaultMs: number;

  constructor(options: RunOptions) {
    const { seed, hours, config, faults = true } = options;
    const feed = new SyntheticFeed({ seed, historyDays: HISTORY_DAYS, anchors: [], nowMs: null });
    const { baseMs, tickers } = feed;
    const startMs = feed.startMs + START_AFTER_MS;
    const lineage = digest([feed.id, seed], 6);
    this.#options = options;
    this.#rules = buildRules(config, { baseMs, tickers, universe: "config" });
    this.#venue = this.#openVenue(feed, lineage);
    this.#endMs = startMs + hours * 3_600_000;
    const span = { fromMs: startMs, toMs: this.#endMs - CALM_MS * 3 };
    this.#faulty = new FaultyVenue(this.#venue, faults ? drawWindows(seed, span) : [], seed);
    this.#folded = blankMemory(lineage, startMs);
    this.#engine = this.#startEngine(baseMs);
    this.#killed = Object.fromEntries(KILL_STEPS.map((step) => [step, 0])) as Record<
      KillStep,
      number
    >;
    this.#lastFaultMs = startMs;
  }

  /** One tick, killed or not; false when the run is over. */
  async tick(): Promise<boolean> {
    if (this.#nowMs() >= this.#endMs || this.#violations.length > 0) return false;
    this.#ticks += 1;
    const seen = await this.#faulty.observe();
    if (seen === null) return false;
    if (this.#faulty.active(seen.nowMs)) this.#lastFaultMs = seen.nowMs;
    const storage = this.#owed.length > 0 ? DISK_FULL : null;
    const decision = this.#engine.decide(seen, { said: this.#said(), storage });
    if (this.#dies("before_record")) return true;
    const row = this.#record(decision);
    const isKept = this.#owed.length === 0;
    // A tick that was recorded happened, even if the process dies before its commands leave.
    const cut = this.#draws("before_submit");
    const leaving = isKept ? decision.commands : withoutRisk(decision.commands);
    if (!cut) await this.#faulty.submit(leaving);
    if (!isKept) {
      this.#unkeptCloses += closesOf(leaving).filter(({ closePosition }) => !closePosition).length;
    }
    this.#look(seen, decision, { row, isKept, isCut: cut, submitted: cut ? [] : leaving });
    if (cut) this.#kill("before_submit");
    if (cut || this.#dies("before_publish")) return true;
    await this.#faulty.wait(wakeOf(decision.memory));
    this.#dies("in_wait");
    return true;
  }

  result(): RunResult {
    const { memory } = this.#engine;
    return {
      seed: this.#options.seed,
      ticks: this.#ticks,
      fills: this.#fills,
      unkeptCloses: this.#unkeptCloses,
      kills: this.#killed,
      faults: this.#faulty.counts,
      rows: this.#rows,
      violations: this.#violations,
      memory,
      vetoes: memory.counters.byReason,
      exits: memory.counters.exitsByReason,
    };
  }

  #openVenue(feed: SyntheticFeed, lineage: string): SimVenue {
    const { seed } = this.#options;
    return new SimVenue({
      feed,
      rules: {
        seed,
        latencyMs: 60,
        makerBps: 2,
        takerBps: 5,
        positionMode: chance(seed, 5) < 0.5 ? "hedge" : "one_way",
        bucketOf: (ticker) => this.#rules.buckets[ticker]!,
      },
      state: blankState({
        nowMs: feed.startMs + START_AFTER_MS,
        walletUsd: EQUITY_USD,
        positions: givenBook(seed, feed),
      }),
      lineage,
      ledger: { append: (rows) => void this.#ledger.push(...rows), rotate: () => {} },
      gap: false,
      pace: () => Promise.resolve(),
    });
  }

  #startEngine(baseMs: number): Engine {
    return new Engine({
      memory: atStart(this.#folded),
      rules: this.#rules,
      past: new Past({
        baseMs,
        framesMs: framesOf(this.#options.config),
        rules: this.#rules,
      }),
      protectOnly: false,
      onFault: (fault) => void this.#engineFaults.push(fault),
    });
  }

  #record(decision: Decision): JournalRow | null {
    const row = journalRow(this.#folded, decision);
    this.#fills += decision.events.filter(({ kind }) => kind === "order_fill").length;
    if (row !== null) {
      this.#owed.push(row);
      this.#folded = applyPatch(this.#folded, row.patch);
    }
    if (!this.#faulty.refusesRows(this.#nowMs())) this.#rows.push(...this.#owed.splice(0));
    return row;
  }

  /** Shows the tick to every checker. */
  #look(
    seen: Observation,
    decision: Decision,
    outcome: Pick<Tick, "row" | "isKept" | "isCut" | "submitted">,
  ): void {
    const tick: Tick = {
      seed: this.#options.seed,
      before: decision.before,
      memory: decision.memory,
      // What the engine may believe of it: a price below zero is no price for a checker either.
      seen: decision.seen,
      decision,
      ...outcome,
      ledger: this.#ledger.slice(this.#ledgerSeen),
      venue: this.#venue,
      rules: this.#rules,
      past: this.#engine.past,
      faultActive: this.#faulty.active(seen.nowMs),
      settled: seen.nowMs - this.#lastFaultMs > CALM_MS,
      engineFaults: this.#engineFaults,
    };
    this.#ledgerSeen = this.#ledger.length;
    const { plant } = this.#options;
    const shown = plant === undefined ? tick : plant(tick);
    const told = check(shown, this.#state, this.#fired);
    this.#state = told.state;
    const { watched } = this.#options;
    for (const { name, text } of told.findings) {
      this.#fired.add(name);
      if (watched === undefined || name === watched) this.#violations.push(text);
    }
  }

  /** Now and then somebody says that trading may go on, or in some runs anything else. */
  #said(): readonly OperatorCommand[] {
    const { seed } = this.#options;
    if (chance(seed, this.#ticks, 60) >= ACK_CHANCE) return [];
    const about = { id: this.#ticks, by: "swarm", reason: "drawn" };
    if (seed % RESTLESS_EVERY === 2) {
      const kind = RESTLESS[Math.floor(chance(seed, this.#ticks, 62) * RESTLESS.length)]!;
      return [{ ...about, order: { kind } }];
    }
    const what = ACKNOWLEDGEABLE[chance(seed, this.#ticks, 61) < 0.5 ? 0 : 1]!;
    return [{ ...about, order: { kind: "ack", what } }];
  }

  #draws(step: KillStep): boolean {
    const { seed, kills = true } = this.#options;
    const draw = chance(seed, this.#ticks, KILL_STEPS.indexOf(step), 42);
    return kills && this.#owed.length === 0 && this.#nowMs() < this.#endMs - CALM_MS * 3 &&
      draw < KILL_CHANCE;
  }

  #dies(step: KillStep): boolean {
    const dies = this.#draws(step);
    if (dies) this.#kill(step);
    return dies;
  }

  /** The process is gone, the exchange goes on, a new process begins from what was recorded. */
  #kill(step: KillStep): void {
    this.#killed[step] += 1;
    this.#venue.sleepThrough(
      Math.round(chance(this.#options.seed, this.#ticks, 41) ** 2 * 300_000),
    );
    this.#faulty.restart();
    this.#lastFaultMs = this.#nowMs();
    this.#engine = this.#startEngine(this.#engine.past.history.baseMs);
    this.#state = { ...this.#state, restarted: true };
  }

  #nowMs(): number {
    return this.#venue.exchange.desk.state.nowMs;
  }
}

/** The given leg was bought lower: what it has won by then is realised later. */
const WON_FRAC = 0.99;

/** Every third run begins with a leg that the engine did not open. */
function givenBook(seed: number, feed: SyntheticFeed): readonly SimPosition[] {
  if (seed % 3 !== 0) return [];
  const nowMs = feed.startMs + START_AFTER_MS;
  const ticker = feed.tickers[1]!;
  const last = feed.closed(ticker, nowMs - 2 * feed.baseMs, nowMs).at(-1)!;
  return [{ ticker, side: "LONG", lots: 100, entryPx: last.close * WON_FRAC, leverage: 2 }];
}

type Finding = { readonly name: CheckerName; readonly text: string };

function check(
  tick: Tick,
  before: CheckerState,
  fired: ReadonlySet<CheckerName>,
): { readonly state: CheckerState; readonly findings: readonly Finding[] } {
  let state = before;
  const findings: Finding[] = [];
  for (const name of Object.keys(CHECKERS) as CheckerName[]) {
    // What a checker remembers is no use to it once its rule is broken.
    if (fired.has(name)) continue;
    const verdict = CHECKERS[name](tick, state);
    if (typeof verdict === "string") {
      const when = new Date(tick.seen.nowMs).toISOString();
      const where = `seed ${tick.seed}, tick ${tick.memory.pulse.seq} (${when})`;
      findings.push({ name, text: `${where}: ${name}: ${verdict}` });
    } else if (verdict !== null) state = { ...state, ...verdict };
  }
  return { state: { ...state, restarted: false }, findings };
}
