/** The most asked question of all: why does it (not) trade? Reasons over the last hour. */
import * as f from "../format.ts";
import type { Panel, State } from "./panel.ts";
import { gloss } from "./words.ts";

type Counters = NonNullable<State["diagnostics"]>["runtime_diagnostics"]["veto_counters"];
type HeatRow = Counters["heat"]["rows"][number];

const ROWS_MAX = 7;
/** Shown even at 0: the brakes of which one wants to know that they are off. */
const ALWAYS = ["nav_stale", "portfolio_dd_circuit"];
/** A label over every third column. */
const LABEL_EVERY = 3;

export const why: Panel<"diagnostics"> = {
  id: "why",
  title: "Why (not) trading",
  place: 5,
  reads: ["diagnostics"],
  note: ({ diagnostics }) =>
    diagnostics === undefined
      ? "unknown"
      : `last ${hours(diagnostics.runtime_diagnostics.veto_counters)} of engine time`,
  View: ({ diagnostics }) => {
    if (diagnostics === undefined) {
      return <p class="unknown">? Unknown: diagnostics.json is not published.</p>;
    }
    const { veto_counters: counters } = diagnostics.runtime_diagnostics;
    return (
      <>
        <Funnel {...counters} />
        <Heat {...counters} />
        <Blocker counters={counters} nowMs={Date.parse(diagnostics.updated_ts)} />
      </>
    );
  },
};

function hours({ window: { seconds } }: Counters): string {
  return seconds === 3_600 ? "hour" : f.age(seconds);
}

function Funnel({ window: { funnel } }: Counters) {
  const steps: readonly [number, string][] = [
    [funnel.signals, "signals"],
    [funnel.vetoed, "vetoed"],
    ...(funnel.scored_out > 0 ? [[funnel.scored_out, "scored out"] as [number, string]] : []),
    [funnel.orders, "orders"],
    [funnel.fills, "fills"],
    ...(funnel.failed > 0 ? [[funnel.failed, "unfilled"] as [number, string]] : []),
  ];
  return (
    <p class="funnel">
      {steps.map(([n, name], i) => (
        <span key={name}>
          {i === 0 ? null : <i>›</i>}
          <b>{f.count(n)}</b> {name}
        </span>
      ))}
    </p>
  );
}

function Heat({ heat }: Counters) {
  const columns = heat.rows[0]?.counts.length ?? 3_600 / heat.bucket_s;
  const fromMs = Date.parse(heat.from_ts);
  const rows = shownRows(heat.rows, columns);
  const most = Math.max(1, ...rows.flatMap(({ counts }) => counts));
  const shown = rows.filter(({ total }) => total > 0).length;
  const title = shown < heat.rows.length ? `${shown} of ${heat.rows.length} reasons` : "reason";
  return (
    <table class="heat">
      <caption class="hidden">
        Refused signals by reason in steps of {f.age(heat.bucket_s)}; an empty cell is none
      </caption>
      <thead>
        <tr>
          <th scope="col">{title}</th>
          {Array.from({ length: columns }, (_, i) => (
            <th scope="col" key={i}>
              {i % LABEL_EVERY === 0 ? f.hourMinute(fromMs + i * heat.bucket_s * 1_000) : ""}
            </th>
          ))}
          <th scope="col">1 h</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ reason, counts, total }) => (
          <tr key={reason}>
            <th scope="row" title={gloss(reason) ?? undefined}>
              <code>{reason}</code>
            </th>
            {counts.map((n, i) => (
              <td key={i} class={`h${step(n, most)}`}>{n === 0 ? "" : f.count(n)}</td>
            ))}
            <td class="num">{f.count(total)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function shownRows(rows: readonly HeatRow[], columns: number): readonly HeatRow[] {
  const quiet = ALWAYS.filter((reason) => !rows.some((row) => row.reason === reason))
    .map((reason) => ({ reason, counts: Array.from({ length: columns }, () => 0), total: 0 }));
  return [...rows.slice(0, ROWS_MAX), ...quiet].slice(0, ROWS_MAX);
}

/** Five steps: nothing, and quarters of the largest cell. */
function step(n: number, most: number): number {
  return n === 0 ? 0 : Math.ceil((4 * n) / most);
}

function Blocker({ counters, nowMs }: { counters: Counters; nowMs: number }) {
  const { heat, last_order_ts, total_signals, since_ts } = counters;
  const top = heat.rows[0];
  const all = heat.rows.reduce((sum, { total }) => sum + total, 0);
  const ordered = last_order_ts === null ? null : Date.parse(last_order_ts);
  const last = ordered === null
    ? "No order since the first start."
    : `Last order ${f.when(ordered, nowMs)} (${f.age((nowMs - ordered) / 1_000)} ago).`;
  if (top === undefined) {
    const since = since_ts === null ? "" : ` since ${f.dayAndTime(Date.parse(since_ts))}`;
    const signals = `${f.plural(total_signals, "signal")}${since}`;
    return <p class="foot dim">No signal was refused in the last hour ({signals}). {last}</p>;
  }
  return (
    <p class="foot dim">
      Top blocker: <b>{top.reason}</b> ({f.count(top.total)}, {f.share(top.total / all)}):{" "}
      {gloss(top.reason) ?? "a reason without a gloss"}. {last}
    </p>
  );
}
