/** The HTTP surface: headers, state, health, events, budgets. The page itself: `web_page_test.ts`. */
import assert from "node:assert/strict";
import { brotliCompressSync } from "node:zlib";
import type { Store } from "../../state/store.ts";
import { SURFACES } from "../../state/surfaces/mod.ts";
import { readAssets } from "../../web/assets.ts";
import { PAGE_SURFACES } from "../../web/readings.ts";
import { startWeb } from "../../web/server.tsx";
import {
  appOver,
  ASSETS,
  movingStore,
  NOW_MS,
  pageOf,
  readEvents,
  RUN,
  settled,
  SIX,
  storeWith,
} from "./web_fixtures.ts";

const WEB = new URL("../../web", import.meta.url).pathname;
const canRead = Deno.permissions.querySync({ name: "read" }).state === "granted";
const canListen = Deno.permissions.querySync({ name: "net", host: "127.0.0.1" }).state ===
  "granted";
const bundle = canRead ? await Deno.readTextFile(`${WEB}/dist/client.js`).catch(() => null) : null;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
if (!canRead) say("skipped: needs --allow-read (web assets)");
if (!canListen) say("skipped: needs --allow-net=127.0.0.1 (web server)");
if (canRead && bundle === null) say("skipped: no bundle (deno task bundle)");

const brotli = (text: string) => brotliCompressSync(new TextEncoder().encode(text)).length;

