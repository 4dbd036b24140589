/**
 * Where the files differ from the reference schemas, each difference with its reason. One that is
 * new, or that is gone, turns the contract test red.
 */

type Differences = Readonly<Record<string, string>>;

const ENVELOPE: Differences = {
  "/env enum": "the simulated exchange is an environment of its own",
  "additionalProperties wall_ts": "whether the process is alive is judged by the machine's clock",
  "additionalProperties speed": "how fast simulated time runs",
};

/** By surface: what a strict reader of the reference complains about, and why it is so. */
export const DIFFERENCES: Readonly<Record<string, Differences>> = {
  nav: {
    ...ENVELOPE,
    "/nav_mode enum": "NAV of the simulated exchange says so",
    "/exec_stats additionalProperties from_ts": "since when there is evidence",
    "/exec_stats additionalProperties unfilled": "a taken order that nothing came of is no refusal",
    "/exec_stats additionalProperties abandoned": "an entry given up before it was sent neither",
    "/exec_stats additionalProperties waiting": "so that every attempt is in one of the counts",
  },
  nav_state: ENVELOPE,
  positions_state: ENVELOPE,
  positions_ledger: {
    ...ENVELOPE,
    "/entries/* additionalProperties trail_frac": "a trailing stop is a level as well",
    "/entries/* additionalProperties max_hold_s": "so is a longest holding time",
    "/entries/* additionalProperties funding_usd": "funding is a part of a position's result",
    "/metadata additionalProperties quarantined": "legs that are set apart are named here too",
  },
  position_tp_sl: ENVELOPE,
  operator_state: ENVELOPE,
  account_baseline: {
    ...ENVELOPE,
    "additionalProperties day_peak": "the daily loss is taken from the day's peak",
    "additionalProperties transfers_usd": "the sum of all transfers",
  },
  risk_snapshot: {
    ...ENVELOPE,
    "additionalProperties rolling_24h_loss_frac": "the second daily limit has its own observation",
    "additionalProperties day_peak": "the daily loss is taken from the day's peak",
    "additionalProperties circuits": "everything that blocks entries, with what opens it again",
    "additionalProperties regimes": "what shrinks sizes",
    "additionalProperties windows": "over which stretch of time a figure is",
    "/cvar additionalProperties reason": "why a figure is what it is, as value at risk has it",
    "/exposure additionalProperties net_nav_pct": "the net beside the gross",
  },
  diagnostics: {
    ...ENVELOPE,
    "/runtime_diagnostics additionalProperties nonfinite_dropped": "figures that read null",
    "/runtime_diagnostics additionalProperties torn_files": "what a crash had torn",
    "/runtime_diagnostics additionalProperties invalid_events": "log rows that were kept apart",
    "/runtime_diagnostics additionalProperties notes": "what the start had to say",
    "/runtime_diagnostics/veto_counters additionalProperties total_fills": "what became of orders",
    "/runtime_diagnostics/veto_counters additionalProperties total_maker_fills": "and how",
    "/runtime_diagnostics/veto_counters additionalProperties heat": "vetoes in five-minute columns",
    "/runtime_diagnostics/veto_counters/window additionalProperties from_ts": "since when",
    "/runtime_diagnostics/veto_counters/window additionalProperties signals_max":
      "the window is the newest signals where those are fewer",
    "/runtime_diagnostics/exit_pipeline additionalProperties exits_by_reason": "ways out, counted",
    "/runtime_diagnostics/exit_pipeline additionalProperties recent_exits": "the last ways out",
    "/runtime_diagnostics/liveness additionalProperties limits": "what the watchers wait for",
    "/runtime_diagnostics/disk_free_mb type": "unknown: the program may not ask the system",
  },
  engine_metadata: {
    ...ENVELOPE,
    "additionalProperties started_wall_ts": "the start by the machine's clock",
    "additionalProperties venue": "where orders go",
    "additionalProperties feed": "where prices come from",
    "/mode enum": "the simulated exchange is a mode of its own",
    "/base_url type": "the simulated exchange has no address",
  },
  kpis_v7: {
    ...ENVELOPE,
    "additionalProperties windows": "over which stretch of time a figure is",
    "/per_symbol/* additionalProperties avg_slippage_bps": "the mean beside the median",
    "/per_symbol/* additionalProperties net_pnl_7d": "a result's name says what is taken off",
    "/portfolio additionalProperties net_pnl_today": "a result's name says what is taken off",
  },
};

const STAMP = [
  "ts",
  "logged_ts",
  "event_type",
  "seq",
  "run_id",
  "env",
  "mode",
  "schema_version",
];
const ORDER = [...STAMP, "symbol", "side", "positionSide", "orderId", "clientOrderId", "intent_id"];

/** By log, or by log and type of row: the fields that every row has, be they null or not. */
export const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  orders_executed: ORDER,
  "orders_executed order_requote": [...STAMP, "intent_id", "symbol"],
  "orders_executed order_ack": [...ORDER, "ts_ack", "request_qty", "order_type", "status"],
  "orders_executed order_fill": [
    ...ORDER,
    "ts_fill_first",
    "ts_fill_last",
    "executedQty",
    "avgPrice",
    "fee_total",
    "feeAsset",
    "tradeIds",
    "status",
  ],
  "orders_executed order_close": [
    ...ORDER,
    "ts_close",
    "realizedPnlUsd",
    "fees_total",
    "net_pnl_usd",
    "position_size_before",
    "position_size_after",
    "exit_reason",
    "episode_id",
    "final",
  ],
  orders_attempted: [...STAMP, "intent_id", "strategy", "symbol", "side", "qty", "notional_usd"],
  order_metrics: [...STAMP, "intent_id", "symbol"],
  "order_metrics position_close": [
    ...STAMP,
    "event",
    "intent_id",
    "attempt_id",
    "symbol",
    "side",
    "pnl_at_close_usd",
    "order_status",
  ],
  router_decisions: [...STAMP, "intent_id", "symbol"],
  twap_events: [...STAMP, "symbol"],
  risk_vetoes: [
    ...STAMP,
    "intent_id",
    "symbol",
    "side",
    "stage",
    "veto_reason",
    "reasons",
    "nav",
    "nav_age_s",
    "max_notional_usd",
  ],
  decisions: [...STAMP, "symbol", "side", "outcome"],
  position_episodes: [...STAMP, "episode_id", "position_key", "net_usd", "exit_reason"],
  exit_events: [...STAMP, "position_key"],
  account_events: STAMP,
  journal: ["seq", "ts", "events", "commands", "patch"],
  engine: ["ts", "event", "run_id"],
  nav_history: ["ts", "seq", "nav", "read_ok"],
};
