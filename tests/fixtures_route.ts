/** A route with the venue played by the test: what it sends, cancels and tells, tick by tick. */
import type { EngineEvent } from "../core/events.ts";
import type { NewOrder, RejectCode, VenueEvent } from "../core/ports.ts";
import { advance, routeOrderId } from "../core/router/advance.ts";
import type { RouteSight } from "../core/router/child.ts";
import { bookOrderTrade, hearOrder, type Order } from "../core/router/orders.ts";
import { bookTrade, type Route } from "../core/router/route.ts";
import type { RouterRules } from "../core/router/rules.ts";
import { book, freeze, market, route, ROUTER_RULES, T0, trade } from "./fixtures.ts";

export class Play {
  route: Route;
  order: Order | null = null;
  nowMs = T0;
  readonly sent: NewOrder[] = [];
  readonly cancelled: string[] = [];
  readonly told: string[] = [];
  readonly events: EngineEvent[] = [];
  readonly #rules: RouterRules;
  #trades = 0;

  constructor(start: Route, rules: RouterRules = ROUTER_RULES) {
    this.route = freeze(start);
    this.#rules = rules;
  }

  /** Time passes, then one tick. */
  tick(afterMs = 0, sight: Partial<RouteSight> = {}): this {
    this.nowMs += afterMs;
    const orderId = routeOrderId(this.route);
    const moved = advance(this.route, {
      nowMs: this.nowMs,
      market: market(),
      book: book({ atMs: this.nowMs }),
      bucketMaxSpreadBps: 5,
      entriesAllowed: true,
      heldLots: 1_000,
      order: orderId === null ? null : this.order,
      reservedLots: 0,
      isMissing: false,
      isAccountKnown: true,
      mayStart: true,
      minChildUsd: 25,
      lineage: "test00",
      ...sight,
    }, this.#rules);
    for (const command of moved.commands) {
      if (command.kind === "place") this.sent.push(command.order);
      if (command.kind === "cancel") this.cancelled.push(command.clientId);
    }
    for (const event of moved.events) this.told.push(event.kind);
    this.events.push(...moved.events);
    this.route = freeze(moved.route);
    this.order = freeze(moved.order);
    return this;
  }

  hear(event: Extract<VenueEvent, { kind: "ack" | "reject" | "done" | "order_answer" }>): this {
    this.order = freeze(hearOrder(this.order!, event)[0]);
    return this;
  }

  ack(): this {
    return this.hear({ kind: "ack", clientId: this.order!.clientId, atMs: this.nowMs });
  }

  reject(code: RejectCode): this {
    const { clientId } = this.order!;
    return this.hear({
      kind: "reject",
      clientId,
      code,
      venueCode: null,
      message: code,
      atMs: this.nowMs,
    });
  }

  fill(lots: number, maker = true, px = 60_000): this {
    this.#trades += 1;
    const { clientId } = this.order!;
    const done = trade({ id: this.#trades, clientId, lots, maker, px, atMs: this.nowMs });
    this.route = bookTrade(this.route, done, this.order!.submission);
    this.order = bookOrderTrade(this.order!, done);
    return this;
  }

  done(status: "filled" | "cancelled" | "expired"): this {
    const { clientId, filledLots: executedLots } = this.order!;
    return this.hear({ kind: "done", clientId, status, executedLots, atMs: this.nowMs });
  }

  /** The newest order, as far as tests care. */
  get last(): Pick<NewOrder, "kind" | "tif" | "lots" | "priceTicks"> {
    const { kind, tif, lots, priceTicks } = this.sent.at(-1)!;
    return { kind, tif, lots, priceTicks };
  }

  get end(): string {
    const { step } = this.route;
    return step.kind === "ended" ? `${step.status}: ${step.reason}` : step.kind;
  }
}

/** A book with a spread of 33 basis points. */
export const wide = (): Partial<RouteSight> => ({
  book: book({ bidTicks: 599_000, askTicks: 601_000 }),
});
/** A patient close. */
export const closing = (changes: Partial<Route> = {}): Route =>
  route({ effect: "close", exitReason: "tp", levels: null, ...changes });
