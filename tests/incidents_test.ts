/** Every known incident has a test that would be red, or a word why there is none. */
import assert from "node:assert/strict";
import { INCIDENTS } from "./incidents.ts";
import { lane, say } from "./lanes.ts";
import { uncommented } from "./tidy_rules.ts";
import { SCENARIOS } from "./scenarios/mod.ts";

const range = (letter: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
const IDS = [...range("A", 26), ...range("B", 20), ...range("C", 26)];
const PROOFS = Object.entries(INCIDENTS).flatMap(([id, incident]) =>
  "proofs" in incident ? incident.proofs.map((proof) => ({ id, proof })) : []
);

Deno.test("all seventy-two incidents are on the list, each once", () => {
  assert.deepEqual(Object.keys(INCIDENTS).toSorted(), IDS.toSorted());
});

Deno.test("every scenario belongs to an incident, and has a fault that can be planted", () => {
  const named = new Set(
    PROOFS.flatMap(({ proof }) => "scenario" in proof ? [proof.scenario] : []),
  );
  assert.deepEqual([...named].toSorted(), Object.keys(SCENARIOS).toSorted());
  for (const [name, { fault }] of Object.entries(SCENARIOS)) {
    assert.ok(Object.keys(fault).length > 0, `${name} has nothing to plant`);
  }
});

lane("the test that each incident names is there", {
  needs: ["read"],
  run: async () => {
    const missing: string[] = [];
    for (const { id, proof } of PROOFS) {
      if ("scenario" in proof) continue;
      const text = await Deno.readTextFile(new URL(proof.file, import.meta.url));
      const problem = "step" in proof
        ? stepProblem(text, proof.step)
        : testProblem(uncommented(text), proof.test);
      if (problem !== null) missing.push(`${id}: ${problem}`);
    }
    assert.deepEqual(missing, []);
    say(summary());
  },
});

/** Why a test of this name proves nothing; null where it does run. */
function testProblem(code: string, name: string): string | null {
  const parts = code.split(JSON.stringify(name));
  for (let i = 1; i < parts.length; i++) {
    const how = /([\w.]+)\(\s*$/.exec(parts[i - 1]!.slice(-40))?.[1];
    if (how !== "Deno.test" && how !== "lane") continue;
    const rest = parts[i]!;
    // The head of a lane: what it needs of a machine, up to what it runs.
    const head = /^,\s*\{/.test(rest) ? rest.split(/\b(?:run|fn)\b/)[0]! : "";
    const held = /\b(?:ignore|only|missing)\b/.exec(head);
    return held === null ? null : `${name} does not run everywhere: ${held[0]}`;
  }
  return `no test that runs is called ${name}`;
}

/** Why a step of the gate proves nothing: it is not there. */
function stepProblem(text: string, step: string): string | null {
  return text.split("\n").includes(`step ${step}`) ? null : `the gate has no step ${step}`;
}

Deno.test("a test that is left out, commented out or runs only somewhere is no proof", () => {
  const proves = (code: string) => testProblem(uncommented(code), "x (y)") === null;
  assert.ok(proves('Deno.test("x (y)", () => {});'));
  assert.ok(proves('lane("x (y)", {\n  needs: ["read"],\n  run: () => only(),\n});'));
  for (
    const code of [
      'const name = "x (y)";',
      '// Deno.test("x (y)", () => {});',
      'Deno.test.ignore("x (y)", () => {});',
      'Deno.test("x (y)", { ignore: true }, () => {});',
      'lane("x (y)", { needs: [], missing: () => "a binary", run: f });',
    ]
  ) assert.ok(!proves(code), code);
});

/** How many incidents are shown in which way, and what no test shows yet. */
function summary(): string {
  const counts: Record<string, number> = {};
  const open: string[] = [];
  for (const [id, incident] of Object.entries(INCIDENTS)) {
    if ("open" in incident) open.push(`  open: ${id} ${incident.what}: wants ${incident.open}`);
    const kind = kindOf(incident);
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  const told = Object.entries(counts).map(([kind, n]) => `${kind} ${n}`).join(", ");
  return [`incidents: ${told}; scenarios ${Object.keys(SCENARIOS).length}`, ...open].join("\n");
}

function kindOf(incident: typeof INCIDENTS[string]): string {
  if (!("proofs" in incident)) return "none" in incident ? "none" : "open";
  const [first] = incident.proofs;
  return first !== undefined && "lane" in first ? first.lane : "sim";
}
