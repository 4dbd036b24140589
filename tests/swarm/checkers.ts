/**
 * What must hold after every tick, whatever the faults. Each checker looks at one tick and at what
 * it remembers; it gives back a sentence when its rule is broken. Facts about orders and trades
 * come from the exchange's ledger, never from the engine's own state.
 */
import { unitsToNumber } from "../../core/increments.ts";
import { isBooked } from "../../core/booked.ts";
import type { Memory } from "../../core/memory.ts";
import { applyPatch, diff } from "../../core/patch.ts";
import type { Command, NewOrder } from "../../core/ports.ts";
import { type PositionKey, positionKey, type Trade } from "../../core/types.ts";
import type { LedgerRow, SimState } from "../../core/venues/sim_state.ts";
import { agreed, proven } from "./checkers_books.ts";
import { blindEntries, capped, latched, steadyBaselines, tailed } from "./checkers_risk.ts";
import { allotted, conditionals, ended, single, sliced, stopsFirst } from "./checkers_routes.ts";
import { CHECKER_SURFACES } from "./surfaces.ts";
import type { Tick } from "./run.ts";

/** While the disk refuses rows, nothing that adds risk leaves. */
const kept: Checker = ({ isKept, memory, submitted }) => {
  if (isKept && memory.pulse.storage === null) return null;
  const risky = submitted.find((command) =>
    command.kind === "place" && command.order.effect === "open"
  );
  return risky === undefined ? null : "an order that opens left without a row on disk";
};

/** Whatever the disk says, what reduces risk leaves with the tick that decided it. */
const notHeldBack: Checker = ({ isCut, decision, submitted }) => {
  if (isCut) return null;
  const held = decision.commands.find((command) =>
    !submitted.includes(command) && !(command.kind === "place" && command.order.effect === "open")
  );
  return held === undefined ? null : `a ${held.kind} that adds no risk did not leave`;
};

/** Orders among the commands that close something; stops and targets among them. */
export function closesOf(commands: readonly Command[]): readonly NewOrder[] {
  return commands.flatMap((command) =>
    command.kind === "place" && command.order.effect === "close" ? [command.order] : []
  );
}

/** What checkers remember between ticks. */
export type CheckerState = {
  readonly restarted: boolean;
  readonly lastSeq: number | null;
  readonly placed: ReadonlySet<string>;
  readonly attempted: ReadonlySet<string>;
  readonly executed: ReadonlyMap<string, number>;
  /** Orders that have left, with their routes. */
  readonly owners: ReadonlyMap<string, string>;
  /** Routes that have ended. */
  readonly finished: ReadonlySet<string>;
  /** Since when a closing order has been without its leg. */
  readonly strayMs: ReadonlyMap<string, number>;
  /** Trades of the exchange, by id. */
  readonly trades: ReadonlyMap<number, Trade>;
  /** Ids of trades the engine has told of. */
  readonly told: ReadonlySet<number>;
  readonly incomeUsd: number;
  /** Since when a leg at the exchange has been without stop and without exit. */
  readonly nakedSinceMs: ReadonlyMap<string, number>;
  readonly folded: Memory | null;
  readonly ticks: number;
};

export function freshCheckerState(): CheckerState {
  return {
    restarted: false,
    lastSeq: null,
    placed: new Set(),
    attempted: new Set(),
    executed: new Map(),
    owners: new Map(),
    finished: new Set(),
    strayMs: new Map(),
    trades: new Map(),
    told: new Set(),
    incomeUsd: 0,
    nakedSinceMs: new Map(),
    folded: null,
    ticks: 0,
  };
}

export type Checker = (tick: Tick, state: CheckerState) => string | Partial<CheckerState> | null;

const PROTECT_MS = 5_000;
const EPSILON_USD = 0.01;
/** Comparing whole memories and parsing every surface is dear: these seeds do it on each tick. */
const THOROUGH_EVERY = 10;

/** The sequence of ticks has no gap, and journal rows carry the seq of their tick. */
const sequence: Checker = ({ memory, row }, { lastSeq, restarted }) => {
  const { seq } = memory.pulse;
  if (row !== null && row.seq !== seq) return `row ${row.seq} belongs to tick ${seq}`;
  if (lastSeq !== null && !restarted && seq !== lastSeq + 1) return `${lastSeq} then ${seq}`;
  return { lastSeq: seq };
};

/** Exits are scanned on every tick. */
const scanned: Checker = ({ memory }) =>
  memory.pulse.scanMs === memory.pulse.nowMs ? null : "the exit scan did not run";

/** An order leaves only from a row of the journal, and its id leaves once, ever. */
const journalled: Checker = ({ submitted, row }, { placed }) => {
  const next = new Set(placed);
  for (const command of submitted) {
    if (command.kind !== "place") continue;
    const { clientId } = command.order;
    const written = row?.commands.some((other) =>
      other.kind === "place" && other.order.clientId === clientId
    );
    if (!written) return `${clientId} left without a journal row`;
    if (next.has(clientId)) return `${clientId} left twice`;
    next.add(clientId);
  }
  return { placed: next };
};

