/**
 * Opens a data directory: whose it is, what the engine remembers and where the exchange stands.
 * Nothing that cannot be read is treated as empty, and nothing stored is lost.
 */
import { Refusal } from "../core/assert.ts";
import { digest } from "../core/ids.ts";
import { blankMemory, type Memory, MEMORY_FORM } from "../core/memory.ts";
import { atStart } from "../core/phase.ts";
import type { Bucket } from "../core/router/rules.ts";
import type { Rules } from "../core/rules.ts";
import type { Ticker } from "../core/types.ts";
import type { Feed } from "../core/venues/feed.ts";
import {
  blankState,
  type LedgerRow,
  type Recovered,
  type SimState,
} from "../core/venues/sim_state.ts";
import { isThere, readIfThere, removeTemporary, setAside, writeAtomic } from "./files.ts";
import { type Layout, makeFolders } from "./layout.ts";
import { memoryAtStart } from "./recovery.ts";
import type { JournalRow } from "./journal.ts";
import { type Sizes, writeMarkets } from "./markets.ts";
import type { SessionOptions } from "./session.ts";
import { writeManifest } from "./surfaces/manifest.ts";
import { isSealed } from "./surfaces/durable.ts";
import { isDurable, type Payload, type SurfaceName, SURFACES } from "./surfaces/mod.ts";
import { NavState } from "./surfaces/nav_state.ts";
import { recoverVenue } from "./venue_ledger.ts";

const LINEAGE_CHARS = 6;

export type Opened = {
  readonly feed: Feed;
  readonly rules: Rules;
  readonly sizes: Sizes;
  readonly lineage: string;
  readonly memory: Memory;
  /** What the journal tells of it so far: what this start changed goes into its next row. */
  readonly told: Memory;
  /** Journal rows that were folded onto the checkpoint, and its tick. */
  readonly rows: readonly JournalRow[];
  readonly checkpointSeq: number;
  readonly notes: readonly string[];
  /** The mirror's last copy, with the history of NAV. */
  readonly navState: Payload<"nav_state"> | null;
  /** Texts of what is written when it changes, as they are on disk. */
  readonly kept: ReadonlyMap<SurfaceName, string>;
  readonly recovered: Recovered | null;
  readonly state: SimState;
  readonly genesis: LedgerRow;
  /** True when the engine may have missed something since it last listened. */
  readonly gap: boolean;
  readonly bucketOf: (ticker: Ticker) => Bucket;
};

/** Everything a session needs from disk. */
export async function openDirectory(options: SessionOptions): Promise<Opened> {
  const { layout } = options;
  await makeFolders(layout);
  for (const folder of [layout.state, layout.execution]) await removeTemporary(folder);
  const recovered = await recoverVenue(layout.venueLedger);
  const feed = options.makeFeed(recovered);
  const lineage = digest([feed.id, options.exchange.seed], LINEAGE_CHARS);
  const form = await claimDirectory(layout, {
    lineage,
    feed: feed.id,
    mode: options.facts.mode,
  });
  const rules = options.rulesFor(feed);
  const blank = blankMemory(lineage, feed.startMs);
  const { memory, told, notes, rows, checkpointSeq } = await memoryAtStart(layout, {
    blank,
    isOwnForm: form === MEMORY_FORM,
    killed: options.killed,
    sync: !options.replay,
  });
  refuseStranger(layout, { recovered, lineage, memory });
  const views = await recallViews(layout);
  await writeManifest(layout.state);
  const sizes = await writeMarkets(layout.markets, feed, rules);
  const positions = options.positionsFor(feed);
  const walletUsd = options.startEquityUsd;
  const genesis: LedgerRow = {
    k: "genesis",
    at: feed.startMs,
    lineage,
    feed: feed.id,
    walletUsd,
    positions,
  };
  const fresh = blankState({ nowMs: feed.startMs, walletUsd, positions });
  const behind = recovered?.state ?? fresh;
  // The exchange's clock may have been noted a little before the engine's last row.
  const state = { ...behind, nowMs: Math.max(behind.nowMs, memory.pulse.nowMs) };
  // An orderly stop of the simulation froze time: it goes on as if it had never stopped.
  const gap = recovered !== null && !recovered.clean;
  const generic = options.genericBucket;
  return {
    feed,
    rules,
    sizes,
    lineage,
    memory: gap ? atStart(memory) : memory,
    told,
    rows,
    checkpointSeq,
    notes: [...notes, ...views.notes],
    navState: views.navState,
    kept: views.kept,
    recovered,
    state,
    genesis,
    gap,
    bucketOf: (ticker) => rules.buckets[ticker] ?? generic,
  };
}

