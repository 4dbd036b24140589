/**
 * The real program in a real browser: what the page shows is what the engine says, silence is seen,
 * nothing foreign is asked for. Run: `deno task --cwd tests/browser test`;
 * needs a Chromium (`$CHROMIUM_BIN`).
 */
import assert from "node:assert/strict";
import { type Browser, chromium } from "playwright-core";
import * as f from "../../web/format.ts";
import { lowContrast } from "./contrast.ts";
import { bundle, startProgram } from "./program.ts";
import { fieldOf, type Shown, type Watched, watchedPage } from "./watched_page.ts";

const CHROMIUM = Deno.env.get("CHROMIUM_BIN") ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Generous: a busy machine is no failure. */
const PATIENCE_MS = 60_000;
const TRADING_MS = 30_000;
const SEEDS = [1, 7, 13];

const isThere = await Deno.stat(CHROMIUM).then(() => true, () => false);

function browserTest(name: string, fn: (browser: Browser, t: Deno.TestContext) => Promise<void>) {
  if (!isThere) {
    // Told here, not in the test: a quiet runner keeps what passing tests print to itself.
    Deno.stdout.writeSync(new TextEncoder().encode(`skipped: no chromium (${name})\n`));
  }
  Deno.test({
    name,
    // The browser's driver keeps handles of its own.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async (t) => {
      if (!isThere) return;
      await bundle();
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
      try {
        await fn(browser, t);
      } finally {
        await browser.close();
      }
    },
  });
}

