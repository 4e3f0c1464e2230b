/** `coldframe auth` as a script of its own; see lib/cli/commands/auth.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["auth", ...process.argv.slice(2)]);
