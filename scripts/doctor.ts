/** `coldframe doctor` as a script of its own; see lib/cli/commands/doctor.ts. */

import process from "node:process";
import { main } from "../lib/cli/main.ts";

await main(["doctor", ...process.argv.slice(2)]);
