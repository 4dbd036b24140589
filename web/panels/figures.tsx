/** The small pieces that panels share: money with its direction, the unknown, bars against a cap. */
import type { ComponentChildren } from "preact";
import * as f from "../format.ts";

type Maybe = number | null | undefined;

/** From this share of a cap on, a value is near it. */
const NEAR_FRAC = 0.7;

/** What is not known says so, and why. */
export function Unknown({ why }: { why: string }) {
  return <span class="none" title={why}>{f.MISSING}</span>;
}

/** Money that came or went: glyph, sign and colour say the same thing three times. */
export function Money({ usd, why, field, glyph = true }: {
  usd: Maybe;
  why: string;
  field?: string;
  glyph?: boolean;
}) {
  if (usd == null) return <Unknown why={why} />;
  const direction = f.directionOf(usd);
  const mark = glyph ? `${f.GLYPH[direction]} ` : "";
  return <span class={direction} data-field={field}>{mark + f.signedUsd(usd)}</span>;
}

export function Side({ side }: { side: "LONG" | "SHORT" }) {
  return side === "LONG"
    ? <span class="side up">▲ LONG</span>
    : <span class="side down">▼ SHORT</span>;
}

export type Nearness = "calm" | "near" | "over";

/** One rule for every cap: near from 0.70, over from 1. */
export function nearness(value: number, cap: number): Nearness {
  const used = value / cap;
  if (used >= 1) return "over";
  return used >= NEAR_FRAC ? "near" : "calm";
}

const MARK: Readonly<Record<Nearness, ComponentChildren>> = {
  calm: null,
  near: <span class="warn">▲</span>,
  over: <span class="bad">✖</span>,
};

/** A value against its cap. Without a cap there is no bar; an unknown value has none either. */
export function Meter({ label, value, cap, text, why }: {
  label: string;
  value: Maybe;
  cap: Maybe;
  text: string;
  why: string;
}) {
  const isBar = value != null && cap != null && cap > 0;
  const near = isBar ? nearness(value, cap) : "calm";
  return (
    <div class="bar">
      <span>{label}</span>
      <span class="num" title={value == null ? why : undefined}>
        {MARK[near]} {cap != null && cap > 0 ? text : `${text} · no cap`}
      </span>
      {isBar
        ? (
          <svg
            class="meter"
            viewBox="0 0 100 6"
            preserveAspectRatio="none"
            role="meter"
            aria-label={label}
            aria-valuemin={0}
            aria-valuemax={Number(cap.toFixed(4))}
            aria-valuenow={Number(value.toFixed(4))}
            aria-valuetext={text}
          >
            <rect class="m-track" width="100" height="6" />
            <rect class={`m-${near}`} width={width(value / cap)} height="6" />
            <rect class="m-tick" x={100 * NEAR_FRAC} width="0.4" height="6" />
          </svg>
        )
        : <span class="meter no-bar" />}
    </div>
  );
}

function width(used: number): string {
  return (100 * Math.min(1, Math.max(0, used))).toFixed(1);
}

/** Symbols without the quote asset, when all of them share it. */
export function shortNames(symbols: readonly string[]): (symbol: string) => string {
  const shared = symbols.every((symbol) => symbol.endsWith("USDT"));
  return (symbol) => shared ? symbol.slice(0, -"USDT".length) : symbol;
}
