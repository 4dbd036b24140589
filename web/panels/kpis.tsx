/** The eight figures that say whether the money is safe. */
import type { ComponentChildren } from "preact";
import * as f from "../format.ts";
import { dayResult } from "../verdict.ts";
import { vitalsOf } from "../vitals.ts";
import { Money, nearness, Unknown } from "./figures.tsx";
import type { Moment, Panel, State } from "./panel.ts";

type Seen = Pick<State, "nav" | "risk_snapshot" | "kpis_v7" | "diagnostics" | "positions_state">;

export const kpis: Panel<keyof Seen> = {
  id: "kpis",
  title: "Key figures",
  place: "bar",
  reads: ["nav", "risk_snapshot", "kpis_v7", "diagnostics", "positions_state"],
  View: (state, at) => (
    <dl class="kpis">
      <Nav {...state} />
      <DayPnl {...state} />
      <Unrealised {...state} />
      <Drawdown {...state} />
      <Gross {...state} />
      <Unprotected state={state} at={at} />
      <Aum {...state} />
      <Loop state={state} at={at} />
    </dl>
  ),
};

function Tile({ name, sub, title, children }: {
  name: string;
  sub: ComponentChildren;
  title?: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd class="big">{children}</dd>
      <dd class="sub dim">{sub}</dd>
    </div>
  );
}

const missing = (file: string, known: unknown) =>
  known === undefined ? `${file}: not published` : `${file}: not known yet`;

function Nav({ nav, risk_snapshot: risk }: Seen) {
  const peak = risk?.dd_state.drawdown.peak;
  return (
    <Tile name="NAV" sub={`peak ${f.usd(peak)}`}>
      {nav?.nav == null
        ? <Unknown why={missing("nav.json", nav)} />
        : <span data-field="nav">{f.usd(nav.nav)}</span>}
    </Tile>
  );
}

function DayPnl(state: Seen) {
  const result = dayResult(state);
  const sub = result === null ? f.MISSING : `realised ${f.signedUsd(result.realizedUsd)}`;
  const title = result === null
    ? undefined
    : `less fees ${f.usd(result.feesUsd)}, plus funding ${f.signedUsd(result.fundingUsd)}`;
  return (
    <Tile name="Day PnL, net" sub={sub} title={title}>
      <Money usd={result?.usd} why={missing("kpis_v7.json", state.kpis_v7)} field="day-pnl" />
    </Tile>
  );
}

function Unrealised({ kpis_v7, positions_state: positions }: Seen) {
  const open = positions?.positions.length;
  return (
    <Tile
      name="Unrealised"
      sub={open === undefined ? "positions unknown" : f.plural(open, "position")}
    >
      <Money
        usd={kpis_v7?.portfolio.unrealized_pnl}
        why={missing("kpis_v7.json", kpis_v7)}
        field="unrealised"
      />
    </Tile>
  );
}

function Drawdown({ risk_snapshot: risk }: Seen) {
  const cap = risk?.caps.max_portfolio_dd_nav_pct;
  const alert = risk?.caps.drawdown_alert_pct;
  return (
    <Tile
      name="Drawdown"
      sub={<Limits first={`limit ${f.limit(cap)}`} rest={`alert ${f.limit(alert)}`} />}
    >
      <Capped
        value={risk?.dd_frac}
        cap={cap}
        text={f.percent(risk?.dd_frac)}
        why={missing("risk_snapshot.json", risk)}
      />
    </Tile>
  );
}

function Gross({ risk_snapshot: risk }: Seen) {
  const { gross_nav_pct: gross, net_nav_pct: net } = risk?.exposure ?? {};
  const cap = risk?.caps.max_gross_exposure_pct;
  return (
    <Tile
      name="Gross exposure"
      sub={<Limits first={`cap ${f.limit(cap)}`} rest={`net ${f.signedShare(net)}`} />}
    >
      <Capped
        value={gross}
        cap={cap}
        text={f.share(gross)}
        why={missing("risk_snapshot.json", risk)}
      />
    </Tile>
  );
}

/** Where there is no room the first figure stays. */
function Limits({ first, rest }: { first: string; rest: string }) {
  return (
    <>
      {first}
      <span class="wide">{` · ${rest}`}</span>
    </>
  );
}

function Capped({ value, cap, text, why }: {
  value: number | null | undefined;
  cap: number | undefined;
  text: string;
  why: string;
}) {
  if (value == null || cap === undefined) return <Unknown why={why} />;
  const near = nearness(value, cap);
  if (near === "calm") return <span>{text}</span>;
  return near === "near" ? <span class="warn">▲ {text}</span> : <span class="bad">✖ {text}</span>;
}

function Unprotected({ state, at }: { state: Seen; at: Moment }) {
  const { diagnostics } = state;
  const exits = diagnostics?.runtime_diagnostics.exit_pipeline;
  if (exits === undefined) {
    return (
      <Tile name="Unprotected" sub="positions without a stop">
        <Unknown why={missing("diagnostics.json", exits)} />
      </Tile>
    );
  }
  const { missing_sl_count: bare, open_positions_count: open } = exits;
  if (bare === null || open === null) {
    return (
      <Tile name="Unprotected" sub="positions without a stop">
        <Unknown why="the exchange has not been read yet" />
      </Tile>
    );
  }
  const calm = vitalsOf(state, at).blind || !exits.read_ok ? "? 0" : "✓ 0";
  return (
    <Tile name="Unprotected" sub={`of ${open} without a stop`}>
      {bare === 0 ? <span>{calm}</span> : <span class="bad">✖ {f.count(bare)}</span>}
    </Tile>
  );
}

function Aum({ nav }: Seen) {
  const aum = nav?.aum;
  const outside = Object.values(aum?.offexchange ?? {}).map(({ usd_value }) => usd_value);
  const elsewhere = outside.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const sub = aum?.partial
    ? "▲ partial: something has no price"
    : outside.length === 0
    ? "futures account only"
    : `off exchange ${f.share(aum?.total ? elsewhere / aum.total : null)}`;
  return (
    <Tile name="AUM" sub={aum === undefined ? f.MISSING : sub}>
      {aum?.total == null
        ? <Unknown why={missing("nav.json", nav)} />
        : <span>{f.usd(aum.total)}</span>}
    </Tile>
  );
}

function Loop({ state, at }: { state: Seen; at: Moment }) {
  const { ageMs } = vitalsOf(state, at);
  const { diagnostics } = state;
  const loop = diagnostics?.runtime_diagnostics.loop;
  const sub = loop === undefined ? "no sign of life" : (
    <>
      {"#"}
      <span data-field="seq">{f.count(loop.seq)}</span>
      {` · every ${f.age(loop.period_s)}`}
    </>
  );
  return (
    <Tile name="Loop" sub={sub}>
      {ageMs === null
        ? <Unknown why={missing("diagnostics.json", diagnostics)} />
        : <span>{f.age(ageMs / 1_000)} ago</span>}
    </Tile>
  );
}
