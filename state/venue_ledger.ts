/** The simulated exchange's ledger on disk: `logs/sim/venue.jsonl` and the files it has outgrown. */
import {
  foldLedger,
  type LedgerPort,
  type LedgerRow,
  type Recovered,
} from "../core/venues/sim_state.ts";
import { LineFile } from "./files.ts";
import { filesOf, readRows, rotatedName } from "./rotated.ts";

export class VenueLedger implements LedgerPort {
  readonly #file: LineFile;
  #rotations = 0;

  constructor(path: string) {
    this.#file = new LineFile(path);
  }

  append(rows: readonly LedgerRow[]): void {
    this.#file.append(rows.map((row) => JSON.stringify(row)));
  }

  rotate(snapshot: LedgerRow): void {
    this.#rotations += 1;
    this.#file.rotate(rotatedName("venue", { nowMs: snapshot.at, seq: this.#rotations }));
    this.append([snapshot]);
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
    rows.unshift(...await readRows<LedgerRow>(file));
    const recovered = foldLedger(rows);
    if (recovered !== null) return recovered;
  }
  return null;
}
