/** What an operator must know now: one list for the page, `status` and alerts. */
import type { AccountItem, Attention } from "./diagnostics.ts";
import { sortedEntries, sortedKeys } from "./dict.ts";
import { GAP_SHOWN_MS } from "./exits/proof.ts";
import { isFresh, levelDue } from "./exits/scan.ts";
import { rivalIds } from "./ids.ts";
import type { Memory } from "./memory.ts";
import type { AccountView } from "./nav.ts";
import type { MarketView } from "./ports.ts";
import { ENGINE_FAULT, VENUE } from "./operator.ts";
import { hasStop, isAccountKnown } from "./reading.ts";
import type { World } from "./risk/check.ts";
import { circuitsOf } from "./risk/circuits.ts";
import type { ModeView } from "./risk/mode.ts";
import { bookVarFrac, worstShortfall } from "./risk/tail.ts";
import { isShort } from "./router/orders.ts";
import type { Route } from "./router/route.ts";
import { lateScanMs, type Rules } from "./rules.ts";
import { type PositionKey, signOf } from "./types.ts";
import { MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND } from "./units.ts";
import { type Surroundings, worldOf } from "./world.ts";

/** From this share of a limit on, coming near it is worth a line. */
const NEAR_LIMIT_FRAC = 0.7;
/** A leg without a price for longer than this is watched by its resting stop alone. */
const PRICE_LOST_MS = MS_PER_MINUTE;

/** An outcome is mostly known again within this time; after that somebody should know. */
const UNKNOWN_PATIENCE_MS = 10 * MS_PER_SECOND;

/** Everything that is true and worth knowing at this instant. */
export function attentionOf(
  memory: Memory,
  surroundings: Surroundings,
  world: World = worldOf(memory, surroundings),
): readonly Attention[] {
  const { market, rules } = surroundings;
  const items = [
    ...operatorItems(memory),
    ...processItems(memory, rules),
    ...unknownItems(memory),
    ...accountItems(memory, world.account, rules),
    ...latchItems(world, rules),
    ...lossItems(world.account, rules),
    ...tailItems(world, rules),
    ...legItems(memory, market, rules),
    ...gapItems(memory),
  ];
  return [...items, ...modeItems(world.mode, items)];
}

function operatorItems({ operator, holdings }: Memory): Attention[] {
  const { state, by, reason } = operator;
  if (state === "KILLED") return [{ id: "killed", level: "critical", args: [by, reason] }];
  if (state === "PAUSED") {
    const level = by === ENGINE_FAULT || by === VENUE ? "critical" : "warn";
    const id = by === ENGINE_FAULT ? "engine_fault" : "entries_paused";
    return [{ id, level, args: [by, reason] }];
  }
  if (state === "FLATTENING") {
    return [{ id: "flattening", level: "warn", args: [by, reason, Object.keys(holdings).length] }];
  }
  return [];
}

/** What keeps the process itself from opening anything, or from being alone. */
function processItems({ pulse, strangers, lineage, restored }: Memory, rules: Rules): Attention[] {
  const items: Attention[] = [];
  const { phase, storage, lateScan, nowMs } = pulse;
  if (restored !== null && nowMs - restored.atMs < MS_PER_DAY) {
    items.push({ id: "state_corrupt", level: "critical", args: [restored.from, restored.atMs] });
  }
  if (phase !== "run") items.push({ id: "starting", level: "warn", args: [phase] });
  const rivals = rivalIds(sortedKeys(strangers), lineage);
  if (rivals.length > 0) {
    items.push({ id: "foreign_instance", level: "critical", args: [rivals.length, rivals[0]!] });
  }
  if (storage !== null) {
    items.push({ id: "storage_failing", level: "critical", args: [storage.what, storage.why] });
  }
  if (lateScan !== null) {
    const level = lateScan.gapMs > lateScanMs(rules).criticalMs ? "critical" : "warn";
    items.push({ id: "exit_scan_late", level, args: [lateScan.gapMs, lateScan.atMs] });
  }
  return items;
}

