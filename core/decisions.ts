/** What became of a wish to open, told with everything it was judged by and how old that was. */
import type { DecisionEvent, DecisionInputs, VetoEvent } from "./events.ts";
import type { Observation } from "./ports.ts";
import type { World } from "./risk/check.ts";
import { spreadBps, touchOf } from "./router/quote.ts";
import type { Figures } from "./strategies/strategy.ts";

/** The wish itself; a veto carries it as well. */
export type Wish = Pick<
  VetoEvent,
  "intentId" | "strategyId" | "ticker" | "side" | "notionalUsd" | "refPx" | "candleCloseMs"
>;

/** How the asking ended: a route was begun, a leg has to go first, or somebody said no. */
export type Outcome =
  | { readonly kind: "ordered"; readonly routeId: string }
  | { readonly kind: "waits" }
  | { readonly kind: "refused"; readonly veto: VetoEvent };

/** What all decisions of one tick are made in. */
export type Scene = {
  readonly seen: Pick<Observation, "nowMs" | "market">;
  readonly world: World;
};

/** Why a wish is judged, and what its strategy had seen; null where no strategy was asked. */
export type Occasion = {
  readonly occasion: DecisionEvent["occasion"];
  readonly figures: Figures | null;
};

/** The decision about one wish. Pure; looks up mark and book of this instant. */
export function decisionOf(
  wish: Wish,
  outcome: Outcome,
  { occasion, figures }: Occasion,
  scene: Scene,
): DecisionEvent {
  const { intentId, strategyId, ticker, side, notionalUsd } = wish;
  const veto = outcome.kind === "refused" ? outcome.veto : null;
  return {
    kind: "decision",
    intentId,
    strategyId,
    ticker,
    side,
    occasion,
    outcome: wordOf(outcome),
    gates: gatesOf(occasion, outcome),
    reason: veto?.reason ?? null,
    codes: veto?.codes ?? [],
    routeId: outcome.kind === "ordered" ? outcome.routeId : null,
    notionalUsd,
    inputs: { ...inputsOf(wish, scene), figures },
  };
}

function wordOf(outcome: Outcome): DecisionEvent["outcome"] {
  if (outcome.kind !== "refused") return outcome.kind;
  const { stage, reason } = outcome.veto;
  if (reason === "dedupe") return "duplicate";
  return stage === "route" ? "refused" : "vetoed";
}

/** Who was asked: a wish whose leg has gone has passed the screener before, a late one meets nobody. */
function gatesOf(occasion: Occasion["occasion"], outcome: Outcome): DecisionEvent["gates"] {
  const veto = outcome.kind === "refused" ? outcome.veto : null;
  const passed = (...gates: VetoEvent["stage"][]) => gates.map((gate) => ({ gate, passed: true }));
  const begun = occasion === "signal" ? passed("screen") : [];
  if (veto === null) {
    return [...begun, ...passed("risk"), ...outcome.kind === "ordered" ? passed("route") : []];
  }
  const said = { gate: veto.stage, passed: false };
  if (veto.stage === "screen" || veto.reason === "flip_timeout") return [said];
  return veto.stage === "risk" ? [...begun, said] : [...begun, ...passed("risk"), said];
}

function inputsOf(
  { ticker, refPx, candleCloseMs }: Wish,
  { seen: { nowMs, market }, world }: Scene,
): Omit<DecisionInputs, "figures"> {
  const [mark, book] = [market.mark(ticker), market.book(ticker)];
  const touch = touchOf(book);
  const { nav } = world.account;
  const known = nav.kind !== "missing";
  return {
    candleCloseMs,
    candleAgeMs: nowMs - candleCloseMs,
    refPx,
    markPx: mark?.px ?? null,
    markAgeMs: mark === null ? null : nowMs - mark.atMs,
    spreadBps: touch === null ? null : spreadBps(touch),
    bookAgeMs: book === null ? null : nowMs - book.atMs,
    navUsd: known ? nav.navUsd : null,
    navAgeMs: known ? nav.ageMs : null,
  };
}
