/** `engine.jsonl`: when processes started and how they ended, on this machine's clock. */
import { MS_PER_MINUTE } from "../core/units.ts";
import { LineFile, readIfThere } from "./files.ts";

/** This many assertion failures within this time, and the next start only protects. */
const FAULTS_MAX = 3;
const FAULT_SPAN_MS = 10 * MS_PER_MINUTE;

export type RunRow =
  | {
    readonly ts: string;
    readonly event: "start";
    readonly run_id: string;
    readonly pid: number;
    readonly host: string;
    readonly version: string;
    readonly mode: string;
    readonly feed: string;
    readonly config_hash: string;
    readonly recovered_rows: number;
    readonly notes: readonly string[];
  }
  | {
    readonly ts: string;
    readonly event: "stop";
    readonly run_id: string;
    readonly code: number;
    readonly reason: string;
  };

/** Adds one row. */
export function noteRun(path: string, row: RunRow): void {
  const file = new LineFile(path);
  file.append([JSON.stringify(row)]);
  file.close();
}

/** True when the last runs keep failing: the next one protects what is there and opens nothing. */
export async function keepsFailing(path: string, wallMs: number, code: number): Promise<boolean> {
  const text = await readIfThere(path);
  const recent = (text ?? "").split("\n").flatMap(rowOrNothing).filter((row) =>
    row.event === "stop" && row.code === code && wallMs - Date.parse(row.ts) <= FAULT_SPAN_MS
  );
  return recent.length >= FAULTS_MAX;
}

/** A line that a crash has torn says nothing, and must not keep the next process from starting. */
function rowOrNothing(line: string): readonly RunRow[] {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === "object" && row !== null ? [row as RunRow] : [];
  } catch {
    return [];
  }
}
