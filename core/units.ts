/**
 * The only place that knows how a config file spells a unit. Inside the core every ratio is a
 * fraction and every duration is in milliseconds. Each parser has a bound that turns the classic
 * slip (40 for 0.4, 0.0005 for 5 bps, 90000 for 90 s) into an error with a hint; nothing is guessed.
 *
 * The error texts are written to follow the word "expected": the loader prints
 * `file: path: expected <text>, got <value>`.
 */
import { z } from "zod";

export const BPS_PER_UNIT = 10_000;
export const MS_PER_SECOND = 1_000;
export const MS_PER_MINUTE = 60_000;
export const MS_PER_HOUR = 3_600_000;
export const MS_PER_DAY = 86_400_000;
const PERCENT_PER_UNIT = 100;

/** A figure in percent as a fraction: where something outside insists on percent. */
export function fromPercent(percent: number): number {
  return percent / PERCENT_PER_UNIT;
}

/** A duration or an instant in seconds: rows and messages for people carry those. */
export function toSeconds(ms: number): number {
  return ms / MS_PER_SECOND;
}

/** A fraction of something: 0.04 is 4 %. `max` above 1 is for leverage-like ratios (1.5 = 150 %). */
export function frac(max = 1, min = 0): z.ZodNumber {
  return share(`a fraction from ${min} to ${max} (0.04 is 4 %)`, { min, max });
}

/** How sure a tail figure is to hold: a share of all days (0.99 is 99 %). */
export function confidence(min = 0.8, max = 0.9999): z.ZodNumber {
  return share(`a confidence from ${min} to ${max} (0.99 is 99 %)`, { min, max });
}

/** Basis points, returned as they are written; `Bps` names in the core mean basis points. */
export function bps(max = 1_000, min = 0): z.ZodType<number, number> {
  const expected = `basis points from ${min} to ${max} (5 is 0.05 %)`;
  return z.number({ error: expected })
    .min(min, { error: expected })
    .max(max, { error: expected })
    .refine((value) => value === 0 || Math.abs(value) >= 0.01, {
      error: (issue) =>
        `${expected}; this looks like a fraction, write ${
          plain(Number(issue.input) * BPS_PER_UNIT)
        }`,
    });
}

/** A duration written in seconds, returned in milliseconds. */
export function seconds(max = 7 * 86_400, min = 0): z.ZodType<number, number> {
  return duration("seconds", MS_PER_SECOND, max, min);
}

/** A duration written in minutes, returned in milliseconds. */
export function minutes(max = 30 * 1_440, min = 0): z.ZodType<number, number> {
  return duration("minutes", MS_PER_MINUTE, max, min);
}

/** A duration written in hours, returned in milliseconds. */
export function hours(max = 24 * 400, min = 0): z.ZodType<number, number> {
  return duration("hours", MS_PER_HOUR, max, min);
}

/** An amount of US dollars. */
export function usd(max = 1e12, min = 0): z.ZodNumber {
  const expected = `US dollars from ${min} to ${max}`;
  return z.number({ error: expected }).min(min, { error: expected }).max(max, { error: expected });
}

/** A whole number of things. */
export function count(max = 1e9, min = 0): z.ZodNumber {
  const expected = `a whole number from ${min} to ${max}`;
  return z.number({ error: expected }).int({ error: expected })
    .min(min, { error: expected }).max(max, { error: expected });
}

/** A plain factor without a unit (a multiple of ATR, a z-score, a leverage). */
export function factor(max: number, min = 0): z.ZodNumber {
  const expected = `a number from ${min} to ${max}`;
  return z.number({ error: expected }).min(min, { error: expected }).max(max, { error: expected });
}

/** An exchange symbol such as BTCUSDT, upper case. */
export function symbol(): z.ZodString {
  const expected = "an exchange symbol in capitals such as BTCUSDT";
  return z.string({ error: expected }).regex(/^[A-Z0-9]{1,30}$/, { error: expected });
}

function share(expected: string, { min, max }: { min: number; max: number }): z.ZodNumber {
  const hint = (input: unknown) => {
    const value = fromPercent(Number(input));
    const fits = value >= min && value <= max;
    return fits ? `${expected}; this looks like percent, write ${plain(value)}` : expected;
  };
  return z.number({ error: expected })
    .min(min, { error: expected })
    .max(max, { error: (issue) => hint(issue.input) });
}

function duration(
  unit: string,
  msPerUnit: number,
  max: number,
  min: number,
): z.ZodType<number, number> {
  const expected = `${unit} from ${min} to ${max}`;
  const hint = (input: unknown) => {
    const value = toSeconds(Number(input));
    const fits = unit === "seconds" && Number(input) >= 1_000 && value >= min && value <= max;
    return fits ? `${expected}; this looks like milliseconds, write ${plain(value)}` : expected;
  };
  return z.number({ error: expected })
    .min(min, { error: expected })
    .max(max, { error: (issue) => hint(issue.input) })
    .transform((value) => value * msPerUnit);
}

function plain(value: number): string {
  return String(Number(value.toPrecision(12)));
}
