/**
 * Tests that need more than the pure lanes: without their permissions (or whatever else they need)
 * they say `skipped: needs …` and do not run, so a bare `deno test` passes and tells what it left out.
 */

type Permission = "read" | "write" | "run" | "env" | "net" | "sys";

export type Lane = {
  readonly needs: readonly Permission[];
  /** What else is missing on this machine; null when nothing is. Asked only with permissions. */
  readonly missing?: () => string | null;
  readonly run: (t: Deno.TestContext) => Promise<void>;
};

/** Registers a test that runs where it can. */
export function lane(name: string, { needs, missing, run }: Lane): void {
  const denied = needs.filter((kind) =>
    Deno.permissions.querySync({ name: kind }).state !== "granted"
  );
  const lacking = denied.length > 0
    ? denied.map((kind) => `--allow-${kind}`).join(" ")
    : missing?.() ?? null;
  if (lacking !== null) say(`skipped: needs ${lacking} (${name})`);
  Deno.test({ name, ignore: lacking !== null, fn: run });
}

/** A line of a test's own output. */
export function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Does `work` for each of the list, two at a time: each starts a process that takes a core. */
export async function twoAtATime<T, R>(
  list: readonly T[],
  work: (one: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const at = next;
      next += 1;
      results[at] = await work(list[at]!);
    }
  };
  await Promise.all([worker(), worker()]);
  return results;
}

/** Runs `work` with a temporary folder that is gone afterwards. */
export async function inTempDir<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "ballast-test-" });
  try {
    return await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
