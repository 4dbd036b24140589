/** What rows tell of closes: the trade beside the metrics of orders, who earned it, and in what. */
import type { EngineEvent } from "../core/events.ts";
import { earnedNetUsd } from "../core/exits/parcels.ts";
import type { Conditions, Earned, Ticker } from "../core/types.ts";
import { legOf, type Markets, qty, type Row } from "./row_parts.ts";

/** What a trade closed, beside the metrics of orders; whoever counts orders passes it over. */
export function closeMetrics(
  event: Extract<EngineEvent, { kind: "order_close" }>,
  events: readonly EngineEvent[],
): Row {
  const fill = events.find((one) =>
    one.kind === "order_fill" && one.ticker === event.ticker && one.tradeId === event.tradeId
  );
  const isFilled = fill?.kind === "order_fill" ? fill.isFilled : null;
  return {
    event: "position_close",
    intent_id: event.intentId,
    attempt_id: event.intentId,
    ...legOf(event),
    pnl_at_close_usd: event.realizedUsd,
    net_pnl_at_close_usd: event.netUsd,
    order_status: isFilled === null ? null : isFilled ? "FILLED" : "PARTIALLY_FILLED",
    final: event.final,
  };
}

/** Who earned what of a close, first in first out; the parts of an episode add up to it. */
export function earnedRows(
  earned: readonly Earned[],
  ticker: Ticker,
  view: Markets,
): readonly Row[] {
  return earned.map((one) => ({
    strategy: one.strategyId,
    qty: qty(view, ticker, one.lots),
    realized_usd: one.realizedUsd,
    entry_fees_usd: one.entryFeesUsd,
    exit_fees_usd: one.exitFeesUsd,
    funding_usd: one.fundingUsd,
    net_usd: earnedNetUsd(one),
  }));
}

/** What a trade was made in; null where nobody saw it. */
export function regimeRow(conditions: Conditions | null): Row | null {
  if (conditions === null) return null;
  return { atr: conditions.range, dd: conditions.drawdown, risk_mode: conditions.mode };
}
