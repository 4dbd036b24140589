/**
 * `fill_tracker.json`: the newest trade that has been booked of each symbol, and the lots that are
 * open, entry by entry. Written when a trade changes something of it, synced, with the generation
 * before beside it; a view of the checkpoint, which alone is read back.
 */
import { z } from "zod";
import type { Booked } from "../../core/booked.ts";
import type { Parcel } from "../../core/exits/parcels.ts";
import { type Increment, unitsToNumber } from "../../core/increments.ts";
import { remembered, settled } from "../../core/remember.ts";
import { lasting } from "../encode.ts";
import { crc, sealed } from "./durable.ts";
import {
  count,
  entriesOf,
  envelopeShape,
  iso,
  isoTime,
  key,
  type Published,
  symbol,
} from "./surface.ts";

const Lot = z.strictObject({
  side: z.enum(["BUY", "SELL"]),
  /** Null: what a lot of the symbol is has never been known. */
  qty: z.number().positive().nullable(),
  price: z.number().positive(),
  ts: isoTime,
  intent_id: z.string().nullable(),
  strategy_id: z.string().nullable(),
  fee_usd: z.number(),
  funding_usd: z.number(),
});
const Lots = z.array(Lot);

export const FillTracker = z.strictObject({
  ...envelopeShape,
  last_trade_id: z.record(symbol, count),
  lots: z.record(key, Lots),
  crc32: crc,
});

export function projectFillTracker({ memory, sizeOf }: Published) {
  const last: Record<string, number> = {};
  for (const [ticker, booked] of entriesOf(memory.booked)) last[ticker] = newestId(booked);
  const lots: Record<string, z.output<typeof Lots>> = {};
  for (const [name, { ticker, parcels }] of entriesOf(memory.holdings)) {
    lots[name] = lotsOf(parcels, sizeOf(ticker)?.lot ?? null);
  }
  return sealedTracker(settledLots(lots), settledIds(last));
}

const settledLots = settled<z.output<typeof Lots>>();
const settledIds = settled<number>();
const sealedTracker = remembered((
  lots: Readonly<Record<string, z.output<typeof Lots>>>,
  last: Readonly<Record<string, number>>,
) => sealed({ last_trade_id: { ...last }, lots: lasting({ ...lots }) }));

const lotsOf = remembered((parcels: readonly Parcel[], lot: Increment | null) =>
  lasting(parcels.map((one) => ({
    side: one.side === "LONG" ? "BUY" as const : "SELL" as const,
    qty: lot === null ? null : unitsToNumber(one.lots, lot),
    price: one.px,
    ts: iso(one.atMs),
    intent_id: one.intentId,
    strategy_id: one.strategyId,
    fee_usd: one.feeUsd,
    funding_usd: one.fundingUsd,
  })))
);

function newestId({ verifiedId, recentIds }: Booked): number {
  return recentIds.at(-1) ?? verifiedId;
}
