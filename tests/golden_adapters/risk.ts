/** The guard against jumps of NAV, and the settings it reads. */
import { z } from "zod";
import { isNavAnomalous, navShape } from "../../core/nav.ts";
import { adapter } from "./adapter.ts";

const AnomalyKeys = z.object({ nav_anomalies: navShape.nav_anomalies });

type Input = {
  readonly previous_peak: number;
  readonly new_nav: number;
  readonly config: {
    readonly enabled: boolean;
    readonly max_multiplier_intraday: number;
    readonly max_gap_abs_usd: number;
  } | null;
};

const navAnomaly = adapter<Input>("nav_anomaly", ({ previous_peak, new_nav, config }, { fn }) => {
  if (fn === "load_nav_anomaly_config") return AnomalyKeys.parse(config ?? {}).nav_anomalies;
  const step = { previousUsd: previous_peak, currentUsd: new_nav, explainedUsd: 0 };
  const { enabled, max_multiplier_intraday, max_gap_abs_usd } = config!;
  const rules = { enabled, maxMultiplier: max_multiplier_intraday, maxGapUsd: max_gap_abs_usd };
  return { result: isNavAnomalous(step, rules) };
});

export const RISK = [navAnomaly];
