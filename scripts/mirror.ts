/** `coldframe mirror` as a script of its own; see lib/cli/commands/mirror.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["mirror", ...process.argv.slice(2)]);
