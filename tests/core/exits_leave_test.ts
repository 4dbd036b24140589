/**
 * Nothing but a missing price keeps a due exit from the wire: not the operator, not what is known or
 * not known of NAV, not risk, not the pace, not the host. Shown through the whole decision and the
 * loop, to a venue that only notes what arrives.
 */
import assert from "node:assert/strict";
import { type Decision, run } from "../../core/executor.ts";
import type { Guard } from "../../core/exits/registry.ts";
import { blankMemory, type Memory } from "../../core/memory.ts";
import { Past } from "../../core/past.ts";
import type { NewOrder, Observation } from "../../core/ports.ts";
import type { OperatorState } from "../../core/risk/check.ts";
import {
  type Account,
  EXIT_REASONS,
  type ExitReason,
  positionKey,
  type Reading,
  RISK_MODES,
  type RiskMode,
  type Side,
  type StorageFault,
  type Ticker,
} from "../../core/types.ts";
import { worldOf } from "../../core/world.ts";
import { Engine } from "../../state/engine.ts";
import { account, BTC, freeze, guard, holding, levels, order } from "../fixtures.ts";
import { parcel, position, route, T0 } from "../fixtures.ts";
import { feed } from "../fixtures_nav.ts";
import { observation, rules } from "../fixtures_run.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const LOTS = 5;
const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });
const STATES: readonly OperatorState[] = ["RUNNING", "PAUSED", "FLATTENING", "KILLED"];
const SIDES: readonly Side[] = ["LONG", "SHORT"];
/** A patient exit may wait this many ticks for a place among the working orders. */
const TICKS_MAX = 5;

/** Why a leg is left: its levels, what is behind it already, and the price of the moment. */
type Cause = {
  readonly reason: ExitReason;
  readonly patient?: true;
  readonly px: number;
  readonly guard: Partial<Guard>;
};
const NO_LEVELS = levels({ slPx: null, tpPx: null });
const ended = (reason: ExitReason): Partial<Guard> => ({
  levels: NO_LEVELS,
  exit: { routeId: "r:over", reason, firstMs: T0 - MINUTE },
  exitAttempts: 1,
});

/** Every way in which the engine itself leaves; `ahead` is +1 for what wins when prices rise. */
const causesOf = (ahead: 1 | -1): readonly Cause[] => {
  const at = (distance: number) => 60_000 + ahead * distance;
  const bounds = { slPx: at(-1_000), tpPx: at(2_000) };
  return [
    { reason: "sl", px: at(-1_100), guard: { levels: levels(bounds) } },
    { reason: "tp", patient: true, px: at(2_100), guard: { levels: levels(bounds) } },
    {
      reason: "trail",
      px: at(400),
      guard: { levels: levels({ ...bounds, trailFrac: 0.01 }), bestPx: at(1_500) },
    },
    {
      reason: "time",
      patient: true,
      px: 60_000,
      guard: { levels: levels({ ...bounds, maxHoldMs: MINUTE }), openedMs: T0 - 2 * MINUTE },
    },
    {
      reason: "unprotected",
      px: 60_000,
      guard: { levels: levels(bounds), nakedSinceMs: T0 - 5 * MINUTE },
    },
    { reason: "flip", px: 60_000, guard: ended("flip") },
    { reason: "seed_breach", px: 60_000, guard: ended("seed_breach") },
    { reason: "operator_flatten", px: 60_000, guard: ended("operator_flatten") },
  ];
};

