/**
 * The mirror: a pure copy of NAV, drawdown and exposure with the history of NAV. It owns
 * `nav_state` and nothing else, never asks the venue and has no opinion about the peak.
 */
import { MS_PER_SECOND } from "../core/units.ts";
import type { NavPoint } from "./nav_series.ts";
import type { Store, Writer } from "./store.ts";
import type { Body, Payload } from "./surfaces/mod.ts";
import { iso, type Regression } from "./surfaces/surface.ts";

/** NAV older than this many freshness limits makes the copy stale. */
const STALE_FACTOR = 3;

export type Sources = {
  readonly nav: Payload<"nav"> | undefined;
  readonly risk: Payload<"risk_snapshot"> | undefined;
  readonly positions: Payload<"positions_state"> | undefined;
  /** The history of NAV, spaced evenly, oldest first. */
  readonly history: readonly NavPoint[];
};

/** How far the source went back; null where it did not. */
export function regressionOf(
  nav: Payload<"nav"> | undefined,
  before: Payload<"nav_state"> | undefined,
): Regression | null {
  if (nav === undefined || before === undefined || nav.updated_ts >= before.updated_ts) return null;
  return { fromTs: before.updated_ts, toTs: nav.updated_ts };
}

/** The next copy from the sources and the copy before; pure. */
export function mirrorNav(
  { nav, risk, positions, history }: Sources,
  before: Payload<"nav_state"> | undefined,
  { mirrorSeq, wallMs }: { mirrorSeq: number; wallMs: number },
): Body<"nav_state"> | null {
  const freshS = risk?.nav_health.threshold_s ?? null;
  const isStale = (age: number | null) =>
    age === null || freshS === null || age > STALE_FACTOR * freshS;
  if (nav === undefined || regressionOf(nav, before) !== null) {
    if (before === undefined) return null;
    const age = agedBy(before, wallMs);
    const told = { mirrored_ts: iso(wallMs), mirror_seq: mirrorSeq, age_s: age };
    return { ...bodyOf(before), ...told, stale: isStale(age), lkg: true };
  }
  const age = nav.nav_age_s;
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
    stale: isStale(age),
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
    series: withPresent(history, nav),
  };
}

/** How old the values of a copy are by now: its source's clock is not seen, so the machine's counts. */
function agedBy(
  { age_s, mirrored_ts, speed }: Payload<"nav_state">,
  wallMs: number,
): number | null {
  if (age_s === null) return null;
  const wallS = Math.max(0, wallMs - Date.parse(mirrored_ts)) / MS_PER_SECOND;
  return age_s + wallS * (speed || 1);
}

/** The history up to the present point; unknown is no point of the curve. */
function withPresent(
  history: readonly NavPoint[],
  { nav, nav_ts, unrealized_pnl_usd }: Payload<"nav">,
): NavPoint[] {
  if (nav === null || nav_ts === null) return [...history];
  const earlier = history.filter(({ t }) => t < nav_ts);
  return [...earlier, { t: nav_ts, nav, total_equity: nav, unrealized_pnl: unrealized_pnl_usd }];
}

/**
 * Copies on a timer of its own, and when the source has moved by as much in its own time; a failure
 * here cannot touch the executor.
 */
export class Mirror {
  readonly #store: Store;
  readonly #historyOf: () => readonly NavPoint[];
  readonly #writer: Writer<"mirror">;
  readonly #onWrite: () => void;
  readonly #onError: (message: string) => void;
  #seq = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #stop: () => void = () => {};
  /** The source's time when it was last looked at. */
  #seenMs: number | null = null;

  constructor(
    store: Store,
    { historyOf, onWrite, onError }: {
      historyOf: () => readonly NavPoint[];
      onWrite: () => void;
      onError: (message: string) => void;
    },
  ) {
    this.#store = store;
    this.#historyOf = historyOf;
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

  /** The first copy as soon as there is something to copy, then one every period of either clock. */
  start(periodMs: number): void {
    this.#stop = this.#store.onChange(() => {
      const nav = this.#store.get("nav");
      if (nav === undefined) return;
      const atMs = Date.parse(nav.updated_ts);
      if (this.#seenMs !== null && Math.abs(atMs - this.#seenMs) < periodMs) return;
      this.#copyOrTell();
    });
    this.#timer = setInterval(() => this.#copyOrTell(), periodMs);
  }

  /** Set where the source went back behind what has been copied, for as long as it is there. */
  get regression(): Regression | null {
    return regressionOf(this.#store.get("nav"), this.#store.get("nav_state"));
  }

  stop(): void {
    this.#stop();
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
      history: this.#historyOf(),
    };
    this.#seenMs = nav === undefined ? null : Date.parse(nav.updated_ts);
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
