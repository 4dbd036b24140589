/** Days of a calendar in a time zone: when one begins, and which an instant lies in. */
import { MS_PER_HOUR, MS_PER_MINUTE } from "./units.ts";

/** The calendar day of an instant in a time zone, as YYYY-MM-DD. */
export function dayOf(ms: number, zone: string): string {
  if (zone === "UTC") return new Date(ms).toISOString().slice(0, 10);
  return dayFormat(zone).format(new Date(ms));
}

/** A calendar day may have 25 hours; zones change at quarters of an hour. */
const DAY_MAX_MS = 25 * MS_PER_HOUR;
const ZONE_STEP_MS = 15 * MS_PER_MINUTE;

/** The first instant of the calendar day in a time zone that an instant lies in. */
export function dayStartMs(ms: number, zone: string): number {
  const day = dayOf(ms, zone);
  const steps = Math.floor(ms / ZONE_STEP_MS);
  let [before, within] = [steps - DAY_MAX_MS / ZONE_STEP_MS - 1, steps];
  while (within - before > 1) {
    const middle = Math.floor((before + within) / 2);
    if (dayOf(middle * ZONE_STEP_MS, zone) === day) within = middle;
    else before = middle;
  }
  return within * ZONE_STEP_MS;
}

/** True for a name that the calendar knows. */
export function isZone(zone: string): boolean {
  return zone === "UTC" || Intl.supportedValuesOf("timeZone").includes(zone);
}

const dayFormats = new Map<string, Intl.DateTimeFormat>();
function dayFormat(zone: string): Intl.DateTimeFormat {
  let format = dayFormats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
    dayFormats.set(zone, format);
  }
  return format;
}