/**
 * Views of an earlier process: they are written anew, but one that cannot be read is kept aside and
 * told about. Taken up are the mirror's last copy, and what is written only when it changes.
 */
async function recallViews({ state }: Layout): Promise<
  Pick<Opened, "navState" | "kept"> & { notes: readonly string[] }
> {
  const notes: string[] = [];
  const kept = new Map<SurfaceName, string>();
  let navState: Payload<"nav_state"> | null = null;
  for (const name of Object.keys(SURFACES) as SurfaceName[]) {
    const path = `${state}/${SURFACES[name].file}`;
    const text = await readIfThere(path);
    if (text === null) continue;
    const value = parseOrNull(text);
    const parsed = name === "nav_state" ? NavState.safeParse(value) : null;
    const isWhole = value !== null && (!isDurable(name) || isSealed(text));
    if (isWhole && parsed?.success !== false) {
      navState ??= parsed?.data ?? null;
      const { schema } = SURFACES[name];
      if (isDurable(name) && schema.safeParse(value).success) kept.set(name, text.trimEnd());
      continue;
    }
    notes.push(`${path} is damaged; it is kept as ${await setAside(path)} and written anew`);
  }
  return { navState, kept, notes };
}

type Identity = {
  readonly lineage: string;
  readonly feed: string;
  readonly mode: string;
};
/** What is known of a directory: the form of memory that its journal's rows change as well. */
type Claim = Identity & { readonly form: number | null };

/** A data directory belongs to one mode, feed and seed for ever. Gives the form it was begun in. */
async function claimDirectory(layout: Layout, identity: Identity): Promise<number | null> {
  const text = await readIfThere(layout.lineage);
  if (text === null) {
    const isNew = !await isThere(layout.checkpoint) && !await isThere(layout.journal);
    const claim: Claim = { ...identity, form: isNew ? MEMORY_FORM : null };
    await writeAtomic(layout.lineage, `${JSON.stringify(claim)}\n`, { sync: true });
    return claim.form;
  }
  const known = parseOrNull(text) as Partial<Claim> | null;
  if (known?.lineage === identity.lineage && known.mode === identity.mode) {
    return known.form ?? null;
  }
  throw new Refusal(
    `Cannot use ${layout.root} as it belongs to another run (${known?.mode ?? "unknown"}, ` +
      `${known?.feed ?? "unknown"}); this one is ${identity.mode}, ${identity.feed}: choose ` +
      "another --data, or move the old logs aside",
  );
}

/**
 * Peaks, booked trades and stops are of the account that the memory traded on. Beside another one
 * they would be an endless drawdown, and its trades would count as booked.
 */
function refuseStranger(
  { root, venueLedger }: Layout,
  { recovered, lineage, memory }: {
    recovered: Recovered | null;
    lineage: string;
    memory: Memory;
  },
): void {
  const isNew = memory.pulse.seq === 0;
  if (recovered === null ? isNew : recovered.lineage === lineage) return;
  const problem = recovered === null ? "is gone" : "is of another run";
  throw new Refusal(
    `Cannot use ${root} as the exchange's ledger ${venueLedger} ${problem} and the engine ` +
      "remembers what it traded: put the ledger back, or move logs/ aside to start anew",
  );
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
