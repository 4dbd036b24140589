/** The account: what NAV, its baselines and the books say of it, over jumps, restarts and a death. */
import assert from "node:assert/strict";
import { unitsToNumber } from "../../core/increments.ts";
import { ACKNOWLEDGEABLE } from "../../core/drawdown.ts";
import type { Observation } from "../../core/ports.ts";
import { type PositionKey, positionKey, signOf } from "../../core/types.ts";
import { reconciliationOf } from "../../state/surfaces/positions.ts";
import { BTC } from "../fixtures.ts";
import { publishedOf } from "../swarm/surfaces.ts";
import { first, onlyItsOwnBook, refusalOf, type Scenario } from "./scenario.ts";
import { flat, leg, MINUTE, SECOND, type Stage } from "./stage.ts";

const DAY_MINUTES = 25 * 60;
const START_USD = 25_000;
const DEPOSIT_USD = 5_000;
const WITHDRAWAL_USD = 8_000;
/** The story of the jumps begins so long before midnight. */
const EVENING_MINUTES = 23 * 60 + 30;

/** The same reading with another balance. */
function withWallet(seen: Observation, factor: number): Observation {
  if (seen.account.kind === "failed") return seen;
  const { value } = seen.account;
  const walletQty = { USDT: value.walletQty.USDT! * factor };
  return { ...seen, account: { kind: "read", value: { ...value, walletQty } } };
}

/** A coin without a price lies in the wallet: what it is all worth nobody can tell. */
function withoutPrice(seen: Observation): Observation {
  if (seen.account.kind === "failed") return seen;
  const { value } = seen.account;
  const walletQty = { USDT: value.walletQty.USDT! / 2, XYZ: 1 };
  return { ...seen, account: { kind: "read", value: { ...value, walletQty } } };
}

const navJump: Scenario = {
  what:
    "NAV jumped for a moment and took the peak along; a pause forgot the peak; money that came was " +
    "profit and money that went a loss; midnight over a restart began the day anew at nothing",
  setting: {
    prices: {
      BTCUSDT: flat(60_000, EVENING_MINUTES + 60),
      SOLUSDT: flat(150, EVENING_MINUTES + 60),
    },
    walletUsd: START_USD,
  },
  play: async (stage) => {
    stage.venue.sleepThrough(EVENING_MINUTES * MINUTE);
    await stage.play(MINUTE);
    for (const factor of [10, 0.1]) {
      stage.world = (seen) => withWallet(seen, factor);
      await stage.play(15 * SECOND);
      stage.world = (seen) => seen;
      await stage.play(MINUTE);
    }
    stage.world = withoutPrice;
    await stage.play(15 * SECOND);
    stage.world = (seen) => seen;
    await stage.play(MINUTE);
    stage.venue.exchange.transfer(DEPOSIT_USD);
    await stage.play(MINUTE);
    stage.venue.exchange.transfer(-WITHDRAWAL_USD);
    await stage.play(MINUTE);
    stage.restart(11 * MINUTE);
    await stage.play(2 * MINUTE);
    stage.restart(20 * MINUTE);
    await stage.play(2 * MINUTE);
  },
  lost: (stage) => {
    const { nav } = stage.last.memory;
    const wantedUsd = START_USD + DEPOSIT_USD - WITHDRAWAL_USD;
    const refusal = refusalOf(stage, stage.last);
    const days = new Set(stage.moments.map(({ memory }) => memory.nav.day));
    assert.equal(days.size, 2, "midnight was while nobody was there");
    return first(
      nav.highUsd === wantedUsd ? null : `the high is ${nav.highUsd} and was ${wantedUsd}`,
      nav.peakUsd === wantedUsd ? null : `the peak is ${nav.peakUsd} and was ${wantedUsd}`,
      nav.dayStartUsd === wantedUsd ? null : `the day began at ${nav.dayStartUsd}`,
      refusal === null ? null : `entries are refused: ${refusal}`,
    );
  },
  fault: {
    rules: (rules) => ({
      ...rules,
      nav: { ...rules.nav, anomaly: { ...rules.nav.anomaly, enabled: false } },
    }),
  },
  shows: /the high is/,
};

const RESET_FACTOR = 0.2;

