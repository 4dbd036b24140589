/**
 * How long a leg was without a resting stop while a process was there to see to it, from the
 * exchange's own ledger. Time in which nobody was alive does not count: a start begins anew.
 */
import {
  applyRow,
  blankState,
  type LedgerRow,
  type SimState,
} from "../../core/venues/sim_state.ts";

/** A process has as long from its start, or from a fill, until a stop rests. */
export const NAKED_MAX_MS = 5_000;

/** A time in which the exchange went on with nobody there. */
export type Span = { readonly fromMs: number; readonly toMs: number };

export type Protection = {
  /** The longest time that any leg was without a stop while a process was alive. */
  readonly longestMs: number;
  readonly violations: readonly string[];
};

/** Goes through the ledger, oldest row first, with the spans in which nobody was alive. */
export function protectionOf(ledger: readonly LedgerRow[], dead: readonly Span[]): Protection {
  const watch = new Watch(dead);
  let state: SimState | null = null;
  for (const row of ledger) {
    if (state !== null) watch.reach(row.at);
    state = next(state, row);
    if (state !== null) watch.look(state, row.at);
  }
  return watch.result();
}

function next(state: SimState | null, row: LedgerRow): SimState | null {
  if (row.k === "genesis") {
    const { at: nowMs, walletUsd, positions } = row;
    return blankState({ nowMs, walletUsd, positions });
  }
  if (row.k === "snapshot") return row.state;
  return state === null ? null : applyRow(state, row);
}

class Watch {
  readonly #dead: readonly Span[];
  readonly #sinceMs = new Map<string, number>();
  readonly #told = new Set<string>();
  readonly #violations: string[] = [];
  #at = 0;
  #longestMs = 0;

  constructor(dead: readonly Span[]) {
    this.#dead = dead.toSorted((a, b) => a.fromMs - b.fromMs);
  }

  /** Time goes on to an instant; what nobody could see to begins anew when somebody is back. */
  reach(toMs: number): void {
    for (let span = this.#dead[this.#at]; span !== undefined; span = this.#dead[this.#at]) {
      if (span.fromMs > toMs) break;
      this.#judge(span.fromMs);
      for (const key of this.#sinceMs.keys()) this.#sinceMs.set(key, span.toMs);
      if (span.toMs > toMs) return;
      this.#at += 1;
    }
    this.#judge(toMs);
  }

  look({ positions, orders }: SimState, nowMs: number): void {
    const covered = new Set(
      Object.values(orders)
        .filter(({ closePosition, kind }) => closePosition && kind === "stop_market")
        .map(({ ticker, side }) => `${ticker}:${side}`),
    );
    for (const key of Object.keys(positions)) {
      if (covered.has(key)) this.#sinceMs.delete(key);
      else if (!this.#sinceMs.has(key)) this.#sinceMs.set(key, this.#awakeMs(nowMs));
    }
    for (const key of this.#sinceMs.keys()) {
      if (positions[key] === undefined) this.#sinceMs.delete(key);
    }
  }

  result(): Protection {
    return { longestMs: this.#longestMs, violations: this.#violations };
  }

  /** This instant, or the end of the dead time that it lies in. */
  #awakeMs(nowMs: number): number {
    const span = this.#dead.find(({ fromMs, toMs }) => nowMs >= fromMs && nowMs <= toMs);
    return span?.toMs ?? nowMs;
  }

  #judge(nowMs: number): void {
    for (const [key, sinceMs] of this.#sinceMs) {
      const nakedMs = nowMs - sinceMs;
      this.#longestMs = Math.max(this.#longestMs, nakedMs);
      if (nakedMs <= NAKED_MAX_MS || this.#told.has(`${key} ${sinceMs}`)) continue;
      this.#told.add(`${key} ${sinceMs}`);
      const since = new Date(sinceMs).toISOString();
      this.#violations.push(`${key} was without a stop for ${nakedMs} ms since ${since}`);
    }
  }
}
