/** What travels from the server to the page: once with it, then as events. Types only. */
import type { Moment, State } from "./panels/panel.ts";

/** Surfaces that changed, with the server's clock. */
export type Push = {
  readonly now: number;
  readonly surfaces: Moment["surfaces"];
  readonly state: State;
};

/** What the page begins with. `id` is where its events go on. */
export type Boot = Push & { readonly id: string; readonly build: string };

export type Hello = { readonly build: string; readonly seq: number | null; readonly now: number };

/** A sign of life while nothing changes. */
export type Beat = {
  readonly now: number;
  readonly loop_age_s: number | null;
  readonly surfaces: Moment["surfaces"];
};
