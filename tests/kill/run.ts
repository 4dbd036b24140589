/**
 * Real engine processes, killed at random moments, over one data directory. Between a kill and the
 * next start the exchange goes on alone for a seeded time. `deno task kill --count N` does many.
 */
import { initConfig } from "../../config/init.ts";
import { buildRules } from "../../config/load.ts";
import { readConfig } from "../../config/locate.ts";
import { chance } from "../../core/venues/chance.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import type { SimState } from "../../core/venues/sim_state.ts";
import type { OperatorState } from "../../core/risk/check.ts";
import type { StateOrder } from "../../core/operator.ts";
import { tellEngine } from "../../state/control.ts";
import { readIfThere } from "../../state/files.ts";
import { layoutOf } from "../../state/layout.ts";
import { SURFACES } from "../../state/surfaces/mod.ts";
import { recoverVenue, VenueLedger } from "../../state/venue_ledger.ts";
import {
  brokenSurfaces,
  type Facts,
  factsOf,
  fillsOf,
  isMoving,
  regressions,
  settledViolations,
  violationsOf,
} from "./facts.ts";
import { firstTickViolations } from "./first_tick.ts";
import { protectionOf, type Span } from "./protection.ts";
import { type Place, PLACES } from "./slow_disk.ts";
import { FIRST_TICK, type FirstTick } from "./witness.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");
const SEED = 11;
const SPEED = 3_000;
const HISTORY_DAYS = 3;
const EQUITY_USD = 100_000;
/**
 * A process is killed within this time after it said where its data is. The first second of a life
 * is its start: lives are long enough that most kills meet an engine that trades.
 */
const LIFE_MS = 4_000;
const DEAD_MAN_MS = 60_000;
/** The longest time the exchange goes on alone; mostly it is much shorter. */
const DOWN_MAX_MS = 4 * 3_600_000;
const ORDER_TRIES_MAX = 50;
const ORDER_RETRY_MS = 100;
const SETTLE_TRIES_MAX = 20;
const SETTLE_MORE_TICKS = 7;
const SETTLE_TICKS = 400;

export type KillTotals = {
  readonly kills: number;
  readonly places: Readonly<Record<Place, number>>;
  readonly fills: number;
  readonly stopsWhileDead: number;
  readonly quotesTakenBack: number;
  readonly tornFiles: number;
  /** Lives whose first tick was held against what the life before had left. */
  readonly firstTicks: number;
  /** What the operator said and an engine carried out before it was killed. */
  readonly orders: number;
  /** The longest time a leg was without a resting stop while a process was alive. */
  readonly nakedLongestMs: number;
  readonly violations: readonly string[];
};

/**
 * A configuration that trades often: the shipped one on three-minute candles, without warm-up, and
 * with an account so large that most entries go in slices.
 */
export async function writeBusyConfig(dir: string): Promise<void> {
  await initConfig(dir, { defaults: `${ROOT}/config`, force: true });
  const path = `${dir}/strategy_config.json`;
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, text.replaceAll(/"timeframe": "\w+"/g, '"timeframe": "3m"'));
  const runtime = await Deno.readTextFile(`${dir}/runtime.yaml`);
  await Deno.writeTextFile(
    `${dir}/runtime.yaml`,
    runtime.replace(/history_days: \d+/, `history_days: ${HISTORY_DAYS}`)
      .replace(/warmup_hours: \d+/, "warmup_hours: 0")
      .replace(/start_equity_usd: \d+/, `start_equity_usd: ${EQUITY_USD}`),
  );
}

