/** How many folders Linux lets a user watch (inotify(7), "/proc interfaces"), and how to raise that. */

import { readFile } from "node:fs/promises";
import { messageOf, systemCode } from "../../errors.ts";

/** The command that raises the limits, until the next start and after it. */
export const RAISE_LIMITS =
  "printf 'fs.inotify.max_user_watches=524288\\nfs.inotify.max_user_instances=512\\n' | " +
  "sudo tee /etc/sysctl.d/60-coldframe.conf && sudo sysctl --system";

/** Folders that one user may watch, all programs together; undefined where there is no such limit. */
export async function watchLimit(
  path = "/proc/sys/fs/inotify/max_user_watches",
): Promise<number | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const limit = Number.parseInt(text, 10);
  return Number.isNaN(limit) ? undefined : limit;
}

/**
 * Whether watching failed for want of watches or instances. Runtimes tell it by the codes of
 * inotify_add_watch(2) and inotify_init(2), or, as Deno does, in words.
 */
export function isWatchLimit(error: unknown): boolean {
  return ["ENOSPC", "EMFILE"].includes(systemCode(error) ?? "") || /watch limit/i.test(messageOf(error));
}
