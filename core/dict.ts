/** Plain objects as maps. Wherever order can reach an output, keys are visited in sorted order. */

/** Entries in code-point order of their keys. */
export function sortedEntries<K extends string, T>(dict: Readonly<Record<K, T>>): [K, T][] {
  const entries = Object.entries(dict) as [K, T][];
  return entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Keys in code-point order. */
export function sortedKeys<K extends string>(dict: Readonly<Record<K, unknown>>): K[] {
  return (Object.keys(dict) as K[]).toSorted();
}

/** The same map without one key. */
export function without<K extends string, T>(
  dict: Readonly<Record<K, T>>,
  key: K,
): Readonly<Record<K, T>> {
  if (!(key in dict)) return dict;
  const { [key]: _dropped, ...rest } = dict;
  return rest as Readonly<Record<K, T>>;
}

/** Only the entries that pass; the same map when all do. */
export function keep<K extends string, T>(
  dict: Readonly<Record<K, T>>,
  passes: (value: T, key: K) => boolean,
): Readonly<Record<K, T>> {
  const entries = Object.entries(dict) as [K, T][];
  const kept = entries.filter(([key, value]) => passes(value, key));
  return kept.length === entries.length ? dict : Object.fromEntries(kept) as Readonly<Record<K, T>>;
}

/** True for a plain object: not a list, not null. */
export function isDict(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
