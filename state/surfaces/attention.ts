/**
 * What an operator must know that the engine itself does not see: what became of publishing it, how
 * the process stands, and what its counters and records come to. Joined with the engine's own items.
 */
import { type Attention, funnelOf } from "../../core/diagnostics.ts";
import { remembered } from "../../core/remember.ts";
import { routingOfAll, routingOfWhole } from "../../core/routing.ts";
import { MS_PER_DAY, MS_PER_MINUTE } from "../../core/units.ts";
import { isIdle, watched } from "./liveness.ts";
import { entriesOf, type Published } from "./surface.ts";

/** A storm: so many vetoes within this time, nearly all for one reason, and no order. */
const STORM_MS = 10 * MS_PER_MINUTE;
const STORM_MIN_COUNT = 20;
const STORM_SHARE_FRAC = 0.9;
/** A process is new for so long. */
const NEW_MS = 10 * MS_PER_MINUTE;
/** Symbols that are told by name. */
const NAMES_MAX = 3;

/** Everything beside the engine's own items that is true at this instant. */
export const shellItems = remembered((published: Published): readonly Attention[] => [
  ...publishingItems(published),
  ...startItems(published),
  ...treasuryItems(published),
  ...idleItems(published),
  ...stormItems(published),
  ...contained(routerItems, published),
]);

/** Records that cannot be summed up keep `router_health` from being made: that is told, and the rest. */
function contained(
  itemsOf: (published: Published) => readonly Attention[],
  published: Published,
): readonly Attention[] {
  try {
    return itemsOf(published);
  } catch {
    return [];
  }
}

/** Surfaces that are not what they should be, and rows of the logs. */
function publishingItems({ loop }: Published): Attention[] {
  const { showing: { unmade, contradictions }, nonfiniteCount, invalidRowsCount, regression } =
    loop;
  const items: Attention[] = [];
  const [stale] = unmade;
  if (stale !== undefined) {
    items.push({ id: "surface_stale", level: "warn", args: [unmade.length, ...stale] });
  }
  const [contradiction] = contradictions;
  if (contradiction !== undefined) {
    const args = [contradictions.length, contradiction];
    items.push({ id: "surface_cross", level: "warn", args });
  }
  if (nonfiniteCount > 0) {
    items.push({ id: "nonfinite_dropped", level: "warn", args: [nonfiniteCount] });
  }
  if (invalidRowsCount > 0) {
    items.push({ id: "invalid_events", level: "warn", args: [invalidRowsCount] });
  }
  if (regression !== null) {
    const args = [Date.parse(regression.fromTs), Date.parse(regression.toTs)];
    items.push({ id: "nav_regressed", level: "warn", args });
  }
  return items;
}

/** That a process has begun, and what the one before had left torn. */
function startItems({ memory, run, loop }: Published): Attention[] {
  const items: Attention[] = [];
  const ageMs = memory.pulse.nowMs - run.startedMs;
  const [torn] = loop.tornFiles;
  if (torn !== undefined && ageMs < MS_PER_DAY) {
    items.push({ id: "torn_files", level: "info", args: [loop.tornFiles.length, torn] });
  }
  if (run.startedMs > memory.startedMs && ageMs < NEW_MS) {
    items.push({ id: "restarted", level: "info", args: [run.startedMs] });
  }
  return items;
}

function treasuryItems({ treasury, memory }: Published): Attention[] {
  const { asOf, maxAgeMs, include, holdings } = treasury;
  const counts = include.includes("offexchange") && Object.keys(holdings).length > 0;
  const ageMs = asOf === null ? null : memory.pulse.nowMs - Date.parse(asOf);
  if (!counts || ageMs === null || ageMs <= maxAgeMs) return [];
  return [{ id: "treasury_stale", level: "info", args: [ageMs, maxAgeMs] }];
}

/** Positions and NAV that are not read have items of the engine's own. */
const IDLE = ["signals", "orders", "exits", "router"] as const;

function idleItems(published: Published): Attention[] {
  const all = watched(published);
  return IDLE.filter((name) => isIdle(all[name])).map((name) => {
    const { idleMs, limitMs } = all[name];
    return { id: `idle_${name}`, level: "warn", args: [idleMs, limitMs] };
  });
}

function stormItems({ memory: { counters, pulse } }: Published): Attention[] {
  const { funnel } = funnelOf(counters, pulse.nowMs, { windowMs: STORM_MS });
  const reasons = Object.entries(funnel.vetoes).toSorted(([, a], [, b]) => b - a);
  const vetoedCount = reasons.reduce((sum, [, count]) => sum + count, 0);
  const [worst] = reasons;
  if (worst === undefined || funnel.orders > 0 || vetoedCount < STORM_MIN_COUNT) return [];
  const [reason, count] = worst;
  if (count / vetoedCount < STORM_SHARE_FRAC) return [];
  return [{ id: "veto_storm", level: "warn", args: [reason, count, vetoedCount] }];
}

/** Routing as a whole is poor by its score, its drift or its latency, or a symbol's score is. */
function routerItems(published: Published): Attention[] {
  const { quality: { score, label, driftBucket, latencyBucket } } = routingOfWhole(published);
  const weak = entriesOf(routingOfAll(published, { isDefensive: false }))
    .filter(([, routing]) => routing.quality.label === "WEAK").map(([ticker]) => ticker);
  const isPoor = label === "WEAK" || driftBucket === "RED" || latencyBucket === "SLOW";
  if (!isPoor && weak.length === 0) return [];
  const args = [score, driftBucket, latencyBucket, weak.length, ...weak.slice(0, NAMES_MAX)];
  return [{ id: "router_weak", level: "warn", args }];
}