Deno.test("every answer carries the strict headers, errors too", async () => {
  const { app } = appOver(await storeWith());
  const asked: readonly [string, RequestInit][] = [
    ["/", {}],
    ["/healthz", {}],
    ["/api/state", {}],
    ["/api/state/nav", {}],
    ["/api/state/none", {}],
    ["/nothing", {}],
    [ASSETS.style.path, {}],
    ["/", { method: "POST" }],
    ["/", { headers: { host: "evil.example" } }],
  ];
  for (const [path, init] of asked) {
    const { headers } = await app.request(path, init);
    assert.equal(
      headers.get("content-security-policy"),
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; " +
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
      path,
    );
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
    assert.equal(headers.get("cross-origin-opener-policy"), "same-origin");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    assert.match(headers.get("permissions-policy")!, /camera=\(\)/);
    assert.ok(headers.has("cache-control"));
    assert.equal(headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("only GET and HEAD are served", async () => {
  const { app } = appOver(await storeWith());
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    for (const path of ["/", "/api/state/nav", "/events", "/nothing"]) {
      const response = await app.request(path, { method });
      assert.equal(response.status, 405);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
    }
  }
  for (const path of ["/", "/healthz", "/api/state/nav", "/events", ASSETS.style.path]) {
    const head = await app.request(path, { method: "HEAD" });
    assert.equal(head.status, 200, path);
    assert.equal(await head.text(), "", path);
  }
});

Deno.test("a foreign host name is turned away, our own names are not", async () => {
  const { app } = appOver(await storeWith(), { host: "10.1.2.3" });
  const status = async (host: string) =>
    (await app.request("/healthz", { headers: { host } })).status;
  for (const host of ["localhost", "127.0.0.1:8787", "[::1]:8787", "10.1.2.3", "LOCALHOST:1"]) {
    assert.equal(await status(host), 200, host);
  }
  for (const host of ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil", "10.1.2.4"]) {
    assert.equal(await status(host), 421, host);
  }
});

Deno.test("/api/state/:surface gives the store's own bytes with a tag", async () => {
  const store = await storeWith();
  const { app } = appOver(store);
  for (const name of PAGE_SURFACES) {
    const response = await app.request(`/api/state/${name}`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type")!, /^application\/json/);
    assert.equal(await response.text(), store.text(name));
    const tag = response.headers.get("etag")!;
    assert.equal(tag, `"${RUN.runId}.${store.version(name)}"`);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`]) {
      const again = await app.request(`/api/state/${name}`, {
        headers: { "if-none-match": known },
      });
      assert.equal(again.status, 304);
      assert.equal(await again.text(), "");
    }
    const stale = await app.request(`/api/state/${name}`, {
      headers: { "if-none-match": `"${RUN.runId}.0"` },
    });
    assert.equal(stale.status, 200);
    await stale.body?.cancel();
  }
});

Deno.test("/api/state names every surface with its age, unknown ones are 404, early ones 503", async () => {
  const { app } = appOver(await storeWith({ without: ["kpis_v7"], wallMs: NOW_MS - 4_000 }));
  const { run_id, surfaces } = await (await app.request("/api/state")).json();
  assert.equal(run_id, RUN.runId);
  assert.deepEqual(surfaces.map(({ name }: { name: string }) => name), Object.keys(SURFACES));
  const of = (wanted: string) => surfaces.find(({ name }: { name: string }) => name === wanted);
  assert.deepEqual([of("nav").age_s, of("nav").fresh], [4, true]);
  assert.deepEqual([of("kpis_v7").age_s, of("kpis_v7").fresh], [null, false]);
  assert.equal((await app.request("/api/state/kpis_v7")).status, 503);
  for (const name of ["none", "__proto__", "constructor", "..%2f..%2fetc%2fpasswd"]) {
    const response = await app.request(`/api/state/${name}`);
    assert.equal(response.status, 404, name);
    assert.match(await response.text(), /positions_state, positions_ledger, nav/);
  }
});

Deno.test("/healthz is 200 only while the loop is heard", async () => {
  const ask = async (ageMs: number | null) => {
    const store = await storeWith(
      ageMs === null ? { without: ["diagnostics"] } : { wallMs: NOW_MS - ageMs },
    );
    const response = await appOver(store).app.request("/healthz");
    return [response.status, await response.json()] as const;
  };
  const { seq } = (await storeWith()).get("diagnostics")!;
  assert.deepEqual(await ask(1_000), [200, { level: "ok", age_s: 1, seq, mode: "sim" }]);
  assert.equal((await ask(15_000))[0], 200);
  assert.deepEqual(await ask(15_001), [503, { level: "blind", age_s: 15.001, seq, mode: "sim" }]);
  assert.deepEqual(await ask(null), [503, { level: "blind", age_s: null, seq: null, mode: "sim" }]);
  assert.equal((await ask(-6_000))[0], 503, "a sign of life from the future");
});

Deno.test("assets are kept for ever under their content's name, the page is not kept", async () => {
  const { app } = appOver(await storeWith());
  const style = await app.request(ASSETS.style.path);
  assert.equal(style.headers.get("content-type"), "text/css; charset=utf-8");
  assert.match(style.headers.get("cache-control")!, /immutable/);
  assert.equal(await style.text(), ASSETS.style.text);
  assert.equal((await app.request("/assets/page.1.css")).status, 404);
  assert.equal((await app.request("/assets/../../deno.json")).status, 404);
  const page = await app.request("/");
  assert.equal(page.headers.get("cache-control"), "no-store");
  await page.body?.cancel();
});

Deno.test("a page that cannot be made is a short answer, and the fault is told", async () => {
  const faults: string[] = [];
  const store = {
    get: () => {
      throw new Error("secret at /home/x");
    },
  } as unknown as Store;
  const response = await appOver(store, { faults }).app.request("/");
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "The page could not be made.\n");
  assert.deepEqual(faults, ["page: /: secret at /home/x"]);
});

Deno.test({
  name: "startWeb() serves over a socket and stops everything it started",
  ignore: !canListen || !canRead,
  fn: async () => {
    const { store, publish } = await movingStore();
    const web = await startWeb({ store, run: RUN, host: "127.0.0.1", port: 0, assets: WEB });
    const base = `http://127.0.0.1:${web.port}`;
    const page = await (await fetch(base)).text();
    for (const [, path] of page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)) {
      const asset = await fetch(base + path);
      assert.equal(asset.status, 200, path);
      await asset.body?.cancel();
    }
    const small = await fetch(base, { headers: { "accept-encoding": "br" } });
    assert.equal(small.headers.get("vary")?.toLowerCase(), "accept-encoding", "compressed");
    await small.body?.cancel();
    const events = await fetch(`${base}/events`);
    assert.equal(events.headers.get("vary"), null, "a stream is not");
    const reading = readEvents(events.body!, 10);
    await settled();
    publish(["nav"], 7);
    await settled();
    await web.stop();
    const kinds = (await reading).map(({ event }) => event);
    assert.deepEqual(kinds, ["hello", "state", "state", "bye"]);
    await assert.rejects(fetch(base));
    await events.body?.cancel();
  },
});

Deno.test({
  name: "page, stylesheet and script stay within their budgets",
  ignore: !canRead,
  fn: async () => {
    const assets = await readAssets(WEB);
    const html = brotli(await pageOf(await storeWith({ changes: SIX }), { assets }));
    const css = brotli(assets.style.text);
    say(`brotli: page ${html} of 14336 bytes, css ${css} of 8192`);
    assert.ok(html <= 14 * 1_024);
    assert.ok(css <= 8 * 1_024);
  },
});

Deno.test({
  name: "the bundle is small and holds no schema and no engine",
  ignore: bundle === null,
  fn: () => {
    const js = brotli(bundle!);
    say(`brotli: script ${js} of 22528 bytes`);
    assert.ok(js <= 22 * 1_024);
    for (const foreign of ["Zod", "safeParse", "strictObject", "Invariant: ", "Deno.", "eval("]) {
      assert.ok(!bundle!.includes(foreign), foreign);
    }
    assert.doesNotMatch(bundle!, /https?:\/\/(?!www\.w3\.org\/)/);
  },
});

Deno.test({
  name: "what the browser runs reaches nothing outside web/ but types",
  ignore: !canRead,
  fn: async () => {
    const reached = new Set<string>();
    const visit = async (path: string) => {
      if (reached.has(path)) return;
      reached.add(path);
      const text = await Deno.readTextFile(path);
      const imports = text.matchAll(/^(?:import|export) (?!type\b)[^;]*?from "([^"]+)"/gms);
      for (const [, name] of imports) {
        if (!name!.startsWith(".")) assert.match(name!, /^(preact|@preact\/signals)$/, path);
        else await visit(new URL(name!, `file://${path}`).pathname);
      }
    };
    await visit(`${WEB}/client.tsx`);
    assert.ok(reached.size > 15);
    for (const path of reached) assert.ok(path.startsWith(`${WEB}/`), path);
  },
});
