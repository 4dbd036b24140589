/** `nav.json`: net asset value, where it comes from, and assets under management. */
import { z } from "zod";
import { BUCKET_MS, type Counters, funnelOf } from "../../core/diagnostics.ts";
import type { Memory } from "../../core/memory.ts";
import { PAR_ASSETS, viewAccount } from "../../core/nav.ts";
import { remembered } from "../../core/remember.ts";
import type { Ticker } from "../../core/types.ts";
import { MS_PER_DAY, MS_PER_SECOND } from "../../core/units.ts";
import {
  count,
  envelopeShape,
  fraction,
  iso,
  isoOrNull,
  isoTime,
  maybe,
  maybeTime,
  type Published,
} from "./surface.ts";
import { windowFrom } from "./window.ts";

const Assets = z.record(z.string(), maybe);

export const Aum = z.strictObject({
  futures: maybe,
  offexchange: z.record(
    z.string(),
    z.strictObject({
      qty: z.number(),
      avg_cost: maybe,
      mark: maybe,
      mark_source: z.enum(["futures", "spot", "avg_cost", "none"]),
      mark_ts: maybeTime,
      usd_value: maybe,
      kind: z.enum(["offexchange", "treasury"]),
    }),
  ),
  total: maybe,
  /** True when something in it has no price, or the holdings are older than they may be. */
  partial: z.boolean(),
});

/**
 * Entries of the last day, each once: attempted = vetoed + submitted + abandoned + waiting, and
 * submitted = filled + partially_filled + unfilled + rejected + what still works.
 */
const ExecStats = z.strictObject({
  window_s: z.number().positive(),
  from_ts: isoTime,
  attempted: count,
  vetoed: count,
  /** An order of it was sent to the venue. */
  submitted: count,
  filled: count,
  /** It ended with a part; what was filled whole is not in here. */
  partially_filled: count,
  /** It ended with nothing: the venue had taken an order, had taken none, was sent none. */
  unfilled: count,
  rejected: count,
  abandoned: count,
  /** At this moment: entries of which nothing was sent yet, and orders of unknown outcome. */
  waiting: count,
  unknown: count,
  /** Filled whole, of what was submitted. */
  fill_rate: fraction,
  top_vetoes: z.array(z.strictObject({ reason: z.string(), count })),
  /** In engine time: this tick, and the tick that the mirror has copied. */
  last_heartbeats: z.strictObject({ executor: maybeTime, mirror: maybeTime }),
});

export const Nav = z.strictObject({
  ...envelopeShape,
  nav: maybe,
  nav_usd: maybe,
  nav_total: maybe,
  read_ok: z.boolean(),
  nav_ts: maybeTime,
  nav_age_s: z.number().min(0).nullable(),
  nav_mode: z.enum(["sim", "live_wallet", "cache", "manual", "paper"]),
  wallet_usd: maybe,
  unrealized_pnl_usd: maybe,
  assets: Assets,
  nav_detail: z.strictObject({
    breakdown: Assets,
    quote_breakdown: z.record(z.string(), z.number()),
    conversions: z.record(
      z.string(),
      z.strictObject({ amount: z.number(), price: maybe, value_usd: maybe }),
    ),
    futures_balances: z.record(z.string(), z.number()),
    fresh: z.boolean(),
    source: z.string(),
    nav_mode: z.string(),
    total_nav: maybe,
    nav: maybe,
    nav_usd: maybe,
    assets: Assets,
    asset_breakdown: Assets,
    unpriced: z.array(z.string()),
  }),
  aum: Aum,
  exec_stats: ExecStats,
  anomaly: z.strictObject({
    candidate: z.number(),
    previous: z.number(),
    since: isoTime,
    reason: z.string(),
  }).nullable(),
});

export function projectNav(published: Published) {
  const { memory, rules, run, account } = published;
  const { nowMs } = memory.pulse;
  const figures = viewAccount(memory.nav, nowMs, rules.nav);
  const { level } = memory.nav;
  const navUsd = level?.navUsd ?? null;
  const mode = run.mode === "live" ? "live_wallet" as const : run.mode;
  const wallet = { ...account?.walletQty };
  const { anomaly } = figures;
  return {
    nav: navUsd,
    nav_usd: navUsd,
    nav_total: navUsd,
    read_ok: memory.pulse.accountOk,
    nav_ts: isoOrNull(level?.atMs ?? null),
    nav_age_s: level === null ? null : Math.max(0, nowMs - level.atMs) / MS_PER_SECOND,
    nav_mode: mode,
    wallet_usd: level?.walletUsd ?? null,
    unrealized_pnl_usd: level?.unrealizedUsd ?? null,
    assets: wallet,
    nav_detail: {
      breakdown: wallet,
      quote_breakdown: wallet,
      conversions: {},
      futures_balances: wallet,
      fresh: figures.nav.kind === "fresh",
      source: run.venue,
      nav_mode: mode,
      total_nav: navUsd,
      nav: navUsd,
      nav_usd: navUsd,
      assets: wallet,
      asset_breakdown: wallet,
      unpriced: [],
    },
    aum: aumOf(published, navUsd),
    exec_stats: execStats(published),
    anomaly: anomaly === null ? null : {
      candidate: anomaly.navUsd,
      previous: anomaly.previousUsd,
      since: iso(anomaly.sinceMs),
      reason: "unexplained_step",
    },
  };
}

