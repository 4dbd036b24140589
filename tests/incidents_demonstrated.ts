/** Incidents that nobody recorded, but that runs of a system of this kind demonstrated. */
import { by, e2e, every, type Incident, kill, shell, sim, unit } from "./incident_proofs.ts";

export const DEMONSTRATED: Readonly<Record<string, Incident>> = {
  C1: sim("an exit of the smallest size", "stop_hit_closes_the_whole_leg", "target_hit_short"),
  C2: sim("an outage read as flat", "outage_mid_run"),
  C3: every(
    sim("what cannot be read is read as empty", "startup_while_down"),
    shell(
      "a corrupt file",
      "checkpoint_test.ts",
      "a damaged checkpoint is moved aside, the generation before is used and stays",
    ),
  ),
  C4: sim("exits at a price of zero", "no_quotes_phantom_exits"),
  C5: sim("one intent, several orders", "one_intent_one_position"),
  C6: every(
    sim("a kill switch that blocks exits", "kill_switch_stops_no_exit"),
    unit(
      "every other state",
      "exits_leave_test.ts",
      "exits reach the wire whatever operator, NAV age, risk mode, pace and circuit say",
    ),
  ),
  C7: unit(
    "a vetoed flip closes a position",
    "world_test.ts",
    "a flip that the gate refuses closes nothing, and a leg of others stays",
  ),
  C8: unit(
    "garbage becomes an order",
    "risk_random_test.ts",
    "ten thousand malformed entries are refused as invalid_input, whatever they are",
  ),
  C9: sim("an exit larger than the position", "dust_leaves_exactly", "one_way_mode"),
  C10: sim("a late fill without protection", "late_fill"),
  C11: sim("levels inherited from another position", "reopened_elsewhere"),
  C12: every(
    e2e(
      "flags that mean something else",
      "commands_test.ts",
      "what would mean something elsewhere refuses the start",
    ),
    every(
      shell(
        "words that throw the kill switch",
        "control_test.ts",
        "the kill switch is thrown by every word but an empty or a negative one",
      ),
      e2e(
        "and what a start makes of it",
        "control_test.ts",
        "a start with the kill switch is KILLED, the next without it waits for a human",
      ),
    ),
  ),
  C13: every(
    shell(
      "an exception ends the loop",
      "engine_test.ts",
      "a throw in the second step keeps what the first decided, and pauses entries",
    ),
    by(
      "or one in what is only told",
      "e2e",
      "disk_test.ts",
      "disk-full: a process killed over a full disk leaves nothing naked and nothing double",
    ),
  ),
  C14: sim("one garbled row hides positions", "garbage_row_breaks_all", "entry_price_zero_row"),
  C15: unit(
    "unknown read as healthy",
    "mode_test.ts",
    "each mode has its reason in words, and what cannot be evaluated is HALTED",
  ),
  C16: e2e(
    "percent read as a fraction",
    "commands_test.ts",
    "check tells every mistake of every file at once, and exits 2",
  ),
  C17: shell(
    "NaN in state files",
    "showing_test.ts",
    "a figure that is no number reads null in text and value, and is counted",
  ),
  C18: every(
    sim("results lost at a restart", "episodes_outlive_restarts"),
    kill("results after any kill"),
  ),
  C19: unit(
    "sums of fills that double",
    "router_surfaces_test.ts",
    "a row of fills adds this one up, and tells the order's own sums beside it",
  ),
  C20: shell(
    "two writers of one file",
    "state_test.ts",
    "a surface has one writer",
  ),
  C21: every(
    unit(
      "rates above one",
      "rates_test.ts",
      "whatever the records hold, a rate is a share or unknown, and surfaces keep their schemas",
    ),
    shell(
      "a row without a time ends its reader",
      "state_test.ts",
      "three assertion failures within ten minutes are a crash loop",
    ),
  ),
  C22: e2e(
    "a check that passes without its files",
    "status_test.ts",
    "status is well only while every surface is there and whole",
  ),
  C23: sim("a seeded stop that fires at once", "seeded_stop_breached"),
  C24: shell(
    "half-written files after a power loss",
    "state_test.ts",
    "a file is replaced as a whole, and leftovers of a crash are cleared",
  ),
  C25: every(
    sim("process death leaves positions naked", "process_death"),
    by(
      "a real process",
      "e2e",
      "kill_test.ts",
      "two minutes after the engine died none of its quotes rests, and every stop does",
    ),
  ),
  C26: e2e(
    "secrets in logs",
    "secrets_test.ts",
    "no secret of the environment is in a file, on the page, or in any word that is said",
  ),
};