/** What is known of the account, and the risk mode that has to come of it. */
type Sight = {
  readonly name: string;
  readonly mode: RiskMode;
  readonly why: RegExp;
  readonly read: (positions: Account["positions"]) => Reading<Account>;
  readonly nav?: Partial<Memory["nav"]>;
};
const holds = (usd: number, asset = "USDT"): Sight["read"] => (positions) => ({
  kind: "read",
  value: account({ walletQty: { [asset]: usd }, positions }),
});
const unread: Sight["read"] = () => ({
  kind: "failed",
  fault: { code: "timeout", message: "no answer", retryable: true },
});
/** An asset without a price: the account is known, NAV is not. */
const unpriced = holds(1, "XYZ");
const longAgo = {
  level: { navUsd: 10_000, walletUsd: 10_000, unrealizedUsd: 0, atMs: T0 - 90 * MINUTE },
};
const SIGHTS: readonly Sight[] = [
  { name: "fresh", mode: "OK", why: /healthy/, read: holds(10_000) },
  { name: "held as an anomaly", mode: "WARN", why: /anomaly/, read: holds(50_000) },
  { name: "in a drawdown", mode: "WARN", why: /drawdown_alert/, read: holds(9_500) },
  { name: "over the circuit", mode: "DEFENSIVE", why: /circuit_breaker/, read: holds(8_500) },
  { name: "over the limit", mode: "DEFENSIVE", why: /drawdown_high/, read: holds(6_500) },
  { name: "not read", mode: "HALTED", why: /positions_unknown/, read: unread },
  {
    name: "not read for long",
    mode: "HALTED",
    why: /positions_unknown/,
    read: unread,
    nav: longAgo,
  },
  { name: "old", mode: "HALTED", why: /nav_stale/, read: unpriced, nav: longAgo },
  {
    name: "never read",
    mode: "HALTED",
    why: /nav_missing/,
    read: unpriced,
    nav: blankMemory("test00", T0).nav,
  },
];

const blank = blankMemory("test00", T0);
const MANY = Array.from({ length: 99 }, () => T0);
const PACES: Readonly<Record<string, Memory["tempo"]>> = {
  calm: blank.tempo,
  resting: {
    cooldownUntilMs: { BTCUSDT: T0 + 60 * MINUTE },
    lastFillMs: { BTCUSDT: T0 },
    entriesMs: { BTCUSDT: MANY },
    attemptsMs: MANY,
    errorsMs: MANY,
  },
};

type Host = {
  readonly storage: StorageFault | null;
  readonly isKept: boolean;
  readonly phase: Memory["pulse"]["phase"];
};
const WELL: Host = { storage: null, isKept: true, phase: "run" };
const FULL: StorageFault = { what: "journal", why: "full" };
const HOSTS: Readonly<Record<string, Host>> = {
  well: WELL,
  "whose disk refuses this row": { ...WELL, isKept: false },
  "on a full disk": { ...WELL, storage: FULL, isKept: false },
  starting: { ...WELL, phase: "wait_exchange" },
};

/** So many entries at work that a patient route has to wait for its turn. */
function busy(count: number): Pick<Memory, "routes" | "orders"> {
  const ids = Array.from({ length: count }, (_, i) => `b${i}`);
  const at = (id: string) => id.toUpperCase() as Ticker;
  const working = (id: string) =>
    route({
      id: `r:${id}`,
      ticker: at(id),
      child: { ...route().child, startedMs: T0 },
      clientIds: [id],
      step: { kind: "taker", clientId: id },
    });
  return {
    routes: Object.fromEntries(ids.map((id) => [`r:${id}`, working(id)])),
    orders: Object.fromEntries(
      ids.map((id) => [id, order({ clientId: id, ownerId: `r:${id}`, ticker: at(id) })]),
    ),
  };
}

type Case = {
  readonly state: OperatorState;
  readonly sight: Sight;
  readonly tempo: Memory["tempo"];
  readonly slots: number;
  readonly host: Host;
  readonly side: Side;
  readonly cause: Cause;
};

function memoryOf({ state, sight, tempo, slots, host, side, cause }: Case): Memory {
  const { memory: nav } = feed([{ navUsd: 10_000, atMs: T0 - SECOND }]);
  const key = positionKey(BTC, side);
  const episodeId = `${key}:${T0}`;
  const held = holding({ side, lots: LOTS, episodeId, parcels: [parcel({ side, lots: LOTS })] });
  return {
    ...blank,
    ...busy(slots),
    tempo,
    nav: { ...nav, ...sight.nav },
    pulse: { ...blank.pulse, phase: host.phase, nextScreenMs: T0 },
    operator: { state, sinceMs: T0, by: "before", reason: null },
    holdings: { [key]: held },
    registry: { [key]: guard({ side, episodeId, ...cause.guard }) },
  };
}

