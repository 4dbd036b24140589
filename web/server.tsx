/** Serves the page. Everything it starts, it stops. */
import { Refusal } from "../core/assert.ts";
import type { Store } from "../state/store.ts";
import type { RunFacts } from "../state/surfaces/surface.ts";
import { createApp } from "./app.ts";
import { readAssets } from "./assets.ts";
import { Live } from "./live.ts";

/** How long open requests may take to end before they are cut off. */
const GOODBYE_MS = 1_000;

export async function startWeb({ store, run, host, port, assets: folder, onFault }: {
  store: Store;
  run: RunFacts;
  host: string;
  port: number;
  /** Path of the folder `web`. */
  assets: string;
  onFault?: (message: string) => void;
}): Promise<{ port: number; stop: () => Promise<void> }> {
  const assets = await readAssets(folder);
  const nowMs = Date.now;
  const live = new Live({ store, runId: run.runId, build: assets.build, nowMs });
  const report = onFault ?? (() => {});
  const app = createApp({ store, run, assets, live, host, nowMs, onFault: report });
  const cut = new AbortController();
  // A variable, not a literal: older runtimes always compress and do not know the option.
  const options = {
    hostname: host,
    port,
    signal: cut.signal,
    onListen: () => {},
    automaticCompression: true,
  };
  const server = Deno.serve(options, app.fetch);
  const stop = async () => {
    live.close();
    const timer = setTimeout(() => cut.abort(), GOODBYE_MS);
    await server.shutdown().catch(() => {});
    await server.finished;
    clearTimeout(timer);
  };
  return { port: server.addr.port, stop };
}

/** A page that cannot be served is a mistake of the command line, not of the engine: refuses. */
export async function servePage(page: Parameters<typeof startWeb>[0]) {
  try {
    return await startWeb(page);
  } catch (error) {
    const at = `${page.host}:${page.port}`;
    const why = error instanceof Deno.errors.AddrInUse
      ? "somebody listens there already; choose another --port, or --no-web"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new Refusal(`cannot serve the page on ${at}: ${why}`);
  }
}
