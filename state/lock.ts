/** One process per data directory: an exclusive file lock that dies with its holder. */

export type Lock =
  | { readonly kind: "held"; readonly release: () => void }
  | { readonly kind: "busy"; readonly holderPid: string };

/** Takes the lock, or tells who has it. The operating system gives it back even after a kill. */
export function takeLock(path: string, runId: string): Lock {
  const file = Deno.openSync(path, { create: true, read: true, write: true });
  if (!file.tryLockSync(true)) {
    file.close();
    const holder = Deno.readTextFileSync(path).split("\n")[0] ?? "";
    return { kind: "busy", holderPid: holder === "" ? "unknown" : holder };
  }
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n${runId}\n`));
  return { kind: "held", release: () => file.close() };
}
