/**
 * The one in-process state store: one value per surface, one writer per owner, encoded once. Files,
 * requests and live pages all send the same bytes. Parts of a body that last are not encoded again
 * when its envelope and its moving figures are renewed.
 */
import { assert } from "../core/assert.ts";
import { encode } from "./encode.ts";
import {
  type Body,
  type OwnedBy,
  type Payload,
  type SurfaceName,
  SURFACES,
} from "./surfaces/mod.ts";
import type { Envelope, Owner } from "./surfaces/surface.ts";

export type { Payload, SurfaceName } from "./surfaces/mod.ts";

/** What a reader may do. */
export type Reader = Pick<Store, "get" | "text" | "version" | "onChange">;

/** Who may write what is part of the type: the mirror cannot put `nav`. */
export type Writer<O extends Owner> = {
  /** Gives how many figures were no finite number: value and text have null there. */
  put<N extends OwnedBy<O>>(name: N, envelope: Envelope, body: Body<N>): number;
  /** Tells readers that a set of puts is complete. */
  commit(): void;
};

type Entry = { readonly value: unknown; readonly text: string; readonly version: number };

export class Store {
  readonly #entries = new Map<SurfaceName, Entry>();
  readonly #claimed = new Set<Owner>();
  readonly #listeners = new Set<() => void>();
  #version = 0;

  /** Begins with the texts that an earlier process left of surfaces that are written when they change. */
  constructor(kept: ReadonlyMap<SurfaceName, string> = new Map()) {
    for (const [name, text] of kept) {
      this.#version += 1;
      this.#entries.set(name, { value: JSON.parse(text), text, version: this.#version });
    }
  }

  /** The latest value; undefined before it was ever put. */
  get<N extends SurfaceName>(name: N): Payload<N> | undefined {
    return this.#entries.get(name)?.value as Payload<N> | undefined;
  }

  /** The latest value as strict JSON. */
  text(name: SurfaceName): string | undefined {
    return this.#entries.get(name)?.text;
  }

  /** Grows with every put of this surface; 0 before the first. */
  version(name: SurfaceName): number {
    return this.#entries.get(name)?.version ?? 0;
  }

  /** Calls back after each commit; returns how to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The right to write an owner's surfaces; there is one holder of it. */
  claim<O extends Owner>(owner: O): Writer<O> {
    if (this.#claimed.has(owner)) {
      throw new Error(`Cannot claim surfaces of "${owner}": already claimed`);
    }
    this.#claimed.add(owner);
    return {
      put: (name, envelope, body) => {
        assert(SURFACES[name].owner === owner, `"${name}" is written by its owner`);
        const whole = { ...envelope, ...body };
        const { text, droppedCount } = encode(whole);
        const value = droppedCount === 0 ? whole : JSON.parse(text);
        this.#version += 1;
        this.#entries.set(name, { value, text, version: this.#version });
        return droppedCount;
      },
      commit: () => {
        for (const listener of this.#listeners) listener();
      },
    };
  }
}
