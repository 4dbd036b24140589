/** A step of protection that is told things, and a venue that answers what it is asked. */
import { credible } from "../core/credible.ts";
import { blankMemory, type Memory } from "../core/memory.ts";
import { Past } from "../core/past.ts";
import type { Command, Income, VenueEvent } from "../core/ports.ts";
import { protect } from "../core/protect.ts";
import type { Trade, VenuePosition } from "../core/types.ts";
import { account, BTC, freeze, T0, trade } from "./fixtures.ts";
import { observation, rules } from "./fixtures_run.ts";

const RULES = rules();
const PAST = new Past({ baseMs: 60_000, framesMs: [], rules: RULES });

export function memoryWith(changes: Partial<Memory> = {}): Memory {
  const blank = blankMemory("test00", T0);
  return freeze({ ...blank, pulse: { ...blank.pulse, phase: "run" }, ...changes });
}

type Sight = {
  readonly nowMs?: number;
  readonly positions?: readonly VenuePosition[];
  readonly gap?: boolean;
  /** False: the venue lists no symbol at the moment. */
  readonly isListed?: boolean;
};

/** One tick that is told this. */
export function tick(
  memory: Memory,
  events: readonly VenueEvent[],
  { nowMs = T0, positions = [], gap = false, isListed = true }: Sight = {},
) {
  const value = account({ atMs: nowMs, positions });
  const all = observation({ nowMs, events, gap, account: { kind: "read", value } });
  const seen = isListed ? all : { ...all, market: { ...all.market, market: () => null } };
  return protect(freeze({ memory, seen: credible(seen), rules: RULES, past: PAST }));
}

export const income = (id: number, usd: number, changes: Partial<Income> = {}): Income => ({
  id,
  type: "funding",
  ticker: BTC,
  side: "LONG",
  usd,
  atMs: T0,
  ...changes,
});
export const told = (...rows: Income[]): VenueEvent[] =>
  rows.map((row) => ({ kind: "income", income: row }));
export const traded = (...trades: Partial<Trade>[]): VenueEvent[] =>
  trades.map((changes) => ({ kind: "trade", trade: trade(changes) }));
export const asked = (commands: readonly Command[], kind: "query_trades" | "query_income") =>
  commands.flatMap((command) => command.kind === kind ? [command.afterId] : []);

/** A venue that answers what is asked, a tick later, from its own lists. */
export function answers(
  commands: readonly Command[],
  { trades = [], incomes = [] }: { trades?: readonly Trade[]; incomes?: readonly Income[] },
  atMs: number,
): VenueEvent[] {
  return commands.flatMap((command): VenueEvent[] => {
    if (command.kind === "query_income") {
      const { afterId } = command;
      const found = incomes.filter(({ id }) => id > afterId);
      return [{ kind: "income_answer", afterId, incomes: found, atMs }];
    }
    if (command.kind !== "query_trades") return [];
    const { ticker, afterId } = command;
    const found = trades.filter(({ id }) => id > afterId);
    return [{ kind: "trades_answer", ticker, afterId, trades: found, atMs }];
  });
}
