/** Whether exits work, whether the engine does what it should, and what execution costs. */
import type { ComponentChildren } from "preact";
import * as f from "../format.ts";
import { Unknown } from "./figures.tsx";
import type { Moment, Panel, State } from "./panel.ts";

type Seen = Pick<State, "diagnostics" | "router_health">;
type Told = NonNullable<Seen["diagnostics"]>["runtime_diagnostics"];
type Pipeline = Told["exit_pipeline"];

/** The scan may be this many ticks, and this long, late. */
const LATE = { ticks: 3, seconds: 15 };
const VERY_LATE = { ticks: 6, seconds: 60 };

export const exits: Panel<keyof Seen> = {
  id: "exits",
  title: "Exits · liveness · router",
  place: 3,
  reads: ["diagnostics", "router_health"],
  View: (state, at) => (
    <dl class="lines">
      {state.diagnostics === undefined ? <Line name="Exits, liveness">{gone}</Line> : (
        <Protection
          told={state.diagnostics.runtime_diagnostics}
          nowMs={Date.parse(state.diagnostics.updated_ts)}
        />
      )}
      <Execution {...state} />
      <Surfaces at={at} />
    </dl>
  ),
};

const gone = <Unknown why="diagnostics.json: not published" />;

function Line({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Protection({ told, nowMs }: { told: Told; nowMs: number }) {
  const { exit_pipeline: pipeline, liveness, loop, errors } = told;
  const { underwater_without_tp_sl_count: underwater } = pipeline;
  return (
    <>
      <Line name="TP/SL coverage">
        <Coverage {...pipeline} />
      </Line>
      <Line name="Underwater, no level">
        {underwater === null
          ? NOT_READ
          : underwater === 0
          ? "✓ 0"
          : <b class="bad">✖ {f.count(underwater)}</b>}
      </Line>
      <Line name="Book matches exchange">
        <Match {...pipeline} />
      </Line>
      <Line name="Exit scan">
        <Scan pipeline={pipeline} periodS={loop.period_s} nowMs={nowMs} />
      </Line>
      <Line name="Signals">
        <Watcher name="signals" liveness={liveness} />
      </Line>
      <Line name="Orders">
        <Watcher name="orders" liveness={liveness} />
      </Line>
      <Line name="Router event">
        <Watcher name="router" liveness={liveness} />
      </Line>
      {errors.length === 0 ? null : (
        <Line name="Faults caught">
          <b class="bad" title={errors[0]!.message}>
            ✖ {errors.map(({ stage, count }) => `${stage} ${f.count(count)}`).join(", ")}
          </b>
        </Line>
      )}
    </>
  );
}

/** Nothing is known of what is held: that is not flat. */
const NOT_READ = <span class="dim">? exchange not read</span>;

function Coverage(pipeline: Pipeline) {
  const { tp_sl_coverage_pct: covered, open_positions_count: open } = pipeline;
  if (open === null) return NOT_READ;
  if (covered === null) return <span class="dim">n/a, flat</span>;
  const text = `${f.share(covered)} (${pipeline.tp_sl_registered_count}/${open})`;
  if (pipeline.missing_sl_count !== 0) return <b class="bad">✖ {text}</b>;
  return covered < 1 ? <span class="warn">▲ {text}</span> : <span>✓ {text}</span>;
}

const MISMATCH: Readonly<Record<keyof Pipeline["mismatch_breakdown"], string>> = {
  missing_ledger_positions: "not in book",
  ghost_ledger_entries: "ghost",
  missing_tp_sl_entries: "no levels",
  stale_tp_sl_entries: "stale levels",
};

function Match({ ledger_registry_mismatch, mismatch_breakdown, read_ok }: Pipeline) {
  if (!read_ok) return NOT_READ;
  if (!ledger_registry_mismatch) return <span>✓</span>;
  const kinds = Object.keys(MISMATCH) as (keyof typeof MISMATCH)[];
  const told = kinds.filter((kind) => mismatch_breakdown[kind] !== 0)
    .map((kind) => `${mismatch_breakdown[kind]} ${MISMATCH[kind]}`);
  return <b class="bad">✖ {told.join(", ")}</b>;
}

/** Late is only an alarm while something is held: nobody needs an exit when flat. */
function Scan({ pipeline, periodS, nowMs }: {
  pipeline: Pipeline;
  periodS: number;
  nowMs: number;
}) {
  const { last_exit_scan_ts: last, open_positions_count: open } = pipeline;
  if (last === null) return <span>? never since start</span>;
  const ageS = (nowMs - Date.parse(last)) / 1_000;
  const isOver = ({ ticks, seconds }: typeof LATE) => ageS > Math.max(ticks * periodS, seconds);
  const text = `${f.age(ageS)} ago`;
  if (open !== 0 && isOver(VERY_LATE)) return <b class="bad">✖ {text}</b>;
  if (open !== 0 && isOver(LATE)) return <span class="warn">▲ {text}</span>;
  return <span>✓ {text}</span>;
}

const WATCHED: Readonly<Record<string, string>> = {
  ok: "✓ ",
  warming: "warming up",
  quiet: "quiet",
  never: "▲ never since start",
  off: "off",
  idle: "▲ ",
};

function Watcher({ name, liveness: { states, details, limits } }: {
  name: "signals" | "orders" | "router";
  liveness: Told["liveness"];
}) {
  const state = states[name];
  if (state === undefined) return gone;
  const idle = details[`${name}_idle_seconds`];
  const word = WATCHED[state] ?? state;
  const age = idle === null ? "" : `${f.age(idle)} ago`;
  const text = [word.trim(), age].filter(Boolean).join(word.length > 2 ? ", " : " ");
  const title = `limit ${f.age(limits[name])}`;
  const isAlarm = state === "idle" || state === "never";
  return <span class={isAlarm ? "warn" : state === "ok" ? "" : "dim"} title={title}>{text}</span>;
}

function Execution({ router_health: health }: Seen) {
  const all = health?.global;
  const why = "router_health.json: not published";
  if (all === undefined) {
    return (
      <Line name="Router">
        <Unknown why={why} />
      </Line>
    );
  }
  const score = all.insufficient ? "too few orders" : `${f.score(all.quality_score)} ${all.label}`;
  const isRed = all.slippage_drift_bucket === "RED";
  const isSlow = all.latency_bucket === "SLOW";
  return (
    <>
      <Line name="Router score">
        <span class={all.label === "WEAK" ? "warn" : ""}>
          {all.label === "WEAK" ? "▲ " : ""}
          {score}
        </span>
      </Line>
      <Line name="Slippage, drift">
        <span class={isRed ? "warn" : ""}>
          {isRed ? "▲ " : ""}
          {`${f.bps(all.avg_slippage_bps)}, ${all.slippage_drift_bucket ?? f.MISSING}`}
        </span>
      </Line>
      <Line name="Maker share">
        <Share share={all.maker_fill_ratio} window={all.window} />
      </Line>
      <Line name="Latency">
        <span class={isSlow ? "warn" : ""}>
          {isSlow ? "▲ " : ""}
          {`${f.ms(all.avg_latency_ms)} ${all.latency_bucket ?? ""}`}
        </span>
      </Line>
    </>
  );
}

type Window = NonNullable<Seen["router_health"]>["global"]["window"];

/** A share says of how many, and since when. */
function Share({ share, window: { n, from_ts, window_s } }: {
  share: number | null;
  window: Window;
}) {
  const most = window_s === null ? "" : `, at most the last ${f.age(window_s)}`;
  return (
    <span title={`since ${f.dayAndTime(Date.parse(from_ts))}${most}`}>
      {`${f.share(share)} of ${f.plural(n, "route")}`}
    </span>
  );
}

function Surfaces({ at: { surfaces: { fresh, total } } }: { at: Moment }) {
  const text = `${fresh}/${total} fresh`;
  return (
    <Line name="Surfaces">
      {fresh === total && total > 0 ? <span>✓ {text}</span> : <span class="warn">▲ {text}</span>}
    </Line>
  );
}
