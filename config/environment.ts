/** What the environment may say. Anything else is in the config files or on the command line. */
import { Refusal } from "../core/assert.ts";
import type { Mode } from "./files.ts";
import type { Read } from "./locate.ts";

/** Switches of other systems: here they would do nothing, so they refuse the start. */
const REFUSED: Readonly<Record<string, string>> = {
  DRY_RUN: "use --mode sim, paper or live, or mode: in runtime.yaml",
  BINANCE_TESTNET: "use testnet: true in runtime.yaml",
  ENV: "use --mode sim, paper or live, or mode: in runtime.yaml",
  ALLOW_PROD_WRITE: "live trading is armed with BALLAST_ARM",
};

type Lookup = (name: string) => string | undefined;

/** Refuses the start when a switch of another system is set. */
export function refuseEnvironment(get: Lookup): void {
  for (const [name, hint] of Object.entries(REFUSED)) {
    if (get(name) === undefined) continue;
    throw new Refusal(`the environment variable ${name} is set and means nothing here: ${hint}`);
  }
}

/** Only the simulated exchange is built in; other modes are refused, never silently simulated. */
export function resolveMode(given: Mode | undefined, { config, builtIn }: Read): "sim" {
  const mode = given ?? config.files["runtime.yaml"].mode;
  if (mode === "live" && builtIn) {
    throw new Refusal("--mode live never runs on built-in defaults: write a config folder first");
  }
  if (mode !== "sim") {
    throw new Refusal(`mode ${mode} needs a live venue, and this build has none: use --mode sim`);
  }
  return mode;
}

/** Whether `KILL_SWITCH` is thrown: anything but an empty or negative word throws it. */
export function killSwitch(get: Lookup): boolean {
  const value = (get("KILL_SWITCH") ?? "").trim().toLowerCase();
  return !["", "0", "false", "no", "off"].includes(value);
}
