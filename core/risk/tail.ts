/**
 * Checks on the tails: value at risk of the whole book with the order in it, expected shortfall of
 * the symbol's position after it. Longs and shorts net; what could not be measured never does.
 */
import type { Entry, Ticker } from "../types.ts";
import { signOf } from "../types.ts";
import { BARS_MIN } from "./advanced.ts";
import { type Check, gate, type Leg, navShare, usableNavUsd, type World } from "./check.ts";
import type { Limits } from "./limits.ts";
import type { Shortfall } from "./tail_numbers.ts";
import type { SymbolTail, TailView } from "./tails.ts";

/** The advertised room stays this far inside the limit: a root is only as exact as a float. */
const ROOT_SLACK = 1e-9;

/** True where no floor stands in for what could not be measured: then there is no figure at all. */
function isBlind(tail: TailView, ticker: Ticker, { shortHistory }: Limits["tail"]): boolean {
  return shortHistory === "veto" && (tail.shortCount > 0 || tail.of(ticker).measured === null);
}

function isUnmeasured(shortfall: SymbolTail["shortfall"], { shortHistory }: Limits["tail"]) {
  return shortHistory === "veto" && shortfall === null;
}

/** Without enough returns a book has no value at risk; where no floor stands in, nothing passes. */
export const varUnavailable = gate(
  "var_unavailable",
  "var_unavailable",
  ({ ticker }, { tail }, { tail: rules }) => {
    if (rules.var.limitFrac === null || !isBlind(tail, ticker, rules)) return null;
    return {
      thresholds: { least_bars: BARS_MIN },
      observations: { bars: tail.of(ticker).bars, unmeasured_positions: tail.shortCount },
    };
  },
);

export const cvarUnavailable = gate(
  "cvar_unavailable",
  "cvar_unavailable",
  ({ ticker }, { tail }, { tail: rules }) => {
    const { shortfall, bars } = tail.of(ticker);
    if (rules.cvar.limitFrac === null || !isUnmeasured(shortfall, rules)) return null;
    return { thresholds: { least_bars: BARS_MIN }, observations: { bars } };
  },
);

/** One sigma of tomorrow's result with so many signed dollars more of a symbol, in dollars. */
function bookSigmaUsd(tail: TailView, ticker: Ticker, signedUsd: number): number {
  const { netUsd, measured } = tail.of(ticker);
  if (measured === null) {
    const others = tail.floorUsd - Math.abs(netUsd) * tail.floorFrac;
    return Math.sqrt(tail.variance) + others + Math.abs(netUsd + signedUsd) * tail.floorFrac;
  }
  const { variance, bookCovariance } = measured;
  const squared = tail.variance + 2 * signedUsd * bookCovariance + signedUsd ** 2 * variance;
  return Math.sqrt(Math.max(0, squared)) + tail.floorUsd;
}

export const portfolioVar: Check<"portfolio_var_limit"> = {
  id: "portfolio_var_limit",
  reason: "portfolio_var_limit",
  judge: (entry, world, { tail: rules }) => {
    const { limitFrac, quantile, confidence } = rules.var;
    if (limitFrac === null || isBlind(world.tail, entry.ticker, rules)) return null;
    const signedUsd = signOf(entry.side) * entry.grossUsd;
    const varUsd = quantile * bookSigmaUsd(world.tail, entry.ticker, signedUsd);
    if (varUsd <= limitFrac * usableNavUsd(world)) return null;
    const beforeUsd = quantile * bookSigmaUsd(world.tail, entry.ticker, 0);
    return {
      thresholds: { max_portfolio_var_nav_frac: limitFrac, confidence },
      observations: {
        var_nav_frac: navShare(varUsd, world),
        var_before_nav_frac: navShare(beforeUsd, world),
        bars: world.tail.of(entry.ticker).bars,
        unmeasured_positions: world.tail.shortCount,
      },
    };
  },
  room: (entry, world, { tail: rules }) => {
    const { limitFrac, quantile } = rules.var;
    if (limitFrac === null || isBlind(world.tail, entry.ticker, rules)) return Infinity;
    const sigmaUsd = (limitFrac * usableNavUsd(world)) / quantile;
    return inside(varRoom(entry, world.tail, sigmaUsd));
  },
};

/**
 * The largest order that keeps sigma at or below a limit. Measured: the upper root of
 * variance x² + 2 sign covariance x + book variance = limit². Unmeasured: a straight line.
 */
