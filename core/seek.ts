/**
 * The second step of a tick: screen what closed, ask the gate, start routes. Everything in here
 * adds risk, so the shell may drop it as a whole; what `protect` decided stands without it.
 */
import { beginFlip, type EndedFlips, oppositeOf, takeFlips } from "./flips.ts";
import { holdDeadMan } from "./dead_man.ts";
import { decisionOf, type Occasion, type Outcome, type Wish } from "./decisions.ts";
import { countTick } from "./diagnostics.ts";
import type { VetoEvent } from "./events.ts";
import { wakeAt } from "./protect.ts";
import { drawdownRegime, sizeFactor, VOL_REGIMES } from "./regimes.ts";
import { navShare, type World } from "./risk/check.ts";
import { MODE_SIZE_FRAC } from "./risk/mode.ts";
import { type Verdict, vet, vetoGroup } from "./risk/mod.ts";
import { noteEntry } from "./risk/tempo.ts";
import type { RouteRefusal } from "./router/normalize.ts";
import { planEntry } from "./router/plan.ts";
import { moveRoute } from "./routes.ts";
import { followSuggestions, routingOf, suggestionsOf, watchRouting } from "./routing.ts";
import { scoresOf } from "./scoring.ts";
import { screen } from "./screener.ts";
import { sizingNavUsd } from "./sizing.ts";
import { type Entry, positionKey } from "./types.ts";
import { begin, change, finish, type Step, type StepInput, type Work } from "./work.ts";
import { reserveEntry, withoutLeg, worldOf } from "./world.ts";

/** Decides what to open. Pure and synchronous; called after `protect` on its memory. */
export function seek(input: StepInput): Step {
  const work = begin(input);
  const { memory, seen, rules, past } = work;
  if (memory.pulse.phase !== "run") return finish(work);
  const flips = takeFlips(work);
  if (seen.nowMs < memory.pulse.nextScreenMs) {
    if (flips.ready.length + flips.late.length > 0) between(work, flips);
    return finish(work);
  }
  watchRouting(work, memory.pulse.screenedMs);
  let world = worldOf(work.memory, { market: seen.market, past, rules });
  const { nav } = world.account;
  const screened = screen({
    nowMs: seen.nowMs,
    screenedMs: memory.pulse.screenedMs,
    history: past.history,
    view: seen.market,
    navUsd: nav.kind === "missing" ? null : nav.navUsd,
    navAgeMs: nav.kind === "missing" ? null : nav.ageMs,
    sizingUsd: memory.nav.level === null ? null : sizingNavUsd(memory.nav.level, rules),
    // Where risk is halted the gate refuses by name: a size of nothing would hide the reason.
    shrinkFrac: world.mode.mode === "HALTED" ? 1 : shrinkOf(work, world),
    ddFrac: world.account.ddFrac,
    emittedMs: memory.emittedMs,
  }, rules);
  for (const veto of screened.refusals) {
    work.events.push(veto);
    const figures = screened.figures.get(veto.intentId) ?? null;
    note(work, veto, { kind: "refused", veto }, { world, occasion: "signal", figures });
  }
  if (screened.emitted.size > 0) {
    const emittedMs = { ...memory.emittedMs, ...Object.fromEntries(screened.emitted) };
    change(work, { emittedMs });
  }
  world = concludeFlips(work, flips, world);
  for (const entry of screened.entries) {
    const figures = screened.figures.get(entry.id) ?? null;
    world = consider(work, entry, { world, occasion: "signal", figures });
  }
  tune(work, world);
  conclude(work, screened.signals);
  return finish(work);
}

/** What regimes and risk mode leave of every size, once; 0 where nothing may be opened. */
export function shrinkOf({ past, rules }: Pick<Work, "past" | "rules">, world: World): number {
  const label = rules.reference === null ? null : past.regimes.vol(rules.reference).label;
  return sizeFactor({
    range: label === null ? null : VOL_REGIMES.indexOf(label),
    drawdown: drawdownRegime(world.account.ddFrac),
    modeFrac: MODE_SIZE_FRAC[world.mode.mode],
  });
}

