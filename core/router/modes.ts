/** Hours of the week: when markets are deep many small children may work at once, else few. */
import { MS_PER_DAY, MS_PER_HOUR } from "../units.ts";

export type RouterMode = {
  readonly name: "priority" | "offpeak";
  /** Smallest child worth its own order. */
  readonly minChildUsd: number;
  /** Most children that may work at once, over all symbols; urgent ones are not counted. */
  readonly workingMaxCount: number;
};

export type ModeRules = {
  readonly priority: Omit<RouterMode, "name">;
  readonly offpeak: Omit<RouterMode, "name">;
  /** Hours of the day (UTC) from start to end, end excluded; the window may pass midnight. */
  readonly startHour: number;
  readonly endHour: number;
  /** 0 is Monday. */
  readonly disabledDays: readonly number[];
};

/** The first instant of 1970 was a Thursday. */
const EPOCH_WEEKDAY = 3;
const DAYS_PER_WEEK = 7;

/** The mode of an instant: priority inside the trading window, else offpeak. */
export function routerModeAt(nowMs: number, rules: ModeRules): RouterMode {
  const day = (Math.floor(nowMs / MS_PER_DAY) + EPOCH_WEEKDAY) % DAYS_PER_WEEK;
  const hour = Math.floor((nowMs % MS_PER_DAY) / MS_PER_HOUR);
  const { startHour, endHour, disabledDays } = rules;
  const inside = startHour <= endHour
    ? hour >= startHour && hour < endHour
    : hour >= startHour || hour < endHour;
  const name = inside && !disabledDays.includes(day) ? "priority" : "offpeak";
  return { name, ...rules[name] };
}
