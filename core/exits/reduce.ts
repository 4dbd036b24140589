/** The one constructor of reduce-only intents: scan, flatten, flips and the operator all use it. */
import type { ExitReason, Reduce, Side, Ticker } from "../types.ts";

/** Reasons that must not wait for a better price. */
const URGENT: ReadonlySet<ExitReason> = new Set([
  "sl",
  "trail",
  "flip",
  "operator_flatten",
  "seed_breach",
  "unprotected",
]);

/** True for an exit that takes what the market gives, at once. */
export function isUrgent(reason: ExitReason): boolean {
  return URGENT.has(reason);
}

/** A wish to close `lots` of a leg. `attempt` makes the id of a repeated exit a new one. */
export function reduceIntent(wish: {
  readonly ticker: Ticker;
  readonly side: Side;
  readonly lots: number;
  readonly reason: ExitReason;
  readonly strategyId: string | null;
  readonly episodeId: string;
  readonly attempt: number;
  readonly nowMs: number;
}): Reduce {
  const { ticker, side, lots, reason, strategyId, episodeId, attempt, nowMs } = wish;
  return {
    kind: "reduce",
    id: `x:${episodeId}:${reason}:${attempt}`,
    strategyId,
    ticker,
    side,
    lots,
    reason,
    urgent: isUrgent(reason),
    decidedMs: nowMs,
  };
}
