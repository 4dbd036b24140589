/**
 * A stage on which an incident is played again: the real loop and the real steps against the real
 * simulated exchange, over prices the story wants. The story moves the world (readings that fail,
 * trades by hand, a process that dies); a fault is planted in the system between them, as it was in
 * the system that had the incident.
 */
import { buildRules, type Config, framesOf } from "../../config/load.ts";
import { type Decision, run } from "../../core/executor.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import type { OperatorCommand, OperatorOrder } from "../../core/operator.ts";
import { applyPatch } from "../../core/patch.ts";
import { Past } from "../../core/past.ts";
import type { Command, NewOrder, Observation, Venue, Wake } from "../../core/ports.ts";
import { wakeOf } from "../../core/wake.ts";
import type { Rules } from "../../core/rules.ts";
import type { Account, Candle, PositionKey, Ticker, Trade } from "../../core/types.ts";
import { CandleFeed } from "../../core/venues/feed_candles.ts";
import type { Feed } from "../../core/venues/feed.ts";
import { SyntheticFeed } from "../../core/venues/feed_synthetic.ts";
import { SimVenue } from "../../core/venues/sim.ts";
import { blankState, type SimPosition, type SimState } from "../../core/venues/sim_state.ts";
import { Engine } from "../../state/engine.ts";
import { journalRow } from "../../state/journal.ts";
import { BTC, T0 } from "../fixtures.ts";
import { candles, config as shippedConfig, exchangeRules, table } from "../fixtures_run.ts";
import { swarmConfig } from "../swarm/config.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
const LINEAGE = "stage0";
const HAND = "hand-";
const HISTORY_DAYS = 1;

export type Decide = (memory: Memory, seen: Observation) => Decision;

/** Where a fault can be planted: around the steps and the ports, in the rules, in what a start remembers. */
export type Fault = {
  readonly rules?: (rules: Rules) => Rules;
  /** What the system makes of an observation before it decides. */
  readonly sees?: (seen: Observation, memory: Memory) => Observation;
  /** Called once a play: what it remembers is that play's own. */
  readonly decides?: (decide: Decide) => Decide;
  /** What leaves instead of what was decided. */
  readonly sends?: (commands: readonly Command[], decision: Decision) => readonly Command[];
  /** What a process that starts remembers. */
  readonly remembers?: (memory: Memory) => Memory;
};

/** One tick and what the exchange held at its end. */
export type Moment = {
  readonly nowMs: number;
  readonly seen: Observation;
  readonly decision: Decision;
  readonly memory: Memory;
  /** The account as it was last read well. */
  readonly account: Account | null;
  readonly sent: readonly Command[];
  readonly exchange: Pick<SimState, "positions" | "orders" | "walletUsd">;
};

export type Setting = {
  /** Closes of consecutive minutes by symbol; without any the market is made by `seed`. */
  readonly prices?: Readonly<Record<string, readonly number[]>>;
  readonly seed?: number;
  readonly positions?: readonly SimPosition[];
  readonly walletUsd?: number;
  readonly positionMode?: "hedge" | "one_way";
  /** What an earlier process has left behind. */
  readonly memory?: (blank: Memory) => Memory;
  readonly rules?: (rules: Rules) => Rules;
};

export class Stage {
  readonly feed: Feed;
  /** The rules in force; a story may change them while the play goes on. */
  rules: Rules;
  readonly venue: SimVenue;
  readonly moments: Moment[] = [];
  /** What the story makes of the answers of the exchange; it may change while the play goes on. */
  world: (seen: Observation) => Observation = (seen) => seen;
  readonly #config: Config;
  readonly #fault: Fault;
  readonly #decides: Decide;
  readonly #trades: Trade[] = [];
  #memory: Memory;
  #written: Memory;
  #past: Past;
  #account: Account | null = null;
  readonly #said: OperatorCommand[] = [];
  #sent: readonly Command[] = [];
  #untilMs: number;
  #wake: Wake | null = null;
  #hands = 0;

