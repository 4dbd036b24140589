import assert from "node:assert/strict";
import { recoverVenue } from "../state/venue_ledger.ts";
import type { Route } from "../core/router/route.ts";
import { type Facts, factsOf } from "./kill/facts.ts";
import {
  goOnAlone,
  killRepeatedly,
  quotesIn,
  renderKills,
  settle,
  startEngine,
  unmet,
  writeBusyConfig,
} from "./kill/run.ts";
import { inTempDir, lane, say } from "./lanes.ts";

const KILLS = 20;
/** On a busy machine many a process is killed before its first tick. */
const FIRST_TICKS_MIN = 3;

lane("kill -9 at any moment loses nothing, doubles nothing and leaves every surface whole", {
  needs: ["read", "write", "run", "env"],
  run: () =>
    inTempDir(async (dir) => {
      const totals = await killRepeatedly(dir, { count: KILLS, seed: 2 });
      say(renderKills(totals));
      assert.deepEqual(totals.violations, []);
      assert.ok(totals.fills > 20, "there was something to lose");
      assert.ok(totals.firstTicks >= FIRST_TICKS_MIN, "lives were held against those before");
      assert.ok(totals.orders >= 2, "an operator paused and let run again");
    }),
});

Deno.test("a long campaign of kills that met a place too seldom has failed", () => {
  const places = { record: 50, submit: 50, flush: 50, checkpoint: 0, telemetry: 0, elsewhere: 350 };
  assert.deepEqual(unmet(places, 500), []);
  for (const place of ["record", "submit", "flush"] as const) {
    assert.deepEqual(unmet({ ...places, [place]: 49 }, 500).length, 1, place);
    assert.deepEqual(unmet({ ...places, [place]: 0 }, KILLS), [], "a short one proves less");
  }
});

lane("two minutes after the engine died none of its quotes rests, and every stop does", {
  needs: ["read", "write", "run", "env"],
  run: () =>
    inTempDir(async (dir) => {
      await writeBusyConfig(`${dir}/config`);
      const path = `${dir}/logs/sim/venue.jsonl`;
      // Four minutes a second: a quote rests for up to a quarter of a second of real time.
      await killWhen(dir, { speed: 240 }, async () => {
        const state = (await recoverIfThere(path))?.state;
        const orders = Object.values(state?.orders ?? {});
        return orders.some(({ closePosition }) => closePosition) &&
          quotesIn(state?.orders ?? {}).length > 0;
      });
      const before = (await recoverVenue(path))!.state;
      const resting = quotesIn(before.orders);
      assert.ok(resting.length > 0, "a quote was resting when the engine died");
      const { quotes: ended, violations } = await goOnAlone(dir, 120_000);
      assert.deepEqual(violations, []);
      assert.equal(ended, resting.length);
      const { ledger, venue } = await factsOf(dir);
      for (const id of resting) {
        const done = ledger.find((row) => row.k === "done" && row.clientId === id);
        assert.ok(done !== undefined && done.at - before.nowMs <= 60_000, `${id} went in time`);
      }
      const { orders, positions } = venue!.state;
      const stops = Object.values(orders).filter(({ closePosition }) => closePosition);
      assert.ok(Object.keys(before.positions).length > 0, "there was something to protect");
      for (const key of Object.keys(before.positions)) {
        const rests = stops.some(({ ticker, side }) => `${ticker}:${side}` === key);
        assert.ok(rests || positions[key] === undefined, `${key} keeps its stop`);
      }
      // What was filled after the engine died has no stop yet: the next start sees to it.
      assert.deepEqual(await settle(dir), []);
      const legs = Object.keys(positions).length;
      say(`dead man: ${ended} quotes taken back, ${stops.length} stops rested for ${legs} legs`);
    }),
});

lane("a parent killed between two of its slices goes on where it was, and no further", {
  needs: ["read", "write", "run", "env"],
  run: () =>
    inTempDir(async (dir) => {
      await writeBusyConfig(`${dir}/config`);
      // Eighty seconds a second: the slices of a parent are an eighth of a second apart.
      await killWhen(dir, { speed: 80 }, async () =>
        Object.values(await routesIfThere(dir)).some(isBetweenSlices));
      const { memory } = await factsOf(dir);
      const open = Object.values(memory!.routes).filter(({ twap }) =>
        twap !== null
      );
      assert.ok(open.length > 0, "a sliced parent was under way when the engine died");
      assert.deepEqual(await settle(dir), []);
      const after = await factsOf(dir);
      const events = after.journal.flatMap((row) => row.events);
      for (const parent of open) {
        const real = executedOf(after, parent.clientIds[0]!);
        const ends = events.filter((event) =>
          event.kind === "route_end" && event.routeId === parent.id
        );
        assert.equal(ends.length, 1, `${parent.id} ended once`);
        const [end] = ends;
        assert.ok(end?.kind === "route_end" && end.filledLots <= parent.lots);
        assert.equal(end.filledLots, real, "the exchange executed what the parent booked");
        const begun = parent.twap!.begunCount;
        say(
          `${parent.id}: killed after slice ${begun} of ${parent.twap!.slices.length} with ` +
            `${parent.filledLots} of ${parent.lots} lots; then ${end.status} (${end.reason}), ` +
            `${end.filledLots} lots in ${end.slicesBegun} slices`,
        );
      }
    }),
});

/** Starts an engine over `dir` and kills it in the first moment that will do. */
async function killWhen(
  dir: string,
  { speed }: { speed: number },
  isMoment: () => Promise<boolean>,
): Promise<void> {
  const child = startEngine(dir, {
    args: ["--no-web", "--speed", String(speed)],
    disk: "quick",
  });
  const told = new Response(child.stderr).text();
  const said = new Response(child.stdout).text();
  let over = false;
  child.status.then(() => over = true);
  while (!await isMoment()) {
    if (over) throw new Error(`the engine ended by itself: ${await told}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill("SIGKILL");
  await Promise.all([child.status, told, said]);
}

function isBetweenSlices({ twap, filledLots }: Route): boolean {
  return twap !== null && filledLots > 0 && twap.begunCount < twap.slices.length;
}

async function routesIfThere(dir: string): Promise<Readonly<Record<string, Route>>> {
  return await factsOf(dir).then(({ memory }) => memory?.routes ?? {}, () => ({}));
}

/** Lots that the exchange executed for the route of one order. */
function executedOf({ ledger }: Facts, clientId: string): number {
  const family = clientId.split("-").slice(0, 2).join("-");
  return ledger.reduce(
    (lots, row) =>
      row.k === "trade" && row.trade.clientId.startsWith(family) ? lots + row.trade.lots : lots,
    0,
  );
}

async function recoverIfThere(path: string) {
  return await recoverVenue(path).catch(() => null);
}
