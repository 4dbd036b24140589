/**
 * `router_policy_suggestions_v6.json`: what the record of each symbol suggests for its routing. It
 * is advice for a human: nothing in here moves a policy, unless the operator has turned that on.
 */
import { z } from "zod";
import { sortedEntries } from "../../core/dict.ts";
import { bestHours, hourlyExpectancy, type HourSample } from "../../core/router/hours.ts";
import { biasLabel, type PolicyPoint } from "../../core/router/suggest.ts";
import { hourSample, routingOfAll, suggestionsOf } from "../../core/routing.ts";
import { scoresOf } from "../../core/scoring.ts";
import { MS_PER_DAY } from "../../core/units.ts";
import {
  count,
  envelopeShape,
  fraction,
  iso,
  isoTime,
  maybe,
  type Published,
  symbol,
} from "./surface.ts";
import { windowFrom } from "./window.ts";

const Point = z.strictObject({
  maker_first: z.boolean(),
  /** 0 always waits, 1 always crosses. */
  taker_bias: z.number().min(0).max(1),
  bias_label: z.string(),
  offset_bps: z.number(),
});

const Hour = z.strictObject({ count, exp_per_notional: maybe, slip_bps_avg: maybe });

export const RouterPolicySuggestions = z.strictObject({
  ...envelopeShape,
  generated_ts: isoTime,
  lookback_days: z.number().positive(),
  from_ts: isoTime,
  /** Whether suggestions are followed as well, within the bounds of `router_autotune`. */
  applied: z.boolean(),
  symbols: z.array(z.strictObject({
    symbol,
    regime: z.string(),
    quality: z.string(),
    metrics: z.strictObject({
      fill_rate: fraction,
      fallback_rate: fraction,
      slip_p50_bps: maybe,
      slip_p95_bps: maybe,
      latency_p50_ms: maybe,
      sample_count: count,
    }),
    current_policy: Point,
    proposed_policy: Point,
    rationale: z.array(z.string()),
    /** Trades by hour of the day (UTC). */
    hours: z.record(z.string(), Hour),
    best_hours: z.array(z.int().min(0).max(23)),
  })),
  reason: z.string().nullable(),
});

export function projectRouterPolicySuggestions(published: Published) {
  const { memory, rules, world } = published;
  const isDefensive = world.mode.mode === "DEFENSIVE";
  const scores = scoresOf(published);
  const routing = routingOfAll(published, { isDefensive });
  const closes = closesByTicker(published, memory.pulse.nowMs - rules.router.recordMs);
  const symbols = sortedEntries(suggestionsOf(published, { isDefensive, scores }))
    .map(([ticker, suggestion]) => {
      const { effectiveness } = routing[ticker]!;
      const hours = hourlyExpectancy(closes[ticker] ?? []);
      return {
        symbol: ticker,
        regime: suggestion.regime,
        quality: suggestion.quality,
        metrics: {
          fill_rate: effectiveness.makerFillFrac,
          fallback_rate: effectiveness.fallbackFrac,
          slip_p50_bps: effectiveness.slipQ50Bps,
          slip_p95_bps: effectiveness.slipQ95Bps,
          latency_p50_ms: effectiveness.ackLatencyP50Ms,
          sample_count: effectiveness.sampleCount,
        },
        current_policy: pointOf(suggestion.current),
        proposed_policy: pointOf(suggestion.proposed),
        rationale: suggestion.rationale,
        hours: Object.fromEntries(
          Object.entries(hours).map(([hour, figures]) => [hour, {
            count: figures.count,
            exp_per_notional: figures.profitFrac,
            slip_bps_avg: figures.slippageBps,
          }]),
        ),
        best_hours: [...bestHours(hours)],
      };
    });
  return {
    generated_ts: iso(memory.pulse.nowMs),
    lookback_days: rules.router.recordMs / MS_PER_DAY,
    from_ts: windowFrom(published, rules.router.recordMs),
    applied: rules.router.tuning.applies,
    symbols: symbols.map((row) => ({ ...row, rationale: [...row.rationale] })),
    reason: symbols.length === 0 ? "no_routes" : null,
  };
}

function pointOf({ makerFirst, bias, offsetBps }: PolicyPoint) {
  return {
    maker_first: makerFirst,
    taker_bias: bias,
    bias_label: biasLabel(bias),
    offset_bps: offsetBps,
  };
}

function closesByTicker({ memory }: Published, fromMs: number) {
  const samples: Record<string, HourSample[]> = {};
  for (const close of Object.values(memory.closes)) {
    if (close.closedMs >= fromMs) (samples[close.ticker] ??= []).push(hourSample(close));
  }
  return samples;
}
