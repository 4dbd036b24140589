/**
 * How the parts of the loop do that may fail without ending it: how each went when it was last run,
 * and what has gone wrong, counted. A part that works again is well again; its errors stay told.
 */
import type { StageFact, StageFault } from "./surfaces/surface.ts";

/** Different errors that are remembered at most; the one that was seen longest ago goes first. */
const ERRORS_MAX = 64;

/** What went wrong: in which item, by whose code; null where there is none. */
export type Failure = Pick<StageFault, "stage" | "message"> & Partial<StageFault>;

export class Stages {
  readonly #stages = new Map<string, StageFact>();
  readonly #errors = new Map<string, StageFault>();
  /** Stages that have told a failure since they were last begun. */
  readonly #failing = new Set<string>();

  /** How each stage went when it was last run. */
  get facts(): Readonly<Record<string, StageFact>> {
    return Object.fromEntries(this.#stages);
  }

  /** What has gone wrong in this process, each kind once, the one seen longest ago first. */
  get errors(): readonly StageFault[] {
    return [...this.#errors.values()];
  }

  /** A stage went well; `ms` is how long that took, null where nothing measures it. */
  worked(stage: string, ms: number | null): void {
    this.#stages.set(stage, { ok: true, ms });
  }

  /** Something failed in a stage at `atMs` of engine time. */
  failed({ stage, message, item = null, code = null }: Failure, atMs: number): void {
    const key = JSON.stringify([stage, item, code]);
    const known = this.#errors.get(key);
    this.#errors.delete(key);
    const [count, firstMs] = [(known?.count ?? 0) + 1, known?.firstMs ?? atMs];
    this.#errors.set(key, { stage, item, code, message, count, firstMs, lastMs: atMs });
    const [oldest] = this.#errors.keys();
    if (this.#errors.size > ERRORS_MAX) this.#errors.delete(oldest!);
    this.#failing.add(stage);
    const error = code === null ? message : `${code}: ${message}`;
    this.#stages.set(stage, { ok: false, ms: this.#stages.get(stage)?.ms ?? null, error });
  }

  /** Runs a stage and times it: it went well unless a failure was told meanwhile. */
  run(stage: string, work: () => void): void {
    const startMs = performance.now();
    this.#failing.delete(stage);
    work();
    if (!this.#failing.has(stage)) this.worked(stage, performance.now() - startMs);
  }
}