/** One engine process over `dir`; with a slow disk unless told otherwise. */
export function startEngine(
  dir: string,
  { args, disk = "slow" }: { args: readonly string[]; disk?: "slow" | "full" | "quick" },
): Deno.ChildProcess {
  const preload = disk === "quick" ? [] : [`--preload=${ROOT}/tests/kill/${disk}_disk.ts`];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-all",
      ...preload,
      `${ROOT}/main.ts`,
      "run",
      "--config",
      `${dir}/config`,
      "--data",
      dir,
      "--seed",
      String(SEED),
      ...args,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Kills `count` processes one after the other and holds every fact against every other. */
export async function killRepeatedly(
  dir: string,
  { count, seed, onKill }: { count: number; seed: number; onKill?: (n: number) => void },
): Promise<KillTotals> {
  await writeBusyConfig(`${dir}/config`);
  const places = Object.fromEntries(Object.keys(PLACES).map((place) => [place, 0])) as Record<
    Place,
    number
  >;
  const violations: string[] = [];
  let [stopsWhileDead, quotesTakenBack, tornFiles, firstTicks, orders] = [0, 0, 0, 0, 0];
  let operator: OperatorState = "RUNNING";
  const surfaces = new Set<string>();
  const dead: Span[] = [];
  let last: Facts | null = null;
  for (let n = 1; n <= count && violations.length === 0; n++) {
    const order = orderIn(n, operator);
    const { place, done } = await killOne(dir, {
      lifeMs: Math.round(chance(seed, n, 1) * LIFE_MS),
      order,
    });
    if (done) [operator, orders] = [order === "pause" ? "PAUSED" : "RUNNING", orders + 1];
    places[place] += 1;
    tornFiles += await tornIn(dir);
    const broken = await brokenSurfaces(layoutOf(dir).state, surfaces);
    const facts: Facts = await factsOf(dir);
    const first = await firstTickIn(dir);
    if (first !== null && last !== null) firstTicks += 1;
    const wrong = [
      ...broken,
      ...violationsOf(facts),
      ...regressions(last?.memory ?? null, facts.memory),
      ...first === null || last?.memory == null ? [] : firstTickViolations(last.memory, first),
      ...facts.memory === null || facts.memory.operator.state === operator
        ? []
        : [`the operator's ${operator} became ${facts.memory.operator.state}`],
    ];
    violations.push(...wrong.map((text) => `kill ${n} in ${place}: ${text}`));
    last = facts;
    if (violations.length > 0) break;
    const alone = await goOnAlone(dir, Math.round(chance(seed, n, 2) ** 3 * DOWN_MAX_MS));
    if (alone.span !== null) dead.push(alone.span);
    stopsWhileDead += alone.stops;
    quotesTakenBack += alone.quotes;
    violations.push(...alone.violations.map((text) => `after kill ${n}: ${text}`));
    onKill?.(n);
  }
  if (violations.length === 0) violations.push(...await settle(dir));
  const facts = await factsOf(dir);
  const protection = protectionOf(facts.ledger, dead);
  violations.push(...protection.violations, ...unmet(places, count));
  return {
    kills: count,
    nakedLongestMs: protection.longestMs,
    places,
    fills: fillsOf(facts.journal).length,
    stopsWhileDead,
    quotesTakenBack,
    tornFiles,
    firstTicks,
    orders,
    violations,
  };
}

/** A campaign of this many kills has to have met each place that matters so often. */
const CAMPAIGN_KILLS = 500;
const MET_MIN = 50;
const MATTERS = ["record", "submit", "flush"] as const;

/** Places that a long campaign has met too seldom to have shown anything of them. */
export function unmet(places: KillTotals["places"], kills: number): readonly string[] {
  if (kills < CAMPAIGN_KILLS) return [];
  return MATTERS.filter((place) => places[place] < MET_MIN)
    .map((place) => `only ${places[place]} of ${kills} kills fell into a ${place}`);
}

/** Of ten lives one is paused by its operator, and is let run again two lives later. */
function orderIn(n: number, operator: OperatorState): StateOrder | null {
  if (n % 10 === 5) return "pause";
  return operator === "PAUSED" && n % 10 >= 7 ? "resume" : null;
}

/** What the newest process did in its first tick; null where it was killed before that. */
async function firstTickIn(dir: string): Promise<FirstTick | null> {
  const text = await readIfThere(`${dir}/${FIRST_TICK}`);
  return text === null ? null : JSON.parse(text);
}

/**
 * Starts a process and kills it `lifeMs` after its first words, or after it has answered an order if
 * it is given one; tells what it was doing, and whether the order was carried out.
 */
async function killOne(
  dir: string,
  { lifeMs, order }: { lifeMs: number; order: StateOrder | null },
): Promise<{ readonly place: Place; readonly done: boolean }> {
  const child = startEngine(dir, { args: ["--no-web", "--speed", String(SPEED)] });
  const out = child.stdout.getReader();
  const first = await out.read();
  const done = !first.done && order !== null && await obeyed(dir, order);
  if (!first.done) await new Promise((resolve) => setTimeout(resolve, lifeMs));
  if (!first.done) child.kill("SIGKILL");
  const told = await new Response(child.stderr).text();
  while (!(await out.read()).done);
  const { signal } = await child.status;
  if (signal !== "SIGKILL") throw new Error(`the engine ended by itself in ${dir}: ${told}`);
  const mark = await Deno.readTextFile(`${dir}/place`).catch(() => PLACES.elsewhere);
  const known = Object.entries(PLACES).find(([, byte]) => byte === mark);
  return { place: known === undefined ? "elsewhere" : known[0] as Place, done };
}

/** Says an order until an engine that is there has carried it out; a refusal may be one of a start. */
async function obeyed(dir: string, kind: StateOrder): Promise<boolean> {
  const { control } = layoutOf(dir);
  for (let tries = 0; tries < ORDER_TRIES_MAX; tries++) {
    const request = { by: "drill", reason: "killed next", order: { kind } } as const;
    const answer = await tellEngine(control, request);
    if (answer?.done) return true;
    await new Promise((resolve) => setTimeout(resolve, ORDER_RETRY_MS));
  }
  return false;
}

/** Log files whose last line the kill has torn. */
async function tornIn(dir: string): Promise<number> {
  const { journal, venueLedger, execution } = layoutOf(dir);
  let torn = 0;
  for (const path of [journal, venueLedger, `${execution}/orders_executed.jsonl`]) {
    const text = await Deno.readTextFile(path).catch(() => "");
    if (text !== "" && !text.endsWith("\n")) torn += 1;
  }
  return torn;
}

/**
 * The exchange goes on with nobody there: its clock runs, stops fire, and quotes are taken back when
 * nobody renews the dead-man switch.
 */
export async function goOnAlone(
  dir: string,
  downMs: number,
): Promise<
  { stops: number; quotes: number; span: Span | null; violations: readonly string[] }
> {
  const { venueLedger } = layoutOf(dir);
  const recovered = await recoverVenue(venueLedger);
  if (recovered === null) return { stops: 0, quotes: 0, span: null, violations: [] };
  const { config } = await readConfig({
    given: `${dir}/config`,
    besideBinary: null,
    builtIn: `${ROOT}/config`,
  });
  const runtime = config.files["runtime.yaml"];
  const { state, anchors, lineage } = recovered;
  const feed = new SyntheticFeed({
    seed: SEED,
    historyDays: HISTORY_DAYS,
    anchors,
    nowMs: state.nowMs,
  });
  const { baseMs, tickers } = feed;
  const rules = buildRules(config, { baseMs, tickers, universe: "config" });
  const ledger = new VenueLedger(venueLedger, { onError: (text) => void violations.push(text) });
  const venue = new SimVenue({
    feed,
    rules: {
      seed: SEED,
      latencyMs: runtime.sim.latency_ms,
      makerBps: runtime.fees.maker_bps,
      takerBps: runtime.fees.taker_bps,
      positionMode: runtime.position_mode,
      bucketOf: (ticker) => rules.buckets[ticker]!,
    },
    state,
    lineage,
    ledger,
    gap: true,
    pace: () => Promise.resolve(),
  });
  const quotesBefore = quotesIn(state.orders);
  const tradesBefore = state.lastTradeId;
  venue.sleepThrough(downMs);
  ledger.close();
  const after = venue.exchange.desk.state;
  const left = quotesIn(after.orders);
  const stops = after.trades.filter(({ id, clientId }) =>
    id > tradesBefore && state.orders[clientId]?.closePosition === true
  );
  const violations = downMs >= DEAD_MAN_MS && left.length > 0
    ? [`quotes rest after ${downMs} ms alone: ${left.join(", ")}`]
    : [];
  const span = { fromMs: state.nowMs, toMs: after.nowMs };
  return { stops: stops.length, quotes: quotesBefore.length - left.length, span, violations };
}

/** Orders that are there to trade, not to protect. */
export function quotesIn(orders: SimState["orders"]): readonly string[] {
  return Object.values(orders).filter(({ closePosition }) => !closePosition)
    .map(({ clientId }) => clientId);
}

/**
 * A last process on a quick disk plays on and ends in order; then everything has to agree. What left
 * or traded with its last tick is on its way still: it plays on until nothing is.
 */
export async function settle(dir: string): Promise<readonly string[]> {
  let facts: Facts;
  let tries = 0;
  do {
    const ticks = String(tries === 0 ? SETTLE_TICKS : SETTLE_MORE_TICKS);
    const child = startEngine(dir, {
      args: ["--no-web", "--speed", "0", "--ticks", ticks],
      disk: "quick",
    });
    const { code, stderr } = await child.output();
    if (code !== 0) {
      return [`the last start ended with ${code}: ${new TextDecoder().decode(stderr)}`];
    }
    facts = await factsOf(dir);
    tries += 1;
  } while (isMoving(facts) && tries < SETTLE_TRIES_MAX);
  const every = new Set(Object.values(SURFACES).map(({ file }) => file));
  const broken = await brokenSurfaces(facts.layout.state, every);
  return [...broken, ...violationsOf(facts), ...await settledViolations(facts)]
    .map((text) => `at the end: ${text}`);
}

/** The totals as text. */
export function renderKills(totals: KillTotals): string {
  const { kills, places, fills, violations } = totals;
  const width = Math.max(...Object.keys(places).map((place) => place.length));
  return [
    `kill -9: ${kills} processes, ${fills} fills, ${totals.tornFiles} torn files, ` +
    `${totals.stopsWhileDead} stops fired and ${totals.quotesTakenBack} quotes ended while dead`,
    ...Object.entries(places).map(([place, n]) =>
      `  ${place.padEnd(width)} ${String(n).padStart(4)} ${"#".repeat(Math.ceil(n / kills * 60))}`
    ),
    `${totals.firstTicks} first ticks held against the files, ${totals.orders} orders outlived a kill`,
    `longest without a resting stop while a process was alive: ${totals.nakedLongestMs} ms`,
    violations.length === 0 ? "violations: none" : "violations:",
    ...violations.map((text) => `  ${text}`),
  ].join("\n");
}
