/** What routing came to over a run: who paid whom, how often it was given up, what it cost. */
import type { EngineEvent, ShortfallBps } from "../core/events.ts";
import { unitsToNumber } from "../core/increments.ts";
import type { MarketView } from "../core/ports.ts";
import type { Market } from "../core/types.ts";

type RouteEnd = Extract<EngineEvent, { kind: "route_end" }>;

/** How a route's fills came about; `abandoned` has none. */
const PATHS = ["maker", "mixed", "taker", "market", "abandoned"] as const;
type Path = (typeof PATHS)[number];
const PARTS = ["price", "delay", "spread", "impact", "fees", "total"] as const;
type Part = (typeof PARTS)[number];

class Sums {
  routes = 0;
  usd = 0;
  /** Dollars whose cost has parts; the others have a price and fees only. */
  readonly known: Record<Part, number> = { ...NOTHING };
  readonly costs: Record<Part, number> = { ...NOTHING };

  add(usd: number, shortfall: ShortfallBps): void {
    this.routes += 1;
    this.usd += usd;
    for (const part of PARTS) {
      const bps = shortfall[`${part}Bps`];
      if (bps === null) continue;
      this.known[part] += usd;
      this.costs[part] += bps * usd;
    }
  }

  /** Averages weighted by dollars; null where nothing is known. */
  row() {
    const mean = (part: Part) => this.known[part] > 0 ? this.costs[part] / this.known[part] : null;
    return {
      routes: this.routes,
      filled_usd: this.usd,
      shortfall_bps: {
        price: mean("price"),
        delay: mean("delay"),
        spread: mean("spread"),
        impact: mean("impact"),
        fees: mean("fees"),
        total: mean("total"),
      },
    };
  }
}

const NOTHING: Readonly<Record<Part, number>> = {
  price: 0,
  delay: 0,
  spread: 0,
  impact: 0,
  fees: 0,
  total: 0,
};

/** Counts the ended routes of one run. */
export class RoutingTally {
  readonly #entries = sumsByPath();
  readonly #exits = sumsByPath();
  readonly #all = new Sums();
  readonly #abandoned: Record<string, number> = {};
  #sliced = 0;
  #slices = 0;
  #missed = 0;
  #missedBps = 0;

  count(event: RouteEnd, view: Pick<MarketView, "market">): void {
    const market = view.market(event.ticker);
    const usd = market === null ? 0 : filledUsd(event, market);
    const path = pathOf(event);
    (event.effect === "open" ? this.#entries : this.#exits)[path].add(usd, event.shortfall);
    this.#all.add(usd, event.shortfall);
    if (path === "abandoned") {
      this.#abandoned[event.reason] = (this.#abandoned[event.reason] ?? 0) + 1;
    }
    if (event.slices !== null) {
      this.#sliced += 1;
      this.#slices += event.slicesBegun ?? 0;
    }
    if (event.effect === "open" && event.missedBps !== null) {
      this.#missed += 1;
      this.#missedBps += event.missedBps;
    }
  }

  report() {
    const rows = (sums: Record<Path, Sums>) =>
      Object.fromEntries(PATHS.map((path) => [path, sums[path].row()] as const));
    return {
      ...this.#all.row(),
      entries: rows(this.#entries),
      exits: rows(this.#exits),
      abandoned_by_reason: this.#abandoned,
      sliced_parents: this.#sliced,
      slices: this.#slices,
      /** Entries that were not filled, or only in part, and how far mid had left them by then. */
      missed_entries: this.#missed,
      missed_bps: this.#missed === 0 ? null : this.#missedBps / this.#missed,
    };
  }
}

export type RoutingReport = ReturnType<RoutingTally["report"]>;

/** The report as lines of text. */
export function renderRouting(report: RoutingReport): readonly string[] {
  if (report.routes === 0) return [];
  const lines = [
    "routing                    routes     filled   price   delay  spread  impact    fees   total",
  ];
  for (const [name, rows] of [["entries", report.entries], ["exits", report.exits]] as const) {
    for (const path of PATHS) {
      const row = rows[path]!;
      if (row.routes > 0) lines.push(line(`${name}, ${path}`, row));
    }
  }
  lines.push(line("all", report));
  const { missed_entries: missed, missed_bps: bps } = report;
  if (report.sliced_parents > 0) {
    lines.push(`  ${report.sliced_parents} parents went in ${report.slices} slices`);
  }
  if (bps !== null) {
    lines.push(`  ${missed} entries not filled whole: mid had left by ${bps.toFixed(1)} bps`);
  }
  for (const [reason, n] of Object.entries(report.abandoned_by_reason)) {
    lines.push(`  abandoned: ${reason} ${n}`);
  }
  return lines;
}

function line(
  name: string,
  { routes, filled_usd, shortfall_bps }: ReturnType<Sums["row"]>,
): string {
  const bps = PARTS.map((part) => (shortfall_bps[part]?.toFixed(2) ?? "-").padStart(8));
  return `  ${name.padEnd(22)} ${String(routes).padStart(8)} ${filled_usd.toFixed(0).padStart(10)}${
    bps.join("")
  }`;
}

function pathOf({ style, filledLots, makerLots }: RouteEnd): Path {
  if (filledLots === 0) return "abandoned";
  if (style === "market") return "market";
  return makerLots === filledLots ? "maker" : makerLots === 0 ? "taker" : "mixed";
}

function filledUsd({ filledLots, avgPx }: RouteEnd, market: Market): number {
  return avgPx === null ? 0 : unitsToNumber(filledLots, market.lot) * avgPx;
}

function sumsByPath(): Record<Path, Sums> {
  return {
    maker: new Sums(),
    mixed: new Sums(),
    taker: new Sums(),
    market: new Sums(),
    abandoned: new Sums(),
  };
}
