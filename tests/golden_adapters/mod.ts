/** Every adapter; the name of a vector file picks its own. */
import type { Adapter } from "./adapter.ts";
import { INTEL } from "./intel.ts";
import { RISK } from "./risk.ts";
import { ROUTER } from "./router.ts";
import { RUNTIME } from "./runtime.ts";

export const ADAPTERS: readonly Adapter[] = [...INTEL, ...RISK, ...ROUTER, ...RUNTIME];

/** The adapter of a vector file, by the file's name alone. */
export function adapterOf(path: string): Adapter | null {
  const name = path.split("/").at(-1);
  return ADAPTERS.find(({ file }) => name === `${file}.json`) ?? null;
}
