/** Readings of an account, fed to the guards one after the other. */
import { z } from "zod";
import riskLimits from "../config/risk_limits.json" with { type: "json" };
import {
  EMPTY_NAV,
  type NavMemory,
  type NavRules,
  navRules,
  navShape,
  updateNav,
} from "../core/nav.ts";
import { account } from "./fixtures.ts";

export const SECOND = 1_000;
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** The shipped rules, as changed; the limit that only a human lifts is out of the way. */
export function navRulesOf(
  changes: Record<string, unknown> = {},
  { drawdownFrac = 0.95 }: { drawdownFrac?: number } = {},
): NavRules {
  return navRules(z.object(navShape).parse({ ...riskLimits, ...changes }), drawdownFrac);
}
export const RULES = navRulesOf();
export const NO_GUARD = navRulesOf({ nav_anomalies: { enabled: false } });

export type NavReading = {
  readonly navUsd: number;
  readonly atMs: number;
  /** By trades and marks. */
  readonly explainedUsd?: number;
  readonly transfersUsd?: number;
};

/** Feeds readings one after the other; gives the memory and every rule that fired. */
export function feed(
  readings: readonly NavReading[],
  { rules = RULES, from = EMPTY_NAV }: { rules?: NavRules; from?: NavMemory } = {},
): { memory: NavMemory; fired: string[] } {
  let memory = from;
  const fired: string[] = [];
  for (const { navUsd, atMs, explainedUsd = 0, transfersUsd = 0 } of readings) {
    const value = account({ atMs, walletQty: { USDT: navUsd } });
    const [next, events] = updateNav(memory, {
      nowMs: atMs,
      account: { kind: "read", value },
      explained: { tradedUsd: explainedUsd, transfersUsd },
    }, rules);
    memory = next;
    for (const event of events) if (event.kind === "account_rule") fired.push(event.rule);
  }
  return { memory, fired };
}
