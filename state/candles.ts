/** Reads a folder of candle files (`SYMBOL.csv` or `SYMBOL.csv.gz`) for the simulated exchange. */
import { Refusal } from "../core/assert.ts";
import {
  CandleFeed,
  type CandleTable,
  commonBase,
  parseCandles,
} from "../core/venues/feed_candles.ts";
import type { Ticker } from "../core/types.ts";

export type CandleFolder =
  | { readonly kind: "tables"; readonly tables: readonly CandleTable[]; readonly baseMs: number }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

const NAME = /^([A-Z0-9]{2,30})\.csv(\.gz)?$/;
const PROBLEMS_SHOWN = 20;

/** Every table of a folder, or what is wrong with it, file and line. */
export async function readCandles(folder: string): Promise<CandleFolder> {
  const names: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      if (isFile && /\.csv(\.gz)?$/.test(name)) names.push(name);
    }
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "there is none" : String(error);
    return { kind: "problems", problems: [`${folder}: expected a folder of candle files, ${why}`] };
  }
  if (names.length === 0) {
    const expected = "expected files named SYMBOL.csv or SYMBOL.csv.gz, got none";
    return { kind: "problems", problems: [`${folder}: ${expected}`] };
  }
  const tables: CandleTable[] = [];
  const problems: string[] = [];
  for (const name of names.toSorted()) {
    const path = `${folder}/${name}`;
    const ticker = NAME.exec(name)?.[1];
    if (ticker === undefined) {
      problems.push(`${path}: expected a name such as BTCUSDT.csv, in capitals`);
      continue;
    }
    const text = await readText(path);
    if (text === null) {
      problems.push(`${path}: expected gzip, got something else`);
      continue;
    }
    const parsed = parseCandles(path, ticker as Ticker, text);
    if (parsed.kind === "table") tables.push(parsed.table);
    else problems.push(...parsed.problems);
  }
  if (problems.length > 0) return { kind: "problems", problems: problems.slice(0, PROBLEMS_SHOWN) };
  const base = commonBase(tables);
  if ("problem" in base) return { kind: "problems", problems: [`${folder}: ${base.problem}`] };
  return { kind: "tables", tables, baseMs: base.baseMs };
}

/** The feed of a folder within a span. Refuses what cannot be read, and a span without a candle. */
export async function readCandleFeed(
  folder: string,
  { fromMs, toMs }: { fromMs: number | null; toMs: number | null },
): Promise<CandleFeed> {
  const read = await readCandles(folder);
  if (read.kind === "problems") throw new Refusal(read.problems.join("\n"));
  const feed = new CandleFeed(read.tables, { baseMs: read.baseMs, fromMs, toMs });
  if (feed.startMs >= feed.endMs) {
    throw new Refusal(`${folder}: no candle lies between --from and --to`);
  }
  return feed;
}

async function readText(path: string): Promise<string | null> {
  if (!path.endsWith(".gz")) return await Deno.readTextFile(path);
  const bytes = await Deno.readFile(path);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return await new Response(stream).text();
  } catch {
    return null;
  }
}
