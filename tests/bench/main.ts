/** `deno task bench [name…]`: runs the named benchmarks, or all of them. */

import process from "node:process";

const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  iso: () => import("./iso.ts"),
};

const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(BENCHES)) {
  const run = BENCHES[name];
  if (run === undefined) {
    throw new Error(`no benchmark "${name}"; there are ${Object.keys(BENCHES).join(", ")}`);
  }
  await run();
}
