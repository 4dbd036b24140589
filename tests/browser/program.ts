/** The real program as a child process. Whatever happens, it is killed. */
const ROOT = new URL("../../", import.meta.url).pathname;
const START_MS = 60_000;

export type Program = {
  readonly url: string;
  readonly signal: (signal: Deno.Signal) => void;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Builds the browser's part, so that what is tested is what the sources say. */
export async function bundle(): Promise<void> {
  const { success, stderr } = await deno("task", "-q", "bundle").output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Starts the engine in a folder of its own; resolves when its page is served. */
export async function startProgram({ seed = 7 } = {}): Promise<Program> {
  const data = await Deno.makeTempDir({ prefix: "ballast-browser-" });
  const args = ["run", "-A", "main.ts", "run", "--data", data, "--port", "0"];
  const child = deno(...args, "--speed", "60", "--seed", String(seed)).spawn();
  const kill = () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  };
  globalThis.addEventListener("unload", kill);
  const dispose = async () => {
    kill();
    await child.status;
    globalThis.removeEventListener("unload", kill);
    await Deno.remove(data, { recursive: true });
  };
  try {
    const told = collect(child.stderr);
    const url = await pageOf(child.stdout);
    if (url === null) throw new Error(`no page was served:\n${await told}`);
    return { url, signal: (signal) => child.kill(signal), [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function deno(...args: string[]): Deno.Command {
  const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  return new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** The address the program prints; null if it ends, or says nothing for too long. */
async function pageOf(stdout: ReadableStream<Uint8Array>): Promise<string | null> {
  let text = "";
  const found = Promise.withResolvers<string | null>();
  const timer = setTimeout(() => found.resolve(null), START_MS);
  const reading = (async () => {
    for await (const chunk of stdout) {
      text += new TextDecoder().decode(chunk);
      const url = /page: (http:\S+)/.exec(text)?.[1];
      if (url !== undefined) found.resolve(url);
    }
    found.resolve(null);
  })();
  reading.catch(() => {});
  const url = await found.promise;
  clearTimeout(timer);
  return url;
}

async function collect(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream).text().catch(() => "");
}
