/** What the server reads from the store: the surfaces of the page, and how fresh all of them are. */
import type { Reader } from "../state/store.ts";
import { MAX_AGE_S } from "../state/surfaces/manifest.ts";
import { type SurfaceName, SURFACES } from "../state/surfaces/mod.ts";
import { PANELS } from "./panels/mod.ts";
import type { Moment, State } from "./panels/panel.ts";

export const SURFACE_NAMES = Object.keys(SURFACES) as readonly SurfaceName[];
/** The surfaces that some panel reads. */
export const PAGE_SURFACES: readonly SurfaceName[] = [
  ...new Set(PANELS.flatMap(({ reads }) => reads)),
];

export type SurfaceAge = {
  readonly name: SurfaceName;
  readonly seq: number | null;
  readonly updated_ts: string | null;
  readonly wall_ts: string | null;
  readonly age_s: number | null;
  readonly fresh: boolean;
};

export function stateOf(store: Reader): State {
  return Object.fromEntries(PAGE_SURFACES.map((name) => [name, store.get(name)]));
}

/** How old a surface may be, in seconds; what is written when it changes never grows old. */
function budgetS(name: SurfaceName): number {
  return MAX_AGE_S[SURFACES[name].cadence] ?? Infinity;
}

/** Every surface with its age; one that was never published has none and is not fresh. */
export function agesOf(store: Reader, nowMs: number): readonly SurfaceAge[] {
  return SURFACE_NAMES.map((name) => {
    const value = store.get(name);
    if (value === undefined) {
      return { name, seq: null, updated_ts: null, wall_ts: null, age_s: null, fresh: false };
    }
    const { seq, updated_ts, wall_ts } = value;
    const age_s = Math.max(0, nowMs - Date.parse(wall_ts)) / 1_000;
    const fresh = age_s <= budgetS(name);
    return { name, seq, updated_ts, wall_ts, age_s, fresh };
  });
}

/**
 * Counts what has been published or is overdue: right after a start not everything is due, and what
 * is written when it changes never is.
 */
export function freshnessOf(store: Reader, nowMs: number): Moment["surfaces"] {
  const startedTs = store.get("engine_metadata")?.started_wall_ts;
  const runsS = startedTs === undefined ? Infinity : (nowMs - Date.parse(startedTs)) / 1_000;
  const ages = agesOf(store, nowMs).filter(({ name, age_s }) =>
    Number.isFinite(budgetS(name)) && (age_s !== null || runsS > budgetS(name))
  );
  return { fresh: ages.filter(({ fresh }) => fresh).length, total: ages.length };
}

/** The moment of a page as the server renders it. */
export function momentOf(store: Reader, nowMs: number): Moment {
  const link = { kind: "static" as const, heardMs: nowMs, outdated: false };
  return { nowMs, link, surfaces: freshnessOf(store, nowMs) };
}

/** The newest version of anything the page shows; 0 before the first publish. */
export function newestOf(store: Reader): number {
  return Math.max(0, ...PAGE_SURFACES.map((name) => store.version(name)));
}

/** A push as JSON: the store's own texts put together, nothing encoded a second time. */
export function pushText(store: Reader, since: number, nowMs: number): string {
  const changed = PAGE_SURFACES.filter((name) => store.version(name) > since);
  const state = changed.map((name) => `"${name}":${store.text(name)}`).join(",");
  const surfaces = JSON.stringify(freshnessOf(store, nowMs));
  return `"now":${nowMs},"surfaces":${surfaces},"state":{${state}}`;
}
