/** What judging a recorded run again has come to, as it is told. */
import type { Difference } from "../core/replay.ts";

/** The first tick that would go another way today. */
export type FirstDifference = {
  readonly seq: number;
  readonly ts: string;
  /** A lookup that the recording has no answer to: from here on nothing can be judged. */
  readonly missing: string | null;
  readonly places: readonly Difference[];
};

/** What came of judging a directory again. */
export type Judgement = {
  /** Processes that were recorded, and who wrote the first of them. */
  readonly starts: number;
  readonly version: string;
  readonly configHash: string;
  /** Ticks that were decided again, and rows of the journal they were held against. */
  readonly ticks: number;
  readonly rows: number;
  /** Ticks whose rows were never kept, and rows of times that were not recorded. */
  readonly lostTicks: number;
  readonly unrecordedRows: number;
  readonly difference: FirstDifference | null;
};

const PLACES_TOLD_MAX = 12;
const VALUE_CHARS_MAX = 120;

/** A judgement as plain JSON: the names of the report, unknown is null. */
export function judgementJson(judgement: Judgement): Readonly<Record<string, unknown>> {
  const { difference } = judgement;
  return {
    equal: difference === null,
    starts: judgement.starts,
    recorded_by: judgement.version,
    config_hash: judgement.configHash,
    ticks: judgement.ticks,
    rows: judgement.rows,
    lost_ticks: judgement.lostTicks,
    unrecorded_rows: judgement.unrecordedRows,
    difference: difference === null ? null : {
      seq: difference.seq,
      ts: difference.ts,
      not_recorded: difference.missing,
      places: difference.places.map(({ path, was, now }) => ({
        path,
        journal: was ?? null,
        now: now ?? null,
      })),
    },
  };
}

/** A judgement as lines of text. */
export function renderJudgement(judgement: Judgement): string {
  const { starts, version, ticks, rows, lostTicks, unrecordedRows, difference } = judgement;
  const plural = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  const lines = [
    `recorded by ballast ${version} in ${plural(starts, "start")}`,
    `${plural(ticks, "tick")} decided again, ${plural(rows, "row")} of the journal compared`,
  ];
  if (lostTicks > 0) {
    lines.push(
      `${plural(lostTicks, "tick")} died with the process or met a full disk: no row to compare`,
    );
  }
  if (unrecordedRows > 0) {
    lines.push(
      `${plural(unrecordedRows, "row")} of the journal were written while nothing was recorded`,
    );
  }
  return [...lines, ...verdictOf(difference), ""].join("\n");
}

function verdictOf(difference: FirstDifference | null): readonly string[] {
  if (difference === null) return ["equal: every one of them would be decided the same today"];
  const { seq, ts, missing, places } = difference;
  const at = `tick ${seq} ${ts}`;
  if (missing !== null) return [`${at}: asks for ${missing}, which was not recorded`];
  const told = places.slice(0, PLACES_TOLD_MAX).map(({ path, was, now }) =>
    `${at}: ${path}: ${shown(was)} in the journal, ${shown(now)} now`
  );
  const more = places.length - told.length;
  return more === 0 ? told : [...told, `and ${more} more places of this tick`];
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}...`;
}
