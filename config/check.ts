/** The effective configuration, value by value, with unit and origin: what `ballast check` prints. */
import { z } from "zod";
import type { Config } from "./load.ts";
import { FILE_NAMES, FILES } from "./files.ts";

export type Effective = {
  readonly file: string;
  readonly path: string;
  readonly value: unknown;
  readonly unit: string;
  readonly origin: "file" | "default";
};

type JsonSchema = {
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
};

/** Every value in force, as the files spell it, in the order of the schemas. */
export function effectiveValues({ inputs }: Config): readonly Effective[] {
  return FILE_NAMES.flatMap((file) => {
    const schema = z.toJSONSchema(FILES[file] as z.ZodType, { io: "input" }) as JsonSchema;
    return leaves(schema, inputs[file], { file, path: "", origin: "file" });
  });
}

type Where = { readonly file: string; readonly path: string; readonly origin: "file" | "default" };

function leaves(schema: JsonSchema | undefined, input: unknown, where: Where): Effective[] {
  if (input === undefined && schema?.default !== undefined) {
    return leaves(schema, schema.default, { ...where, origin: "default" });
  }
  if (isDict(input)) {
    const keys = [...new Set([...Object.keys(schema?.properties ?? {}), ...Object.keys(input)])];
    return keys.filter((key) => key !== "$schema").flatMap((key) => {
      const extra = schema?.additionalProperties;
      const child = schema?.properties?.[key] ?? (typeof extra === "object" ? extra : undefined);
      const path = where.path === "" ? key : `${where.path}.${key}`;
      return leaves(child, input[key], { ...where, path });
    });
  }
  if (Array.isArray(input) && input.some(isDict)) {
    return input.flatMap((item, i) =>
      leaves(schema?.items, item, { ...where, path: `${where.path}[${i}]` })
    );
  }
  if (input === undefined) return [];
  return [{ ...where, value: input, unit: unitOf(where.path) }];
}

/** The unit a key's name promises. */
export function unitOf(path: string): string {
  const key = path.split(".").at(-1)!.replace(/\[\d+\]$/, "");
  if (/_bps$/.test(key)) return "bps";
  if (/(_pct|_frac|_ratio|_strength)$/.test(key) || /^(target|min|max)_vol$/.test(key)) {
    return "fraction";
  }
  if (/(_seconds|_s)$/.test(key)) return "s";
  if (/_ms$/.test(key)) return "ms";
  if (/(_hours|_h)$/.test(key)) return "h";
  if (/_days$/.test(key)) return "days";
  if (/^cooldown_minutes/.test(key)) return "min";
  if (/(_usd|_usdt|notional|avg_cost)$/.test(key)) return "USD";
  return "";
}

/** The table as text: path, value, unit (a fraction also as percent), origin. */
export function renderCheck(values: readonly Effective[]): string {
  const rows = values.map(({ file, path, value, unit, origin }) => ({
    name: `${file}: ${path}`,
    value: JSON.stringify(value),
    unit: unit === "fraction" && typeof value === "number" ? `= ${percent(value)} %` : unit,
    origin,
  }));
  const width = (pick: (row: typeof rows[number]) => string) =>
    Math.max(...rows.map((row) => pick(row).length));
  const [names, texts, units] = [width((r) => r.name), width((r) => r.value), width((r) => r.unit)];
  return rows.map(({ name, value, unit, origin }) =>
    `${name.padEnd(names)}  ${value.padEnd(texts)}  ${unit.padEnd(units)}  ${origin}`
  ).join("\n");
}

function percent(value: number): string {
  return String(Number((value * 100).toPrecision(6)));
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
