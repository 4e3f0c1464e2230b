/** All commands as one program; the entry of the compiled binary. */

import { main } from "../lib/cli/main.ts";

await main();
