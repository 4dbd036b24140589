/** Which program this is, for a report of what went wrong. */
import * as f from "../format.ts";
import type { Panel, State } from "./panel.ts";

type Seen = Pick<State, "engine_metadata" | "diagnostics">;

export const footer: Panel<keyof Seen> = {
  id: "footer",
  title: "Build",
  place: "foot",
  reads: ["engine_metadata", "diagnostics"],
  View: ({ engine_metadata: meta, diagnostics }) => {
    if (meta === undefined) return "ballast";
    const loop = diagnostics?.runtime_diagnostics.loop;
    const parts = [
      `ballast ${meta.engine_version}`,
      `commit ${meta.git_commit?.slice(0, 10) ?? "unknown"}`,
      `Deno ${meta.build.deno}`,
      `prices ${meta.feed}`,
      `config ${meta.config_hash}`,
      `run ${meta.run_id}`,
      `tick ${f.ms(loop?.p50_ms)} median, ${f.ms(loop?.p99_ms)} p99`,
      `memory ${f.count(diagnostics?.runtime_diagnostics.rss_mb)} MB`,
    ];
    return parts.join(" · ");
  },
};
