/** The simulated exchange's ledger on disk: `logs/sim/venue.jsonl` and the files it has outgrown. */
import {
  foldLedger,
  type LedgerPort,
  type LedgerRow,
  type Recovered,
} from "../core/venues/sim_state.ts";
import { fileStamp, LineFile, readIfThere } from "./files.ts";

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
    const turn = String(this.#rotations).padStart(4, "0");
    this.#file.rotate(`venue-${fileStamp(snapshot.at)}-${turn}.jsonl`);
    this.append([snapshot]);
  }

  close(): void {
    this.#file.close();
  }
}

/** What the ledger says; null when there is none. A torn last line never happened. */
export async function recoverVenue(path: string): Promise<Recovered | null> {
  const text = await readIfThere(path);
  if (text === null) return null;
  const lines = text.split("\n");
  lines.pop();
  return foldLedger(lines.map((line, i) => parseRow(line, `${path}:${i + 1}`)));
}

function parseRow(line: string, where: string): LedgerRow {
  try {
    return JSON.parse(line) as LedgerRow;
  } catch (error) {
    throw new Error(`Cannot rebuild the exchange as ${where} must be a row: ${String(error)}`);
  }
}
