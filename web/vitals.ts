/**
 * Whether what is shown can be believed: judged by wall time alone, by the same rule on the server,
 * in the browser and in `/healthz`. Never green by default: nothing published is blind too.
 */
import type { Moment, State } from "./panels/panel.ts";

/** The server beats at least every 5 s; this long without a word and the link is not trusted. */
export const SILENCE_MS = 12_000;
/** The loop shows itself at least every 4 s; older than this and it is not trusted. */
export const LOOP_SILENCE_MS = 15_000;
/** A sign of life from the future says that a clock is wrong, not that the loop is alive. */
const AHEAD_MS = 5_000;

export type Vitals = {
  readonly blind: boolean;
  /** Why the page is blind, in words; null while it is not. */
  readonly why: string | null;
  /** The last sign of the loop; null before the first. */
  readonly lastMs: number | null;
  readonly ageMs: number | null;
};

export function vitalsOf({ diagnostics }: Pick<State, "diagnostics">, at: Moment): Vitals {
  if (diagnostics === undefined) {
    return { blind: true, why: "nothing published yet", lastMs: null, ageMs: null };
  }
  const lastMs = Date.parse(diagnostics.wall_ts);
  const ageMs = at.nowMs - lastMs;
  const why = silence(ageMs, at);
  return { blind: why !== null, why, lastMs, ageMs: Math.max(0, ageMs) };
}

function silence(ageMs: number, { nowMs, link }: Moment): string | null {
  if (link.kind === "bye") return "the engine has stopped";
  if (link.kind !== "static" && nowMs - link.heardMs > SILENCE_MS) return "no word from the server";
  if (ageMs > LOOP_SILENCE_MS) return "the engine's loop is silent";
  return ageMs < -AHEAD_MS ? "the last sign of the loop lies in the future" : null;
}