function varRoom(entry: Entry, tail: TailView, sigmaUsd: number): number {
  const { netUsd, measured } = tail.of(entry.ticker);
  const sign = signOf(entry.side);
  if (measured === null) {
    const { floorFrac } = tail;
    const others = tail.floorUsd - Math.abs(netUsd) * floorFrac;
    return (sigmaUsd - Math.sqrt(tail.variance) - others) / floorFrac - sign * netUsd;
  }
  const { variance, bookCovariance } = measured;
  const left = sigmaUsd - tail.floorUsd;
  if (left < 0) return 0;
  const half = sign * bookCovariance;
  const rest = tail.variance - left * left;
  if (!(variance > 0)) return rest <= 0 ? Infinity : 0;
  const root = half * half - variance * rest;
  return root < 0 ? 0 : (Math.sqrt(root) - half) / variance;
}

/** Value at risk of the book as it stands, as a share of NAV; null where it is unknown. */
export function bookVarFrac(world: World, { tail: rules }: Limits): number | null {
  const { tail, badPositions } = world;
  const isVetoed = rules.shortHistory === "veto" && tail.shortCount > 0;
  if (isVetoed || badPositions.length > 0) return null;
  return navShare(rules.var.quantile * (Math.sqrt(tail.variance) + tail.floorUsd), world);
}

/** The tail of one dollar held on one side; the floor where it could not be measured. */
export function unitTail(
  { shortfall }: Pick<SymbolTail, "shortfall">,
  sign: 1 | -1,
  { floorTail }: Limits["tail"],
): Shortfall {
  if (shortfall === null) return floorTail;
  return sign > 0 ? shortfall.long : shortfall.short;
}

/** Expected shortfall of a position of this many signed dollars, in dollars. */
function shortfallUsd(
  tail: Pick<SymbolTail, "shortfall">,
  signedUsd: number,
  rules: Limits["tail"],
): number {
  return Math.abs(signedUsd) * unitTail(tail, signedUsd < 0 ? -1 : 1, rules).shortfall;
}

/** The largest expected shortfall of a symbol's net position, as a share of NAV; null: none known. */
export function worstShortfall(
  world: World,
  { tail: rules }: Limits,
): { readonly ticker: string; readonly frac: number } | null {
  let worst: { ticker: string; frac: number } | null = null;
  for (const { ticker } of Object.values(world.legs) as readonly Leg[]) {
    const tail = world.tail.of(ticker as Ticker);
    if (tail.shortfall === null && rules.shortHistory === "veto") continue;
    const usd = shortfallUsd(tail, tail.netUsd, rules);
    const frac = navShare(usd, world);
    if (frac !== null && (worst === null || frac > worst.frac)) worst = { ticker, frac };
  }
  return worst;
}

export const positionCvar: Check<"position_cvar_limit"> = {
  id: "position_cvar_limit",
  reason: "position_cvar_limit",
  judge: (entry, world, { tail: rules }) => {
    const { limitFrac, confidence } = rules.cvar;
    const tail = world.tail.of(entry.ticker);
    if (limitFrac === null || isUnmeasured(tail.shortfall, rules)) return null;
    const afterUsd = tail.netUsd + signOf(entry.side) * entry.grossUsd;
    const cvarUsd = shortfallUsd(tail, afterUsd, rules);
    if (cvarUsd <= limitFrac * usableNavUsd(world)) return null;
    return {
      thresholds: { max_position_cvar_nav_frac: limitFrac, confidence },
      observations: {
        cvar_nav_frac: navShare(cvarUsd, world),
        position_after_usd: afterUsd,
        measured: String(tail.shortfall !== null),
      },
    };
  },
  room: (entry, world, { tail: rules }) => {
    const { limitFrac } = rules.cvar;
    const tail = world.tail.of(entry.ticker);
    if (limitFrac === null || isUnmeasured(tail.shortfall, rules)) return Infinity;
    const sign = signOf(entry.side);
    const unit = unitTail(tail, sign, rules).shortfall;
    if (unit === 0) return Infinity;
    return inside((limitFrac * usableNavUsd(world)) / unit - sign * tail.netUsd);
  },
};

function inside(roomUsd: number): number {
  return Math.max(0, roomUsd * (1 - ROOT_SLACK));
}
