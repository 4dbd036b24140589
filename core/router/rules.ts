/** The schema of the router's keys in `runtime.yaml` and of `liquidity_buckets.json`. */
import { z } from "zod";
import { bps, count, frac, seconds, symbol, usd } from "../units.ts";

/** Keys of `runtime.yaml` that belong to the router. */
export const routerShape = {
  post_only_default: z.boolean().default(true),
  router_slip_max_bps: bps(100).prefault(5),
  router_rejects_max: count(20, 1).default(4),
  router_max_spread_bps: bps(200).prefault(12),
  router_offset_spread_clamp_bps: bps(200).prefault(6),
  low_fill_window_s: seconds(3_600, 1).prefault(60),
  min_fill_ratio: frac(1).default(0.4),
  min_child_notional: usd(1e6).default(25),
  router: z.strictObject({
    maker_offset_bps: bps(10, 1).prefault(2),
    requotes_max: count(20).default(2),
    recheck_s: seconds(600, 1).prefault(5),
    taker_tries_max: count(10, 1).default(3),
    max_expected_slippage_bps: bps(200).prefault(15),
    ack_timeout_s: seconds(60, 1).prefault(3),
    recv_window_s: seconds(60, 1).prefault(4),
    dead_man_s: seconds(600, 10).prefault(60),
  }).prefault({}),
};

const RouterKeys = z.object(routerShape);

/** The router's rules in core units. */
export type RouterRules = ReturnType<typeof routerRules>;

/** Turns the parsed keys into rules. */
export function routerRules(keys: z.output<typeof RouterKeys>) {
  const { router } = keys;
  return {
    makerFirst: keys.post_only_default,
    slipMaxBps: keys.router_slip_max_bps,
    rejectsMaxCount: keys.router_rejects_max,
    maxSpreadBps: keys.router_max_spread_bps,
    offsetClampSpreadBps: keys.router_offset_spread_clamp_bps,
    windowMs: keys.low_fill_window_s,
    minFillFrac: keys.min_fill_ratio,
    minChildUsd: keys.min_child_notional,
    offsetBps: router.maker_offset_bps,
    requotesMaxCount: router.requotes_max,
    recheckMs: router.recheck_s,
    takerTriesMaxCount: router.taker_tries_max,
    maxSlippageBps: router.max_expected_slippage_bps,
    ackTimeoutMs: router.ack_timeout_s,
    recvWindowMs: router.recv_window_s,
    deadManMs: router.dead_man_s,
  };
}

const Bucket = z.strictObject({
  symbols: z.array(symbol()),
  max_spread_bps: bps(500, 0.1),
});

/** `liquidity_buckets.json`: how wide a book may be before the router stops crossing it. */
export const LiquidityBuckets = z.strictObject({
  $schema: z.string().optional(),
  buckets: z.record(z.string(), Bucket),
  defaults: z.strictObject({ max_spread_bps: bps(500, 0.1) }),
});

export const GENERIC_BUCKET = "GENERIC";
export type Bucket = { readonly name: string; readonly maxSpreadBps: number };

/** The bucket of a symbol; a symbol that no bucket names is GENERIC, the last bucket to name it wins. */
export function bucketOf(
  buckets: z.output<typeof LiquidityBuckets>,
  ticker: string,
): Bucket {
  let found: Bucket = { name: GENERIC_BUCKET, maxSpreadBps: buckets.defaults.max_spread_bps };
  for (const [name, bucket] of Object.entries(buckets.buckets)) {
    if (bucket.symbols.includes(ticker)) found = { name, maxSpreadBps: bucket.max_spread_bps };
  }
  return found;
}
