/**
 * Speed of what runs in every tick, on a moment of a replayed market with every check on. Absolute
 * times belong to a machine; the ratios against the yardstick (a hash of 1 KiB) travel.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { diff } from "../../core/patch.ts";
import { protect } from "../../core/protect.ts";
import { CHECK_IDS, vet } from "../../core/risk/mod.ts";
import { seek } from "../../core/seek.ts";
import type { Entry, Ticker } from "../../core/types.ts";
import { worldOf } from "../../core/world.ts";
import { journalRow } from "../../state/journal.ts";
import { entry } from "../fixtures.ts";
import { say } from "../lanes.ts";
import { record } from "./recorded.ts";

const { rules, past, busy, quiet } = await record();
const world = worldOf(busy.before, { market: busy.seen.market, past, rules });
// A busy book is full: to approve one more, every check still runs, and the counts are raised.
const roomy = {
  ...rules.limits,
  positionsCount: rules.limits.positionsCount + 1,
  strategyLegs: { ...rules.limits.strategyLegs, s1: 1 },
};
const wishes = busy.seen.market.tickers.map(wishFor);
const passing = wishes.find((wish) => vet(wish, world, roomy).kind === "approved");
const failing = wishes.find((wish) => vet(wish, world, rules.limits).kind === "vetoed");
if (passing === undefined || failing === undefined) {
  throw new Error("the bench wants a pass and a veto");
}
const screening = { ...busy.before, pulse: { ...busy.before.pulse, nextScreenMs: 0 } };
const holdings = Object.keys(busy.before.holdings).length;
say(
  `world: ${holdings} positions, ${busy.seen.market.tickers.length} symbols; ` +
    `${CHECK_IDS.length} checks a verdict`,
);

const kibibyte = new Uint8Array(1_024);
/** What a call gave: a result that nobody keeps may be left out by the compiler. */
let kept: unknown = null;

for (const group of ["gate", "tick", "journal"]) {
  Deno.bench("yardstick: sha256 of 1 KiB", { group, baseline: true }, () => {
    kept = sha256(kibibyte);
  });
}

Deno.bench("a verdict that approves", { group: "gate" }, () => {
  kept = vet(passing, world, roomy);
});

Deno.bench(
  "a verdict that refuses, with the largest size that would pass",
  { group: "gate" },
  () => {
    kept = vet(failing, world, rules.limits);
  },
);

Deno.bench("the world a verdict is given in", { group: "gate" }, () => {
  kept = worldOf(busy.before, { market: busy.seen.market, past, rules });
});

Deno.bench("protect, a quiet tick", { group: "tick" }, () => {
  kept = protect({ memory: quiet.before, seen: quiet.seen, rules, past });
});

Deno.bench("protect, a busy tick", { group: "tick" }, () => {
  kept = protect({ memory: busy.before, seen: busy.seen, rules, past });
});

Deno.bench("seek, every symbol screened", { group: "tick" }, () => {
  kept = seek({ memory: screening, seen: busy.seen, rules, past });
});

Deno.bench("difference of two memories", { group: "journal" }, () => {
  kept = diff(busy.before, busy.decision.memory);
});

Deno.bench("journal row of a busy tick, as text", { group: "journal" }, () => {
  kept = JSON.stringify(journalRow(busy.before, busy.decision));
});

/** A small wish to buy at the mark, its stop one percent below. */
function wishFor(ticker: Ticker): Entry {
  const { px } = busy.seen.market.mark(ticker)!;
  const levels = { ...entry().levels, slPx: px * 0.99, tpPx: px * 1.02 };
  return entry({ ticker, refPx: px, grossUsd: 200, levels });
}

addEventListener("unload", () => void kept);
