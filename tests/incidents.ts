/**
 * What has gone wrong in systems of this kind, and which test would be red if it could here. `open`
 * are those that no test covers yet, with what is missing; `none` do not apply, with the reason.
 */
import { by, e2e, every, type Incident, kill, shell, sim, unit } from "./incident_proofs.ts";
import { DEMONSTRATED } from "./incidents_demonstrated.ts";

export const INCIDENTS: Readonly<Record<string, Incident>> = {
  A1: every(
    sim("positions without exits after a restart", "december"),
    kill("exits after any kill"),
  ),
  A2: sim(
    "seeding from an old snapshot, once",
    "first_start_no_snapshot",
    "new_position_while_running",
    "startup_with_positions",
    "second_start",
  ),
  A3: sim("alive but not trading, and nobody says why", "alive_but_not_trading"),
  A4: sim("the exit scan idles", "one_symbol_without_a_price"),
  A5: every(
    sim("one bad row freezes a surface", "garbage_row_breaks_all"),
    every(
      shell(
        "or a write that fails",
        "state_test.ts",
        "a flush that fails is told, the old file stays, and the next one writes it",
      ),
      by(
        "or a full disk",
        "e2e",
        "disk_test.ts",
        "disk-full: a process killed over a full disk leaves nothing naked and nothing double",
      ),
    ),
  ),
  A6: sim("book and venue differ", "lists_agree_with_the_exchange", "manual_close_leaves_nothing"),
  A7: every(
    unit(
      "entries are approved, no order follows, and nobody says so",
      "liveness_test.ts",
      "each watcher tells silence from calm",
    ),
    unit(
      "and what is below the smallest order is refused by name",
      "orders_test.ts",
      "an entry is planned in whole lots and ticks or refused by name",
    ),
  ),
  A8: sim("NAV jumps", "nav_jump"),
  A9: every(
    unit(
      "one veto counted four times",
      "decisions_test.ts",
      "decision rows agree with signals, vetoes and orders, tick by tick",
    ),
    unit(
      "one wish, one veto, all of its codes in it",
      "world_test.ts",
      "a veto tells all of it: codes, gate, figures, room, the state of the book",
    ),
    unit(
      "one cap blocks everything",
      "feasible_test.ts",
      "a symbol whose caps are below its smallest order is told with both figures",
    ),
  ),
  A10: sim("positions stuck for hours", "stuck_beyond_its_time"),
  A11: unit(
    "counts without their window",
    "windows_test.ts",
    "no windowed figure is published without its window",
  ),
  A12: unit(
    "every quote falls back and nothing acts",
    "quality_test.ts",
    "what a snapshot complains of, and who speaks for nobody",
  ),
  A13: unit(
    "caps below the exchange's minimum",
    "feasible_test.ts",
    "a symbol whose caps are below its smallest order is told with both figures",
  ),
  A14: every(
    unit(
      "two gates with two constants",
      "screen_test.ts",
      "the screener has no gate of its own: whatever the size, it is for risk to judge",
    ),
    unit(
      "the one gate has all its limits from the configuration",
      "limits_test.ts",
      "every key of the limits has a case, and every case a key",
    ),
  ),
  A15: e2e(
    "the same cap in two files",
    "commands_test.ts",
    "a cap has one file: in any other it is a key that nobody knows",
  ),
  A16: {
    what: "stale tests hide failures",
    none: "a rule of the process: a red test stops a landing",
  },
  A17: e2e(
    "surfaces written with orders only",
    "run_test.ts",
    "surfaces are written while nothing is held and nothing is asked for",
  ),
  A18: e2e(
    "a wrong flag is a crash loop",
    "commands_test.ts",
    "what would mean something elsewhere refuses the start",
  ),
  A19: shell(
    "logs without end, archives overwritten",
    "rotation_test.ts",
    "what a log has outgrown is packed after a day, and removed when it is old or too much",
  ),
  A20: e2e(
    "the wrong copy of a module",
    "commands_test.ts",
    "help, version and mistakes on the command line",
  ),
  A21: every(
    unit(
      "missing advice read as a value",
      "mode_test.ts",
      "sizes are shrunk once, never raised, and by what is unknown most",
    ),
    unit(
      "routing without evidence",
      "quality_test.ts",
      "without evidence quality is published as unknown, never as good",
    ),
  ),
  A22: sim("cancelling what is over", "cancels_nothing_that_is_over"),
  A23: every(
    sim("an old peak on a venue that was reset", "venue_reset"),
    e2e(
      "a ledger that is gone, or another's",
      "directory_test.ts",
      "peaks and trade ids are of one account: without the exchange's ledger no start goes on",
    ),
  ),
  A24: shell(
    "the mirror skips when equity is not positive",
    "mirror_test.ts",
    "equity of nothing or less is copied like any other",
  ),
  A25: unit(
    "refusals by code",
    "errors_test.ts",
    "the codes that operators meet mean what the exchange says they mean",
  ),
  A26: unit(
    "trims without a position",
    "router_test.ts",
    "a close asks for no more than the leg holds, and ends when the leg is gone",
  ),
  B1: every(
    sim("slow loops make NAV stale", "slow_reads_halt_nothing"),
    e2e(
      "and a loop that can never be in time",
      "commands_test.ts",
      "a loop too slow to keep NAV fresh is refused before it runs",
    ),
  ),
  B2: shell(
    "NAV history cut every loop",
    "nav_history_test.ts",
    "older days are thinned when a new one begins, and what is no row is left alone",
  ),
  B3: unit(
    "memory grows",
    "soak_test.ts",
    "a busy day leaves nothing behind that grows with time",
  ),
  B4: every(
    sim("two truths about the result", "books_add_up"),
    unit(
      "seen from several sides",
      "attribution_test.ts",
      "every way of looking at the result adds up to the same total",
    ),
  ),
  B5: every(
    unit(
      "twelve hours shown as all time",
      "windows_test.ts",
      "twelve hours are not a week: a window begins no earlier than the books",
    ),
    unit(
      "the newest rows shown as all of them",
      "windows_test.ts",
      "what is no longer kept is not in the window: all time begins at the oldest that is",
    ),
  ),
  B6: unit("a drawdown that resets at midnight", "nav_test.ts", "a peak never decays by age"),
  B7: unit(
    "one sample taken for knowledge",
    "quality_test.ts",
    "without evidence quality is published as unknown, never as good",
  ),
  B8: shell(
    "writer and reader differ in names and signs",
    "web_page_test.ts",
    "the page shows what the store holds, in the shared format",
  ),
  B9: {
    what: "text that counts as true",
    open: "a venue that tells quantities as text; the simulated one tells whole lots",
  },
  B10: sim("a reduce refused for ever", "refused_reduce_ends", "paper_behaves_like_live"),
  B11: e2e(
    "a feature that is silently off",
    "run_test.ts",
    "a feature that is off is not among the capabilities that are told",
  ),
  B12: every(
    by("swallowed exceptions", "lint", "tidy_test.ts", "the tree is tidy"),
    by(
      "every way to swallow one is found",
      "lint",
      "tidy_test.ts",
      "every catch that does not look at its error still has its reason",
    ),
  ),
  B13: {
    what: "undefined names in rare branches",
    proofs: [{ lane: "lint", file: "../.ci/run", step: '"types" npx -y "$DENO" task check' }],
  },
  B14: every(
    unit(
      "delays nobody measures",
      "decisions_test.ts",
      "a row tells who was asked, and what was known and how old it was",
    ),
    unit(
      "a loop that is too slow for what its decisions are taken from",
      "loop_watch_test.ts",
      "period and work in 99 of 100 ticks leave NAV time for three readings, or it is told",
    ),
    unit(
      "an entry that waits too long",
      "routes_test.ts",
      "an entry that finds no place is given up, a close waits on",
    ),
  ),
  B15: unit(
    "a state machine that never starts",
    "operator_test.ts",
    "every command in every state leads where it should, or is refused in words",
  ),
  B16: sim("an episode ledger that is rebuilt by hand", "episodes_outlive_restarts"),
  B17: every(
    e2e(
      "threads left at the end",
      "control_test.ts",
      "who connects and says nothing neither stays for ever nor holds up the end",
    ),
    e2e(
      "and a replay that is interrupted",
      "commands_test.ts",
      "Ctrl-C ends a replay in order, with its report",
    ),
  ),
  B18: sim("four exits per entry", "stop_hit_closes_the_whole_leg"),
  B19: unit(
    "intents below what can be executed",
    "orders_test.ts",
    "an entry is planned in whole lots and ticks or refused by name",
  ),
  B20: unit(
    "missing data fails open",
    "mode_test.ts",
    "each mode has its reason in words, and what cannot be evaluated is HALTED",
  ),
  ...DEMONSTRATED,
};
