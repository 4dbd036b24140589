/**
 * What a figure over a stretch of time is about. Twelve hours are not a week: where the books are
 * younger than the window, or older rows are no longer kept, the window says where it really begins.
 */
import { z } from "zod";
import { dayStartMs } from "../../core/calendar.ts";
import { remembered } from "../../core/remember.ts";
import type { SymbolRouting } from "../../core/routing.ts";
import type { Dict } from "../../core/types.ts";
import { MS_PER_MINUTE, MS_PER_SECOND } from "../../core/units.ts";
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

/** When each of the kept positions closed, in order. */
const closeTimes = remembered((closes: Published["memory"]["closes"]) =>
  Float64Array.from(Object.values(closes), ({ closedMs }) => closedMs).sort()
);

/** A window over closed positions; null is all that are kept, the newest ones. */
export function closesWindow(books: Books, windowMs: number | null): z.output<typeof Window> {
  const { memory: { closes, pulse, startedMs }, rules } = books;
  const cutMs = windowMs === null ? -Infinity : pulse.nowMs - windowMs;
  const times = closeTimes(closes);
  const before = times.findLastIndex((closedMs) => closedMs <= cutMs) + 1;
  const isCut = times.length >= rules.loop.keepClosesCount;
  const fromMs = Math.max(startedMs, cutMs, isCut ? times[0] ?? startedMs : startedMs);
  return {
    window_s: windowMs === null ? null : windowMs / MS_PER_SECOND,
    from_ts: iso(fromMs),
    n: times.length - before,
  };
}

/** Every zone's midnight is at a quarter of an hour: within one, the day began when it did. */
const QUARTER_MS = 15 * MS_PER_MINUTE;
const dayBegan = remembered(({ zone }: Books["rules"]["nav"], quarter: number) =>
  dayStartMs(quarter * QUARTER_MS, zone)
);

/** The account's day so far. */
export function todayWindow({ memory, rules }: Books): z.output<typeof Window> {
  const { nowMs } = memory.pulse;
  const beganMs = Math.min(dayBegan(rules.nav, Math.floor(nowMs / QUARTER_MS)), nowMs - 1);
  return closesWindow({ memory, rules }, nowMs - beganMs);
}

/** The oldest of the routes that shares are of: they are the newest of a list in order. */
export function oldestRouteMs(
  { samples }: SymbolRouting["record"],
  { sampleCount }: SymbolRouting["effectiveness"],
): number | null {
  return sampleCount === 0 ? null : Object.values(samples).at(-sampleCount)!.atMs;
}

/** The oldest fill and the oldest route that the figures of the whole are of. */
export const oldestOf = remembered((all: Dict<SymbolRouting>) => {
  const times = Object.values(all).map(({ record, figures }) => ({
    fillMs: figures.firstFillMs ?? Infinity,
    routeMs: Object.values(record.samples)[0]?.atMs ?? Infinity,
  }));
  const first = (pick: (one: typeof times[number]) => number) => {
    const ms = times.reduce((least, one) => Math.min(least, pick(one)), Infinity);
    return ms === Infinity ? null : iso(ms);
  };
  return { fill: first(({ fillMs }) => fillMs), route: first(({ routeMs }) => routeMs) };
});

/** The earlier of two instants as they are written. */
export function earliest(one: string, other: string | null): string {
  return other !== null && other < one ? other : one;
}
