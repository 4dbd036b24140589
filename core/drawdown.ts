/**
 * Drawdown and what stands on it: the state with its recovery band, the portfolio circuit that
 * opens by rule, the limit that only a human lifts. Always true: nothing here opens because a price
 * bounced, and nothing forgets because time passed, but for the one rule that says so.
 */
import type { EngineEvent } from "./events.ts";
import { MS_PER_DAY, MS_PER_HOUR } from "./units.ts";

const REBASE_SPACING_MS = 7 * MS_PER_DAY;
/** Changes of the drawdown state within an hour that are flapping. */
const FLAP_COUNT = 4;

export type DrawdownState = "NORMAL" | "DRAWDOWN" | "RECOVERY";

export type Latch = { readonly sinceMs: number; readonly ddFrac: number };
/** It opens by itself after the cool-off, unless it tripped again soon after it had done so. */
export type Circuit = Latch & { readonly needsAck: boolean };

/** What must outlive a restart. */
export type DrawdownMemory = {
  /** The highest NAV since the circuit was last re-based. */
  readonly peakUsd: number | null;
  readonly peakMs: number | null;
  /** The highest NAV ever; only an acknowledgement lowers it. */
  readonly highUsd: number | null;
  readonly ddState: DrawdownState;
  /** When the state changed within the last hour. */
  readonly flipsMs: readonly number[];
  readonly circuit: Circuit | null;
  readonly rebasedMs: number | null;
  /** The drawdown limit has been reached and nobody has said yet that trading may go on. */
  readonly latch: Latch | null;
};

export type DrawdownRules = {
  readonly circuitFrac: number;
  readonly circuitCooloffMs: number;
  readonly recoveryExitFrac: number;
  /** The limit that only a human lifts. */
  readonly drawdownFrac: number;
};

/** Takes a believed level into drawdown, circuit and latch, and tells what changed. */
export function judgeDrawdown<M extends DrawdownMemory>(
  memory: M,
  { navUsd, atMs }: { readonly navUsd: number; readonly atMs: number },
  rules: DrawdownRules,
): readonly [M, readonly EngineEvent[]] {
  const events: EngineEvent[] = [];
  let next = memory;
  const cooled = next.circuit !== null && atMs - next.circuit.sinceMs >= rules.circuitCooloffMs;
  if (cooled && !next.circuit!.needsAck) {
    next = rebase(next, { navUsd, atMs });
    const note = "cool-off over: the peak is re-based to NAV, entries are allowed again";
    events.push({ kind: "account_rule", rule: "circuit_rebased", navUsd, note });
  }
  const ddFrac = lossFrac(next.peakUsd, navUsd) ?? 0;
  if (ddFrac >= rules.circuitFrac && next.circuit === null) {
    const needsAck = next.rebasedMs !== null && atMs - next.rebasedMs < REBASE_SPACING_MS;
    next = { ...next, circuit: { sinceMs: atMs, ddFrac, needsAck } };
    const note = `drawdown ${ddFrac.toFixed(4)} reached ${rules.circuitFrac}` +
      (needsAck ? " again soon after it had opened: it opens by ballast ack only" : "");
    events.push({ kind: "account_rule", rule: "circuit_tripped", navUsd, note });
  }
  const highLossFrac = lossFrac(next.highUsd, navUsd) ?? 0;
  if (highLossFrac >= rules.drawdownFrac && next.latch === null) {
    next = { ...next, latch: { sinceMs: atMs, ddFrac: highLossFrac } };
    const note = `drawdown ${highLossFrac.toFixed(4)} reached ${rules.drawdownFrac}: ` +
      "it opens by ballast ack only";
    events.push({ kind: "account_rule", rule: "drawdown_latched", navUsd, note });
  }
  const ddState = drawdownState(next.ddState, ddFrac, rules);
  if (ddState === next.ddState) return [next, events];
  const flipsMs = [...next.flipsMs.filter((ms) => ms > atMs - MS_PER_HOUR), atMs];
  return [{ ...next, ddState, flipsMs }, events];
}

/** NORMAL until the limit; then DRAWDOWN; below it RECOVERY until a quarter of it (configurable). */
export function drawdownState(
  state: DrawdownState,
  ddFrac: number,
  rules: Pick<DrawdownRules, "circuitFrac" | "recoveryExitFrac">,
): DrawdownState {
  if (ddFrac >= rules.circuitFrac) return "DRAWDOWN";
  if (state === "NORMAL") return "NORMAL";
  return ddFrac <= rules.circuitFrac * rules.recoveryExitFrac ? "NORMAL" : "RECOVERY";
}

/** True when the drawdown state goes to and fro. */
export function isFlapping(flipsMs: readonly number[], nowMs: number): boolean {
  return flipsMs.filter((ms) => ms > nowMs - MS_PER_HOUR).length >= FLAP_COUNT;
}

/** Circuits that a human can reset. */
export const ACKNOWLEDGEABLE = ["portfolio_dd_circuit", "nav_drawdown_limit"] as const;
export type Acknowledgeable = (typeof ACKNOWLEDGEABLE)[number];

/** What was latched opens, and its baseline begins anew at NAV; null when it is not latched. */
export function release<M extends DrawdownMemory>(
  memory: M,
  what: Acknowledgeable,
  { navUsd, atMs }: { navUsd: number; atMs: number },
): M | null {
  if (what === "nav_drawdown_limit") {
    return memory.latch === null ? null : { ...memory, latch: null, highUsd: navUsd };
  }
  return memory.circuit === null ? null : rebase(memory, { navUsd, atMs });
}

function rebase<M extends DrawdownMemory>(
  memory: M,
  { navUsd, atMs }: { navUsd: number; atMs: number },
): M {
  return { ...memory, circuit: null, peakUsd: navUsd, peakMs: atMs, rebasedMs: atMs };
}

/** How far a value lies below its peak, as a share of the peak; null where either is unknown. */
export function lossFrac(peakUsd: number | null, navUsd: number | null): number | null {
  if (peakUsd === null || navUsd === null || !(peakUsd > 0)) return null;
  return Math.min(1, Math.max(0, (peakUsd - navUsd) / peakUsd));
}
