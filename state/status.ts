/** One screen of text from `logs/state`: is it alive, is the money safe, what is held, what blocks? */
import { MS_PER_SECOND } from "../core/units.ts";
import { readIfThere } from "./files.ts";
import { type Payload, type SurfaceName, SURFACES } from "./surfaces/mod.ts";

/** The engine looks dead when its last sign of life is older than this. */
const DEAD_MS = 15_000;
const SIGNIFICANT_DIGITS = 7;
const VETOES_SHOWN = 5;

export type Status = {
  /** Alive, with every surface whole, and nothing that is worse than a notice. */
  readonly isWell: boolean;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
};

type Told = { readonly [N in SurfaceName]: Payload<N> | null };
type Diagnostics = Payload<"diagnostics">["runtime_diagnostics"];

/** Reads the surfaces as any outside reader would; a missing or broken one is told, not guessed. */
export async function readStatus(folder: string, wallMs: number): Promise<Status> {
  const { told, problems } = await readAll(folder);
  const { nav, risk_snapshot: risk, positions_ledger: ledger, diagnostics, engine_metadata } = told;
  if (engine_metadata === null || diagnostics === null) {
    const text = `no engine has written ${folder}, or what it wrote cannot be read\n`;
    return { isWell: false, text, json: { alive: false, unreadable: problems } };
  }
  const meta = engine_metadata;
  const ageMs = Math.max(0, wallMs - Date.parse(diagnostics.wall_ts));
  const alive = meta.status === "running" && ageMs <= DEAD_MS;
  const { runtime_diagnostics: runtime } = diagnostics;
  const lines = [
    `${meta.env}${speedText(meta.speed)}  ${alive ? "alive" : lifeText(meta.status, ageMs)}  ` +
    `last sign of life ${ageText(ageMs)} ago, tick ${meta.seq}, engine time ${meta.updated_ts}`,
    `operator ${runtime.operator_state.state}  risk ${risk?.risk_mode ?? "UNKNOWN"}` +
    `  ${risk?.risk_mode_reason ?? "risk_snapshot.json cannot be read"}`,
    `NAV ${usd(nav?.nav ?? null)}  drawdown ${frac(risk?.dd_frac ?? null)}` +
    `  day loss ${frac(risk?.daily_loss_frac ?? null)}` +
    `  gross ${frac(risk?.exposure.gross_nav_pct ?? null)}` +
    `  NAV age ${nav?.nav_age_s ?? "unknown"} s`,
    ...problems.map((problem) => `cannot be read: ${problem}`),
    ...circuitLines(risk),
    "",
    ...attentionLines(runtime.attention),
    ...positionLines(told),
    "",
    "vetoes of the last hour",
    ...vetoLines(runtime.veto_counters.heat.rows),
  ];
  const json = {
    alive,
    age_s: ageMs / MS_PER_SECOND,
    env: meta.env,
    status: meta.status,
    seq: meta.seq,
    updated_ts: meta.updated_ts,
    unreadable: problems,
    nav: nav?.nav ?? null,
    drawdown: risk?.dd_frac ?? null,
    risk_mode: risk?.risk_mode ?? null,
    circuits: risk?.circuits.filter(({ active }) => active) ?? null,
    operator: runtime.operator_state.state,
    attention: runtime.attention,
    positions_read_ok: told.positions_state?.read_ok ?? null,
    positions: ledger?.entries ?? null,
    vetoes_1h: runtime.veto_counters.heat.rows,
  };
  const isWell = alive && problems.length === 0 && !warns(runtime);
  return { isWell, text: `${lines.join("\n")}\n`, json };
}

/** Every surface, null where it cannot be read, and what is wrong with those. */
async function readAll(folder: string): Promise<{ told: Told; problems: readonly string[] }> {
  const problems: string[] = [];
  const entries = await Promise.all((Object.keys(SURFACES) as SurfaceName[]).map(async (name) => {
    const read = await readOne(folder, name);
    if ("problem" in read) problems.push(`${SURFACES[name].file} ${read.problem}`);
    return [name, "payload" in read ? read.payload : null] as const;
  }));
  return { told: Object.fromEntries(entries) as Told, problems: problems.toSorted() };
}

