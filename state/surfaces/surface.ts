/**
 * What a state surface is: a file under `logs/state` with one owner, one schema and one projection.
 * Every file carries the same envelope; the body is what the projection gives.
 */
import { z } from "zod";
import { sortedEntries } from "../../core/dict.ts";
import type { Holding } from "../../core/exits/ledger.ts";
import { unitsToNumber } from "../../core/increments.ts";
import type { Memory } from "../../core/memory.ts";
import type { MarketView } from "../../core/ports.ts";
import type { Past } from "../../core/past.ts";
import { remembered } from "../../core/remember.ts";
import type { World } from "../../core/risk/check.ts";
import type { PositionMode } from "../../core/router/position_side.ts";
import type { Rules } from "../../core/rules.ts";
import { type Account, type Dict, type Market, signOf, type Ticker } from "../../core/types.ts";

export const SCHEMA_VERSION = 1;
export const ENVS = ["sim", "paper", "testnet", "live"] as const;
export type Env = (typeof ENVS)[number];
export type Owner = "executor" | "mirror";
/** How often a surface is written, which says how old it may be. */
export type Cadence = "loop" | "mirror" | "intel" | "change";

export const isoTime = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
export const maybe = z.number().nullable();
export const maybeTime = isoTime.nullable();
export const count = z.int().min(0);
export const counts = z.record(z.string(), count);
export const seconds = z.number().min(0).nullable();
export const fraction = z.number().min(0).max(1).nullable();
export const symbol = z.string().regex(/^[A-Z0-9]{2,30}$/);
export const key = z.string().regex(/^[A-Z0-9]{2,30}:(LONG|SHORT)$/);
export const side = z.enum(["LONG", "SHORT"]);

/** Fields every surface begins with. `updated_ts` is engine time, `wall_ts` is the machine's. */
export const envelopeShape = {
  schema_version: z.literal(SCHEMA_VERSION),
  updated_ts: isoTime,
  seq: count,
  run_id: z.string(),
  env: z.enum(ENVS),
  writer: z.enum(["executor", "mirror"]),
  wall_ts: isoTime,
  /** Simulated seconds per real second; null when time is real. */
  speed: z.number().min(0).nullable(),
};
export type Envelope = z.output<z.ZodObject<typeof envelopeShape>>;

/** Facts about the process that do not change while it runs. */
export type RunFacts = {
  readonly runId: string;
  readonly env: Env;
  readonly mode: "sim" | "paper" | "live";
  readonly speed: number | null;
  readonly venue: string;
  readonly feed: string;
  readonly positionMode: PositionMode;
  readonly startedMs: number;
  readonly startedWallMs: number;
  readonly version: string;
  readonly commit: string | null;
  readonly deno: string;
  readonly target: string;
  readonly hostname: string;
  readonly pid: number;
  readonly configHash: string;
  readonly notes: readonly string[];
};

/** How a stage of the loop went when it was last run; `ms` is null where nothing measures it. */
export type StageFact = {
  readonly ok: boolean;
  readonly ms: number | null;
  readonly error?: string;
};

/** What went wrong in one stage, counted: in which item, by whose code; null where there is none. */
export type StageFault = {
  readonly stage: string;
  readonly item: string | null;
  readonly code: string | null;
  readonly message: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
};

/** What was last published of a surface, and why its file could not be written, if so. */
export type SurfaceFact = {
  readonly seq: number;
  readonly updated_ts: string;
  readonly ok: boolean;
  readonly error?: string;
};

/** How making the surfaces went when it was last done. */
export type ShowingFacts = {
  /** Surfaces that could not be made, with the reason: they keep their last text. */
  readonly unmade: readonly (readonly [name: string, why: string])[];
  /** What contradicts what, in sentences. */
  readonly contradictions: readonly string[];
  /** Since when each item of attention that is not the engine's own has been true. */
  readonly sinceMs: Dict<number>;
};

/** A source of the mirror that is older than what was copied before: something was put back. */
export type Regression = { readonly fromTs: string; readonly toTs: string };

/** How the loop does, measured on the wall clock. */
export type LoopFacts = {
  readonly lastMs: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly stages: Readonly<Record<string, StageFact>>;
  readonly faults: readonly StageFault[];
  readonly surfaces: Readonly<Record<string, SurfaceFact>>;
  /** Figures of what is published now that were no finite number and read null. */
  readonly nonfiniteCount: number;
  readonly showing: ShowingFacts;
  /** How far NAV went back behind what the mirror has copied; null: it did not. */
  readonly regression: Regression | null;
  /** Log files whose torn last line was cut off at the start. */
  readonly tornFiles: readonly string[];
  /** Rows of the execution logs that lacked a field and went to `invalid_events.jsonl`. */
  readonly invalidRowsCount: number;
  readonly stopRequested: boolean;
  /** True for the last word of a run. */
  readonly ended: boolean;
  /** Ticks that took longer than the loop may take. */
  readonly overrunsCount: number;
  /** Since when NAV cannot be read three times while it is fresh; null: it can. */
  readonly overBudgetSinceMs: number | null;
  /** Two ticks lately took longer than three periods: since when, and how long the last one did. */
  readonly slow: { readonly sinceMs: number; readonly workMs: number } | null;
  readonly rssBytes: number;
};

