/** What must hold of risk after every tick: limits, unknowns, baselines, latches, tails. */
import { unitsToNumber } from "../../core/increments.ts";
import { bookVarFrac } from "../../core/risk/tail.ts";
import { positionKey, type Side, type Ticker } from "../../core/types.ts";
import { worldOf } from "../../core/world.ts";
import type { Checker } from "./checkers.ts";

/** Marks move a little between approval and the end of the tick. */
const CAP_ROOM = 1.001;

/** Limits hold at approval, counted afresh from legs and working entries. */
export const capped: Checker = ({ decision, memory, rules, seen, venue }) => {
  const opened = decision.events.filter((event) =>
    event.kind === "order_attempt" && event.effect === "open"
  );
  if (opened.length === 0) return null;
  const { limits, universe } = rules;
  const navUsd = memory.nav.level?.navUsd ?? 0;
  const legs = new Set<string>();
  const usdOf = new Map<string, number>();
  const add = (leg: { ticker: Ticker; side: Side }, lots: number) => {
    legs.add(positionKey(leg.ticker, leg.side));
    const market = venue.exchange.desk.feed.market(leg.ticker)!;
    const usd = unitsToNumber(lots, market.lot) * (seen.market.mark(leg.ticker)?.px ?? 0);
    const groups = limits.groups.filter(({ symbols }) => symbols.has(leg.ticker));
    const names = [
      "all",
      leg.ticker,
      universe[leg.ticker]!.tier,
      ...groups.map(({ name }) => name),
    ];
    for (const name of names) usdOf.set(name, (usdOf.get(name) ?? 0) + usd);
  };
  for (const holding of Object.values(memory.holdings)) add(holding, holding.lots);
  for (const route of Object.values(memory.routes)) {
    if (route.effect === "open") add(route, route.lots - route.filledLots);
  }
  if (legs.size > limits.positionsCount) return `${legs.size} legs`;
  for (const event of opened) {
    if (event.kind !== "order_attempt") continue;
    const { ticker } = event;
    const { tier } = universe[ticker]!;
    const usd = event.notionalUsd ?? Infinity;
    if (usd > navUsd * limits.maxTradeFrac) return `${event.intentId} is worth ${usd}`;
    const caps: [name: string, frac: number][] = [
      ["all", limits.grossFrac],
      [ticker, limits.of(ticker).shareFrac],
      [tier, limits.tierFrac[tier]],
      ...limits.groups.filter(({ symbols }) => symbols.has(ticker))
        .map(({ name, maxFrac }): [string, number] => [name, maxFrac]),
    ];
    for (const [name, frac] of caps) {
      const heldUsd = usdOf.get(name) ?? 0;
      if (heldUsd > navUsd * frac * CAP_ROOM) return `${name}: ${heldUsd} of ${navUsd}`;
    }
  }
  return null;
};

/** Nothing opens while NAV, positions or prices are unknown, or while NAV is doubted. */
export const blindEntries: Checker = ({ decision, memory, seen, rules }) => {
  const opens = decision.commands.some((command) =>
    command.kind === "place" && command.order.effect === "open"
  );
  if (opens && memory.pulse.phase !== "run") return "an order that opens left during a start";
  if (opens && seen.account.kind === "failed") return "an order that opens left unseeing";
  for (const event of decision.events) {
    if (event.kind !== "order_attempt" || event.effect === "close") continue;
    const { level, pending } = memory.nav;
    const mark = seen.market.mark(event.ticker);
    if (seen.account.kind === "failed") return "an entry without a reading of the account";
    if (level === null || seen.nowMs - level.atMs >= rules.nav.freshMs) return "NAV is stale";
    if (pending !== null) return "NAV is held as an anomaly";
    if (mark === null || seen.nowMs - mark.atMs > 5_000) return "the price is old";
  }
  return null;
};

/** No NAV guard moves on a reading that failed: the peak never falls, the day never restarts. */
export const steadyBaselines: Checker = ({ before, memory, seen, decision }) => {
  const rebased = decision.events.some((event) =>
    (event.kind === "account_rule" && event.rule !== "nav_anomaly") ||
    (event.kind === "operator" && event.done)
  );
  if (rebased || before.nav.peakUsd === null) return null;
  if (memory.nav.peakUsd! < before.nav.peakUsd) return "the peak fell";
  if (seen.account.kind === "failed" && memory.nav.level !== before.nav.level) {
    return "a failed reading moved NAV";
  }
  return null;
};

/** What is latched opens by its rule or by a human, never because a price came back. */
export const latched: Checker = ({ before, memory, decision }) => {
  const opened = (what: string) =>
    decision.events.some((event) =>
      (event.kind === "operator" && event.done && event.note.startsWith(what)) ||
      (event.kind === "account_rule" && event.rule === "circuit_rebased" &&
        what === "portfolio_dd_circuit")
    );
  const { nav: then } = before;
  const { nav: now } = memory;
  if (then.circuit !== null && now.circuit === null && !opened("portfolio_dd_circuit")) {
    return "the circuit opened by itself";
  }
  if (then.latch !== null && now.latch === null && !opened("nav_drawdown_limit")) {
    return "the drawdown limit opened by itself";
  }
  if (now.latch === null && now.circuit === null) return null;
  const entered = decision.events.find((event) =>
    event.kind === "order_attempt" && event.effect === "open"
  );
  return entered === undefined ? null : "an entry while a circuit is latched";
};

/** The tails of the book hold after an entry, with what is under way in them. */
export const tailed: Checker = ({ decision, memory, rules, past, seen }) => {
  const { var: { limitFrac } } = rules.limits.tail;
  const opened = decision.events.some((event) =>
    event.kind === "order_attempt" && event.effect === "open"
  );
  if (!opened || limitFrac === null) return null;
  const world = worldOf(memory, { market: seen.market, past, rules });
  const varFrac = bookVarFrac(world, rules.limits);
  if (varFrac === null) return "an entry into a book of unknown risk";
  return varFrac > limitFrac * CAP_ROOM ? `value at risk is ${varFrac} of ${limitFrac}` : null;
};
