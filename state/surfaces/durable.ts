/**
 * What must outlive a power failure, as people and tools read it: levels and stops, the operator's
 * state, the account's baselines. Written when something of it changes, synced, with the generation
 * before beside it. Views of the checkpoint: the engine never reads them back.
 */
import { z } from "zod";
import type { PositionKey } from "../../core/types.ts";
import { MS_PER_MINUTE } from "../../core/units.ts";
import { unitsToNumber } from "../../core/increments.ts";
import type { Guard } from "../../core/exits/registry.ts";
import { dayOf } from "../../core/calendar.ts";
import { remembered, settled } from "../../core/remember.ts";
import { crc32 } from "../crc32.ts";
import { lasting } from "../encode.ts";
import { Exit, exitOf, positive, Protective, protectiveOf } from "./positions.ts";
import {
  entriesOf,
  envelopeShape,
  iso,
  isoOrNull,
  isoTime,
  key,
  maybe,
  maybeTime,
  type Published,
  side,
  symbol,
} from "./surface.ts";

/** The checksum of a surface that is kept: eight hexadecimal digits. */
export const crc = z.string().regex(/^[0-9a-f]{8}$/);
const level = z.number().positive().nullable();

const Entry = z.strictObject({
  symbol,
  side,
  episode_id: z.string(),
  entry_price: z.number().positive(),
  /** Null: what a lot of the symbol is has never been known. */
  qty: z.number().positive().nullable(),
  take_profit_price: level,
  stop_loss_price: level,
  strategy_id: z.string().nullable(),
  source: z.enum(["intent", "seed", "operator", "adopted"]),
  sl_atr_mult: maybe,
  tp_atr_mult: maybe,
  min_rr: maybe,
  /** Distance of the target over that of the stop; null without both. */
  reward_risk: maybe,
  atr_value: maybe,
  enable_tp_sl: z.boolean(),
  registered_ts: isoTime,
  updated_ts: isoTime,
  protective: Protective.nullable(),
  exit: Exit,
});
type Entry = z.output<typeof Entry>;

export const PositionTpSl = z.strictObject({
  ...envelopeShape,
  entries: z.record(key, Entry),
  crc32: crc,
});

/** The file is written when it changes: a stop that is seen on every tick changes it by the minute. */
const SEEN_STEP_MS = MS_PER_MINUTE;

/** The registry: where each open leg leaves, and the stop that rests for it. */
export function projectPositionTpSl(published: Published) {
  const entries: Record<PositionKey, Entry> = {};
  for (const [name, guard] of entriesOf(published.memory.registry)) {
    entries[name] = entryOf(published, guard);
  }
  return sealedEntries(settledEntries(entries));
}

const settledEntries = settled<Entry>();
const sealedEntries = remembered((entries: Readonly<Record<string, Entry>>) =>
  sealed({ entries: lasting({ ...entries }) })
);

/** Where a leg leaves is known whether its market is listed or not. */
function entryOf(published: Published, guard: Guard): Entry {
  const size = published.sizeOf(guard.ticker);
  const { ticker, episodeId, strategyId, source, entryPx, registeredMs, updatedMs } = guard;
  const qty = size === null ? null : unitsToNumber(guard.lots, size.lot);
  const facts = { ticker, side: guard.side, episodeId, strategyId, source, entryPx, qty };
  const times = { registeredMs, updatedMs };
  return rowOf(
    guard.levels,
    facts,
    times,
    protectiveOf(published, guard, SEEN_STEP_MS),
    exitOf(published, guard),
  );
}

type Facts = Pick<Guard, "ticker" | "side" | "episodeId" | "strategyId" | "source" | "entryPx"> & {
  readonly qty: number | null;
};

