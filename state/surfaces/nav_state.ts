/** `nav_state.json`: the mirror's copy of NAV with its history; never newer than its source. */
import { z } from "zod";
import { Aum } from "./nav.ts";
import { count, envelopeShape, fraction, isoTime, maybe } from "./surface.ts";

export const SERIES_MAX = 500;

export const NavState = z.strictObject({
  ...envelopeShape,
  mirrored_ts: isoTime,
  mirror_seq: count,
  source_seq: count.nullable(),
  source_run_id: z.string().nullable(),
  age_s: z.number().min(0).nullable(),
  stale: z.boolean(),
  /** True: the source could not be used, these are the last known good values. */
  lkg: z.boolean(),
  nav: maybe,
  nav_usd: maybe,
  total_equity: maybe,
  peak_equity: maybe,
  drawdown: fraction,
  drawdown_pct: fraction,
  drawdown_abs: z.number().min(0).nullable(),
  realized_pnl_today: maybe.describe("USD closed at the venue's prices, before fees and funding"),
  unrealized_pnl: maybe,
  gross_exposure: maybe,
  net_exposure: maybe,
  largest_position_value: maybe,
  aum: Aum,
  series: z.array(z.strictObject({
    t: isoTime,
    nav: z.number(),
    total_equity: z.number(),
    unrealized_pnl: maybe,
  })).max(SERIES_MAX),
});
