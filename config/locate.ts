/** Finds the config folder and reads its nine files; no part reads a file or variable of its own. */
import { Refusal } from "../core/assert.ts";
import { digest } from "../core/ids.ts";
import { FILE_NAMES, type FileName } from "./files.ts";
import { type Config, loadConfig, type Texts } from "./load.ts";
import { strangerProblem } from "./problems.ts";

type Located = {
  readonly texts: Texts;
  /** Files that look like configuration and that nobody will read. */
  readonly strangers: readonly string[];
  /** Where the files came from, as it is printed. */
  readonly source: string;
  readonly builtIn: boolean;
};

type Places = {
  readonly given: string | undefined;
  readonly besideBinary: string | null;
  readonly builtIn: string;
};

export type Read = Located & { readonly config: Config; readonly hash: string };

/** The configuration that is in force. Refuses with everything that is wrong with it. */
export async function readConfig(places: Places): Promise<Read> {
  const located = await locate(places);
  const loaded = loadConfig(located.texts);
  const problems = [
    ...located.strangers.map((name) => strangerProblem(name, FILE_NAMES)),
    ...loaded.kind === "problems" ? loaded.problems : [],
  ];
  if (loaded.kind === "problems" || problems.length > 0) {
    const n = problems.length;
    const head = `${located.source}: ${n} ${n === 1 ? "problem" : "problems"}`;
    throw new Refusal([head, ...problems].join("\n"));
  }
  const hash = digest([JSON.stringify(located.texts)]);
  return { ...located, config: loaded.config, hash };
}

/** `--config`, else `./config`, else the folder beside the binary, else the built-in defaults. */
async function locate({ given, besideBinary, builtIn }: Places): Promise<Located> {
  if (given !== undefined) {
    if (!await isFolder(given)) throw new Refusal(`--config: expected a folder, got "${given}"`);
    return { ...await readFolder(given), source: given, builtIn: false };
  }
  for (const folder of ["./config", besideBinary]) {
    if (folder === null || !await holdsConfig(folder)) continue;
    return { ...await readFolder(folder), source: folder, builtIn: false };
  }
  return { ...await readFolder(builtIn), source: "built-in defaults", builtIn: true };
}

async function readFolder(folder: string): Promise<Pick<Located, "texts" | "strangers">> {
  const texts: Partial<Record<FileName, string>> = {};
  const strangers: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) continue;
    if (isFileName(name)) texts[name] = await Deno.readTextFile(`${folder}/${name}`);
    else if (/\.(json|ya?ml)$/.test(name)) strangers.push(name);
  }
  return { texts, strangers: strangers.toSorted() };
}

function isFileName(name: string): name is FileName {
  return (FILE_NAMES as readonly string[]).includes(name);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A folder counts when it holds at least one of the files. */
async function holdsConfig(path: string): Promise<boolean> {
  if (!await isFolder(path)) return false;
  for await (const { name } of Deno.readDir(path)) {
    if (isFileName(name)) return true;
  }
  return false;
}
