/**
 * Writes changed surfaces to `logs/state`, atomically and off the decision path. One flush at a
 * time; what changes meanwhile is written by the next one. A failure is counted and told, never
 * swallowed, and the files keep their last whole version.
 */
import type { StorageFault } from "../core/types.ts";
import { syncFolder, whyOf, writeAtomic } from "./files.ts";
import type { Store } from "./store.ts";
import { isSealed } from "./surfaces/durable.ts";
import { isDurable, type Payload, type SurfaceName, SURFACES } from "./surfaces/mod.ts";

const NAMES = Object.keys(SURFACES) as readonly SurfaceName[];
const TELLS_OF_OTHERS: ReadonlySet<SurfaceName> = new Set(["diagnostics", "nav_state"]);
const NEWLINE = 10;

export class Flusher {
  readonly #store: Pick<Store, "text" | "version">;
  readonly #folder: string;
  readonly #sync: boolean;
  readonly #onError: (message: string) => void;
  readonly #written = new Map<SurfaceName, number>();
  readonly #errors = new Map<SurfaceName, string>();
  readonly #buffers = new Map<SurfaceName, Uint8Array>();
  readonly #encoder = new TextEncoder();
  #fault: StorageFault | null = null;
  #running: Promise<void> | null = null;
  #again = false;

  constructor(
    { store, folder, sync, onError, kept = new Map() }: {
      store: Pick<Store, "text" | "version">;
      folder: string;
      /** False in replays: nothing is at stake. */
      sync: boolean;
      onError: (message: string) => void;
      /** What the store began with: the files say so already. */
      kept?: ReadonlyMap<SurfaceName, string>;
    },
  ) {
    this.#store = store;
    this.#folder = folder;
    this.#sync = sync;
    this.#onError = onError;
    for (const name of kept.keys()) this.#written.set(name, store.version(name));
  }

  /** Surfaces whose last write failed, with the reason. */
  get errors(): ReadonlyMap<SurfaceName, string> {
    return this.#errors;
  }

  /** What is wrong while any surface cannot be written; null once all of them are. */
  get fault(): StorageFault | null {
    return this.#errors.size === 0 ? null : this.#fault;
  }

  /** Asks for a flush; returns at once. */
  request(): void {
    if (this.#running !== null) {
      this.#again = true;
      return;
    }
    this.#running = this.#flush().finally(() => {
      this.#running = null;
      if (!this.#again) return;
      this.#again = false;
      this.request();
    });
  }

  /** Everything that has been put is on disk when this resolves. */
  async drain(): Promise<void> {
    this.request();
    while (this.#running !== null) await this.#running;
  }

  /**
   * Texts are taken at once, so that files of one flush are of one tick. What tells of the others is
   * written when they are on disk: the mirror's copy, and at last the diagnostics.
   */
  async #flush(): Promise<void> {
    const changed = this.#changed();
    const isAbout = ({ name }: Changed) => TELLS_OF_OTHERS.has(name);
    await Promise.all(changed.filter((one) => !isAbout(one)).map((one) => this.#write(one)));
    const copy = changed.find(({ name }) => name === "nav_state");
    if (copy !== undefined) await this.#writeCopy(copy);
    const diagnostics = changed.find(({ name }) => name === "diagnostics");
    const unwritten = changed.filter(({ name, version }) => this.#written.get(name) !== version);
    if (diagnostics !== undefined && !claimsAny(diagnostics, unwritten)) {
      await this.#write(diagnostics);
    }
    if (changed.length === 0 || !this.#sync) return;
    try {
      await syncFolder(this.#folder);
    } catch (error) {
      this.#onError(`logs/state: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** A copy never is on disk before what it copies. */
  async #writeCopy(copy: Changed): Promise<void> {
    if (!this.#errors.has("nav")) return await this.#write(copy);
    this.#errors.set(copy.name, "what it copies could not be written");
  }

  #changed(): readonly Changed[] {
    return NAMES.flatMap((name) => {
      const version = this.#store.version(name);
      const text = this.#store.text(name);
      return text === undefined || this.#written.get(name) === version
        ? []
        : [{ name, version, text }];
    });
  }

  async #write({ name, version, text }: Changed): Promise<void> {
    const path = `${this.#folder}/${SURFACES[name].file}`;
    try {
      await writeAtomic(path, this.#bytesOf(name, text), {
        sync: this.#sync,
        ...isDurable(name) && { isWhole: isSealed },
      });
      this.#written.set(name, version);
      this.#errors.delete(name);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#errors.set(name, message);
      this.#fault = { what: "surfaces", why: whyOf(error) };
      this.#onError(`${name}: ${message}`);
    }
  }

  /** A text and its newline in the surface's own buffer: it has about the same length every time. */
  #bytesOf(name: SurfaceName, text: string): Uint8Array {
    const needed = text.length + 1;
    let buffer = this.#buffers.get(name) ?? new Uint8Array(0);
    if (buffer.length < needed) buffer = new Uint8Array(needed + (needed >> 3));
    let { read, written } = this.#encoder.encodeInto(text, buffer.subarray(0, -1));
    if (read < text.length) {
      // Letters beyond ASCII take more than a byte each, three at most.
      buffer = new Uint8Array(3 * needed);
      ({ read, written } = this.#encoder.encodeInto(text, buffer));
    }
    buffer[written] = NEWLINE;
    this.#buffers.set(name, buffer);
    return buffer.subarray(0, written + 1);
  }
}

/** True when these diagnostics say of any of these files that it is on disk; the next ones will not. */
function claimsAny({ text }: Changed, unwritten: readonly Changed[]): boolean {
  const others = unwritten.filter(({ name }) => name !== "diagnostics");
  if (others.length === 0) return false;
  const { runtime_diagnostics: told } = JSON.parse(text) as Partial<Payload<"diagnostics">>;
  return others.some(({ name }) => told?.surfaces[name]?.ok === true);
}

type Changed = {
  readonly name: SurfaceName;
  readonly version: number;
  readonly text: string;
};
