/**
 * The second step of a tick: screen what closed, ask the gate, start routes. Everything in here
 * adds risk, so the shell may drop it as a whole; what `protect` decided stands without it.
 */
import { countTick } from "./diagnostics.ts";
import type { VetoEvent } from "./events.ts";
import { wakeAt } from "./protect.ts";
import type { World } from "./risk/check.ts";
import { MODE_SIZE_FRAC, riskMode } from "./risk/mode.ts";
import { type Verdict, vet } from "./risk/mod.ts";
import { type Plan, planEntry } from "./router/route.ts";
import { screen } from "./screener.ts";
import type { Entry } from "./types.ts";
import { begin, change, finish, moveRoute, type Step, type StepInput, type Work } from "./work.ts";
import { reserveEntry, worldOf } from "./world.ts";

/** Decides what to open. Pure and synchronous; called after `protect` on its memory. */
export function seek(input: StepInput): Step {
  const work = begin(input);
  const { memory, seen, rules } = work;
  if (seen.nowMs < memory.pulse.nextScreenMs) return finish(work);
  let world = worldOf(memory, seen.market, rules);
  const { mode } = riskMode(world, rules.limits);
  const { nav } = world.account;
  const screened = screen({
    nowMs: seen.nowMs,
    screenedMs: memory.pulse.screenedMs,
    history: work.history,
    view: seen.market,
    navUsd: nav.kind === "missing" ? null : nav.navUsd,
    // A halted book vetoes by name; sizing it to nothing would hide the reason.
    modeFrac: mode === "HALTED" ? 1 : MODE_SIZE_FRAC[mode],
    emittedMs: memory.emittedMs,
  }, rules);
  work.events.push(...screened.refusals);
  if (screened.emitted.size > 0) {
    const emittedMs = { ...memory.emittedMs, ...Object.fromEntries(screened.emitted) };
    change(work, { emittedMs });
  }
  for (const entry of screened.entries) world = consider(work, entry, world);
  conclude(work, screened.signals);
  return finish(work);
}

/** Asks the gate about one entry and starts its route; the next entry sees it as reserved. */
function consider(work: Work, entry: Entry, world: World): World {
  const { seen, rules } = work;
  const verdict = vet(entry, world, rules.limits);
  if (verdict.kind === "vetoed") {
    work.events.push(vetoRow(entry, verdict, world));
    return world;
  }
  const market = seen.market.market(entry.ticker);
  const sight = { nowMs: seen.nowMs, market, book: seen.market.book(entry.ticker) };
  const plan = planEntry(verdict.intent, sight, rules.router);
  if (plan.kind === "refused") {
    work.events.push(refusalRow(entry, plan, world));
    return world;
  }
  work.events.push(plan.event);
  moveRoute(work, plan.route);
  return reserveEntry(world, verdict.intent, rules);
}

function conclude(work: Work, signals: number): void {
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
    reason: first.reason,
    reasons: vetoes.map(({ id }) => id),
    gate: first.id,
    thresholds,
    observations,
    maxNotionalUsd,
  };
}

function refusalRow(
  entry: Entry,
  { reason }: Extract<Plan, { kind: "refused" }>,
  world: World,
): VetoEvent {
  return {
    ...rowOf(entry, world),
    stage: "route",
    reason,
    reasons: [reason],
    gate: "exchange_filters",
    thresholds: {},
    observations: { notional_usd: entry.grossUsd, price: entry.refPx },
    maxNotionalUsd: null,
  };
}

function rowOf(entry: Entry, { account }: World) {
  const { nav } = account;
  return {
    kind: "veto" as const,
    intentId: entry.id,
    strategyId: entry.strategyId,
    ticker: entry.ticker,
    side: entry.side,
    notionalUsd: entry.grossUsd,
    lots: null,
    refPx: entry.refPx,
    navUsd: nav.kind === "missing" ? null : nav.navUsd,
    navAgeMs: nav.kind === "missing" ? null : nav.ageMs,
    candleCloseMs: entry.candleCloseMs,
  };
}
