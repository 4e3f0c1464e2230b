/** `coldframe import` as a script of its own; see lib/cli/commands/import.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["import", ...process.argv.slice(2)]);
