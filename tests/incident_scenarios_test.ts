/**
 * Incidents played again. Each scenario is played twice: as the engine is, nothing is lost; with
 * the fault of the system that had the incident planted, the same look at it says what is.
 */
import assert from "node:assert/strict";
import { type ScenarioName, SCENARIOS } from "./scenarios/mod.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { Stage } from "./scenarios/stage.ts";

for (const name of Object.keys(SCENARIOS) as ScenarioName[]) {
  const scenario: Scenario = SCENARIOS[name];
  Deno.test(`incident: ${name}`, async () => {
    assert.equal(await played(scenario, false), null, scenario.what);
    const lost = await played(scenario, true);
    assert.match(lost ?? "nothing is lost", scenario.shows, "with its fault planted");
  });
}

async function played(scenario: Scenario, isFaulty: boolean): Promise<string | null> {
  const stage = new Stage(scenario.setting, isFaulty ? scenario.fault : {});
  await scenario.play(stage);
  return scenario.lost(stage);
}
