/**
 * What a panel is: a pure view of the surfaces it names. It sees nothing else, does no I/O and has
 * no clock: the moment comes in as an argument.
 */
import type { ComponentChildren } from "preact";
import type { Payload, SurfaceName } from "../../state/store.ts";

/** The surfaces as far as they have been published. */
export type State = { readonly [N in SurfaceName]?: Payload<N> | undefined };

/** How the page is connected to the engine. */
export type Link = {
  /** `static`: no script keeps this page alive. `bye`: the server said that it stops. */
  readonly kind: "static" | "live" | "lost" | "bye";
  /** When the server was last heard, on its own clock. */
  readonly heardMs: number;
  /** The server runs another build than the one this page came from. */
  readonly outdated: boolean;
};

/** Everything a view may know beside the surfaces. */
export type Moment = {
  /** The server's wall clock. */
  readonly nowMs: number;
  readonly link: Link;
  /** How many surfaces are as fresh as their cadence promises. */
  readonly surfaces: { readonly fresh: number; readonly total: number };
};

export interface Panel<N extends SurfaceName = SurfaceName> {
  readonly id: string;
  readonly title: string;
  /** `bar`: across the page; a number: columns of the grid of twelve below the bars. */
  readonly place: "head" | "bar" | "foot" | 3 | 4 | 5 | 8;
  readonly reads: readonly N[];
  /** A few words beside the title: the panel's age and sums. */
  readonly note?: (state: Pick<State, N>, at: Moment) => ComponentChildren;
  readonly View: (state: Pick<State, N>, at: Moment) => ComponentChildren;
}
