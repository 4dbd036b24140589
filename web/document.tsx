/** The document around the page, complete before any script runs. */
import { options } from "preact";
import { renderToString } from "preact-render-to-string";
import type { Reader } from "../state/store.ts";
import type { Assets } from "./assets.ts";
import { Page } from "./panels/page.tsx";
import { momentOf, newestOf, pushText, stateOf } from "./readings.ts";
import { faviconOf, titleOf, verdictOf } from "./verdict.ts";

/** How soon a page that no script keeps alive loads itself anew. */
const REFRESH_S = 15;

// Without it one failing panel would take the whole page down.
Object.assign(options, { errorBoundaries: true });

/** Renders the page from the store as it is. */
export function renderDocument(
  { store, assets, id, nowMs }: {
    store: Reader;
    assets: Assets;
    id: (version: number) => string;
    nowMs: number;
  },
): string {
  const state = stateOf(store);
  const at = momentOf(store, nowMs);
  const page = renderToString(
    <Page source={{ read: (name) => state[name], moment: () => at }} />,
  );
  const { style, script, build } = assets;
  const refresh = `<meta http-equiv="refresh" content="${REFRESH_S}">`;
  const about = `"id":${JSON.stringify(id(newestOf(store)))},"build":${JSON.stringify(build)}`;
  const boot = `{${about},${pushText(store, 0, nowMs)}}`.replaceAll("<", "\\u003c");
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    '<meta name="color-scheme" content="dark light">',
    `<title>${escaped(titleOf(state, at))}</title>`,
    `<link rel="icon" href="${faviconOf(verdictOf(state, at).level)}">`,
    `<link rel="stylesheet" href="${style.path}">`,
    script === null ? refresh : `<noscript>${refresh}</noscript>`,
    script === null ? "" : `<script type="module" src="${script.path}"></script>`,
    `</head><body><div id="root">${page}</div>`,
    script === null ? "" : `<script type="application/json" id="boot">${boot}</script>`,
    "</body></html>\n",
  ].join("");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
