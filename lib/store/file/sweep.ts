/** Tidying what crashes left behind. */

import { opendir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { undefinedIfAbsent } from "./io.ts";

/** No single write takes a day, so what is older belongs to nobody. */
const DAY = 24 * 60 * 60 * 1000;

/**
 * Removes the files of single writes that a crash cut off. Uploads in parts are not touched: they may go on
 * years later.
 *
 * @param now ms since 1970; with a clock set wrong, the worst is a write that fails and is tried again
 */
export async function sweepTemp(folder: string, now: number): Promise<void> {
  const entries = await opendir(folder).catch(undefinedIfAbsent);
  if (entries === undefined) return;
  for await (const { name } of entries) {
    if (!/^put-[0-9a-f]{32}$/.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(undefinedIfAbsent);
    if (found !== undefined && found.mtimeMs < now - DAY) await rm(path, { force: true });
  }
}
