/** Refusals of the exchange's own, by their codes: which orders they meet, and how often. */
import type { NewOrder } from "../../core/ports.ts";
import type { FaultKind } from "./faults.ts";

type Refusal = {
  readonly kind: FaultKind;
  readonly venueCode: number;
  readonly of: (order: NewOrder) => boolean;
  readonly chance: number;
  /** How likely the order reaches the exchange although it was refused. */
  readonly arrives: number;
};

const patient = ({ closePosition }: NewOrder) => !closePosition;
export const REFUSALS: readonly Refusal[] = [
  {
    kind: "post_only_reject",
    venueCode: -5022,
    of: ({ tif }) => tif === "GTX",
    chance: 1,
    arrives: 0,
  },
  {
    kind: "stop_reject",
    venueCode: -4045,
    of: ({ closePosition }) => closePosition,
    chance: 1,
    arrives: 0,
  },
  { kind: "throttle", venueCode: -1008, of: patient, chance: 0.7, arrives: 0 },
  {
    kind: "band_reject",
    venueCode: -4131,
    of: ({ kind }) => kind === "market",
    chance: 1,
    arrives: 0,
  },
  {
    kind: "margin_reject",
    venueCode: -2019,
    of: ({ effect }) => effect === "open",
    chance: 0.7,
    arrives: 0,
  },
  {
    kind: "reduce_reject",
    venueCode: -2022,
    of: (order) => order.effect === "close" && patient(order),
    chance: 0.7,
    arrives: 0,
  },
  { kind: "repeated_submit", venueCode: -4116, of: () => true, chance: 0.5, arrives: 1 },
  { kind: "unknown_reply", venueCode: -1007, of: () => true, chance: 0.5, arrives: 0.5 },
];
