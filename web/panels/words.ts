/** Codes of the engine in plain words. The codes themselves stay visible: operators search for them. */
import type { AccountItem, LegItem } from "../../core/diagnostics.ts";
import type { VetoGroup } from "../../core/risk/mod.ts";
import type { Refused } from "../../core/seek.ts";
import type { ScreenReason } from "../../core/strategies/strategy.ts";
import type { ExitReason } from "../../core/types.ts";
import * as f from "../format.ts";

/** Every way in which a signal becomes no order. */
type Reason = VetoGroup | ScreenReason | Refused;

/** Why a signal became no order. */
const REASONS: Readonly<Record<Reason, string>> = {
  invalid_input: "the signal was malformed, so it was refused",
  nothing_to_reduce: "the position to reduce is not there any more",
  restricted_symbol: "the symbol is on the restricted list",
  symbol_not_in_universe: "the symbol is not one the engine may trade",
  kill_switch: "the kill switch is on: no new positions, exits keep working",
  operator_pause: "new positions are paused, exits keep working",
  storage_failing: "what has to be kept cannot be written: nothing new, exits keep working",
  foreign_instance: "another engine trades on this account: nothing new until its orders are gone",
  nav_stale: "NAV is too old or positions are unknown, so nothing can be sized",
  nav_nonpositive: "NAV is zero or below",
  nav_anomaly: "NAV jumped without an explanation and is being confirmed",
  bad_position: "a position cannot be valued, so no sum can be trusted",
  position_unprotected: "no stop could be placed for what is held, so no more is taken on",
  drawdown_stale: "the drawdown or the day's loss is unknown",
  risk_mode_halted: "risk mode is HALTED",
  portfolio_dd_circuit: "the drawdown circuit has tripped",
  correlation_cap: "the correlated group of this symbol is full",
  var_unavailable: "too few candles to measure the book's value at risk",
  portfolio_var_limit: "value at risk of the whole book would be above its limit",
  cvar_unavailable: "too few candles to measure the position's expected shortfall",
  position_cvar_limit: "expected shortfall of the position would be above its limit",
  already_in_trade: "this symbol is already held",
  opposite_leg_open: "the symbol is held the other way round",
  order_unresolved: "nobody knows yet what became of an order of this symbol",
  flip_timeout: "the leg on the other side was not closed in time",
  whitelist: "the symbol is not on the whitelist",
  nav_drawdown_limit: "the drawdown limit is reached: only a human opens it again",
  daily_loss: "the loss limit of the day or of the last 24 hours is reached",
  min_notional: "the order would be smaller than makes sense",
  symbol_cap: "the cap of this symbol is reached",
  leverage_cap: "the leverage is above what is allowed",
  side_blocked: "this side of the symbol is blocked",
  cooldown: "the symbol rests after a stop-loss, a fill or a refusal",
  trade_rate_limit: "the symbol has been traded often enough this hour",
  circuit_breaker: "the exchange keeps failing and is left alone for a while",
  burst_limit: "too many entries in a short time",
  max_trade_nav: "one trade may not be this large a share of NAV",
  portfolio_cap: "the cap on gross exposure is reached",
  max_concurrent: "all position slots are taken",
  tier_cap: "the cap of the symbol's tier is reached",
  dd_regime_critical: "the drawdown is so deep that nothing is opened",
  counter_trend: "the signal goes against the higher trend",
  short_disabled: "the strategy does not sell short here",
  no_levels: "no stop could be placed, and none means no trade",
  market_data: "the price is missing or too old",
  nav_unknown: "NAV has not been read yet",
  dedupe: "this candle has been answered already",
  qty_below_step: "the size rounds down to nothing at the exchange",
  qty_below_min: "the size is below the exchange's smallest",
  qty_above_max: "the size is above the exchange's largest",
  price_out_of_range: "the price is outside the exchange's range",
  below_min_notional: "the value is below the exchange's smallest",
  market_unknown: "the exchange's rules for the symbol are unknown",
};

/** A reason in words; null for one that has none here, e.g. of another version. */
export function gloss(reason: string): string | null {
  return Object.hasOwn(REASONS, reason) ? REASONS[reason as Reason] : null;
}

/** Why a position was left. */
const EXITS: Readonly<Record<ExitReason, string>> = {
  sl: "stop loss",
  tp: "take profit",
  trail: "trailing stop",
  time: "time limit",
  sl_venue: "stop at exchange",
  tp_venue: "target at exchange",
  liquidation: "liquidation",
  external: "closed elsewhere",
  flip: "flipped",
  operator_flatten: "closed by the operator",
  seed_breach: "past its adopted level",
  unprotected: "had no level",
};

