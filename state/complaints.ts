/** What goes wrong again and again is said once a minute, with how often: a log is for reading. */
import { MS_PER_MINUTE } from "../core/units.ts";

const REPEAT_MS = MS_PER_MINUTE;
/** Different complaints that are remembered; beyond this the oldest may be said again early. */
const KEPT_COUNT = 64;

type Known = { readonly saidMs: number; readonly heldCount: number };

export class Complaints {
  readonly #say: (text: string) => void;
  readonly #known = new Map<string, Known>();

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  /** Says it, unless the same was said within the last minute; `wallMs` is this moment. */
  tell(text: string, wallMs: number): void {
    const known = this.#known.get(text);
    if (known !== undefined && wallMs - known.saidMs < REPEAT_MS) {
      this.#known.set(text, { ...known, heldCount: known.heldCount + 1 });
      return;
    }
    const held = known?.heldCount ?? 0;
    this.#say(held === 0 ? text : `${text} (and ${held} times more in the last minute)`);
    this.#known.delete(text);
    this.#known.set(text, { saidMs: wallMs, heldCount: 0 });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KEPT_COUNT && oldest !== undefined) this.#known.delete(oldest);
  }
}
