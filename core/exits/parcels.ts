/**
 * Who earned what of a leg: every fill that opens leaves a parcel, every fill that closes pays the
 * oldest parcels back first. Always true: parcels are whole lots and add up to what the leg holds;
 * a fee or a funding payment is charged once, with the lots it belongs to; a fill that may only
 * close never opens anything.
 */
import { type Increment, unitsToNumber } from "../increments.ts";
import type { Earned, Side } from "../types.ts";
import { signOf } from "../types.ts";

/** Lots of one entry that are still open; fees and funding are those of these lots. */
export type Parcel = {
  readonly side: Side;
  readonly lots: number;
  readonly px: number;
  readonly atMs: number;
  /** Null: nobody of ours opened it. */
  readonly strategyId: string | null;
  readonly intentId: string | null;
  readonly feeUsd: number;
  readonly fundingUsd: number;
};

/** A fill as parcels see it. Its side is what it adds to: a buy is LONG, whatever it closes. */
export type Deal = Omit<Parcel, "fundingUsd"> & {
  /** True for what closes and may not open, whatever it finds. */
  readonly closeOnly: boolean;
};

/** What one fill has closed. */
export type Closed = {
  readonly lots: number;
  /** Signed holdings before and after the whole fill. */
  readonly lotsBefore: number;
  readonly lotsAfter: number;
  /** One row for each strategy whose lots went. */
  readonly earned: readonly Earned[];
};

export type Dealt = {
  /** The very same list where the deal changed nothing. */
  readonly parcels: readonly Parcel[];
  /** Null: nothing was closed. */
  readonly closed: Closed | null;
};

/** Takes a fill in: oldest parcels of the other side first; what is left of it opens a parcel. */
export function deal(parcels: readonly Parcel[], made: Deal, lot: Increment): Dealt {
  const { closeOnly, ...parcel } = made;
  if (!(made.lots > 0 && made.px > 0)) return { parcels, closed: null };
  const { left, taken, lots } = takeOldest(parcels, made);
  const rest = made.lots - lots;
  const opens = rest > 0 && !closeOnly;
  const opened: Parcel = {
    ...parcel,
    lots: rest,
    feeUsd: made.feeUsd * rest / made.lots,
    fundingUsd: 0,
  };
  if (lots === 0) return { parcels: opens ? [...parcels, opened] : parcels, closed: null };
  const after = opens ? [...left, opened] : left;
  const earned = taken.reduce<readonly Earned[]>(
    (sums, one) => addEarned(sums, earnedOf(one, made, lot)),
    [],
  );
  const [lotsBefore, lotsAfter] = [signedLots(parcels), signedLots(after)];
  return { parcels: after, closed: { lots, lotsBefore, lotsAfter, earned } };
}

/** Spreads a funding payment over the lots that were open when it was due. */
export function fundParcels(parcels: readonly Parcel[], usd: number): readonly Parcel[] {
  const lots = Math.abs(signedLots(parcels));
  if (lots === 0) return parcels;
  return parcels.map((one) => ({ ...one, fundingUsd: one.fundingUsd + usd * one.lots / lots }));
}

/**
 * Parcels of a leg whose size was corrected without trades: what is missing goes from the oldest
 * with its fees, what is too much comes as one parcel of nobody, at the price that gives the leg
 * the venue's entry price.
 */
export function adjustParcels(
  held: { readonly parcels: readonly Parcel[]; readonly lots: number; readonly entryPx: number },
  shown: { side: Side; lots: number; entryPx: number; atMs: number },
): readonly Parcel[] {
  const { parcels } = held;
  const { side, atMs } = shown;
  const more = shown.lots - held.lots;
  if (more <= 0) {
    const other = side === "LONG" ? "SHORT" : "LONG";
    return takeOldest(parcels, { side: other, lots: -more }).left;
  }
  const impliedPx = (shown.entryPx * shown.lots - held.entryPx * held.lots) / more;
  const px = impliedPx > 0 ? impliedPx : shown.entryPx;
  return [...parcels, foundParcel({ side, lots: more, px, atMs })];
}

