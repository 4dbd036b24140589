/** Every scenario by its name. */
import { ACCOUNT } from "./account.ts";
import { BLOCKED } from "./blocked.ts";
import { LEVELS } from "./levels.ts";
import { ORDERS } from "./orders.ts";
import { OUTAGES } from "./outages.ts";
import type { Scenario } from "./scenario.ts";

export const SCENARIOS = {
  ...OUTAGES,
  ...LEVELS,
  ...ORDERS,
  ...ACCOUNT,
  ...BLOCKED,
} as const satisfies Readonly<Record<string, Scenario>>;
export type ScenarioName = keyof typeof SCENARIOS;
