/** The one word over everything: the worst item that needs attention, or that nothing is known. */
import type { Moment, State } from "./panels/panel.ts";
import { age, MISSING, plural, signedUsd, usd } from "./format.ts";
import { vitalsOf } from "./vitals.ts";

export type Level = "ok" | "info" | "warn" | "critical" | "blind";
export const LEVEL_GLYPH: Readonly<Record<Level, string>> = {
  ok: "✓",
  info: "i",
  warn: "▲",
  critical: "✖",
  blind: "?",
};

export type Verdict = {
  readonly level: Level;
  readonly text: string;
  /** How many items of this level are open. */
  readonly count: number;
  /** How long the page has been blind; apart from the text because it ticks. */
  readonly silence: string | null;
};

export function verdictOf(state: Pick<State, "diagnostics">, at: Moment): Verdict {
  const vitals = vitalsOf(state, at);
  if (vitals.blind) {
    const silence = vitals.ageMs === null ? vitals.why : age(vitals.ageMs / 1_000);
    return { level: "blind", text: "BLIND", count: 0, silence };
  }
  const items = state.diagnostics?.runtime_diagnostics.attention ?? [];
  const of = (level: string) => items.filter((item) => item.level === level).length;
  const [critical, warn, info] = [of("critical") + of("blind"), of("warn"), of("info")];
  const alarm = (level: Level, count: number, text: string) => ({
    level,
    count,
    text,
    silence: null,
  });
  const warnings = plural(warn, "warning");
  if (critical > 0) {
    return alarm("critical", critical, `${critical} critical${warn > 0 ? ` · ${warnings}` : ""}`);
  }
  if (warn > 0) return alarm("warn", warn, warnings);
  return info > 0 ? alarm("info", info, plural(info, "note")) : alarm("ok", 0, "OK");
}

/** The title of the browser's tab: the verdict, the day's result, NAV. */
export function titleOf(state: Pick<State, "diagnostics" | "nav" | "kpis_v7">, at: Moment): string {
  const { level, count, text } = verdictOf(state, at);
  const mark = level === "blind" ? `? ${text}` : `${LEVEL_GLYPH[level]}${count || ""}`;
  const result = dayResult(state);
  const figures = [signedUsd(result?.usd), usd(state.nav?.nav)].filter((text) => text !== MISSING);
  return [[mark, figures[0]].filter(Boolean).join(" "), ...figures.slice(1), "ballast"].join(" · ");
}

export type DayResult = {
  readonly usd: number;
  readonly realizedUsd: number;
  readonly feesUsd: number;
  readonly fundingUsd: number;
};

/** What the day has brought so far: realised, less fees, plus funding; null if a part is unknown. */
export function dayResult({ kpis_v7: kpis }: Pick<State, "kpis_v7">): DayResult | null {
  const { realized_pnl_today: realizedUsd, fees_today: feesUsd, funding_today: fundingUsd } =
    kpis?.portfolio ?? {};
  if (realizedUsd == null || feesUsd == null || fundingUsd == null) return null;
  return { usd: realizedUsd - feesUsd + fundingUsd, realizedUsd, feesUsd, fundingUsd };
}

const FAVICON: Readonly<Record<Level, string>> = {
  ok: "<circle cx='8' cy='8' r='6' fill='#8494a8'/>",
  info: "<circle cx='8' cy='8' r='6' fill='#5ab4ff'/>",
  warn: "<path d='M8 1l7 14H1z' fill='#f5c542'/>",
  critical: "<path d='M2 4l2-2 4 4 4-4 2 2-4 4 4 4-2 2-4-4-4 4-2-2 4-4z' fill='#ff6b6b'/>",
  blind: "<path d='M1 1h14v14H1z' fill='none' stroke='#7b8ba0' stroke-width='2' " +
    "stroke-dasharray='3 2'/>",
};

/** The tab's icon: its shape says the level, so it can be read without colour. */
export function faviconOf(level: Level): string {
  const svg = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>${FAVICON[level]}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
