/**
 * Writes changed surfaces to `logs/state`, atomically and off the decision path. One flush at a
 * time; what changes meanwhile is written by the next one. A failure is counted and told, never
 * swallowed, and the files keep their last whole version.
 */
import type { StorageFault } from "../core/types.ts";
import { syncFolder, whyOf, writeAtomic } from "./files.ts";
import type { Store } from "./store.ts";
import { type SurfaceName, SURFACES } from "./surfaces/mod.ts";

export class Flusher {
  readonly #store: Pick<Store, "text" | "version">;
  readonly #folder: string;
  readonly #sync: boolean;
  readonly #onError: (message: string) => void;
  readonly #written = new Map<SurfaceName, number>();
  readonly #errors = new Map<SurfaceName, string>();
  #fault: StorageFault | null = null;
  #running: Promise<void> | null = null;
  #again = false;

  constructor(
    { store, folder, sync, onError }: {
      store: Pick<Store, "text" | "version">;
      folder: string;
      /** False in replays: nothing is at stake. */
      sync: boolean;
      onError: (message: string) => void;
    },
  ) {
    this.#store = store;
    this.#folder = folder;
    this.#sync = sync;
    this.#onError = onError;
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

  async #flush(): Promise<void> {
    let wrote = false;
    for (const name of Object.keys(SURFACES) as SurfaceName[]) {
      const version = this.#store.version(name);
      const text = this.#store.text(name);
      if (text === undefined || this.#written.get(name) === version) continue;
      try {
        const path = `${this.#folder}/${SURFACES[name].file}`;
        await writeAtomic(path, `${text}\n`, { sync: this.#sync });
        this.#written.set(name, version);
        this.#errors.delete(name);
        wrote = true;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.#errors.set(name, message);
        this.#fault = { what: "surfaces", why: whyOf(error) };
        this.#onError(`${name}: ${message}`);
      }
    }
    if (!wrote || !this.#sync) return;
    try {
      await syncFolder(this.#folder);
    } catch (error) {
      this.#onError(`logs/state: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
