/** The tree obeys its architecture, and every rule is shown to bite. */
import assert from "node:assert/strict";
import { lane } from "./lanes.ts";
import { SILENT, silentCount } from "./tidy_catches.ts";
import {
  BETWEEN_PARTS,
  codeOf,
  importsOf,
  type Rule,
  RULES,
  type Sources,
  UNUSED_EXPORTS,
} from "./tidy_rules.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const FOLDERS = ["core", "config", "state", "web", "tests"];
const SKIPPED = /^(web\/dist|tests\/browser|tests\/golden)(\/|$)/;

lane("the tree is tidy", {
  needs: ["read"],
  run: async () => {
    const all = await readSources();
    assert.ok(all.size > 50, "the sources were found");
    const findings = RULES.flatMap((rule) =>
      [...all].flatMap(([path, text]) => rule.check(path, text, all))
    );
    assert.deepEqual(findings, []);
  },
});

lane("every exception between parts is still needed", {
  needs: ["read"],
  run: async () => {
    const all = [...await readSources()];
    for (const [from, to, why] of BETWEEN_PARTS) {
      const isUsed = all.some(([path, text]) =>
        from.test(path) && importsOf(path, text).some(({ target }) => target === to)
      );
      assert.ok(isUsed, `${from} -> ${to} (${why})`);
    }
  },
});

lane("every catch that does not look at its error still has its reason", {
  needs: ["read"],
  run: async () => {
    const all = await readSources();
    for (const [path, [count, why]] of Object.entries(SILENT)) {
      assert.equal(silentCount(codeOf(all.get(path) ?? "")), count, `${path}: ${why}`);
    }
  },
});

lane("every export that only tests use is still there, and still only theirs", {
  needs: ["read"],
  run: async () => {
    const all = await readSources();
    for (const [path, name, why] of UNUSED_EXPORTS) {
      assert.match(all.get(path) ?? "", new RegExp(`^export .*\\b${name}\\b`, "m"), why);
      const users = [...all].filter(([other, text]) =>
        other !== path && !other.startsWith("tests/") &&
        new RegExp(`\\b${name}\\b`).test(codeOf(text))
      );
      assert.deepEqual(users.map(([user]) => user), [], `${name} is used: ${why}`);
    }
  },
});

/** A small tree in which nothing is untidy. */
const TIDY: Sources = new Map([
  ["core/stats.ts", "export const mean = 1;\n"],
  ["core/history.ts", 'import { mean } from "./stats.ts";\nexport const last = mean;\n'],
  ["main.ts", 'import { last } from "./core/history.ts";\nlast;\n'],
]);

type Fixture = { readonly path: string; readonly text: string; readonly finds?: RegExp };

