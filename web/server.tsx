/** Serves the page. */
import type { Store } from "../state/store.ts";
import type { RunFacts } from "../state/surfaces/surface.ts";

export function startWeb(_options: {
  store: Store;
  run: RunFacts;
  host: string;
  port: number;
  assets: string;
}): Promise<{ port: number; stop: () => Promise<void> }> {
  return Promise.resolve({ port: 0, stop: () => Promise.resolve() });
}
