/** Every known incident has a test that would be red, or a word why there is none. */
import assert from "node:assert/strict";
import { INCIDENTS } from "./incidents.ts";
import { lane, say } from "./lanes.ts";

const range = (letter: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
const IDS = [...range("A", 26), ...range("B", 20), ...range("C", 26)];

Deno.test("all seventy-two incidents are on the list, each once", () => {
  assert.deepEqual(Object.keys(INCIDENTS).toSorted(), IDS.toSorted());
});

lane("the test that each incident names is there", {
  needs: ["read"],
  run: async () => {
    const missing: string[] = [];
    const counts: Record<string, number> = {};
    const open: string[] = [];
    for (const [id, incident] of Object.entries(INCIDENTS)) {
      const kind = "test" in incident ? incident.lane : "none" in incident ? "none" : "open";
      counts[kind] = (counts[kind] ?? 0) + 1;
      if ("open" in incident) open.push(`${id} ${incident.what}: wants ${incident.open}`);
      if (!("test" in incident)) continue;
      const text = await Deno.readTextFile(new URL(incident.file, import.meta.url));
      const named = incident.test.startsWith("degraded: ")
        ? incident.test.slice("degraded: ".length)
        : incident.test;
      if (!text.includes(JSON.stringify(named))) missing.push(`${id}: ${incident.test}`);
    }
    assert.deepEqual(missing, []);
    const told = Object.entries(counts).map(([kind, n]) => `${kind} ${n}`).join(", ");
    say(`incidents: ${told}\n${open.map((line) => `  open: ${line}`).join("\n")}`);
  },
});
