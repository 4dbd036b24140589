/** `surfaces.json` and the JSON Schemas of all surfaces: what an outside reader may rely on. */
import { z } from "zod";
import { writeAtomic } from "../files.ts";
import { isDurable, type SurfaceName, SURFACES } from "./mod.ts";
import { type Cadence, SCHEMA_VERSION } from "./surface.ts";

/** A file older than this (by its wall time) is stale; null: it is written when it changes. */
export const MAX_AGE_S: Readonly<Record<Cadence, number | null>> = {
  loop: 15,
  mirror: 60,
  intel: 1_800,
  change: null,
};

/** Writes the manifest and one schema per surface. */
export async function writeManifest(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/schemas`, { recursive: true });
  const names = Object.keys(SURFACES) as SurfaceName[];
  const surfaces = names.map((name) => {
    const { file, owner, cadence } = SURFACES[name];
    const schema = `schemas/${name}.schema.json`;
    const kind = isDurable(name) ? "durable" : "view";
    return { name, file, owner, cadence, class: kind, max_age_s: MAX_AGE_S[cadence], schema };
  });
  for (const name of names) {
    const schema = z.toJSONSchema(SURFACES[name].schema as z.ZodType);
    const text = JSON.stringify({ title: SURFACES[name].file, ...schema }, null, 2);
    await writeAtomic(`${folder}/schemas/${name}.schema.json`, `${text}\n`, { sync: false });
  }
  const manifest = JSON.stringify({ schema_version: SCHEMA_VERSION, surfaces }, null, 2);
  await writeAtomic(`${folder}/surfaces.json`, `${manifest}\n`, { sync: false });
}