/** Flips that ended between two screenings. */
function between(work: Work, flips: EndedFlips): void {
  const { seen: { market, nowMs }, past, rules } = work;
  concludeFlips(work, flips, worldOf(work.memory, { market, past, rules }));
  holdDeadMan(work);
  const { counters } = work.memory;
  change(work, { counters: countTick(counters, { nowMs, signals: 0, events: work.events }) });
  change(work, { pulse: { ...work.memory.pulse, wakeMs: wakeAt(work) } });
}

/** The leg has gone: the entry is asked about afresh. What took too long is told and forgotten. */
function concludeFlips(work: Work, { ready, late }: EndedFlips, world: World): World {
  const occasion = "flip";
  for (const entry of late) {
    const outcome = refuse(work, refusalRow(entry, "flip_timeout", world));
    note(work, rowOf(entry, world), outcome, { world, occasion, figures: null });
  }
  return ready.reduce(
    (before, entry) => consider(work, entry, { world: before, occasion, figures: null }),
    world,
  );
}

/** The world a wish is judged in, and why it is judged now. */
type Asked = Occasion & { readonly world: World };

/** Judges one entry and notes what became of it; the next entry sees what it has reserved. */
function consider(work: Work, entry: Entry, asked: Asked): World {
  const { outcome, world } = judge(work, entry, asked.world);
  note(work, rowOf(entry, asked.world), outcome, asked);
  return world;
}

/** Every wish that was judged has one row, whatever came of it. */
function note({ seen, events }: Work, wish: Wish, outcome: Outcome, { world, ...asked }: Asked) {
  events.push(decisionOf(wish, outcome, asked, { seen, world }));
}

function refuse(work: Work, veto: VetoEvent): Outcome {
  work.events.push(veto);
  return { kind: "refused", veto };
}

type Judged = { readonly outcome: Outcome; readonly world: World };

/** Asks the gate about one entry and starts its route. */
function judge(work: Work, entry: Entry, world: World): Judged {
  const { seen, rules } = work;
  const judged = withoutLeg(world, oppositeOf(entry), work);
  const verdict = vet(entry, judged, rules.limits);
  if (verdict.kind === "vetoed") {
    return { outcome: refuse(work, vetoRow(entry, verdict, judged)), world };
  }
  if (isUnresolved(work, entry)) {
    return { outcome: refuse(work, refusalRow(entry, "order_unresolved", world)), world };
  }
  if (judged !== world) {
    if (beginFlip(work, entry)) return { outcome: { kind: "waits" }, world };
    return { outcome: refuse(work, refusalRow(entry, "opposite_leg_open", world)), world };
  }
  const market = seen.market.market(entry.ticker);
  const book = seen.market.book(entry.ticker);
  const isDefensive = world.mode.mode === "DEFENSIVE";
  const { policy, bucket } = routingOf(work, entry.ticker, { isDefensive });
  const sight = { nowMs: seen.nowMs, market, book, policy, bucket };
  const plan = planEntry(verdict.intent, sight, rules.router);
  if (plan.kind === "refused") {
    return { outcome: refuse(work, refusalRow(entry, plan.reason, world)), world };
  }
  work.events.push(...plan.events);
  const { ticker } = entry;
  change(work, {
    tempo: noteEntry(work.memory.tempo, { ticker, nowMs: seen.nowMs }, rules.limits),
  });
  moveRoute(work, plan.route);
  const reserved = reserveEntry(world, verdict.intent, work);
  return {
    outcome: { kind: "ordered", routeId: plan.route.id },
    world: { ...reserved, tempo: work.memory.tempo },
  };
}

/**
 * True while nobody knows what became of an order of the symbol, or while a close of the same leg is
 * still out: a second position beside what may yet happen is not opened.
 */
function isUnresolved({ memory }: Work, { ticker, side }: Entry): boolean {
  return Object.values(memory.orders).some((order) =>
    order.ticker === ticker && order.state === "unknown" && order.stopTicks === null
  ) || Object.values(memory.routes).some((route) =>
    route.ticker === ticker && route.side === side && route.effect === "close"
  );
}

