/** No error is swallowed in silence: what catches one uses it, or is listed here with why not. */

/** Catches that do not look at the error, by file: how many, and what becomes of it. */
export const SILENT: Readonly<Record<string, readonly [count: number, why: string]>> = {
  "config/positions.ts": [1, "the refusal names the file that cannot be read"],
  "main.ts": [1, "a commit that nobody noted is told as unknown"],
  "state/candles.ts": [1, "the refusal names the archive that cannot be unpacked"],
  "state/control.ts": [4, "a socket's leftovers, a caller who hangs up, a line that is no JSON"],
  "state/files.ts": [1, "a leftover that cannot go: the error of the write itself is thrown"],
  "state/markets.ts": [1, "sizes of an earlier process are told to nobody where they are damaged"],
  "state/nav_history.ts": [1, "a torn line is no row; the torn end of a log is told at the start"],
  "state/open.ts": [1, "the caller tells which file is damaged and keeps it aside"],
  "state/recorder.ts": [1, "the file has failed already, and that was told"],
  "state/runs.ts": [1, "a torn line of the engine's own log must not keep it from starting"],
  "state/status.ts": [1, "the surface is reported as unknown"],
  "state/telemetry.ts": [1, "a torn line tells no day: its log is rotated by the next row's"],
  "state/surfaces/attention.ts": [1, "the surface of the same records is told as failing"],
  "state/surfaces/durable.ts": [1, "what is no JSON is not whole: the caller sets it aside"],
  "web/assets.ts": [1, "the page says that its script was not bundled"],
  "web/server.tsx": [1, "the server is being shut down, its connections are cut a moment later"],
};

const SILENT_CATCH = /\bcatch\s*\{|\.catch\(\s*\(\s*\)\s*=>/g;
const NAMED_CATCH = /\bcatch\s*\((\w+)\)\s*\{|\.catch\(\s*\(?(\w+)\)?\s*=>/g;

/** Findings about one file whose comments and texts have been taken out. */
export function silentCatches(path: string, code: string): readonly string[] {
  if (path.startsWith("tests/") || path.startsWith("core/")) return [];
  const [allowed = 0] = SILENT[path] ?? [];
  const count = silentCount(code);
  const unused = [...code.matchAll(NAMED_CATCH)].filter((found) => {
    const name = found[1] ?? found[2]!;
    return !new RegExp(`\\b${name}\\b`).test(restOf(code, found.index + found[0].length));
  });
  return [
    ...count <= allowed ? [] : [`${path}: ${count} silent catches, ${allowed} have their reason`],
    ...unused.map(([head]) => `${path}: "${head.trim()}" does not use its error`),
  ];
}

/** How many catches in a code do not look at their error. */
export function silentCount(code: string): number {
  return [...code.matchAll(SILENT_CATCH)].length;
}

/** What follows, up to the bracket that closes the handler. */
function restOf(code: string, from: number): string {
  let depth = code[from - 1] === "{" ? 1 : 0;
  for (let at = from; at < code.length; at++) {
    if ("{([".includes(code[at]!)) depth += 1;
    if (!"})]".includes(code[at]!)) continue;
    depth -= 1;
    if (depth <= 0 && code[from - 1] === "{") return code.slice(from, at);
    if (depth < 0) return code.slice(from, at);
  }
  return code.slice(from);
}
