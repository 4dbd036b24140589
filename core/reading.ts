/**
 * What a reading of the account is evidence of. An old one says nothing about now, and one taken too
 * soon after an order left says nothing about that order.
 */
import type { Observation } from "./ports.ts";
import type { Order } from "./router/orders.ts";
import { type Account, positionKey } from "./types.ts";
import { MS_PER_SECOND } from "./units.ts";

/** A reading older than this says nothing of now; an order sent this long before it shows in it. */
const READING_FRESH_MS = 2 * MS_PER_SECOND;

/** True where the account was read, and at this moment. */
export function isReadingFresh({ account, nowMs }: Observation): boolean {
  return account.kind === "read" && nowMs - account.value.atMs <= READING_FRESH_MS;
}

/**
 * True for a stop or target whose arrival is unknown while the leg has none of its kind. It may be
 * replaced at once: the venue holds at most one closing stop per leg, so a second one can only be
 * refused, and a leg must not stay naked for as long as it takes to prove that an order never arrived.
 */
export function isStopMissing(seen: Observation, order: Order): boolean {
  const account = accountAfter(seen, order);
  return account !== null &&
    !account.openOrders.some(({ kind, ticker, side }) =>
      kind === order.kind && ticker === order.ticker && side === order.side
    );
}

/**
 * True for a close whose arrival is unknown, that does not rest, and of which the leg shows no trace:
 * `heldLots`, what the book says is held, is all still there. Another close may leave beside it. It
 * is not proved lost, and may yet arrive; but a close opens nothing, whichever of the two is first.
 */
export function isCloseMissing(seen: Observation, order: Order, heldLots: number): boolean {
  const account = accountAfter(seen, order);
  if (account === null || order.effect !== "close" || heldLots === 0) return false;
  if (account.openOrders.some(({ clientId }) => clientId === order.clientId)) return false;
  const key = positionKey(order.ticker, order.side);
  return account.positions.some((leg) =>
    positionKey(leg.ticker, leg.side) === key && leg.lots >= heldLots
  );
}

/** A reading of now in which an unknown order would show; null where there is none. */
function accountAfter({ account, nowMs }: Observation, order: Order): Account | null {
  if (order.state !== "unknown" || account.kind === "failed") return null;
  const { atMs } = account.value;
  if (nowMs - atMs > READING_FRESH_MS || atMs - order.sentMs < READING_FRESH_MS) return null;
  return account.value;
}
