/**
 * The way in for a human: a socket file in the data directory, so that only who may read the books
 * may give a command. One line of JSON is asked, one line is answered, after the tick that carried
 * it out; it is a success only when that tick is on disk.
 */
import { z } from "zod";
import type { EngineEvent } from "../core/events.ts";
import {
  ACK_SUBJECTS,
  type OperatorCommand,
  STATE_ORDERS,
  type StateOrder,
} from "../core/operator.ts";

const STATE_ORDER_NAMES = Object.keys(STATE_ORDERS) as [StateOrder, ...StateOrder[]];
const LINE_BYTES_MAX = 4_096;
const OWNER_ONLY = 0o600;
/** Who connects has so long to say something. */
const HEAR_MS = 10_000;
const words = (max: number) =>
  z.string().trim().min(1).max(max).regex(/^[^\p{Cc}]*$/u, { error: "plain text in one line" });

const Request = z.strictObject({
  by: words(60),
  reason: words(300),
  order: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("ack"), what: z.enum(ACK_SUBJECTS) }),
    z.strictObject({ kind: z.enum(STATE_ORDER_NAMES) }),
  ]),
});
export type ControlRequest = z.output<typeof Request>;

const Answer = z.strictObject({ done: z.boolean(), note: z.string() });
export type ControlAnswer = z.output<typeof Answer>;

const NOT_ON_DISK = "in force, but not on disk yet, a crash would forget it";
const STOPPING: ControlAnswer = {
  done: false,
  note: "the engine stops: the command was not carried out",
};

/** The engine's end: collects what is said between two ticks, answers when it has been done. */
export class Control {
  readonly #listener: Deno.UnixListener;
  readonly #path: string;
  readonly #hearMs: number;
  readonly #said: OperatorCommand[] = [];
  readonly #waiting = new Map<number, (answer: ControlAnswer) => void>();
  readonly #talks = new Set<Promise<void>>();
  /** Talks in which nothing has been asked yet. */
  readonly #silent = new Set<Deno.UnixConn>();
  #isClosed = false;
  #nextId = 1;

  private constructor(
    listener: Deno.UnixListener,
    { path, hearMs }: { path: string; hearMs: number },
  ) {
    this.#listener = listener;
    this.#path = path;
    this.#hearMs = hearMs;
    this.#talks.add(this.#accept());
  }

  /** Listens at a path; the caller holds the directory's lock, so that nobody else does. */
  static async open(path: string, { hearMs = HEAR_MS } = {}): Promise<Control> {
    await Deno.remove(path).catch(() => {});
    const listener = Deno.listen({ transport: "unix", path });
    await Deno.chmod(path, OWNER_ONLY);
    return new Control(listener, { path, hearMs });
  }

  /** What has been said since the last call. */
  take(): readonly OperatorCommand[] {
    return this.#said.splice(0);
  }

  /**
   * Gives back what became of the commands of a tick. Where the disk refuses the tick a command is in
   * force and a crash would forget it: that is never told as a success.
   */
  answer(events: readonly EngineEvent[], { isKept }: { isKept: boolean }): void {
    for (const event of events) {
      if (event.kind !== "operator") continue;
      const { done, note } = event;
      const unkept = { done: false, note: `${NOT_ON_DISK}: ${note}` };
      this.#waiting.get(event.id)?.(done && !isKept ? unkept : { done, note });
      this.#waiting.delete(event.id);
    }
  }

  /** Nothing more is heard; who still waits is told so, who said nothing is waited for no longer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listener.close();
    for (const talk of this.#silent) talk[Symbol.dispose]();
    for (const reply of this.#waiting.values()) reply(STOPPING);
    this.#waiting.clear();
    await Promise.all(this.#talks);
    await Deno.remove(this.#path).catch(() => {});
  }

  async #accept(): Promise<void> {
    for await (const talk of this.#listener) {
      const done: Promise<void> = this.#serve(talk).finally(() => this.#talks.delete(done));
      this.#talks.add(done);
    }
  }

  /** A caller who hangs up or talks nonsense is no business of the engine. */
  async #serve(talk: Deno.UnixConn): Promise<void> {
    using _ending = talk;
    try {
      const line = await this.#listen(talk);
      await writeLine(talk, this.#isClosed ? STOPPING : await this.#hear(line));
    } catch {
      return;
    }
  }

  /** The line that is asked; rejects when the other end takes too long or the engine stops. */
  async #listen(talk: Deno.UnixConn): Promise<string> {
    const hangUp = () => talk[Symbol.dispose]();
    const patience = setTimeout(hangUp, this.#isClosed ? 0 : this.#hearMs);
    this.#silent.add(talk);
    try {
      return await readLine(talk);
    } finally {
      this.#silent.delete(talk);
      clearTimeout(patience);
    }
  }

  async #hear(line: string): Promise<ControlAnswer> {
    const request = Request.safeParse(json(line));
    if (!request.success) {
      const [issue] = request.error.issues;
      return { done: false, note: `not a command: ${issue!.path.join(".")}: ${issue!.message}` };
    }
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<ControlAnswer>();
    this.#waiting.set(id, resolve);
    this.#said.push({ id, ...request.data });
    return await promise;
  }
}

/** Tells the engine of a data directory something; null when no engine listens there. */
export async function tellEngine(
  path: string,
  request: ControlRequest,
): Promise<ControlAnswer | null> {
  const talk = await Deno.connect({ transport: "unix", path }).catch((error) => {
    const nobody = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.ConnectionRefused;
    if (nobody) return null;
    throw error;
  });
  if (talk === null) return null;
  try {
    await writeLine(talk, request);
    const answer = Answer.safeParse(json(await readLine(talk)));
    return answer.success ? answer.data : HUNG_UP;
  } catch (error) {
    if (isHungUp(error)) return HUNG_UP;
    throw error;
  } finally {
    talk.close();
  }
}

const HUNG_UP: ControlAnswer = { done: false, note: "the engine hung up" };

/** An engine that ends in the middle of a talk breaks it off, or resets it. */
function isHungUp(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}

async function readLine(talk: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(LINE_BYTES_MAX);
  let length = 0;
  while (length < bytes.length) {
    const read = await talk.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
    if (bytes.subarray(0, length).includes(0x0a)) break;
  }
  return new TextDecoder().decode(bytes.subarray(0, length)).split("\n")[0]!;
}

async function writeLine(talk: Deno.Conn, value: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < bytes.length;) at += await talk.write(bytes.subarray(at));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