type Args = readonly (string | number | null)[];
export type Told = { readonly what: string; readonly proof: string };
type Tell = (args: Args, about: { readonly leg: string; readonly nowMs: number }) => Told;

const n = (value: string | number | null | undefined) => typeof value === "number" ? value : null;
const s = (value: string | number | null | undefined) => value == null ? f.MISSING : String(value);
const seconds = (ms: number | null) => ms === null ? f.MISSING : f.count(Math.floor(ms / 1_000));
const fromEntry = (frac: number | null) => `${f.signedPercent(frac)} from entry`;

/** Why a position was left, in words; the code itself where it has none. */
export function exitWords(reason: string): string {
  return Object.hasOwn(EXITS, reason) ? EXITS[reason as ExitReason] : reason;
}

/** What a start waits for. */
const STARTING: Readonly<Record<string, string>> = {
  wait_exchange: "waiting for the exchange: positions and balances have not been read",
  reconcile: "finding out what became of orders and positions meanwhile",
  protect: "placing the stops that are missing",
};

const agoOf = (ms: Args[number] | undefined) => {
  const known = n(ms);
  return known === null ? f.MISSING : f.age(known / 1_000);
};

/** A watcher that waits in vain. */
function idle(what: string): Tell {
  return ([idleMs, limitMs]) => ({
    what,
    proof: `${n(idleMs) === null ? "never since start" : `${agoOf(idleMs)} ago`} · limit ${
      agoOf(limitMs)
    }`,
  });
}