async function readOne(
  folder: string,
  name: SurfaceName,
): Promise<{ payload: unknown } | { problem: string }> {
  const text = await readIfThere(`${folder}/${SURFACES[name].file}`);
  if (text === null) return { problem: "is missing" };
  try {
    const parsed = SURFACES[name].schema.safeParse(JSON.parse(text));
    return parsed.success ? { payload: parsed.data } : { problem: "does not fit its schema" };
  } catch {
    return { problem: "is no JSON" };
  }
}

/** Something wants a look: a notice is none. */
function warns({ attention }: Diagnostics): boolean {
  return attention.some(({ level }) => level !== "info");
}

/** What blocks entries, and what opens it again. */
function circuitLines(risk: Payload<"risk_snapshot"> | null): string[] {
  const active = risk?.circuits.filter((circuit) => circuit.active) ?? [];
  return active.map(({ id, since, resume }) =>
    `blocked by ${id}${since === null ? "" : ` since ${since}`}, opens ${resume}`
  );
}

function attentionLines(items: Diagnostics["attention"]) {
  if (items.length === 0) return ["attention: nothing", ""];
  const lines = items.map(({ id, level, since }) => `  ${level.padEnd(8)} ${id}  since ${since}`);
  return ["attention", ...lines, ""];
}

function positionLines({ positions_ledger: ledger, positions_state: shown }: Told): string[] {
  if (ledger === null) return ["positions: unknown, positions_ledger.json cannot be read"];
  if (ledger.entries.length === 0) return [`positions: ${emptyBookText(shown)}`];
  const rows = ledger.entries.map((entry) => [
    entry.position_key,
    String(entry.qty),
    `entry ${px(entry.entry_price)}`,
    `mark ${px(entry.mark_price)}`,
    `pnl ${usd(entry.unrealized_pnl)}`,
    entry.sl === null ? "NO STOP" : `stop ${px(entry.sl)}`,
    entry.tp === null ? "no target" : `target ${px(entry.tp)}`,
    entry.protective === null ? "not resting" : `resting ${entry.protective.status}`,
  ]);
  const widths = rows[0]!.map((_cell, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ")}`);
  return ["positions", ...lines.map((line) => line.trimEnd())];
}

/** A book without positions is flat when the exchange said so, and not before. */
function emptyBookText(shown: Payload<"positions_state"> | null): string {
  if (shown === null) return "unknown, positions_state.json cannot be read";
  if (shown.last_ok_ts === null) return "unknown, the account has not been read yet";
  const { positions, quarantined } = shown;
  const count = positions.length + quarantined.length;
  if (count > 0) return `none in the book, ${count} at the exchange`;
  return shown.read_ok ? "flat" : `flat when the account was last read, at ${shown.last_ok_ts}`;
}

function vetoLines(rows: readonly { reason: string; total: number }[]): string[] {
  if (rows.length === 0) return ["  none"];
  return rows.slice(0, VETOES_SHOWN).map(({ reason, total }) => `  ${reason.padEnd(24)} ${total}`);
}

function speedText(speed: number | null): string {
  return speed === null ? "" : speed === 0 ? " at full speed" : ` at ${speed}x`;
}

function lifeText(status: string, ageMs: number): string {
  return status === "stopped" ? "STOPPED" : `DEAD for ${ageText(ageMs)}`;
}

function ageText(ms: number): string {
  const s = Math.floor(ms / 1_000);
  if (s < 60) return `${s} s`;
  if (s < 3_600) return `${Math.floor(s / 60)} m`;
  const [h, d] = [Math.floor(s / 3_600), Math.floor(s / 86_400)];
  return d === 0 ? `${h} h ${Math.floor((s % 3_600) / 60)} m` : `${d} d ${h % 24} h`;
}

function usd(value: number | null): string {
  return value === null ? "unknown" : `${value < 0 ? "-" : ""}$${Math.abs(value).toFixed(2)}`;
}

/** A price as a person reads it: the surfaces hold every digit. */
function px(value: number | null): string {
  return value === null ? "unknown" : String(Number(value.toPrecision(SIGNIFICANT_DIGITS)));
}

function frac(value: number | null): string {
  return value === null ? "unknown" : `${(value * 100).toFixed(2)} %`;
}
