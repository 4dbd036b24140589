/** The program as a user starts it, and what it wrote. */
import { filesOf, readRows } from "../../state/rotated.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

export type Outcome = { readonly code: number; readonly out: string; readonly err: string };

type StartOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A compiled binary; without one the sources are run. */
  readonly binary?: string;
  /** Says nothing before its end: nobody waits for its first words. */
  readonly quiet?: boolean;
};

function command(args: readonly string[], { env = {}, cwd, binary }: StartOptions): Deno.Command {
  const sources = ["run", "--quiet", "--no-check", "--allow-all", `${ROOT}/main.ts`];
  return new Deno.Command(binary ?? Deno.execPath(), {
    args: binary === undefined ? [...sources, ...args] : [...args],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs ballast to its end. */
export async function ballast(
  args: readonly string[],
  options: StartOptions = {},
): Promise<Outcome> {
  const { code, stdout, stderr } = await command(args, options).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

export type Running = {
  readonly pid: number;
  /** Resolves with the address once the page is served; null when the program ends before. */
  readonly page: () => Promise<string | null>;
  /** Signals the program and waits for its exit. */
  readonly end: (signal: Deno.Signal) => Promise<Outcome>;
};

/** Starts ballast and waits for its first words. */
export async function startBallast(
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running> {
  const child = command(args, options).spawn();
  const stderr = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = options.quiet ? "" : (await reader.read()).value ?? "";
  const pageAt = Promise.withResolvers<string | null>();
  const rest = (async () => {
    for (;;) {
      const url = /^page: (http:\S+)/m.exec(out)?.[1];
      if (url !== undefined) pageAt.resolve(url);
      const read = await reader.read();
      if (read.done) return pageAt.resolve(null);
      out += read.value;
    }
  })();
  const end = async (signal: Deno.Signal) => {
    child.kill(signal);
    const { code } = await child.status;
    await rest;
    return { code, out, err: await stderr };
  };
  return { pid: child.pid, page: () => pageAt.promise, end };
}

/** The text of a log, oldest first, rotated files included. */
export async function logText(dir: string, name: string): Promise<string> {
  const files = (await filesOf(`${dir}/logs/${name}.jsonl`)).toReversed();
  return (await Promise.all(files.map((file) => Deno.readTextFile(file)))).join("");
}

/** The rows of a log, oldest first. */
export async function logRows<T>(dir: string, name: string): Promise<readonly T[]> {
  const files = (await filesOf(`${dir}/logs/${name}.jsonl`)).toReversed();
  return (await Promise.all(files.map((file) => readRows<T>(file)))).flat();
}

/** A surface as it lies on disk. */
export async function surface(dir: string, file: string): Promise<Record<string, unknown>> {
  return JSON.parse(await Deno.readTextFile(`${dir}/logs/state/${file}`));
}

/** The page once it shows figures: it is served before the first tick has published any. */
export async function pageText(url: string): Promise<string> {
  for (;;) {
    const text = await (await fetch(url)).text();
    if (/Simulation:/.test(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
