/**
 * What every refusal of an exchange means and what follows from it: one table from code to action.
 * Codes are those of Binance USD-M futures ("Error Codes", developers.binance.com); a code that is
 * not in here is refused and told, never guessed.
 */
import type { RejectCode } from "../ports.ts";
import { MS_PER_SECOND } from "../units.ts";

/** What an entry does about it. */
export type EntryAction =
  /** Quote again, further back. */
  | "requote"
  /** It was not executed: send it again a little later, a few times. */
  | "retry"
  /** Give up with the code. */
  | "end"
  /** Nobody knows yet whether it arrived: ask. */
  | "ask";

/** What a close does about it: it never gives up. */
export type ExitAction =
  | "requote"
  | "ask"
  /** By market order, as much as the leg holds by then, with growing patience. */
  | "retry"
  /** Immediate-or-cancel within a band around mark, again and again. */
  | "banded"
  /** At once, by market order. */
  | "strike";

export type ErrorRule = {
  readonly code: RejectCode;
  readonly venueCodes: readonly number[];
  readonly meaning: string;
  readonly entry: EntryAction;
  readonly exit: ExitAction;
  /** First of the growing waits between two tries. */
  readonly waitMs: number;
  /** Part of the game: it says nothing about the way to the exchange. */
  readonly isExpected: boolean;
  /** The symbol takes no entry for a while. */
  readonly rests: boolean;
  /** No entry at all until a human has looked: another try would be refused as well. */
  readonly pauses: boolean;
};

/** How long a symbol rests after a refusal that another try would meet again. */
export const REFUSED_REST_MS = 60 * MS_PER_SECOND;
/** Tries of an entry whose orders were not executed, before it gives up. */
export const RETRIES_MAX_COUNT = 5;

const QUICK_MS = 200;
const rule = (
  code: RejectCode,
  venueCodes: readonly number[],
  meaning: string,
  actions: readonly [entry: EntryAction, exit: ExitAction],
  more: Partial<Pick<ErrorRule, "waitMs" | "isExpected" | "rests" | "pauses">> = {},
): ErrorRule => ({
  code,
  venueCodes,
  meaning,
  entry: actions[0],
  exit: actions[1],
  waitMs: MS_PER_SECOND,
  isExpected: false,
  rests: false,
  pauses: false,
  ...more,
});

export const ERRORS: readonly ErrorRule[] = [
  rule("post_only_would_take", [-5022], "a post-only order would have taken", [
    "requote",
    "requote",
  ], { isExpected: true }),
  rule("not_filled", [-5021], "fill-or-kill: nothing was there", ["retry", "retry"], {
    isExpected: true,
  }),
  rule("would_trigger", [-2021, -4142], "a stop would trigger at once: its exit is due", [
    "end",
    "strike",
  ], { isExpected: true }),
  rule("reduce_only_rejected", [-2022, -4118], "the position is smaller than the close, or gone", [
    "end",
    "retry",
  ], { isExpected: true }),
  rule("stop_exists", [-4130], "a closing stop rests already", ["end", "retry"], {
    isExpected: true,
  }),
  rule("duplicate_id", [-4116], "an order of this id has arrived before", ["ask", "ask"]),
  rule("unknown_outcome", [-1000, -1001, -1006, -1007], "it may have been executed or not", [
    "ask",
    "ask",
  ]),
  rule("throttled", [-1003, -1008, -1015], "too much traffic: not executed", ["retry", "retry"], {
    waitMs: QUICK_MS,
  }),
  rule("clock", [-1021, -5028], "outside the receive window: not executed", ["retry", "retry"], {
    waitMs: QUICK_MS,
  }),
  rule(
    "insufficient_margin",
    [-2018, -2019, -2027, -2028, -4050, -4051],
    "margin or leverage does not allow it",
    ["end", "retry"],
    { rests: true },
  ),
  rule(
    "filter",
    [-1102, -1106, -1111, -1116, -4003, -4004, -4005, -4014, -4023, -4164],
    "against the filters of the symbol: they have changed, or this engine is wrong",
    ["end", "retry"],
    { rests: true },
  ),
  rule("price_band", [-4016, -4024, -4131, -4184], "too far from mark", ["end", "banded"], {
    rests: true,
  }),
  rule("too_many_orders", [-2025, -4045], "too many orders rest", ["end", "retry"], {
    rests: true,
  }),
  rule("symbol_closed", [-1121, -4140, -4141], "the symbol does not trade", ["end", "retry"], {
    rests: true,
  }),
  rule(
    "credentials",
    [-1002, -1022, -2014, -2015],
    "the key is wrong or may not do this",
    ["end", "retry"],
    { pauses: true },
  ),
  rule(
    "position_mode",
    [-4059, -4061, -4067, -4068],
    "the account's position mode is another one",
    ["end", "retry"],
    { pauses: true },
  ),
  rule(
    "restricted",
    [-2023, -4087, -4088, -4192, -4400, -4401, -4402],
    "the account may only reduce",
    ["end", "retry"],
    { pauses: true },
  ),
  rule("unavailable", [], "it never arrived", ["end", "retry"]),
  rule("other", [], "not known", ["end", "retry"], { rests: true }),
];

const BY_CODE = new Map(ERRORS.map((one) => [one.code, one]));
const BY_VENUE_CODE = new Map(
  ERRORS.flatMap((one) => one.venueCodes.map((venueCode) => [venueCode, one.code] as const)),
);

/** The row of a refusal. */
export function errorRule(code: RejectCode): ErrorRule {
  return BY_CODE.get(code)!;
}

/** "Order was rejected": only its words tell whether a quote would have taken. */
const REJECTED = -2010;

/** What the exchange's own code means. */
export function rejectCodeOf(venueCode: number, message: string): RejectCode {
  if (venueCode === REJECTED && /immediately match/i.test(message)) return "post_only_would_take";
  return BY_VENUE_CODE.get(venueCode) ?? "other";
}
