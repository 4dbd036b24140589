/**
 * One seeded run of the real engine against the real simulated exchange with faults in between and
 * kills between any two steps of the loop. Everything is in memory; facts come from the exchange's
 * ledger. `deno task swarm --seeds N --hours H` runs many.
 */
import { buildRules, type Config, framesOf } from "../../config/load.ts";
import type { Decision } from "../../core/executor.ts";
import { History } from "../../core/history.ts";
import { digest } from "../../core/ids.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { applyPatch } from "../../core/patch.ts";
import type { Command, Observation } from "../../core/ports.ts";
import type { Rules } from "../../core/rules.ts";
import { chance } from "../../core/venues/chance.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState, type LedgerRow } from "../../core/venues/sim_state.ts";
import { Engine, type Fault } from "../../state/engine.ts";
import { type JournalRow, journalRow } from "../../state/journal.ts";
import { CHECKERS, type CheckerState, freshCheckerState } from "./checkers.ts";
import { drawWindows, type FaultKind, FaultyVenue } from "./faults.ts";

const KILL_CHANCE = 1 / 400;
const CALM_MS = 120_000;
const HISTORY_DAYS = 7;
const EQUITY_USD = 25_000;

export const KILL_STEPS = ["before_record", "before_submit", "before_publish", "in_wait"] as const;
export type KillStep = (typeof KILL_STEPS)[number];

/** What one tick was: the checkers look at nothing else. */
export type Tick = {
  readonly seed: number;
  readonly before: Memory;
  readonly memory: Memory;
  readonly seen: Observation;
  readonly decision: Decision;
  readonly row: JournalRow | null;
  /** Commands that left after the row had been recorded. */
  readonly submitted: readonly Command[];
  readonly ledger: readonly LedgerRow[];
  readonly venue: SimVenue;
  readonly rules: Rules;
  readonly faultActive: boolean;
  /** True in the last phase: faults are over and everything has had time to settle. */
  readonly settled: boolean;
  readonly engineFaults: readonly Fault[];
};

export type RunResult = {
  readonly seed: number;
  readonly ticks: number;
  readonly fills: number;
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
};

/** Plays one seed and gives back every violation of every checker. */
export async function playSeed(options: RunOptions): Promise<RunResult> {
  const { seed, hours, config, faults = true, kills = true, plant } = options;
  const feed = new SyntheticFeed({ seed, historyDays: HISTORY_DAYS, anchors: [], nowMs: null });
  const { baseMs, tickers, startMs } = feed;
  const rules = buildRules(config, { baseMs, tickers, universe: "config" });
  const lineage = digest([feed.id, seed], 6);
  const endMs = startMs + hours * 3_600_000;
  const ledger: LedgerRow[] = [];
  const venue = new SimVenue({
    feed,
    rules: {
      seed,
      latencyMs: 60,
      makerBps: 2,
      takerBps: 5,
      positionMode: chance(seed, 5) < 0.5 ? "hedge" : "one_way",
      bucketOf: (ticker) => rules.buckets[ticker]!,
    },
    state: blankState({ nowMs: startMs, walletUsd: EQUITY_USD, positions: [] }),
    lineage,
    ledger: { append: (rows) => void ledger.push(...rows), rotate: () => {} },
    gap: false,
    pace: () => Promise.resolve(),
  });
  const windows = faults ? drawWindows(seed, { fromMs: startMs, toMs: endMs - CALM_MS * 3 }) : [];
  const faulty = new FaultyVenue(venue, windows, seed);
  const engineFaults: Fault[] = [];
  const newEngine = (memory: Memory) => {
    const history = new History(baseMs, framesOf(config));
    const onFault = (fault: Fault) => void engineFaults.push(fault);
    return new Engine({ memory, rules, history, protectOnly: false, onFault });
  };
  const first = blankMemory(lineage, startMs);
  let folded: Memory = first;
  let engine = newEngine(first);
  const rows: JournalRow[] = [];
  const violations: string[] = [];
  const killed = { before_record: 0, before_submit: 0, before_publish: 0, in_wait: 0 };
  let state: CheckerState = freshCheckerState();
  let [ticks, fills, ledgerSeen] = [0, 0, 0];
  let lastFaultMs = startMs;

  const kill = (step: KillStep) => {
    killed[step] += 1;
    const { nowMs } = venue.exchange.desk.state;
    const downMs = Math.round(chance(seed, ticks, 41) ** 2 * 300_000);
    venue.sleepThrough(downMs);
    faulty.restart();
    lastFaultMs = nowMs + downMs;
    engine = newEngine(folded);
    state = { ...state, restarted: true };
  };
  const dies = (step: KillStep, nowMs: number) =>
    kills && nowMs < endMs - CALM_MS * 3 &&
    chance(seed, ticks, KILL_STEPS.indexOf(step), 42) < KILL_CHANCE;

  while (venue.exchange.desk.state.nowMs < endMs) {
    ticks += 1;
    const seen = await faulty.observe();
    if (seen === null) break;
    const { nowMs } = seen;
    if (faulty.active(nowMs)) lastFaultMs = nowMs;
    const decision = engine.decide(seen);
    if (dies("before_record", nowMs)) {
      kill("before_record");
      continue;
    }
    const row = journalRow(folded, decision);
    if (row !== null) {
      rows.push(row);
      folded = applyPatch(folded, row.patch);
    }
    // A tick that was recorded happened, even if the process died before its commands left.
    const cut = dies("before_submit", nowMs);
    if (!cut) await faulty.submit(decision.commands);
    fills += decision.events.filter(({ kind }) => kind === "order_fill").length;
    const tick: Tick = {
      seed,
      before: decision.before,
      memory: decision.memory,
      seen,
      decision,
      row,
      submitted: cut ? [] : decision.commands,
      ledger: ledger.slice(ledgerSeen),
      venue,
      rules,
      faultActive: faulty.active(nowMs),
      settled: nowMs - lastFaultMs > CALM_MS,
      engineFaults,
    };
    ledgerSeen = ledger.length;
    state = check(plant === undefined ? tick : plant(tick), state, violations);
    if (violations.length > 0) break;
    const step = cut ? "before_submit" : dies("before_publish", nowMs) ? "before_publish" : null;
    if (step !== null) {
      kill(step);
      continue;
    }
    await faulty.wait(decision.memory.pulse.wakeMs);
    if (dies("in_wait", nowMs)) kill("in_wait");
  }
  const { counters } = engine.memory;
  return {
    seed,
    ticks,
    fills,
    kills: killed,
    faults: faulty.counts,
    rows,
    violations,
    memory: engine.memory,
    vetoes: counters.byReason,
    exits: counters.exitsByReason,
  };
}

function check(tick: Tick, state: CheckerState, violations: string[]): CheckerState {
  let next = state;
  for (const [name, checker] of Object.entries(CHECKERS)) {
    const verdict = checker(tick, next);
    if (typeof verdict === "string") {
      const when = new Date(tick.seen.nowMs).toISOString();
      violations.push(
        `seed ${tick.seed}, tick ${tick.memory.pulse.seq} (${when}): ${name}: ${verdict}`,
      );
    } else if (verdict !== null) next = { ...next, ...verdict };
  }
  return { ...next, restarted: false };
}
