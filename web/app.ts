/** The HTTP surface: the page, its events, the state as JSON, and whether the engine is alive. */
import { type Context, Hono } from "hono";
import type { Reader } from "../state/store.ts";
import type { SurfaceName } from "../state/surfaces/mod.ts";
import type { RunFacts } from "../state/surfaces/surface.ts";
import type { Asset, Assets } from "./assets.ts";
import { renderDocument } from "./document.tsx";
import { guard } from "./guard.ts";
import type { Live } from "./live.ts";
import { agesOf, momentOf, stateOf, SURFACE_NAMES } from "./readings.ts";
import { verdictOf } from "./verdict.ts";
import { vitalsOf } from "./vitals.ts";

export type AppOptions = {
  readonly store: Reader;
  readonly run: Pick<RunFacts, "runId" | "mode">;
  readonly assets: Assets;
  readonly live: Live;
  /** The address the page listens on. */
  readonly host: string;
  readonly nowMs: () => number;
  readonly onFault: (message: string) => void;
};

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
const FOR_EVER = "public, max-age=31536000, immutable";

/** Builds the app; nothing runs until somebody asks. */
export function createApp(options: AppOptions): Hono {
  const { store, assets, live, host, nowMs, onFault } = options;
  const app = new Hono();
  app.use(guard(host));
  app.get("/", (c) => {
    const id = (version: number) => live.idOf(version);
    return c.html(renderDocument({ store, assets, id, nowMs: nowMs() }));
  });
  app.get("/events", (c) => events(c, live));
  app.get("/healthz", (c) => health(c, options));
  app.get("/api/state", (c) => {
    const body = { run_id: options.run.runId, surfaces: agesOf(store, nowMs()) };
    return c.body(`${JSON.stringify(body)}\n`, 200, JSON_TYPE);
  });
  app.get("/api/state/:surface", (c) => surface(c, options));
  for (const asset of [assets.style, assets.script]) {
    if (asset !== null) app.get(asset.path, (c) => sendAsset(c, asset));
  }
  app.notFound((c) => c.text("Not found.\n", 404));
  app.onError((error, c) => {
    onFault(`page: ${c.req.path}: ${error.message}`);
    return c.text("The page could not be made.\n", 500);
  });
  return app;
}

function events(c: Context, live: Live): Response {
  const headers = { "content-type": "text/event-stream; charset=utf-8" };
  if (c.req.method === "HEAD") return c.body(null, 200, headers);
  const lastId = c.req.header("last-event-id") ?? c.req.query("since") ?? "";
  const stream = live.open(lastId);
  if (stream === null) return c.text("Too many pages are open.\n", 503, { "retry-after": "10" });
  return c.body(stream, 200, headers);
}

/** 200 only while the engine's loop is heard; says nothing that is secret. */
function health(c: Context, { store, run, nowMs }: AppOptions): Response {
  const state = stateOf(store);
  const at = momentOf(store, nowMs());
  const { blind, ageMs } = vitalsOf(state, at);
  const body = {
    level: verdictOf(state, at).level,
    age_s: ageMs === null ? null : ageMs / 1_000,
    seq: state.diagnostics?.seq ?? null,
    mode: run.mode,
  };
  return c.body(`${JSON.stringify(body)}\n`, blind ? 503 : 200, JSON_TYPE);
}

/** One surface, byte for byte as it is on disk and in every live page. */
function surface(c: Context, { store, run }: AppOptions): Response {
  const name = SURFACE_NAMES.find((known) => known === c.req.param("surface"));
  if (name === undefined) {
    return c.text(`No such surface. There are: ${SURFACE_NAMES.join(", ")}\n`, 404);
  }
  const text = store.text(name);
  if (text === undefined) return c.text(`${name} has not been published yet.\n`, 503);
  const tag = tagOf(store, name, run.runId);
  const headers = { ...JSON_TYPE, etag: tag, "cache-control": "no-cache" };
  const known = (c.req.header("if-none-match") ?? "").split(",")
    .map((given) => given.trim().replace(/^W\//, ""));
  return known.includes(tag) ? c.body(null, 304, headers) : c.body(text, 200, headers);
}

/** Versions begin anew with each run, so the run is part of the tag. */
function tagOf(store: Reader, name: SurfaceName, runId: string): string {
  return `"${runId}.${store.version(name)}"`;
}

function sendAsset(c: Context, { text, type }: Asset): Response {
  return c.body(text, 200, { "content-type": type, "cache-control": FOR_EVER });
}