/** Asks again until the answer is there. */
async function until<T>(what: string, ask: () => Promise<T | null>, withinMs = PATIENCE_MS) {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > endMs) assert.fail(`not within ${withinMs / 1_000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type Said = { readonly seq: number; readonly shown: Shown };

/** What the engine says about a moment that the page has shown, in the page's own format. */
async function agreed({ page }: Watched, afterSeq: number): Promise<[said: Said, shown: Shown]> {
  return await until("a moment both know", async () => {
    const { nav, positions, diagnostics, shown } = await page.evaluate(async () => {
      const ask = async (name: string) => await (await fetch(`/api/state/${name}`)).json();
      const names = ["nav", "positions_state", "diagnostics"];
      const [nav, positions, diagnostics] = await Promise.all(names.map(ask));
      return { nav, positions, diagnostics, shown: globalThis.window.shown };
    });
    const { seq } = diagnostics;
    const seen = shown[f.count(diagnostics.runtime_diagnostics.loop.seq)];
    const isOne = nav.seq === seq && positions.seq === seq && seen !== undefined;
    if (!isOne || seq <= afterSeq || positions.positions.length === 0) return null;
    const marks: Record<string, string> = {};
    for (const row of positions.positions) marks[row.position_key] = f.price(row.mark_price);
    return [{ seq, shown: { nav: f.usd(nav.nav), marks } }, seen];
  });
}

/** The page as it was served, and after the script has taken it over; time stands still. */
async function takeover(browser: Browser, url: string): Promise<[served: string, taken: string]> {
  const page = await (await browser.newContext()).newPage();
  await page.addInitScript(() => {
    const now = Date.now();
    Date.now = () => now;
    globalThis.EventSource = class {
      addEventListener() {}
    } as unknown as typeof EventSource;
  });
  const html = await (await page.goto(url))!.text();
  const still = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  await still.setContent(html);
  const root = (of: typeof page) => of.locator("#root").innerHTML();
  return [await root(still), await root(page)];
}

browserTest("the page follows the engine, and knows when it cannot", async (browser, t) => {
  await using program = await startProgram();
  const watched = await watchedPage(browser, program.url);
  const { page, complaints } = watched;
  const verdict = () => fieldOf(page, "verdict");

  await t.step("NAV, marks and seq are those of /api/state at the same seq, twice", async () => {
    const [first, shownFirst] = await agreed(watched, 0);
    assert.deepEqual(shownFirst, first.shown);
    let [second, shownSecond] = await agreed(watched, first.seq);
    for (let i = 0; i < 50 && second.shown.nav === first.shown.nav; i++) {
      [second, shownSecond] = await agreed(watched, second.seq);
    }
    assert.deepEqual(shownSecond, second.shown);
    assert.notEqual(second.shown.nav, first.shown.nav, "the numbers change");
    assert.ok(second.seq > first.seq);
  });

  await t.step("says that it is a simulation, its title tells NAV", async () => {
    assert.match(
      await fieldOf(page, "simulation"),
      /no real money\. 60 simulated seconds a second/,
    );
    assert.match(await page.title(), /\$[\d,.]+ · ballast$/);
  });

  await t.step("taking over what the server rendered changes no character", async () => {
    const [served, taken] = await takeover(browser, program.url);
    assert.equal(taken, served);
  });

  await t.step("fits 1440 x 900 without scrolling, never scrolls sideways", async () => {
    for (const [width, height] of [[1_440, 900], [1_100, 800], [390, 844], [320, 700]] as const) {
      await page.setViewportSize({ width, height });
      const size = await page.evaluate(() => {
        const { scrollWidth, scrollHeight } = document.documentElement;
        return { scrollWidth, scrollHeight };
      });
      assert.ok(size.scrollWidth <= width, `${width} wide, but ${size.scrollWidth}`);
      if (width === 1_440) assert.ok(size.scrollHeight <= height, `${size.scrollHeight} high`);
    }
    await page.setViewportSize({ width: 1_440, height: 900 });
  });

  await t.step("the keyboard finds the skip link first", async () => {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.className), "skip");
  });

  await t.step("every text stands out in both themes", async () => {
    for (const colorScheme of ["dark", "light"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await page.evaluate(lowContrast), [], colorScheme);
    }
  });

  await t.step("a stopped engine is BLIND, a resumed one is not", async () => {
    const isBlind = async () => /BLIND/.test(await verdict()) ? true : null;
    assert.equal(await isBlind(), null);
    program.signal("SIGSTOP");
    try {
      await until("BLIND", isBlind);
      assert.match(await fieldOf(page, "silence"), /\d+ s/);
      assert.match(await page.title(), /^\? BLIND/);
      assert.equal(await page.locator(".page.blind").count(), 1);
      for (const colorScheme of ["dark", "light"] as const) {
        await page.emulateMedia({ colorScheme });
        assert.deepEqual(await page.evaluate(lowContrast), [], `blind, ${colorScheme}`);
      }
    } finally {
      program.signal("SIGCONT");
    }
    await until("sight", async () => (await isBlind()) === null ? true : null);
  });

  await t.step("no complaint, no violation, no request elsewhere", async () => {
    assert.deepEqual(complaints, []);
    assert.deepEqual(await page.evaluate(() => globalThis.window.violations), []);
  });

  await t.step("the policy bites: a style attribute is refused and noticed", async () => {
    await page.evaluate(() => document.body.setAttribute("style", "color: red"));
    await until("a violation", async () => {
      const violations = await page.evaluate(() => globalThis.window.violations);
      return violations.includes("style-src-attr") ? true : null;
    });
  });
});

browserTest("without JavaScript the page is readable and loads itself anew", async (browser) => {
  await using program = await startProgram();
  const { page } = await watchedPage(browser, program.url, { javaScriptEnabled: false });
  await until("figures", async () => {
    const text = await page.locator("body").innerText();
    return /NAV\s+\$[\d,.]+/.test(text) && /Top blocker/.test(text) ? true : null;
  });
  const before = await fieldOf(page, "seq");
  await until("newer figures", async () => await fieldOf(page, "seq") === before ? null : true);
});

browserTest("trading is seen within 30 s, whatever the seed", async (browser, t) => {
  for (const seed of SEEDS) {
    await t.step(`seed ${seed}`, async () => {
      await using program = await startProgram({ seed });
      const { page, complaints } = await watchedPage(browser, program.url);
      await until("orders, fills, exits and vetoes", async () => {
        const totals = await Promise.all(
          ["orders", "fills", "exits", "vetoes"].map(async (name) => {
            const field = page.locator(`[data-field="total-${name}"]`);
            return await field.count() === 0 ? "0" : await field.textContent();
          }),
        );
        return totals.every((text) => /[1-9]/.test(text ?? "")) ? totals : null;
      }, TRADING_MS);
      assert.deepEqual(complaints, []);
    });
  }
});
