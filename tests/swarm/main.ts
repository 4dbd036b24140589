/** `deno task swarm --seeds N --hours H [--seed S]`: long runs, and one seed that failed again. */
import { Command } from "commander";
import { configOf } from "./config.ts";
import { playSeed } from "./run.ts";
import { renderTotals, totalsOf } from "./totals.ts";

const flags = new Command("swarm")
  .description("seeded runs of the engine against a faulty exchange")
  .option("--seeds <n>", "how many seeds", "50")
  .option("--hours <n>", "simulated hours a seed", "2")
  .option("--seed <n>", "first seed", "1")
  .parse([...Deno.args], { from: "user" })
  .opts<{ seeds: string; hours: string; seed: string }>();

const first = Number(flags.seed);
const results = [];
for (let seed = first; seed < first + Number(flags.seeds); seed++) {
  results.push(await playSeed({ seed, hours: Number(flags.hours), config: configOf(seed) }));
}
const totals = totalsOf(results);
Deno.stdout.writeSync(new TextEncoder().encode(`${renderTotals(totals)}\n`));
if (totals.violations.length > 0) {
  const again = "again: deno task swarm --seeds 1 --seed N\n";
  Deno.stdout.writeSync(new TextEncoder().encode(again));
  Deno.exit(1);
}
