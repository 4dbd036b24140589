/** The exchange is silent, half there or tells nonsense: what is unknown is never flat, never zero. */
import assert from "node:assert/strict";
import type { Observation } from "../../core/ports.ts";
import type { PositionKey } from "../../core/types.ts";
import { BTC, ETH, guard, holding, levels, T0 } from "../fixtures.ts";
import {
  closes,
  FAILED,
  first,
  firstOf,
  naked,
  PROTECT_MS,
  refusalOf,
  type Scenario,
  sentOrders,
  surfacesOf,
  withLegs,
} from "./scenario.ts";
import { type Fault, flat, leg, MINUTE, type Moment, SECOND, type Stage } from "./stage.ts";

const LONG_KEY: PositionKey = "BTCUSDT:LONG";
const SHORT_KEY: PositionKey = "ETHUSDT:SHORT";
const long = leg(BTC, "LONG", { lots: 10, entryPx: 60_000 });
const short = leg(ETH, "SHORT", { lots: 200, entryPx: 3_000 });
const CALM = { BTCUSDT: flat(60_000), ETHUSDT: flat(3_000), SOLUSDT: flat(150) };

const readOk = ({ seen }: Moment) => seen.account.kind === "read";

/** What fails is read as an account that holds nothing. */
const failureIsFlat: Fault["sees"] = (seen) => {
  const problem = seen.account.kind === "failed" ||
    seen.account.value.positions.some(({ lots }) => !Number.isInteger(lots));
  if (!problem) return seen;
  const walletQty = { USDT: 25_000 };
  return {
    ...seen,
    account: {
      kind: "read",
      value: { atMs: seen.nowMs, walletQty, positions: [], openOrders: [] },
    },
  };
};

/** The leg, its levels and its stop are what they were before the trouble began. */
function keeps(stage: Stage, key: PositionKey, before: Moment): string | null {
  const known = JSON.stringify(before.memory.registry[key]?.levels);
  return firstOf(stage.moments.filter(({ nowMs }) => nowMs > before.nowMs), (moment) => {
    const { memory, exchange } = moment;
    if (memory.holdings[key] === undefined) return `the book forgot ${key}`;
    if (JSON.stringify(memory.registry[key]?.levels) !== known) return `${key} lost its levels`;
    const stop = memory.registry[key]?.stop?.clientId ?? "none";
    if (exchange.orders[stop] === undefined) return `${key} lost its stop`;
    const row = surfacesOf(stage, moment).positions.positions.find((other) =>
      other.position_key === key
    );
    return row === undefined ? `${key} vanished from what is shown` : null;
  });
}

const lastBefore = (stage: Stage, ms: number) => stage.moments.findLast(({ nowMs }) => nowMs < ms)!;

const outage: Scenario = {
  what: "for five minutes nothing can be read; files said flat, the mode was OK, entries went on",
  setting: { prices: CALM, positions: [long, short] },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.world = (seen) => ({ ...seen, account: FAILED });
    await stage.play(5 * MINUTE);
    stage.world = (seen) => seen;
    await stage.play(MINUTE);
  },
  lost: (stage) => {
    const before = lastBefore(stage, T0 + MINUTE);
    const blind = stage.moments.filter(({ nowMs }) =>
      nowMs > T0 + MINUTE && nowMs < T0 + 6 * MINUTE
    );
    assert.ok(blind.length > 3, "the outage was lived through");
    const shown = firstOf(blind, (moment) => {
      const { positions, attention } = surfacesOf(stage, moment);
      if (positions.read_ok) return "what is shown calls a failed reading good";
      if (!attention.includes("positions_unknown")) return "nobody is told";
      return refusalOf(stage, moment) === null ? "an entry would be approved blindly" : null;
    });
    const again = refusalOf(stage, stage.last);
    return first(
      keeps(stage, LONG_KEY, before),
      keeps(stage, SHORT_KEY, before),
      shown,
      again === null ? null : `after it entries stay refused: ${again}`,
    );
  },
  fault: { sees: failureIsFlat },
  shows: /forgot|vanished|calls a failed reading good/,
};

const LEVELS = levels({ slPx: 58_111, tpPx: 63_222, trailFrac: 0.2 });

