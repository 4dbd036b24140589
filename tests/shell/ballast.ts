/** The program as a user starts it, and what it wrote. */
import { filesOf, readRows } from "../../state/rotated.ts";

const ROOT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

export type Outcome = { readonly code: number; readonly out: string; readonly err: string };

type StartOptions = { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string };

function command(args: readonly string[], { env = {}, cwd }: StartOptions): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-all", `${ROOT}/main.ts`, ...args],
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

/** Starts ballast and waits for its first words. `end` signals it and waits for its exit. */
export async function startBallast(
  args: readonly string[],
  options: StartOptions = {},
): Promise<{ pid: number; end: (signal: Deno.Signal) => Promise<Outcome> }> {
  const child = command(args, options).spawn();
  const stderr = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let out = (await reader.read()).value ?? "";
  const rest = (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) out += read.value;
  })();
  const end = async (signal: Deno.Signal) => {
    child.kill(signal);
    const { code } = await child.status;
    await rest;
    return { code, out, err: await stderr };
  };
  return { pid: child.pid, end };
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