/** What needs attention: what it is, and the figures that prove it. */
export const ATTENTION: Readonly<Record<AccountItem | LegItem, Tell>> = {
  veto_storm: ([reason, count, all]) => ({
    what: `Every signal is refused: ${s(reason)}`,
    proof: `${f.count(n(count))} of ${f.count(n(all))} in ten minutes, and no order · ${
      gloss(s(reason)) ?? "no words for it"
    }`,
  }),
  router_weak: ([score, drift, latency, count, ...names]) => ({
    what: "Orders are executed badly",
    proof: `score ${f.score(n(score))} · drift ${s(drift)} · latency ${s(latency)} · ` +
      `${f.count(n(count))} weak symbols${names.length > 0 ? `: ${names.map(s).join(", ")}` : ""}`,
  }),
  idle_signals: idle("No strategy has said anything"),
  idle_orders: idle("Entries are approved, and no order follows"),
  idle_exits: idle("Exits are not looked at"),
  idle_router: idle("Entries are approved, and nothing is routed"),
  surface_stale: ([count, name, why]) => ({
    what: `${s(name)} cannot be made and shows old figures`,
    proof: `${s(why)} · ${f.count(n(count))} in all`,
  }),
  surface_cross: ([count, what]) => ({
    what: "Surfaces contradict each other",
    proof: `${s(what)} · ${f.count(n(count))} in all`,
  }),
  nonfinite_dropped: ([count]) => ({
    what: "Figures that were no number are shown as unknown",
    proof: `${f.count(n(count))} in what is published now`,
  }),
  invalid_events: ([count]) => ({
    what: "Rows of the logs lack a field",
    proof: `${f.count(n(count))} since start · invalid_events.jsonl has them`,
  }),
  nav_regressed: ([from, to]) => ({
    what: "NAV is older than what was copied of it before",
    proof: `${f.dayAndTime(n(from))} was copied, the source says ${
      f.dayAndTime(n(to))
    } · the last good copy stays`,
  }),
  torn_files: ([count, path]) => ({
    what: "The process before was cut off while it wrote",
    proof: `${f.count(n(count))} torn ends are cut off, in ${s(path)}`,
  }),
  restarted: ([at]) => ({
    what: "The engine has been restarted",
    proof: `at ${f.dayAndTime(n(at))}`,
  }),
  treasury_stale: ([ageMs, maxMs]) => ({
    what: "What is held elsewhere was last counted long ago",
    proof: `${agoOf(ageMs)} ago, more than ${agoOf(maxMs)}`,
  }),
  killed: ([by, reason]) => ({
    what: "Killed: no new positions",
    proof: `by ${s(by)} · ${reason ?? "no reason given"} · exits keep working`,
  }),
  engine_fault: ([, reason]) => ({
    what: "A fault in the engine stopped new positions",
    proof: `${s(reason)} · exits keep working`,
  }),
  flattening: ([by, reason, left]) => ({
    what: `Every position is being closed: ${f.count(n(left))} left`,
    proof: `by ${s(by)} · ${reason ?? "no reason given"} · no new positions`,
  }),
  entries_paused: ([by, reason]) => ({
    what: "New positions are paused",
    proof: `by ${s(by)} · ${reason ?? "no reason given"} · exits keep working`,
  }),
  state_corrupt: ([from, atMs], { nowMs }) => ({
    what: "The engine's memory was damaged and has been brought back",
    proof: `${from === "journal" ? "from the journal alone" : "from the generation before"}${
      n(atMs) === null ? "" : ` ${f.when(n(atMs)!, nowMs)}`
    } · compare positions, then ballast ack state_corrupt`,
  }),
  freshness_budget: ([sleepMs, p99Ms, freshMs]) => ({
    what: "The loop is too slow for NAV to stay fresh",
    proof: `every ${seconds(n(sleepMs))} s and ${f.ms(n(p99Ms))} of work · NAV is fresh for ${
      seconds(n(freshMs))
    } s and wants three readings in that time`,
  }),
  loop_slow: ([workMs, periodMs]) => ({
    what: "The loop is slow: twice it took longer than three periods",
    proof: `${f.ms(n(workMs))} of work · the period is ${seconds(n(periodMs))} s`,
  }),
  storage_failing: ([what, why]) => ({
    what: `The disk refuses: ${s(what)} cannot be written`,
    proof: `${s(why)} · no new positions · exits keep working`,
  }),
  starting: ([phase]) => ({
    what: "Starting: nothing is opened yet",
    proof: STARTING[s(phase)] ?? s(phase),
  }),
  foreign_instance: ([count, order]) => ({
    what: "Another engine trades on this account",
    proof: `${f.count(n(count))} of its orders rest, ${s(order)} · no new positions`,
  }),
  position_quarantined: (keys) => ({
    what: "A position is not told whole by the exchange",
    proof: `${keys.map(s).join(", ")} · no new positions · exits keep working`,
  }),
  positions_unknown: ([readMs], { nowMs }) => {
    const at = n(readMs);
    return {
      what: "Positions unknown: the exchange cannot be read",
      proof: at === null
        ? "never read since start"
        : `last good read ${f.when(at, nowMs)}, ${f.age((nowMs - at) / 1_000)} ago`,
    };
  },
  orders_unknown: ([count, ticker]) => ({
    what: "Nobody knows what became of an order",
    proof: `${f.count(n(count))} orders, ${
      s(ticker)
    } · nothing new in these symbols until it is known`,
  }),
  exit_scan_late: ([gapMs, atMs], { nowMs }) => ({
    what: `Exits went unwatched for ${seconds(n(gapMs))} s`,
    proof: `until ${n(atMs) === null ? f.MISSING : f.when(n(atMs)!, nowMs)} · resting stops held`,
  }),
  nav_stale: ([ageMs, freshMs]) => ({
    what: "NAV is stale: nothing can be sized",
    proof: n(ageMs) === null
      ? `never read · limit ${seconds(n(freshMs))} s`
      : `${seconds(n(ageMs))} s old · limit ${seconds(n(freshMs))} s`,
  }),
  nav_jump: ([before, after]) => ({
    what: "NAV jumped without an explanation",
    proof: `${f.usd(n(before))} → ${f.usd(n(after))} · the old level is held until confirmed`,
  }),
  risk_halted: ([reason]) => ({
    what: "Risk is HALTED: no new positions",
    proof: `${s(reason)} · exits keep working`,
  }),
  risk_defensive: ([reason]) => ({ what: "Risk is DEFENSIVE: sizes are halved", proof: s(reason) }),
  risk_warn: ([reason]) => ({ what: "Risk is at WARN: sizes are smaller", proof: s(reason) }),
  circuit_tripped: ([dd, cap, untilMs], { nowMs }) => ({
    what: "The drawdown circuit has tripped: no new positions",
    proof: `drawdown ${f.ratio(n(dd), n(cap))} · opens ${
      n(untilMs) === null ? "by ballast ack portfolio_dd_circuit" : f.when(n(untilMs)!, nowMs)
    }`,
  }),
  drawdown_latched: ([dd, cap]) => ({
    what: "The drawdown limit is reached: no new positions until a human says so",
    proof: `from the highest NAV ${f.ratio(n(dd), n(cap))} · ballast ack nav_drawdown_limit`,
  }),
  venue_failing: ([count, cap, untilMs], { nowMs }) => ({
    what: "The exchange keeps failing: no new positions",
    proof: `${f.count(n(count))} errors of ${f.count(n(cap))} · opens ${
      n(untilMs) === null ? "later" : f.when(n(untilMs)!, nowMs)
    }`,
  }),
  circuit_rebased: ([atMs, nav], { nowMs }) => ({
    what: "The drawdown circuit has opened again after its cool-off",
    proof: `${n(atMs) === null ? f.MISSING : f.when(n(atMs)!, nowMs)} · the peak begins at ${
      f.usd(n(nav))
    }`,
  }),
  dd_flap: ([dd, cap]) => ({
    what: "The drawdown goes in and out of its circuit",
    proof: f.ratio(n(dd), n(cap)),
  }),
  var_breach: ([value, cap]) => ({
    what: "Value at risk of the book is above its limit",
    proof: `${f.ratio(n(value), n(cap))} · no new positions that add to it`,
  }),
  cvar_breach: ([value, cap, symbol]) => ({
    what: `Expected shortfall of ${s(symbol)} is above its limit`,
    proof: f.ratio(n(value), n(cap)),
  }),
  rolling_loss_hit: ([loss, cap]) => ({
    what: "The loss limit of 24 hours is reached: no new positions",
    proof: f.ratio(n(loss), n(cap)),
  }),
  rolling_loss_near: ([loss, cap]) => ({
    what: "The loss of 24 hours is near its limit",
    proof: f.ratio(n(loss), n(cap)),
  }),
  drawdown_near: ([dd, cap]) => ({
    what: "Drawdown is near its circuit",
    proof: f.ratio(n(dd), n(cap)),
  }),
  daily_loss_hit: ([loss, cap]) => ({
    what: "The day's loss limit is reached: no new positions",
    proof: f.ratio(n(loss), n(cap)),
  }),
  daily_loss_near: ([loss, cap]) => ({
    what: "The day's loss is near its limit",
    proof: f.ratio(n(loss), n(cap)),
  }),
  ledger_mismatch: (keys) => ({
    what: `Book and exchange differ in ${f.plural(keys.length, "place")}`,
    proof: keys.join(", "),
  }),
  caps_full: ([slots]) => ({
    what: "All position slots are taken",
    proof: `${f.count(n(slots))} of ${f.count(n(slots))} open`,
  }),
  pos_unprotected: ([gain], { leg }) => ({
    what: `${leg} has no stop`,
    proof: fromEntry(n(gain)),
  }),
  stop_not_resting: ([gain], { leg }) => ({
    what: `${leg}: its stop does not rest at the exchange`,
    proof: `${fromEntry(n(gain))} · the engine itself still watches it`,
  }),
  price_missing: ([ageMs], { leg }) => ({
    what: `${leg} has no price`,
    proof: n(ageMs) === null
      ? "never had one · only its stop at the exchange protects it"
      : `last one ${f.age(n(ageMs)! / 1_000)} ago · only its stop at the exchange protects it`,
  }),
  symbol_unlisted: ([lots], { leg }) => ({
    what: `The exchange does not list the symbol of ${leg}`,
    proof: `${f.count(n(lots))} lots are held · no new positions until it is known again`,
  }),
  adopted: ([stop], { leg }) => ({
    what: `${leg} was found open and adopted`,
    proof: `default stop at ${f.price(n(stop))}`,
  }),
  seed_breached: ([passed, stop], { leg }) => ({
    what: `${leg} was found beyond the level it would have left at`,
    proof: `${f.price(n(passed))} had been passed · it stays, with a stop at ${f.price(n(stop))}`,
  }),
  adjusted: ([lots], { leg }) => ({
    what: `${leg} was corrected to what the exchange shows`,
    proof: `${f.count(n(lots))} lots, a change that no trade explains`,
  }),
  exit_forced: ([failures, ended], { leg }) => ({
    what: `${leg} is being closed without bounds`,
    proof: n(failures)
      ? `refused ${f.count(n(failures))} times in a row · it is tried again and again`
      : `waiting did not do it: ${s(ended)}`,
  }),
  pnl_mismatch: ([venue, lots], { leg }) => ({
    what: `${leg}: its closed result is not what the exchange says`,
    proof: `exchange ${f.signedUsd(n(venue))} · lot by lot ${
      f.signedUsd(n(lots))
    } against the book`,
  }),
  exit_due: ([reason, px], { leg }) => ({
    what: `${leg} is past its exit and no order is out`,
    proof: `${exitWords(s(reason))} · mark ${f.price(n(px))}`,
  }),
};

/** An item in words; an id that has no words yet is shown as it is. */
export function tell(item: { readonly id: string; readonly args: Args }, nowMs: number): Told {
  const [id, ...key] = item.id.split(":");
  if (!Object.hasOwn(ATTENTION, id!)) return { what: item.id, proof: item.args.map(s).join(" · ") };
  return ATTENTION[id as AccountItem | LegItem](item.args, { leg: key.join(" "), nowMs });
}
