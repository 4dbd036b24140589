/**
 * Preloaded into a real engine process: a disk that refuses while a file of this name lies in the
 * data directory. `disk-full`: a file under `logs/` takes half of what is written to it, then no
 * more. `disk-read-only`: nothing is created or renamed there; what is open goes on being written.
 */
export const REFUSALS = ["disk-full", "disk-read-only"] as const;

const dataAt = Deno.args.indexOf("--data");
const data = Deno.args[dataAt + 1];
if (dataAt >= 0 && data !== undefined) refuseIn(data);

function refuseIn(data: string): void {
  const { open, openSync, rename, renameSync, statSync, FsFile } = Deno;
  // The prototype's own functions: they are called with the file below.
  const { writeSync } = FsFile.prototype;
  const files = new WeakSet<Deno.FsFile>();

  const refuses = (how: (typeof REFUSALS)[number]) => {
    try {
      statSync(`${data}/${how}`);
      return true;
    } catch {
      return false;
    }
  };
  const refusal = (code: "ENOSPC" | "EROFS", message: string) =>
    Object.assign(new Error(message), { code });
  const noSpace = () => refusal("ENOSPC", "No space left on device (os error 28)");
  const isOurs = (path: string | URL) => String(path).startsWith(`${data}/logs/`);
  const guard = (path: string | URL, makes: boolean) => {
    if (isOurs(path) && makes && refuses("disk-read-only")) {
      throw refusal("EROFS", "Read-only file system (os error 30)");
    }
  };
  const known = (file: Deno.FsFile, path: string | URL) => {
    if (isOurs(path)) files.add(file);
    return file;
  };

  Deno.openSync = (path, options) => {
    guard(path, options?.create ?? false);
    return known(openSync(path, options), path);
  };
  Deno.open = async (path, options) => {
    guard(path, options?.create ?? false);
    return known(await open(path, options), path);
  };
  Deno.rename = async (from, to) => {
    guard(from, true);
    await rename(from, to);
  };
  Deno.renameSync = (from, to) => {
    guard(from, true);
    renameSync(from, to);
  };
  FsFile.prototype.writeSync = function (bytes: Uint8Array): number {
    if (!files.has(this) || !refuses("disk-full")) return writeSync.call(this, bytes);
    // A full disk takes what still fits and refuses the rest: half of a line stays behind.
    if (bytes.length > 1) writeSync.call(this, bytes.subarray(0, Math.floor(bytes.length / 2)));
    throw noSpace();
  };
}
