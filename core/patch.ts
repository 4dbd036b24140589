/**
 * The difference between two plain JSON values as a list of paths, and its inverse. Values that
 * share structure are compared by reference first, so a small change of a large memory is cheap.
 */
import { assert } from "./assert.ts";
import { isDict } from "./dict.ts";

/** `[path, value]` sets, `[path]` removes. Arrays are replaced as a whole. */
export type Change =
  | readonly [path: readonly string[], value: unknown]
  | readonly [
    path: readonly string[],
  ];
export type Patch = readonly Change[];

/** What turns `before` into `after`. */
export function diff(before: unknown, after: unknown): Patch {
  const changes: Change[] = [];
  collect(before, after, [], changes);
  return changes;
}

/** `before` with every change made; untouched parts are shared. */
export function applyPatch<T>(before: T, patch: Patch): T {
  let value: unknown = before;
  for (const change of patch) value = applyChange(value, change, 0);
  return value as T;
}

function collect(before: unknown, after: unknown, path: readonly string[], into: Change[]): void {
  if (Object.is(before, after)) return;
  if (!isDict(before) || !isDict(after)) {
    if (!same(before, after)) into.push([path, after]);
    return;
  }
  for (const key of Object.keys(before)) {
    if (!(key in after)) into.push([[...path, key]]);
  }
  for (const key of Object.keys(after)) {
    if (key in before) collect(before[key], after[key], [...path, key], into);
    else into.push([[...path, key], after[key]]);
  }
}

function applyChange(value: unknown, change: Change, depth: number): unknown {
  const [path] = change;
  if (depth === path.length) return change[1];
  assert(isDict(value), `a patch walks through objects only: ${path.join("/")}`);
  const key = path[depth]!;
  if (depth === path.length - 1 && change.length === 1) {
    const { [key]: _removed, ...rest } = value;
    return rest;
  }
  return { ...value, [key]: applyChange(value[key], change, depth + 1) };
}

/** Arrays and scalars by content: only what would be written differently is a change. */
function same(before: unknown, after: unknown): boolean {
  if (typeof before !== "object" || typeof after !== "object") return false;
  if (before === null || after === null) return false;
  return JSON.stringify(before) === JSON.stringify(after);
}