const venueReset: Scenario = {
  what: "the exchange set the account back; its old peak refused every entry for ever",
  setting: {
    prices: {
      BTCUSDT: flat(60_000, DAY_MINUTES + 10),
      SOLUSDT: flat(150, DAY_MINUTES + 10),
    },
    walletUsd: START_USD,
  },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.world = (seen) => withWallet(seen, RESET_FACTOR);
    await stage.play(2 * MINUTE);
    for (const what of ACKNOWLEDGEABLE) stage.say({ kind: "ack", what });
    await stage.play(MINUTE);
    // The day's loss is over with the day.
    stage.restart(DAY_MINUTES * MINUTE);
    await stage.play(MINUTE);
  },
  lost: (stage) => {
    const held = stage.moments.some((moment) => refusalOf(stage, moment) !== null);
    assert.ok(held, "until somebody has looked nothing is opened");
    const refusal = refusalOf(stage, stage.last);
    return refusal === null ? null : `the operator said go on, entries stay refused: ${refusal}`;
  },
  fault: {
    decides: (decide) => {
      let highestUsd = 0;
      return (memory, seen) => {
        const decision = decide(memory, seen);
        const { nav } = decision.memory;
        highestUsd = Math.max(highestUsd, nav.peakUsd ?? 0);
        const kept = { ...nav, peakUsd: highestUsd, highUsd: highestUsd };
        return { ...decision, memory: { ...decision.memory, nav: kept } };
      };
    },
  },
  shows: /entries stay refused/,
};

const EPSILON_USD = 0.01;

/** Start, results, fees, funding and what is open add up to what the exchange has. */
function identity(stage: Stage): string | null {
  const { memory, exchange, seen } = stage.last;
  const { cash } = memory;
  let bookUsd = cash.startUsd! + cash.realizedUsd - cash.feesUsd + cash.fundingUsd +
    cash.transfersUsd;
  let realUsd = exchange.walletUsd;
  for (const { ticker, side, lots, entryPx } of Object.values(memory.holdings)) {
    const qty = unitsToNumber(lots, seen.market.market(ticker)!.lot);
    bookUsd += signOf(side) * (seen.market.mark(ticker)!.px - entryPx) * qty;
  }
  for (const one of Object.values(exchange.positions)) {
    realUsd += stage.venue.exchange.desk.gain(one, seen.market.mark(one.ticker)!.px);
  }
  return Math.abs(bookUsd - realUsd) < EPSILON_USD
    ? null
    : `the book says ${bookUsd.toFixed(2)}, the exchange ${realUsd.toFixed(2)}`;
}

const booksAddUp: Scenario = {
  what: "the result was told in two ways that differed, and fees were taken off twice",
  // Something is held at the start already, and has won: that is realised later.
  setting: { seed: 3, positions: [leg(BTC, "LONG", { lots: 20, entryPx: 58_000 })] },
  play: async (stage) => {
    await stage.play(40 * MINUTE);
    stage.restart(30 * SECOND);
    await stage.play(20 * MINUTE);
    assert.ok(stage.trades.some(({ effect }) => effect === "close"), "something was closed");
  },
  lost: identity,
  fault: {
    decides: (decide) => (memory, seen) => {
      const decision = decide(memory, seen);
      const again = decision.events.reduce(
        (sum, event) => event.kind === "order_fill" ? sum + event.feeUsd : sum,
        0,
      );
      const { cash } = decision.memory;
      const charged = { ...cash, feesUsd: cash.feesUsd + again };
      return { ...decision, memory: { ...decision.memory, cash: charged } };
    },
  },
  shows: /the book says/,
};

type Life = { readonly key: PositionKey; readonly feesUsd: number; readonly lots: number };

/** From flat to flat, as the exchange's ledger has it. */
function livesOf({ trades }: Stage): readonly Life[] {
  const open = new Map<PositionKey, { held: number; feesUsd: number; lots: number }>();
  const lives: Life[] = [];
  for (const { ticker, side, effect, lots, feeUsd } of trades) {
    const key = positionKey(ticker, side);
    const life = open.get(key) ?? { held: 0, feesUsd: 0, lots: 0 };
    life.held += effect === "open" ? lots : -lots;
    life.lots += effect === "open" ? lots : 0;
    life.feesUsd += feeUsd;
    open.set(key, life);
    if (life.held > 0) continue;
    lives.push({ key, feesUsd: life.feesUsd, lots: life.lots });
    open.delete(key);
  }
  return lives;
}

