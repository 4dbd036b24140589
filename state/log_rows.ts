/**
 * The rows of the execution logs: every event becomes a row of one JSONL file, and a close a second
 * one beside the metrics of orders. Quantities are decimals in base units, times ISO text, sides BUY or SELL with the leg beside it.
 */
import { unreachable } from "../core/assert.ts";
import type { DecisionEvent, EngineEvent, EventKind } from "../core/events.ts";
import { netUsd } from "../core/exits/episode.ts";
import type { Effect, Side, Ticker } from "../core/types.ts";
import { type PositionMode, spellingOf } from "../core/router/position_side.ts";
import { MS_PER_SECOND } from "../core/units.ts";
import { closeMetrics, earnedRows, regimeRow } from "./close_rows.ts";
import { routeRow } from "./route_rows.ts";
import { legOf, type Markets, px, qty, type Row } from "./row_parts.ts";
import { iso } from "./surfaces/surface.ts";

export const LOGS = [
  "orders_executed",
  "orders_attempted",
  "order_metrics",
  "router_decisions",
  "twap_events",
  "risk_vetoes",
  "decisions",
  "position_episodes",
  "exit_events",
  "account_events",
  "invalid_events",
] as const;
export type LogName = (typeof LOGS)[number];

/** Which file tells of which event; a new kind of event breaks the build here. */
export const FILE_OF: Readonly<Record<EventKind, LogName>> = {
  veto: "risk_vetoes",
  decision: "decisions",
  order_attempt: "orders_attempted",
  order_submit: "orders_executed",
  order_ack: "orders_executed",
  order_reject: "orders_executed",
  order_cancel: "orders_executed",
  order_unknown: "orders_executed",
  order_resolved: "orders_executed",
  order_done: "orders_executed",
  order_fill: "orders_executed",
  order_close: "orders_executed",
  order_requote: "orders_executed",
  route_decision: "router_decisions",
  twap_start: "twap_events",
  twap_pause: "twap_events",
  twap_slice: "twap_events",
  twap_complete: "twap_events",
  route_end: "order_metrics",
  exit_forced: "exit_events",
  episode_end: "position_episodes",
  episode_amend: "position_episodes",
  exit_trigger: "exit_events",
  registry: "exit_events",
  adjustment: "exit_events",
  pnl_mismatch: "exit_events",
  account_rule: "account_events",
  operator: "account_events",
  income: "account_events",
};

/** What every row of one tick shares. */
export type RowStamp = {
  readonly seq: number;
  readonly nowMs: number;
  /** The machine's clock when the rows are made. */
  readonly loggedMs: number;
  readonly mode: string;
  readonly runId: string;
  readonly env: string;
  readonly positionMode: PositionMode;
  readonly venue: string;
};

/**
 * One event as the row that is written. `ts` is when it happened, in engine time; where the venue did
 * not say when, it is the tick's.
 */
export function rowOf(event: EngineEvent, stamp: RowStamp, view: Markets): Row {
  const eventType = event.kind === "veto" ? "risk_veto" : event.kind;
  return { ...headOf(event, eventType, stamp), ...bodyOf(event, view, stamp) };
}

/** Every row that an event makes, with the log of each; `events` are all of its tick. */
export function rowsOf(
  event: EngineEvent,
  events: readonly EngineEvent[],
  { stamp, view }: { stamp: RowStamp; view: Markets },
): readonly (readonly [LogName, Row])[] {
  const rows: (readonly [LogName, Row])[] = [
    [FILE_OF[event.kind], rowOf(event, stamp, view)],
  ];
  if (event.kind === "order_close") {
    const head = headOf(event, "position_close", stamp);
    rows.push(["order_metrics", { ...head, ...closeMetrics(event, events) }]);
  }
  return rows;
}

function headOf(event: EngineEvent, eventType: string, stamp: RowStamp): Row {
  return {
    ts: iso("atMs" in event ? event.atMs : stamp.nowMs),
    logged_ts: iso(stamp.loggedMs),
    event_type: eventType,
    seq: stamp.seq,
    run_id: stamp.runId,
    env: stamp.env,
    mode: stamp.mode,
    schema_version: 1,
  };
}

