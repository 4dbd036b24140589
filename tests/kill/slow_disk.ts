/**
 * Preloaded into a real engine process: a disk on which every write comes in two halves with a
 * pause after each, and a byte on the side that says which kind of write is under way. So a kill at
 * a random moment often falls inside one, and lines are really torn. Every surface is slow, however it
 * is written: one that is not replaced as a whole is found torn.
 */
import "./witness.ts";

export const PLACES = {
  record: "r",
  submit: "s",
  flush: "f",
  checkpoint: "c",
  telemetry: "t",
  elsewhere: ".",
} as const;
export type Place = keyof typeof PLACES;

/** Rows are many and small, surfaces few but all at once: so each of the three is met as often. */
const PAUSE_MS: Readonly<Record<Place, number>> = {
  record: 6,
  submit: 14,
  flush: 6,
  checkpoint: 3,
  telemetry: 1,
  elsewhere: 0,
};

/** A surface that is not written beside its old version is torn for so long: it must be met. */
const IN_PLACE_MS = 40;

const dataAt = Deno.args.indexOf("--data");
const data = Deno.args[dataAt + 1];
if (dataAt >= 0 && data !== undefined) slowDown(`${data}/place`);

function slowDown(markerPath: string): void {
  const marker = Deno.openSync(markerPath, { write: true, create: true });
  const { open, openSync, rename, writeFile, writeFileSync, writeTextFile, FsFile } = Deno;
  const slow = new WeakMap<Deno.FsFile, { readonly place: Place; readonly tornMs: number }>();
  // The prototype's own functions: they are called with the file below.
  const { writeSync } = FsFile.prototype;
  const cell = new Int32Array(new SharedArrayBuffer(4));

  const mark = (place: Place) => {
    marker.seekSync(0, Deno.SeekMode.Start);
    writeSync.call(marker, new TextEncoder().encode(PLACES[place]));
  };
  const pause = (ms: number) => Atomics.wait(cell, 0, 0, ms);
  const known = (file: Deno.FsFile, path: string | URL) => {
    const place = placeOf(String(path));
    const isInPlace = place === "flush" && !String(path).includes(".tmp-");
    const tornMs = isInPlace ? IN_PLACE_MS : PAUSE_MS[place];
    if (place !== "elsewhere") slow.set(file, { place, tornMs });
    return file;
  };

  Deno.openSync = (path, options) => known(openSync(path, options), path);
  Deno.open = async (path, options) => known(await open(path, options), path);
  Deno.rename = async (from, to) => {
    const place = placeOf(String(from));
    mark(place);
    pause(PAUSE_MS[place]);
    await rename(from, to);
    mark("elsewhere");
  };
  FsFile.prototype.writeSync = function (bytes: Uint8Array): number {
    const known = slow.get(this);
    if (known === undefined) return writeSync.call(this, bytes);
    const { place, tornMs } = known;
    mark(place);
    const half = Math.floor(bytes.length / 2);
    const write = (part: Uint8Array) => {
      let written = 0;
      while (written < part.length) written += writeSync.call(this, part.subarray(written));
    };
    write(bytes.subarray(0, half));
    pause(tornMs);
    write(bytes.subarray(half));
    pause(PAUSE_MS[place]);
    mark("elsewhere");
    return bytes.length;
  };
  FsFile.prototype.write = function (bytes: Uint8Array): Promise<number> {
    return Promise.resolve(this.writeSync(bytes));
  };
  const encode = (text: string) => new TextEncoder().encode(text);
  // Whole files at once are written like any other: opened, emptied, filled.
  const fill = (path: string | URL, bytes: Uint8Array) => {
    using file = Deno.openSync(path, { write: true, create: true, truncate: true });
    file.writeSync(bytes);
  };
  Deno.writeFileSync = (path, bytes, options) =>
    placeOf(String(path)) === "elsewhere" ? writeFileSync(path, bytes, options) : fill(path, bytes);
  Deno.writeFile = async (path, bytes, options) =>
    bytes instanceof Uint8Array && placeOf(String(path)) !== "elsewhere"
      ? fill(path, bytes)
      : await writeFile(path, bytes, options);
  Deno.writeTextFileSync = (path, text, options) => Deno.writeFileSync(path, encode(text), options);
  Deno.writeTextFile = async (path, text, options) =>
    typeof text === "string"
      ? await Deno.writeFile(path, encode(text), options)
      : await writeTextFile(path, text, options);
}

function placeOf(path: string): Place {
  if (path.endsWith("/execution/journal.jsonl")) return "record";
  if (path.endsWith("/sim/venue.jsonl")) return "submit";
  if (path.includes("/execution/")) return "telemetry";
  if (path.includes("/state/checkpoint.json")) return "checkpoint";
  return path.includes("/state/") ? "flush" : "elsewhere";
}
