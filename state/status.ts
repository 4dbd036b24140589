/** One screen of text from `logs/state`: is it alive, is the money safe, what is held, what blocks? */
import { readIfThere } from "./files.ts";
import { type Payload, type SurfaceName, SURFACES } from "./surfaces/mod.ts";

/** The engine looks dead when its last sign of life is older than this. */
const DEAD_MS = 15_000;
const SIGNIFICANT_DIGITS = 7;
const VETOES_SHOWN = 5;

export type Status = {
  readonly alive: boolean;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
};

/** Reads the surfaces as any outside reader would; a missing or broken one is told, not guessed. */
export async function readStatus(folder: string, wallMs: number): Promise<Status> {
  const [nav, risk, ledger, diagnostics, meta] = await Promise.all([
    read(folder, "nav"),
    read(folder, "risk_snapshot"),
    read(folder, "positions_ledger"),
    read(folder, "diagnostics"),
    read(folder, "engine_metadata"),
  ]);
  if (meta === null || diagnostics === null) {
    const text = `no engine has written ${folder}, or what it wrote cannot be read\n`;
    return { alive: false, text, json: { alive: false } };
  }
  const ageMs = Math.max(0, wallMs - Date.parse(diagnostics.wall_ts));
  const alive = meta.status === "running" && ageMs <= DEAD_MS;
  const { runtime_diagnostics: told } = diagnostics;
  const lines = [
    `${meta.env}${speedText(meta.speed)}  ${alive ? "alive" : lifeText(meta.status, ageMs)}  ` +
    `last sign of life ${ageText(ageMs)} ago, tick ${meta.seq}, engine time ${meta.updated_ts}`,
    `operator ${told.operator_state.state}  risk ${risk?.risk_mode ?? "UNKNOWN"}` +
    `  ${risk?.risk_mode_reason ?? "risk_snapshot.json cannot be read"}`,
    `NAV ${usd(nav?.nav ?? null)}  drawdown ${frac(risk?.dd_frac ?? null)}` +
    `  day loss ${frac(risk?.daily_loss_frac ?? null)}` +
    `  gross ${frac(risk?.exposure.gross_nav_pct ?? null)}` +
    `  NAV age ${nav?.nav_age_s ?? "unknown"} s`,
    ...circuitLines(risk),
    "",
    ...attentionLines(told.attention),
    ...positionLines(ledger),
    "",
    "vetoes of the last hour",
    ...vetoLines(told.veto_counters.heat.rows),
  ];
  const json = {
    alive,
    age_s: ageMs / 1_000,
    env: meta.env,
    status: meta.status,
    seq: meta.seq,
    updated_ts: meta.updated_ts,
    nav: nav?.nav ?? null,
    drawdown: risk?.dd_frac ?? null,
    risk_mode: risk?.risk_mode ?? null,
    circuits: risk?.circuits.filter(({ active }) => active) ?? null,
    operator: told.operator_state.state,
    attention: told.attention,
    positions: ledger?.entries ?? null,
    vetoes_1h: told.veto_counters.heat.rows,
  };
  return { alive, text: `${lines.join("\n")}\n`, json };
}

async function read<N extends SurfaceName>(folder: string, name: N): Promise<Payload<N> | null> {
  const text = await readIfThere(`${folder}/${SURFACES[name].file}`);
  if (text === null) return null;
  try {
    const parsed = SURFACES[name].schema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data as Payload<N> : null;
  } catch {
    return null;
  }
}

/** What blocks entries, and what opens it again. */
function circuitLines(risk: Payload<"risk_snapshot"> | null): string[] {
  const active = risk?.circuits.filter((circuit) => circuit.active) ?? [];
  return active.map(({ id, since, resume }) =>
    `blocked by ${id}${since === null ? "" : ` since ${since}`}, opens ${resume}`
  );
}

function attentionLines(items: Payload<"diagnostics">["runtime_diagnostics"]["attention"]) {
  if (items.length === 0) return ["attention: nothing", ""];
  const lines = items.map(({ id, level, since }) => `  ${level.padEnd(8)} ${id}  since ${since}`);
  return ["attention", ...lines, ""];
}

function positionLines(ledger: Payload<"positions_ledger"> | null): string[] {
  if (ledger === null) return ["positions: unknown, positions_ledger.json cannot be read"];
  if (ledger.entries.length === 0) return ["positions: flat"];
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