const startWhileDown: Scenario = {
  what: "started while the exchange was down; the registry was compared with nothing and emptied",
  setting: {
    prices: CALM,
    positions: [long],
    memory: (blank) => ({
      ...blank,
      holdings: { [LONG_KEY]: holding({ lots: 10 }) },
      registry: { [LONG_KEY]: guard({ lots: 10, levels: LEVELS }) },
    }),
  },
  play: async (stage) => {
    // Nothing answers: neither the account nor what is listed.
    const dark = { market: () => null, mark: () => null, book: () => null };
    stage.world = (seen) => ({ ...seen, account: FAILED, market: { ...seen.market, ...dark } });
    await stage.play(2 * MINUTE);
    stage.world = (seen) => seen;
    await stage.play(MINUTE);
  },
  lost: (stage) => {
    const down = stage.moments.filter((moment) => moment.nowMs < T0 + 2 * MINUTE);
    assert.ok(down.length > 2, "there were ticks while it was down");
    return first(
      firstOf(
        stage.moments,
        ({ memory }) =>
          JSON.stringify(memory.registry[LONG_KEY]?.levels) === JSON.stringify(LEVELS)
            ? null
            : "the levels of the earlier process are gone",
      ),
      firstOf(
        down,
        (moment) =>
          surfacesOf(stage, moment).levels[LONG_KEY]?.stop_loss_price === LEVELS.slPx
            ? null
            : "the published registry has lost a leg",
      ),
      firstOf(
        down,
        (moment) =>
          refusalOf(stage, moment) === null
            ? "an entry would be approved before any reading"
            : null,
      ),
      naked({ moments: stage.moments.filter(readOk) }),
    );
  },
  fault: {
    decides: (decide) => (memory, seen) =>
      decide(seen.account.kind === "failed" ? { ...memory, registry: {} } : memory, seen),
  },
  shows: /levels of the earlier process are gone/,
};

const garbageRow: Scenario = {
  what: "one row of the positions was garbage; the whole snapshot counted as flat",
  setting: { prices: CALM, positions: [long, short] },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.world = (seen) =>
      withLegs(seen, (legs) => legs.map((one) => one.ticker === ETH ? { ...one, lots: NaN } : one));
    await stage.play(2 * MINUTE);
    stage.world = (seen) => seen;
    await stage.play(MINUTE);
  },
  lost: (stage) => {
    const before = lastBefore(stage, T0 + MINUTE);
    const garbled = stage.moments.filter(({ nowMs }) =>
      nowMs > T0 + MINUTE && nowMs < T0 + 3 * MINUTE
    );
    return first(
      keeps(stage, LONG_KEY, before),
      keeps(stage, SHORT_KEY, before),
      firstOf(
        garbled,
        (moment) =>
          surfacesOf(stage, moment).positions.read_ok
            ? "what is shown calls a garbled reading good"
            : null,
      ),
    );
  },
  fault: { sees: failureIsFlat },
  shows: /forgot|vanished|calls a garbled reading good/,
};

const priceOfNothing = (seen: Observation) =>
  withLegs(seen, (legs) => legs.map((one) => ({ ...one, entryPx: 0 })));

const entryPriceZero: Scenario = {
  what: "a position with an entry price of zero was left out: open, and invisible",
  setting: { prices: CALM, positions: [long] },
  play: async (stage) => {
    stage.world = priceOfNothing;
    await stage.play(2 * MINUTE);
  },
  lost: (stage) => {
    const late = stage.moments.filter(({ nowMs }) => nowMs > T0 + 10 * SECOND);
    return first(
      firstOf(late, (moment) => {
        const { positions, quarantined } = surfacesOf(stage, moment).positions;
        return positions.length + quarantined.length === 1 ? null : "an open position is invisible";
      }),
      naked(stage, 10 * SECOND),
    );
  },
  fault: {
    sees: (seen) =>
      withLegs(seen, (legs) => legs.filter(({ entryPx }) => entryPx !== null && entryPx > 0)),
  },
  shows: /invisible/,
};

const noQuotes: Scenario = {
  what: "there were no quotes; a price of zero sold longs and bought shorts back",
  setting: { prices: CALM, positions: [long, short] },
  play: async (stage) => {
    await stage.play(MINUTE);
    stage.world = (seen) => ({
      ...seen,
      market: { ...seen.market, mark: () => null, book: () => null },
    });
    await stage.play(4 * MINUTE);
  },
  lost: (stage) => {
    const [sent] = sentOrders(stage, closes);
    const without = stage.moments.filter(({ nowMs }) => nowMs > T0 + MINUTE);
    return first(
      sent === undefined ? null : `${sent.order.ticker} left without a price`,
      keeps(stage, LONG_KEY, lastBefore(stage, T0 + MINUTE)),
      firstOf(without, (moment) => {
        if (moment.memory.pulse.priceMissingCount !== 2) return "missing prices are not counted";
        const { attention } = surfacesOf(stage, moment);
        return attention.includes(`price_missing:${LONG_KEY}`) ? null : "nobody is told";
      }),
    );
  },
  fault: {
    sees: (seen) => {
      const nothing = { px: Number.MIN_VALUE, atMs: seen.nowMs };
      return {
        ...seen,
        market: { ...seen.market, mark: (ticker) => seen.market.mark(ticker) ?? nothing },
      };
    },
  },
  shows: /left without a price/,
};

