/**
 * What lies on disk after a kill, and what must hold of it. Facts about orders and fills come from
 * the exchange's own ledger; the engine's files are held against them.
 */
import type { Holding } from "../../core/exits/ledger.ts";
import { blankMemory, type Memory, VOLATILE } from "../../core/memory.ts";
import { applyPatch, diff } from "../../core/patch.ts";
import { signOf } from "../../core/types.ts";
import type { LedgerRow, Recovered } from "../../core/venues/sim_state.ts";
import { recover } from "../../state/checkpoint.ts";
import { readIfThere } from "../../state/files.ts";
import type { JournalRow } from "../../state/journal.ts";
import { type Layout, layoutOf } from "../../state/layout.ts";
import { FILE_OF, type LogName, LOGS } from "../../state/log_rows.ts";
import { filesOf, readRows } from "../../state/rotated.ts";
import { type SurfaceName, SURFACES } from "../../state/surfaces/mod.ts";
import { readSteps, recoverVenue } from "../../state/venue_ledger.ts";
import { z } from "zod";

/** Everything that one look at a data directory gives. */
export type Facts = {
  readonly layout: Layout;
  /** What the next start will remember; null before the first checkpoint. */
  readonly memory: Memory | null;
  readonly journal: readonly JournalRow[];
  readonly ledger: readonly LedgerRow[];
  readonly venue: Recovered | null;
};

/** Reads a data directory that no process holds. */
export async function factsOf(dataDir: string): Promise<Facts> {
  const layout = layoutOf(dataDir);
  const recovery = await recover({ checkpoint: layout.checkpoint, journal: layout.journal });
  return {
    layout,
    memory: recovery?.memory ?? null,
    journal: await wholeLog<JournalRow>(layout.journal),
    ledger: await wholeLog(layout.venueLedger, readSteps),
    venue: await recoverVenue(layout.venueLedger),
  };
}

/** Every row of a log, oldest first, rotated files included. */
export async function wholeLog<T>(
  path: string,
  read: (file: string) => Promise<readonly T[]> = readRows,
): Promise<readonly T[]> {
  const rows: T[] = [];
  for (const file of await filesOf(path)) rows.unshift(...await read(file));
  return rows;
}

/**
 * Surfaces that cannot be read, do not fit their schema, or are gone although they were there before.
 * `known` is what was there before; what is there now joins it.
 */
export async function brokenSurfaces(
  stateDir: string,
  known: Set<string>,
): Promise<readonly string[]> {
  const broken: string[] = [];
  for (const name of Object.keys(SURFACES) as SurfaceName[]) {
    const { file, schema } = SURFACES[name];
    const text = await readIfThere(`${stateDir}/${file}`);
    if (text === null) {
      if (known.has(file)) broken.push(`${file} is gone`);
      continue;
    }
    known.add(file);
    try {
      const parsed = (schema as z.ZodType).safeParse(JSON.parse(text));
      if (!parsed.success) broken.push(`${file}: ${z.prettifyError(parsed.error)}`);
    } catch (error) {
      broken.push(`${file}: ${String(error)}`);
    }
  }
  return broken;
}

/** What must hold of a directory at any moment, alive or dead. */
export function violationsOf(facts: Facts): readonly string[] {
  const { memory, journal } = facts;
  if (memory === null) return journal.length === 0 ? [] : ["a journal without a checkpoint"];
  return [
    ...sequenceViolations(journal),
    ...foldViolations(memory, journal),
    ...orderViolations(facts),
    ...fillViolations(facts),
  ];
}

/** True when something is on its way: an order without an answer, a trade after the last look. */
export function isMoving({ memory, ledger, venue }: Facts): boolean {
  if (memory === null) return false;
  const lookedMs = memory.pulse.nowMs;
  const isUnheard = (venue?.state.deliveries.length ?? 0) > 0;
  return isUnheard || tradesOf(ledger).some(({ trade }) => trade.atMs >= lookedMs) ||
    Object.values(memory.orders).some(({ state }) => state !== "open");
}