/** Follows what the router's record suggests, where the operator has turned that on. */
function tune(work: Work, { mode: { mode } }: World): void {
  const isDefensive = mode === "DEFENSIVE";
  followSuggestions(work, work.memory.pulse.screenedMs, {
    mode,
    suggestions: () => suggestionsOf(work, { isDefensive, scores: scoresOf(work) }),
  });
}

function conclude(work: Work, signals: number): void {
  holdDeadMan(work);
  const { seen, rules, events } = work;
  const { nowMs } = seen;
  const counters = countTick(work.memory.counters, { nowMs, signals, events });
  const nextScreenMs = (Math.floor(nowMs / rules.screenMs) + 1) * rules.screenMs;
  const pulse = { ...work.memory.pulse, nextScreenMs, screenedMs: nowMs };
  change(work, { counters, pulse });
  change(work, { pulse: { ...pulse, wakeMs: wakeAt(work) } });
}

function vetoRow(
  entry: Entry,
  { vetoes, maxNotionalUsd }: Extract<Verdict<Entry>, { kind: "vetoed" }>,
  world: World,
): VetoEvent {
  const [first] = vetoes;
  const thresholds: Record<string, number | string | null> = {};
  const observations: Record<string, number | string | null> = {};
  for (const veto of vetoes) {
    Object.assign(thresholds, veto.thresholds);
    Object.assign(observations, veto.observations);
  }
  return {
    ...rowOf(entry, world),
    stage: "risk",
    reason: vetoGroup(first.reason),
    codes: vetoes.map(({ reason }) => reason),
    gate: first.id,
    thresholds,
    observations,
    maxNotionalUsd,
  };
}

/** Why an approved entry gets no route. */
export type Refused =
  | RouteRefusal
  | "opposite_leg_open"
  | "flip_timeout"
  | "order_unresolved";

/** Which gate stands behind a refusal; those of the exchange have theirs in common. */
const GATES: Readonly<Partial<Record<Refused, string>>> = {
  opposite_leg_open: "one_leg_a_symbol",
  flip_timeout: "one_leg_a_symbol",
  order_unresolved: "one_outcome_at_a_time",
};

/** The gate had no objection, but no route can be started. */
function refusalRow(entry: Entry, reason: Refused, world: World) {
  const gate = GATES[reason];
  const isFilter = gate === undefined;
  const row: VetoEvent = {
    ...rowOf(entry, world),
    stage: "route",
    reason,
    codes: [reason],
    gate: gate ?? "exchange_filters",
    thresholds: {},
    observations: isFilter
      ? { notional_usd: entry.grossUsd, price: entry.refPx }
      : { opposite_usd: world.legs[oppositeOf(entry)]?.notionalUsd ?? null },
    maxNotionalUsd: null,
  };
  return row;
}

function rowOf(entry: Entry, world: World) {
  const { nav } = world.account;
  const leg = world.legs[positionKey(entry.ticker, entry.side)];
  return {
    kind: "veto" as const,
    intentId: entry.id,
    strategyId: entry.strategyId,
    ticker: entry.ticker,
    side: entry.side,
    notionalUsd: entry.grossUsd,
    refPx: entry.refPx,
    navUsd: nav.kind === "missing" ? null : nav.navUsd,
    navAgeMs: nav.kind === "missing" ? null : nav.ageMs,
    candleCloseMs: entry.candleCloseMs,
    context: {
      risk_mode: world.mode.mode,
      tier: entry.tier,
      leverage: entry.leverage,
      open_positions: world.legsCount,
      open_qty: leg?.qty ?? 0,
      legs_at_entry_count: Object.values(world.legs).filter(({ atMark }) => !atMark).length,
      gross_usd: world.grossUsd,
      symbol_usd: world.symbolUsd[entry.ticker] ?? 0,
      tier_usd: world.tierUsd[entry.tier] ?? 0,
      post_trade_gross_frac: navShare(world.grossUsd + entry.grossUsd, world),
    },
  };
}
