/** Writes into the folder in argv without root's rights, and prints how each way ended as JSON. */

import { join } from "node:path";
import process from "node:process";
import { systemCode } from "../../lib/errors.ts";
import { makeFolder, makeFolderDurably, syncFolder } from "../../lib/files.ts";

// After the imports, which nobody may not be allowed to read. 65534 is `nobody` on Linux.
if (process.getuid?.() === 0) process.seteuid?.(65534);
const folder = process.argv[2] ?? "";
const ended = (way: Promise<void>) => way.then(() => "done", (error) => systemCode(error) ?? String(error));
console.log(JSON.stringify({
  makeFolder: await ended(makeFolder(join(folder, "plain/a"), 0o700)),
  makeFolderDurably: await ended(makeFolderDurably(join(folder, "durable/a"), 0o700)),
  again: await ended(makeFolderDurably(join(folder, "durable"), 0o700)),
  syncFolder: await ended(syncFolder(folder)),
}));
