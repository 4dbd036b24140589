/**
 * Results that are kept for as long as what they are made of is the same. The function sees nothing
 * but its arguments, and values of the core never change once they are made: a kept result is the
 * result.
 */
import { isDict } from "./dict.ts";

/**
 * The same function with a memory of one result per first argument: it is made anew when any other
 * argument says something else. What nobody holds any more is forgotten with its result.
 */
export function remembered<K extends object, R extends readonly unknown[], T>(
  make: (key: K, ...rest: R) => T,
): (key: K, ...rest: R) => T {
  const known = new WeakMap<K, { readonly rest: R; readonly value: T }>();
  return (key, ...rest) => {
    const last = known.get(key);
    if (last?.rest.every((part, i) => saysSame(part, rest[i]))) return last.value;
    const value = make(key, ...rest);
    known.set(key, { rest, value });
    return value;
  };
}

/**
 * The values of a map after an instant, by a time that each of them has; the same list as before
 * while none has come or gone.
 */
export function recent<T>(
  timeOf: (value: T) => number,
): (values: Readonly<Record<string, T>>, afterMs: number) => readonly T[] {
  type Kept = { readonly afterMs: number; readonly untilMs: number; readonly list: readonly T[] };
  const known = new WeakMap<Readonly<Record<string, T>>, Kept>();
  return (values, afterMs) => {
    const last = known.get(values);
    if (last !== undefined && last.afterMs <= afterMs && afterMs < last.untilMs) return last.list;
    const list = Object.values(values).filter((value) => timeOf(value) > afterMs);
    const untilMs = list.reduce((first, value) => Math.min(first, timeOf(value)), Infinity);
    known.set(values, { afterMs, untilMs, list });
    return list;
  };
}

/** A map that is made again and again: the one before where the new one holds the very same. */
export function settled<T>(): (now: Readonly<Record<string, T>>) => Readonly<Record<string, T>> {
  let before: Readonly<Record<string, T>> | null = null;
  return (now) => {
    return saysSame(before, now) ? before! : before = now;
  };
}

/** The same value, or two lists of facts that say the same. */
function saysSame(before: unknown, now: unknown): boolean {
  if (before === now) return true;
  if (!isDict(before) || !isDict(now)) return false;
  let left = 0;
  for (const name in now) {
    if (now[name] !== before[name]) return false;
    left += 1;
  }
  for (const _name in before) left -= 1;
  return left === 0;
}
