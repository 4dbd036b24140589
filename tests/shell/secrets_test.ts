/** What stands in the environment stays there: no file, page or word of a run holds any of it. */
import assert from "node:assert/strict";
import { writeBusyConfig } from "../kill/run.ts";
import { inTempDir, lane } from "../lanes.ts";
import { ballast, type Outcome, pageText, startBallast } from "./ballast.ts";

const NEEDS = ["read", "write", "run", "env", "net"] as const;
const MARK = "s3cr3t";
/** Names the program reads, names it refuses, and names under which keys are kept elsewhere. */
const SECRETS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "KILL_SWITCH",
    "BALLAST_ARM",
    "BALLAST_API_KEY",
    "BALLAST_API_SECRET",
    "BINANCE_API_KEY",
    "BINANCE_API_SECRET",
    "TELEGRAM_BOT_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
  ].map((name, i) => [name, `${MARK}-${name.toLowerCase()}-${i}`]),
);
const REFUSED = ["DRY_RUN", "BINANCE_TESTNET", "ENV", "ALLOW_PROD_WRITE"];

/** Every file below a folder that holds the mark. */
async function filesWithMark(dir: string): Promise<{ read: number; found: string[] }> {
  let read = 0;
  const found: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(dir)) {
    const path = `${dir}/${name}`;
    if (isDirectory) {
      const inner = await filesWithMark(path);
      read += inner.read;
      found.push(...inner.found);
    } else if (isFile) {
      read += 1;
      if ((await Deno.readTextFile(path)).includes(MARK)) found.push(path);
    }
  }
  return { read, found };
}

const tells = (what: string, { out, err }: Pick<Outcome, "out" | "err">) =>
  assert.ok(!`${out}${err}`.includes(MARK), `${what} tells a secret: ${out}${err}`);

lane("no secret of the environment is in a file, on the page, or in any word that is said", {
  needs: NEEDS,
  run: () =>
    inTempDir(async (dir) => {
      const env = SECRETS;
      await writeBusyConfig(`${dir}/config`);
      const data = ["--config", `${dir}/config`, "--data", dir];
      const running = await startBallast(["run", ...data, "--port", "0", "--speed", "600"], {
        env,
      });
      const url = await running.page();
      assert.ok(url !== null);
      assert.ok(!(await pageText(url)).includes(MARK), "the page tells a secret");
      for (const path of ["api/state", "healthz", "no-such-page"]) {
        const text = await (await fetch(new URL(path, url))).text();
        assert.ok(!text.includes(MARK), `/${path} tells a secret`);
      }
      tells("ctl", await ballast(["ctl", "pause", "--data", dir, "--reason", "test"], { env }));
      tells("status", await ballast(["status", "--data", dir], { env }));
      tells("a second engine", await ballast(["run", ...data, "--no-web"], { env }));
      tells("the engine", await running.end("SIGINT"));
      for (const mode of ["paper", "live"]) {
        const refused = await ballast(["run", ...data, "--mode", mode, "--no-web"], { env });
        assert.equal(refused.code, 2);
        tells(`--mode ${mode}`, refused);
      }
      for (const name of REFUSED) {
        const refused = await ballast(["run", ...data], { env: { ...env, [name]: `${MARK}-x` } });
        assert.equal(refused.code, 2, name);
        tells(name, refused);
      }
      tells("check", await ballast(["check", "--config", `${dir}/config`], { env }));
      const { read, found } = await filesWithMark(dir);
      assert.ok(read > 20, `${read} files were looked through`);
      assert.deepEqual(found, []);
      await Deno.writeTextFile(`${dir}/logs/planted.jsonl`, SECRETS.BINANCE_API_SECRET!);
      assert.deepEqual((await filesWithMark(dir)).found, [`${dir}/logs/planted.jsonl`]);
    }),
});
