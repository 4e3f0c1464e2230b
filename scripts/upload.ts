/** `coldframe upload` as a script of its own; see lib/cli/commands/upload.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["upload", ...process.argv.slice(2)]);
