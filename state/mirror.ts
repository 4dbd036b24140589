/**
 * The mirror: a pure copy of NAV, drawdown and exposure with the history of NAV. It owns
 * `nav_state` and nothing else, never asks the venue and has no opinion about the peak.
 */
import { MS_PER_SECOND } from "../core/units.ts";
import type { Store, Writer } from "./store.ts";
import type { Body, Payload } from "./surfaces/mod.ts";
import { SERIES_MAX } from "./surfaces/nav_state.ts";
import { iso } from "./surfaces/surface.ts";

/** NAV older than this many freshness limits makes the copy stale. */
const STALE_FACTOR = 3;

export type Sources = {
  readonly nav: Payload<"nav"> | undefined;
  readonly risk: Payload<"risk_snapshot"> | undefined;
  readonly positions: Payload<"positions_state"> | undefined;
};

/** The next copy from the sources and the copy before; pure. */
export function mirrorNav(
  { nav, risk, positions }: Sources,
  before: Payload<"nav_state"> | undefined,
  { mirrorSeq, wallMs }: { mirrorSeq: number; wallMs: number },
): Body<"nav_state"> | null {
  const regressed = before !== undefined && nav !== undefined && nav.updated_ts < before.updated_ts;
  if (nav === undefined || regressed) {
    if (before === undefined) return null;
    return { ...bodyOf(before), mirrored_ts: iso(wallMs), mirror_seq: mirrorSeq, lkg: true };
  }
  const freshS = risk?.nav_health.threshold_s ?? null;
  const age = nav.nav_age_s;
  const series = extend(before?.series ?? [], nav);
  const gross = positions?.positions.map(({ notional }) => notional) ?? null;
  const net = positions?.positions.map(({ notional, side }) =>
    side === "LONG" ? notional : -notional
  );
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    mirrored_ts: iso(wallMs),
    mirror_seq: mirrorSeq,
    source_seq: nav.seq,
    source_run_id: nav.run_id,
    age_s: age,
    stale: age === null || freshS === null || age > STALE_FACTOR * freshS,
    lkg: nav.anomaly !== null,
    nav: nav.nav,
    nav_usd: nav.nav,
    total_equity: nav.nav,
    peak_equity: risk?.dd_state.drawdown.peak ?? null,
    drawdown: risk?.dd_frac ?? null,
    drawdown_pct: risk?.dd_frac ?? null,
    drawdown_abs: risk?.dd_state.drawdown.dd_abs ?? null,
    realized_pnl_today: risk?.dd_state.drawdown.realized_today ?? null,
    unrealized_pnl: nav.unrealized_pnl_usd,
    gross_exposure: gross === null ? null : sum(gross),
    net_exposure: net === undefined ? null : sum(net),
    largest_position_value: gross === null ? null : Math.max(0, ...gross),
    aum: nav.aum,
    series,
  };
}

type Series = Payload<"nav_state">["series"];

/** Adds the newest point; beyond the maximum half of them go, so the whole span stays. */
function extend(series: Series, nav: Payload<"nav">): Series {
  if (nav.nav === null || nav.nav_ts === null) return series;
  const last = series.at(-1);
  if (last !== undefined && last.t >= nav.nav_ts) return series;
  const point = {
    t: nav.nav_ts,
    nav: nav.nav,
    total_equity: nav.nav,
    unrealized_pnl: nav.unrealized_pnl_usd,
  };
  const next = [...series, point];
  return next.length <= SERIES_MAX ? next : thinned(next);
}

/**
 * At most half as many points: the first of each cell of time, and the newest. Cells are twice as
 * long every time they grow, so what has been thinned before falls into them evenly.
 */
function thinned(series: Series): Series {
  const timeOf = ({ t }: Series[number]) => Date.parse(t);
  const last = series.at(-1)!;
  const wantedMs = (timeOf(last) - timeOf(series[0]!)) / (SERIES_MAX / 2);
  const cellMs = MS_PER_SECOND * 2 ** Math.ceil(Math.log2(Math.max(1, wantedMs / MS_PER_SECOND)));
  const cellOf = (point: Series[number]) => Math.floor(timeOf(point) / cellMs);
  return series.filter((point, i) =>
    point === last || i === 0 || cellOf(point) !== cellOf(series[i - 1]!)
  );
}

/** Copies on a timer of its own; a failure here cannot touch the executor. */
export class Mirror {
  readonly #store: Store;
  readonly #writer: Writer<"mirror">;
  readonly #onWrite: () => void;
  readonly #onError: (message: string) => void;
  #seq = 0;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    store: Store,
    { onWrite, onError }: { onWrite: () => void; onError: (message: string) => void },
  ) {
    this.#store = store;
    this.#writer = store.claim("mirror");
    this.#onWrite = onWrite;
    this.#onError = onError;
  }

  /** Takes up the history of an earlier process. */
  remember(before: Payload<"nav_state">): void {
    this.#seq = before.mirror_seq;
    const { schema_version, updated_ts, seq, run_id, env, writer, wall_ts, speed } = before;
    const envelope = { schema_version, updated_ts, seq, run_id, env, writer, wall_ts, speed };
    this.#writer.put("nav_state", envelope, bodyOf(before));
  }

  /** The first copy as soon as there is something to copy, then one every period. */
  start(periodMs: number): void {
    const stop = this.#store.onChange(() => {
      stop();
      this.#copyOrTell();
    });
    this.#timer = setInterval(() => this.#copyOrTell(), periodMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #copyOrTell(): void {
    try {
      this.copy();
    } catch (error) {
      this.#onError(`nav_state: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  copy(): void {
    const nav = this.#store.get("nav");
    const before = this.#store.get("nav_state");
    const sources = {
      nav,
      risk: this.#store.get("risk_snapshot"),
      positions: this.#store.get("positions_state"),
    };
    this.#seq += 1;
    const wallMs = Date.now();
    const body = mirrorNav(sources, before, { mirrorSeq: this.#seq, wallMs });
    const source = body?.lkg && before !== undefined ? before : nav ?? before;
    if (body === null || source === undefined) return;
    this.#writer.put("nav_state", {
      schema_version: source.schema_version,
      updated_ts: source.updated_ts,
      seq: source.seq,
      run_id: source.run_id,
      env: source.env,
      writer: "mirror",
      wall_ts: iso(wallMs),
      speed: source.speed,
    }, body);
    this.#writer.commit();
    this.#onWrite();
  }
}

function bodyOf(payload: Payload<"nav_state">): Body<"nav_state"> {
  const { schema_version: _v, updated_ts: _u, seq: _s, run_id: _r, env: _e, writer: _w, ...rest } =
    payload;
  const { wall_ts: _wall, speed: _speed, ...body } = rest;
  return body;
}