function bodyOf(event: EngineEvent, view: Markets, { positionMode, venue }: RowStamp): Row {
  switch (event.kind) {
    case "veto":
      return {
        intent_id: event.intentId,
        symbol: event.ticker,
        side: event.side,
        position_side: event.side,
        strategy: event.strategyId,
        attempt_id: event.intentId,
        stage: event.stage,
        signal_ts: iso(event.candleCloseMs),
        veto_reason: event.reason,
        original_reason: event.codes[0] ?? event.reason,
        reasons: event.codes,
        gate: event.gate,
        thresholds: event.thresholds,
        observations: event.observations,
        notional: event.notionalUsd,
        price: event.refPx,
        qty_req: event.notionalUsd === null || event.refPx === null
          ? null
          : event.notionalUsd / event.refPx,
        nav: event.navUsd,
        nav_age_s: secondsOf(event.navAgeMs),
        max_notional_usd: event.maxNotionalUsd,
        context: event.context,
      };
    case "decision":
      return decisionRow(event);
    case "order_attempt":
      return {
        intent_id: event.intentId,
        route_id: event.routeId,
        strategy: event.strategyId,
        ...legOf(event),
        reduceOnly: event.effect === "close",
        qty: qty(view, event.ticker, event.lots),
        notional_usd: event.notionalUsd,
        stop_loss_price: event.levels?.slPx ?? null,
        take_profit_price: event.levels?.tpPx ?? null,
      };
    case "order_submit":
      return {
        ...orderOf(event),
        order_type: event.orderKind,
        time_in_force: event.tif,
        purpose: event.purpose,
        request_qty: event.lots === 0 ? null : qty(view, event.ticker, event.lots),
        price: px(view, event.ticker, event.priceTicks),
        stop_price: px(view, event.ticker, event.stopTicks),
        close_position: closesAll(event),
        sent: asSent(event, positionMode),
      };
    case "order_ack":
      return {
        ...orderOf(event),
        ts_ack: iso(event.atMs),
        order_type: event.orderKind,
        latency_ms: event.latencyMs,
        request_qty: event.lots === 0 ? null : qty(view, event.ticker, event.lots),
        status: "NEW",
      };
    case "order_reject":
      return {
        ...orderOf(event),
        code: event.code,
        venue_code: event.venueCode,
        message: event.message,
        status: "REJECTED",
      };
    case "order_cancel":
      return { ...orderOf(event), reason: event.reason };
    case "order_unknown":
      return { ...orderOf(event), silent_ms: event.silentMs, status: "UNKNOWN" };
    case "order_resolved":
      return { ...orderOf(event), status: event.status.toUpperCase() };
    case "order_done":
      return {
        ...orderOf(event),
        status: event.status.toUpperCase(),
        executedQty: qty(view, event.ticker, event.executedLots),
      };
    case "order_fill":
      return {
        ...orderOf(event),
        ts_fill_first: iso(event.firstMs),
        ts_fill_last: iso(event.atMs),
        tradeIds: [event.tradeId],
        lastQty: qty(view, event.ticker, event.lots),
        lastPrice: event.px,
        lastFee: event.feeUsd,
        feeAsset: "USDT",
        maker: event.maker,
        executedQty: qty(view, event.ticker, event.executedLots),
        avgPrice: event.avgPx,
        fee_total: event.feesUsd,
        status: event.isFilled === null ? null : event.isFilled ? "FILLED" : "PARTIALLY_FILLED",
        strategy: event.strategyId,
        exit_reason: event.exitReason,
      };
    case "order_close":
      return {
        ...orderOf(event),
        ts_close: iso(event.atMs),
        tradeIds: [event.tradeId],
        price: event.px,
        closed_qty: qty(view, event.ticker, event.closedLots),
        realizedPnlUsd: event.realizedUsd,
        fees_total: event.feeUsd,
        entry_fees_usd: event.entryFeesUsd,
        funding_usd: event.fundingUsd,
        net_pnl_usd: event.netUsd,
        by_strategy: earnedRows(event.earned, event.ticker, view),
        position_size_before: qty(view, event.ticker, event.lotsBefore),
        position_size_after: qty(view, event.ticker, event.lotsAfter),
        strategy: event.strategyId,
        exit_reason: event.exitReason,
        episode_id: event.episodeId,
        final: event.final,
        regime: regimeRow(event.conditions),
      };
    case "route_decision":
    case "order_requote":
    case "twap_start":
    case "twap_pause":
    case "twap_slice":
    case "twap_complete":
    case "route_end":
    case "exit_forced":
      return routeRow(event, view, venue);
    case "episode_end":
      return {
        episode_id: event.episodeId,
        position_key: event.key,
        strategy: event.strategyId,
        opened_ts: iso(event.openedMs),
        closed_ts: iso(event.closedMs),
        hold_s: (event.closedMs - event.openedMs) / 1_000,
        realized_usd: event.realizedUsd,
        fees_usd: event.feesUsd,
        funding_usd: event.fundingUsd,
        net_usd: netUsd(event),
        exit_reason: event.exitReason,
        by_strategy: earnedRows(event.earned, event.ticker, view),
        regime: regimeRow(event.conditions),
        qty_max: qty(view, event.ticker, event.maxLots),
        entry_vwap: event.entryPx,
        exit_vwap: event.exitPx,
        sl_at_open: event.slPx,
        tp_at_open: event.tpPx,
        mfe_pct: event.mfeFrac,
        mae_pct: event.maeFrac,
        r_multiple: event.rMultiple,
      };
    case "episode_amend":
      return {
        episode_id: event.episodeId,
        position_key: event.key,
        strategy: event.strategyId,
        closed_ts: iso(event.closedMs),
        fees_usd: event.feesUsd,
        funding_usd: event.fundingUsd,
        net_usd: event.netUsd,
        reason: event.reason,
      };
    case "exit_trigger":
      return {
        position_key: event.key,
        exit_reason: event.reason,
        mark_price: event.markPx,
        level_price: event.levelPx,
        intent_id: event.intentId,
      };
    case "registry":
      return {
        position_key: event.key,
        change: event.change,
        stop_loss_price: event.slPx,
        take_profit_price: event.tpPx,
        source: event.source,
      };
    case "adjustment":
      return {
        position_key: event.key,
        from_lots: event.fromLots,
        to_lots: event.toLots,
        price: event.px,
        source: event.source,
        trades_answered: event.answered,
      };
    case "pnl_mismatch":
      return {
        position_key: event.key,
        episode_id: event.episodeId,
        venue_minus_book_usd: event.venueUsd,
        lots_minus_book_usd: event.parcelsUsd,
        closed_usd: event.closedUsd,
      };
    case "account_rule":
      return { rule: event.rule, nav: event.navUsd, note: event.note };
    case "operator":
      return {
        command: event.order,
        by: event.by,
        reason: event.reason,
        done: event.done,
        note: event.note,
      };
    case "income":
      return {
        income_id: event.income.id,
        income_type: event.income.type,
        symbol: event.income.ticker,
        position_side: event.income.side,
        usd: event.income.usd,
        income_ts: iso(event.income.atMs),
      };
    default:
      return unreachable(event);
  }
}

