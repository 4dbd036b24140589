/**
 * Entries against a leg that is held the other way round. The gate judges the entry as if that leg
 * had gone; then the leg is closed; and only when the venue shows it flat the entry is asked about
 * again, at the price of that moment. What takes too long is dropped: the close goes on without it.
 */
import { isFresh } from "./exits/scan.ts";
import { without } from "./dict.ts";
import type { Flip } from "./memory.ts";
import { moveRoute } from "./routes.ts";
import { type Entry, type PositionKey, positionKey } from "./types.ts";
import { MS_PER_SECOND } from "./units.ts";
import { startExit } from "./leaving.ts";
import { change, type Work } from "./work.ts";
import { arePositionsKnown } from "./world.ts";

/** After this long the reason of the entry is old. */
const FLIP_MAX_MS = 30 * MS_PER_SECOND;

/** The leg on the other side of an entry. */
export function oppositeOf({ ticker, side }: Pick<Entry, "ticker" | "side">): PositionKey {
  return positionKey(ticker, side === "LONG" ? "SHORT" : "LONG");
}

/**
 * Begins to close the leg that is in the way, and remembers the entry. False where nothing is
 * begun: the leg is not there yet, is waited for already, or belongs to a human or to another
 * strategy, which would only flip it back.
 */
export function beginFlip(work: Work, entry: Entry): boolean {
  const { memory, seen } = work;
  const key = oppositeOf(entry);
  const guard = memory.registry[key];
  const isOwn = guard?.source === "intent" && guard.strategyId === entry.strategyId &&
    memory.holdings[key]?.source === "fill";
  if (!isOwn || memory.flips[entry.ticker] !== undefined) return false;
  if (guard.exit === null) {
    const route = startExit(work, key, guard, { reason: "flip", levelPx: null });
    if (route === null) return false;
    moveRoute(work, route);
  }
  const flip: Flip = { entry, untilMs: seen.nowMs + FLIP_MAX_MS };
  change(work, { flips: { ...work.memory.flips, [entry.ticker]: flip } });
  return true;
}

export type EndedFlips = { readonly ready: readonly Entry[]; readonly late: readonly Entry[] };

/** Takes the flips whose leg has gone, their entries at today's price, and those that took too long. */
export function takeFlips(work: Work): EndedFlips {
  const [ready, late]: [Entry[], Entry[]] = [[], []];
  for (const { entry, untilMs } of Object.values(work.memory.flips)) {
    const mark = work.seen.market.mark(entry.ticker);
    if (work.seen.nowMs >= untilMs) late.push(entry);
    else if (isFlat(work, oppositeOf(entry)) && isFresh(mark, work.seen.nowMs)) {
      ready.push(repriced(entry, mark.px));
    } else continue;
    change(work, { flips: without(work.memory.flips, entry.ticker) });
  }
  return { ready, late };
}

/** True when book and venue agree that the leg has gone, and nothing of it is under way. */
function isFlat({ memory, seen: { account } }: Work, key: PositionKey): boolean {
  if (account.kind === "failed" || !arePositionsKnown(memory)) return false;
  const isHeld = account.value.positions.some(({ ticker, side, lots }) =>
    positionKey(ticker, side) === key && lots > 0
  );
  const isWorked = Object.values(memory.routes).some(({ ticker, side }) =>
    positionKey(ticker, side) === key
  );
  return !isHeld && !isWorked && memory.holdings[key] === undefined;
}

/** The same wish at another price: its levels keep their distances. */
function repriced(entry: Entry, px: number): Entry {
  const ratio = px / entry.refPx;
  const { levels } = entry;
  const moved = (levelPx: number | null) => levelPx === null ? null : levelPx * ratio;
  return {
    ...entry,
    refPx: px,
    levels: { ...levels, slPx: moved(levels.slPx), tpPx: moved(levels.tpPx) },
  };
}
