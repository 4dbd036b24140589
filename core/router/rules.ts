/** The schema of the router's keys in `runtime.yaml` and of `liquidity_buckets.json`. */
import { z } from "zod";
import { bps, count, factor, frac, MS_PER_DAY, seconds, symbol, usd } from "../units.ts";
import { RouterAutotune, tuningRules } from "./tuning.ts";

const modeShape = (minChildUsd: number, workingMax: number) =>
  z.strictObject({
    min_child_notional: usd(1e6).default(minChildUsd),
    max_concurrent_orders: count(10_000, 1).default(workingMax),
  }).prefault({});

/** Keys of `runtime.yaml` that belong to the router. */
export const routerShape = {
  post_only_default: z.boolean().default(true),
  router_slip_max_bps: bps(100).prefault(5),
  router_rejects_max: count(20, 1).default(4),
  router_max_spread_bps: bps(200).prefault(12),
  router_offset_spread_clamp_bps: bps(200).prefault(6),
  low_fill_window_s: seconds(3_600, 1).prefault(60),
  min_fill_ratio: frac(1).default(0.4),
  trading_window: z.strictObject({
    start_utc: count(24).default(6),
    end_utc: count(24).default(17),
    /** 0 is Monday. */
    disabled_days: z.array(count(6)).default([5, 6]),
  }).prefault({}),
  priority: modeShape(25, 6),
  offpeak: modeShape(50, 2),
  router: z.strictObject({
    requotes_max: count(20).default(2),
    recheck_s: seconds(600, 1).prefault(5),
    taker_tries_max: count(10, 1).default(3),
    /** Largest child; absent: only the exchange's own limit binds. */
    max_child_notional: usd(1e9, 1).optional(),
    /** An entry that found no free place for this long is given up: its reason is old. */
    queue_timeout_s: seconds(3_600, 1).prefault(120),
    effectiveness_window_days: count(60, 1).default(7),
    slippage: z.strictObject({
      ewma_halflife_trades: factor(10_000).default(50),
      max_expected_slippage_bps: bps(200).prefault(15),
      /** A slice waits while the spread is wider than its bucket's widest times this. */
      spread_pause_factor: factor(20, 0.1).default(1.5),
    }).prefault({}),
    twap: z.strictObject({
      enabled: z.boolean().default(true),
      min_notional_usd: usd(1e9).default(500),
      slices: count(100, 1).default(4),
      interval_seconds: seconds(3_600, 1).prefault(10),
      /** All pauses of one parent together; absent: three times its whole schedule. */
      max_pause_s: seconds(86_400).optional(),
    }).prefault({}),
    ack_timeout_s: seconds(60, 1).prefault(3),
    recv_window_s: seconds(60, 1).prefault(4),
    dead_man_s: seconds(600, 10).prefault(60),
  }).prefault({}),
  router_autotune: RouterAutotune,
};

const RouterKeys = z.object(routerShape);

/** The router's rules in core units. */
export type RouterRules = ReturnType<typeof routerRules>;
export type TwapRules = RouterRules["twap"];

/** A pause may last this many schedules in all, where the configuration does not say. */
const PAUSE_SCHEDULES = 3;

/** Turns the parsed keys into rules. */
export function routerRules(keys: z.output<typeof RouterKeys>) {
  const { router, trading_window: window } = keys;
  const { twap, slippage } = router;
  const mode = ({ min_child_notional, max_concurrent_orders }: typeof keys.offpeak) => ({
    minChildUsd: min_child_notional,
    workingMaxCount: max_concurrent_orders,
  });
  return {
    makerFirst: keys.post_only_default,
    slipMaxBps: keys.router_slip_max_bps,
    rejectsMaxCount: keys.router_rejects_max,
    maxSpreadBps: keys.router_max_spread_bps,
    offsetClampSpreadBps: keys.router_offset_spread_clamp_bps,
    windowMs: keys.low_fill_window_s,
    minFillFrac: keys.min_fill_ratio,
    modes: {
      priority: mode(keys.priority),
      offpeak: mode(keys.offpeak),
      startHour: window.start_utc,
      endHour: window.end_utc,
      disabledDays: window.disabled_days,
    },
    requotesMaxCount: router.requotes_max,
    recheckMs: router.recheck_s,
    takerTriesMaxCount: router.taker_tries_max,
    maxChildUsd: router.max_child_notional ?? null,
    queueMaxMs: router.queue_timeout_s,
    recordMs: router.effectiveness_window_days * MS_PER_DAY,
    halfLifeTrades: slippage.ewma_halflife_trades,
    maxSlippageBps: slippage.max_expected_slippage_bps,
    spreadPauseFactor: slippage.spread_pause_factor,
    twap: {
      enabled: twap.enabled,
      minUsd: twap.min_notional_usd,
      slicesCount: twap.slices,
      intervalMs: twap.interval_seconds,
      maxPauseMs: twap.max_pause_s ?? PAUSE_SCHEDULES * twap.slices * twap.interval_seconds,
    },
    ackTimeoutMs: router.ack_timeout_s,
    recvWindowMs: router.recv_window_s,
    deadManMs: router.dead_man_s,
    tuning: tuningRules(keys.router_autotune),
  };
}

const bucketShape = {
  max_spread_bps: bps(500, 0.1).optional(),
  /** How much a symbol of this kind should wait rather than cross, before it has a record. */
  default_maker_bias: frac(1).optional(),
};
const Bucket = z.strictObject({ symbols: z.array(symbol()), ...bucketShape });

/** `liquidity_buckets.json`: how wide a book may be before the router stops crossing it. */
export const LiquidityBuckets = z.strictObject({
  $schema: z.string().optional(),
  buckets: z.record(z.string(), Bucket),
  defaults: z.strictObject({
    max_spread_bps: bps(500, 0.1).prefault(15),
    default_maker_bias: frac(1).default(0.5),
  }).prefault({}),
});

export const GENERIC_BUCKET = "GENERIC";
export type Bucket = {
  readonly name: string;
  readonly maxSpreadBps: number;
  readonly makerBiasFrac: number;
};

/** The bucket of a symbol; a symbol that no bucket names is GENERIC, the last bucket to name it wins. */
export function bucketOf(
  buckets: z.output<typeof LiquidityBuckets>,
  ticker: string,
): Bucket {
  const { max_spread_bps: spreadBps, default_maker_bias: biasFrac } = buckets.defaults;
  let found: Bucket = { name: GENERIC_BUCKET, maxSpreadBps: spreadBps, makerBiasFrac: biasFrac };
  for (const [name, bucket] of Object.entries(buckets.buckets)) {
    if (!bucket.symbols.includes(ticker)) continue;
    found = {
      name,
      maxSpreadBps: bucket.max_spread_bps ?? spreadBps,
      makerBiasFrac: bucket.default_maker_bias ?? biasFrac,
    };
  }
  return found;
}
