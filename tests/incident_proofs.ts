/** What proves that an incident cannot happen here, and the short ways to name it. */
import type { ScenarioName } from "./scenarios/mod.ts";

export type Lane = "unit" | "e2e" | "lint";
/**
 * A scenario is played as the engine is, and with the fault planted; any other test by its name; a
 * step of the gate is no test, and as strict.
 */
export type Proof =
  | { readonly scenario: ScenarioName }
  | { readonly lane: "lint"; readonly file: string; readonly step: string }
  | { readonly lane: Lane; readonly file: string; readonly test: string };
export type Incident =
  | { readonly what: string; readonly proofs: readonly Proof[] }
  | { readonly what: string; readonly none: string }
  | { readonly what: string; readonly open: string };

export const by = (what: string, lane: Lane, file: string, test: string) => ({
  what,
  proofs: [{ lane, file, test }],
});
export const sim = (what: string, ...scenarios: readonly ScenarioName[]) => ({
  what,
  proofs: scenarios.map((scenario): Proof => ({ scenario })),
});
export type Proven = { readonly what: string; readonly proofs: readonly Proof[] };
/** The sides of one incident. */
export const every = (...sides: readonly [Proven, ...Proven[]]): Proven => ({
  what: sides[0].what,
  proofs: sides.flatMap(({ proofs }) => proofs),
});
export const KILL =
  "kill -9 at any moment loses nothing, doubles nothing and leaves every surface whole";
export const kill = (what: string) => by(what, "e2e", "kill_test.ts", KILL);
export const unit = (what: string, file: string, test: string) =>
  by(what, "unit", `core/${file}`, test);
export const shell = (what: string, file: string, test: string) =>
  by(what, "unit", `shell/${file}`, test);
export const e2e = (what: string, file: string, test: string) =>
  by(what, "e2e", `shell/${file}`, test);
