/** The whole configuration as the core sees it: parsed, checked, in core units, frozen. */
import { z } from "zod";
import type { ExitRules } from "./exits/registry.ts";
import type { NavRules } from "./nav.ts";
import type { Limits } from "./risk/limits.ts";
import type { QualityRules } from "./router/quality.ts";
import type { Bucket, RouterRules } from "./router/rules.ts";
import type { Strategy } from "./strategies/mod.ts";
import type { Ticker } from "./types.ts";
import type { Pair } from "./universe.ts";
import { count, frac, MS_PER_SECOND, seconds } from "./units.ts";

/** Keys of `runtime.yaml` that belong to the loop and to diagnostics. */
export const loopShape = {
  runtime: z.strictObject({
    loop_sleep_seconds: seconds(3_600, 1).prefault(5),
  }).prefault({}),
  diagnostics: z.strictObject({
    tp_sl_underwater_threshold_pct: frac(0, -1).default(-0.02),
    veto_window_seconds: seconds(86_400, 60).prefault(3_600),
    veto_window_signals: count(100_000, 1).default(500),
    liveness: z.strictObject({
      enabled: z.boolean().default(true),
      max_idle_signals_seconds: seconds(7 * 86_400).prefault(3_600),
      max_idle_orders_seconds: seconds(7 * 86_400).prefault(7_200),
      max_idle_exits_seconds: seconds(7 * 86_400).prefault(3_600),
      max_idle_router_events_seconds: seconds(7 * 86_400).prefault(7_200),
    }).prefault({}),
    keep_closes: count(100_000, 100).default(5_000),
  }).prefault({}),
};

const LoopKeys = z.object(loopShape);

export type LoopRules = ReturnType<typeof loopRules>;

/** Turns the parsed keys into rules. */
export function loopRules({ runtime, diagnostics }: z.output<typeof LoopKeys>) {
  const { liveness } = diagnostics;
  return {
    sleepMs: runtime.loop_sleep_seconds,
    underwaterFrac: diagnostics.tp_sl_underwater_threshold_pct,
    vetoWindow: {
      windowMs: diagnostics.veto_window_seconds,
      signalsMaxCount: diagnostics.veto_window_signals,
    },
    keepClosesCount: diagnostics.keep_closes,
    liveness: {
      enabled: liveness.enabled,
      signalsMs: liveness.max_idle_signals_seconds,
      ordersMs: liveness.max_idle_orders_seconds,
      exitsMs: liveness.max_idle_exits_seconds,
      routerMs: liveness.max_idle_router_events_seconds,
    },
  };
}

/** How long legs may go without a look before it is a warning, and before it is critical. */
export function lateScanMs({ screenMs }: Pick<Rules, "screenMs">) {
  return {
    warnMs: Math.max(3 * screenMs, 15 * MS_PER_SECOND),
    criticalMs: Math.max(6 * screenMs, 60 * MS_PER_SECOND),
  };
}

/** A strategy with the symbols it looks at. */
export type Assignment = { readonly strategy: Strategy; readonly symbols: readonly string[] };

export type Rules = {
  readonly loop: LoopRules;
  /** Engine time between two screenings. */
  readonly screenMs: number;
  readonly nav: NavRules;
  /** Whether gains that are not realised make entries larger. */
  readonly countsGains: boolean;
  readonly limits: Limits;
  readonly router: RouterRules;
  readonly quality: QualityRules;
  readonly exits: ExitRules;
  readonly assignments: readonly Assignment[];
  readonly universe: Readonly<Record<string, Pair>>;
  /** The symbol whose volatility stands for the market: the first of the universe. */
  readonly reference: Ticker | null;
  readonly buckets: Readonly<Record<string, Bucket>>;
};