  constructor(setting: Setting, fault: Fault = {}) {
    const { prices, seed = 1 } = setting;
    this.feed = prices === undefined
      ? new SyntheticFeed({ seed, historyDays: HISTORY_DAYS, anchors: [], nowMs: null })
      : candleFeed(prices);
    this.#config = prices === undefined ? swarmConfig() : shippedConfig();
    this.#fault = fault;
    const decide: Decide = (memory, seen) =>
      this.#engine(memory).decide(seen, { said: this.#said.splice(0), storage: null });
    this.#decides = fault.decides?.(decide) ?? decide;
    const { baseMs, tickers, startMs } = this.feed;
    const shipped = buildRules(this.#config, { baseMs, tickers, universe: "config" });
    const wanted = setting.rules?.(shipped) ?? shipped;
    this.rules = fault.rules?.(wanted) ?? wanted;
    const blank = blankMemory(LINEAGE, startMs);
    this.#memory = this.#start(setting.memory?.(blank) ?? blank);
    this.#written = this.#memory;
    this.#past = this.#freshPast();
    this.#untilMs = startMs;
    this.venue = this.#open(setting);
  }

  get nowMs(): number {
    return this.venue.exchange.desk.state.nowMs;
  }

  get last(): Moment {
    return this.moments.at(-1)!;
  }

  get past(): Past {
    return this.#past;
  }

  /** Every trade of the exchange, as its own ledger has it. */
  get trades(): readonly Trade[] {
    return this.#trades;
  }

  /** Lets the loop run for a while. */
  async play(forMs: number): Promise<void> {
    this.#untilMs = this.nowMs + forMs;
    await run((seen) => this.#decide(seen), {
      venue: this.#port(),
      sink: {
        record: (decision) => Promise.resolve(this.#record(decision)),
        publish: (decision) => this.#note(decision),
      },
      stop: () => this.nowMs >= this.#untilMs,
      resume: this.#wake,
    });
  }

  /** The process dies, the exchange goes on without it, another process begins. */
  restart(downMs: number, left: (memory: Memory) => Memory = (memory) => memory): void {
    this.venue.sleepThrough(downMs);
    this.#memory = this.#start(left(this.#written));
    this.#written = this.#memory;
    this.#past = this.#freshPast();
    this.#wake = null;
  }

  /** What the operator tells with the next tick. */
  say(order: OperatorOrder): void {
    this.#said.push({ id: this.moments.length, by: "story", reason: "told", order });
  }

  /** Somebody trades on the account beside the engine, at market. */
  byHand(order: Pick<NewOrder, "side" | "effect" | "lots"> & { readonly ticker?: Ticker }): void {
    this.#hands += 1;
    this.venue.exchange.send([{
      kind: "place",
      order: {
        ticker: BTC,
        ...order,
        clientId: `${HAND}${this.#hands}`,
        leverage: 1,
        kind: "market",
        tif: null,
        priceTicks: null,
        stopTicks: null,
        closePosition: false,
      },
    }]);
  }

  #open({ seed = 1, positions = [], walletUsd = 25_000, positionMode = "hedge", memory }: Setting) {
    const { startMs: nowMs } = this.feed;
    const bucketOf = (ticker: Ticker) => this.rules.buckets[ticker]!;
    return new SimVenue({
      feed: this.feed,
      rules: exchangeRules({ seed, positionMode, bucketOf }),
      state: blankState({ nowMs, walletUsd, positions }),
      lineage: LINEAGE,
      ledger: {
        append: (rows) => {
          for (const row of rows) if (row.k === "trade") this.#trades.push(row.trade);
        },
        rotate: () => {},
      },
      gap: memory !== undefined,
      pace: () => Promise.resolve(),
    });
  }

  #port(): Venue {
    return {
      observe: async () => {
        const told = await this.venue.observe();
        return told === null ? null : this.world(told);
      },
      submit: (commands) => this.venue.submit(commands),
      wait: ({ untilMs, alerts }) =>
        this.venue.wait({ untilMs: Math.min(untilMs, this.#untilMs), alerts }),
    };
  }

  #decide(told: Observation): Decision {
    const { sees, sends } = this.#fault;
    const seen = sees?.(told, this.#memory) ?? told;
    const decision = this.#decides(this.#memory, seen);
    this.#memory = decision.memory;
    this.#sent = sends?.(decision.commands, decision) ?? decision.commands;
    return { ...decision, commands: this.#sent };
  }

  #engine(memory: Memory): Engine {
    return new Engine({
      memory,
      rules: this.rules,
      past: this.#past,
      protectOnly: false,
      onFault: ({ message }) => {
        throw new Error(`seek: ${message}`);
      },
    });
  }

  #record(decision: Decision): boolean {
    const row = journalRow(this.#written, decision);
    if (row !== null) this.#written = applyPatch(this.#written, row.patch);
    this.#wake = wakeOf(decision.memory);
    return true;
  }

  #note(decision: Decision): void {
    const { seen, memory } = decision;
    if (seen.account.kind === "read") this.#account = seen.account.value;
    const { positions, orders, walletUsd } = this.venue.exchange.desk.state;
    this.moments.push({
      nowMs: seen.nowMs,
      seen,
      decision,
      memory,
      account: this.#account,
      sent: this.#sent,
      exchange: { positions, orders, walletUsd },
    });
  }

  #start(memory: Memory): Memory {
    return this.#fault.remembers?.(memory) ?? memory;
  }

  #freshPast(): Past {
    const { rules } = this;
    return new Past({ baseMs: this.feed.baseMs, framesMs: framesOf(this.#config), rules });
  }
}

function candleFeed(prices: Readonly<Record<string, readonly number[]>>): CandleFeed {
  const tables = Object.entries(prices).map(([ticker, closes]) => {
    const list: readonly Candle[] = candles(closes, { frameMs: MINUTE, volume: 5_000 });
    return table(list, ticker as Ticker);
  });
  return new CandleFeed(tables, { baseMs: MINUTE, fromMs: T0, toMs: null });
}

/** A leg that is there already when the story begins. */
export function leg(
  ticker: Ticker,
  side: SimPosition["side"],
  { lots, entryPx }: { lots: number; entryPx: number },
): SimPosition {
  return { ticker, side, lots, entryPx, leverage: 1 };
}

/** True for a trade that somebody made beside the engine. */
export function isByHand({ clientId }: Trade): boolean {
  return clientId.startsWith(HAND);
}

export function keyOf({ ticker, side }: Pick<SimPosition, "ticker" | "side">): PositionKey {
  return `${ticker}:${side}`;
}

/** Minutes at one price. */
export function flat(px: number, minutes = 20): readonly number[] {
  return Array<number>(minutes).fill(px);
}