const oneFrozenPrice: Scenario = {
  what:
    "the scan gave up at the first symbol without a price, or that made it throw, and no other " +
    "position could leave",
  setting: {
    prices: { BTCUSDT: flat(60_000), ETHUSDT: [...flat(3_000, 9), ...flat(2_900)] },
    positions: [long, short],
  },
  play: async (stage) => {
    // Nothing, no number, no price, then a price of a symbol that is not listed: none may stop a scan.
    const marks = [null, NaN, -1, 0, Infinity];
    for (const px of [...marks, 1e-9]) {
      const isUnlisted = !marks.includes(px);
      stage.world = (seen) => ({
        ...seen,
        market: {
          ...seen.market,
          market: (ticker) => ticker === BTC && isUnlisted ? null : seen.market.market(ticker),
          mark: (ticker) => {
            if (ticker !== BTC) return seen.market.mark(ticker);
            return px === null || isUnlisted ? null : { px, atMs: seen.nowMs };
          },
          book: (ticker) => ticker === BTC ? null : seen.market.book(ticker),
        },
      });
      await stage.play(2 * MINUTE);
    }
    // A close of this size goes in slices.
    await stage.play(4 * MINUTE);
  },
  lost: (stage) =>
    first(
      stage.last.exchange.positions[SHORT_KEY] === undefined
        ? null
        : `${SHORT_KEY} reached its target and is still open`,
      firstOf(stage.moments.filter(({ nowMs }) => nowMs > T0 + 10 * SECOND), (moment) =>
        surfacesOf(stage, moment).attention.includes(`price_missing:${LONG_KEY}`)
          ? null
          : `nobody is told that ${LONG_KEY} has no price`),
    ),
  fault: {
    sees: (seen, memory) => {
      const stuck = Object.values(memory.holdings).some(({ ticker }) => {
        const px = seen.market.mark(ticker)?.px ?? NaN;
        return !(Number.isFinite(px) && px > 0);
      });
      return stuck ? { ...seen, market: { ...seen.market, mark: () => null } } : seen;
    },
  },
  shows: /still open/,
};

const slowReads: Scenario = {
  what: "a loop took 110 s, its NAV was older than the limit of 90 s, and risk was halted",
  setting: { prices: CALM, positions: [long] },
  play: async (stage) => {
    stage.world = (seen) =>
      seen.account.kind === "failed"
        ? seen
        : { ...seen, account: aged(seen.account, seen.nowMs - 3 * SECOND) };
    await stage.play(6 * MINUTE);
  },
  lost: (stage) => {
    const { memory: { pulse, holdings, registry }, seen } = stage.last;
    const later = stage.moments.filter(({ seen }) => seen.nowMs - T0 > 2 * PROTECT_MS);
    return first(
      firstOf(later, (moment) => {
        const refusal = refusalOf(stage, moment);
        return refusal === null ? null : `${refusal} by slowness alone`;
      }),
      pulse.phase === "run" ? null : `the start has come to ${pulse.phase}`,
      Object.keys(holdings).length > 0 ? null : "the leg was never taken up",
      Object.values(registry).every(({ nakedSinceMs }) => nakedSinceMs === null)
        ? null
        : `a leg has no stop at ${seen.nowMs}`,
    );
  },
  fault: {
    sees: (seen) => {
      const loopMs = 110 * SECOND;
      const beganMs = Math.floor((seen.nowMs - T0) / loopMs) * loopMs + T0;
      return seen.account.kind === "failed"
        ? seen
        : { ...seen, account: aged(seen.account, Math.min(beganMs, seen.nowMs)) };
    },
  },
  shows: /by slowness alone/,
};

type Read = Extract<Observation["account"], { kind: "read" }>;

function aged(reading: Read, atMs: number): Read {
  return { kind: "read", value: { ...reading.value, atMs } };
}

export const OUTAGES = {
  outage_mid_run: outage,
  startup_while_down: startWhileDown,
  garbage_row_breaks_all: garbageRow,
  entry_price_zero_row: entryPriceZero,
  no_quotes_phantom_exits: noQuotes,
  one_symbol_without_a_price: oneFrozenPrice,
  slow_reads_halt_nothing: slowReads,
} as const;
