/**
 * The shell around the decision: it holds the one memory, feeds the past, runs the two steps and
 * contains what goes wrong in the second. An entry's bug never stops an exit; a bug in the first
 * step stops the process, because trading on an impossible state is worse than not trading.
 */
import { credible } from "../core/credible.ts";
import type { Decision } from "../core/executor.ts";
import type { Memory } from "../core/memory.ts";
import { ENGINE_FAULT } from "../core/operator.ts";
import type { Past } from "../core/past.ts";
import type { Observation } from "../core/ports.ts";
import { type Host, protect } from "../core/protect.ts";
import type { Rules } from "../core/rules.ts";
import { seek } from "../core/seek.ts";
import type { Step } from "../core/work.ts";

export type Fault = { readonly seq: number; readonly stage: string; readonly message: string };

/** A throw in `protect`: the state is impossible, the process must end. */
export class ProtectFault extends Error {
  constructor(cause: unknown) {
    super(`protect: ${messageOf(cause)}`, { cause });
  }
}

export class Engine {
  readonly rules: Rules;
  readonly past: Past;
  readonly #onFault: (fault: Fault) => void;
  readonly #onWorked: (stage: string, ms: number) => void;
  readonly #protectOnly: boolean;
  #memory: Memory;
  /** The second step threw: it is not tried again before somebody lets entries go on. */
  #isFaulty: boolean;

  constructor(
    { memory, rules, past, protectOnly, onFault, onWorked = () => {} }: {
      memory: Memory;
      rules: Rules;
      past: Past;
      /** After repeated assertion failures: protect what is there, open nothing. */
      protectOnly: boolean;
      onFault: (fault: Fault) => void;
      /** A step has been taken, in so many milliseconds of real time. */
      onWorked?: (stage: string, ms: number) => void;
    },
  ) {
    this.rules = rules;
    this.past = past;
    this.#memory = memory;
    this.#protectOnly = protectOnly;
    this.#isFaulty = memory.operator.state === "PAUSED" && memory.operator.by === ENGINE_FAULT;
    this.#onFault = onFault;
    this.#onWorked = onWorked;
  }

  get memory(): Memory {
    return this.#memory;
  }

  /** One tick: both steps, or the first alone. */
  decide(told: Observation, host?: Host): Decision {
    const seen = credible(told);
    for (const { ticker, candles } of seen.candles) {
      for (const candle of candles) this.past.append(ticker, candle);
    }
    const before = this.#memory;
    const safe = this.#protect(seen, host);
    const { memory, commands, events } = this.#seek(seen, safe);
    this.#memory = memory;
    return {
      before,
      memory,
      seen,
      commands: [...safe.commands, ...commands],
      events: [...safe.events, ...events],
    };
  }

  #protect(seen: Observation, host: Host | undefined): Step {
    const { rules, past } = this;
    try {
      return this.#timed(
        "protect",
        () => protect({ memory: this.#memory, seen, rules, past }, host),
      );
    } catch (error) {
      throw new ProtectFault(error);
    }
  }

  #seek(seen: Observation, { memory }: Step): Step {
    const { rules, past } = this;
    const nothing: Step = { memory, commands: [], events: [] };
    const isRunning = memory.operator.state === "RUNNING";
    if (isRunning) this.#isFaulty = false;
    if (this.#protectOnly || this.#isFaulty) return nothing;
    try {
      return this.#timed("seek", () => seek({ memory, seen, rules, past }));
    } catch (error) {
      const message = messageOf(error);
      this.#onFault({ seq: memory.pulse.seq, stage: "seek", message });
      this.#isFaulty = true;
      // Whoever has paused, killed or flattens already is not overruled.
      if (!isRunning) return nothing;
      const operator = {
        state: "PAUSED",
        sinceMs: seen.nowMs,
        by: ENGINE_FAULT,
        reason: message,
      } as const;
      return { ...nothing, memory: { ...memory, operator } };
    }
  }

  #timed(stage: string, step: () => Step): Step {
    const startMs = performance.now();
    const taken = step();
    this.#onWorked(stage, performance.now() - startMs);
    return taken;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
