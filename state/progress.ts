/** A line that says how far a replay has got; only where somebody can see it. */

const WIDTH = 40;
const REDRAW_MS = 100;

export class ProgressBar {
  readonly #write: ((text: string) => void) | null;
  #drawnMs = 0;

  /** `write` is null where nobody is watching. */
  constructor(write: ((text: string) => void) | null) {
    this.#write = write;
  }

  show(fromMs: number, nowMs: number, toMs: number): void {
    if (this.#write === null || performance.now() - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = performance.now();
    const done = Math.min(1, (nowMs - fromMs) / Math.max(1, toMs - fromMs));
    const filled = Math.round(done * WIDTH);
    const bar = "#".repeat(filled) + "-".repeat(WIDTH - filled);
    this.#write(`\r[${bar}] ${new Date(nowMs).toISOString().slice(0, 16)}`);
  }

  clear(): void {
    this.#write?.(`\r${" ".repeat(WIDTH + 30)}\r`);
  }
}
