/** Full-width lines under the header: blindness, the operator's latch, and that this is a simulation. */
import * as f from "../format.ts";
import { vitalsOf } from "../vitals.ts";
import type { Moment, Panel, State } from "./panel.ts";

type Seen = Pick<State, "diagnostics" | "engine_metadata">;

export const banners: Panel<keyof Seen> = {
  id: "banners",
  title: "Notices",
  place: "head",
  reads: ["diagnostics", "engine_metadata"],
  View: (state, at) => (
    <>
      <Blind state={state} at={at} />
      <Latch {...state} />
      <Simulation {...state} />
    </>
  ),
};

/** Says since when nothing is known; every figure below it is dimmed. */
function Blind({ state, at }: { state: Seen; at: Moment }) {
  const { blind, why, lastMs } = vitalsOf(state, at);
  if (!blind) return null;
  const engineMs = state.diagnostics && Date.parse(state.diagnostics.updated_ts);
  return (
    <p class="banner b-blind" role="alert">
      <b>? BLIND: {why}.</b> {lastMs === null || engineMs === undefined
        ? "No figure is known."
        : `Every figure was last true at ${f.when(lastMs, at.nowMs)} UTC ` +
          `(engine time ${f.dayAndTime(engineMs)} UTC). Nothing here is current.`}
    </p>
  );
}

function Latch({ diagnostics }: Seen) {
  const operator = diagnostics?.runtime_diagnostics.operator_state;
  if (operator === undefined || operator.state === "RUNNING") return null;
  const reason = operator.reason === null ? "" : ` · ${operator.reason}`;
  const since = f.dayAndTime(Date.parse(operator.since));
  return (
    <p class="banner b-latch">
      <b>✖ {operator.state}</b>
      {` by ${operator.by} since ${since} UTC${reason}. Exits keep working.`}
    </p>
  );
}

function Simulation({ diagnostics, engine_metadata: meta }: Seen) {
  if (meta?.env !== "sim") return null;
  const pace = meta.speed === 0
    ? "Runs as fast as possible"
    : `${meta.speed === null ? "1 second" : f.plural(meta.speed, "simulated second")} a second`;
  const now = f.dayAndTime(Date.parse(diagnostics?.updated_ts ?? meta.updated_ts));
  return (
    <p class="banner b-sim" data-field="simulation">
      <b>Simulation:</b> {`built-in exchange, no real money. ${pace}, engine time ${now} UTC.`}
    </p>
  );
}
