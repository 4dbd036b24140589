/** `engine_metadata.json`: which program this is, how it was started, and whether it still runs. */
import { z } from "zod";
import { count, envelopeShape, iso, isoTime, type Published } from "./surface.ts";

const STATUSES = ["starting", "running", "stopped"] as const;

export const EngineMetadata = z.strictObject({
  ...envelopeShape,
  engine_version: z.string(),
  /** The version the documents beside this build describe. */
  docs_version: z.string(),
  git_commit: z.string().nullable(),
  hostname: z.string(),
  status: z.enum(STATUSES),
  started_ts: isoTime,
  started_wall_ts: isoTime,
  pid: count,
  config_hash: z.string(),
  mode: z.enum(["sim", "paper", "live"]),
  venue: z.string(),
  /** Where the venue is asked; null when it needs no network. */
  base_url: z.string().nullable(),
  feed: z.string(),
  build: z.strictObject({ deno: z.string(), target: z.string() }),
  capabilities: z.array(z.string()),
});

export function projectEngineMetadata(published: Published) {
  const { run, rules } = published;
  return {
    engine_version: run.version,
    docs_version: run.version,
    git_commit: run.commit,
    hostname: run.hostname,
    status: statusOf(published),
    started_ts: iso(run.startedMs),
    started_wall_ts: iso(run.startedWallMs),
    pid: run.pid,
    config_hash: run.configHash,
    mode: run.mode,
    venue: run.venue,
    base_url: null,
    feed: run.feed,
    build: { deno: run.deno, target: run.target },
    capabilities: [
      ...(rules.exits.venueStops ? ["venue_stops"] : []),
      ...(rules.exits.venueTargets ? ["venue_targets"] : []),
      ...(rules.router.makerFirst ? ["maker_first"] : []),
      "dead_man_switch",
    ],
  };
}

function statusOf({ memory, loop }: Published): (typeof STATUSES)[number] {
  if (loop.ended) return "stopped";
  return memory.pulse.phase === "run" ? "running" : "starting";
}
