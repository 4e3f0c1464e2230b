/**
 * Loads the native SQLite library that the binary carries; `scripts/build.ts` puts this into the program.
 *
 * A library must be a file to be loaded. Left to itself, Bun unpacks it at every start and leaves it in the
 * temporary folder. Here it is unpacked when the catalog is first opened, and is gone once it is loaded: into
 * a folder of its own, so that runs side by side do not meet, and which only its owner can write to.
 */

import { createHash, randomUUID } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The functions of a native library. */
export type Library = Record<string, unknown>;

/** Loads a library that is a file. */
export type Load = (path: string) => Library;

/**
 * An object with all functions of the library, which is loaded when one of them is called first: `--help` has
 * no need of it.
 *
 * @param embedded path of the library inside the binary
 */
export function lazyLibrary(embedded: string): Library {
  let library: Library | undefined;
  return new Proxy({}, {
    get: (_, name) =>
      // As native functions do, these take what they work on as `this`.
      function (this: unknown, ...args: unknown[]) {
        library ??= loadEmbedded(readFileSync(embedded));
        return call(library, name, this, args);
      },
  });
}

function call(library: Library, name: string | symbol, self: unknown, args: unknown[]): unknown {
  const member: unknown = Reflect.get(library, name);
  if (typeof member !== "function") throw new Error(`the SQLite library has no ${String(name)}`);
  return Reflect.apply(member, self, args);
}

function loadEmbedded(bytes: Uint8Array): Library {
  if (process.platform !== "win32") return loadOnce(bytes, [tmpdir(), homedir()], dlopen);
  return loadKept(bytes, join(process.env["LOCALAPPDATA"] ?? tmpdir(), "coldframe"), dlopen);
}

function dlopen(path: string): Library {
  const holder: { exports: Library } = { exports: {} };
  process.dlopen(holder, path);
  return holder.exports;
}

/**
 * Unpacks, loads and removes: what is loaded stays in memory on all systems but Windows.
 *
 * @param folders to unpack in; the next is tried where one is full, read-only or mounted `noexec`
 * @throws Error when no folder will do
 */
export function loadOnce(bytes: Uint8Array, folders: readonly string[], load: Load): Library {
  const failures: unknown[] = [];
  for (const parent of folders) {
    try {
      return loadIn(parent, bytes, load);
    } catch (error) {
      failures.push(error);
    }
  }
  const reasons = failures.map((error) => error instanceof Error ? error.message : String(error));
  throw new Error(
    `the SQLite library cannot be loaded (${reasons.join("; ")}); name a writable folder in TMPDIR`,
    { cause: failures[0] },
  );
}

function loadIn(parent: string, bytes: Uint8Array, load: Load): Library {
  const folder = mkdtempSync(join(parent, ".coldframe-"));
  try {
    const path = join(folder, "libsql.node");
    writeFileSync(path, bytes, { mode: 0o600 });
    return load(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Unpacks once and keeps the file, named by what is in it, for the next run: Windows does not remove a library
 * in use. Files of other versions are removed.
 */
export function loadKept(bytes: Uint8Array, folder: string, load: Load): Library {
  const name = `libsql-${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}.node`;
  const path = join(folder, name);
  mkdirSync(folder, { recursive: true });
  if (!holds(path, bytes)) publish(path, bytes);
  for (const other of readdirSync(folder)) {
    if (other.startsWith("libsql-") && other !== name) removeIfUnused(join(folder, other));
  }
  return load(path);
}

/** By its bytes: a run that was cut off, or another hand, may have left something else there. */
function holds(path: string, bytes: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(bytes);
  } catch {
    return false;
  }
}

function publish(path: string, bytes: Uint8Array): void {
  const fresh = join(path, "..", `unpacking-${randomUUID()}`);
  try {
    writeFileSync(fresh, bytes, { mode: 0o600, flag: "wx" });
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    if (!holds(path, bytes)) throw error; // otherwise another run was first
  }
}

function removeIfUnused(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // another version that runs just now; the next run of this one tries again
  }
}
