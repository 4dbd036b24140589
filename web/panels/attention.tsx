/** What needs attention, worst first and among equals the oldest first. */
import type { ComponentChildren } from "preact";
import * as f from "../format.ts";
import { type Level, LEVEL_GLYPH } from "../verdict.ts";
import { vitalsOf } from "../vitals.ts";
import type { Moment, Panel, State } from "./panel.ts";
import { tell } from "./words.ts";

type Seen = Pick<State, "diagnostics">;
type Item = NonNullable<Seen["diagnostics"]>["runtime_diagnostics"]["attention"][number];

const SHOWN = 3;
const SHOWN_NARROW = 2;
const ORDER: readonly Level[] = ["blind", "critical", "warn", "info"];

export const attention: Panel<"diagnostics"> = {
  id: "attention",
  title: "Needs attention",
  place: "bar",
  reads: ["diagnostics"],
  View: (state, at) => <Attention state={state} at={at} />,
};

function Attention({ state, at }: { state: Seen; at: Moment }) {
  const { diagnostics } = state;
  if (diagnostics === undefined) {
    return (
      <p class="calm">? What needs attention is unknown: diagnostics.json is not published.</p>
    );
  }
  const items = diagnostics.runtime_diagnostics.attention.toSorted((a, b) =>
    ORDER.indexOf(a.level) - ORDER.indexOf(b.level) || (a.since < b.since ? -1 : 1)
  );
  if (items.length === 0) {
    return (
      <p class="calm">
        {vitalsOf(state, at).blind
          ? "? Nothing needed attention when the engine was last heard."
          : "Nothing needs attention."}
      </p>
    );
  }
  const nowMs = Date.parse(diagnostics.updated_ts);
  const [more, moreNarrow] = [items.length - SHOWN, items.length - SHOWN_NARROW];
  return (
    <ul class="attention">
      {items.slice(0, SHOWN).map((item, i) => (
        <Row key={item.id} item={item} nowMs={nowMs}>
          {i === SHOWN - 1 && more > 0 ? <b class="wide">{` · +${more} more`}</b> : null}
          {i === SHOWN_NARROW - 1 && moreNarrow > 0
            ? <b class="narrow">{` · +${moreNarrow} more`}</b>
            : null}
        </Row>
      ))}
    </ul>
  );
}

function Row({ item, nowMs, children }: {
  item: Item;
  nowMs: number;
  children: ComponentChildren;
}) {
  const { what, proof } = tell(item, nowMs);
  const sinceMs = Date.parse(item.since);
  return (
    <li class={`item l-${item.level}`}>
      <b class="what">{`${LEVEL_GLYPH[item.level]} ${what}`}</b>
      <span>{proof}</span>
      <span class="since dim">
        since <time dateTime={item.since}>{f.when(sinceMs, nowMs)}</time>
        {` · ${f.age((nowMs - sinceMs) / 1_000)}`}
        {children}
      </span>
    </li>
  );
}