/** What arrived at a venue that tells each working entry, from the second tick on, that it is refused. */
async function arrived(one: Case): Promise<{
  readonly first: Decision;
  readonly closes: readonly { readonly tick: number; readonly order: NewOrder }[];
}> {
  const memory = freeze(memoryOf(one));
  const onFault = ({ message }: { message: string }) => assert.fail(message);
  const engine = new Engine({ memory, rules: RULES, past: PAST, protectOnly: false, onFault });
  const decisions: Decision[] = [];
  const closes: { tick: number; order: NewOrder }[] = [];
  const shown = position({ side: one.side, lots: LOTS });
  const observe = (): Observation | null => {
    const nowMs = T0 + decisions.length * SECOND;
    const reading = one.sight.read([shown]);
    return observation({
      nowMs,
      px: one.cause.px,
      account: reading,
      events: Object.keys(decisions.length === 1 ? memory.orders : {}).map((clientId) => ({
        kind: "reject",
        clientId,
        code: "insufficient_margin",
        venueCode: -2019,
        message: "margin",
        atMs: nowMs,
      })),
    });
  };
  await run((seen) => engine.decide(seen, { said: [], storage: one.host.storage }), {
    venue: {
      observe: () => Promise.resolve(observe()),
      submit: (commands) => {
        for (const command of commands) {
          if (command.kind !== "place") continue;
          const { effect, closePosition, side, ticker } = command.order;
          const isClose = effect === "close" && !closePosition;
          if (isClose && side === one.side && ticker === BTC) {
            closes.push({ tick: decisions.length, order: command.order });
          }
        }
        return Promise.resolve();
      },
      wait: () => Promise.resolve(),
    },
    sink: {
      record: (decision) => {
        decisions.push(decision);
        return Promise.resolve(one.host.isKept);
      },
      publish: () => {},
    },
    stop: () => closes.length > 0 || decisions.length >= TICKS_MAX,
    resume: null,
  });
  return { first: decisions[0]!, closes };
}

/** Every combination, with words that tell it apart. */
function* combinations(): Generator<Case & { readonly where: string }> {
  for (const state of STATES) {
    for (const sight of SIGHTS) {
      for (const [pace, tempo] of Object.entries(PACES)) {
        for (const slots of [0, 9]) {
          for (const [hostName, host] of Object.entries(HOSTS)) {
            for (const side of SIDES) {
              for (const cause of causesOf(side === "LONG" ? 1 : -1)) {
                const where = `${cause.reason} of a ${side}: ${state}, NAV ${sight.name}, ` +
                  `${pace}, ${slots} at work, a host ${hostName}`;
                yield { state, sight, tempo, slots, host, side, cause, where };
              }
            }
          }
        }
      }
    }
  }
}

/** Why a leg is left where the operator wants everything closed: what must not wait keeps its name. */
const reasonIn = (state: OperatorState, { reason, patient, guard: { exit } }: Cause): ExitReason =>
  state === "FLATTENING" && exit === undefined && (patient || reason === "unprotected")
    ? "operator_flatten"
    : reason;

Deno.test("exits reach the wire whatever operator, NAV age, risk mode, pace and circuit say", async () => {
  const met = new Set<string>();
  let count = 0;
  for (const { where, ...one } of combinations()) {
    const { state, sight, slots, side, cause } = one;
    const { first, closes: [close] } = await arrived(one);
    const { mode } = worldOf(first.memory, { market: first.seen.market, rules: RULES, past: PAST });
    assert.equal(mode.mode, sight.mode, where);
    assert.match(mode.reason, sight.why, where);
    met.add(`${state} ${mode.mode}`);
    assert.ok(close !== undefined, `nothing arrived: ${where}`);
    assert.equal(close.order.lots, LOTS, where);
    const reason = reasonIn(state, cause);
    assert.equal(first.memory.registry[positionKey(BTC, side)]!.exit?.reason, reason, where);
    const waits = cause.patient && reason !== "operator_flatten" && slots > 0;
    if (!waits) assert.equal(close.tick, 1, `it waited: ${where}`);
    count += 1;
  }
  const all = STATES.flatMap((state) => RISK_MODES.map((mode) => `${state} ${mode}`));
  assert.deepEqual([...met].toSorted(), all.toSorted());
  assert.equal(count, 4 * 9 * 2 * 2 * 4 * 2 * 8);
});

Deno.test("every reason for which the engine leaves is among those that were tried", () => {
  // The others are found out afterwards: they tell what somebody else has closed.
  const told: readonly ExitReason[] = ["sl_venue", "tp_venue", "liquidation", "external"];
  assert.deepEqual(
    causesOf(1).map(({ reason }) => reason).toSorted(),
    EXIT_REASONS.filter((reason) => !told.includes(reason)).toSorted(),
  );
});
