/** Finds the config folder and reads its nine files; no part reads a file or variable of its own. */
import { FILE_NAMES, type FileName } from "./files.ts";
import type { Texts } from "./load.ts";

export type Located = {
  readonly texts: Texts;
  /** Where the files came from, as it is printed. */
  readonly source: string;
  readonly builtIn: boolean;
};

/** `--config`, else `./config`, else the folder beside the binary, else the built-in defaults. */
export async function locateConfig(
  { given, besideBinary, builtIn }: {
    given: string | undefined;
    besideBinary: string | null;
    builtIn: string;
  },
): Promise<Located | { readonly problem: string }> {
  if (given !== undefined) {
    if (!await isFolder(given)) return { problem: `--config: expected a folder, got "${given}"` };
    return { texts: await readAll(given), source: given, builtIn: false };
  }
  for (const folder of ["./config", besideBinary]) {
    if (folder === null || !await holdsConfig(folder)) continue;
    return { texts: await readAll(folder), source: folder, builtIn: false };
  }
  return { texts: await readAll(builtIn), source: "built-in defaults", builtIn: true };
}

async function readAll(folder: string): Promise<Texts> {
  const texts: Partial<Record<FileName, string>> = {};
  for (const name of FILE_NAMES) {
    try {
      texts[name] = await Deno.readTextFile(`${folder}/${name}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return texts;
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
  const names = new Set<string>(FILE_NAMES);
  for await (const { name } of Deno.readDir(path)) {
    if (names.has(name)) return true;
  }
  return false;
}
