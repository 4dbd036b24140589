/**
 * From the texts of the nine files to one frozen configuration in core units, or to the full list of
 * what is wrong with them. Nothing is guessed; nothing is read anywhere else.
 */
import { parse, parseDocument } from "@std/yaml";
import type { z } from "zod";
import { Refusal } from "../core/assert.ts";
import { exitRules, type GivenLevels } from "../core/exits/registry.ts";
import { navRules } from "../core/nav.ts";
import { tailRules } from "../core/risk/advanced.ts";
import { buildLimits } from "../core/risk/limits.ts";
import { qualityRules } from "../core/router/quality.ts";
import { type Bucket, bucketOf, routerRules } from "../core/router/rules.ts";
import { loopRules, type Rules } from "../core/rules.ts";
import { assignSymbols, buildStrategies, type Strategy } from "../core/strategies/mod.ts";
import type { Ticker } from "../core/types.ts";
import { buildUniverse, extendUniverse, type Pair } from "../core/universe.ts";
import { FILE_NAMES, type FileName, FILES, type Parsed } from "./files.ts";
import { problemsAcross } from "./across.ts";
import { expectation, problemsOf } from "./problems.ts";

export type Texts = Readonly<Partial<Record<FileName, string>>>;

/** The parsed files together with what they said literally: `check` tells both apart. */
export type Config = {
  readonly files: Parsed;
  readonly inputs: Readonly<Record<FileName, unknown>>;
};

export type Loaded =
  | { readonly kind: "config"; readonly config: Config }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

/** Parses and checks everything; every problem of every file is told at once. */
export function loadConfig(texts: Texts): Loaded {
  const problems: string[] = [];
  const inputs: Partial<Record<FileName, unknown>> = {};
  for (const name of FILE_NAMES) {
    const read = readFile(name, texts[name]);
    if ("problem" in read) problems.push(read.problem);
    else if (read.input !== undefined) inputs[name] = read.input;
  }
  const broken = FILE_NAMES.filter((name) => texts[name] !== undefined && !(name in inputs));
  const checked = checkConfig(inputs, broken);
  if (checked.kind === "problems") problems.push(...checked.problems);
  return problems.length > 0 ? { kind: "problems", problems } : checked;
}

/**
 * Checks what the files said, already read as plain values; a file that is not there stands on its
 * defaults where it has them. `broken` files have had their say and are left out.
 */
export function checkConfig(
  given: Readonly<Partial<Record<FileName, unknown>>>,
  broken: readonly FileName[] = [],
): Loaded {
  const problems: string[] = [];
  const inputs: Partial<Record<FileName, unknown>> = {};
  const files: Partial<Record<FileName, unknown>> = {};
  for (const name of FILE_NAMES) {
    if (broken.includes(name)) continue;
    const schema: z.ZodType = FILES[name];
    const input = name in given ? given[name] : {};
    const parsed = schema.safeParse(input, { error: expectation });
    inputs[name] = input;
    if (parsed.success) files[name] = parsed.data;
    else if (name in given) {
      problems.push(...problemsOf(name, parsed.error, { input, schema }));
    } else problems.push(`${name}: (whole file): expected the file, got nothing; ${INIT_HINT}`);
  }
  problems.push(...problemsAcross(files as Partial<Parsed>));
  if (problems.length > 0) return { kind: "problems", problems };
  return { kind: "config", config: { files: files as Parsed, inputs: inputs as Config["inputs"] } };
}

/** A configuration that was in force once. Refuses what this build would not take. */
export function recordedConfig(inputs: Readonly<Record<string, unknown>>): Config {
  const loaded = checkConfig(inputs);
  if (loaded.kind === "config") return loaded.config;
  throw new Refusal(["the recorded configuration:", ...loaded.problems].join("\n"));
}

const INIT_HINT = '"ballast init" writes it';

/**
 * The rules the core runs by. `feed` names what the venue offers: with `all`, symbols beyond the
 * configured ones join the universe.
 */