const episodes: Scenario = {
  what: "what had been bought was forgotten at a restart: the first close after it had no result",
  setting: { seed: 3 },
  play: async (stage) => {
    for (let i = 0; i < 7; i++) {
      await stage.play(10 * MINUTE);
      stage.restart(5 * SECOND);
    }
    stage.say({ kind: "flatten" });
    await stage.play(5 * MINUTE);
    assert.ok(livesOf(stage).length > 0, "positions were opened and closed");
  },
  lost: (stage) => {
    const told = stage.moments.flatMap(({ decision }) => decision.events)
      .flatMap((event) => event.kind === "episode_end" ? [event] : []);
    const lives = livesOf(stage);
    if (told.length !== lives.length) {
      return `${lives.length} positions ended, ${told.length} ends were told`;
    }
    const wrong = lives.find(({ key, feesUsd }, i) =>
      told[i]!.key !== key || Math.abs(told[i]!.feesUsd - feesUsd) > EPSILON_USD
    );
    return wrong === undefined ? null : `the end of ${wrong.key} does not tell all its fees`;
  },
  fault: { remembers: (memory) => ({ ...memory, holdings: {} }) },
  shows: /ends were told|does not tell all/,
};

const processDeath: Scenario = {
  what: "no stop rested at the exchange: the process died, the price fell, and nobody sold",
  setting: {
    prices: { BTCUSDT: [...flat(60_000, 3), ...flat(54_000, 40)], SOLUSDT: flat(150, 40) },
    positions: [leg(BTC, "LONG", { lots: 100, entryPx: 60_000 })],
  },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.restart(15 * MINUTE);
    await stage.play(MINUTE);
  },
  lost: ({ last }) => {
    const lostUsd = START_USD - last.exchange.walletUsd;
    const riskedUsd = 6_000 * 0.02;
    const isOpen = "BTCUSDT:LONG" in last.exchange.positions;
    return lostUsd > riskedUsd || isOpen ? `${lostUsd.toFixed(0)} USD lost, open: ${isOpen}` : null;
  },
  fault: {
    rules: (rules) => ({ ...rules, exits: { ...rules.exits, venueStops: false } }),
  },
  shows: /USD lost/,
};

function lotsOf(legs: Readonly<Record<string, { readonly lots: number }>>): string {
  return Object.entries(legs).map(([key, { lots }]) => `${key} ${lots}`).toSorted().join(", ");
}

const lists: Scenario = {
  what:
    "book, levels and exchange went apart, and the lists that should say so compared a file with itself",
  setting: { seed: 7, positions: [leg(BTC, "LONG", { lots: 20, entryPx: 60_000 })] },
  play: async (stage) => {
    for (let i = 0; i < 4; i++) {
      await stage.play(10 * MINUTE);
      const [held] = Object.values(stage.last.exchange.positions);
      if (held !== undefined) {
        const lots = i % 2 === 0 ? held.lots : Math.ceil(held.lots / 2);
        stage.byHand({ ticker: held.ticker, side: held.side, effect: "close", lots });
      }
      if (i % 2 === 1) stage.byHand({ side: "SHORT", effect: "open", lots: 5 });
      await stage.play(SECOND);
      stage.restart(i * 10 * SECOND);
    }
    stage.say({ kind: "pause" });
    await stage.play(10 * MINUTE);
  },
  lost: (stage) => {
    const { memory, exchange, seen, account } = stage.last;
    const { rules, past } = stage;
    const published = { ...publishedOf({ memory, seen, rules, past }), account };
    const named = Object.entries(reconciliationOf(published)).find(([, keys]) => keys.length > 0);
    const held = lotsOf(exchange.positions);
    return first(
      named === undefined ? null : `${named[0]}: ${named[1].join(", ")}`,
      held === lotsOf(memory.holdings) ? null : `the exchange holds ${held}, the book differs`,
    );
  },
  fault: { sees: onlyItsOwnBook },
  shows: /the book differs/,
};

export const ACCOUNT = {
  nav_jump: navJump,
  venue_reset: venueReset,
  books_add_up: booksAddUp,
  episodes_outlive_restarts: episodes,
  process_death: processDeath,
  lists_agree_with_the_exchange: lists,
} as const;
