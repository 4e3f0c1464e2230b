/** Walks the folder in argv without root's rights, and prints what it saw as JSON. */

import process from "node:process";
import { walkAll } from "./tree.ts";

// After the imports, which nobody may not be allowed to read. 65534 is `nobody` on Linux.
if (process.getuid?.() === 0) process.seteuid?.(65534);
const { paths, report } = await walkAll(process.argv[2] ?? "");
const asked = ["locked/b", "nolook/c", "a", "lockedness"];
const covered = Object.fromEntries(asked.map((path) => [path, report.unknown.covers(path)]));
console.log(JSON.stringify({ paths, problems: report.problems, covered }));
