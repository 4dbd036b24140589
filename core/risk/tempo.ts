/** Checks on pace: how soon and how often may something be opened, and after how many errors? */
import { toSeconds } from "../units.ts";
import { type Breach, gate, type TempoView } from "./check.ts";
import type { Limits, Pace } from "./limits.ts";

/** After a stop-loss a symbol rests; time passes strictly until the end of the cooldown. */
export const cooldownAfterStop = gate(
  "cooldown_after_stop",
  "cooldown",
  ({ ticker }, { tempo, nowMs }, limits) => {
    const untilMs = tempo.cooldownUntilMs[ticker] ?? 0;
    if (nowMs >= untilMs) return null;
    return {
      thresholds: { cooldown_after_stop_s: toSeconds(limits.cooldownAfterStopMs) },
      observations: { cooldown_left_s: toSeconds(untilMs - nowMs) },
    };
  },
);

/** After any fill a symbol may have a rest of its own. */
export const symbolCooldown = gate(
  "symbol_cooldown",
  "cooldown",
  ({ ticker }, { tempo, nowMs }, limits) => {
    const { cooldownMs } = limits.of(ticker);
    const lastMs = tempo.lastFillMs[ticker];
    if (cooldownMs === 0 || lastMs === undefined || nowMs >= lastMs + cooldownMs) return null;
    return {
      thresholds: { cooldown_s: toSeconds(cooldownMs) },
      observations: {
        last_fill_age_s: toSeconds(nowMs - lastMs),
        cooldown_left_s: toSeconds(lastMs + cooldownMs - nowMs),
      },
    };
  },
);

/** Entries per symbol and hour. */
export const tradeRate = gate(
  "trade_rate_limit",
  "trade_rate_limit",
  ({ ticker }, { tempo, nowMs }, limits) =>
    overPace(limits.tradesPerHour, tempo.entriesMs[ticker] ?? NONE, nowMs),
);

/** Entries of all symbols within a window: a burst is an accident, not an opportunity. */
export const burst = gate(
  "burst_limit",
  "burst_limit",
  (_entry, { tempo, nowMs }, limits) => overPace(limits.burst, tempo.attemptsMs, nowMs),
);

/** A venue that keeps failing is left alone until the window has passed. */
export const errorCircuit = gate(
  "circuit_breaker",
  "circuit_breaker",
  (_entry, { tempo, nowMs }, limits) => overPace(limits.errors, tempo.errorsMs, nowMs),
);

/** Adds one entry to what is remembered of the pace, and forgets what no limit asks about. */
export function noteEntry(
  tempo: TempoView,
  { ticker, nowMs }: { ticker: string; nowMs: number },
  limits: Limits,
): TempoView {
  const known = tempo.entriesMs[ticker] ?? NONE;
  const entriesMs = limits.tradesPerHour === null
    ? tempo.entriesMs
    : { ...tempo.entriesMs, [ticker]: within(limits.tradesPerHour, [...known, nowMs], nowMs) };
  const attemptsMs = limits.burst === null
    ? tempo.attemptsMs
    : within(limits.burst, [...tempo.attemptsMs, nowMs], nowMs);
  return { ...tempo, entriesMs, attemptsMs };
}

/** Notes when a symbol last filled; trades may be told in any order. */
export function noteFill(
  tempo: TempoView,
  { ticker, atMs }: { ticker: string; atMs: number },
): TempoView {
  const lastMs = Math.max(atMs, tempo.lastFillMs[ticker] ?? 0);
  return { ...tempo, lastFillMs: { ...tempo.lastFillMs, [ticker]: lastMs } };
}

/** Notes errors of the venue. */
export function noteErrors(
  tempo: TempoView,
  { count, nowMs }: { count: number; nowMs: number },
  limits: Limits,
): TempoView {
  if (limits.errors === null || count === 0) return tempo;
  const times = [...tempo.errorsMs, ...Array.from({ length: count }, () => nowMs)];
  return { ...tempo, errorsMs: within(limits.errors, times, nowMs) };
}

function within(
  { windowMs }: NonNullable<Pace>,
  times: readonly number[],
  nowMs: number,
): readonly number[] {
  return times.filter((ms) => ms >= nowMs - windowMs);
}

const NONE: readonly number[] = [];

/** At or above the limit within the window, the edge of the window included. */
function overPace(pace: Pace, times: readonly number[], nowMs: number): Breach | null {
  if (pace === null) return null;
  const fromMs = nowMs - pace.windowMs;
  let count = 0;
  for (let i = times.length - 1; i >= 0 && times[i]! >= fromMs; i--) count += 1;
  if (count < pace.maxCount) return null;
  const oldestMs = times[times.length - count];
  return {
    thresholds: { max_count: pace.maxCount, window_s: toSeconds(pace.windowMs) },
    observations: {
      count,
      next_in_s: oldestMs === undefined ? null : toSeconds(oldestMs - fromMs),
    },
  };
}