/** What the venue does not tell, or not as the book has it. */
function unknownItems({ pulse, orders, differences }: Memory): Attention[] {
  const items: Attention[] = [];
  const { quarantined, accountMs, nowMs } = pulse;
  if (quarantined.length > 0) {
    items.push({ id: "position_quarantined", level: "critical", args: quarantined });
  }
  if (!isAccountKnown(pulse)) {
    items.push({ id: "positions_unknown", level: "critical", args: [accountMs] });
  }
  const lost = Object.values(orders).filter((order) => {
    // Whether it arrived, or what it was filled at: both are outcomes that nobody has told.
    const sinceMs = isShort(order) ? order.doneMs! : order.sentMs;
    return (order.state === "unknown" || isShort(order)) && nowMs - sinceMs > UNKNOWN_PATIENCE_MS;
  });
  if (lost.length > 0) {
    items.push({ id: "orders_unknown", level: "warn", args: [lost.length, lost[0]!.ticker] });
  }
  const differing = Object.keys(differences).toSorted();
  if (differing.length > 0) {
    items.push({ id: "ledger_mismatch", level: "critical", args: differing });
  }
  return items;
}

function accountItems(memory: Memory, account: AccountView, rules: Rules): Attention[] {
  const items: Attention[] = [];
  const { nav, anomaly } = account;
  if (nav.kind !== "fresh") {
    const ageMs = nav.kind === "stale" ? nav.ageMs : null;
    items.push({ id: "nav_stale", level: "critical", args: [ageMs, rules.nav.freshMs] });
  }
  if (anomaly !== null) {
    items.push({ id: "nav_jump", level: "warn", args: [anomaly.previousUsd, anomaly.navUsd] });
  }
  if (Object.keys(memory.holdings).length >= rules.limits.positionsCount) {
    items.push({ id: "caps_full", level: "info", args: [rules.limits.positionsCount] });
  }
  const { rebasedMs } = memory.nav;
  if (rebasedMs !== null && memory.pulse.nowMs - rebasedMs < MS_PER_DAY) {
    items.push({ id: "circuit_rebased", level: "info", args: [rebasedMs, memory.nav.peakUsd] });
  }
  return items;
}

/** What blocks entries until something happens: a rule, a human, quiet at the venue. */
function latchItems(world: World, rules: Rules): Attention[] {
  const circuits = new Map(circuitsOf(world, rules.limits, rules.nav).map((one) => [one.id, one]));
  return LATCHES.flatMap(([id, item]): Attention[] => {
    const { active, sinceMs, observed, limit, resume } = circuits.get(id)!;
    if (!active || sinceMs === null) return [];
    const untilMs = resume.kind === "at" ? resume.atMs : null;
    return [{ id: item, level: "critical", args: [observed, limit, untilMs] }];
  });
}

const LATCHES: readonly (readonly [circuit: string, item: AccountItem])[] = [
  ["portfolio_dd_circuit", "circuit_tripped"],
  ["nav_drawdown_limit", "drawdown_latched"],
  ["circuit_breaker", "venue_failing"],
];

function lossItems(
  { ddFrac, dayLossFrac, rollingLossFrac, circuit, flapping }: AccountView,
  { limits, nav }: Rules,
): Attention[] {
  const items: Attention[] = [];
  const alertFrac = Math.min(limits.drawdownAlertFrac, NEAR_LIMIT_FRAC * nav.circuitFrac);
  if (circuit === null && ddFrac !== null && ddFrac >= alertFrac) {
    items.push({ id: "drawdown_near", level: "warn", args: [ddFrac, nav.circuitFrac] });
  }
  if (flapping) items.push({ id: "dd_flap", level: "warn", args: [ddFrac, nav.circuitFrac] });
  const losses = [["daily_loss", dayLossFrac], ["rolling_loss", rollingLossFrac]] as const;
  for (const [name, lossFrac] of losses) {
    const args = [lossFrac, limits.dayLossFrac];
    if (lossFrac === null || lossFrac < NEAR_LIMIT_FRAC * limits.dayLossFrac) continue;
    const isHit = lossFrac >= limits.dayLossFrac;
    items.push(
      isHit
        ? { id: `${name}_hit`, level: "critical", args }
        : { id: `${name}_near`, level: "warn", args },
    );
  }
  return items;
}

