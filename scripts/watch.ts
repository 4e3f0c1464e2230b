/** `coldframe watch` as a script of its own; see lib/cli/commands/watch.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["watch", ...process.argv.slice(2)]);
