/** Legs at the simulated exchange, under an engine that only protects and hands that change things. */
import type { EngineEvent } from "../core/events.ts";
import { clientOrderId } from "../core/ids.ts";
import { blankMemory, type Memory } from "../core/memory.ts";
import { Past } from "../core/past.ts";
import type { NewOrder, Observation } from "../core/ports.ts";
import { atStart } from "../core/phase.ts";
import { protect } from "../core/protect.ts";
import type { PositionKey } from "../core/types.ts";
import { SimVenue } from "../core/venues/sim.ts";
import { blankState, type SimOrder, type SimPosition } from "../core/venues/sim_state.ts";
import { BTC, guard, holding, newOrder, order, T0 } from "./fixtures.ts";
import { candleFeed, candles, exchangeRules, rules } from "./fixtures_run.ts";

const SECOND = 1_000;
export const LINEAGE = "test00";
export const LONG: PositionKey = "BTCUSDT:LONG";
const RULES = rules();
/** A market that stands still at 60,000. */
const FEED = candleFeed(candles(Array.from({ length: 60 }, () => 60_000), { frameMs: 60_000 }));
export const STOP_TICKS = 590_000;

export const leg = (changes: Partial<SimPosition> = {}): SimPosition => ({
  ticker: BTC,
  side: "LONG",
  lots: 5,
  entryPx: 60_000,
  leverage: 1,
  ...changes,
});
export const idOf = (lineage: string, child = 0) =>
  clientOrderId(lineage, { key: "stop:x", child, attempt: 0 });
export const stopOf = (changes: Partial<NewOrder> = {}): SimOrder => ({
  ...newOrder({
    clientId: idOf(LINEAGE),
    effect: "close",
    kind: "stop_market",
    tif: null,
    lots: 0,
    priceTicks: null,
    stopTicks: STOP_TICKS,
    closePosition: true,
    ...changes,
  }),
  acceptedMs: T0,
  filledLots: 0,
  queueLots: 0,
});
const known = (at: SimOrder) => order({ ...at, ownerId: LONG, intentId: null });

export type Scene = {
  readonly book?: Partial<Memory["holdings"][PositionKey]> | null;
  readonly levels?: boolean;
  readonly remembered?: readonly SimOrder[];
  readonly positions?: readonly SimPosition[];
  readonly resting?: readonly SimOrder[];
};

/** An engine that only protects, over an exchange that anybody may touch. */
export class Stage {
  readonly venue: SimVenue;
  readonly events: EngineEvent[] = [];
  memory: Memory;
  commandsCount = 0;
  #gap = false;
  readonly #past = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

  constructor({ book = {}, levels = true, remembered = [], positions = [], resting = [] }: Scene) {
    this.venue = new SimVenue({
      feed: FEED,
      rules: exchangeRules(),
      state: {
        ...blankState({ nowMs: T0 + 30 * SECOND, walletUsd: 10_000, positions }),
        orders: Object.fromEntries(resting.map((one) => [one.clientId, one])),
      },
      lineage: LINEAGE,
      ledger: { append: () => {}, rotate: () => {} },
      gap: false,
      pace: () => Promise.resolve(),
    });
    const stop = remembered[0] === undefined
      ? null
      : { clientId: remembered[0].clientId, stopTicks: remembered[0].stopTicks! };
    const blank = blankMemory(LINEAGE, T0);
    this.memory = {
      ...blank,
      pulse: { ...blank.pulse, phase: "run" },
      holdings: book === null ? {} : { [LONG]: holding(book) },
      registry: book === null || !levels ? {} : { [LONG]: guard({ stop }) },
      orders: Object.fromEntries(remembered.map((one) => [one.clientId, known(one)])),
    };
  }

  async play(seconds: number, see: (seen: Observation) => Observation = (seen) => seen) {
    const endMs = this.#nowMs() + seconds * SECOND;
    while (this.#nowMs() < endMs) {
      await this.step(Math.min(SECOND, endMs - this.#nowMs()), see);
    }
    return this;
  }

  /** One tick, and the time after it until something happens, `mostMs` at most. */
  async step(mostMs: number, see: (seen: Observation) => Observation = (seen) => seen) {
    const seen = see({ ...(await this.venue.observe())!, ...(this.#gap ? { gap: true } : {}) });
    this.#gap = false;
    const input = { memory: this.memory, seen, rules: RULES, past: this.#past };
    const { memory, commands, events } = protect(input);
    this.memory = memory;
    this.events.push(...events);
    this.commandsCount += commands.length;
    await this.venue.submit(commands);
    await this.venue.wait({ untilMs: seen.nowMs + mostMs, alerts: [] });
  }

  /** The process dies: what is on its way to the exchange arrives or not, what it tells is lost. */
  crash(): void {
    const { desk } = this.venue.exchange;
    desk.patch({ arrivals: [], deliveries: [] });
    this.memory = atStart(this.memory);
    this.#gap = true;
  }

  /** What the exchange has, in a few words. */
  get shown(): string {
    const { positions, orders } = this.venue.exchange.desk.state;
    const legs = Object.values(positions).map(({ side, lots }) => `${side} ${lots}`);
    const stops = Object.values(orders).map(({ side, stopTicks }) => `stop ${side} ${stopTicks}`);
    return [...legs, ...stops].join(", ");
  }

  get held(): string {
    return Object.values(this.memory.holdings)
      .map(({ side, lots, source }) => `${side} ${lots} ${source}`).join(", ");
  }

  kinds(...kinds: readonly EngineEvent["kind"][]): string[] {
    return this.events.flatMap((event) => kinds.includes(event.kind) ? [event.kind] : []);
  }

  #nowMs(): number {
    return this.venue.exchange.desk.state.nowMs;
  }
}

/** The stop that rests for the leg of the scene, and is remembered. */
export const STOP = stopOf();
export const OPEN_STOP = { remembered: [STOP], resting: [STOP] };
