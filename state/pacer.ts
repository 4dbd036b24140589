/**
 * Lets simulated time pass at a chosen speed. Wall time only paces: it never decides what happens,
 * so a run at any speed gives the same journal.
 */

/** Even at full speed the process looks up this often, so that pages and signals are served. */
const YIELD_MS = 40;
/** Behind by more than this (a laptop slept), the pace starts anew instead of catching up. */
const CATCH_UP_MS = 2_000;
/** The longest sleep without a sign of life. */
const BEAT_MS = 4_000;

export class Pacer {
  readonly #speed: number;
  readonly #fromMs: number;
  readonly #signal: AbortSignal;
  readonly #onBeat: () => void;
  #anchor: { readonly simMs: number; readonly wallMs: number } | null = null;
  #yieldedMs = 0;

  /** `speed`: simulated seconds per second, 0 for full speed; before `fromMs` always full speed. */
  constructor(
    { speed, fromMs, signal, onBeat }: {
      speed: number;
      fromMs: number;
      signal: AbortSignal;
      onBeat: () => void;
    },
  ) {
    this.#speed = speed;
    this.#fromMs = fromMs;
    this.#signal = signal;
    this.#onBeat = onBeat;
  }

  /** True once time is paced: from here on somebody may be watching. */
  get paced(): boolean {
    return this.#anchor !== null;
  }

  /** Resolves when `simMs` may show. */
  async pace(simMs: number): Promise<void> {
    if (this.#speed === 0 || simMs < this.#fromMs) {
      if (performance.now() - this.#yieldedMs < YIELD_MS) return;
      await this.#sleep(0);
      this.#yieldedMs = performance.now();
      return;
    }
    this.#anchor ??= { simMs, wallMs: performance.now() };
    const { simMs: fromSim, wallMs: fromWall } = this.#anchor;
    const dueMs = fromWall + (simMs - fromSim) / this.#speed;
    if (performance.now() - dueMs > CATCH_UP_MS) {
      this.#anchor = { simMs, wallMs: performance.now() };
      return;
    }
    while (!this.#signal.aborted) {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0) return;
      await this.#sleep(Math.min(leftMs, BEAT_MS));
      this.#onBeat();
    }
  }

  #sleep(ms: number): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#signal.addEventListener("abort", done);
    });
  }
}
