/** Judges from npm: installed for the tests alone, into a folder that later runs find again. */

import { access, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../tools.ts";

/**
 * The folder in which `import` of these packages works.
 *
 * @param packages as npm takes them, with exact versions
 */
export async function installed(name: string, packages: readonly string[]): Promise<string> {
  const place = join(tmpdir(), `coldframe-judge-${name}`);
  if (await isThere(place)) return place;
  await mkdir(tmpdir(), { recursive: true });
  const fresh = await mkdtemp(`${place}-`);
  await writeFile(join(fresh, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", ...packages], { cwd: fresh });
  try {
    await rename(fresh, place);
  } catch {
    // Another run was quicker.
    await rm(fresh, { recursive: true });
  }
  return place;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(() => true, () => false);
}
