/** What is held, and whether each of it is protected: unprotected first, then the largest. */
import * as f from "../format.ts";
import { Bracket } from "./bracket.tsx";
import { Money, shortNames, Side, Unknown } from "./figures.tsx";
import type { Panel, State } from "./panel.ts";
import { exitWords } from "./words.ts";

type Seen = Pick<
  State,
  "positions_state" | "positions_ledger" | "diagnostics" | "engine_metadata" | "kpis_v7"
>;
type Position = NonNullable<Seen["positions_state"]>["positions"][number];
type Entry = NonNullable<Seen["positions_ledger"]>["entries"][number];

/** A position of the exchange with what the engine's own book says about it. */
type Row = {
  readonly position: Position;
  /** Null: the book does not know it; undefined: the book is not published. */
  readonly entry: Entry | null | undefined;
  readonly isProtected: boolean | null;
};

export const positions: Panel<keyof Seen> = {
  id: "positions",
  title: "Positions",
  place: 8,
  reads: ["positions_state", "positions_ledger", "diagnostics", "engine_metadata", "kpis_v7"],
  note: ({ positions_state: seen }) => {
    if (seen === undefined) return "unknown";
    const long = seen.positions.filter(({ side }) => side === "LONG").length;
    const age = seen.age_s === null ? "never read" : `read ${f.age(seen.age_s)} ago`;
    return `${seen.positions.length} open · ${long}L/${seen.positions.length - long}S · ${age}`;
  },
  View: (state) => {
    const { positions_state: seen } = state;
    if (seen === undefined) {
      return <p class="unknown">? Positions unknown: positions_state.json is not published.</p>;
    }
    const rows = rowsOf(state);
    if (seen.read_ok && rows.length === 0) {
      return (
        <>
          <p>{flatText(state)}</p>
          <SetAside {...state} />
        </>
      );
    }
    return (
      <>
        {seen.read_ok ? null : <NotRead {...state} />}
        {rows.length === 0 ? null : (
          <div class={seen.read_ok ? "held" : "held last-known"}>
            <Table rows={rows} state={state} />
            <Cards rows={rows} state={state} />
          </div>
        )}
        <SetAside {...state} />
      </>
    );
  },
};

function rowsOf({ positions_state, positions_ledger }: Seen): readonly Row[] {
  const entries = positions_ledger &&
    new Map(positions_ledger.entries.map((entry) => [entry.position_key, entry]));
  const rows = (positions_state?.positions ?? []).map((position): Row => {
    const entry = entries && (entries.get(position.position_key) ?? null);
    return {
      position,
      entry,
      isProtected: entry === undefined ? null : entry !== null && entry.sl !== null,
    };
  });
  return rows.toSorted((a, b) =>
    Number(a.isProtected ?? true) - Number(b.isProtected ?? true) ||
    b.position.notional - a.position.notional
  );
}

/** Flat is only said after a good read. */
function flatText({ positions_state: seen, diagnostics }: Seen): string {
  const last = diagnostics?.runtime_diagnostics.exit_pipeline.recent_exits[0];
  if (seen === undefined || diagnostics === undefined) return "Flat.";
  const nowMs = Date.parse(seen.updated_ts);
  if (last === undefined) return "Flat: nothing has been held since the first start.";
  const sinceMs = Date.parse(last.closed_ts);
  return `Flat since ${f.when(sinceMs, nowMs)} (${f.age((nowMs - sinceMs) / 1_000)}).`;
}

function NotRead({ positions_state: seen }: Seen) {
  const last = seen?.age_s == null
    ? "The exchange has never been read."
    : `The exchange read failed; last good read ${f.age(seen.age_s)} ago.`;
  const rows = seen?.positions.length ? " Last known:" : "";
  return <p class="unknown">? Positions unknown. {last + rows}</p>;
}

function SetAside({ positions_state: seen }: Seen) {
  const apart = seen?.quarantined ?? [];
  if (apart.length === 0) return null;
  const told = apart.map(({ symbol, side, problem }) =>
    `${symbol ?? "?"} ${side ?? "?"} (${problem})`
  );
  return <p class="warn">▲ Set aside, cannot be read: {told.join(", ")}</p>;
}

type Shown = { readonly rows: readonly Row[]; readonly state: Seen };

