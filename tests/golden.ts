/**
 * Runs recorded vectors against the product: `deno task golden FILE...`. Without a file: every
 * vector file of `tests/golden` that has an adapter. Ends with the totals; exit 1 when one failed.
 */
import { adapterOf } from "./golden_adapters/mod.ts";
import { judgeFile, type Report } from "./golden_judge.ts";

const GOLDEN = new URL("golden", import.meta.url).pathname;

function main(args: readonly string[]): number {
  const files = args.length > 0
    ? args
    : allFiles(GOLDEN).filter((path) => adapterOf(path) !== null);
  let [passed, failed] = [0, 0];
  for (const given of files) {
    const path = fromWhereItWasCalled(given);
    const report = reportOf(path);
    if (typeof report === "string") {
      print(`${path}: ${report}`);
      failed += 1;
      continue;
    }
    printReport(path, report);
    passed += report.passed;
    failed += report.failures.length;
  }
  print(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** `deno task` runs in the project's folder: a relative path means the one it was called from. */
function fromWhereItWasCalled(path: string): string {
  const folder = Deno.env.get("INIT_CWD");
  return path.startsWith("/") || folder === undefined ? path : `${folder}/${path}`;
}

/** The report on one vector file, or why there is none. */
function reportOf(path: string): Report | string {
  let content: unknown;
  try {
    content = readJson(path);
  } catch (error) {
    return `expected a file of JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const adapter = adapterOf(path) ?? adapterOf(headOf(content));
  if (adapter === null) return "no adapter for this file; tests/golden/README.md says why";
  try {
    return judgeFile(content, adapter, (name) => dataFile(name, path));
  } catch (error) {
    return `cannot be judged: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The name that a vector file gives itself. */
function headOf(content: unknown): string {
  const named = (content as { readonly file?: unknown } | null)?.file;
  return typeof named === "string" ? named : "";
}

function printReport(path: string, { passed, failures, disputed, differs }: Report): void {
  for (const { name, reason } of differs) print(`  differs ${name}: ${reason}`);
  for (const { name, expected, got } of failures) {
    print(`  FAILED ${name}: expected ${show(expected)}, got ${show(got)}`);
  }
  const counts = [
    `${passed} passed`,
    `${failures.length} failed`,
    `${disputed} disputed`,
    `${differs.length} differs`,
  ];
  print(`${path.slice(path.lastIndexOf("/") + 1)}: ${counts.join(", ")}`);
}

/** A table from beside the vector file, else from anywhere under `tests/golden`. */
function dataFile(name: string, path: string): unknown {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  const beside = [...Deno.readDirSync(folder)].some((entry) => entry.name === name);
  if (beside) return readJson(`${folder}/${name}`);
  const own = allFiles(GOLDEN).find((file) => file.endsWith(`/${name}`));
  if (own === undefined) throw new Error(`no ${name} beside ${path} or under ${GOLDEN}`);
  return readJson(own);
}

function allFiles(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return allFiles(path);
    return entry.name.endsWith(".json") ? [path] : [];
  }).toSorted();
}

function readJson(path: string): unknown {
  return JSON.parse(Deno.readTextFileSync(path));
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (_key, item) => typeof item === "number" ? plain(item) : item);
  return text === undefined ? "nothing" : text.length > 400 ? `${text.slice(0, 400)}...` : text;
}

/** JSON has no word for these. */
function plain(number: number): number | string {
  return Number.isFinite(number) ? number : String(number);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) Deno.exit(main(Deno.args));
