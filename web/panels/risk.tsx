/** Every limit with how much of it is used. */
import * as f from "../format.ts";
import { Meter } from "./figures.tsx";
import type { Panel, State } from "./panel.ts";

type Risk = NonNullable<State["risk_snapshot"]>;

export const risk: Panel<"risk_snapshot"> = {
  id: "risk",
  title: "Risk",
  place: 4,
  reads: ["risk_snapshot"],
  note: ({ risk_snapshot: risk }) =>
    risk === undefined ? "mode UNKNOWN" : (
      <>
        mode {risk.risk_mode} · <code>{risk.risk_mode_reason}</code>
      </>
    ),
  View: ({ risk_snapshot: risk }) =>
    risk === undefined
      ? <p class="unknown">? Risk unknown: risk_snapshot.json is not published.</p>
      : <Bars {...risk} />,
};

function Bars(risk: Risk) {
  const { caps, exposure } = risk;
  const bars: readonly [string, number | null, number][] = [
    ["Drawdown", risk.dd_frac, caps.max_portfolio_dd_nav_pct],
    ["Daily loss", risk.daily_loss_frac, caps.daily_loss_limit_pct],
    ["Gross exposure", exposure.gross_nav_pct, caps.max_gross_exposure_pct],
  ];
  const open = exposure.open_positions;
  return (
    <>
      {bars.map(([label, value, cap]) => (
        <Meter
          key={label}
          label={label}
          value={value}
          cap={cap}
          text={f.ratio(value, cap)}
          why="risk_snapshot.json: not known yet"
        />
      ))}
      <WorstGroup {...risk} />
      <Meter
        label="Positions"
        value={open}
        cap={caps.max_concurrent_positions}
        text={`${f.count(open)} / ${f.count(caps.max_concurrent_positions)}`}
        why="positions were never read"
      />
      <Tails {...risk} />
      <p class="foot dim">
        <Circuits {...risk} /> · <NavAge {...risk} /> · sizes <Sizes {...risk} /> · anomalies{" "}
        <Anomalies {...risk} />
      </p>
    </>
  );
}

/** Symbols that move together count as one bet; the fullest such group is shown. */
function WorstGroup({ correlation_groups: groups }: Risk) {
  const used = Object.entries(groups).map(([name, { gross_nav_pct, max_group_nav_pct }]) => ({
    name,
    value: gross_nav_pct,
    cap: max_group_nav_pct,
    used: gross_nav_pct === null ? Infinity : gross_nav_pct / max_group_nav_pct,
  }));
  const worst = used.toSorted((a, b) => b.used - a.used)[0];
  if (worst === undefined) return null;
  return (
    <Meter
      label={`Group ${worst.name}`}
      value={worst.value}
      cap={worst.cap}
      text={f.ratio(worst.value, worst.cap)}
      why="the group's exposure is not known"
    />
  );
}

/** What the book loses on its worst days; a limit that is switched off shows no bar. */
function Tails({ var: value, cvar }: Risk) {
  const known = Object.values(cvar.per_symbol).map(({ cvar_nav_pct }) => cvar_nav_pct);
  const worst = known.includes(null) ? null : Math.max(0, ...known.map((frac) => frac!));
  const rows: readonly [string, number | null, number | null, string][] = [
    [
      `VaR ${level(value.confidence)}`,
      value.portfolio_var_nav_pct,
      value.max_portfolio_var_nav_pct,
      value.reason,
    ],
    [
      `Worst CVaR ${level(cvar.confidence)}`,
      worst,
      cvar.max_position_cvar_nav_pct,
      cvar.reason,
    ],
  ];
  return (
    <>
      {rows.map(([label, frac, cap, reason]) => (
        <Meter
          key={label}
          label={label}
          value={frac}
          cap={cap}
          text={f.ratio(frac, cap)}
          why={`risk_snapshot.json: ${reason}`}
        />
      ))}
    </>
  );
}

const level = (confidence: number | null) => confidence === null ? "" : f.limit(confidence);

/** Everything that blocks entries, with what opens it again. */
function Circuits({ circuits, dd_frac }: Risk) {
  const active = circuits.filter((circuit) => circuit.active);
  if (dd_frac === null) return <span>? Circuits unknown</span>;
  if (active.length === 0) return <span>Circuits armed</span>;
  return (
    <>
      {active.map(({ id, since, resume }) => (
        <b class="bad" key={id} title={`opens ${resume}`}>
          ✖ {id}
          {since === null ? "" : ` since ${f.dayAndTime(Date.parse(since))}`}
          {" "}
        </b>
      ))}
    </>
  );
}

/** What regimes and risk mode leave of every size. */
function Sizes({ regimes }: Risk) {
  const why = `drawdown ${regimes.drawdown}, volatility ${regimes.volatility}`;
  const text = `× ${regimes.size_factor.toFixed(2)}`;
  return regimes.size_factor < 1 ? <b class="warn" title={why}>▲ {text}</b> : <span>{text}</span>;
}

function NavAge({ nav_health: health }: Risk) {
  const limit = f.count(health.threshold_s);
  if (health.age_s === null) return <span>? NAV never read (limit {limit} s)</span>;
  const text = `NAV age ${f.count(Math.floor(health.age_s))} s (limit ${limit} s)`;
  if (!health.fresh) return <b class="bad">✖ {text}</b>;
  return health.age_s >= health.threshold_s / 2
    ? <b class="warn">▲ {text}</b>
    : <span>{text}</span>;
}

function Anomalies({ anomalies: { nav_jump: jump, tp_sl_mismatch: mismatch } }: Risk) {
  const told = [
    jump === undefined ? null : `NAV jump ${f.usd(jump.old)} → ${f.usd(jump.new)}`,
    mismatch ? "levels do not match the book" : null,
  ].filter((text) => text !== null);
  return told.length === 0 ? <span>none</span> : <b class="warn">▲ {told.join(", ")}</b>;
}
