/**
 * The running sums of money, and income: funding, transfers, fees that no trade shows. Every row is
 * booked once, in whatever order it is told, and none from before the engine's own start: what the
 * account began with has those in it.
 */
import { isBooked, isDue, markAsked, markBooked, markDoubted, markVerified } from "./booked.ts";
import { amend, closeAt } from "./closes.ts";
import { INCOME_DROPPED } from "./credible.ts";
import { bookFunding } from "./exits/ledger.ts";
import { dayOf } from "./calendar.ts";
import type { Income, VenueEvent } from "./ports.ts";
import { positionKey } from "./types.ts";
import { MS_PER_HOUR } from "./units.ts";
import { change, type Work } from "./work.ts";

/** No order and no position misses a row that was lost on its way: so often all is asked for. */
const SWEEP_MS = MS_PER_HOUR;
/** Older transfers are in the sums and in the log of the account. */
const TRANSFERS_KEPT_COUNT = 64;

/** True for what was over before the engine's books began. */
export function isBefore({ memory }: Work, atMs: number): boolean {
  return atMs < memory.startedMs;
}

/** One row as it is told: whether another went missing before it only an answer can say. */
export function hearIncome(work: Work, income: Income): void {
  const { incomes } = work.memory;
  if (isBooked(incomes, income.id)) return;
  change(work, { incomes: markDoubted(markBooked(incomes, income.id), work.seen.nowMs) });
  bookIncome(work, income);
}

/** All rows after an id. */
export function hearIncomes(
  work: Work,
  { afterId, incomes }: Extract<VenueEvent, { kind: "income_answer" }>,
): void {
  const ordered = incomes.toSorted((a, b) => a.id - b.id);
  for (const income of ordered) {
    if (isBooked(work.memory.incomes, income.id)) continue;
    change(work, { incomes: markBooked(work.memory.incomes, income.id) });
    bookIncome(work, income);
  }
  const throughId = ordered.at(-1)?.id ?? afterId;
  change(work, { incomes: markVerified(work.memory.incomes, throughId) });
}

/** Asks for income of which a row may be missing. */
export function tendIncome(work: Work): void {
  const { nowMs, faults } = work.seen;
  if (faults.some(({ code }) => code === INCOME_DROPPED)) {
    change(work, { incomes: markDoubted(work.memory.incomes, nowMs) });
  }
  const { incomes } = work.memory;
  const isOld = incomes.askedMs !== null && nowMs - incomes.askedMs >= SWEEP_MS;
  if (isOld || isDue(incomes, nowMs)) askForIncome(work);
}

/** Asks for all income after the last row before which none can be missing. */
export function askForIncome(work: Work): void {
  const { incomes } = work.memory;
  work.commands.push({ kind: "query_income", afterId: incomes.verifiedId });
  change(work, { incomes: markAsked(incomes, work.seen.nowMs) });
}

/** Books one row; funding belongs to the leg that was open when it was due, however late it comes. */
function bookIncome(work: Work, income: Income): void {
  const { memory } = work;
  const { id, type, ticker, side, usd, atMs } = income;
  if (isBefore(work, atMs)) return;
  work.events.push({ kind: "income", income });
  if (type === "transfer") {
    const transfersUsd = memory.cash.transfersUsd + usd;
    const transfers = [...memory.transfers, { id, usd, atMs }].slice(-TRANSFERS_KEPT_COUNT);
    return change(work, { cash: { ...memory.cash, transfersUsd }, transfers });
  }
  addCash(work, { realizedUsd: 0, feesUsd: 0, fundingUsd: usd });
  if (ticker === null || side === null) return;
  const key = positionKey(ticker, side);
  const { holdings } = work.memory;
  const held = holdings[key];
  if (held !== undefined && held.openedMs <= atMs) {
    return change(work, { holdings: bookFunding(holdings, key, usd) });
  }
  const name = closeAt(work, key, { atMs, isOpen: true });
  if (name !== null) amend(work, name, { feesUsd: 0, fundingUsd: usd, reason: "late_funding" });
}

/** Adds to the sums since the start and to those of the account's day. */
export function addCash(
  work: Work,
  moved: { realizedUsd: number; feesUsd: number; fundingUsd: number },
): void {
  const { cash, dayCash } = work.memory;
  const day = dayOf(work.seen.nowMs, work.rules.nav.zone);
  const today = dayCash.day === day ? dayCash : { day, realizedUsd: 0, feesUsd: 0, fundingUsd: 0 };
  change(work, {
    cash: {
      ...cash,
      realizedUsd: cash.realizedUsd + moved.realizedUsd,
      feesUsd: cash.feesUsd + moved.feesUsd,
      fundingUsd: cash.fundingUsd + moved.fundingUsd,
    },
    dayCash: {
      day,
      realizedUsd: today.realizedUsd + moved.realizedUsd,
      feesUsd: today.feesUsd + moved.feesUsd,
      fundingUsd: today.fundingUsd + moved.fundingUsd,
    },
  });
}
