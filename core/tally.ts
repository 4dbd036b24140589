/** One tick counted: what became of entries, step by step, and which watchers saw something. */
import { without } from "./dict.ts";
import type { EngineEvent } from "./events.ts";
import type { Dict, Effect } from "./types.ts";

/** How many entries came how far; each ends in one of the last five. */
export type EntryCounts = {
  /** An order of theirs was sent to the venue, and one was taken there. */
  readonly submitted: number;
  readonly orders: number;
  /** They ended whole, or with a part. */
  readonly filled: number;
  readonly partial: number;
  /** Nothing came of them: the venue took an order, took none, or was sent none. */
  readonly unfilled: number;
  readonly rejected: number;
  readonly abandoned: number;
};
export type EntryStep = keyof EntryCounts;
export const NO_ENTRIES: EntryCounts = {
  submitted: 0,
  orders: 0,
  filled: 0,
  partial: 0,
  unfilled: 0,
  rejected: 0,
  abandoned: 0,
};
export const ENTRY_STEPS = Object.keys(NO_ENTRIES) as readonly EntryStep[];

/** How far a route has come of which the venue has taken no order yet. */
export type Untaken = "begun" | "sent";

/** What one tick did, counted. */
export type Tally = {
  readonly bucket: Record<EntryStep | "fills", number> & {
    readonly vetoes: Record<string, number>;
  };
  untaken: Dict<Untaken>;
  takenCount: number;
  fillsCount: number;
  makerFillsCount: number;
  exits: Record<string, number>;
  exitRefusals: number;
  approved: boolean;
  routed: boolean;
  triggered: boolean;
  anything: boolean;
};

/** Counts the events of one tick; `untaken` as the tick before left it. */
export function tallyOf(events: readonly EngineEvent[], untaken: Dict<Untaken>): Tally {
  const tally: Tally = {
    bucket: { ...NO_ENTRIES, fills: 0, vetoes: {} },
    untaken,
    takenCount: 0,
    fillsCount: 0,
    makerFillsCount: 0,
    exits: {},
    exitRefusals: 0,
    approved: false,
    routed: false,
    triggered: false,
    anything: false,
  };
  for (const event of events) {
    const counted = countEvent(tally, event);
    tally.anything ||= counted;
  }
  return tally;
}

/** Counts one event; false for a kind that no counter is about. */
function countEvent(tally: Tally, event: EngineEvent): boolean {
  const { bucket } = tally;
  switch (event.kind) {
    case "veto":
      bucket.vetoes[event.reason] = (bucket.vetoes[event.reason] ?? 0) + 1;
      return true;
    case "decision":
      tally.approved ||= event.outcome === "ordered" || event.outcome === "waits";
      return true;
    case "order_attempt":
      tally.untaken = { ...tally.untaken, [event.intentId]: "begun" };
      return true;
    case "order_ack":
      return take(tally, event);
    case "order_resolved":
    case "order_done":
      return event.status !== "never_arrived" && event.status !== "rejected" && take(tally, event);
    case "order_fill":
      take(tally, event);
      if (event.effect === "open") bucket.fills += 1;
      tally.fillsCount += 1;
      if (event.maker) tally.makerFillsCount += 1;
      tally.routed = true;
      return true;
    case "route_end":
      conclude(tally, event);
      tally.routed = true;
      return true;
    case "order_submit":
      send(tally, event);
      tally.routed = true;
      return true;
    case "order_cancel":
      tally.routed = true;
      return true;
    case "order_reject":
      if (event.effect !== "close" || event.intentId === null) return false;
      tally.exitRefusals += 1;
      return true;
    case "exit_trigger":
      tally.triggered = true;
      return true;
    case "episode_end":
      tally.exits[event.exitReason] = (tally.exits[event.exitReason] ?? 0) + 1;
      return true;
    default:
      return false;
  }
}

type OfOrder = { readonly intentId: string | null; readonly effect: Effect };

/** The first order of a route leaves. */
function send(tally: Tally, { intentId, effect }: OfOrder): void {
  if (intentId === null || tally.untaken[intentId] !== "begun") return;
  tally.untaken = { ...tally.untaken, [intentId]: "sent" };
  if (effect === "open") tally.bucket.submitted += 1;
}

/** The venue has an order: of its route, that counts once. True where it did. */
function take(tally: Tally, { intentId, effect }: OfOrder): boolean {
  if (intentId === null || tally.untaken[intentId] === undefined) return false;
  tally.untaken = without(tally.untaken, intentId);
  tally.takenCount += 1;
  if (effect === "open") tally.bucket.orders += 1;
  return true;
}

type RouteEnd = Extract<EngineEvent, { kind: "route_end" }>;

function conclude(tally: Tally, { intentId, effect, filledLots, status }: RouteEnd): void {
  const reached = tally.untaken[intentId];
  if (reached !== undefined) tally.untaken = without(tally.untaken, intentId);
  if (effect !== "open") return;
  const nothing = reached === undefined
    ? "unfilled"
    : reached === "sent"
    ? "rejected"
    : "abandoned";
  const something = status === "PARTIALLY_FILLED" ? "partial" : "filled";
  tally.bucket[filledLots === 0 ? nothing : something] += 1;
}

/** Entries that nothing came of. */
export function failedCount({ unfilled, rejected, abandoned }: EntryCounts): number {
  return unfilled + rejected + abandoned;
}
