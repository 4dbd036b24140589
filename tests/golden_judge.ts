/**
 * Judges recorded cases: what each one demands, what the product gives, whether they agree. Pure:
 * the command line (`golden.ts`) and the test lane read the files and print.
 */
import type { Adapter } from "./golden_adapters/adapter.ts";
import { Refusal } from "./golden_adapters/adapter.ts";

type Tolerance = { readonly rel: number; readonly abs: number };
const TOLERANCE: Tolerance = { rel: 1e-9, abs: 1e-12 };

type Fields = Readonly<Record<string, unknown>>;
type Case = Fields & { readonly name: string; readonly input: unknown; readonly expected: unknown };

export type Failure = {
  readonly name: string;
  readonly expected: unknown;
  readonly got: unknown;
};

export type Report = {
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly disputed: number;
  readonly differs: readonly { readonly name: string; readonly reason: string }[];
};

/** Runs every case of one vector file. `data` finds the tables that lie beside it. */
export function judgeFile(
  content: unknown,
  adapter: Adapter,
  data: (file: string) => unknown,
): Report {
  const head = isFields(content) ? content : {};
  const cases = (isFields(content) ? content.cases : content) as readonly Case[];
  let [passed, disputed] = [0, 0];
  const failures: Failure[] = [];
  const differs: { name: string; reason: string }[] = [];
  for (const one of cases) {
    const target = targetOf(one, adapter);
    if (target === null) {
      disputed += 1;
      continue;
    }
    const expected = decode(target.value);
    const got = run(one, adapter, data);
    const tolerance = toleranceOf(one.tolerance ?? head.tolerance, adapter.tolerance ?? TOLERANCE);
    const agreed = agrees(trimmed(expected, adapter), trimmed(got, adapter), tolerance) &&
      (one.disputed || sharedAgree(expected, got, adapter, tolerance));
    if (agreed) passed += 1;
    else {
      const reason = adapter.differs?.(decode(one.input), one.name) ?? null;
      if (reason === null) failures.push({ name: one.name, expected, got });
      else differs.push({ name: one.name, reason });
    }
  }
  return { passed, failures, disputed, differs };
}

/** What a case asks for; null: it is disputed and nothing says what would be right. */
function targetOf(one: Case, adapter: Adapter): { readonly value: unknown } | null {
  if (!one.disputed) return { value: one.expected };
  if ("clean_expected" in one) {
    const { clean_expected: clean, expected } = one;
    const partial = isFields(clean) && isFields(expected) && !isFailure(expected);
    return { value: partial ? { ...expected, ...clean } : clean };
  }
  if ("proposed" in one) return { value: one.proposed };
  if ("recommended" in one && isWhole(one.recommended, one.expected, adapter)) {
    return { value: one.recommended };
  }
  return null;
}

/** True for a recommendation that is a result, not advice about one. */
function isWhole(recommended: unknown, expected: unknown, { only }: Adapter): boolean {
  if (typeof recommended === "string") return !recommended.includes(" ");
  if (!isFields(recommended)) return true;
  const isAdvice = typeof recommended.result === "string" && isFields(expected) &&
    typeof expected.result !== "string";
  if (isAdvice) return false;
  const wanted = only ?? (isFields(expected) ? Object.keys(expected) : null);
  return wanted !== null && wanted.every((key) => key in recommended);
}

function run(one: Case, adapter: Adapter, data: (file: string) => unknown): unknown {
  const { fn, kind } = one;
  try {
    return adapter.run(decode(one.input), { fn: String(fn ?? kind ?? ""), data });
  } catch (error) {
    return new Refusal(error instanceof Error ? error.message : String(error));
  }
}

/** Only what is compared: fields that the product does not have are left out on both sides. */
function trimmed(value: unknown, options: Adapter): unknown {
  if (!isFields(value) || value instanceof Refusal || isFailure(value)) return value;
  const { only, ignores } = options;
  const keys = Object.keys(value);
  if (keys.length === 1 && isFields(value.result)) {
    return { result: trimmed(value.result, options) };
  }
  const keeps = (key: string) => (only?.includes(key) ?? true) && !ignores?.includes(key);
  return Object.fromEntries(Object.entries(value).filter(([key]) => keeps(key)));
}

/** True when the figures that both sides tell are the same. */
function sharedAgree(
  expected: unknown,
  got: unknown,
  { shared = [] }: Adapter,
  tolerance: Tolerance,
): boolean {
  if (!isFields(expected) || !isFields(got)) return true;
  return shared.every((name) => {
    const [theirs, ours] = [expected[name], got[name]];
    if (!isFields(theirs) || !isFields(ours)) return true;
    const both = Object.keys(theirs).filter((key) => key in ours);
    return both.every((key) => agrees(theirs[key], ours[key], tolerance));
  });
}

function agrees(expected: unknown, got: unknown, tolerance: Tolerance): boolean {
  if (isFailure(expected)) return got instanceof Refusal || (isFields(got) && got.veto === true);
  if (got instanceof Refusal) return false;
  if (typeof expected === "number" && typeof got === "number") {
    return near(expected, got, tolerance);
  }
  if (Array.isArray(expected) && Array.isArray(got)) {
    return expected.length === got.length &&
      expected.every((item, i) => agrees(item, got[i], tolerance));
  }
  if (isFields(expected) && isFields(got)) {
    const keys = Object.keys(expected);
    return keys.length === Object.keys(got).length &&
      keys.every((key) => key in got && agrees(expected[key], got[key], tolerance));
  }
  return Object.is(expected, got);
}

function near(expected: number, got: number, { rel, abs }: Tolerance): boolean {
  if (expected === got || (Number.isNaN(expected) && Number.isNaN(got))) return true;
  const gap = Math.abs(expected - got);
  return gap <= abs || gap <= rel * Math.max(Math.abs(expected), Math.abs(got));
}

/** The recorded ways to say that an input must be turned away. */
function isFailure(expected: unknown): boolean {
  if (expected === "ERROR") return true;
  if (!isFields(expected)) return false;
  return "raises" in expected || "$error" in expected ||
    ("error" in expected && !("ok" in expected));
}

/** A tolerance as files spell it: an object, a number, or a text such as "rel 1e-10". */
function toleranceOf(spelt: unknown, otherwise: Tolerance): Tolerance {
  if (typeof spelt === "number") return { ...otherwise, rel: spelt };
  if (isFields(spelt)) return { ...otherwise, ...spelt };
  if (typeof spelt !== "string") return otherwise;
  const named = (name: string) => Number(new RegExp(`${name} ([0-9.e-]+)`).exec(spelt)?.[1]);
  const [rel, abs] = [named("rel"), named("abs")];
  return { rel: rel || otherwise.rel, abs: abs || otherwise.abs };
}

/** Numbers that JSON cannot hold, as the recordings spell them. */
function decode(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decode);
  if (!isFields(value)) return value;
  const float = value.$float ?? value.$f;
  if (float !== undefined && Object.keys(value).length === 1) return Number(float);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