/** What must also hold after an orderly end in calm: nothing is on its way any more. */
export async function settledViolations(facts: Facts): Promise<readonly string[]> {
  const { memory, venue, journal, layout } = facts;
  if (memory === null || venue === null) return ["nothing was written"];
  const found: string[] = [];
  const booked = new Set(fillsOf(journal).map(({ tradeId }) => tradeId));
  for (const { trade } of tradesOf(facts.ledger)) {
    if (!booked.has(trade.id)) found.push(`trade ${trade.id} was never booked`);
  }
  const { positions, orders } = venue.state;
  const holdings: Readonly<Record<string, Holding>> = memory.holdings;
  const keys = new Set([...Object.keys(positions), ...Object.keys(holdings)]);
  for (const key of keys) {
    const [leg, held] = [positions[key], holdings[key]];
    if (leg?.lots !== held?.lots) {
      found.push(`${key}: exchange ${leg?.lots ?? 0} lots, engine ${held?.lots ?? 0}`);
      continue;
    }
    const stops = Object.values(orders).filter((order) =>
      order.kind === "stop_market" && order.ticker === leg!.ticker && order.side === leg!.side
    );
    const leaving = Object.values(memory.routes).some(({ ticker, side, effect }) =>
      effect === "close" && `${ticker}:${side}` === key
    );
    if (stops.length !== 1 && !leaving) found.push(`${key}: ${stops.length} resting stops`);
  }
  const { startUsd, realizedUsd, feesUsd, fundingUsd } = memory.cash;
  const walletUsd = (startUsd ?? NaN) + realizedUsd - feesUsd + fundingUsd;
  if (!(Math.abs(walletUsd - venue.state.walletUsd) < 1e-6 * venue.state.walletUsd)) {
    found.push(`wallet: exchange ${venue.state.walletUsd}, engine ${walletUsd}`);
  }
  return [...found, ...await logViolations(layout, journal)];
}

/** Vetoes and decisions are in no journal; a row that lacks something is kept apart. */
const TOLD_ELSEWHERE: ReadonlySet<LogName> = new Set([
  "risk_vetoes",
  "decisions",
  "invalid_events",
]);

/** Every log tells each of its events of the journal, once and in order; a fill by its trade. */
async function logViolations(
  { execution }: Layout,
  journal: readonly JournalRow[],
): Promise<readonly string[]> {
  type Row = {
    readonly seq: number;
    readonly event_type: string;
    readonly tradeIds?: readonly number[];
  };
  const found: string[] = [];
  for (const name of LOGS) {
    const rows = await wholeLog<Row>(`${execution}/${name}.jsonl`);
    if (name === "invalid_events" && rows.length > 0) found.push(`${rows.length} rows are invalid`);
    if (TOLD_ELSEWHERE.has(name)) continue;
    const told = rows.map(({ seq, event_type, tradeIds: [tradeId = ""] = [] }) =>
      `${seq} ${event_type} ${event_type === "order_fill" ? tradeId : ""}`
    );
    const known = journal.flatMap(({ seq, events }) =>
      events.flatMap((event) => [
        ...(FILE_OF[event.kind] === name
          ? [`${seq} ${event.kind} ${event.kind === "order_fill" ? event.tradeId : ""}`]
          : []),
        // What a close came to is told among the metrics as well.
        ...(name === "order_metrics" && event.kind === "order_close"
          ? [`${seq} position_close `]
          : []),
      ])
    );
    const at = known.findIndex((text, i) => told[i] !== text);
    if (at >= 0 || told.length !== known.length) {
      const where = at < 0 ? known.length : at;
      found.push(
        `${name} tells ${told[where] ?? "nothing"}, the journal ${known[where] ?? "nothing"}`,
      );
    }
  }
  return found;
}

function sequenceViolations(journal: readonly JournalRow[]): string[] {
  return journal.flatMap(({ seq }, i) =>
    i > 0 && seq <= journal[i - 1]!.seq ? [`journal row ${i}: seq ${seq} does not grow`] : []
  );
}

/** The checkpoint with its tail is what the whole journal folds to: nothing else is remembered. */
function foldViolations(memory: Memory, journal: readonly JournalRow[]): string[] {
  let folded = blankMemory(memory.lineage, memory.startedMs);
  for (const { patch } of journal) folded = applyPatch(folded, patch);
  return diff(folded, memory)
    .filter(([path]) =>
      !VOLATILE.some(([slice, field]) => path[0] === slice && (field === null || path[1] === field))
    )
    // Operator changes at a start are in the checkpoint it writes.
    .filter(([path]) => path[0] !== "operator")
    .map(([path]) => `checkpoint and journal differ at ${path.join("/")}`);
}

