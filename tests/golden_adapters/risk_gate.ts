/** The gate over recorded worlds: groups, tiers, whole orders. */
import { navShare, type World } from "../../core/risk/check.ts";
import { groupCap } from "../../core/risk/caps.ts";
import { CorrelationGroups, type Limits } from "../../core/risk/limits.ts";
import { vet } from "../../core/risk/mod.ts";
import { increment, lotsToUsd } from "../../core/increments.ts";
import type { Ticker } from "../../core/types.ts";
import { type Exposure, exposuresOf } from "../../core/world.ts";
import { entry } from "../fixtures.ts";
import { accountView, limits, world } from "../fixtures_risk.ts";
import { adapter, Refusal } from "./adapter.ts";

const ONE = increment("1");

/** A position in any of the recorded spellings. */
export type Row = {
  readonly symbol?: string;
  readonly notional?: number;
  readonly notional_usd?: number;
  readonly qty?: number;
  readonly positionAmt?: number;
  readonly amt?: number;
  readonly markPrice?: number;
  readonly mark_price?: number;
};

const tickerOf = (symbol: string) => symbol.toUpperCase() as Ticker;

/** The leg of a row; null for one that nobody can value. */
export function legOf(symbol: string, row: Row, fallbackPx: number | null = null): Exposure | null {
  const qty = Number(row.qty ?? row.positionAmt ?? row.amt ?? row.notional);
  const px = Number(row.markPrice ?? row.mark_price ?? fallbackPx ?? NaN);
  const statedUsd = row.notional ?? row.notional_usd ?? NaN;
  const worthUsd = lotsToUsd(qty, { px, lot: ONE });
  const signedUsd = statedUsd || (Number.isFinite(worthUsd) ? worthUsd : statedUsd);
  if (!Number.isFinite(signedUsd)) return null;
  const side = (qty || signedUsd) < 0 ? "SHORT" : "LONG";
  const usd = signedUsd < 0 ? -signedUsd : signedUsd;
  return { ticker: tickerOf(symbol), side, tier: "CORE", usd, qty, atMark: true, strategyId: null };
}

type Correlation = {
  readonly groups: Record<
    string,
    { readonly symbols: string[]; readonly max_group_nav_pct: number }
  >;
  readonly positions: readonly Row[];
  readonly nav_usd: number;
  readonly order_symbol: string;
  readonly order_notional_usd: number;
};

export const correlationExposure = adapter<Correlation>("correlation_exposure", (input) => {
  const { groups, positions, nav_usd: navUsd } = input;
  const rules = limits({ groups: CorrelationGroups.parse({ groups: spelt(groups) }) });
  const legs = positions.map((row) => legOf(row.symbol!, row)!);
  const order = legOf(input.order_symbol, { notional: input.order_notional_usd });
  const account = accountView({ nav: { kind: "fresh", navUsd, ageMs: 0 } });
  const now = world({ ...exposuresOf(legs, rules), account });
  const wish = entry({ ticker: tickerOf(input.order_symbol), grossUsd: order?.usd ?? 0 });
  const [first] = Object.keys(groupCap.judge(wish, now, rules)?.thresholds ?? {});
  return {
    current: sharesOf(legs, now, rules),
    hypothetical: sharesOf([...legs, order], now, rules),
    first_breach: first?.replace(/_max_frac$/, "") ?? null,
    caps: Object.fromEntries(rules.groups.map(({ name, maxFrac }) => [name, maxFrac])),
  };
});

function spelt(groups: Correlation["groups"]) {
  const capitals = Object.entries(groups).map(([name, group]) =>
    [name, { ...group, symbols: group.symbols.map(tickerOf) }] as const
  );
  return Object.fromEntries(capitals);
}

/** What a book holds of each group, as a share of NAV. */
function sharesOf(book: readonly (Exposure | null)[], now: World, rules: Limits) {
  if (book.includes(null)) return new Refusal("a leg without a value");
  const { groupUsd } = exposuresOf(book as readonly Exposure[], rules);
  const shares = rules.groups.map(({ name }) =>
    [name, navShare(groupUsd[name] ?? 0, now)] as const
  );
  return { result: Object.fromEntries(shares) };
}

/** Limits that nothing reaches. */
const OPEN: Limits = {
  ...limits(),
  dayLossFrac: Infinity,
  drawdownFrac: Infinity,
  maxTradeFrac: Infinity,
  equityTradeFrac: null,
  grossFrac: Infinity,
  positionsCount: Infinity,
  tradesPerHour: null,
  burst: null,
  errors: null,
  whitelist: null,
  groups: [],
  strategyLegs: { s1: Infinity },
  tail: {
    ...limits().tail,
    var: { ...limits().tail.var, limitFrac: null },
    cvar: { ...limits().tail.cvar, limitFrac: null },
  },
  of: () => ({
    orderUsd: Infinity,
    shareFrac: Infinity,
    minNotionalUsd: 0,
    leverage: Infinity,
    openQty: Infinity,
    blocked: new Set(),
    cooldownMs: 0,
    groups: [],
  }),
};

type Tier = {
  readonly nav: number;
  readonly per_symbol_nav_pct: number;
  readonly current_tier_gross_notional: number;
  readonly requested_notional: number;
};

export const tierCaps = adapter<Tier>("tier_caps", (input) => {
  const account = accountView({ nav: { kind: "fresh", navUsd: input.nav, ageMs: 0 } });
  const tierFrac = { ...OPEN.tierFrac, CORE: input.per_symbol_nav_pct };
  const tierUsd = { CORE: input.current_tier_gross_notional };
  const tradable = () => ({ tier: "CORE", minNotionalUsd: 0, maxLeverage: Infinity }) as const;
  const verdict = vet(
    entry({ grossUsd: input.requested_notional }),
    world({ account, tierUsd, tradable }),
    { ...OPEN, tierFrac },
  );
  const vetoes = verdict.kind === "vetoed" ? verdict.vetoes : [];
  const own = vetoes.find(({ id }) => id === "tier_cap");
  return {
    veto: verdict.kind === "vetoed",
    reasons: vetoes.map(({ reason }) => reason),
    tier_cap: own === undefined
      ? null
      : { tier: "T", per_symbol_nav_pct: own.thresholds.max_tier_nav_frac },
  };
});
