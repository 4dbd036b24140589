/**
 * Preloaded into a real engine process: puts down what its first tick began with and what it made of
 * it. Files tell what a process should remember; only the process itself tells what it does.
 */
import type { Decision } from "../../core/executor.ts";
import { Engine } from "../../state/engine.ts";

/** The first tick of one life, as it was decided. */
export type FirstTick = Pick<Decision, "before" | "memory" | "events">;

/** The file in the data directory; it is gone from the start of a process to its first tick. */
export const FIRST_TICK = "first_tick.json";

const dataAt = Deno.args.indexOf("--data");
const data = Deno.args[dataAt + 1];
if (dataAt >= 0 && data !== undefined) witness(`${data}/${FIRST_TICK}`);

function witness(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const { decide } = Engine.prototype;
  Engine.prototype.decide = function (...told: Parameters<typeof decide>) {
    const decision = decide.apply(this, told);
    Engine.prototype.decide = decide;
    const { before, memory, events } = decision;
    const tick: FirstTick = { before, memory, events };
    Deno.writeTextFileSync(`${path}.new`, JSON.stringify(tick));
    Deno.renameSync(`${path}.new`, path);
    return decision;
  };
}