export function buildRules(
  { files }: Config,
  { baseMs, tickers, universe, given = {} }: {
    baseMs: number;
    tickers: readonly Ticker[];
    universe: "config" | "all";
    /** Levels of the book that a simulation begins with. */
    given?: GivenLevels;
  },
): Rules {
  const runtime = files["runtime.yaml"];
  const limitKeys = files["risk_limits.json"];
  const configured = buildUniverse(files["pairs_universe.json"], files["symbol_tiers.json"]).pairs;
  const offered = new Set(tickers);
  const pairs: readonly Pair[] = universe === "all"
    ? extendUniverse(configured, tickers)
    : configured;
  const tradable = pairs.filter(({ ticker }) => offered.has(ticker));
  const strategies = buildStrategies(files["strategy_config.json"]);
  const buckets: Record<string, Bucket> = {};
  for (const { ticker } of tradable) {
    buckets[ticker] = bucketOf(files["liquidity_buckets.json"], ticker);
  }
  const loop = loopRules(runtime);
  return {
    loop,
    screenMs: Math.max(loop.sleepMs, baseMs / 4),
    nav: navRules(limitKeys, limitKeys.global.max_nav_drawdown_pct),
    countsGains: runtime.nav.count_unrealized_gains,
    limits: buildLimits(limitKeys, {
      groups: files["correlation_groups.json"],
      strategyLegs: slots(strategies),
      tail: tailRules(files["strategy_config.json"].risk_advanced),
    }),
    router: routerRules(runtime),
    quality: qualityRules(files["strategy_config.json"].router_quality),
    exits: exitRules(runtime, given),
    assignments: assignSymbols(strategies, tradable.map(({ ticker }) => ticker)),
    universe: Object.fromEntries(tradable.map((pair) => [pair.ticker, pair])),
    reference: tradable[0]?.ticker ?? null,
    buckets,
  };
}

/** Timeframes any strategy wants. */
export function framesOf({ files }: Config): readonly number[] {
  const strategies = buildStrategies(files["strategy_config.json"]);
  return strategies.flatMap(({ timeframeMs, higherMs }) =>
    higherMs === null ? [timeframeMs] : [timeframeMs, higherMs]
  );
}

function slots(strategies: readonly Strategy[]): Record<string, number> {
  return Object.fromEntries(strategies.map(({ id, maxConcurrent }) => [id, maxConcurrent]));
}

/** What is held elsewhere, and what of it counts as managed. */
export function treasuryOf({ files }: Config) {
  const { as_of, holdings } = files["offexchange_holdings.json"];
  const settings = files["settings.json"];
  return {
    asOf: as_of ?? null,
    maxAgeMs: settings.treasury.max_age_h,
    include: settings.aum.include,
    holdings,
  };
}

type Read = { readonly input: unknown } | { readonly problem: string };

/** The value a text holds; no text, no value. */
function readFile(name: FileName, text: string | undefined): Read {
  if (text === undefined) return { input: undefined };
  return name.endsWith(".json") ? readJson(name, text) : readYaml(name, text);
}

/** JSON strictly; where it is broken, and for keys that stand twice, the YAML reader tells the line. */
function readJson(name: FileName, text: string): Read {
  const document = parseDocument(text, { uniqueKeys: true });
  try {
    const input: unknown = JSON.parse(text);
    const [twice] = document.errors.filter(({ code }) => code === "DUPLICATE_KEY");
    return twice === undefined ? { input } : { problem: `${name}: ${oneLine(twice.message)}` };
  } catch (error) {
    const [first] = document.errors;
    const where = first === undefined ? oneLine(String(error)) : oneLine(first.message);
    return { problem: `${name}: (whole file): expected JSON, got a syntax error: ${where}` };
  }
}

function readYaml(name: FileName, text: string): Read {
  const document = parseDocument(text, { uniqueKeys: true });
  const [first] = document.errors;
  if (first !== undefined) {
    const where = oneLine(first.message);
    return { problem: `${name}: (whole file): expected YAML, got a syntax error: ${where}` };
  }
  return { input: parse(text) ?? {} };
}

function oneLine(text: string): string {
  return text.split("\n")[0]!.replace(/:$/, "");
}
