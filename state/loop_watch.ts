/**
 * How the loop does by the machine's clock. Work is measured in real time whatever the speed of
 * simulated time: that waits for the work, so nothing is late because it is fast.
 */
import { READINGS_PER_FRESHNESS } from "../core/nav.ts";
import type { Rules } from "../core/rules.ts";
import { offer, quantile } from "../core/stats.ts";
import { MS_PER_MINUTE } from "../core/units.ts";
import type { LoopFacts } from "./surfaces/surface.ts";

const SAMPLES_MAX = 512;
/** Work of more than so many periods is slow. */
const SLOW_PERIODS = 3;
/** Twice within this time the loop is slow, and is so until one of the two is older. */
const SLOW_WITHIN_MS = 10 * MS_PER_MINUTE;

export type LoopFigures = Pick<
  LoopFacts,
  "lastMs" | "p50Ms" | "p99Ms" | "overrunsCount" | "overBudgetSinceMs" | "slow"
>;

export class LoopWatch {
  readonly #periodMs: number;
  readonly #budgetMs: number;
  #samplesMs: readonly number[] = [];
  #overrunsCount = 0;
  /** The newest two slow ticks, oldest first. */
  #slowTicks: readonly { readonly atMs: number; readonly workMs: number }[] = [];
  #slowSinceMs: number | null = null;
  #overBudgetSinceMs: number | null = null;

  constructor({ loop, nav }: { loop: Pick<Rules["loop"], "sleepMs">; nav: { freshMs: number } }) {
    this.#periodMs = loop.sleepMs;
    this.#budgetMs = nav.freshMs / READINGS_PER_FRESHNESS;
  }

  /**
   * Takes the work of a tick. `atMs` is engine time; `speed` says how much faster than real that
   * passes, null where nothing waits for the work.
   */
  worked(workMs: number, { atMs, speed }: { atMs: number; speed: number | null }): void {
    this.#samplesMs = offer(this.#samplesMs, workMs, SAMPLES_MAX);
    if (speed !== null && workMs > this.#periodMs / speed) this.#overrunsCount += 1;
    if (workMs <= SLOW_PERIODS * this.#periodMs) return;
    this.#slowTicks = [...this.#slowTicks, { atMs, workMs }].slice(-2);
  }

  /** The figures as they stand; `nowMs` is engine time. */
  figures(nowMs: number): LoopFigures {
    const p99Ms = quantile(this.#samplesMs, 0.99);
    const isOver = this.#periodMs + (p99Ms ?? 0) >= this.#budgetMs;
    this.#overBudgetSinceMs = isOver ? this.#overBudgetSinceMs ?? nowMs : null;
    const [first, last] = this.#slowTicks;
    const isSlow = last !== undefined && nowMs - first!.atMs < SLOW_WITHIN_MS;
    this.#slowSinceMs = isSlow ? this.#slowSinceMs ?? last.atMs : null;
    return {
      lastMs: this.#samplesMs.at(-1) ?? null,
      p50Ms: quantile(this.#samplesMs, 0.5),
      p99Ms,
      overrunsCount: this.#overrunsCount,
      overBudgetSinceMs: this.#overBudgetSinceMs,
      slow: this.#slowSinceMs === null
        ? null
        : { sinceMs: this.#slowSinceMs, workMs: last!.workMs },
    };
  }
}
