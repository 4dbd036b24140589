/** The keys of a schema by path, and a tree with one of them changed: for tests that walk limits. */
import { z } from "zod";

export type KeyTree = { readonly [key: string]: unknown };

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
};

/** Paths of all keys that hold a value, as a user writes them; a map is entered at `entry`. */
export function keysOf(schema: z.ZodType, entry: string): readonly string[] {
  return leavesOf(z.toJSONSchema(schema, { io: "input" }) as Schema, { path: [], entry });
}

function leavesOf(
  { properties, additionalProperties: any }: Schema,
  { path, entry }: { path: readonly string[]; entry: string },
): string[] {
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([key, child]) =>
      leavesOf(child, { path: [...path, key], entry })
    );
  }
  if (typeof any === "object") return leavesOf(any, { path: [...path, entry], entry });
  return [path.join(".")];
}

/** The tree with the value at one path replaced. */
export function withKey(tree: KeyTree, path: string, value: unknown): KeyTree {
  const [head, ...rest] = path.split(".");
  if (rest.length === 0) return { ...tree, [head!]: value };
  const child = (tree[head!] ?? {}) as KeyTree;
  return { ...tree, [head!]: withKey(child, rest.join("."), value) };
}

/** The value at one path. */
export function keyAt(tree: KeyTree, path: string): unknown {
  return path.split(".").reduce<unknown>((at, key) => (at as KeyTree | undefined)?.[key], tree);
}
