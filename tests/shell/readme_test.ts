/**
 * Every command of the README, run as it stands there and in its order, in a fresh copy of the
 * project. A command nobody can run fails the test; one that cannot run here says why.
 */
import assert from "node:assert/strict";
import { inTempDir, lane, say } from "../lanes.ts";
import { pageText } from "./ballast.ts";
import { writeCandles } from "./candles.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const NEEDS = ["read", "write", "run", "env", "net"] as const;
const NOT_COPIED = new Set([".git", "logs", "dist", "coverage"]);
const PATIENCE_MS = 120_000;

type Place = { readonly dir: string; readonly env: Readonly<Record<string, string>> };
type Verdict = string | null;
type Runner = (command: string, place: Place) => Promise<Verdict>;

/** First match wins. A runner gives back why it did not run the command, or null. */
const RUNNERS: readonly (readonly [pattern: RegExp, run: Runner])[] = [
  [/^npx .*task start$/, (command, place) => untilPage(command, place, "npx")],
  [/^deno task start( run .*)?$/, (command, place) => untilPage(command, place, "deno")],
  [/^deno task start status/, stopped],
  [/^deno task start (?:ack|ctl) /, nobodyListens],
  [/^deno task (test|ok)$/, () => Promise.resolve("it is what runs this test")],
  [/^deno task compile$/, () => Promise.resolve("it fetches a runtime; the gate runs it")],
  [/^\.\/dist\/ballast /, binary],
  [/^sudo /, () => Promise.resolve("it needs root and a server")],
  [/^deno task /, toItsEnd],
];

lane("every command of the README works", {
  needs: NEEDS,
  run: (t) =>
    inTempDir(async (dir) => {
      await copyProject(ROOT, dir);
      await writeCandles(`${dir}/candles`, { seed: 3, hours: 48, minutes: 15 });
      const bin = `${dir}/bin`;
      await Deno.mkdir(bin);
      await Deno.symlink(Deno.execPath(), `${bin}/deno`);
      const env = { PATH: `${bin}:${Deno.env.get("PATH") ?? ""}`, NO_COLOR: "1" };
      const commands = commandsOf(await Deno.readTextFile(`${ROOT}/README.md`));
      assert.ok(commands.length > 10, "the README has commands");
      for (const command of commands) {
        await t.step(command, async () => {
          const run = RUNNERS.find(([pattern]) => pattern.test(command))?.[1];
          assert.ok(run !== undefined, "no runner knows this command");
          const skipped = await run(command, { dir, env });
          if (skipped !== null) say(`not run: ${command} (${skipped})`);
        });
      }
    }),
});

/** The lines of the README's shell blocks. */
function commandsOf(readme: string): readonly string[] {
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)];
  return blocks.flatMap(([, lines]) => lines!.split("\n"))
    .map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
}

async function toItsEnd(command: string, place: Place): Promise<Verdict> {
  const { code, err } = await shell(command, place);
  assert.equal(code, 0, err);
  return null;
}

/** A started engine serves its page, and Ctrl-C ends it. */
async function untilPage(command: string, place: Place, needs: string): Promise<Verdict> {
  if (!await isOnPath(needs, place)) return `needs ${needs}`;
  // A port of its own: the usual one may be somebody else's.
  const free = / run /.test(command) ? `${command} --port 0` : `${command} run --port 0`;
  const child = spawn(`exec ${free}`, place);
  const err = new Response(child.stderr).text();
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  let out = "";
  let url: string | null = null;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    out += text;
    const found = /^page: (http:\S+)/m.exec(out)?.[1] ?? null;
    if (found === null || url !== null) continue;
    url = found;
    await pageText(url);
    await interrupt(child.pid);
  }
  clearTimeout(late);
  const { code } = await child.status;
  assert.ok(url !== null, `no page was served:\n${await err}`);
  assert.match(out, /stopped after tick/);
  assert.ok(code === 0 || code === 130, `exit ${code}: ${await err}`);
  return null;
}

/** Sends Ctrl-C to the engine itself, the last of the processes that the command started. */
async function interrupt(pid: number): Promise<void> {
  const children = await shellOut("pgrep", "-P", String(pid));
  if (children.length === 0) return Deno.kill(pid, "SIGINT");
  for (const child of children) await interrupt(Number(child));
}

async function shellOut(program: string, ...args: string[]): Promise<readonly string[]> {
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** The engine has been stopped by now: one screen, and the exit code that says so. */
async function stopped(command: string, place: Place): Promise<Verdict> {
  const { code, out, err } = await shell(command, place);
  assert.equal(code, 1, err);
  assert.match(out, /STOPPED[\s\S]*NAV \$/);
  return null;
}

/** Only a running engine takes a command: whoever asks a stopped one is told so. */
async function nobodyListens(command: string, place: Place): Promise<Verdict> {
  const { code, err } = await shell(command, place);
  assert.equal(code, 1, err);
  assert.match(err, /no engine listens in .*: start it, then say it again/);
  return null;
}

async function binary(command: string, place: Place): Promise<Verdict> {
  const built = Deno.env.get("BALLAST_BIN");
  if (built === undefined) return "needs BALLAST_BIN, a compiled binary";
  await Deno.mkdir(`${place.dir}/dist`, { recursive: true });
  await Deno.copyFile(built, `${place.dir}/dist/ballast`);
  await Deno.chmod(`${place.dir}/dist/ballast`, 0o755);
  return await toItsEnd(command, place);
}

async function isOnPath(program: string, place: Place): Promise<boolean> {
  return (await shell(`command -v ${program}`, place)).code === 0;
}

function spawn(command: string, { dir, env }: Place): Deno.ChildProcess {
  return new Deno.Command("sh", {
    args: ["-c", command],
    cwd: dir,
    env: { ...env, DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function shell(command: string, place: Place) {
  const { code, stdout, stderr } = await spawn(command, place).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

async function copyProject(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (NOT_COPIED.has(name)) continue;
    if (isDirectory) await copyProject(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
