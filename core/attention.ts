/** What an operator must know now: one list for the page, `status` and alerts. */
import type { Attention } from "./diagnostics.ts";
import { sortedEntries } from "./dict.ts";
import { isFresh, levelDue } from "./exits/scan.ts";
import type { Memory } from "./memory.ts";
import { type AccountView, viewAccount } from "./nav.ts";
import type { MarketView } from "./ports.ts";
import type { Rules } from "./rules.ts";
import { signOf } from "./types.ts";
import { MS_PER_MINUTE } from "./units.ts";

/** From this share of a limit on, coming near it is worth a line. */
const NEAR_LIMIT_FRAC = 0.7;
/** A leg without a price for longer than this is watched by its resting stop alone. */
const PRICE_LOST_MS = MS_PER_MINUTE;

/** Everything that is true and worth knowing at this instant. */
export function attentionOf(memory: Memory, view: MarketView, rules: Rules): readonly Attention[] {
  const account = viewAccount(memory.nav, memory.pulse.nowMs, rules.nav);
  return [
    ...operatorItems(memory),
    ...accountItems(memory, account, rules),
    ...legItems(memory, view, rules),
  ];
}

function operatorItems({ operator }: Memory): Attention[] {
  const { state, by, reason } = operator;
  if (state === "KILLED") return [{ id: "killed", level: "critical", args: [by, reason] }];
  if (state === "PAUSED") {
    const level = by === "engine_fault" ? "critical" : "warn";
    const id = by === "engine_fault" ? "engine_fault" : "entries_paused";
    return [{ id, level, args: [by, reason] }];
  }
  return [];
}

function accountItems(memory: Memory, account: AccountView, rules: Rules): Attention[] {
  const items: Attention[] = [];
  const { nav, anomaly, ddFrac, dayLossFrac, circuit } = account;
  if (!memory.pulse.accountOk) {
    items.push({ id: "positions_unknown", level: "critical", args: [memory.pulse.accountMs] });
  }
  if (nav.kind !== "fresh") {
    const ageMs = nav.kind === "stale" ? nav.ageMs : null;
    items.push({ id: "nav_stale", level: "critical", args: [ageMs, rules.nav.freshMs] });
  }
  if (anomaly !== null) {
    items.push({ id: "nav_jump", level: "warn", args: [anomaly.previousUsd, anomaly.navUsd] });
  }
  if (circuit !== null) {
    const args = [circuit.ddFrac, rules.nav.circuitFrac];
    items.push({ id: "circuit_tripped", level: "critical", args });
  } else if (
    ddFrac !== null &&
    (ddFrac >= rules.limits.drawdownAlertFrac || ddFrac >= NEAR_LIMIT_FRAC * rules.nav.circuitFrac)
  ) items.push({ id: "drawdown_near", level: "warn", args: [ddFrac, rules.nav.circuitFrac] });
  const { dayLossFrac: limit } = rules.limits;
  if (dayLossFrac !== null && dayLossFrac >= limit) {
    items.push({ id: "daily_loss_hit", level: "critical", args: [dayLossFrac, limit] });
  } else if (dayLossFrac !== null && dayLossFrac >= NEAR_LIMIT_FRAC * limit) {
    items.push({ id: "daily_loss_near", level: "warn", args: [dayLossFrac, limit] });
  }
  if (Object.keys(memory.differences).length > 0) {
    const args = Object.keys(memory.differences).toSorted();
    items.push({ id: "ledger_mismatch", level: "critical", args });
  }
  if (Object.keys(memory.holdings).length >= rules.limits.positionsCount) {
    items.push({ id: "caps_full", level: "info", args: [rules.limits.positionsCount] });
  }
  return items;
}

function legItems(memory: Memory, view: MarketView, rules: Rules): Attention[] {
  const items: Attention[] = [];
  for (const [key, holding] of sortedEntries(memory.holdings)) {
    const guard = memory.registry[key];
    const mark = view.mark(holding.ticker);
    const px = mark?.px ?? null;
    if (view.market(holding.ticker) === null) {
      items.push({ id: `symbol_unlisted:${key}`, level: "critical", args: [holding.lots] });
    }
    const ageMs = mark === null ? null : memory.pulse.nowMs - mark.atMs;
    if (!isFresh(mark, memory.pulse.nowMs)) {
      const level = ageMs === null || ageMs > PRICE_LOST_MS ? "critical" : "warn";
      items.push({ id: `price_missing:${key}`, level, args: [ageMs] });
    }
    const gainFrac = px === null ? null : signOf(holding.side) * (px / holding.entryPx - 1);
    const stop = guard?.stop === null || guard === undefined
      ? undefined
      : memory.orders[guard.stop.clientId];
    const resting = stop !== undefined && stop.state !== "done";
    if (guard === undefined || guard.levels.slPx === null) {
      items.push({ id: `pos_unprotected:${key}`, level: "critical", args: [gainFrac] });
    } else if (rules.exits.venueStops && !resting && guard.exit === null) {
      items.push({ id: `stop_not_resting:${key}`, level: "critical", args: [gainFrac] });
    }
    if (guard?.source === "adopted" || guard?.source === "seed") {
      items.push({ id: `adopted:${key}`, level: "info", args: [guard.levels.slPx] });
    }
    const levels = guard?.levels;
    const due = levels === undefined || px === null
      ? null
      : levelDue({ side: holding.side, slPx: levels.slPx, tpPx: levels.tpPx }, px);
    if (due !== null && guard?.exit === null) {
      items.push({ id: `exit_due:${key}`, level: "critical", args: [due.reason, px] });
    }
  }
  return items;
}