/** NAV plus what lies elsewhere, each at a price that says where it comes from; nothing twice. */
export function aumOf(
  { view, treasury, memory }: Published,
  navUsd: number | null,
): z.output<typeof Aum> {
  const offexchange: z.output<typeof Aum>["offexchange"] = {};
  const withFutures = treasury.include.includes("futures");
  let total: number | null = withFutures ? navUsd : 0;
  let partial = withFutures && navUsd === null;
  const asOfMs = treasury.asOf === null ? null : Date.parse(treasury.asOf);
  const old = asOfMs !== null && memory.pulse.nowMs - asOfMs > treasury.maxAgeMs;
  if (treasury.include.includes("offexchange")) {
    for (const [asset, { qty, avg_cost, kind }] of Object.entries(treasury.holdings)) {
      const { px, source, atMs } = priceOf(asset, avg_cost, view);
      const value = px === null ? null : qty * px;
      offexchange[asset] = {
        qty,
        avg_cost,
        mark: px,
        mark_source: source,
        mark_ts: isoOrNull(atMs),
        usd_value: value,
        kind,
      };
      partial ||= value === null || old;
      total = total === null ? null : total + (value ?? 0);
    }
  }
  return { futures: withFutures ? navUsd : null, offexchange, total, partial };
}

type Source = z.output<typeof Aum>["offexchange"][string]["mark_source"];

/** What the exchange takes as collateral at par is worth that; what has no market is at its cost. */
function priceOf(
  asset: string,
  costPx: number | null,
  view: Published["view"],
): { px: number | null; source: Source; atMs: number | null } {
  if (PAR_ASSETS.includes(asset)) return { px: 1, source: "futures", atMs: null };
  const mark = view.mark(`${asset}USDT` as Ticker);
  if (mark !== null) return { px: mark.px, source: "futures", atMs: mark.atMs };
  return { px: costPx, source: costPx === null ? "none" : "avg_cost", atMs: null };
}

/** A day is a number of whole buckets: within one, the sums stay the same. */
const dayFunnel = remembered((counters: Counters, bucket: number) =>
  funnelOf(counters, bucket * BUCKET_MS, { windowMs: MS_PER_DAY }).funnel
);

function execStats(published: Published): z.output<typeof ExecStats> {
  const { memory, loop } = published;
  const { nowMs } = memory.pulse;
  const day = dayFunnel(memory.counters, Math.floor(nowMs / BUCKET_MS));
  const vetoes = Object.entries(day.vetoes);
  return {
    window_s: MS_PER_DAY / MS_PER_SECOND,
    from_ts: windowFrom(published, MS_PER_DAY),
    attempted: day.signals,
    vetoed: vetoes.reduce((sum, [, n]) => sum + n, 0),
    submitted: day.submitted,
    filled: day.filled,
    partially_filled: day.partial,
    unfilled: day.unfilled,
    rejected: day.rejected,
    abandoned: day.abandoned,
    waiting: waitingCount(memory),
    unknown:
      Object.values(memory.orders).filter(({ state, effect }) =>
        state === "unknown" && effect === "open"
      ).length,
    // What was submitted before the window may have ended in it.
    fill_rate: day.submitted === 0 ? null : Math.min(1, day.filled / day.submitted),
    top_vetoes: vetoes.toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, 5)
      .map(([reason, n]) => ({ reason, count: n })),
    last_heartbeats: {
      executor: iso(nowMs),
      mirror: loop.surfaces.nav_state?.updated_ts ?? null,
    },
  };
}

/** Entries that wait for a leg to go, or whose route has sent nothing yet. */
function waitingCount({ flips, routes, counters }: Memory): number {
  const begun = Object.values(routes).filter(({ effect, intentId }) =>
    effect === "open" && counters.untaken[intentId] === "begun"
  );
  return Object.keys(flips).length + begun.length;
}
