/**
 * Speed of the router: two hundred routes planned, quoted and moved, one route's tick, rounding.
 * The notes at the start are absolute, for the limits the design names; the bench prints ratios.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { advance } from "../../core/router/advance.ts";
import type { RouteSight } from "../../core/router/child.ts";
import { floorUnits } from "../../core/increments.ts";
import type { Order } from "../../core/router/orders.ts";
import { planEntry } from "../../core/router/plan.ts";
import type { Route } from "../../core/router/route.ts";
import type { Ticker } from "../../core/types.ts";
import { approvedEntry, book, market, POLICY, ROUTER_RULES, T0 } from "../fixtures.ts";
import { say } from "../lanes.ts";

const ROUTES_COUNT = 200;
const MARKET = market({ step: "0.0001", minQty: "0.0001" });
const BOOK = book();
/** Many intents, so that nothing that is remembered of one helps the next. */
const BATCHES_COUNT = 50;
const batches = Array.from(
  { length: BATCHES_COUNT },
  (_, batch) =>
    Array.from({ length: ROUTES_COUNT }, (_, i) =>
      approvedEntry({
        id: `e-${batch}-${i}`,
        ticker: `S${i}USDT` as Ticker,
        grossUsd: 300 + i,
      })),
);
let next = 0;
const sight: RouteSight = {
  nowMs: T0,
  market: MARKET,
  book: BOOK,
  bucketMaxSpreadBps: 5,
  entriesAllowed: true,
  heldLots: 0,
  order: null,
  reservedLots: 0,
  isMissing: false,
  isAccountKnown: true,
  mayStart: true,
  minChildUsd: 25,
  lineage: "bench0",
};
const about = { nowMs: T0, market: MARKET, book: BOOK, policy: POLICY, bucket: "A_HIGH" };

function begin(): { routes: readonly Route[]; orders: readonly (Order | null)[] } {
  const moved = batches[next++ % BATCHES_COUNT]!.map((entry) => {
    const plan = planEntry(entry, about, ROUTER_RULES);
    if (plan.kind === "refused") throw new Error(`the bench wants a route, not ${plan.reason}`);
    return advance(plan.route, sight, ROUTER_RULES);
  });
  return { routes: moved.map(({ route }) => route), orders: moved.map(({ order }) => order) };
}

const { routes, orders } = begin();
const resting = orders.map((order): Order => ({ ...order!, state: "open", ackMs: T0 + 40 }));
const later = { ...sight, nowMs: T0 + 5_000 };
/** Every route looks at its quote, as it does every few seconds. */
const tick = () =>
  routes.map((route, i) => advance(route, { ...later, order: resting[i]! }, ROUTER_RULES));

/** What a call gave: a result that nobody keeps may be left out by the compiler. */
let kept: unknown = null;
const prices = Array.from({ length: 10_000 }, (_, i) => 60_000 + i / 7);

function perSecond(run: () => void, each: number): number {
  for (let i = 0; i < 200; i++) run();
  const from = performance.now();
  let runs = 0;
  while (performance.now() - from < 300) {
    run();
    runs += 1;
  }
  return (runs * each * 1_000) / (performance.now() - from);
}

const round = () => {
  let sum = 0;
  for (const px of prices) sum += floorUnits(px, MARKET.tick);
  kept = sum;
};
const moves = perSecond(() => void (kept = tick()), ROUTES_COUNT);
const begins = perSecond(() => void (kept = begin()), ROUTES_COUNT);
const both = ROUTES_COUNT * (1 / moves + 1 / begins) * 1_000;
say(
  `${ROUTES_COUNT} routes planned, quoted and moved: ${both.toFixed(2)} ms; one route's tick: ` +
    `${(1e6 / moves).toFixed(2)} us; rounding: ${
      (perSecond(round, prices.length) / 1e6).toFixed(1)
    } M/s`,
);

const kibibyte = new Uint8Array(1_024);
Deno.bench("yardstick: sha256 of 1 KiB", { group: "router", baseline: true }, () => {
  kept = sha256(kibibyte);
});

Deno.bench(`plan and quote ${ROUTES_COUNT} routes`, { group: "router" }, () => {
  kept = begin();
});

Deno.bench(`move ${ROUTES_COUNT} resting routes`, { group: "router" }, () => {
  kept = tick();
});

Deno.bench("round 10,000 prices to ticks", { group: "router" }, round);

addEventListener("unload", () => void kept);
