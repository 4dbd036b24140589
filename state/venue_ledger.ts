/**
 * The simulated exchange's ledger on disk: `logs/sim/venue.jsonl` and the files it has outgrown.
 * What one step of the exchange wrote holds together: every row but its last says `more`, and rows
 * whose last one is missing never happened. A market order is not accepted without being matched.
 */
import {
  foldLedger,
  type LedgerPort,
  type LedgerRow,
  type Recovered,
} from "../core/venues/sim_state.ts";
import { LineFile, type Torn } from "./files.ts";
import { filesOf, readRows, rotatedName } from "./rotated.ts";

const MORE = ',"more":true}';

export class VenueLedger implements LedgerPort {
  readonly #file: LineFile;
  readonly #onError: (message: string) => void;
  #rotations = 0;

  constructor(path: string, { onError }: { onError: (message: string) => void }) {
    this.#file = new LineFile(path, (line) => !line.endsWith(MORE));
    this.#onError = onError;
  }

  get torn(): Torn | null {
    return this.#file.torn;
  }

  /**
   * An exchange does not stop because the disk of one of its customers is full: what cannot be
   * written is owed, told, and written first as soon as the disk takes it.
   */
  append(rows: readonly LedgerRow[]): void {
    const last = rows.length - 1;
    this.#try(() =>
      this.#file.append(
        rows.map((row, i) => JSON.stringify(i < last ? { ...row, more: true } : row)),
      )
    );
  }

  /**
   * Begins a new file with this snapshot. Where the folder refuses it is asked again the next time;
   * where rows are owed the snapshot stands for them, so that they do not grow for ever.
   */
  rotate(snapshot: LedgerRow): void {
    this.#rotations += 1;
    const name = rotatedName("venue", { nowMs: snapshot.at, seq: this.#rotations });
    if (this.#file.owedBytes === 0) this.#try(() => this.#file.rotate(name));
    else this.#file.forgetOwed();
    this.append([snapshot]);
  }

  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#onError(`the exchange's ledger: ${error instanceof Error ? error.message : "refused"}`);
    }
  }

  close(): void {
    this.#file.close();
  }
}

/**
 * What the ledger says; null when there is none. A crash between moving a file aside and the first
 * row of the next one leaves that one without a beginning: then it goes on from the file before.
 */
export async function recoverVenue(path: string): Promise<Recovered | null> {
  const rows: LedgerRow[] = [];
  for (const file of await filesOf(path)) {
    rows.unshift(...await readSteps(file));
    const recovered = foldLedger(rows);
    if (recovered !== null) return recovered;
  }
  return null;
}

/** The rows of one file, without a last step that was not written to its end. */
export async function readSteps(file: string): Promise<readonly LedgerRow[]> {
  const rows = await readRows<LedgerRow & { more?: true }>(file);
  return rows.slice(0, rows.findLastIndex(({ more }) => more === undefined) + 1);
}
