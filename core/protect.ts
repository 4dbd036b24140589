/**
 * The first step of every tick: absorb what happened, reconcile, value the account, protect every
 * open leg, move working routes. It must always run; an entry's bug can never reach it.
 */
import { absorb } from "./absorb.ts";
import { attentionOf } from "./attention.ts";
import { flawedLegs } from "./credible.ts";
import { deadManDeadlines, holdDeadMan } from "./dead_man.ts";
import { countTick, sinceWhen } from "./diagnostics.ts";
import { unrealizedUsd } from "./exits/ledger.ts";
import type { EngineEvent } from "./events.ts";
import { dayOf } from "./calendar.ts";
import { updateNav } from "./nav.ts";
import { moveOn, phaseDeadlineMs } from "./phase.ts";
import { leavingDeadlines, scanExits } from "./leaving.ts";
import { concludeFlatten, obey, type OperatorCommand, VENUE } from "./operator.ts";
import { noteErrors } from "./risk/tempo.ts";
import { routeDeadlineMs } from "./router/advance.ts";
import { errorRule, REFUSED_REST_MS } from "./router/errors.ts";
import { moveRoutes } from "./routes.ts";
import { orderDeadlineMs } from "./router/orders.ts";
import { meetStrangers, strangerDeadlines } from "./strangers.ts";
import type { StorageFault } from "./types.ts";
import { MS_PER_MINUTE, MS_PER_SECOND } from "./units.ts";
import { checkResting, tendStops, tendTargets } from "./resting.ts";
import { prune, reconcileBook, tendRegistry, upkeepDeadlines } from "./upkeep.ts";
import { begin, change, finish, type Step, type StepInput, tendOrders, type Work } from "./work.ts";

/** Every zone's midnight is at a quarter of an hour. */
const ZONE_STEP_MS = 15 * MS_PER_MINUTE;
const NAV_RECHECK_MS = 10 * MS_PER_SECOND;

/** What a tick is told besides what the venue tells. */
export type Host = {
  /** What the operator said since the last tick. */
  readonly said: readonly OperatorCommand[];
  /** What cannot be written, if anything. */
  readonly storage: StorageFault | null;
};
const CALM_HOST: Host = { said: [], storage: null };

/** Decides everything that protects what is there. Pure and synchronous. */
export function protect(input: StepInput, { said, storage }: Host = CALM_HOST): Step {
  const work = begin(input);
  beat(work, storage);
  absorb(work);
  reconcileBook(work);
  checkResting(work);
  meetStrangers(work);
  value(work);
  concludeFlatten(work);
  obey(work, said);
  tendRegistry(work);
  scanExits(work);
  tendStops(work);
  tendTargets(work);
  tendOrders(work);
  moveRoutes(work);
  heedRefusals(work);
  holdDeadMan(work);
  prune(work);
  moveOn(work);
  settle(work);
  return finish(work);
}

function beat(work: Work, storage: StorageFault | null): void {
  const { memory, seen } = work;
  const { account, nowMs } = seen;
  const ok = account.kind === "read";
  const pulse = {
    ...memory.pulse,
    seq: memory.pulse.seq + 1,
    nowMs,
    accountOk: ok,
    accountMs: ok ? account.value.atMs : memory.pulse.accountMs,
    quarantined: ok ? flawedLegs(account.value.positions, seen.market) : memory.pulse.quarantined,
    storage,
  };
  change(work, { pulse });
  turnDay(work, memory.pulse.nowMs);
}

/** At midnight the day's sums begin anew, whether anything is booked then or not. */
function turnDay(work: Work, beforeMs: number): void {
  const { memory: { dayCash }, seen: { nowMs }, rules } = work;
  const span = (ms: number) => Math.floor(ms / ZONE_STEP_MS);
  if (dayCash.day !== null && span(beforeMs) === span(nowMs)) return;
  const day = dayOf(nowMs, rules.nav.zone);
  if (day === dayCash.day) return;
  change(work, { dayCash: { day, realizedUsd: 0, feesUsd: 0, fundingUsd: 0 } });
}

