/** Makes every surface from a tick, as the publisher does, and holds it against its schema. */
import type { Memory } from "../../core/memory.ts";
import { worldOf } from "../../core/world.ts";
import { encode } from "../../state/encode.ts";
import { disagreements } from "../../state/surfaces/agreement.ts";
import { EXECUTOR_SURFACES, PROJECTIONS, SURFACES } from "../../state/surfaces/mod.ts";
import type { Envelope, Published } from "../../state/surfaces/surface.ts";
import type { Tick } from "./run.ts";

const RUN: Published["run"] = {
  runId: "r-swarm",
  env: "sim",
  mode: "sim",
  speed: 0,
  venue: "sim",
  feed: "synthetic",
  positionMode: "hedge",
  startedMs: 0,
  startedWallMs: 0,
  version: "0.0.0",
  commit: null,
  deno: "0",
  target: "test",
  hostname: "test",
  pid: 1,
  configHash: "none",
  notes: [],
};

/** One reading as the publisher takes it. */
export function publishedOf(
  { memory, seen, rules, past }: Pick<Tick, "memory" | "seen" | "rules" | "past">,
): Published {
  return {
    memory,
    view: seen.market,
    sizeOf: (ticker) => seen.market.market(ticker),
    rules,
    past,
    world: worldOf(memory, { market: seen.market, past, rules }),
    account: seen.account.kind === "read" ? seen.account.value : null,
    run: RUN,
    loop: {
      lastMs: 1,
      p50Ms: 1,
      p99Ms: 1,
      stages: {},
      faults: [],
      surfaces: {},
      nonfiniteCount: 0,
      showing: { unmade: [], contradictions: [], sinceMs: {} },
      regression: null,
      tornFiles: [],
      invalidRowsCount: 0,
      stopRequested: false,
      ended: false,
      overrunsCount: 0,
      overBudgetSinceMs: null,
      slow: null,
      rssBytes: 1,
    },
    treasury: { asOf: null, maxAgeMs: 1, include: ["futures"], holdings: {} },
  };
}

/** The envelope of a tick's surfaces. */
export function envelopeOf({ pulse }: Pick<Memory, "pulse">): Envelope {
  return {
    schema_version: 1,
    updated_ts: new Date(pulse.nowMs).toISOString(),
    seq: pulse.seq,
    run_id: RUN.runId,
    env: RUN.env,
    writer: "executor",
    wall_ts: new Date(0).toISOString(),
    speed: 0,
  };
}

/** A sentence when a surface breaks its schema or contradicts another, else null. */
export function CHECKER_SURFACES(tick: Tick): string | null {
  const published = publishedOf(tick);
  const envelope = envelopeOf(tick.memory);
  const told: Record<string, unknown> = {};
  for (const name of EXECUTOR_SURFACES) {
    const { text, droppedCount } = encode({ ...envelope, ...PROJECTIONS[name](published) });
    if (droppedCount > 0) return `${name}: ${droppedCount} figures are no finite number`;
    const parsed = SURFACES[name].schema.safeParse(JSON.parse(text));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return `${name}: ${issue!.path.join(".")}: ${issue!.message}`;
    }
    told[name] = parsed.data;
  }
  return disagreements(told)[0] ?? null;
}
