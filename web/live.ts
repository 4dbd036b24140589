/**
 * Live pages: one stream of server-sent events per client. What changed is encoded once however many
 * watch; a client that reads slowly skips to the latest state and never has a queue.
 */
import type { Reader } from "../state/store.ts";
import { freshnessOf, newestOf, pushText } from "./readings.ts";
import type { Beat, Hello } from "./wire.ts";

const PUSH_MS = 250;
const BEAT_MS = 5_000;
const RETRY_MS = 2_000;
const CLIENTS_MAX = 64;

export type LiveOptions = {
  readonly store: Reader;
  readonly runId: string;
  readonly build: string;
  readonly nowMs: () => number;
  readonly beatMs?: number;
};

type Client = {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  /** The newest version it was sent. */
  since: number;
  /** It had no room for the last push. */
  isBehind: boolean;
};

export class Live {
  readonly #options: LiveOptions;
  readonly #clients = new Set<Client>();
  readonly #encoder = new TextEncoder();
  #frames = new Map<number, Uint8Array>();
  #framesOf = -1;
  #pushedMs = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #beats: ReturnType<typeof setInterval> | null = null;
  #unsubscribe: (() => void) | null = null;
  #isClosed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Names the version a page stands at, so that its stream goes on from there. */
  idOf(version: number): string {
    return `${this.#options.runId}.${version}`;
  }

  /** A new client's stream from `lastId` on; null when there are too many already. */
  open(lastId: string): ReadableStream<Uint8Array> | null {
    if (this.#isClosed || this.#clients.size >= CLIENTS_MAX) return null;
    let client: Client;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        client = { controller, since: this.#versionOf(lastId), isBehind: false };
        this.#join(client);
      },
      pull: () => {
        if (client.isBehind) this.#send(client);
      },
      cancel: () => this.#leave(client),
    });
  }

  /** Says goodbye to everybody; nothing of it runs on. */
  close(): void {
    this.#isClosed = true;
    const bye = this.#encoder.encode(`event: bye\ndata: {"now":${this.#options.nowMs()}}\n\n`);
    for (const client of [...this.#clients]) {
      client.controller.enqueue(bye);
      client.controller.close();
      this.#leave(client);
    }
  }

  #join(client: Client): void {
    const { store, build, nowMs } = this.#options;
    const hello: Hello = {
      build,
      seq: store.get("diagnostics")?.seq ?? null,
      now: nowMs(),
    };
    const text = `retry: ${RETRY_MS}\nevent: hello\ndata: ${JSON.stringify(hello)}\n\n`;
    client.controller.enqueue(this.#encoder.encode(text));
    client.isBehind = newestOf(store) > client.since;
    this.#clients.add(client);
    if (this.#unsubscribe !== null) return;
    this.#unsubscribe = store.onChange(() => this.#changed());
    this.#beats = setInterval(() => this.#beat(), this.#options.beatMs ?? BEAT_MS);
  }

  #leave(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#unsubscribe?.();
    if (this.#beats !== null) clearInterval(this.#beats);
    if (this.#timer !== null) clearTimeout(this.#timer);
    [this.#unsubscribe, this.#beats, this.#timer] = [null, null, null];
  }

  /** The first change goes out at once, what follows within a quarter of a second goes together. */
  #changed(): void {
    if (this.#timer !== null) return;
    const waitMs = this.#pushedMs + PUSH_MS - performance.now();
    if (waitMs <= 0) return this.#push();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#push();
    }, waitMs);
  }

  #push(): void {
    this.#pushedMs = performance.now();
    for (const client of this.#clients) this.#send(client);
  }

  #send(client: Client): void {
    const newest = newestOf(this.#options.store);
    if (newest <= client.since) return;
    client.isBehind = !hasRoom(client);
    if (client.isBehind) return;
    client.controller.enqueue(this.#frame(client.since, newest));
    client.since = newest;
  }

  #frame(since: number, newest: number): Uint8Array {
    if (newest !== this.#framesOf) [this.#frames, this.#framesOf] = [new Map(), newest];
    const known = this.#frames.get(since);
    if (known !== undefined) return known;
    const { store, nowMs } = this.#options;
    const push = pushText(store, since, nowMs());
    const text = `id: ${this.idOf(newest)}\nevent: state\ndata: {${push}}\n\n`;
    const frame = this.#encoder.encode(text);
    this.#frames.set(since, frame);
    return frame;
  }

  #beat(): void {
    const { store, nowMs, beatMs = BEAT_MS } = this.#options;
    if (performance.now() - this.#pushedMs < beatMs - PUSH_MS) return;
    const now = nowMs();
    const lastTs = store.get("diagnostics")?.wall_ts;
    const beat: Beat = {
      now,
      loop_age_s: lastTs === undefined ? null : Math.max(0, now - Date.parse(lastTs)) / 1_000,
      surfaces: freshnessOf(store, now),
    };
    const frame = this.#encoder.encode(`event: beat\ndata: ${JSON.stringify(beat)}\n\n`);
    for (const client of this.#clients) {
      if (hasRoom(client)) client.controller.enqueue(frame);
    }
  }

  /** An id of another run means nothing here: such a page gets everything. */
  #versionOf(id: string): number {
    const [, run, version] = /^(.+)\.(\d+)$/.exec(id) ?? [];
    return run === this.#options.runId ? Number(version) : 0;
  }
}

function hasRoom({ controller }: Client): boolean {
  return (controller.desiredSize ?? 0) > 0;
}