function decisionRow({ inputs, ...event }: DecisionEvent): Row {
  return {
    intent_id: event.intentId,
    symbol: event.ticker,
    side: event.side,
    strategy: event.strategyId,
    occasion: event.occasion,
    outcome: event.outcome,
    gates: event.gates,
    reason: event.reason,
    reasons: event.codes,
    route_id: event.routeId,
    notional: event.notionalUsd,
    price: inputs.refPx,
    signal_ts: iso(inputs.candleCloseMs),
    candle_age_s: inputs.candleAgeMs / MS_PER_SECOND,
    mark_price: inputs.markPx,
    mark_age_s: secondsOf(inputs.markAgeMs),
    spread_bps: inputs.spreadBps,
    book_age_s: secondsOf(inputs.bookAgeMs),
    nav: inputs.navUsd,
    nav_age_s: secondsOf(inputs.navAgeMs),
    figures: inputs.figures,
  };
}

function secondsOf(ms: number | null): number | null {
  return ms === null ? null : ms / MS_PER_SECOND;
}

/** A resting stop or target: it closes whatever the leg holds when it triggers. */
function closesAll({ purpose }: Extract<EngineEvent, { kind: "order_submit" }>): boolean {
  return purpose === "stop" || purpose === "target";
}

/** Side, leg and flag as the exchange is told them. */
function asSent(event: Extract<EngineEvent, { kind: "order_submit" }>, mode: PositionMode): Row {
  const closePosition = closesAll(event);
  const { orderSide, positionSide, reduceOnly } = spellingOf(mode, { ...event, closePosition });
  return { side: orderSide, positionSide, reduceOnly };
}

function orderOf(event: {
  clientId: string;
  intentId: string | null;
  ticker: Ticker;
  side: Side;
  effect: Effect;
}): Row {
  return {
    // The simulated exchange gives orders no numbers of its own: theirs is the client's.
    orderId: null,
    clientOrderId: event.clientId,
    intent_id: event.intentId,
    ...legOf(event),
    reduceOnly: event.effect === "close",
  };
}