/** A parcel that nobody of ours opened. */
export function foundParcel(
  { side, lots, px, atMs }: Pick<Parcel, "side" | "lots" | "px" | "atMs">,
): Parcel {
  return { side, lots, px, atMs, strategyId: null, intentId: null, feeUsd: 0, fundingUsd: 0 };
}

/** Sums by strategy, in the order in which each first closed something. */
export function addEarned(sums: readonly Earned[], more: Earned): readonly Earned[] {
  const at = sums.findIndex(({ strategyId }) => strategyId === more.strategyId);
  const known = sums[at];
  if (known === undefined) return [...sums, more];
  return sums.with(at, {
    strategyId: known.strategyId,
    lots: known.lots + more.lots,
    realizedUsd: known.realizedUsd + more.realizedUsd,
    entryFeesUsd: known.entryFeesUsd + more.entryFeesUsd,
    exitFeesUsd: known.exitFeesUsd + more.exitFeesUsd,
    fundingUsd: known.fundingUsd + more.fundingUsd,
  });
}

/** What is left of it after fees and funding. */
export function earnedNetUsd(
  { realizedUsd, entryFeesUsd, exitFeesUsd, fundingUsd }: Omit<Earned, "strategyId">,
): number {
  return realizedUsd - entryFeesUsd - exitFeesUsd + fundingUsd;
}

/** What several have come to together. */
export function totalOf(earned: readonly Earned[]): Omit<Earned, "strategyId"> {
  const sum = (pick: (one: Earned) => number) =>
    earned.reduce((total, one) => total + pick(one), 0);
  return {
    lots: sum(({ lots }) => lots),
    realizedUsd: sum(({ realizedUsd }) => realizedUsd),
    entryFeesUsd: sum(({ entryFeesUsd }) => entryFeesUsd),
    exitFeesUsd: sum(({ exitFeesUsd }) => exitFeesUsd),
    fundingUsd: sum(({ fundingUsd }) => fundingUsd),
  };
}

/** Lots of parcels, longs positive. */
function signedLots(parcels: readonly Parcel[]): number {
  return parcels.reduce((sum, { side, lots }) => sum + signOf(side) * lots, 0);
}

type Taking = {
  readonly left: readonly Parcel[];
  /** Parts of parcels that go, each with its own share of fee and funding. */
  readonly taken: readonly Parcel[];
  readonly lots: number;
};

/** Takes up to so many lots out of the parcels of the other side, oldest first. */
function takeOldest(
  parcels: readonly Parcel[],
  { side, lots: wanted }: Pick<Parcel, "side" | "lots">,
): Taking {
  const left: Parcel[] = [];
  const taken: Parcel[] = [];
  let lots = 0;
  for (const parcel of parcels) {
    const goes = parcel.side === side ? 0 : Math.min(parcel.lots, wanted - lots);
    lots += goes;
    if (goes > 0) taken.push(partOf(parcel, goes));
    if (goes < parcel.lots) left.push(goes === 0 ? parcel : partOf(parcel, parcel.lots - goes));
  }
  return { left, taken, lots };
}

function partOf(parcel: Parcel, lots: number): Parcel {
  const frac = lots / parcel.lots;
  return {
    ...parcel,
    lots,
    feeUsd: parcel.feeUsd * frac,
    fundingUsd: parcel.fundingUsd * frac,
  };
}

function earnedOf({ side, lots, px, ...parcel }: Parcel, made: Deal, lot: Increment): Earned {
  return {
    strategyId: parcel.strategyId,
    lots,
    realizedUsd: signOf(side) * (made.px - px) * unitsToNumber(lots, lot),
    entryFeesUsd: parcel.feeUsd,
    exitFeesUsd: made.feeUsd * lots / made.lots,
    fundingUsd: parcel.fundingUsd,
  };
}