/** What opens has been approved: its intent was told as an attempt of a sized, stopped entry. */
const approved: Checker = ({ decision, submitted, memory, before }, { attempted }) => {
  const next = new Set(attempted);
  for (const event of decision.events) {
    if (event.kind !== "order_attempt") continue;
    if (event.effect === "open" && !(event.levels?.slPx! > 0)) {
      return `${event.intentId} has no stop`;
    }
    next.add(event.routeId);
  }
  for (const command of submitted) {
    if (command.kind !== "place" || command.order.effect === "close") continue;
    const order = memory.orders[command.order.clientId] ?? before.orders[command.order.clientId];
    if (order === undefined || !next.has(order.ownerId)) {
      return `${command.order.clientId} opens without an approved intent`;
    }
  }
  return { attempted: next };
};

/** At most one route per leg and direction. */
const oneRoute: Checker = ({ memory }) => {
  const seen = new Set<string>();
  for (const { ticker, side, effect } of Object.values(memory.routes)) {
    const key = `${ticker}:${side}:${effect}`;
    if (seen.has(key)) return `two routes for ${key}`;
    seen.add(key);
  }
  return null;
};

/** The exchange never executed more of a route than was approved. */
const bounded: Checker = ({ ledger, memory, before }, { executed }) => {
  const next = new Map(executed);
  for (const trade of tradesOf(ledger)) {
    const order = memory.orders[trade.clientId] ?? before.orders[trade.clientId];
    if (order === undefined || order.closePosition) continue;
    const route = memory.routes[order.ownerId] ?? before.routes[order.ownerId];
    const sum = (next.get(order.ownerId) ?? 0) + trade.lots;
    next.set(order.ownerId, sum);
    if (route !== undefined && sum > route.lots) {
      return `${order.ownerId}: ${sum} lots executed, ${route.lots} approved`;
    }
  }
  return { executed: next };
};

/** Each trade of the exchange is told once; no trade is told that the exchange does not know. */
const bookedOnce: Checker = ({ decision, ledger, venue }, { trades, told }) => {
  const known = new Map(trades);
  for (const trade of tradesOf(ledger)) known.set(trade.id, trade);
  // Rows reach the ledger when the exchange's clock next moves: its own state is ahead of it.
  for (const trade of venue.exchange.desk.state.trades) known.set(trade.id, trade);
  const next = new Set(told);
  for (const event of decision.events) {
    if (event.kind !== "order_fill") continue;
    const trade = known.get(event.tradeId);
    if (trade === undefined) return `fill ${event.tradeId} never happened`;
    if (trade.lots !== event.lots || trade.px !== event.px) return `fill ${event.tradeId} differs`;
    if (next.has(event.tradeId)) return `fill ${event.tradeId} was booked twice`;
    next.add(event.tradeId);
  }
  return { trades: known, told: next };
};

/** Once faults are over the book is the exchange's book, and every trade has been booked. */
const converged: Checker = ({ settled, memory, venue, faultActive }, { trades, told }) => {
  if (!settled || faultActive || busy(memory)) return null;
  const { positions } = venue.exchange.desk.state;
  const keys = new Set([...Object.keys(positions), ...Object.keys(memory.holdings)]);
  for (const key of keys) {
    const held = memory.holdings[key as keyof typeof memory.holdings]?.lots ?? 0;
    const real = positions[key]?.lots ?? 0;
    if (held !== real) return `${key}: book ${held} lots, exchange ${real}`;
  }
  const adjusted = Object.values(memory.holdings).some(({ source }) => source !== "fill");
  for (const id of trades.keys()) {
    if (!told.has(id) && !adjusted) return `trade ${id} was never booked`;
  }
  const { state } = venue.exchange.desk;
  if (
    state.deliveries.length === 0 && state.arrivals.length === 0 && !hasAllIncome(memory, state)
  ) {
    return "income was never booked";
  }
  return null;
};

function hasAllIncome({ incomes }: Memory, exchange: Pick<SimState, "incomes">): boolean {
  return exchange.incomes.every(({ id }) => isBooked(incomes, id));
}

/** Start cash + realised - fees + funding + unrealised is the exchange's equity. */
const identity: Checker = ({ settled, memory, venue, faultActive, seen }) => {
  // A leg that was corrected without its trades has results that nobody saw.
  const corrected = Object.values(memory.holdings).some(({ source }) => source === "adjustment");
  if (!settled || faultActive || busy(memory) || corrected) return null;
  const { cash } = memory;
  if (cash.startUsd === null) return null;
  const { state } = venue.exchange.desk;
  if (state.deliveries.length > 0 || !hasAllIncome(memory, state)) return null;
  let equityUsd = cash.startUsd + cash.realizedUsd - cash.feesUsd + cash.fundingUsd;
  for (const holding of Object.values(memory.holdings)) {
    const market = seen.market.market(holding.ticker)!;
    const mark = seen.market.mark(holding.ticker)!;
    const sign = holding.side === "LONG" ? 1 : -1;
    equityUsd += sign * (mark.px - holding.entryPx) * unitsToNumber(holding.lots, market.lot);
  }
  const real = seen.account.kind === "read"
    ? (seen.account.value.walletQty.USDT ?? 0) +
      seen.account.value.positions.reduce((sum, leg) => sum + (leg.unrealizedUsd ?? 0), 0)
    : null;
  if (real === null) return null;
  return Math.abs(real - equityUsd) > EPSILON_USD ? `book ${equityUsd}, exchange ${real}` : null;
};

