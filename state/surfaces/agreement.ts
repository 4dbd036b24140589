/**
 * Whether surfaces of one tick agree with each other: the same run, the same legs, the same counts,
 * the same NAV. Files of different ticks are not compared.
 */
import type { Payload } from "./mod.ts";

type Compared =
  | "positions_state"
  | "positions_ledger"
  | "nav"
  | "risk_snapshot"
  | "diagnostics"
  | "nav_state";
/** Surfaces as they were published; one that was not is left out of the comparison. */
export type Told = { readonly [N in Compared]?: Payload<N> | undefined };

/** What contradicts what, in sentences; empty where everything agrees. */
export function disagreements(told: Told): readonly string[] {
  const { positions_state, positions_ledger, nav, risk_snapshot, diagnostics } = told;
  return [
    ...ofOneTick(positions_state, positions_ledger, legsDisagree),
    ...ofOneTick(positions_ledger, diagnostics, countsDisagree),
    ...ofOneTick(positions_state, diagnostics, openDisagrees),
    ...ofOneTick(nav, risk_snapshot, navDisagrees),
    ...mirrorDisagrees(told),
    ...runsDisagree(told),
  ];
}

type Dated = { readonly seq: number };

function ofOneTick<A extends Dated, B extends Dated>(
  one: A | undefined,
  other: B | undefined,
  compare: (one: A, other: B) => readonly string[],
): readonly string[] {
  return one === undefined || other === undefined || one.seq !== other.seq
    ? []
    : compare(one, other);
}

/** Legs of the venue are in the book, and the other way round, or the ledger says that they are not. */
function legsDisagree(
  state: Payload<"positions_state">,
  { entries, tp_sl_levels, metadata }: Payload<"positions_ledger">,
): readonly string[] {
  if (!isRead(state)) return [];
  const { positions, quarantined } = state;
  const { reconciliation: lists } = metadata;
  const shown = new Set([
    ...positions.map(({ position_key }) => position_key),
    ...quarantined.map(({ symbol, side }) => `${symbol}:${side}`),
  ]);
  const booked = new Set([
    ...entries.map(({ position_key }) => position_key),
    ...metadata.quarantined.map(({ position_key }) => position_key),
  ]);
  const isCovered = (key: string) => {
    const levels = tp_sl_levels[key];
    return levels !== undefined && (levels.tp !== null || levels.sl !== null);
  };
  return [
    ...outside(
      shown,
      booked,
      lists.missing_ledger_positions ?? [],
      "is shown and not in the ledger",
    ),
    ...outside(booked, shown, lists.ghost_ledger_entries ?? [], "is in the ledger and not shown"),
    ...[...shown].filter((key) => booked.has(key) && !isCovered(key))
      .filter((key) => !lists.missing_tp_sl_entries?.includes(key))
      .map((key) => `${key} has no levels and is not listed as such`),
  ];
}

function outside(
  keys: ReadonlySet<string>,
  others: ReadonlySet<string>,
  listed: readonly string[],
  what: string,
): readonly string[] {
  return [...keys].filter((key) => !others.has(key) && !listed.includes(key))
    .map((key) => `${key} ${what}, and nobody says so`);
}

function countsDisagree(
  { entries, metadata }: Payload<"positions_ledger">,
  { runtime_diagnostics: { exit_pipeline: counts } }: Payload<"diagnostics">,
): readonly string[] {
  const { reconciliation: lists } = metadata;
  const pairs: readonly (readonly [string, number | null, number | null])[] = [
    ["entry_count", metadata.entry_count, entries.length],
    [
      "missing_ledger_positions",
      counts.mismatch_breakdown.missing_ledger_positions,
      lists.missing_ledger_positions?.length ?? null,
    ],
    [
      "ghost_ledger_entries",
      counts.mismatch_breakdown.ghost_ledger_entries,
      lists.ghost_ledger_entries?.length ?? null,
    ],
    [
      "missing_tp_sl_entries",
      counts.mismatch_breakdown.missing_tp_sl_entries,
      lists.missing_tp_sl_entries?.length ?? null,
    ],
    [
      "stale_tp_sl_entries",
      counts.mismatch_breakdown.stale_tp_sl_entries,
      lists.stale_tp_sl_entries?.length ?? null,
    ],
  ];
  return pairs.filter(([, told, counted]) => told !== counted)
    .map(([name, told, counted]) => `${name} is ${told}, the ledger has ${counted}`);
}

/** Before the account was read for the first time there is nothing to compare the book with. */
function isRead({ read_ok, positions, quarantined }: Payload<"positions_state">): boolean {
  return read_ok || positions.length + quarantined.length > 0;
}

function openDisagrees(
  state: Payload<"positions_state">,
  { runtime_diagnostics: { exit_pipeline } }: Payload<"diagnostics">,
): readonly string[] {
  const shown = state.positions.length + state.quarantined.length;
  const { open_positions_count: told } = exit_pipeline;
  return !isRead(state) || told === shown
    ? []
    : [`open_positions_count is ${told}, positions_state has ${shown}`];
}

function navDisagrees(
  { nav }: Payload<"nav">,
  { nav: other }: Payload<"risk_snapshot">,
): readonly string[] {
  return nav === other ? [] : [`risk_snapshot.nav is ${other}, nav.nav is ${nav}`];
}

/** The mirror copies: it is never newer than what it copies. */
function mirrorDisagrees({ nav, nav_state }: Told): readonly string[] {
  if (nav === undefined || nav_state === undefined) return [];
  return nav_state.updated_ts > nav.updated_ts
    ? [`nav_state of ${nav_state.updated_ts} is newer than nav of ${nav.updated_ts}`]
    : [];
}

/** Surfaces of the newest tick come from one run; the mirror may still show the run before. */
function runsDisagree({ nav_state: _mirrored, ...told }: Told): readonly string[] {
  const runs = new Set(Object.values(told).flatMap((value) => value?.run_id ?? []));
  return runs.size <= 1 ? [] : [`surfaces come from several runs: ${[...runs].join(", ")}`];
}
