/**
 * The files of a running engine as somebody else reads them: without a line of this program, by its
 * own manifest and schemas, and by the reference schemas with every difference named.
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { Ajv2020 } from "ajv/dist/2020.js";
import account_baseline from "../contract/examples/account_baseline.json" with { type: "json" };
import diagnostics from "../contract/examples/diagnostics.json" with { type: "json" };
import engine_metadata from "../contract/examples/engine_metadata.json" with { type: "json" };
import kpis_v7 from "../contract/examples/kpis_v7.json" with { type: "json" };
import nav from "../contract/examples/nav.json" with { type: "json" };
import nav_state from "../contract/examples/nav_state.json" with { type: "json" };
import operator_state from "../contract/examples/operator_state.json" with { type: "json" };
import position_tp_sl from "../contract/examples/position_tp_sl.json" with { type: "json" };
import positions_ledger from "../contract/examples/positions_ledger.json" with { type: "json" };
import positions_state from "../contract/examples/positions_state.json" with { type: "json" };
import risk_snapshot from "../contract/examples/risk_snapshot.json" with { type: "json" };
import reference from "../contract/runtime_schemas.json" with { type: "json" };
import { DIFFERENCES, REQUIRED_KEYS } from "../contract/differences.ts";
import { writeBusyConfig } from "../kill/run.ts";
import { inTempDir, lane } from "../lanes.ts";
import { startBallast } from "./ballast.ts";

const NEEDS = ["read", "write", "run", "env"] as const;
/** Files beside the surfaces that are nobody else's business. */
const PRIVATE = [
  "checkpoint.json",
  "checkpoint.json.prev",
  "lineage.json",
  "markets.json",
  "surfaces.json",
];
const PATIENCE_MS = 60_000;

type Surface = {
  readonly name: string;
  readonly file: string;
  readonly cadence: string;
  readonly class: string;
  readonly max_age_s: number | null;
  readonly schema: string;
};
type Envelope = {
  readonly seq: number;
  readonly run_id: string;
  readonly wall_ts: string;
  readonly updated_ts: string;
};
type Files = Readonly<Record<string, Envelope & Readonly<Record<string, unknown>>>>;

const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });

/** Runs until something has been traded and says what lies there then, still running. */
async function whileTrading(
  dir: string,
  look: (state: string, surfaces: readonly Surface[], files: Files) => Promise<void>,
): Promise<void> {
  await writeBusyConfig(`${dir}/config`);
  const data = `${dir}/data`;
  const args = ["--config", `${dir}/config`, "--data", data, "--speed", "2000", "--no-web"];
  const running = await startBallast(["run", ...args]);
  try {
    const state = `${data}/logs/state`;
    await until(async () => {
      const fills = await textOf(`${data}/logs/execution/orders_executed.jsonl`);
      return fills?.includes('"order_close"') ? true : null;
    });
    const { surfaces } = JSON.parse((await textOf(`${state}/surfaces.json`))!) as {
      surfaces: readonly Surface[];
    };
    const files = await until(() => ofOneTick(state, surfaces));
    await look(state, surfaces, files);
  } finally {
    const { code, err } = await running.end("SIGTERM");
    assert.equal(code, 0, err);
  }
}

/** All files, once every one exists and those of the loop are of one tick; else null. */
async function ofOneTick(state: string, surfaces: readonly Surface[]): Promise<Files | null> {
  const texts = await Promise.all(surfaces.map(({ file }) => textOf(`${state}/${file}`)));
  if (texts.includes(null)) return null;
  const files = Object.fromEntries(surfaces.map(({ name }, i) => [name, strictJson(texts[i]!)]));
  const seqs = surfaces.filter(({ cadence }) => cadence === "loop").map(({ name }) =>
    files[name]!.seq
  );
  return new Set(seqs).size === 1 ? files as Files : null;
}

