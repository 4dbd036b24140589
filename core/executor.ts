/**
 * The loop. Every await of the trading path is in this function; live, simulated and replayed runs
 * differ only in the ports. An order leaves after its record is on disk; where the disk refuses,
 * only what reduces risk leaves, because a position must not stay for want of a file.
 */
import type { EngineEvent } from "./events.ts";
import type { Memory } from "./memory.ts";
import type { Command, Observation, Venue, Wake } from "./ports.ts";
import { wakeOf } from "./wake.ts";

/** One tick's outcome: what is remembered from now on, what is to be done, what is to be told. */
export type Decision = {
  readonly before: Memory;
  readonly memory: Memory;
  readonly seen: Observation;
  readonly commands: readonly Command[];
  readonly events: readonly EngineEvent[];
};

/** Makes a decision durable, then visible. */
export type Sink = {
  /** False: it could not be made durable. What adds risk must not leave then. */
  record(decision: Decision): Promise<boolean>;
  publish(decision: Decision): void;
};

/** What may leave although nothing remembers it after a crash: all but orders that add risk. */
export function withoutRisk(commands: readonly Command[]): readonly Command[] {
  return commands.filter((command) => command.kind !== "place" || command.order.effect === "close");
}

/**
 * Runs until the feed ends or `stop` says so; a tick that has begun is always finished. After an
 * orderly stop the run goes on with the wait it was in (`resume`), as if it had never stopped.
 */
export async function run(
  decide: (seen: Observation) => Decision,
  { venue, sink, stop, resume }: {
    venue: Venue;
    sink: Sink;
    stop: () => boolean;
    resume: Wake | null;
  },
): Promise<void> {
  if (resume !== null) await venue.wait(resume);
  while (!stop()) {
    const seen = await venue.observe();
    if (seen === null) return;
    const decision = decide(seen);
    const isKept = await sink.record(decision);
    await venue.submit(isKept ? decision.commands : withoutRisk(decision.commands));
    sink.publish(decision);
    if (stop()) return;
    await venue.wait(wakeOf(decision.memory));
  }
}