/** A book that is beyond a tail limit as it stands: the gate is shut, the positions are still there. */
function tailItems(world: World, { limits }: Rules): Attention[] {
  const items: Attention[] = [];
  const { var: { limitFrac: varLimit }, cvar: { limitFrac: cvarLimit } } = limits.tail;
  const varFrac = bookVarFrac(world, limits);
  if (varLimit !== null && varFrac !== null && varFrac > varLimit) {
    items.push({ id: "var_breach", level: "critical", args: [varFrac, varLimit] });
  }
  const worst = worstShortfall(world, limits);
  if (cvarLimit !== null && worst !== null && worst.frac > cvarLimit) {
    const args = [worst.frac, cvarLimit, worst.ticker];
    items.push({ id: "cvar_breach", level: "critical", args });
  }
  return items;
}

const MODE_ITEMS = {
  WARN: "risk_warn",
  DEFENSIVE: "risk_defensive",
  HALTED: "risk_halted",
} as const;

/** The mode itself is an item only where no other item is its reason. */
function modeItems({ mode, reason }: ModeView, others: readonly Attention[]): Attention[] {
  if (mode === "OK") return [];
  const level = mode === "HALTED" ? "critical" : "warn";
  const id = MODE_ITEMS[mode];
  const isTold = others.some((item) => item.level === level || item.level === "critical");
  return isTold ? [] : [{ id, level, args: [reason] }];
}

/** Refused so often in a row, a close does not get through. */
const REFUSED_MAX_COUNT = 3;

/** A close that could not be had patiently, or that the venue keeps refusing. */
function struggles(key: PositionKey, { urgent, step, failures, makerEnd }: Route): Attention[] {
  const isForced = !urgent && (step.kind === "strike" || step.kind === "market");
  if (!isForced && failures === 0) return [];
  const level = failures >= REFUSED_MAX_COUNT ? "critical" : "warn";
  return [{ id: `exit_forced:${key}`, level, args: [failures, makerEnd] }];
}

/** Results that book, lots and venue do not agree on, for a day. */
function gapItems({ gaps, pulse }: Memory): Attention[] {
  return sortedEntries(gaps).flatMap(([key, { venueUsd, parcelsUsd, atMs, told }]): Attention[] =>
    !told || pulse.nowMs - atMs >= GAP_SHOWN_MS
      ? []
      : [{ id: `pnl_mismatch:${key}`, level: "warn", args: [venueUsd, parcelsUsd] }]
  );
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
    const resting = guard !== undefined && hasStop(memory, guard);
    if (guard === undefined || guard.levels.slPx === null) {
      items.push({ id: `pos_unprotected:${key}`, level: "critical", args: [gainFrac] });
    } else if (rules.exits.venueStops && !resting && guard.exit === null) {
      items.push({ id: `stop_not_resting:${key}`, level: "critical", args: [gainFrac] });
    }
    if (guard !== undefined && guard.passedPx !== null) {
      const args = [guard.passedPx, guard.levels.slPx];
      items.push({ id: `seed_breached:${key}`, level: "critical", args });
    }
    if (guard?.source === "adopted" || guard?.source === "seed") {
      items.push({ id: `adopted:${key}`, level: "info", args: [guard.levels.slPx] });
    }
    if (holding.source === "adjustment") {
      items.push({ id: `adjusted:${key}`, level: "warn", args: [holding.lots] });
    }
    const levels = guard?.levels;
    const due = levels === undefined || px === null || guard?.isProvisional
      ? null
      : levelDue({ side: holding.side, slPx: levels.slPx, tpPx: levels.tpPx }, px);
    if (due !== null && guard?.exit === null) {
      items.push({ id: `exit_due:${key}`, level: "critical", args: [due.reason, px] });
    }
    const leaving = guard?.exit == null ? undefined : memory.routes[guard.exit.routeId];
    if (leaving !== undefined) items.push(...struggles(key, leaving));
  }
  return items;
}
