/**
 * The page in the browser: takes over what the server rendered, then follows its events. One signal
 * per surface, one batch per push; whether to believe it all is judged every second.
 */
import { batch, effect, type Signal, signal } from "@preact/signals";
import { hydrate } from "preact";
import { PANELS } from "./panels/mod.ts";
import { Page, type Source } from "./panels/page.tsx";
import type { Moment, State } from "./panels/panel.ts";
import { faviconOf, titleOf, verdictOf } from "./verdict.ts";
import type { Beat, Boot, Hello, Push } from "./wire.ts";

type Name = keyof State;

const TICK_MS = 1_000;
/** The browser reconnects by itself unless the answer was an error. */
const REOPEN_MS = 5_000;

const boot: Boot = JSON.parse(document.getElementById("boot")!.textContent!);
const signals = new Map<Name, Signal>(
  PANELS.flatMap(({ reads }) => reads).map((name) => [name, signal(boot.state[name])]),
);
const source: Source = {
  read: (name) => signals.get(name)?.value,
  moment: () => at.value,
};
const at = signal<Moment>({
  nowMs: boot.now,
  link: { kind: "static", heardMs: boot.now, outdated: false },
  surfaces: boot.surfaces,
});

let lastId = boot.id;
/** The server's clock less ours. */
let aheadMs = boot.now - Date.now();

hydrate(<Page source={source} />, document.getElementById("root")!);

effect(() => {
  const read = <N extends Name>(name: N) => source.read(name);
  const state = {
    diagnostics: read("diagnostics"),
    nav: read("nav"),
    kpis_v7: read("kpis_v7"),
  };
  document.title = titleOf(state, at.value);
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]")!;
  const href = faviconOf(verdictOf(state, at.value).level);
  if (icon.href !== href) icon.href = href;
});

setInterval(() => tell({}), TICK_MS);
follow();

function follow(): void {
  const events = new EventSource(`/events?since=${encodeURIComponent(lastId)}`);
  const on = <T extends { now: number }>(name: string, take: (message: T, id: string) => void) =>
    events.addEventListener(name, ({ data, lastEventId }: MessageEvent<string>) => {
      const message = JSON.parse(data) as T;
      aheadMs = message.now - Date.now();
      batch(() => take(message, lastEventId));
    });
  on<Hello>("hello", ({ now, build }) => {
    tell({ kind: "live", heardMs: now, outdated: build !== boot.build });
  });
  on<Push>("state", ({ now, state, surfaces }, id) => {
    lastId = id;
    for (const name of Object.keys(state) as Name[]) signals.get(name)!.value = state[name];
    tell({ kind: "live", heardMs: now }, surfaces);
  });
  on<Beat>("beat", ({ now, surfaces }) => tell({ kind: "live", heardMs: now }, surfaces));
  on<{ now: number }>("bye", ({ now }) => tell({ kind: "bye", heardMs: now }));
  events.addEventListener("error", () => {
    if (at.value.link.kind !== "bye") tell({ kind: "lost" });
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, REOPEN_MS);
  });
}

function tell(link: Partial<Moment["link"]>, surfaces = at.peek().surfaces): void {
  const before = at.peek();
  at.value = { nowMs: Date.now() + aheadMs, link: { ...before.link, ...link }, surfaces };
}
