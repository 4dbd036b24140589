/**
 * The architecture as rules. A rule looks at one file or at all of them and says what is untidy;
 * `tidy_test.ts` runs every rule on the tree and on a fixture that breaks it.
 */

import { silentCatches } from "./tidy_catches.ts";

/** Source texts by path, relative to the project. */
export type Sources = ReadonlyMap<string, string>;
export type Finding = string;
export type Rule = {
  readonly name: string;
  readonly check: (path: string, text: string, all: Sources) => readonly Finding[];
};

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const ADAPTER_LINES_MAX = 25;

/** First match wins. */
const RANKS: readonly (readonly [pattern: RegExp, rank: number])[] = [
  [
    /^core\/(assert|units|types|ports|events|increments|dict|stats|indicators|history|ids|patch|credible|remember|booked|calendar)\.ts$/,
    0,
  ],
  [/^core\/(nav|transfers|drawdown|regimes|sizing|universe)\.ts$/, 1],
  [/^core\/(strategies|risk|router|exits|intel|venues)\//, 1],
  [/^core\/(rules|past|diagnostics|tally|memory|screener)\.ts$/, 2],
  [
    /^core\/(work|world|operator|absorb|reading|upkeep|resting|attention|protect|seek|routes|routing|scoring|flips|feasible|strangers|phase|leaving|wake|dead_man|decisions|cash|closes)\.ts$/,
    3,
  ],
  [/^core\/(executor|replay)\.ts$/, 4],
  [/^(config|state)\//, 5],
  [/^web\//, 6],
  [/^main\.ts$/, 7],
  [/^tests\//, 8],
];

/** Parts that see another part, each with its reason; any further one is a finding. */
export const BETWEEN_PARTS: readonly (readonly [from: RegExp, to: string, why: string])[] = [
  [/^core\/risk\/(check|mode|circuits)\.ts$/, "core/nav.ts", "the gate judges the account (type)"],
  [/^core\/risk\/circuits\.ts$/, "core/drawdown.ts", "a circuit says what a human may open (type)"],
  [/^core\/sizing\.ts$/, "core/nav.ts", "sizes are taken of NAV (type)"],
  [/^core\/nav\.ts$/, "core/drawdown.ts", "a drawdown is judged where NAV is believed"],
  [/^core\/nav\.ts$/, "core/transfers.ts", "baselines move with money where NAV is believed"],
  [/^core\/transfers\.ts$/, "core/drawdown.ts", "a drawdown's memory is a baseline (type)"],
  [/^core\/router\//, "core/regimes.ts", "the range of the market is a term of an offset (type)"],
  [/^core\/venues\//, "core/router/normalize.ts", "an exchange spells filters, one reader"],
  [/^core\/venues\//, "core/router/errors.ts", "an exchange spells refusals, one table"],
  [/^core\/venues\//, "core/router/position_side.ts", "one word for the position mode (type)"],
  [/^core\/venues\//, "core/router/rules.ts", "books are as wide as their bucket (type)"],
];

/** Exports that only tests use today, each with who is going to. */
export const UNUSED_EXPORTS: readonly (readonly [path: string, name: string, why: string])[] = [
  ["core/risk/mod.ts", "CHECK_IDS", "the limit test walks the checks by their ids"],
  ["core/risk/mod.ts", "VETO_REASONS", "the list of reasons is held against what checks give"],
];

/** Functions that are tables: one case per variant, nothing decided. */
const TABLES: readonly (readonly [path: string, name: string])[] = [
  ["state/log_rows.ts", "bodyOf"],
];

const AMBIENT =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bset(?:Timeout|Interval)\b|\bfetch\(|\bDeno\.|\bconsole\.|\bcrypto\.|\bcatch\b|\blocalStorage\b|\bprocess\./;
const WRITES =
  /\bDeno\.(?:writeTextFile|writeFile|rename|mkdir|remove|copyFile|create|truncate|symlink|link|chmod|makeTemp\w*)(?:Sync)?\b|\bDeno\.open(?:Sync)?\([^)]*\b(?:write|append|create)\w*: true/;
const BANNED_WORDS = /\b(?:TODO|FIXME|XXX)\b|\bhack(?:s|y|ish)?\b|\bfor now\b|\bv7\.6/i;
const UNIT_WORDS = /\b[A-Za-z]*[a-z](?:Pct|Percent)\w*|\b(?:pct|percent)[A-Z]?\w*\b/;
const UNIT_LITERALS = /(?<![\w.])(?:100|10_000)(?![\w.])/;
/** Bounds in a schema and figures that are no unit. */
const NOT_A_UNIT =
  /\b(?:factor|bps|count)\([^)]*\)|\bOFFSET_STEPS_PER_BP = 10_000\b|\bRSI_MAX = 100\b|\b\w+_BARS(?:_MIN)? = 100\b/g;

const only = (places: RegExp, pattern: RegExp, says: string): Rule["check"] => (path, text) =>
  places.test(path) || isTest(path) || !pattern.test(uncommented(text)) ? [] : [`${path}: ${says}`];

export const RULES: readonly Rule[] = [
  {
    name: "imports point down, and parts do not see each other",
    check: (path, text) =>
      importsOf(path, text).flatMap(({ target, isType }) => {
        const problem = importProblem(path, target, isType);
        return problem === null ? [] : [`${path}: may not import ${target}: ${problem}`];
      }),
  },
  { name: "imports make no circle", check: circles },
  { name: "every file is needed by another", check: dead },
  { name: "the product uses what it exports", check: unused },
  {
    name: "files are short",
    check: (path, text) => {
      const lines = text.trimEnd().split("\n").length;
      return lines > FILE_LINES_MAX ? [`${path}: ${lines} lines`] : [];
    },
  },
  {
    name: "functions are short",
    check: (path, text) => longFunctions(path, text, FUNCTION_LINES_MAX),
  },
  {
    name: "the core has no clock, no chance, no I/O and no catch",
    check: (path, text) => {
      if (!path.startsWith("core/") || isLiveAdapter(path)) return [];
      const found = AMBIENT.exec(codeOf(text));
      return found === null ? [] : [`${path}: ${found[0]} is for the shell, take it from a port`];
    },
  },
  {
    name: "no error is swallowed in silence",
    check: (path, text) => silentCatches(path, codeOf(text)),
  },
  {
    name: "only the gate approves",
    check: only(/^core\/risk\/mod\.ts$/, /\bas Approved\b|<Approved\b/, "approves by a cast"),
  },
  {
    name: "only the state and the init command write files",
    check: only(/^(state\/|config\/init\.ts$)/, WRITES, "writes files"),
  },
  {
    name: "only one constructor makes a wish to close",
    check: only(
      /^core\/exits\/reduce\.ts$/,
      /(?<!readonly )\bkind: "reduce"/,
      "makes a reduce of its own",
    ),
  },
  {
    name: "only the live adapter knows ccxt",
    check: only(/^core\/venues\/ccxt\w*\.ts$/, /ccxt/i, "names ccxt"),
  },
  {
    name: "packages are named in deno.json",
    check: (path, text) =>
      /["'](?:npm|jsr|https?):/.test(importsCode(text))
        ? [`${path}: imports a package by its address`]
        : [],
  },
  {
    name: "sources say what is, not what may come",
    check: (path, text) => {
      const found = path === "tests/tidy_rules.ts" || path === "tests/tidy_test.ts"
        ? null
        : BANNED_WORDS.exec(text);
      return found === null ? [] : [`${path}: says "${found[0]}"`];
    },
  },
  {
    name: "the core counts in fractions",
    check: (path, text) => {
      if (!path.startsWith("core/") || path === "core/units.ts") return [];
      const code = codeOf(text);
      const word = UNIT_WORDS.exec(code);
      const literal = UNIT_LITERALS.exec(code.replaceAll(NOT_A_UNIT, ""));
      return [
        ...(word === null ? [] : [`${path}: ${word[0]} is percent`]),
        ...(literal === null ? [] : [`${path}: ${literal[0]} belongs to units.ts`]),
      ];
    },
  },
  {
    name: "golden adapters rename and call",
    check: (path, text) => {
      if (!path.startsWith("tests/golden_adapters/")) return [];
      const found = /(?<![*/])[*/%](?![*/>])|\*\*|[^+]\+[^+]|[\w)\]] - |\bMath\./.exec(
        codeOf(text),
      );
      return [
        ...(found === null ? [] : [`${path}: does arithmetic near "${found[0].trim()}"`]),
        ...longFunctions(path, text, ADAPTER_LINES_MAX),
      ];
    },
  },
];

function importProblem(path: string, target: string, isType: boolean): string | null {
  const [from, to] = [rankOf(path), rankOf(target)];
  if (from === null || to === null) return "one of them has no rank";
  if (isBrowser(path) && !target.startsWith("web/")) {
    return isType ? null : "the browser takes types only";
  }
  if (from !== to) return to < from ? null : "it stands above";
  const isFree = from !== 1 && from !== 5;
  if (isFree || part(path) === part(target)) return null;
  const known = BETWEEN_PARTS.some(([pattern, to]) => pattern.test(path) && to === target);
  return known ? null : "it is another part";
}

function rankOf(path: string): number | null {
  return RANKS.find(([pattern]) => pattern.test(path))?.[1] ?? null;
}

/** Files of one part may see each other: a folder of the core, or config, or state. */
function part(path: string): string {
  const [top, folder] = path.split("/");
  return top === "core" ? `${top}/${folder}` : top!;
}

function isBrowser(path: string): boolean {
  return path.startsWith("web/panels/") || path === "web/client.tsx";
}

function isTest(path: string): boolean {
  return path.startsWith("tests/");
}

function isLiveAdapter(path: string): boolean {
  return /^core\/venues\/ccxt\w*\.ts$/.test(path);
}

type Import = { readonly target: string; readonly isType: boolean };

const importsKnown = new Map<string, readonly Import[]>();

/** What a file imports from the project. */
export function importsOf(path: string, text: string): readonly Import[] {
  const key = `${path}\n${text}`;
  const known = importsKnown.get(key) ?? findImports(path, importsCode(text));
  importsKnown.set(key, known);
  return known;
}

function findImports(path: string, code: string): readonly Import[] {
  const named = /\b(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?["'](\.[^"']+)["']/g;
  const lazy = /\bimport\(\s*()["'](\.[^"']+)["']/g;
  return [named, lazy].flatMap((pattern) =>
    [...code.matchAll(pattern)].map(([, type, specifier]) => ({
      target: resolve(path, specifier!),
      isType: Boolean(type),
    }))
  ).filter(({ target }) => /\.tsx?$/.test(target));
}

function resolve(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** A circle through this file, of which it has the first name; types vanish, they make none. */
function circles(path: string, _text: string, all: Sources): Finding[] {
  const walk = (at: string, trail: readonly string[]): string[] | null => {
    for (const { target, isType } of importsOf(at, all.get(at) ?? "")) {
      if (isType) continue;
      if (target === path) return [...trail, at, path];
      if (target < path || trail.includes(target) || seen.has(target)) continue;
      seen.add(target);
      const circle = walk(target, [...trail, at]);
      if (circle !== null) return circle;
    }
    return null;
  };
  const seen = new Set<string>();
  const circle = walk(path, []);
  return circle === null ? [] : [`circle: ${circle.join(" -> ")}`];
}

const ENTRY_POINTS =
  /^(main\.ts|web\/client\.tsx|tests\/golden\.ts|tests\/\w+\/main\.ts|tests\/.*_(test|bench)\.tsx?)$/;

function dead(path: string, _text: string, all: Sources): Finding[] {
  if (ENTRY_POINTS.test(path)) return [];
  for (const [other, text] of all) {
    if (other === path) continue;
    if (importsOf(other, text).some(({ target }) => target === path)) return [];
  }
  return [`${path}: nobody imports it`];
}

/** Code that only a test calls is no part of the product, and proves nothing about it. */
function unused(path: string, text: string, all: Sources): Finding[] {
  if (isTest(path)) return [];
  const values = /^export (?:async )?(?:function\*?|const|class) (\w+)/gm;
  return [...codeOf(text).matchAll(values)].map(([, name]) => name!).filter((name) => {
    if (UNUSED_EXPORTS.some(([file, known]) => file === path && known === name)) return false;
    const uses = new RegExp(`\\b${name}\\b`, "g");
    if ((codeKnown(path, text).match(uses) ?? []).length > 1) return false;
    return ![...all].some(([other, otherText]) =>
      other !== path && !isTest(other) && uses.test(codeKnown(other, otherText))
    );
  }).map((name) => `${path}: nothing in the product uses ${name}`);
}

const codeOfKnown = new Map<string, string>();

function codeKnown(path: string, text: string): string {
  const key = `${path}\n${text}`;
  const known = codeOfKnown.get(key) ?? codeOf(text);
  codeOfKnown.set(key, known);
  return known;
}

function longFunctions(path: string, text: string, limit: number): Finding[] {
  const lines = codeOf(text).split("\n");
  return lines.flatMap((line, i) => {
    if (!/\bfunction\b|=>\s*\{\s*$/.test(line) && !isMethod(line)) return [];
    if (TABLES.some(([file, name]) => file === path && line.includes(`function ${name}(`))) {
      return [];
    }
    const length = blockLength(lines, i);
    return length > limit ? [`${path}:${i + 1}: a function of ${length} lines`] : [];
  });
}

function isMethod(line: string): boolean {
  const head = /^ {2}(?:static |async |override |get |set |\*)*#?(\w+)(?:<[^>]*>)?\(/;
  const name = head.exec(line)?.[1];
  return name !== undefined && !["if", "for", "while", "switch", "return", "super"].includes(name);
}

/** Lines from a head to the brace that closes its body, as the formatter indents them. */
function blockLength(lines: readonly string[], from: number): number {
  const indent = /^ */.exec(lines[from]!)![0];
  const isAtMargin = (line: string) =>
    line.startsWith(indent) && /^\S/.test(line.slice(indent.length));
  let isOpen = false;
  for (let i = from; i < lines.length; i++) {
    const line = lines[i]!.trimEnd();
    if (!isAtMargin(line)) continue;
    if (isOpen && line.startsWith(`${indent}}`) && !line.endsWith("{")) return i - from + 1;
    if (line.endsWith("{")) isOpen = true;
    else if (!isOpen && /[;,}]$/.test(line)) return 1;
  }
  return 1;
}

/** The text without comments. */
export function uncommented(text: string): string {
  return scan(text, (literal) => literal);
}

/** The text without comments, and with nothing inside its texts and patterns. */
export function codeOf(text: string): string {
  return scan(text, () => '""');
}

/** The same, with the names of imported files left in. */
function importsCode(text: string): string {
  const isImport = (before: string) => /\b(?:from|import)\s*\(?\s*$/.test(before);
  return scan(text, (literal, before) => isImport(before) ? literal : '""');
}

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/y;
const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/y;
const PATTERN = /\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;
/** After these a slash begins a pattern; after anything else it divides. */
const BEFORE_PATTERN = /(?:[(,=:[!&|?{;>]|\breturn)\s*$/;

/** Walks over a text: comments go (their lines stay), `keep` decides about texts and patterns. */
function scan(text: string, keep: (literal: string, before: string) => string): string {
  let out = "";
  /** Depth of braces at which each template's expression ends. */
  const templates: number[] = [];
  let [at, depth, inTemplate] = [0, 0, false];
  const take = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  while (at < text.length) {
    const char = text[at]!;
    if (inTemplate) {
      if (char === "\\") at += 1;
      else if (char === "\n") out += "\n";
      else if (char === "`") [inTemplate, out] = [false, `${out})`];
      else if (text.startsWith("${", at)) {
        templates.push(depth);
        [inTemplate, at, out] = [false, at + 1, `${out}(`];
      }
      at += 1;
      continue;
    }
    const comment = take(COMMENT);
    const literal = comment === null ? take(STRING) ?? patternAt(out, take) : null;
    if (comment !== null) out += comment.replaceAll(/[^\n]/g, "");
    else if (literal !== null) out += keep(literal, out.slice(-40));
    else if (char === "`") [inTemplate, out] = [true, `${out}(`];
    else if (char === "}" && templates.at(-1) === depth) {
      templates.pop();
      [inTemplate, out] = [true, `${out})`];
    } else {
      depth += char === "{" ? 1 : char === "}" ? -1 : 0;
      out += char;
    }
    at += (comment ?? literal ?? char).length;
  }
  return out;
}

function patternAt(before: string, take: (pattern: RegExp) => string | null): string | null {
  const pattern = take(PATTERN);
  const begins = before === "" || BEFORE_PATTERN.test(before.slice(-40));
  return pattern !== null && begins ? pattern : null;
}