/** Best and worst price move with every mark; they are in none of this. */
const rowOf = remembered((
  { slPx, tpPx, slAtrMult, tpAtrMult, atr }: Guard["levels"],
  facts: Facts,
  { registeredMs, updatedMs }: Pick<Guard, "registeredMs" | "updatedMs">,
  protective: z.output<typeof Protective> | null,
  exit: z.output<typeof Exit>,
): Entry =>
  lasting({
    symbol: facts.ticker,
    side: facts.side,
    episode_id: facts.episodeId,
    entry_price: facts.entryPx,
    qty: facts.qty,
    take_profit_price: positive(tpPx),
    stop_loss_price: positive(slPx),
    strategy_id: facts.strategyId,
    source: facts.source,
    sl_atr_mult: slAtrMult,
    tp_atr_mult: tpAtrMult,
    min_rr: null,
    reward_risk: rewardOf(facts.entryPx, slPx, tpPx),
    atr_value: atr,
    enable_tp_sl: true,
    registered_ts: iso(registeredMs),
    updated_ts: iso(updatedMs),
    protective,
    exit,
  })
);

function rewardOf(entryPx: number, slPx: number | null, tpPx: number | null): number | null {
  const atRisk = slPx === null ? 0 : Math.abs(entryPx - slPx);
  return tpPx === null || atRisk === 0 ? null : Math.abs(tpPx - entryPx) / atRisk;
}

export const OperatorState = z.strictObject({
  ...envelopeShape,
  state: z.enum(["RUNNING", "PAUSED", "FLATTENING", "KILLED"]),
  since: isoTime,
  by: z.string(),
  reason: z.string().nullable(),
  until: maybeTime,
  symbols_paused: z.strictObject({}),
  /** How far flattening has come; null while nothing is being flattened. */
  plan: z.strictObject({ open_positions: z.int().min(0) }).nullable(),
  crc32: crc,
});

export function projectOperatorState({ memory: { operator, holdings } }: Published) {
  const { state, sinceMs, by, reason } = operator;
  return sealed({
    state,
    since: iso(sinceMs),
    by,
    reason,
    until: null,
    symbols_paused: {},
    plan: state === "FLATTENING" ? { open_positions: Object.keys(holdings).length } : null,
  });
}

export const AccountBaseline = z.strictObject({
  ...envelopeShape,
  zone: z.string(),
  day: z.string(),
  day_start_equity: maybe,
  /** When the reading was taken that the day began with. */
  day_start_ts: maybeTime,
  day_peak: maybe,
  peak_equity: maybe,
  peak_ts: maybeTime,
  rule: z.string(),
  /** What came in less what went out since the books began. */
  transfers_usd: z.number(),
  /** The newest of them, oldest first. */
  transfers_applied: z.array(z.strictObject({ id: z.string(), ts: isoTime, usd: z.number() })),
  crc32: crc,
});

/** What losses are measured from. */
export function projectAccountBaseline(
  { memory: { nav, pulse, cash, transfers }, rules }: Published,
) {
  const { zone } = rules.nav;
  return sealed({
    zone,
    day: nav.day ?? dayOf(pulse.nowMs, zone),
    day_start_equity: nav.dayStartUsd,
    day_start_ts: isoOrNull(nav.dayStartMs),
    day_peak: nav.dayPeakUsd,
    peak_equity: nav.peakUsd,
    peak_ts: isoOrNull(nav.peakMs),
    rule: "highest accepted NAV, moved by transfers, re-based after a circuit's cool-off",
    transfers_usd: cash.transfersUsd,
    transfers_applied: transfers.map(({ id, usd, atMs }) => ({
      id: String(id),
      ts: iso(atMs),
      usd,
    })),
  });
}

/** A body with the checksum of its own compact JSON, the envelope not counted. */
export function sealed<T extends object>(body: T): T & { crc32: string } {
  return { ...body, crc32: crc32(JSON.stringify(body)) };
}

/** What a payload says besides its envelope. */
export function bodyOf(payload: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !(name in envelopeShape)));
}

/** True when a file holds what its checksum was made of. */
export function isSealed(text: string): boolean {
  try {
    const { crc32: sum, ...body } = bodyOf(JSON.parse(text));
    return sum === crc32(JSON.stringify(body));
  } catch {
    return false;
  }
}
