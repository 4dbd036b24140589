/**
 * What a figure over a stretch of time is about. Twelve hours are not a week: where the books are
 * younger than the window, or older rows are no longer kept, the window says where it really begins.
 */
import { z } from "zod";
import { dayStartMs } from "../../core/nav.ts";
import { MS_PER_SECOND } from "../../core/units.ts";
import { count, iso, isoTime, type Published } from "./surface.ts";

export const Window = z.strictObject({
  /** Null: as long as anything is kept. */
  window_s: z.number().positive().nullable(),
  from_ts: isoTime,
  /** How many closed positions, or routes, are in it. */
  n: count,
});

type Books = Pick<Published, "memory" | "rules">;

/** When the evidence of a window begins: never before the books do. */
export function windowFrom({ memory }: Books, windowMs: number | null): string {
  const { startedMs, pulse } = memory;
  return iso(windowMs === null ? startedMs : Math.max(startedMs, pulse.nowMs - windowMs));
}

/** A window over anything that is counted elsewhere. */
export function windowOf(
  books: Books,
  { windowMs, n }: { windowMs: number; n: number },
): z.output<typeof Window> {
  return { window_s: windowMs / MS_PER_SECOND, from_ts: windowFrom(books, windowMs), n };
}

/** A window over closed positions; null is all that are kept, the newest ones. */
export function closesWindow(books: Books, windowMs: number | null): z.output<typeof Window> {
  const { memory: { closes, pulse, startedMs }, rules } = books;
  const cutMs = windowMs === null ? -Infinity : pulse.nowMs - windowMs;
  let [n, oldestMs, keptCount] = [0, Infinity, 0];
  for (const { closedMs } of Object.values(closes)) {
    keptCount += 1;
    oldestMs = Math.min(oldestMs, closedMs);
    if (closedMs > cutMs) n += 1;
  }
  const isCut = keptCount >= rules.loop.keepClosesCount;
  const fromMs = Math.max(startedMs, cutMs, isCut ? oldestMs : startedMs);
  return {
    window_s: windowMs === null ? null : windowMs / MS_PER_SECOND,
    from_ts: iso(fromMs),
    n,
  };
}

/** The account's day so far. */
export function todayWindow(books: Books): z.output<typeof Window> {
  const { pulse: { nowMs } } = books.memory;
  const beganMs = Math.min(dayStartMs(nowMs, books.rules.nav.zone), nowMs - 1);
  return closesWindow(books, nowMs - beganMs);
}
