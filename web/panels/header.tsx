/** The line over everything: which engine, what verdict, which state, and whether it is alive. */
import * as f from "../format.ts";
import { LEVEL_GLYPH, verdictOf } from "../verdict.ts";
import { vitalsOf } from "../vitals.ts";
import type { Moment, Panel, State } from "./panel.ts";

type Seen = Pick<State, "diagnostics" | "engine_metadata" | "risk_snapshot" | "router_health">;

export const header: Panel<keyof Seen> = {
  id: "header",
  title: "State of the engine",
  place: "head",
  reads: ["diagnostics", "engine_metadata", "risk_snapshot", "router_health"],
  View: (state, at) => (
    <div class="top">
      <b class="brand">ballast</b>
      <Environment {...state} />
      <Verdict state={state} at={at} />
      <span class="badges">
        <Drawdown {...state} />
        <Router {...state} />
        <Risk {...state} />
      </span>
      <span class="space" />
      <LinkState state={state} at={at} />
      <time class="clock" dateTime={new Date(at.nowMs).toISOString()}>{f.clock(at.nowMs)} UTC</time>
      <span class="read-only" title="This page shows; it commands nothing.">read-only</span>
    </div>
  ),
};

const ENVIRONMENT = {
  sim: "simulation",
  paper: "PAPER",
  testnet: "TESTNET",
  live: "LIVE",
} as const;

function Environment({ engine_metadata: meta }: Seen) {
  if (meta === undefined) {
    return <span class="env" title="engine_metadata.json: not published">UNKNOWN</span>;
  }
  const speed = meta.env === "sim" ? ` · ${speedOf(meta.speed)}` : "";
  return (
    <span class={`env env-${meta.env}`} title={`venue ${meta.venue}, prices ${meta.feed}`}>
      {ENVIRONMENT[meta.env] + speed}
    </span>
  );
}

function speedOf(speed: number | null): string {
  if (speed === null) return "1×";
  return speed === 0 ? "full speed" : `${speed}×`;
}

/** Screen readers hear a change of the verdict, not every second of silence. */
function Verdict({ state, at }: { state: Seen; at: Moment }) {
  const { level, text, silence } = verdictOf(state, at);
  return (
    <span class={`verdict v-${level}`}>
      <span role="status" data-field="verdict">{`${LEVEL_GLYPH[level]} ${text}`}</span>
      {silence === null ? null : <span data-field="silence">{` ${silence}`}</span>}
    </span>
  );
}

type Tone = "" | "warn" | "bad" | "unknown";
const TONE_GLYPH: Readonly<Record<Tone, string>> = { "": "", warn: "▲ ", bad: "✖ ", unknown: "? " };

/** How much of a word stays where there is no room for all of it. */
const SHORT = 4;

function Badge({ name, short, value, rest = "", tone, title }: {
  name: string;
  short: string;
  value: string;
  /** Said only where there is room. */
  rest?: string | undefined;
  tone: Tone;
  title: string;
}) {
  return (
    <span class={`badge ${tone}`} title={title}>
      <span class="wide">{name}</span>
      <span class="narrow">{short}</span>{" "}
      <b>
        {TONE_GLYPH[tone] + (tone === "unknown" ? value : value.slice(0, SHORT))}
        <span class="wide">{tone === "unknown" ? "" : value.slice(SHORT) + rest}</span>
      </b>
    </span>
  );
}

function Drawdown({ risk_snapshot: risk }: Seen) {
  const state = risk?.dd_state.state ?? "UNKNOWN";
  const tone = state === "UNKNOWN" ? "unknown" : state === "DRAWDOWN" ? "warn" : "";
  const title = risk === undefined ? "risk_snapshot.json: not published" : "State of the drawdown";
  return <Badge name="DD" short="DD" value={state} tone={tone} title={title} />;
}

function Router({ router_health: health }: Seen) {
  const { label, insufficient, quality_score: score } = health?.global ?? { label: "UNKNOWN" };
  const known = score !== undefined && !insufficient;
  const title = health === undefined
    ? "router_health.json: not published"
    : known
    ? "Quality of execution, 0 to 1"
    : "Too few orders to judge";
  const tone = !known ? "unknown" : label === "WEAK" ? "warn" : "";
  const value = known ? f.score(score) : "UNKNOWN";
  const rest = ` ${label}`;
  return <Badge name="Router" short="Rtr" value={value} rest={rest} tone={tone} title={title} />;
}

function Risk({ risk_snapshot: risk }: Seen) {
  const mode = risk?.risk_mode;
  const value = mode === undefined ? "UNKNOWN" : mode === "OK" ? "NORMAL" : mode;
  const tone = mode === undefined
    ? "unknown"
    : mode === "OK"
    ? ""
    : mode === "HALTED"
    ? "bad"
    : "warn";
  const title = risk?.risk_mode_reason ?? "risk_snapshot.json: not published";
  return <Badge name="Risk" short="Risk" value={value} tone={tone} title={title} />;
}

function LinkState({ state, at }: { state: Seen; at: Moment }) {
  const { ageMs } = vitalsOf(state, at);
  const loop = ageMs === null ? "no loop yet" : `loop ${f.age(ageMs / 1_000)}`;
  const [mark, word] = {
    static: ["○", "snapshot"],
    live: ["●", "live"],
    lost: ["○", "reconnecting"],
    bye: ["✖", "stopped"],
  }[at.link.kind] as [string, string];
  return (
    <span class="link" title="How this page is connected, and the engine's last sign of life">
      <span class="link-word">{mark} {word}</span>
      <span class="dim">{` ${loop}`}</span>{" "}
      {at.link.outdated ? <a href="/">new version: reload</a> : null}
    </span>
  );
}
