/** How a process is asked to stop in order. */

/** Ctrl-C and SIGTERM ask for an orderly stop: the tick is finished, everything is written. */
export async function untilSignal(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stopper = new AbortController();
  const stopNow = () => stopper.abort();
  Deno.addSignalListener("SIGINT", stopNow);
  Deno.addSignalListener("SIGTERM", stopNow);
  try {
    return await work(stopper.signal);
  } finally {
    Deno.removeSignalListener("SIGINT", stopNow);
    Deno.removeSignalListener("SIGTERM", stopNow);
  }
}
