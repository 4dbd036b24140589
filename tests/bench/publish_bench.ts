/**
 * Speed of publishing and of the exit scan for a crowd of symbols and positions. The notes at the
 * start are absolute, for the limits the design names: thread time of a publish in which every mark
 * and NAV have moved, of writing all files against the bare cost of syncing the same bytes, of a
 * scan. The bench prints ratios.
 */
import process from "node:process";
import { sha256 } from "@noble/hashes/sha2.js";
import { quantile } from "../../core/stats.ts";
import { scanExits } from "../../core/leaving.ts";
import { begin } from "../../core/work.ts";
import type { Decision } from "../../core/executor.ts";
import { Flusher } from "../../state/flush.ts";
import { Showing } from "../../state/showing.ts";
import { Store } from "../../state/store.ts";
import { EXECUTOR_SURFACES } from "../../state/surfaces/mod.ts";
import { inTempDir, say } from "../lanes.ts";
import { envelopeOf, publishedOf } from "../swarm/surfaces.ts";
import { crowd } from "./crowd.ts";

const SYMBOLS = 500;
const POSITIONS = 50;
const SCANNED = 200;
const WARM_TICKS = 150;
const TICKS = 600;
const FLUSHES = 300;

const { engine, rules, tick } = await crowd({ symbols: SYMBOLS, positions: POSITIONS });
const { past } = engine;
const store = new Store();
const showing = new Showing(store, {
  onFault: (message) => {
    throw new Error(message);
  },
});

/** One publish of everything that is due, as the sink does it. */
function publish({ memory, seen }: Pick<Decision, "memory" | "seen">): void {
  const { loop, ...reading } = publishedOf({ memory, seen, rules, past });
  const envelope = envelopeOf(memory);
  showing.show(reading, { envelope, loopFacts: () => loop, all: false });
}

/** Processor time of some work, of all threads, in milliseconds: what others take is not in it. */
function processorMs(work: () => void): number {
  const from = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1_000;
}

function timed(work: () => void): number {
  const fromMs = performance.now();
  work();
  return performance.now() - fromMs;
}

const at = (samples: readonly number[], q: number) => quantile(samples, q)!;
const both = (samples: readonly number[]) =>
  `${at(samples, 0.5).toFixed(2)} ms (p99 ${at(samples, 0.99).toFixed(2)})`;

const publishMs: number[] = [];
const publishCpuMs: number[] = [];
const marks = new Set<number>();
for (let i = 0; i < WARM_TICKS + TICKS; i++) {
  const decision = await tick();
  let ms = 0;
  const cpuMs = processorMs(() => ms = timed(() => publish(decision)));
  marks.add(decision.seen.market.mark(decision.seen.market.tickers[0]!)!.px);
  if (i < WARM_TICKS) continue;
  publishMs.push(ms);
  publishCpuMs.push(cpuMs);
}
const texts = EXECUTOR_SURFACES.map((name) => store.text(name)!);
const bytes = texts.reduce((sum, text) => sum + text.length, 0);
say(
  `${SYMBOLS} symbols, ${POSITIONS} positions, ${publishMs.length} ticks with ${marks.size} marks: ` +
    `publish ${both(publishCpuMs)} of the processor, ${
      both(publishMs)
    } by the clock; ${EXECUTOR_SURFACES.length} surfaces, ` +
    `${(bytes / 1e6).toFixed(2)} MB`,
);

const seen = await tick();
const allWhole = timed(() => void texts.map((text) => JSON.stringify(JSON.parse(text))));
say(`parsing and encoding the same texts whole: ${allWhole.toFixed(1)} ms`);

const mayWrite = Deno.permissions.querySync({ name: "write" }).state === "granted";
if (!mayWrite) say("skipped: needs --allow-write (all files on disk)");
else {await inTempDir(async (folder) => {
    const flusher = new Flusher({
      store,
      folder,
      sync: true,
      onError: (message) => {
        throw new Error(message);
      },
    });
    const [flushMs, bareMs]: [number[], number[]] = [[], []];
    for (let i = 0; i < FLUSHES; i++) {
      publish(await tick());
      const written = EXECUTOR_SURFACES.filter((name) => store.get(name)!.seq === seqOf());
      const fromMs = performance.now();
      await flusher.drain();
      flushMs.push(performance.now() - fromMs);
      bareMs.push(await bareSync(folder, written.map((name) => store.text(name)!)));
    }
    const [flush, bare] = [at(flushMs, 0.99), at(bareMs, 0.99)];
    say(
      `all files on disk ${both(flushMs)}, the same bytes synced bare ${both(bareMs)}: p99 ` +
        `${(flush / bare).toFixed(2)} times, median ` +
        `${(at(flushMs, 0.5) / at(bareMs, 0.5)).toFixed(2)} times`,
    );
  });}

function seqOf(): number {
  return engine.memory.pulse.seq;
}

/**
 * The same bytes written to as many files, one after the other, each synced: no temporary name, no
 * rename, no folder. What nobody who keeps them can do without.
 */
async function bareSync(folder: string, texts: readonly string[]): Promise<number> {
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const fromMs = performance.now();
  for (const [i, bytes] of encoded.entries()) {
    using file = Deno.openSync(`${folder}/bare-${i}`, {
      write: true,
      create: true,
      truncate: true,
    });
    file.writeSync(bytes);
    await file.syncData();
  }
  return performance.now() - fromMs;
}

const crowded = await crowd({ symbols: SCANNED, positions: SCANNED });
const busy = await crowded.tick();
const input = {
  memory: busy.before,
  seen: busy.seen,
  rules: crowded.rules,
  past: crowded.engine.past,
  storage: null,
};
const scanMs: number[] = [];
for (let i = 0; i < 2_000; i++) {
  const work = begin(input);
  scanMs.push(timed(() => scanExits(work)));
}
say(
  `exit scan of ${Object.keys(busy.before.registry).length} positions: ${both(scanMs.slice(200))}`,
);

const kibibyte = new Uint8Array(1_024);
/** What a call gave: a result that nobody keeps may be left out by the compiler. */
let kept: unknown = null;
for (const group of ["publish", "scan"]) {
  Deno.bench("yardstick: sha256 of 1 KiB", { group, baseline: true }, () => {
    kept = sha256(kibibyte);
  });
}
Deno.bench(`publish ${SYMBOLS} symbols, ${POSITIONS} positions`, { group: "publish" }, () => {
  publish(seen);
});
Deno.bench(`scan ${SCANNED} positions`, { group: "scan" }, () => {
  const work = begin(input);
  scanExits(work);
  kept = work;
});

addEventListener("unload", () => void kept);
