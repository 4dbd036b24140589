/** `deno task kill --count N [--seed S]`: many kills of a real process over one data directory. */
import { Command } from "commander";
import { killRepeatedly, renderKills } from "./run.ts";

const flags = new Command("kill")
  .description("kills a running engine at random moments and holds what it left against the facts")
  .option("--count <n>", "how many kills", "100")
  .option("--seed <n>", "seed of the moments", "1")
  .parse([...Deno.args], { from: "user" })
  .opts<{ count: string; seed: string }>();

const say = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
const dir = await Deno.makeTempDir({ prefix: "ballast-kill-" });
const totals = await killRepeatedly(dir, {
  count: Number(flags.count),
  seed: Number(flags.seed),
  onKill: (n) => n % 20 === 0 ? say(`${n} kills`) : undefined,
});
say(renderKills(totals));
if (totals.violations.length > 0) {
  say(`left as it is: ${dir}`);
  Deno.exit(1);
}
await Deno.remove(dir, { recursive: true });