/** JSON as the standard has it: one value, one newline, no words for what is no number. */
function strictJson(text: string): Envelope {
  assert.ok(text.endsWith("}\n") && !text.slice(0, -1).includes("\n"), "one line of JSON");
  return JSON.parse(text);
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function until<T>(look: () => Promise<T | null>): Promise<T> {
  const fromMs = performance.now();
  while (performance.now() - fromMs < PATIENCE_MS) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("nothing to be seen in time");
}

/** What a schema has against a value, keys of symbols and places in lists left out. */
function complaints(schema: object, value: unknown): string[] {
  const validate = ajv.compile(schema);
  if (validate(value)) return [];
  const found = validate.errors!.map(({ instancePath, keyword, params }) => {
    const path = instancePath.replaceAll(/\/(?:\d+|[A-Z0-9]+USDT(?::\w+)?)(?=\/|$)/g, "/*");
    const what = params.additionalProperty ?? params.missingProperty ?? "";
    return `${path} ${keyword} ${what}`.trim();
  });
  return [...new Set(found)].toSorted();
}

lane("an outside reader finds every file as the manifest, the schemas and the contract say", {
  needs: NEEDS,
  run: (t) =>
    inTempDir(async (dir) => {
      await whileTrading(dir, async (state, surfaces, files) => {
        await t.step("files fit the schemas beside them and are fresh", () =>
          fitsItsSchemas(state, surfaces, files));
        await t.step("the manifest names every file", () =>
          isNamed(state, surfaces));
        await t.step("files of one tick are of one run and say so", () => agrees(surfaces, files));
        await t.step("what must last has its checksum, and the generation before", () =>
          isSealed(state, surfaces, files));
        await t.step("they differ from the reference in what is listed alone", () =>
          fitsTheReference(files));
      });
      await t.step("every line of the logs is a row with the fields its readers need", () =>
        logsAreWhole(`${dir}/data/logs/execution`));
    }),
});

async function fitsItsSchemas(
  state: string,
  surfaces: readonly Surface[],
  files: Files,
): Promise<void> {
  for (const { name, file, max_age_s, schema } of surfaces) {
    const value = files[name]!;
    const text = await Deno.readTextFile(`${state}/${schema}`);
    assert.deepEqual(complaints(JSON.parse(text), value), [], file);
    const { mode } = await Deno.stat(`${state}/${file}`);
    assert.equal(mode! & 0o444, 0o444, `${file} can be read by others`);
    const ageS = (Date.now() - Date.parse(value.wall_ts)) / 1_000;
    assert.ok(max_age_s === null || ageS <= max_age_s, `${file} is ${ageS} s old`);
  }
}

async function isNamed(state: string, surfaces: readonly Surface[]): Promise<void> {
  const named = new Set([...surfaces.map(({ file }) => file), ...PRIVATE]);
  for await (const { name, isFile } of Deno.readDir(state)) {
    if (!isFile || !/\.json(?:\.prev)?$/.test(name)) continue;
    assert.ok(named.has(name) || named.has(name.replace(/\.prev$/, "")), `${name} is named`);
  }
}

function agrees(surfaces: readonly Surface[], files: Files): void {
  const loop = surfaces.filter(({ cadence }) => cadence === "loop");
  assert.equal(new Set(loop.map(({ name }) => files[name]!.run_id)).size, 1);
  assert.ok(files.nav_state!.updated_ts <= files.nav!.updated_ts, "a copy is never newer");
  const { surfaces: told, loop: { stages } } = files.diagnostics!.runtime_diagnostics as {
    surfaces: Readonly<Record<string, { seq: number; ok: boolean }>>;
    loop: { stages: Readonly<Record<string, { ok: boolean }>> };
  };
  for (const stage of ["protect", "seek", "journal", "logs", "nav_history", "surfaces", "venue"]) {
    assert.equal(stages[stage]?.ok, true, `the stage ${stage} went well`);
  }
  for (const { name } of loop) {
    if (name === "diagnostics") continue;
    assert.deepEqual([told[name]?.ok, told[name]?.seq], [true, files[name]!.seq], name);
  }
}

const ENVELOPE = [
  "schema_version",
  "updated_ts",
  "seq",
  "run_id",
  "env",
  "writer",
  "wall_ts",
  "speed",
] as const;

async function isSealed(
  state: string,
  surfaces: readonly Surface[],
  files: Files,
): Promise<void> {
  const durable = surfaces.filter((one) => one.class === "durable");
  assert.equal(durable.length, 4);
  const hasItsSum = (file: Envelope) => {
    const { crc32: told, ...body }: Record<string, unknown> = { ...file };
    for (const field of ENVELOPE) delete body[field];
    assert.equal(told, crc32(JSON.stringify(body)).toString(16).padStart(8, "0"));
  };
  for (const { name } of durable) hasItsSum(files[name]!);
  hasItsSum(strictJson((await textOf(`${state}/position_tp_sl.json.prev`))!));
}

function fitsTheReference(files: Files): void {
  const all = Object.entries(DIFFERENCES);
  const found = all.map(([name]) => [name, complaints(schemaOf(name), files[name])] as const);
  const listed = all.map(([name, reasons]) => [name, Object.keys(reasons).toSorted()] as const);
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(listed));
}

async function logsAreWhole(folder: string): Promise<void> {
  const counts: Record<string, number> = {};
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(`${folder}/${name}`);
    assert.ok(text === "" || text.endsWith("\n"), `${name} ends with a whole line`);
    const log = name.replace(/(?:-[\dTZ-]+)?\.jsonl$/, "");
    for (const line of text.split("\n").slice(0, -1)) {
      const row = JSON.parse(line) as Record<string, unknown>;
      counts[log] = (counts[log] ?? 0) + 1;
      const needed = REQUIRED_KEYS[`${log} ${row.event_type}`] ?? REQUIRED_KEYS[log];
      assert.ok(needed !== undefined, `${name} is known`);
      for (const key of needed) assert.ok(key in row, `${log} ${row.event_type}: ${key}`);
    }
  }
  assert.equal(counts.invalid_events, undefined, "nothing had to be kept apart");
  for (const log of ["orders_executed", "orders_attempted", "risk_vetoes", "order_metrics"]) {
    assert.ok(counts[log]! > 0, `${log} has rows`);
  }
}

function schemaOf(name: string): object {
  const schemas = reference.$defs as Readonly<Record<string, object>>;
  return { ...schemas[name], $defs: schemas };
}

const EXAMPLES: Readonly<Record<string, object>> = {
  account_baseline,
  diagnostics,
  engine_metadata,
  kpis_v7,
  nav,
  nav_state,
  operator_state,
  position_tp_sl,
  positions_ledger,
  positions_state,
  risk_snapshot,
};

Deno.test("the reference schemas take their examples, and none that lacks a field", () => {
  for (const [name, value] of Object.entries(EXAMPLES)) {
    assert.deepEqual(complaints(schemaOf(name), value), [], name);
    for (const field of ["seq", "run_id", "updated_ts"] as const) {
      const { [field]: _gone, ...broken } = value as Record<string, unknown>;
      assert.deepEqual(complaints(schemaOf(name), broken), [`required ${field}`], name);
    }
  }
});
