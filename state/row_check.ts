/** What a row of an execution log must have: readers count on these fields, be they null or not. */
import type { Row } from "./row_parts.ts";

const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  order_ack: [
    "symbol",
    "side",
    "ts_ack",
    "orderId",
    "clientOrderId",
    "request_qty",
    "order_type",
    "status",
  ],
  order_fill: [
    "symbol",
    "side",
    "ts_fill_first",
    "ts_fill_last",
    "orderId",
    "clientOrderId",
    "executedQty",
    "avgPrice",
    "fee_total",
    "feeAsset",
    "tradeIds",
    "status",
  ],
  order_close: [
    "symbol",
    "ts_close",
    "orderId",
    "clientOrderId",
    "realizedPnlUsd",
    "fees_total",
    "position_size_before",
    "position_size_after",
  ],
};

/** The fields that a row of this type must have. */
export function requiredOf(eventType: string): readonly string[] {
  return REQUIRED[eventType] ?? [];
}

/** What is wrong with a row of this type, in one sentence; null where nothing is. */
export function rowProblem(eventType: string, row: Row): string | null {
  const missing = requiredOf(eventType).filter((field) => row[field] === undefined);
  if (missing.length > 0) return `${eventType} missing fields: ${missing.join(", ")}`;
  const { tradeIds } = row;
  const isListed = eventType !== "order_fill" || tradeIds === null || Array.isArray(tradeIds);
  return isListed ? null : "order_fill tradeIds must be a list";
}
