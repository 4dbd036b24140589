/**
 * The compiled binary as an operator drops it on a server: alone in an empty folder it starts,
 * trades, serves its page and writes its logs. `BALLAST_BIN` names it; the gate builds one.
 */
import assert from "node:assert/strict";
import { FILE_NAMES } from "../../config/files.ts";
import { SURFACES } from "../../state/surfaces/mod.ts";
import { inTempDir, lane } from "../lanes.ts";
import { ballast, pageText, startBallast, surface } from "./ballast.ts";

const BINARY = Deno.permissions.querySync({ name: "env" }).state === "granted"
  ? Deno.env.get("BALLAST_BIN")
  : undefined;

lane("the binary, alone in an empty folder, trades, serves its page and writes its logs", {
  needs: ["read", "write", "run", "env", "net"],
  missing: () => BINARY === undefined ? "BALLAST_BIN, a compiled binary" : null,
  run: () =>
    inTempDir(async (dir) => {
      const binary = `${dir}/ballast`;
      await Deno.copyFile(BINARY!, binary);
      await Deno.chmod(binary, 0o755);
      const at = { binary, cwd: dir };

      const running = await startBallast(["--port", "0"], at);
      const url = await running.page();
      assert.ok(url !== null, "the page is served");
      const page = await pageText(url);
      const [script] = /\/assets\/client\.[0-9a-z]+\.js/.exec(page)!;
      assert.equal((await fetch(new URL(script, url)).then((got) => got.text())).length > 0, true);
      const nav = await (await fetch(new URL("/api/state/nav", url))).json();
      assert.ok(nav.nav > 0, "NAV is known");
      const { code, out, err } = await running.end("SIGTERM");
      assert.equal(code, 0, err);
      assert.match(out, /config: built-in defaults/);
      assert.match(out, /stopped after tick \d+/);

      for (const { file } of Object.values(SURFACES)) await surface(dir, file);
      const { total_orders, total_fills, total_vetoes } = await funnel(dir);
      for (const n of [total_orders, total_fills, total_vetoes]) assert.ok(n! > 0, "it traded");

      assert.equal((await ballast(["init"], at)).code, 0);
      for (const name of FILE_NAMES) await Deno.stat(`${dir}/config/${name}`);
      const checked = await ballast(["check"], at);
      assert.match(checked.out, /\.\/config: \d+ values, no problems/, checked.err);
      assert.match((await ballast(["--version"], at)).out, /^ballast \d/);
      assert.match((await ballast(["status"], at)).out, /STOPPED/);
    }),
});

async function funnel(dir: string): Promise<Record<string, number>> {
  const { runtime_diagnostics: said } = await surface(dir, "diagnostics.json") as {
    runtime_diagnostics: { veto_counters: Record<string, number> };
  };
  return said.veto_counters;
}
