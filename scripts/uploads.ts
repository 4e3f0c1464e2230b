/** `coldframe uploads` as a script of its own; see lib/cli/commands/uploads.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["uploads", ...process.argv.slice(2)]);