/** NAV and its guards, explained by what the engine booked and by the marks of what it holds. */
function value(work: Work): void {
  const { seen, rules } = work;
  const { cash, nav, pulse } = work.memory;
  const cashUsd = cash.realizedUsd - cash.feesUsd + cash.fundingUsd;
  const openUsd = openResultUsd(work);
  const explained = {
    tradedUsd: cashUsd - pulse.explained.cashUsd + openUsd - pulse.explained.unrealizedUsd,
    transfersUsd: cash.transfersUsd - pulse.transfersUsd,
  };
  const [next, events] = updateNav(
    nav,
    { nowMs: seen.nowMs, account: seen.account, explained },
    rules.nav,
  );
  work.events.push(...events);
  const believed = next.level !== nav.level;
  // What legs of then have won or lost is realised later: the books begin with the wallet.
  const startUsd = cash.startUsd ?? next.level?.walletUsd ?? null;
  change(work, {
    nav: next,
    cash: startUsd === cash.startUsd ? cash : { ...cash, startUsd },
    pulse: {
      ...pulse,
      explained: believed ? { cashUsd, unrealizedUsd: openUsd } : pulse.explained,
      transfersUsd: cash.transfersUsd,
    },
  });
}

function openResultUsd(work: Work): number {
  let sum = 0;
  for (const holding of Object.values(work.memory.holdings)) {
    const market = work.seen.market.market(holding.ticker);
    const mark = work.seen.market.mark(holding.ticker);
    if (market !== null && mark !== null) sum += unrealizedUsd(holding, mark.px, market);
  }
  return sum;
}

/** A refusal that another try would meet again gives its symbol a rest, or stops entries. */
function heedRefusals(work: Work): void {
  const { nowMs } = work.seen;
  for (const event of work.events) {
    if (event.kind !== "order_reject") continue;
    const { rests, pauses, meaning, code } = errorRule(event.code);
    if (rests && event.effect === "open") {
      const { tempo } = work.memory;
      const untilMs = Math.max(nowMs + REFUSED_REST_MS, tempo.cooldownUntilMs[event.ticker] ?? 0);
      const cooldownUntilMs = { ...tempo.cooldownUntilMs, [event.ticker]: untilMs };
      change(work, { tempo: { ...tempo, cooldownUntilMs } });
    }
    if (!pauses || work.memory.operator.state !== "RUNNING") continue;
    const reason = `${code}: ${meaning}`;
    change(work, { operator: { state: "PAUSED", sinceMs: nowMs, by: VENUE, reason } });
    const navUsd = work.memory.nav.level?.navUsd ?? null;
    work.events.push({ kind: "account_rule", rule: "entries_paused", navUsd, note: reason });
  }
}

/** Counts what happened, notes what needs attention, and says when to be woken. */
function settle(work: Work): void {
  const { seen, events } = work;
  const { nowMs } = seen;
  const counters = countTick(work.memory.counters, { nowMs, signals: 0, events });
  const count = seen.faults.length + events.filter(isVenueError).length;
  const tempo = noteErrors(work.memory.tempo, { count, nowMs }, work.rules.limits);
  change(work, tempo === work.memory.tempo ? { counters } : { counters, tempo });
  const items = attentionOf(work.memory, {
    market: seen.market,
    past: work.past,
    rules: work.rules,
  });
  const attention = sinceWhen(work.memory.attention, items, nowMs);
  change(work, { attention, pulse: { ...work.memory.pulse, wakeMs: wakeAt(work) } });
}

/** True for what says that the venue, or the way to it, does not work. */
function isVenueError(event: EngineEvent): boolean {
  if (event.kind === "order_reject") return !errorRule(event.code).isExpected;
  return event.kind === "order_unknown";
}

/**
 * The earliest instant at which anything wants to be looked at; always in the future, and never later
 * than the next screening would be: legs are looked at also where nothing is screened any more.
 */
export function wakeAt(work: Work): number {
  const { memory, rules, seen } = work;
  const deadlines = [
    memory.pulse.nextScreenMs,
    ...upkeepDeadlines(work),
    ...Object.values(memory.orders).map((order) => orderDeadlineMs(order, rules.router)),
    ...Object.values(memory.routes).map((route) => routeDeadlineMs(route, rules.router)),
    ...deadManDeadlines(work),
    ...leavingDeadlines(work),
    ...Object.values(memory.flips).map(({ untilMs }) => untilMs),
    ...strangerDeadlines(memory),
    phaseDeadlineMs(memory),
    memory.nav.pending === null ? null : memory.nav.pending.lastMs + NAV_RECHECK_MS,
  ];
  let wakeMs = seen.nowMs + rules.screenMs;
  for (const deadline of deadlines) {
    if (deadline !== null && deadline > seen.nowMs) wakeMs = Math.min(wakeMs, deadline);
  }
  return Math.ceil(wakeMs);
}
