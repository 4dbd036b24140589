/** Where a position leaves: stop on the left, target on the right, the mark between them. */
import * as f from "../format.ts";

export type Levels = {
  readonly side: "LONG" | "SHORT";
  readonly entryPx: number;
  readonly markPx: number;
  readonly slPx: number | null;
  readonly tpPx: number | null;
};

const WIDTH = 84;

/** What is missing is said in words; without a stop there is no picture at all. */
export function Bracket({ side, entryPx, markPx, slPx, tpPx }: Levels) {
  if (slPx === null) {
    return <b class="bad">✖ {tpPx === null ? "NO TP/SL" : `NO SL · TP ${away(tpPx)}`}</b>;
  }
  const text = `SL ${away(slPx)} · ${tpPx === null ? "no TP" : `TP ${away(tpPx)}`}`;
  const farPx = tpPx ?? 2 * entryPx - slPx;
  const at = (px: number) => {
    const share = (px - slPx) / (farPx - slPx);
    return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) * WIDTH : 0;
  };
  const [entry, mark] = [at(entryPx), at(markPx)];
  const target = tpPx === null ? "none" : f.price(tpPx);
  return (
    <>
      <svg
        class="bracket"
        viewBox={`0 0 ${WIDTH} 12`}
        role="img"
        aria-label={`stop ${f.price(slPx)}, mark ${f.price(markPx)}, target ${target}`}
      >
        <rect class="b-loss" y="3" width={entry.toFixed(1)} height="6" />
        {tpPx === null ? null : (
          <rect
            class="b-gain"
            x={entry.toFixed(1)}
            y="3"
            width={(WIDTH - entry).toFixed(1)}
            height="6"
          />
        )}
        <rect class="b-mark" x={Math.min(mark, WIDTH - 2).toFixed(1)} width="2" height="12" />
      </svg>
      <small>{text}</small>
    </>
  );

  function away(px: number): string {
    return f.distance((side === "LONG" ? 1 : -1) * (px / markPx - 1));
  }
}
