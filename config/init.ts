/** Writes the default configuration and the JSON Schemas that let editors complete and validate it. */
import { z } from "zod";
import { FILE_NAMES, FILES } from "./files.ts";

const SCHEMA_DIR = "schema";

/** Path of a file's schema, relative to the config folder. */
export function schemaPath(file: string): string {
  return `${SCHEMA_DIR}/${file.replace(/\.[a-z]+$/, "")}.schema.json`;
}

/** The JSON Schema of one config file, as text. */
export function schemaText(file: keyof typeof FILES): string {
  const schema = z.toJSONSchema(FILES[file] as z.ZodType, { io: "input" });
  return `${JSON.stringify({ title: file, ...schema }, null, 2)}\n`;
}

export type InitResult =
  | { readonly kind: "written"; readonly paths: readonly string[] }
  | { readonly kind: "exists"; readonly paths: readonly string[] };

/** Writes nine files and nine schemas into `dir`; existing files are kept unless `force`. */
export async function initConfig(
  dir: string,
  { defaults, force }: { defaults: string; force: boolean },
): Promise<InitResult> {
  const existing: string[] = [];
  for (const name of FILE_NAMES) {
    if (await exists(`${dir}/${name}`)) existing.push(`${dir}/${name}`);
  }
  if (existing.length > 0 && !force) return { kind: "exists", paths: existing };
  await Deno.mkdir(`${dir}/${SCHEMA_DIR}`, { recursive: true });
  const paths: string[] = [];
  for (const name of FILE_NAMES) {
    const text = await Deno.readTextFile(`${defaults}/${name}`);
    await Deno.writeTextFile(`${dir}/${name}`, text);
    await Deno.writeTextFile(`${dir}/${schemaPath(name)}`, schemaText(name));
    paths.push(`${dir}/${name}`, `${dir}/${schemaPath(name)}`);
  }
  return { kind: "written", paths };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
