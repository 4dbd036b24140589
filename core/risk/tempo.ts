/** Checks on pace: how soon may a symbol be entered again? */
import { toSeconds } from "../units.ts";
import { gate } from "./check.ts";

/** After a stop-loss a symbol rests; time passes strictly until the end of the cooldown. */
export const cooldown = gate("cooldown", "cooldown", (entry, world, limits) => {
  const untilMs = world.cooldownUntilMs[entry.ticker] ?? 0;
  if (world.nowMs >= untilMs) return null;
  return {
    thresholds: { cooldown_after_stop_s: toSeconds(limits.cooldownAfterStopMs) },
    observations: { cooldown_left_s: toSeconds(untilMs - world.nowMs) },
  };
});
