/** Every known incident has a test that would be red, or a word why there is none. */
import assert from "node:assert/strict";
import { INCIDENTS } from "./incidents.ts";
import { lane, say } from "./lanes.ts";
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
      const named = proof.test.startsWith("degraded: ")
        ? proof.test.slice("degraded: ".length)
        : proof.test;
      if (!text.includes(JSON.stringify(named))) missing.push(`${id}: ${proof.test}`);
    }
    assert.deepEqual(missing, []);
    say(summary());
  },
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
