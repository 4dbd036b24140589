/**
 * Makes the surfaces of one reading and puts them into the store, each on its own: one that cannot
 * be made keeps its last text and is told about, the others go on. `diagnostics` comes last, so that
 * it can say what became of all the others.
 */
import { sinceWhen } from "../core/diagnostics.ts";
import type { Dict } from "../core/types.ts";
import { MS_PER_MINUTE } from "../core/units.ts";
import { encode } from "./encode.ts";
import type { Store, Writer } from "./store.ts";
import { shellItems } from "./surfaces/attention.ts";
import { disagreements } from "./surfaces/agreement.ts";
import { bodyOf } from "./surfaces/durable.ts";
import {
  type Body,
  EXECUTOR_SURFACES,
  isDurable,
  type OwnedBy,
  PROJECTIONS,
  SURFACES,
} from "./surfaces/mod.ts";
import type { Envelope, LoopFacts, Published, ShowingFacts } from "./surfaces/surface.ts";

/** Intel surfaces are remade this often in engine time, one of them in one publish. */
const INTEL_MS = 10 * MS_PER_MINUTE;
const LAST = "diagnostics";

export type Made = OwnedBy<"executor">;
/** Told in a sentence; of one surface alone where it has a name. */
type OnFault = (message: string, name: Made | null) => void;
/** A reading, before anything is said about how publishing it went. */
export type Reading = Omit<Published, "loop">;

export class Showing {
  readonly #store: Store;
  readonly #writer: Writer<"executor">;
  readonly #onFault: OnFault;
  readonly #madeMs = new Map<Made, number>();
  readonly #errors = new Map<Made, string>();
  readonly #told = new Map<Made, string>();
  readonly #dropped = new Map<Made, number>();
  #contradictions: readonly string[] = [];
  #sinceMs: Dict<number> = {};

  constructor(store: Store, { onFault }: { onFault: OnFault }) {
    this.#store = store;
    this.#writer = store.claim("executor");
    this.#onFault = onFault;
    for (const name of EXECUTOR_SURFACES.filter(isDurable)) {
      const kept = store.get(name);
      if (kept !== undefined) this.#told.set(name, encode(bodyOf(kept)).text);
    }
  }

  /** Surfaces that could not be made when they were last tried, with the reason. */
  get errors(): ReadonlyMap<Made, string> {
    return this.#errors;
  }

  /** How the last show went; the next `diagnostics` tells. */
  get facts(): ShowingFacts {
    return {
      unmade: [...this.#errors],
      contradictions: this.#contradictions,
      sinceMs: this.#sinceMs,
    };
  }

  /** Figures in what the store holds now that were no finite number. */
  get nonfiniteCount(): number {
    let sum = 0;
    for (const count of this.#dropped.values()) sum += count;
    return sum;
  }

  /**
   * Makes everything that is due; with `all` the rarely made ones too, whenever that was. `loopFacts`
   * is asked once more before the last surface: by then the others have been put.
   */
  show(
    reading: Reading,
    { envelope, loopFacts, all }: {
      envelope: Envelope;
      loopFacts: () => LoopFacts;
      all: boolean;
    },
  ): void {
    const published: Published = { ...reading, loop: loopFacts() };
    for (const name of this.#due(reading.memory.pulse.nowMs, all)) {
      this.#put(name, envelope, published);
    }
    const afterwards = { ...published, loop: loopFacts() };
    this.#put(LAST, envelope, afterwards);
    this.#compare();
    this.#writer.commit();
    this.#date(afterwards);
  }

  /**
   * Of the rarely made ones one at a time, the one that has waited longest: none of them is worth a
   * late tick, and none waits for ever where every one is always due.
   */
  #due(nowMs: number, all: boolean): readonly Made[] {
    const names = EXECUTOR_SURFACES.filter((name) => name !== LAST);
    const isRare = (name: Made) => SURFACES[name].cadence === "intel";
    const madeMs = (name: Made) => this.#madeMs.get(name) ?? -Infinity;
    const rare = names.filter((name) => isRare(name) && (all || nowMs - madeMs(name) >= INTEL_MS))
      .toSorted((a, b) => madeMs(a) - madeMs(b));
    const isNew = rare.some((name) => !this.#madeMs.has(name));
    const now = all || isNew ? rare : rare.slice(0, 1);
    for (const name of now) this.#madeMs.set(name, nowMs);
    return names.filter((name) => !isRare(name) || now.includes(name));
  }

  #put<N extends Made>(name: N, envelope: Envelope, published: Published): void {
    try {
      const project = PROJECTIONS[name] as (from: Published) => Body<N>;
      const body = project(published);
      if (!isDurable(name) || this.#isNews(name, body)) {
        this.#dropped.set(name, this.#writer.put(name, envelope, body));
      }
      this.#errors.delete(name);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#errors.set(name, message);
      this.#onFault(`${name}: ${message}`, name);
    }
  }

  /** What is written when it changes says something else than the last time. */
  #isNews(name: Made, body: object): boolean {
    const { text } = encode(body);
    if (this.#told.get(name) === text) return false;
    this.#told.set(name, text);
    return true;
  }

  /** Surfaces that contradict each other are a fault of this program; the next diagnostics tells. */
  #compare(): void {
    const told = Object.fromEntries(
      COMPARED.map((name) => [name, this.#store.get(name)]),
    );
    this.#contradictions = disagreements(told);
    for (const message of this.#contradictions) this.#onFault(message, null);
  }

  /** Keeps since when the items that were just told have been true. */
  #date(published: Published): void {
    const { nowMs } = published.memory.pulse;
    this.#sinceMs = sinceWhen(this.#sinceMs, shellItems(published), nowMs);
  }
}

const COMPARED = [
  "positions_state",
  "positions_ledger",
  "nav",
  "risk_snapshot",
  "diagnostics",
  "nav_state",
] as const;