function Table({ rows, state }: Shown) {
  const nameOf = shortNames(rows.map(({ position }) => position.symbol));
  const nowMs = Date.parse(state.positions_state!.updated_ts);
  const total = (pick: (position: Position) => number) =>
    rows.reduce((sum, { position }) => sum + pick(position), 0);
  return (
    <table class="table">
      <caption class="hidden">Open positions, unprotected first, then by size</caption>
      <thead>
        <tr>
          <th scope="col">Symbol</th>
          <th scope="col">Qty</th>
          <th scope="col">Entry</th>
          <th scope="col">Mark</th>
          <th scope="col">Notional</th>
          <th scope="col">Unrealised</th>
          <th scope="col" class="text">Exit bracket</th>
          <th scope="col" class="text">Stop order</th>
          <th scope="col">Held</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.position.position_key}>
            <th scope="row">
              <b>{nameOf(row.position.symbol)}</b> <Side side={row.position.side} />
              <Leverage {...row} />
            </th>
            <td>{f.qty(row.position.qty)}</td>
            <td>{f.price(row.position.entry_price)}</td>
            <td>
              <Mark {...row} />
            </td>
            <td>{f.usd(row.position.notional)}</td>
            <td>
              <Result {...row} />
            </td>
            <td class="text">
              <Leaves {...row} />
            </td>
            <td class="text">
              <StopOrder row={row} state={state} />
            </td>
            <td>{heldFor(row, nowMs)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">Total</th>
          <td colSpan={3} />
          <td>{f.usd(total(({ notional }) => notional))}</td>
          <td>
            <Money usd={total(({ unrealized_pnl }) => unrealized_pnl)} why="" />
          </td>
          <td class="text" colSpan={3}>{protectedText(rows)}{stopsText(state)}</td>
        </tr>
      </tfoot>
    </table>
  );
}

/** The same rows where a table is too wide. */
function Cards({ rows, state }: Shown) {
  const nameOf = shortNames(rows.map(({ position }) => position.symbol));
  return (
    <ul class="cards">
      {rows.map((row) => (
        <li key={row.position.position_key}>
          <div>
            <span>
              <b>{nameOf(row.position.symbol)}</b> <Side side={row.position.side} />
              <Leverage {...row} />
              <span class="dim">{` · ${f.usd(row.position.notional)}`}</span>
            </span>
            <Money usd={row.position.unrealized_pnl} why="" />
          </div>
          <div>
            <span class="dim">
              {`${f.price(row.position.entry_price)} → ${f.price(row.position.mark_price)}`}
            </span>
            <span class="num">
              <Leaves {...row} />{" "}
              {row.isProtected === false ? null : <StopOrder row={row} state={state} />}
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Leverage({ position }: Row) {
  return <span class="dim">{position.leverage === null ? "" : ` ${position.leverage}×`}</span>;
}

function Mark({ position }: Row) {
  return (
    <>
      {position.mark_stale ? <span class="warn" title="This mark is old">▲</span> : null}
      <span data-field="mark" data-key={position.position_key}>{f.price(position.mark_price)}</span>
    </>
  );
}

function Result({ position: { unrealized_pnl, mark_price, entry_price, qty } }: Row) {
  const gain = Math.sign(qty) * (mark_price / entry_price - 1);
  return (
    <>
      <Money usd={unrealized_pnl} why="" />{" "}
      <small class={f.directionOf(unrealized_pnl)}>{f.signedPercent(gain)}</small>
    </>
  );
}

function Leaves({ position, entry }: Row) {
  if (entry === undefined) return <Unknown why="positions_ledger.json: not published" />;
  if (entry === null) return <b class="bad" title="The engine's book lacks it">✖ NOT IN BOOK</b>;
  return (
    <Bracket
      side={position.side}
      entryPx={position.entry_price}
      markPx={position.mark_price}
      slPx={entry.sl}
      tpPx={entry.tp}
    />
  );
}

/** The order that protects the position even when this program is dead. */
function StopOrder({ row: { entry }, state }: { row: Row; state: Seen }) {
  if (entry == null) return <Unknown why="positions_ledger.json: no row" />;
  const { exit, protective } = entry;
  if (exit.state !== "idle") {
    const reason = exit.reason === null ? "exit" : exitWords(exit.reason);
    return <small class="warn" title={`${reason}, try ${exit.attempts}`}>▲ closing</small>;
  }
  if (state.engine_metadata?.capabilities.includes("venue_stops") === false) {
    return <small class="dim" title="Resting stops are off">engine only</small>;
  }
  if (protective === null) return <small class="bad">✖ none</small>;
  if (protective.status === "OPEN") {
    return (
      <small title={`Rests at the exchange at ${f.price(protective.trigger)}`}>
        ✓ <span class="wide">resting</span>
      </small>
    );
  }
  return <small class="warn">▲ {protective.status.toLowerCase()}</small>;
}

function heldFor({ entry }: Row, nowMs: number) {
  if (entry?.created_ts == null) return <Unknown why="When it was opened is not known" />;
  return f.age((nowMs - Date.parse(entry.created_ts)) / 1_000);
}

/** What the whole book loses if every stop is hit where it stands; told only when all have one. */
function stopsText({ kpis_v7 }: Seen): string {
  const lossUsd = kpis_v7?.portfolio.loss_at_stops_usd ?? null;
  return lossUsd === null ? "" : ` · every stop hit: ${f.signedUsd(-lossUsd)}`;
}

function protectedText(rows: readonly Row[]): string {
  if (rows.some(({ isProtected }) => isProtected === null)) return "protection unknown";
  const covered = rows.filter(({ isProtected }) => isProtected).length;
  return `${covered}/${rows.length} protected (${f.share(covered / rows.length)})`;
}
