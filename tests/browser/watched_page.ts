/** A browser page of which everything suspicious is written down. */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** What the page shows at one seq of the loop. */
export type Shown = { readonly nav: string; readonly marks: Readonly<Record<string, string>> };

export type Watched = {
  readonly page: Page;
  /** Console errors, uncaught errors, violations of the policy, requests to another origin. */
  readonly complaints: string[];
};

declare global {
  interface Window {
    violations: string[];
    shown: Record<string, Shown>;
  }
}

export async function watchedPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1_440, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const { origin } = new URL(url);
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(`${origin}/`) && !asked.startsWith("data:")) complaints.push(asked);
  });
  if (options.javaScriptEnabled !== false) await page.addInitScript(note);
  await page.goto(url);
  return { page, complaints };
}

/** Runs in the page: notes violations, and what is shown at every seq it passes. */
function note(): void {
  globalThis.window.violations = [];
  globalThis.window.shown = {};
  document.addEventListener("securitypolicyviolation", ({ violatedDirective }) => {
    globalThis.window.violations.push(violatedDirective);
  });
  const textOf = (field: string) =>
    document.querySelector(`[data-field="${field}"]`)?.textContent ?? "";
  setInterval(() => {
    const marks: Record<string, string> = {};
    for (const mark of document.querySelectorAll<HTMLElement>('[data-field="mark"]')) {
      marks[mark.dataset.key!] = mark.textContent!;
    }
    globalThis.window.shown[textOf("seq")] = { nav: textOf("nav"), marks };
  }, 20);
}

/** The text of the element that carries a field. */
export async function fieldOf(page: Page, field: string): Promise<string> {
  return (await page.locator(`[data-field="${field}"]`).first().textContent()) ?? "";
}
