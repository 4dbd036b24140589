/** A moment of a replayed market, in which the engine holds positions and has something to decide. */
import { buildRules, framesOf } from "../../config/load.ts";
import type { Decision } from "../../core/executor.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Observation } from "../../core/ports.ts";
import type { Rules } from "../../core/rules.ts";
import { wakeOf } from "../../core/wake.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState } from "../../core/venues/sim_state.ts";
import { Engine } from "../../state/engine.ts";
import { swarmConfig } from "../swarm/config.ts";

const SEED = 7;
const HOURS = 12;
const LINEAGE = "benchy";

export type Moment = {
  /** Memory before the tick, what was seen in it, and what came out of it. */
  readonly before: Memory;
  readonly seen: Observation;
  readonly decision: Decision;
};

export type Recorded = {
  readonly rules: Rules;
  readonly past: Past;
  /** The tick with most to decide, and one in which nothing happened. */
  readonly busy: Moment;
  readonly quiet: Moment;
};

/** Plays half a day and keeps its busiest and its last quiet tick. */
export async function record(): Promise<Recorded> {
  let busy: Moment | null = null;
  let quiet: Moment | null = null;
  const { rules, past } = await play({ hours: HOURS }, (moment) => {
    const { before, decision } = moment;
    // With a position in doubt the gate refuses everything at its first check.
    const isKnown = before.pulse.accountOk && Object.keys(before.differences).length === 0;
    if (isKnown && weight(moment) >= weight(busy)) busy = moment;
    const nothing = decision.events.length === 0 && decision.commands.length === 0;
    if (nothing && Object.keys(before.holdings).length > 2) quiet = moment;
  });
  return { rules, past, busy: busy!, quiet: quiet! };
}

/** Plays hours of a simulated market and shows every tick of it. */
export async function play(
  { hours }: { hours: number },
  onTick: (moment: Moment, around: { rules: Rules; past: Past }) => void,
): Promise<{ rules: Rules; past: Past }> {
  const config = swarmConfig();
  const feed = new SyntheticFeed({ seed: SEED, historyDays: 3, anchors: [], nowMs: null });
  const { baseMs, tickers, startMs } = feed;
  const rules = buildRules(config, { baseMs, tickers, universe: "config" });
  const past = new Past({ baseMs, framesMs: framesOf(config), rules });
  const memory = blankMemory(LINEAGE, startMs);
  const onFault = ({ message }: { message: string }) => {
    throw new Error(message);
  };
  const engine = new Engine({ memory, rules, past, protectOnly: false, onFault });
  const venue = new SimVenue({
    feed,
    rules: {
      seed: SEED,
      latencyMs: 60,
      makerBps: 2,
      takerBps: 5,
      positionMode: "hedge",
      bucketOf: (ticker) => rules.buckets[ticker]!,
    },
    state: blankState({ nowMs: startMs, walletUsd: 25_000, positions: [] }),
    lineage: LINEAGE,
    ledger: { append: () => {}, rotate: () => {} },
    gap: false,
    pace: () => Promise.resolve(),
  });
  for (let nowMs = startMs; nowMs < startMs + hours * 3_600_000;) {
    const seen = (await venue.observe())!;
    const before = engine.memory;
    const decision = engine.decide(seen);
    ({ nowMs } = seen);
    onTick({ before, seen, decision }, { rules, past });
    await venue.submit(decision.commands);
    await venue.wait(wakeOf(decision.memory));
  }
  return { rules, past };
}

function weight(moment: Moment | null): number {
  if (moment === null) return 0;
  const { before, decision } = moment;
  return Object.keys(before.holdings).length + decision.commands.length +
    decision.events.length;
}
