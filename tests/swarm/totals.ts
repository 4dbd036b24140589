/** What a whole swarm came to, and how to say it. */
import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import { KILL_STEPS, type KillStep, type RunResult } from "./run.ts";

export type Totals = {
  readonly runs: number;
  readonly ticks: number;
  readonly fills: number;
  readonly unkeptCloses: number;
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly kills: Readonly<Record<KillStep, number>>;
  /** Runs in which each fault acted at least once. */
  readonly runsWith: Readonly<Record<FaultKind, number>>;
  readonly exits: Readonly<Record<string, number>>;
  /** Kinds of events and commands over every journal. */
  readonly kinds: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
};

/** Adds up the runs. */
export function totalsOf(results: readonly RunResult[]): Totals {
  const sumBy = (pick: (result: RunResult) => number) =>
    results.reduce((sum, result) => sum + pick(result), 0);
  const exits: Record<string, number> = {};
  for (const result of results) {
    for (const [reason, n] of Object.entries(result.exits)) {
      exits[reason] = (exits[reason] ?? 0) + n;
    }
  }
  const kinds: Record<string, number> = {};
  for (const { rows } of results) {
    for (const { kind } of rows.flatMap(({ events, commands }) => [...events, ...commands])) {
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
  }
  const perFault = (pick: (n: number) => number) =>
    Object.fromEntries(
      FAULT_KINDS.map((kind) => [kind, sumBy(({ faults }) => pick(faults.get(kind) ?? 0))]),
    ) as Record<FaultKind, number>;
  return {
    runs: results.length,
    ticks: sumBy(({ ticks }) => ticks),
    fills: sumBy(({ fills }) => fills),
    unkeptCloses: sumBy(({ unkeptCloses }) => unkeptCloses),
    faults: perFault((n) => n),
    runsWith: perFault((n) => n > 0 ? 1 : 0),
    kills: Object.fromEntries(
      KILL_STEPS.map((step) => [step, sumBy(({ kills }) => kills[step])]),
    ) as Record<KillStep, number>,
    exits,
    kinds,
    violations: results.flatMap(({ violations }) => violations),
  };
}

/** The totals as text. */
export function renderTotals(totals: Totals): string {
  const counts = (record: Readonly<Record<string, number>>) =>
    Object.entries(record).map(([name, n]) => `${name} ${n}`).join(", ");
  return [
    `swarm: ${totals.runs} seeds, ${totals.ticks} ticks, ${totals.fills} fills, ` +
    `${totals.unkeptCloses} closes left while the disk refused their row`,
    `faults: ${counts(totals.faults)}`,
    `kills: ${counts(totals.kills)}`,
    `exits: ${counts(totals.exits)}`,
    `journalled: ${counts(totals.kinds)}`,
    totals.violations.length === 0 ? "violations: none" : "violations:",
    ...totals.violations.map((text) => `  ${text}`),
  ].join("\n");
}
