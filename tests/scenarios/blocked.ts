/** Nothing is opened, and what stands in the way is named: one cause after the other. */
import pairs from "../../config/pairs_universe.json" with { type: "json" };
import type { Limits } from "../../core/risk/limits.ts";
import type { StateOrder } from "../../core/operator.ts";
import { FAILED, type Scenario } from "./scenario.ts";
import { MINUTE, type Moment, SECOND, type Stage } from "./stage.ts";

/** Readings come at least as often. */
const STEP_MS = 15 * SECOND;

type Cause = {
  /** The name under which refusals are counted. */
  readonly reason: string;
  readonly begin: (stage: Stage) => void;
  readonly end: (stage: Stage) => void;
};

const told = (reason: string, order: StateOrder, back: readonly StateOrder[]): Cause => ({
  reason,
  begin: (stage) => stage.say({ kind: order }),
  end: (stage) => back.forEach((kind) => stage.say({ kind })),
});

const seen = (reason: string, world: Stage["world"]): Cause => ({
  reason,
  begin: (stage) => void (stage.world = world),
  end: (stage) => void (stage.world = (told) => told),
});

const limited = (reason: string, change: (limits: Limits) => Partial<Limits>): Cause => {
  const usual = new WeakMap<Stage, Limits>();
  const set = (stage: Stage, limits: Limits) => {
    stage.rules = { ...stage.rules, limits };
  };
  return {
    reason,
    begin: (stage) => {
      const { limits } = stage.rules;
      usual.set(stage, limits);
      set(stage, { ...limits, ...change(limits) });
    },
    end: (stage) => set(stage, usual.get(stage)!),
  };
};

const EVERYTHING = pairs.universe.map(({ symbol }) => symbol);

const CAUSES: readonly Cause[] = [
  told("operator_pause", "pause", ["resume"]),
  told("kill_switch", "kill", ["release", "resume"]),
  seen("nav_stale", (told) => ({ ...told, account: FAILED })),
  seen("market_data", (told) => ({ ...told, market: { ...told.market, mark: () => null } })),
  limited("max_concurrent", () => ({ positionsCount: 0 })),
  limited("portfolio_cap", () => ({ grossFrac: 0 })),
  limited("tier_cap", ({ tierFrac }) => ({
    tierFrac: { ...tierFrac, CORE: 0, SATELLITE: 0, TACTICAL: 0, "ALT-EXT": 0 },
  })),
  limited("max_trade_nav", () => ({ maxTradeFrac: 0, equityTradeFrac: 0 })),
  limited("restricted_symbol", () => ({ restricted: new Set(EVERYTHING) })),
  limited("whitelist", () => ({ whitelist: new Set(["NOUSDT"]) })),
  limited("burst_limit", () => ({ burst: { maxCount: 0, windowMs: MINUTE } })),
  limited("min_notional", (limits) => ({
    of: (ticker) => ({ ...limits.of(ticker), minNotionalUsd: 1e9 }),
  })),
];
const SPAN_MS = 15 * MINUTE;
const CALM_MS = 2 * STEP_MS;

const counted = ({ memory: { counters } }: Moment, reason: string) =>
  counters.byReason[reason] ?? 0;

const blocked: Scenario = {
  what: "alive but not trading, and no place said why",
  setting: { seed: 7 },
  play: async (stage) => {
    for (const { begin, end } of CAUSES) {
      begin(stage);
      await stage.play(SPAN_MS);
      end(stage);
      await stage.play(CALM_MS);
    }
  },
  lost: (stage) => {
    const { startMs } = stage.feed;
    for (const [i, { reason }] of CAUSES.entries()) {
      const fromMs = startMs + i * (SPAN_MS + CALM_MS);
      const isWithin = ({ nowMs }: Moment) => nowMs >= fromMs && nowMs < fromMs + SPAN_MS;
      const span = stage.moments.filter(isWithin);
      if (counted(span.at(-1)!, reason) === counted(span[0]!, reason)) {
        return `nobody says that it is ${reason}`;
      }
      const opened = span.flatMap(({ decision }) => decision.events).find((event) =>
        event.kind === "order_attempt" && event.effect === "open"
      );
      if (opened !== undefined) return `something was opened in spite of ${reason}`;
    }
    return null;
  },
  fault: {
    decides: (decide) => (memory, observed) => {
      const decision = decide(memory, observed);
      const { counters } = decision.memory;
      const mute = { ...counters, byReason: {}, buckets: {}, totalVetoes: 0 };
      return { ...decision, memory: { ...decision.memory, counters: mute } };
    },
  },
  shows: /nobody says/,
};

export const BLOCKED = { alive_but_not_trading: blocked } as const;
