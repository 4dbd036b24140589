/**
 * How every figure on the page is written, shared by server and browser so that hydration changes
 * no character. Pure; a value that is not known is `MISSING`, never 0.
 */

export const MISSING = "—";
const MINUS = "\u2212";
const SMALLEST_CENT_USD = 0.005;
const WHOLE_DOLLARS_FROM_USD = 100_000;
const QTY_DIGITS = 12;

type Maybe = number | null | undefined;

export type Direction = "up" | "down" | "flat";
export const GLYPH: Readonly<Record<Direction, string>> = { up: "▲", down: "▼", flat: "■" };

/** `$9,482.16`, `$1,234,568`, `−$12.00`. */
export function usd(value: Maybe): string {
  if (!isKnown(value)) return MISSING;
  const places = Math.abs(value) < WHOLE_DOLLARS_FROM_USD ? 2 : 0;
  const { sign, digits } = decimal(value, places);
  return `${sign}$${digits}`;
}

/** `+$40.11`, `−$118.42`; less than half a cent is `$0.00`. */
export function signedUsd(value: Maybe): string {
  if (!isKnown(value)) return MISSING;
  if (directionOf(value) === "flat") return "$0.00";
  const { sign, digits } = decimal(value, 2);
  return `${sign || "+"}$${digits}`;
}

/** Which way money went; what rounds to nothing went nowhere. */
export function directionOf(value: number): Direction {
  if (Math.abs(value) < SMALLEST_CENT_USD) return "flat";
  return value > 0 ? "up" : "down";
}

/** A fraction as `4.99%`. */
export function percent(frac: Maybe): string {
  if (!isKnown(frac)) return MISSING;
  const { sign, digits } = decimal(shift(frac, 2), 2);
  return `${sign}${digits}%`;
}

/** The same with its sign: `+0.85%`, `−1.79%`. */
export function signedPercent(frac: Maybe): string {
  if (!isKnown(frac)) return MISSING;
  const { sign, digits } = decimal(shift(frac, 2), 2);
  return `${sign || (/[1-9]/.test(digits) ? "+" : "")}${digits}%`;
}

/** How far a level is away, by its sign for the result: `+4.5%`. */
export function distance(frac: Maybe): string {
  if (!isKnown(frac)) return MISSING;
  const { sign, digits } = decimal(shift(frac, 2), 1);
  return `${sign || "+"}${digits}%`;
}

/** Exposures and shares: `118%`, below ten `8.3%`. */
export function share(frac: Maybe): string {
  if (!isKnown(frac)) return MISSING;
  const value = shift(frac, 2);
  const { sign, digits } = decimal(value, Math.abs(value) < 10 ? 1 : 0);
  return `${sign}${digits}%`;
}

/** The same with its sign: `+31%`. */
export function signedShare(frac: Maybe): string {
  const text = share(frac);
  return isKnown(frac) && frac > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** A limit as short as it can be said: `10%`, `2.5%`. */
export function limit(frac: Maybe): string {
  if (!isKnown(frac)) return MISSING;
  return `${trimmed(decimal(shift(frac, 2), 2).digits)}%`;
}

/** `4.99 / 10 %`. */
export function ratio(value: Maybe, cap: Maybe): string {
  const part = isKnown(value) ? decimal(shift(value, 2), 2) : null;
  const whole = limit(cap);
  const left = part === null ? MISSING : `${part.sign}${part.digits}`;
  return whole === MISSING ? `${left} %` : `${left} / ${whole.slice(0, -1)} %`;
}

/** A price whose tick size is not known: digits by size. */
export function price(value: Maybe): string {
  if (!isKnown(value)) return MISSING;
  const size = Math.abs(value);
  const places = size >= 100 ? 2 : size >= 1 ? 4 : size >= 0.01 ? 5 : 7;
  const { sign, digits } = decimal(value, places);
  return `${sign}${digits}`;
}

/** A quantity without its sign: the side says the direction. */
export function qty(value: Maybe): string {
  if (!isKnown(value)) return MISSING;
  const exact = Number(Math.abs(value).toPrecision(QTY_DIGITS));
  const places = Math.min(8, (plain(exact).split(".")[1] ?? "").length);
  return decimal(exact, places).digits;
}

/** `3.4 bps`. */
export function bps(value: Maybe): string {
  return isKnown(value) ? `${signed(value, 1)} bps` : MISSING;
}

/** `212 ms`; below one `< 1 ms`. */
export function ms(value: Maybe): string {
  if (!isKnown(value)) return MISSING;
  return value > 0 && value < 1 ? "< 1 ms" : `${signed(value, 0)} ms`;
}

/** `0.78`. */
export function score(value: Maybe): string {
  return isKnown(value) ? signed(value, 2) : MISSING;
}

/** `1,204`. */
export function count(value: Maybe): string {
  return isKnown(value) ? signed(value, 0) : MISSING;
}

/** How long, rounded down: `4 s`, `59 m`, `1 h 28 m`, `3 d 4 h`. */
export function age(seconds: Maybe): string {
  if (!isKnown(seconds)) return MISSING;
  const s = Math.max(0, Math.floor(seconds));
  const [m, h, d] = [Math.floor(s / 60), Math.floor(s / 3_600), Math.floor(s / 86_400)];
  if (m < 1) return `${s} s`;
  if (h < 1) return `${m} m`;
  return d < 1 ? `${h} h ${m % 60} m` : `${d} d ${h % 24} h`;
}

/** `03:12:44`, in UTC. */
export function clock(time: Maybe): string {
  return isKnown(time) ? new Date(time).toISOString().slice(11, 19) : MISSING;
}

/** `03:12`, in UTC. */
export function hourMinute(time: Maybe): string {
  return clock(time).slice(0, 5);
}

/** `2026-01-03 04:12`, in UTC. */
export function dayAndTime(time: Maybe): string {
  return isKnown(time) ? new Date(time).toISOString().slice(0, 16).replace("T", " ") : MISSING;
}

/** The clock on the same day as `now`, else the day too: `23 Nov 19:40`. */
export function when(time: Maybe, now: number): string {
  if (!isKnown(time)) return MISSING;
  const [at, today] = [new Date(time), new Date(now)];
  if (at.toISOString().slice(0, 10) === today.toISOString().slice(0, 10)) return clock(time);
  const month = MONTHS[at.getUTCMonth()]!;
  return `${at.getUTCDate()} ${month} ${hourMinute(time)}`;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `1 warning`, `2 warnings`. */
export function plural(n: number, word: string): string {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}

function isKnown(value: Maybe): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function signed(value: number, places: number): string {
  const { sign, digits } = decimal(value, places);
  return `${sign}${digits}`;
}

/** Rounded half away from zero on the decimal text, grouped; zero has no sign. */
function decimal(value: number, places: number): { sign: string; digits: string } {
  const rounded = shift(Math.round(shift(Math.abs(value), places)), -places);
  const [whole, rest] = rounded.toFixed(places).split(".");
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
  const digits = rest === undefined ? grouped : `${grouped}.${rest}`;
  return { sign: value < 0 && /[1-9]/.test(digits) ? MINUS : "", digits };
}

/** Times a power of ten, exact on the decimal text: 1.005 shifted by two is 100.5. */
function shift(value: number, places: number): number {
  const [mantissa, exponent] = String(value).split("e");
  return Number(`${mantissa}e${Number(exponent ?? 0) + places}`);
}

function trimmed(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}

/** The decimal text without an exponent. */
function plain(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(20).replace(/0+$/, "") : text;
}
