/**
 * How an order is spelt for the exchange, by the account's position mode. Hedge mode wants the leg
 * on every order and refuses `reduceOnly`; one-way mode has no legs, and every order that reduces
 * says so, whatever its kind and however large it is (Binance USD-M, "New Order"). A refusal for
 * the mode is never answered by trying the other one.
 */
import { buys, type Effect, type Side } from "../types.ts";

export const POSITION_MODES = ["hedge", "one_way"] as const;
export type PositionMode = (typeof POSITION_MODES)[number];

export type Spelling = {
  readonly orderSide: "BUY" | "SELL";
  readonly positionSide: Side | "BOTH";
  /** Only where the exchange takes it: one-way mode, and not beside `closePosition`. */
  readonly reduceOnly: boolean;
};

/** Side, leg and reduce-only flag of an order that opens or closes a leg. */
export function spellingOf(
  mode: PositionMode,
  { side, effect, closePosition }: {
    readonly side: Side;
    readonly effect: Effect;
    /** A stop that closes whatever the leg holds: it reduces by its nature. */
    readonly closePosition: boolean;
  },
): Spelling {
  const isHedge = mode === "hedge";
  return {
    orderSide: buys(side, effect) ? "BUY" : "SELL",
    positionSide: isHedge ? side : "BOTH",
    reduceOnly: !isHedge && effect === "close" && !closePosition,
  };
}
