/**
 * Closed episodes that are kept, for the statistics and for the rest that a stop gives its symbol.
 * What is told of one later amends it; what is no longer kept stays in one sum.
 */
import { without } from "./dict.ts";
import { amendClose, type Amendment, type Close, netUsd } from "./exits/episode.ts";
import { episodeName } from "./exits/ledger.ts";
import type { Conditions, ExitReason, PositionKey, Ticker } from "./types.ts";
import { positionKey } from "./types.ts";
import { change, type Work } from "./work.ts";
import { conditionsOf } from "./world.ts";

/** Exits after which a symbol rests. */
const STOPS: ReadonlySet<ExitReason> = new Set(["sl", "sl_venue", "liquidation", "unprotected"]);

/** What a trade is made in, as of the tick before: NAV of now has not been read when it is booked. */
export function madeIn({ before, seen, past, rules }: Work, ticker: Ticker): Conditions {
  return conditionsOf(before, { market: seen.market, past, rules }, ticker);
}

/** Keeps a closed episode for the statistics, and lets the symbol rest after a stop. */
export function rememberClose(work: Work, close: Close, tradeId: number): void {
  const { closes, tempo } = work.memory;
  const { keepClosesCount } = work.rules.loop;
  const key = `${close.ticker}:${close.side}:${close.closedMs}:${tradeId}`;
  const conditions = close.conditions ?? madeIn(work, close.ticker);
  const next = { ...closes, [key]: { ...close, conditions } };
  const names = Object.keys(next);
  const oldest = names[0]!;
  if (names.length <= keepClosesCount) change(work, { closes: next });
  else {
    const forgottenUsd = work.memory.forgottenUsd + netUsd(next[oldest]!);
    change(work, { closes: without(next, oldest), forgottenUsd });
  }
  if (!STOPS.has(close.reason)) return;
  const restedMs = close.closedMs + work.rules.limits.cooldownAfterStopMs;
  const untilMs = Math.max(restedMs, tempo.cooldownUntilMs[close.ticker] ?? 0);
  const cooldownUntilMs = { ...tempo.cooldownUntilMs, [close.ticker]: untilMs };
  change(work, { tempo: { ...tempo, cooldownUntilMs } });
}

/** The closed episode of a leg that was open at an instant, or ended next after it; null: none is kept. */
export function closeAt(
  { memory }: Work,
  key: PositionKey,
  { atMs, isOpen }: { readonly atMs: number; readonly isOpen: boolean },
): string | null {
  let found: string | null = null;
  let endMs = Infinity;
  for (const [name, close] of Object.entries(memory.closes)) {
    if (positionKey(close.ticker, close.side) !== key || close.closedMs < atMs) continue;
    if ((isOpen && close.openedMs > atMs) || close.closedMs >= endMs) continue;
    found = name;
    endMs = close.closedMs;
  }
  return found;
}

/** Adds to a closed episode what was told of it later, and says so. */
export function amend(
  work: Work,
  name: string,
  { reason, ...amendment }: Amendment & { readonly reason: "late_funding" | "late_entry" },
): void {
  const { closes } = work.memory;
  const close = amendClose(closes[name]!, amendment);
  const { ticker, side, strategyId, openedMs, closedMs } = close;
  const key = positionKey(ticker, side);
  change(work, { closes: { ...closes, [name]: close } });
  work.events.push({
    kind: "episode_amend",
    episodeId: episodeName(key, openedMs),
    key,
    strategyId,
    closedMs,
    ...amendment,
    netUsd: netUsd(close),
    reason,
  });
}
