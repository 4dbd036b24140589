/** The page "Now": every panel at its place. The same tree on the server and in the browser. */
import { Component, type ComponentChildren } from "preact";
import { vitalsOf } from "../vitals.ts";
import { PANELS } from "./mod.ts";
import type { Moment, Panel, State } from "./panel.ts";

/** Where the figures come from: values on the server, signals in the browser. */
export type Source = {
  readonly read: <N extends keyof State>(name: N) => State[N];
  readonly moment: () => Moment;
};

export function Page({ source }: { source: Source }) {
  const diagnostics = source.read("diagnostics");
  const { blind } = vitalsOf({ diagnostics }, source.moment());
  const place = (wanted: Panel["place"]) =>
    PANELS.filter((panel) => panel.place === wanted)
      .map((panel) => <Bare key={panel.id} panel={panel} source={source} />);
  return (
    <div class={blind ? "page blind" : "page"}>
      <a class="skip" href="#positions">Skip to positions</a>
      <h1 class="hidden">ballast: now</h1>
      <header>{place("head")}</header>
      <main>
        {place("bar")}
        <div class="grid">
          {PANELS.filter(({ place }) => typeof place === "number")
            .map((panel) => <Card key={panel.id} panel={panel} source={source} />)}
        </div>
      </main>
      <footer>{place("foot")}</footer>
    </div>
  );
}

type Placed = { readonly panel: Panel; readonly source: Source };

function Bare({ panel, source }: Placed) {
  const body = <Body panel={panel} source={source} />;
  return panel.place === "bar" ? <section aria-label={panel.title}>{body}</section> : body;
}

function Card({ panel, source }: Placed) {
  const { id, title, place, note } = panel;
  return (
    <section id={id} class={`card span-${place}`} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>
        {title} {note === undefined ? null : (
          <Contained title={title}>
            <Note panel={panel} source={source} />
          </Contained>
        )}
      </h2>
      <Body panel={panel} source={source} />
    </section>
  );
}

function Note({ panel, source }: Placed) {
  return <small class="dim">{panel.note?.(stateOf(panel, source), source.moment())}</small>;
}

function Body({ panel, source }: Placed) {
  return (
    <Contained title={panel.title}>
      <Content panel={panel} source={source} />
    </Contained>
  );
}

function Content({ panel, source }: Placed) {
  return <>{panel.View(stateOf(panel, source), source.moment())}</>;
}

/** A panel is given what it names and nothing else. */
function stateOf({ reads }: Panel, source: Source): State {
  return Object.fromEntries(reads.map((name) => [name, source.read(name)]));
}

/** A panel that fails says so and leaves the others alone. */
class Contained extends Component<
  { title: string; children: ComponentChildren },
  { failed: boolean }
> {
  override state = { failed: false };

  static override getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed
      ? <p class="unknown">? "{this.props.title}" could not be shown.</p>
      : this.props.children;
  }
}
