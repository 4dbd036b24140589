/** From schema issues to sentences an operator can act on: file, path, expected, found, hint. */
import { closest, distance } from "fastest-levenshtein";
import { z } from "zod";
import { RENAMED_LIMITS } from "../core/risk/limits.ts";

/** Keys of other systems that lead nowhere here, with where the thing is now. */
const MOVED: Readonly<Record<string, string>> = {
  ...RENAMED_LIMITS,
  caps: "per_symbol in risk_limits.json (caps live there, and only there)",
  fixed_sl_pct: "fixed_sl_frac (a fraction: 0.004 is 0.4 %)",
  fixed_tp_pct: "fixed_tp_frac (a fraction: 0.012 is 1.2 %)",
  dry_run: "mode: sim, paper or live in runtime.yaml",
};
const SUGGESTION_DISTANCE_MAX = 4;

/** Texts that follow the word "expected" where a schema has none of its own. */
export function expectation(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? `${issue.expected} (required)` : issue.expected;
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    case "too_small":
      return `at least ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    case "invalid_union":
      return "one of the allowed forms";
    case "invalid_key":
      return "a valid key";
    default:
      return issue.message ?? "a valid value";
  }
}

/** Every problem of one file as `file: path: expected …, got …`. */
export function problemsOf(
  file: string,
  error: z.ZodError,
  { input, schema }: { input: unknown; schema: z.ZodType },
): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => {
        const path = [...issue.path, key];
        return `${file}: ${pathText(path)}: ${unknownKey(key, knownKeys(schema, issue.path))}`;
      });
    }
    const found = valueAt(input, issue.path);
    return [`${file}: ${pathText(issue.path)}: expected ${issue.message}, got ${show(found)}`];
  });
}

/** What to say about a file in the config folder that nobody reads. */
export function strangerProblem(name: string, known: readonly string[]): string {
  const nearest = closest(name, known as string[]);
  const hint = distance(name, nearest) <= SUGGESTION_DISTANCE_MAX
    ? `did you mean "${nearest}"?`
    : `the files of this folder are ${known.join(", ")}`;
  return `${name}: (whole file): unknown file; ${hint}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const moved = MOVED[key];
  if (moved !== undefined) return `unknown key; use ${moved}`;
  if (known.length === 0) return "unknown key";
  const nearest = closest(key, known as string[]);
  const near = distance(key, nearest) <= SUGGESTION_DISTANCE_MAX;
  return near
    ? `unknown key; did you mean "${nearest}"?`
    : `unknown key; known: ${known.join(", ")}`;
}

type JsonSchema = {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
};

function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at: JsonSchema | undefined = z.toJSONSchema(schema, { io: "input" }) as JsonSchema;
  for (const step of path) {
    if (at === undefined) return [];
    const extra: JsonSchema | boolean | undefined = at.additionalProperties;
    at = typeof step === "number"
      ? at.items
      : at.properties?.[String(step)] ?? (typeof extra === "object" ? extra : undefined);
  }
  return Object.keys(at?.properties ?? {}).filter((key) => key !== "$schema");
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let at = input;
  for (const step of path) at = (at as Record<PropertyKey, unknown> | undefined)?.[step];
  return at;
}

function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "(whole file)";
  return path.map((step, i) =>
    typeof step === "number" ? `[${step}]` : i === 0 ? String(step) : `.${String(step)}`
  ).join("");
}

/** A value as it stands in a file, cut where it is long. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
