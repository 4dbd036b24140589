/** Stylesheet and script, named by their content so that browsers may keep them for ever. */

export type Asset = {
  readonly path: string;
  readonly type: string;
  readonly text: string;
};

export type Assets = {
  readonly style: Asset;
  /** Null while nobody has built it: the page then works without. */
  readonly script: Asset | null;
  /** Changes whenever one of them does. */
  readonly build: string;
};

/** Reads what the page needs from the folder `web`, or from its copy inside the binary. */
export async function readAssets(folder: string): Promise<Assets> {
  const style = await asset("page.css", {
    type: "text/css; charset=utf-8",
    text: await Deno.readTextFile(`${folder}/page.css`),
  });
  const code = await Deno.readTextFile(`${folder}/dist/client.js`).catch(() => null);
  const script = code === null
    ? null
    : await asset("client.js", { type: "text/javascript; charset=utf-8", text: code });
  return { style, script, build: await hash(`${style.path}${script?.path}`) };
}

async function asset(name: string, content: Pick<Asset, "type" | "text">): Promise<Asset> {
  const [stem, ending] = name.split(".");
  return { path: `/assets/${stem}.${await hash(content.text)}.${ending}`, ...content };
}

async function hash(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes).slice(0, 6)]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