/** An order's record is on disk before the order leaves, and an id is sent once, ever. */
function orderViolations({ ledger, journal }: Facts): string[] {
  const recorded = new Set<string>();
  const found: string[] = [];
  for (const { commands, seq } of journal) {
    for (const command of commands) {
      if (command.kind !== "place") continue;
      const { clientId } = command.order;
      if (recorded.has(clientId)) found.push(`journal ${seq}: ${clientId} is sent twice`);
      recorded.add(clientId);
    }
  }
  const accepted = new Set<string>();
  for (const row of ledger) {
    if (row.k !== "order") continue;
    const { clientId } = row.order;
    if (accepted.has(clientId)) found.push(`exchange: ${clientId} was accepted twice`);
    if (!recorded.has(clientId)) found.push(`exchange: ${clientId} is in no journal row`);
    accepted.add(clientId);
  }
  return found;
}

/** Every booked fill is a trade of the exchange with the same size and price, booked once. */
function fillViolations({ ledger, journal }: Facts): string[] {
  const trades = new Map(tradesOf(ledger).map(({ trade }) => [trade.id, trade]));
  const booked = new Set<number>();
  return fillsOf(journal).flatMap(({ tradeId, lots, px }) => {
    const trade = trades.get(tradeId);
    const twice = booked.has(tradeId);
    booked.add(tradeId);
    if (twice) return [`trade ${tradeId} is booked twice`];
    if (trade === undefined) return [`trade ${tradeId} is unknown to the exchange`];
    return trade.lots === lots && trade.px === px ? [] : [`trade ${tradeId} is booked wrongly`];
  });
}

/** What must not go back from one kill to the next: peaks, baselines, counters. */
export function regressions(before: Memory | null, after: Memory | null): readonly string[] {
  if (before === null || after === null) return [];
  const found: string[] = [];
  const grows = (name: string, from: number | null, to: number | null) => {
    if ((to ?? -Infinity) < (from ?? -Infinity)) found.push(`${name} went from ${from} to ${to}`);
  };
  grows("nav peak", before.nav.peakUsd, after.nav.peakUsd);
  grows("seq", before.pulse.seq, after.pulse.seq);
  grows("signals", before.counters.totalSignals, after.counters.totalSignals);
  for (const [reason, n] of Object.entries(before.counters.byReason)) {
    grows(`vetoes ${reason}`, n, after.counters.byReason[reason] ?? 0);
  }
  found.push(...movedLevels(before, after));
  if (before.startedMs !== after.startedMs) found.push("the first start moved");
  return found;
}

/** A leg's stop only gets tighter and its best price only better, whoever remembers them. */
function movedLevels(before: Memory, after: Memory): string[] {
  return (Object.keys(before.registry) as (keyof Memory["registry"])[]).flatMap((key) => {
    const [was, is] = [before.registry[key]!, after.registry[key]];
    if (is === undefined || is.episodeId !== was.episodeId) return [];
    const ahead = signOf(was.side);
    const isWider = ahead * ((is.levels.slPx ?? -Infinity) - (was.levels.slPx ?? -Infinity)) < 0;
    const isWorse = ahead * (is.bestPx - was.bestPx) < 0;
    return [
      ...(isWider ? [`${key}: stop went from ${was.levels.slPx} to ${is.levels.slPx}`] : []),
      ...(isWorse ? [`${key}: best price went from ${was.bestPx} to ${is.bestPx}`] : []),
    ];
  });
}

type Fill = Extract<JournalRow["events"][number], { kind: "order_fill" }>;

export function fillsOf(journal: readonly JournalRow[]): readonly Fill[] {
  return journal.flatMap(({ events }) =>
    events.filter((event): event is Fill => event.kind === "order_fill")
  );
}

type TradeRow = Extract<LedgerRow, { k: "trade" }>;

export function tradesOf(ledger: readonly LedgerRow[]): readonly TradeRow[] {
  return ledger.filter((row): row is TradeRow => row.k === "trade");
}
