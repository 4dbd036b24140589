/**
 * Ticks and lots. From plan to wire a price is a whole number of ticks and a size a whole number of
 * lots; this module alone converts, reading every float as the shortest decimal that names it, so
 * that 137.48 with a tick of 0.01 is 13748 ticks and never 13747.
 */
import { assert } from "./assert.ts";

/** A tick or lot size: `scaled` / 10^`decimals`, e.g. 0.5 is 5 / 10^1. */
export type Increment = {
  readonly text: string;
  readonly decimals: number;
  readonly scaled: number;
};

/** Within this distance of a whole number (relative) float division may be on the wrong side. */
const EXACT_BAND = 1e-9;
const FIFTEEN_DIGITS = 1e15;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Reads an increment as an exchange spells it: "0.10", "1E-3", "10". Throws on anything else. */
export function increment(text: string): Increment {
  const { digits, decimals } = decimal(text);
  assert(digits > 0n, `an increment is positive: ${text}`);
  let [scaled, places] = [digits, decimals];
  while (places > 0 && scaled % 10n === 0n) [scaled, places] = [scaled / 10n, places - 1];
  if (places < 0) [scaled, places] = [scaled * 10n ** BigInt(-places), 0];
  assert(scaled <= BigInt(Number.MAX_SAFE_INTEGER), `an increment fits a number: ${text}`);
  return { text, decimals: places, scaled: Number(scaled) };
}

/** The largest whole number of increments that is not above `value`. */
export function floorUnits(value: number | string, inc: Increment): number {
  const quick = quickUnits(value, inc);
  return quick === null ? exactUnits(value, inc, false) : Math.floor(quick);
}

/** The smallest whole number of increments that is not below `value`. */
export function ceilUnits(value: number | string, inc: Increment): number {
  const quick = quickUnits(value, inc);
  return quick === null ? exactUnits(value, inc, true) : Math.ceil(quick);
}

/** The float nearest to `units` increments. */
export function unitsToNumber(units: number, inc: Increment): number {
  return (units * inc.scaled) / 10 ** inc.decimals;
}

/** `units` increments as decimal text with exactly the decimals of the increment: 0.10 has one. */
export function unitsToText(units: number, { scaled, decimals }: Increment): string {
  const total = BigInt(units) * BigInt(scaled);
  const sign = total < 0n ? "-" : "";
  const digits = (total < 0n ? -total : total).toString().padStart(decimals + 1, "0");
  if (decimals === 0) return sign + digits;
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** Value of whole lots at a price. */
export function lotsToUsd(lots: number, { px, lot }: { px: number; lot: Increment }): number {
  return unitsToNumber(lots, lot) * px;
}

/**
 * The quotient in floats, or null when it is too close to a whole number to be trusted. A value that
 * is the float of a whole number of increments is that number: decimals of up to fifteen digits and
 * their floats stand for each other one to one (IEEE 754-2019, section 5.12.2).
 */
function quickUnits(value: number | string, inc: Increment): number | null {
  if (typeof value === "string") return null;
  assert(Number.isFinite(value), "only finite numbers are counted in increments");
  const quotient = (value * 10 ** inc.decimals) / inc.scaled;
  const nearest = Math.round(quotient);
  if (Math.abs(quotient - nearest) > EXACT_BAND * Math.max(1, Math.abs(quotient))) return quotient;
  const isShort = Math.abs(nearest * inc.scaled) < FIFTEEN_DIGITS;
  return isShort && unitsToNumber(nearest, inc) === value ? nearest + 0 : null;
}

function exactUnits(value: number | string, inc: Increment, up: boolean): number {
  const { digits, decimals } = decimal(String(value));
  const shift = decimals - inc.decimals;
  const top = shift >= 0 ? digits : digits * 10n ** BigInt(-shift);
  const bottom = BigInt(inc.scaled) * (shift >= 0 ? 10n ** BigInt(shift) : 1n);
  let units = top / bottom;
  const rest = top % bottom;
  if (rest !== 0n && up && top > 0n) units += 1n;
  if (rest !== 0n && !up && top < 0n) units -= 1n;
  return Number(units);
}

function decimal(text: string): { digits: bigint; decimals: number } {
  const parts = DECIMAL.exec(text);
  const whole = parts?.[2] ?? "";
  const fraction = parts?.[3] ?? "";
  assert(parts !== null && whole.length + fraction.length > 0, `a decimal number: ${text}`);
  const digits = BigInt(whole + fraction) * (parts[1] === "-" ? -1n : 1n);
  return { digits, decimals: fraction.length - Number(parts[4] ?? 0) };
}
