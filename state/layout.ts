/** Where everything lies under a data directory. */

export type Layout = {
  readonly root: string;
  readonly state: string;
  readonly execution: string;
  readonly sim: string;
  readonly lock: string;
  readonly checkpoint: string;
  readonly journal: string;
  readonly engineLog: string;
  readonly lineage: string;
  readonly venueLedger: string;
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
    checkpoint: `${state}/checkpoint.json`,
    journal: `${execution}/journal.jsonl`,
    engineLog: `${execution}/engine.jsonl`,
    lineage: `${state}/lineage.json`,
    venueLedger: `${sim}/venue.jsonl`,
  };
}

export async function makeFolders(layout: Layout): Promise<void> {
  for (const folder of [layout.state, layout.execution, layout.sim]) {
    await Deno.mkdir(folder, { recursive: true });
  }
}
