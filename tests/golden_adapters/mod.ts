/** Every adapter; the name of a vector file picks its own. */
import type { Adapter } from "./adapter.ts";
import { INTEL } from "./intel.ts";
import { RISK } from "./risk.ts";
import { ROUTER } from "./router.ts";
import { ROUTER_MODELS } from "./router_models.ts";
import { RUNTIME } from "./runtime.ts";
import { RUNTIME_BOOKS } from "./runtime_books.ts";

const AREAS: Readonly<Record<string, readonly Adapter[]>> = {
  intel: INTEL,
  risk: RISK,
  router: [...ROUTER, ...ROUTER_MODELS],
  runtime: [...RUNTIME, ...RUNTIME_BOOKS],
};

export const ADAPTERS: readonly Adapter[] = Object.values(AREAS).flat();

/** Vector files whose names begin like another's, and that are not its. */
const STRANGERS = ["portfolio_var_from_positions", "position_cvar_for_symbol"];

/**
 * The adapter of a vector file, by its name: `rsi.json` and `rsi_more.json` are the adapter `rsi`'s.
 * Where two areas have a file of one name, the folder decides.
 */
export function adapterOf(path: string): Adapter | null {
  const [name, area] = path.split("/").toReversed();
  const stem = name!.replace(/\.json$/, "");
  if (STRANGERS.some((other) => stem.startsWith(other))) return null;
  const named = ADAPTERS.filter(({ file }) =>
    stem === file || (stem.startsWith(file) && /^[._-]/.test(stem.slice(file.length)))
  );
  const [best] = named.filter(({ file }) => named.every((other) => file.startsWith(other.file)));
  const twins = named.filter(({ file }) => file === best?.file);
  return twins.find((twin) => AREAS[area ?? ""]?.includes(twin)) ?? best ?? null;
}