export type Treasury = {
  readonly asOf: string | null;
  readonly maxAgeMs: number;
  readonly include: readonly ("futures" | "offexchange")[];
  readonly holdings: Readonly<
    Record<string, {
      readonly qty: number;
      readonly avg_cost: number | null;
      readonly kind: "offexchange" | "treasury";
    }>
  >;
};

/** What a lot and a tick of a symbol are. */
export type Size = Pick<Market, "lot" | "tick">;
/** The same as it was last known; null where nobody ever knew it. */
export type SizeOf = (ticker: Ticker) => Size | null;

/** One consistent reading from which all surfaces of one publish are made. */
export type Published = {
  readonly memory: Memory;
  readonly view: MarketView;
  readonly sizeOf: SizeOf;
  readonly rules: Rules;
  readonly past: Past;
  /** What the gate sees at this moment: every risk figure comes from this one reading. */
  readonly world: World;
  /** The account as it was last read well; null before the first good read. */
  readonly account: Account | null;
  readonly run: RunFacts;
  readonly loop: LoopFacts;
  readonly treasury: Treasury;
};

export type Surface<O extends Owner = Owner, S extends z.ZodType = z.ZodType> = {
  readonly file: `${string}.json`;
  readonly owner: O;
  readonly cadence: Cadence;
  readonly schema: S;
};

/** The rows of one reading tell the same few instants again and again. */
const texts = new Map<number, string>();
const TEXTS_MAX = 1_024;

/** False until the exchange has been read once: an empty book says nothing then. */
export function wasAccountRead({ memory, account }: Published): boolean {
  return account !== null || memory.pulse.accountMs !== null;
}

/** An instant as it is written. */
export function iso(ms: number): string {
  let text = texts.get(ms);
  if (text === undefined) {
    if (texts.size >= TEXTS_MAX) texts.clear();
    texts.set(ms, text = new Date(ms).toISOString());
  }
  return text;
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

/** The entries of a book in the order of their keys, sorted once. */
export const entriesOf = remembered(sortedEntries) as typeof sortedEntries;

export type LegValue = {
  readonly markPx: number;
  readonly markMs: number;
  readonly usd: number;
  readonly qty: number;
};

/** Price and size of a leg at its mark; null where the mark or the market is unknown. */
export function valueOf(
  { view }: Published,
  { ticker, lots }: Pick<Holding, "ticker" | "lots">,
): LegValue | null {
  const market = view.market(ticker);
  const mark = view.mark(ticker);
  if (market === null || mark === null) return null;
  const qty = unitsToNumber(lots, market.lot);
  return { markPx: mark.px, markMs: mark.atMs, usd: qty * mark.px, qty };
}

export type Exposure = {
  readonly grossUsd: number | null;
  readonly netUsd: number | null;
  readonly largestUsd: number | null;
  readonly perSymbol: Readonly<Record<string, number>>;
  readonly perTier: Readonly<Record<string, number>>;
};

/** What is held, at marks. Null when a leg has no price: a part is not the whole. */
export const exposureOf = remembered(sumUp);

function sumUp(published: Published): Exposure {
  const { memory, rules } = published;
  const perSymbol: Record<string, number> = {};
  const perTier: Record<string, number> = {};
  let [gross, net, largest, known] = [0, 0, 0, memory.pulse.accountMs !== null];
  for (const [, holding] of entriesOf(memory.holdings)) {
    const value = valueOf(published, holding);
    if (value === null) {
      known = false;
      continue;
    }
    const tier = rules.universe[holding.ticker]?.tier ?? "ALT-EXT";
    perSymbol[holding.ticker] = (perSymbol[holding.ticker] ?? 0) + value.usd;
    perTier[tier] = (perTier[tier] ?? 0) + value.usd;
    gross += value.usd;
    net += signOf(holding.side) * value.usd;
    largest = Math.max(largest, value.usd);
  }
  const orNull = (usd: number) => known ? usd : null;
  return {
    grossUsd: orNull(gross),
    netUsd: orNull(net),
    largestUsd: orNull(largest),
    perSymbol,
    perTier,
  };
}
