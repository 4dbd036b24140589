/**
 * State for the page: a real engine over a simulated market, played in memory, projected to real
 * surfaces. A test changes what it is about; every changed payload is held against its schema.
 */
import { buildRules, framesOf } from "../../config/load.ts";
import { run } from "../../core/executor.ts";
import { blankMemory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { Observation } from "../../core/ports.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState } from "../../core/venues/sim_state.ts";
import { worldOf } from "../../core/world.ts";
import { Engine } from "../../state/engine.ts";
import { mirrorNav } from "../../state/mirror.ts";
import { Store } from "../../state/store.ts";
import {
  EXECUTOR_SURFACES,
  type Payload,
  PROJECTIONS,
  type SurfaceName,
  SURFACES,
} from "../../state/surfaces/mod.ts";
import type { Envelope, Owner, Published, RunFacts } from "../../state/surfaces/surface.ts";
import { createApp } from "../../web/app.ts";
import type { Assets } from "../../web/assets.ts";
import { Live } from "../../web/live.ts";
import { config } from "../fixtures_run.ts";

const HOURS = 30;
const SEED = 7;
/** The wall time at which most tests look at the page. */
export const NOW_MS = Date.UTC(2026, 10, 24, 3, 12, 44);

export type Payloads = { readonly [N in SurfaceName]: Payload<N> };
export type Changes = { readonly [N in SurfaceName]?: (payload: Payload<N>) => Payload<N> };

export const RUN: RunFacts = {
  runId: "r-test",
  env: "sim",
  mode: "sim",
  speed: 60,
  venue: "sim",
  feed: "synthetic:7",
  positionMode: "hedge",
  startedMs: Date.UTC(2026, 0, 1),
  startedWallMs: NOW_MS - 3_600_000,
  version: "0.1.0",
  commit: "0123456789abcdef",
  deno: "2.9.6",
  target: "x86_64-unknown-linux-gnu",
  hostname: "test",
  pid: 1,
  configHash: "abcdefgh",
  notes: [],
};

const ENVELOPE: Envelope = {
  schema_version: 1,
  updated_ts: "2026-01-02T06:00:00.000Z",
  seq: 184_202,
  run_id: RUN.runId,
  env: "sim",
  writer: "executor",
  wall_ts: new Date(NOW_MS).toISOString(),
  speed: 60,
};

let played: Promise<Payloads> | null = null;

/** What the engine publishes after a day and a quarter of trading; played once for all tests. */
export function payloads(): Promise<Payloads> {
  played ??= play();
  return played;
}

async function play(): Promise<Payloads> {
  const feed = new SyntheticFeed({ seed: SEED, historyDays: 10, anchors: [], nowMs: null });
  const { baseMs, tickers, startMs } = feed;
  const rules = buildRules(config(), { baseMs, tickers, universe: "config" });
  const venue = new SimVenue({
    feed,
    rules: {
      seed: SEED,
      latencyMs: 60,
      makerBps: 2,
      takerBps: 5,
      positionMode: "hedge",
      bucketOf: (ticker) => rules.buckets[ticker]!,
    },
    state: blankState({ nowMs: startMs, walletUsd: 25_000, positions: [] }),
    lineage: "web",
    ledger: { append: () => {}, rotate: () => {} },
    gap: false,
    pace: () => Promise.resolve(),
  });
  const engine = new Engine({
    memory: blankMemory("web", startMs),
    rules,
    past: new Past({ baseMs, framesMs: framesOf(config()), rules }),
    protectOnly: false,
    onFault: () => {},
  });
  let last: Observation | null = null;
  await run((seen) => engine.decide(last = seen), {
    venue,
    sink: { record: () => Promise.resolve(true), publish: () => {} },
    stop: () => (last?.nowMs ?? startMs) >= startMs + HOURS * 3_600_000,
    resume: null,
  });
  return project({
    memory: engine.memory,
    view: last!.market,
    sizeOf: (ticker) => last!.market.market(ticker),
    rules,
    past: engine.past,
    world: worldOf(engine.memory, { market: last!.market, past: engine.past, rules }),
    account: last!.account.kind === "read" ? last!.account.value : null,
    run: { ...RUN, startedMs: startMs },
    loop: {
      lastMs: 0.2,
      p50Ms: 0.1,
      p99Ms: 0.9,
      surfaces: {},
      nonfiniteCount: 0,
      showing: { unmade: [], contradictions: [], sinceMs: {} },
      regression: null,
      tornFiles: [],
      invalidRowsCount: 0,
      stages: {},
      faults: [],
      stopRequested: false,
      ended: false,
      overrunsCount: 0,
      overBudgetSinceMs: null,
      slow: null,
      rssBytes: 100 * 1_048_576,
    },
    treasury: { asOf: null, maxAgeMs: 86_400_000, include: ["futures"], holdings: {} },
  });
}

function project(published: Published): Payloads {
  const updated_ts = new Date(published.memory.pulse.nowMs).toISOString();
  const envelope = { ...ENVELOPE, updated_ts };
  const all = Object.fromEntries(
    EXECUTOR_SURFACES.map((name) => [name, { ...envelope, ...PROJECTIONS[name](published) }]),
  ) as unknown as Payloads;
  const { nav, risk_snapshot: risk, positions_state: positions } = all;
  const clock = { mirrorSeq: 1, wallMs: NOW_MS };
  const copy = mirrorNav({ nav, risk, positions, history: [] }, undefined, clock)!;
  return { ...all, nav_state: { ...envelope, writer: "mirror", ...copy } };
}

/** A store that holds what was played, as changed; `wallMs` is the last sign of the loop. */
export async function storeWith(options: StoreOptions = {}): Promise<Store> {
  return (await movingStore(options)).store;
}

type StoreOptions = {
  readonly changes?: Changes;
  readonly without?: readonly SurfaceName[];
  readonly wallMs?: number;
  readonly seq?: number;
};

/** The same with a hand that goes on publishing. */
export async function movingStore(
  { changes = {}, without = [], wallMs = NOW_MS, seq = ENVELOPE.seq }: StoreOptions = {},
): Promise<{ store: Store; publish: (names: readonly SurfaceName[], seq: number) => void }> {
  const store = new Store();
  const claims = { executor: store.claim("executor"), mirror: store.claim("mirror") };
  const all = await payloads();
  for (const name of Object.keys(SURFACES) as SurfaceName[]) {
    if (without.includes(name)) continue;
    const change = changes[name] as ((payload: unknown) => Payload<SurfaceName>) | undefined;
    const base = { ...all[name], wall_ts: new Date(wallMs).toISOString(), seq };
    const payload = change === undefined ? base : change(base);
    const text = JSON.parse(JSON.stringify(payload));
    const { schema, owner } = SURFACES[name];
    schema.parse(text);
    put(claims[owner as Owner], name, text);
  }
  const publish = (names: readonly SurfaceName[], next: number) => {
    for (const name of names) {
      put(claims[SURFACES[name].owner as Owner], name, { ...store.get(name), seq: next });
    }
    claims.executor.commit();
  };
  return { store, publish };
}

/** Tests also publish what the types forbid: the page must bear it. */
function put(writer: unknown, name: SurfaceName, payload: unknown): void {
  (writer as { put: (name: SurfaceName, envelope: object, body: object) => void })
    .put(name, {}, payload as object);
}

/** Six positions, as many as the shipped limits allow, with the book behind them. */
export const SIX: Changes = {
  positions_state: (seen) => ({
    ...seen,
    positions: SIX_LEGS.map(([symbol, side, qty, entry_price, mark_price]) => ({
      ...seen.positions[0]!,
      symbol,
      side,
      position_key: `${symbol}:${side}`,
      qty,
      entry_price,
      mark_price,
      notional: Math.abs(qty) * mark_price,
      unrealized_pnl: qty * (mark_price - entry_price),
    })),
  }),
  positions_ledger: (book) => ({
    ...book,
    entries: SIX_LEGS.map(([symbol, side, qty, entry_price, mark_price, sl, tp]) => ({
      ...book.entries[0]!,
      symbol,
      side,
      position_key: `${symbol}:${side}`,
      qty: Math.abs(qty),
      entry_price,
      mark_price,
      sl,
      tp,
    })),
  }),
};

type Leg = [string, "LONG" | "SHORT", number, number, number, number | null, number | null];
const SIX_LEGS: readonly Leg[] = [
  ["BTCUSDT", "LONG", 0.052, 91_240.1, 92_011.5, 90_100, 93_150],
  ["ETHUSDT", "SHORT", -1.35, 3_105.2, 3_131.9, 3_175, 2_990],
  ["SOLUSDT", "LONG", 9.8, 138.42, 136.9, 134.8, null],
  ["LINKUSDT", "LONG", 61, 13.22, 13.41, 12.9, 14.05],
  ["DOGEUSDT", "LONG", 2_450, 0.1561, 0.1533, null, null],
  ["SUIUSDT", "SHORT", -210, 1.622, 1.604, 1.68, 1.52],
];

/** A diagnostics payload with a part of what it tells changed. */
export function telling(
  change: (told: Payload<"diagnostics">["runtime_diagnostics"]) => Partial<
    Payload<"diagnostics">["runtime_diagnostics"]
  >,
): Changes {
  return {
    diagnostics: (payload) => ({
      ...payload,
      runtime_diagnostics: {
        ...payload.runtime_diagnostics,
        ...change(payload.runtime_diagnostics),
      },
    }),
  };
}

export const ASSETS: Assets = {
  style: { path: "/assets/page.0.css", type: "text/css; charset=utf-8", text: "body{}" },
  script: { path: "/assets/client.0.js", type: "text/javascript; charset=utf-8", text: "0" },
  build: "b0",
};

/** The app over a store, with a clock that stands still. */
export function appOver(
  store: Store,
  { nowMs = NOW_MS, assets = ASSETS, host = "127.0.0.1", faults = [] as string[] } = {},
) {
  const clock = () => nowMs;
  const live = new Live({ store, runId: RUN.runId, build: assets.build, nowMs: clock });
  const onFault = (message: string) => void faults.push(message);
  const app = createApp({ store, run: RUN, assets, live, host, nowMs: clock, onFault });
  return { app, live };
}

/** The page as text. */
export async function pageOf(store: Store, options: Parameters<typeof appOver>[1] = {}) {
  return await (await appOver(store, options).app.request("/")).text();
}

/** What a reader sees: no tags, no data, entities resolved. */
export function seen(html: string): string {
  return html
    .replace(/<script[\s\S]*?<\/script>/g, "")
    .replace(/<[^>]*>/g, " ")
    .replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&amp;", "&")
    .replace(/\s+/g, " ");
}

/** The page over what was played, as changed. */
export async function htmlWith(
  changes: Changes,
  options: Parameters<typeof appOver>[1] = {},
): Promise<string> {
  return await pageOf(await storeWith({ changes }), options);
}

/** The same as a reader sees it. */
export async function textWith(changes: Changes): Promise<string> {
  return seen(await htmlWith(changes));
}

type Message = { event: string; id: string | null; data: Record<string, unknown>; raw: string };

/** Reads events from a stream until `n` have come. */
export async function readEvents(
  stream: ReadableStream<Uint8Array>,
  n: number,
): Promise<Message[]> {
  const reader = stream.getReader();
  const messages: Message[] = [];
  let text = "";
  while (messages.length < n) {
    const { value, done } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const raw = text.slice(0, end);
      text = text.slice(end + 2);
      const field = (name: string) =>
        raw.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ??
          null;
      messages.push({
        event: field("event")!,
        id: field("id"),
        data: JSON.parse(field("data")!),
        raw,
      });
    }
  }
  reader.releaseLock();
  return messages;
}

/** Gives what is on its way the time to arrive. */
export function settled(waitMs = 50): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}