/** No leg of the exchange stays without a resting stop and without an exit under way. */
const protectedLegs: Checker = ({ venue, memory, seen, faultActive, decision }, state) => {
  const { positions, orders } = venue.exchange.desk.state;
  const since = new Map<string, number>();
  for (const [key, leg] of Object.entries(positions)) {
    const resting = Object.values(orders).some((order) =>
      order.kind === "stop_market" && order.ticker === leg.ticker && order.side === leg.side
    );
    const leaving = Object.values(memory.routes).some((route) =>
      route.effect === "close" && positionKey(route.ticker, route.side) === key
    );
    const asked = decision.commands.some((command) =>
      command.kind === "place" && command.order.kind === "stop_market" &&
      positionKey(command.order.ticker, command.order.side) === key
    );
    if (resting || leaving || asked || faultActive || state.restarted) continue;
    const from = state.nakedSinceMs.get(key) ?? seen.nowMs;
    since.set(key, from);
    if (seen.nowMs - from > PROTECT_MS) return `${key} naked since ${from}`;
  }
  return { nakedSinceMs: since };
};

/** A level that a fresh mark has crossed has an exit under way in the same tick, where it trades. */
const exitsFire: Checker = ({ memory, seen }) => {
  for (const [key, guard] of Object.entries(memory.registry)) {
    const mark = seen.market.mark(guard.ticker);
    if (mark === null || seen.nowMs - mark.atMs > 5_000 || guard.exit !== null) continue;
    // What is flat in the book has nothing to leave: its levels wait for a reading that agrees.
    if (memory.holdings[key as PositionKey] === undefined) continue;
    if (seen.market.market(guard.ticker) === null) continue;
    const { slPx, tpPx } = guard.levels;
    const sign = guard.side === "LONG" ? 1 : -1;
    const stopped = slPx !== null && sign * (mark.px - slPx) <= 0;
    const reached = tpPx !== null && sign * (mark.px - tpPx) >= 0;
    if (stopped || reached) return `${key} is due and nothing is under way`;
  }
  return null;
};

/** Every leg of the book has levels with a stop. */
const covered: Checker = ({ memory }) => {
  for (const key of Object.keys(memory.holdings) as (keyof typeof memory.holdings)[]) {
    if (memory.registry[key]?.levels.slPx == null) return `${key} has no stop level`;
  }
  return null;
};

/** Folding the journal gives the memory back. */
const foldable: Checker = ({ seed, memory, before, row }, { folded, restarted, ticks }) => {
  const base = folded === null || restarted ? before : folded;
  if (row === null) return { folded: base, ticks: ticks + 1 };
  const next = applyPatch(base, row.patch);
  if (seed % THOROUGH_EVERY === 0 || ticks % 40 === 0) {
    const [first] = diff(next, memory);
    if (first !== undefined) return `the folded memory differs at ${first[0].join("/")}`;
  }
  return { folded: next, ticks: ticks + 1 };
};

/** The second step never threw. */
const faultless: Checker = ({ engineFaults }) =>
  engineFaults.length === 0 ? null : `${engineFaults[0]!.stage} threw: ${engineFaults[0]!.message}`;

/** Every surface made from this tick is what its schema says. */
const surfaces: Checker = (tick, { ticks }) =>
  tick.seed % THOROUGH_EVERY === 0 || ticks % 100 === 0 ? CHECKER_SURFACES(tick) : null;

export const CHECKERS = {
  sequence,
  scanned,
  journalled,
  kept,
  notHeldBack,
  approved,
  capped,
  blindEntries,
  oneRoute,
  bounded,
  single,
  allotted,
  sliced,
  ended,
  stopsFirst,
  conditionals,
  bookedOnce,
  converged,
  identity,
  proven,
  agreed,
  protectedLegs,
  exitsFire,
  covered,
  foldable,
  faultless,
  surfaces,
  steadyBaselines,
  latched,
  tailed,
} as const satisfies Record<string, Checker>;
export type CheckerName = keyof typeof CHECKERS;

function tradesOf(rows: readonly LedgerRow[]): readonly Trade[] {
  return rows.flatMap((row) => row.k === "trade" ? [row.trade] : []);
}

/** Something is still under way: book and exchange may differ for a moment. */
function busy(memory: Memory): boolean {
  return Object.keys(memory.routes).length > 0 || Object.keys(memory.differences).length > 0 ||
    Object.values(memory.orders).some(({ state, closePosition }) =>
      state !== "open" || !closePosition
    );
}
