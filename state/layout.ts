/** Where everything lies under a data directory. */
import { folderOf, isThere } from "./files.ts";

export type Layout = {
  readonly root: string;
  readonly state: string;
  readonly execution: string;
  readonly sim: string;
  readonly lock: string;
  readonly control: string;
  readonly checkpoint: string;
  readonly journal: string;
  readonly engineLog: string;
  readonly lineage: string;
  readonly markets: string;
  readonly venueLedger: string;
  readonly recording: string;
};

/** The paths of one data directory. */
export function layoutOf(dataDir: string): Layout {
  const root = `${dataDir.replace(/\/+$/, "") || "/"}/logs`;
  const [state, execution, sim] = [`${root}/state`, `${root}/execution`, `${root}/sim`];
  return {
    root,
    state,
    execution,
    sim,
    lock: `${state}/.lock`,
    control: `${state}/.control`,
    checkpoint: `${state}/checkpoint.json`,
    journal: `${execution}/journal.jsonl`,
    engineLog: `${execution}/engine.jsonl`,
    lineage: `${state}/lineage.json`,
    markets: `${state}/markets.json`,
    venueLedger: `${sim}/venue.jsonl`,
    recording: `${root}/recording/ticks.jsonl`,
  };
}

export async function makeFolders(layout: Layout): Promise<void> {
  for (const folder of [layout.state, layout.execution, layout.sim]) {
    await Deno.mkdir(folder, { recursive: true });
  }
}

/** Moves everything an earlier run wrote to `logs.old-<stamp>`, the held lock apart. */
export async function moveAside(layout: Layout): Promise<string> {
  const stamp = new Date().toISOString().replace(/[-:]/g, "").replace(/\.\d+/, "");
  const target = `${layout.root}.old-${stamp}`;
  await Deno.mkdir(`${target}/state`, { recursive: true });
  await Deno.rename(layout.execution, `${target}/execution`);
  await Deno.rename(layout.sim, `${target}/sim`);
  const recording = folderOf(layout.recording);
  if (await isThere(recording)) await Deno.rename(recording, `${target}/recording`);
  for await (const { name } of Deno.readDir(layout.state)) {
    const path = `${layout.state}/${name}`;
    if (path !== layout.lock) await Deno.rename(path, `${target}/state/${name}`);
  }
  return target;
}
