/** A row as the line that is written: short enough to be appended by one write, whatever is in it. */
import { requiredOf } from "./row_check.ts";
import type { Row } from "./row_parts.ts";

/** What a line takes at most, its newline included. */
export const LINE_BYTES_MAX = 65_536;
/** What is left of a text that is too long. */
const TEXT_KEPT = 256;
/** What every row begins with, and what is said of one that was kept apart. */
const ALWAYS = [
  "ts",
  "event_type",
  "event",
  "seq",
  "run_id",
  "env",
  "mode",
  "schema_version",
  "logged_ts",
  "intent_id",
  "log",
  "problem",
];

const encoder = new TextEncoder();
const bytesOf = (text: string) => encoder.encode(text).length;

/**
 * The row as JSON. One that is too long loses its largest fields, texts to their beginning and
 * anything else to null, and says `truncated`; what readers count on stays.
 */
export function lineOf(row: Row): string {
  const whole = JSON.stringify(row);
  // No character takes more than three bytes for each of its units: most rows need no counting.
  if (whole.length * 3 < LINE_BYTES_MAX || bytesOf(whole) < LINE_BYTES_MAX) return whole;
  const needed = new Set([...ALWAYS, ...requiredOf(String(row.event_type))]);
  const cut: Record<string, unknown> = { ...row, truncated: true };
  const largest = Object.entries(row).filter(([name]) => !needed.has(name))
    .map(([name, value]) => ({ name, value, bytes: bytesOf(JSON.stringify(value) ?? "") }))
    .toSorted((a, b) => b.bytes - a.bytes);
  for (const { name, value } of largest) {
    cut[name] = typeof value === "string" ? value.slice(0, TEXT_KEPT) : null;
    const text = JSON.stringify(cut);
    if (bytesOf(text) < LINE_BYTES_MAX) return text;
  }
  return JSON.stringify(cut);
}
