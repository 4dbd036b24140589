/**
 * The curve of NAV as it is shown: the history's rows, spaced evenly, from the oldest that is kept to
 * the newest, whatever the span.
 */
import { MS_PER_MINUTE } from "../core/units.ts";
import { DAY_FILE, type NavRow, rowOrNull } from "./nav_history.ts";
import { readIfThere } from "./files.ts";
import type { Payload } from "./surfaces/mod.ts";
import { SERIES_MAX } from "./surfaces/nav_state.ts";

export type NavPoint = Payload<"nav_state">["series"][number];

/** The newest point of a shown curve is the present one: the history has the places before it. */
const POINTS_MAX = SERIES_MAX - 1;

/**
 * One point in each cell of time, the first that was there. Where they become too many the cells
 * double: two old ones make one new one, so points that come one by one leave what all at once do.
 */
export class NavSeries {
  readonly #points: NavPoint[] = [];
  #cellMs = MS_PER_MINUTE;

  /** The curve so far, oldest first. */
  get points(): readonly NavPoint[] {
    return this.#points;
  }

  /** Takes the history's next row; what was not read in its minute is no point of the curve. */
  add({ ts, nav, unrealized, read_ok }: NavRow): void {
    const last = this.#points.at(-1);
    const isNews = last === undefined || (last.t < ts && this.#cellOf(last.t) !== this.#cellOf(ts));
    if (nav === null || !read_ok || !isNews) return;
    this.#points.push({ t: ts, nav, total_equity: nav, unrealized_pnl: unrealized });
    while (this.#points.length > POINTS_MAX) this.#widen();
  }

  /** Reads every row of a folder's history; lines that are no rows are passed over. */
  async seed(folder: string): Promise<void> {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(folder)) if (DAY_FILE.test(name)) names.push(name);
    for (const name of names.toSorted()) {
      const lines = (await readIfThere(`${folder}/${name}`) ?? "").split("\n");
      for (const line of lines) {
        const row = line === "" ? null : rowOrNull(line);
        if (row !== null) this.add(row);
      }
    }
  }

  #widen(): void {
    this.#cellMs *= 2;
    const all = this.#points.splice(0);
    this.#points.push(
      ...all.filter(({ t }, i) => i === 0 || this.#cellOf(t) !== this.#cellOf(all[i - 1]!.t)),
    );
  }

  #cellOf(t: string): number {
    return Math.floor(Date.parse(t) / this.#cellMs);
  }
}
