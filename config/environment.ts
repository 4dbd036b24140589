/** What the environment may say. Anything else is in the config files or on the command line. */

/** Switches of other systems: here they would do nothing, so they refuse the start. */
const REFUSED: Readonly<Record<string, string>> = {
  DRY_RUN: "use --mode sim, paper or live, or mode: in runtime.yaml",
  BINANCE_TESTNET: "use testnet: true in runtime.yaml",
  ENV: "use --mode sim, paper or live, or mode: in runtime.yaml",
  ALLOW_PROD_WRITE: "live trading is armed with BALLAST_ARM",
};

type Lookup = (name: string) => string | undefined;

/** Why this environment refuses the start; null when it does not. */
export function environmentProblem(get: Lookup): string | null {
  for (const [name, hint] of Object.entries(REFUSED)) {
    if (get(name) === undefined) continue;
    return `the environment variable ${name} is set and means nothing here: ${hint}`;
  }
  return null;
}

/** Whether `KILL_SWITCH` is thrown: anything but an empty or negative word throws it. */
export function killSwitch(get: Lookup): boolean {
  const value = (get("KILL_SWITCH") ?? "").trim().toLowerCase();
  return !["", "0", "false", "no", "off"].includes(value);
}
