/**
 * What a reading of the account is evidence of. Reading takes time, and a slow venue more: what counts
 * is whether a reading was taken after what it is held against. One that is really old is as good as
 * none.
 */
import type { Guard } from "./exits/registry.ts";
import { isFresh } from "./exits/scan.ts";
import type { Memory } from "./memory.ts";
import type { Observation } from "./ports.ts";
import { isUnderWay, type Order } from "./router/orders.ts";
import type { Account, Mark, Side, Ticker } from "./types.ts";
import { MS_PER_SECOND } from "./units.ts";

/** A reading older than this says nothing of now. */
const READING_MAX_MS = 15 * MS_PER_SECOND;
/** An order that left this long before a reading shows in it. */
const SHOWN_AFTER_MS = 2 * MS_PER_SECOND;
/** A venue refuses what arrives this long after it was sent. */
const BLIND_MS = 5 * MS_PER_SECOND;

function isCurrent(ageMs: number): boolean {
  return ageMs <= READING_MAX_MS;
}

/** True where the account was read, and not long ago. */
export function isReadingFresh({ account, nowMs }: Observation): boolean {
  return account.kind === "read" && isCurrent(nowMs - account.value.atMs);
}

/** True where the last reading was good and still says something of now. */
export function isAccountKnown(
  { accountOk, accountMs, nowMs }: { accountOk: boolean; accountMs: number | null; nowMs: number },
): boolean {
  return accountOk && accountMs !== null && isCurrent(nowMs - accountMs);
}

/** The price of a mark of now; null where there is none. */
export function freshPx(mark: Mark | null, nowMs: number): number | null {
  return isFresh(mark, nowMs) ? mark.px : null;
}

/** Where a leg stands now: the market's mark, or the one the account shows beside the leg. */
export function legMarkPx({ market, account, nowMs }: Observation, of: LegName): number | null {
  const px = freshPx(market.mark(of.ticker), nowMs);
  if (px !== null || account.kind === "failed") return px;
  return freshPx(shownLeg(account.value, of)?.mark ?? null, nowMs);
}

/** True where a reading of now, and not of before `sinceMs`, shows no such leg. */
export function isShownFlat(seen: Observation, of: LegName, sinceMs: number): boolean {
  const { account } = seen;
  return account.kind === "read" && isReadingFresh(seen) && account.value.atMs >= sinceMs &&
    shownLeg(account.value, of) === undefined;
}

type LegName = { readonly ticker: Ticker; readonly side: Side };

function shownLeg({ positions }: Account, { ticker, side }: LegName) {
  return positions.find((leg) => leg.ticker === ticker && leg.side === side);
}

/** True for a stop or target that rested, and that the last reading did not show any more. */
export function isMissed({ pulse }: Memory, clientId: string): boolean {
  return (pulse.sightings[clientId]?.missedCount ?? 0) > 0;
}

/** True where a stop for the leg rests, or is on its way there. */
export function hasStop(memory: Memory, { stop, bridge }: Guard): boolean {
  return [stop, bridge].some((one) =>
    one !== null && isUnderWay(memory.orders[one.clientId]) && !isMissed(memory, one.clientId)
  );
}

/**
 * True for a stop or target whose arrival is unknown while the leg has none of its kind. It may be
 * replaced at once: the venue holds at most one closing stop per leg, so a second one can only be
 * refused, and a leg must not stay naked for as long as it takes to prove that an order never arrived.
 */
export function isStopMissing(seen: Observation, order: Order): boolean {
  const account = accountAfter(seen, order);
  return account !== null &&
    !account.openOrders.some(({ kind, ticker, side, lots }) =>
      kind === order.kind && ticker === order.ticker && side === order.side &&
      (lots === 0) === order.closePosition
    );
}

/**
 * True for a close whose arrival is unknown, that does not rest, and of which the leg shows no trace:
 * `heldLots`, what the book says is held, is all still there. Another close may leave beside it. It
 * is not proved lost, and may yet arrive; but a close opens nothing, whichever of the two is first.
 * Where nothing can be read that holds after a while for what cannot rest.
 */
export function isCloseMissing(seen: Observation, order: Order, heldLots: number): boolean {
  if (order.effect !== "close" || heldLots === 0) return false;
  const account = accountAfter(seen, order);
  if (account === null) return !isReadingFresh(seen) && isLongSilent(seen, order);
  if (account.openOrders.some(({ clientId }) => clientId === order.clientId)) return false;
  return (shownLeg(account, order)?.lots ?? 0) >= heldLots;
}

function isLongSilent({ nowMs }: Observation, order: Order): boolean {
  const rests = order.kind !== "market" && order.tif !== "IOC";
  return isUnheard(order) && !rests && nowMs - order.sentMs >= BLIND_MS;
}

/** Nobody knows whether it arrived; that it is being taken back makes no difference. */
function isUnheard({ state, ackMs }: Order): boolean {
  return state === "unknown" || (state === "cancelling" && ackMs === null);
}

/** A current reading in which an unknown order would show; null where there is none. */
function accountAfter({ account, nowMs }: Observation, order: Order): Account | null {
  if (!isUnheard(order) || account.kind === "failed") return null;
  const { atMs } = account.value;
  return isCurrent(nowMs - atMs) && atMs - order.sentMs >= SHOWN_AFTER_MS ? account.value : null;
}
