/** That something happens: what was counted since the first start, and the last positions closed. */
import * as f from "../format.ts";
import { Money, shortNames } from "./figures.tsx";
import type { Panel, State } from "./panel.ts";
import { exitWords } from "./words.ts";

type Told = NonNullable<State["diagnostics"]>["runtime_diagnostics"];

export const activity: Panel<"diagnostics"> = {
  id: "activity",
  title: "Activity",
  place: 4,
  reads: ["diagnostics"],
  note: ({ diagnostics }) => {
    const since = diagnostics?.runtime_diagnostics.veto_counters.since_ts ?? null;
    return since === null ? "unknown" : `since ${f.dayAndTime(Date.parse(since))} UTC`;
  },
  View: ({ diagnostics }) => {
    if (diagnostics === undefined) {
      return <p class="unknown">? Unknown: diagnostics.json is not published.</p>;
    }
    const told = diagnostics.runtime_diagnostics;
    return (
      <>
        <Totals {...told} />
        <Exits pipeline={told.exit_pipeline} nowMs={Date.parse(diagnostics.updated_ts)} />
      </>
    );
  },
};

function Totals({ veto_counters: counters, exit_pipeline: { exits_by_reason } }: Told) {
  const exits = Object.values(exits_by_reason).reduce((sum, n) => sum + n, 0);
  const totals: readonly [string, number][] = [
    ["signals", counters.total_signals],
    ["vetoes", counters.total_vetoes],
    ["orders", counters.total_orders],
    ["fills", counters.total_fills],
    ["exits", exits],
  ];
  return (
    <dl class="totals">
      {totals.map(([name, n]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-field={`total-${name}`}>{f.count(n)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Exits({ pipeline, nowMs }: { pipeline: Told["exit_pipeline"]; nowMs: number }) {
  const { recent_exits: recent, exits_by_reason } = pipeline;
  if (recent.length === 0) return <p class="foot dim">No position has been closed yet.</p>;
  const nameOf = shortNames(recent.map(({ symbol }) => symbol));
  const reasons = Object.entries(exits_by_reason).toSorted(([, a], [, b]) => b - a)
    .map(([reason, n]) => `${exitWords(reason)} ${f.count(n)}`);
  return (
    <>
      <table class="table closed">
        <caption class="hidden">The last positions closed, newest first</caption>
        <thead>
          <tr>
            <th scope="col">Closed</th>
            <th scope="col" class="text">Position</th>
            <th scope="col" class="text">Why</th>
            <th scope="col">Net result</th>
          </tr>
        </thead>
        <tbody>
          {recent.map(({ symbol, side, closed_ts, reason, net_usd }) => (
            <tr key={`${symbol}${side}${closed_ts}`}>
              <th scope="row">
                <time dateTime={closed_ts}>{f.when(Date.parse(closed_ts), nowMs)}</time>
              </th>
              <td class="text">
                {nameOf(symbol)} <span class="dim">{side}</span>
              </td>
              <td class="text why" title={reason}>{exitWords(reason)}</td>
              <td>
                <Money usd={net_usd} why="" />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="foot dim">Exits: {reasons.join(" · ")}</p>
    </>
  );
}