/** For each rule, files that break it when they join the tidy tree. */
const FIXTURES: Readonly<Record<string, readonly Fixture[]>> = {
  "imports point down, and parts do not see each other": [
    { path: "core/stats.ts", text: 'import { nav } from "./nav.ts";\n', finds: /stands above/ },
    {
      path: "core/nav.ts",
      text: 'import type { Route } from "./router/route.ts";\n',
      finds: /another part/,
    },
    {
      path: "core/exits/scan.ts",
      text: 'import {\n  route,\n} from "../router/route.ts";\n',
      finds: /another part/,
    },
    { path: "config/load.ts", text: 'import { x } from "../state/files.ts";\n' },
    { path: "state/files.ts", text: 'export { x } from "../config/load.ts";\n' },
    { path: "core/seek.ts", text: 'const x = await import("../state/files.ts");\n' },
    { path: "web/panels/nav.tsx", text: 'import { x } from "../../state/files.ts";\n' },
    { path: "web/client.tsx", text: 'import { x } from "../core/stats.ts";\n' },
    { path: "state/x.ts", text: 'import { app } from "../web/server.tsx";\n' },
    { path: "core/new_thing.ts", text: 'import "./stats.ts";\n', finds: /no rank/ },
    { path: "main.ts", text: 'import { vector } from "./tests/fixtures.ts";\n' },
  ],
  "imports make no circle": [
    { path: "core/stats.ts", text: 'import { last } from "./history.ts";\n' },
    { path: "core/history.ts", text: 'import { x } from "./history.ts";\n' },
  ],
  "every file is needed by another": [{ path: "core/forgotten.ts", text: "export {};\n" }],
  "the product uses what it exports": [
    { path: "core/stats.ts", text: "export const mean = 1;\nexport function lonely() {}\n" },
  ],
  "files are short": [{ path: "core/stats.ts", text: "const x = 1;\n".repeat(401) }],
  "functions are short": [
    { path: "core/stats.ts", text: `function f() {\n${"  g();\n".repeat(70)}}\n` },
    {
      path: "core/stats.ts",
      text: `const f = (\n  x: { a: 1 },\n) => {\n${"  g();\n".repeat(75)}};\n`,
    },
    { path: "core/stats.ts", text: `class A {\n  f(): void {\n${"    g();\n".repeat(70)}  }\n}\n` },
    {
      path: "core/stats.ts",
      text: `function f(\n  { a }: { a: number },\n): { b: number } {\n${"  g();\n".repeat(70)}}\n`,
    },
  ],
  "the core has no clock, no chance, no I/O and no catch": [
    "Date.now()",
    "new Date()",
    "Math.random()",
    "performance.now()",
    "setTimeout(f, 1)",
    "fetch(url)",
    "Deno.readTextFileSync(path)",
    "console.log(1)",
    "crypto.randomUUID()",
    "try { f(); } catch { g(); }",
    "`${Date.now()}`",
  ].map((text) => ({ path: "core/stats.ts", text: `export const x = () => { ${text}; };\n` })),
  "no error is swallowed in silence": [
    "try { f(); } catch { g(); }",
    "try { f(); } catch (error) { g(); }",
    "f().catch(() => {});",
    "f().catch((error) => g());",
    "f().catch((error) => { g(); }); error;",
    "try { f(); } catch (error) { if (x) { g(); } }\nconst error = 1;",
  ].map((text) => ({ path: "state/x.ts", text: `${text}\n` })),
  "only the gate approves": [
    { path: "core/seek.ts", text: "const intent = entry as Approved<Entry>;\n" },
    { path: "state/engine.ts", text: "const intent = entry as unknown as Approved;\n" },
  ],
  "only the state and the init command write files": [
    { path: "main.ts", text: 'await Deno.writeTextFile("x", "y");\n' },
    { path: "web/server.tsx", text: 'Deno.renameSync("x", "y");\n' },
    { path: "config/load.ts", text: 'await Deno.mkdir("x");\n' },
    { path: "main.ts", text: 'await Deno.open("x", { read: true, append: true });\n' },
  ],
  "only one constructor makes a wish to close": [
    { path: "core/upkeep.ts", text: 'const wish = { kind: "reduce", lots: 1 };\n' },
  ],
  "only the live adapter knows ccxt": [
    { path: "core/venues/live.ts", text: 'const lib = await import("ccxt");\n' },
  ],
  "packages are named in deno.json": [
    { path: "core/stats.ts", text: 'import { z } from "npm:zod@4";\n' },
    { path: "main.ts", text: 'const x = await import("jsr:@std/fs");\n' },
    { path: "main.ts", text: 'import x from "https://deno.land/x/y.ts";\n' },
  ],
  "sources say what is, not what may come": [
    "// TODO later",
    "// FIXME",
    "/* XXX */",
    "// a hack",
    "// good enough for now",
    "// as in v7.6",
  ].map((text) => ({ path: "core/stats.ts", text: `${text}\n` })),
  "the core counts in fractions": [
    "const ddPct = 4;",
    "const pct = 4;",
    "const percentOfNav = 4;",
    "const x = ratio * 100;",
    "const x = ratio * 10_000;",
    "const x = count(5) + 100;",
  ].map((text) => ({ path: "core/risk/caps.ts", text: `${text}\n` })),
  "golden adapters rename and call": [
    "const x = (a: number) => a * 2;",
    "const x = (a: number, b: number) => a + b;",
    "const x = (a: number, b: number) => a - b;",
    "const x = (a: number) => a / 3;",
    "const x = Math.max(1, 2);",
    `function f() {\n${"  g();\n".repeat(25)}}`,
  ].map((text) => ({ path: "tests/golden_adapters/x.ts", text: `${text}\n` })),
};

Deno.test("a tidy tree has no findings", () => {
  for (const rule of RULES) assert.deepEqual(findingsOf(rule, TIDY), [], rule.name);
});

Deno.test("every tidy rule has a fixture", () => {
  assert.deepEqual(Object.keys(FIXTURES).toSorted(), RULES.map(({ name }) => name).toSorted());
});

for (const rule of RULES) {
  Deno.test(`tidy rule bites: ${rule.name}`, () => {
    for (const { path, text, finds } of FIXTURES[rule.name] ?? []) {
      const findings = findingsOf(rule, new Map([...TIDY, [path, text]]));
      assert.notDeepEqual(findings, [], `${path}: ${text.slice(0, 200)}`);
      if (finds !== undefined) assert.match(findings.join("\n"), finds);
    }
  });
}

Deno.test("words in comments and texts are no code", () => {
  const text = [
    "// Date.now() and crypto. are named here, and 100 of them",
    '/** Deno.open("x", { write: true }) */',
    'const x = "Math.random() catch 100";',
    "const y = /Date.now|catch/;",
    "const z = `console.log ${x} percent`;",
    "const max_nav_pct = frac(0.5), mean = factor(100);",
  ].join("\n");
  const all = new Map([...TIDY, ["core/stats.ts", text]]);
  const findings = RULES.filter(({ name }) => !name.startsWith("imports"))
    .flatMap((rule) => findingsOf(rule, all));
  assert.deepEqual(findings, []);
});

function findingsOf(rule: Rule, all: Sources): readonly string[] {
  return [...all].flatMap(([path, text]) => rule.check(path, text, all));
}

async function readSources(): Promise<Sources> {
  const all = new Map<string, string>();
  for (const folder of FOLDERS) await readFolder(folder, all);
  for await (const { name } of Deno.readDir(ROOT)) {
    if (/\.tsx?$/.test(name)) all.set(name, await Deno.readTextFile(ROOT + name));
  }
  return all;
}

async function readFolder(folder: string, into: Map<string, string>): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
    const path = `${folder}/${name}`;
    if (SKIPPED.test(path)) continue;
    if (isDirectory) await readFolder(path, into);
    else if (/\.tsx?$/.test(name)) into.set(path, await Deno.readTextFile(ROOT + path));
  }
}
