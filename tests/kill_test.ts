import assert from "node:assert/strict";
import { killRepeatedly, renderKills } from "./kill/run.ts";
import { inTempDir, lane, say } from "./lanes.ts";

const KILLS = 20;

lane("kill -9 at any moment loses nothing, doubles nothing and leaves every surface whole", {
  needs: ["read", "write", "run", "env"],
  run: () =>
    inTempDir(async (dir) => {
      const totals = await killRepeatedly(dir, { count: KILLS, seed: 2 });
      say(renderKills(totals));
      assert.deepEqual(totals.violations, []);
      assert.ok(totals.fills > 20, "there was something to lose");
    }),
});
