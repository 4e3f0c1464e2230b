/** Whether this machine can do the work: memory, room, watches; and whether it can tell somebody. */

import { readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { listFolders } from "../../catalog/look.ts";
import { ColdframeError } from "../../errors.ts";
import { formatSize } from "../../size.ts";
import { signInState } from "../../store/google/google.ts";
import type { Session } from "../session.ts";
import { RAISE_LIMITS, watchLimit } from "../watch/limits.ts";
import { looksOf } from "../watchful.ts";
import { failed, type Finding, finding } from "./finding.ts";

/** What a run takes at most, in bytes, on the largest archives that were measured. */
const NEEDED = 250_000_000;

/** Memory that programs may have now (proc(5), MemAvailable), or all there is. */
export async function memory(meminfo = "/proc/meminfo"): Promise<Finding[]> {
  const text = await readFile(meminfo, "utf8").catch(() => "");
  const kib = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1]);
  const free = kib > 0 ? kib * 1024 : totalmem();
  if (free >= NEEDED) return [finding("memory", "good", `${formatSize(free)} to use`)];
  const hint = "End other programs, or add swap: a run may take up to 250 MB.";
  return [finding("memory", "warning", `only ${formatSize(free)} are free`, hint)];
}

/** Watches of all programs count together, so half of the limit is enough to say something. */
export async function watches({ db }: Session, limitFile?: string): Promise<Finding[]> {
  const limit = await watchLimit(limitFile);
  if (limit === undefined) return [];
  const folders = (await listFolders(db)).length;
  if (folders * 2 <= limit) {
    return [finding("watch", "good", `${limit} folders may be watched, and ${folders} are known`)];
  }
  const message = `only ${limit} folders may be watched, and ${folders} are known`;
  return [finding("watch", "warning", message, `To raise that: ${RAISE_LIMITS}`)];
}

/** Whether anybody hears of trouble. Whether it arrives, `alert test` tries. */
export function alerts({ home }: Session): Finding[] {
  const { mail, ntfy, webhook, ping } = home.config.alerts;
  const set = Object.entries({ mail, ntfy, webhook, ping }).filter(([, value]) => value !== undefined);
  if (set.length > 0) {
    const names = set.map(([name]) => name).join(", ");
    return [finding("alerts", "good", `${names} is set; try it with \`coldframe alert test\``)];
  }
  const hint =
    `Write [alerts.mail] or [alerts.ntfy] into ${home.paths.config}; see \`coldframe alert --help\`.`;
  return [finding("alerts", "warning", "nobody is told when something goes wrong", hint)];
}

const DAY = 86_400_000;

/** The sign-in at Google, from its file alone. */
export async function signIn({ urls, storeContext }: Session): Promise<Finding[]> {
  if (!/^gdrive:/i.test(urls.staging) && !/^gdrive:/i.test(urls.cold)) return [];
  const state = await signInState(storeContext);
  if (state.kind === "none") return []; // the store says so itself
  if (state.kind === "service-account") {
    return [finding("sign-in", "good", `service account ${state.account}`)];
  }
  const days = Math.floor(state.age / DAY);
  if (state.warning !== undefined) {
    return [finding("sign-in", "warning", `Google Drive: ${state.warning}`, "Run: coldframe auth google")];
  }
  return [finding("sign-in", "good", `to Google Drive ${days} days ago, and it goes on`)];
}

/** The looks that alerts make each day, but those that are made here in more words. */
export async function ahead(session: Session): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const { about, look } of looksOf(session)) {
    if (!/^(room home|certificate )/.test(about)) continue;
    const trouble = await look().catch((error) => {
      session.signal.throwIfAborted();
      if (error instanceof ColdframeError) return failed(about, error);
      throw error;
    });
    if (trouble === "good") found.push(finding(about, "good", "nothing will bite in the next week"));
    else if (typeof trouble === "object") found.push({ about, severity: "warning", ...trouble });
  }
  return found;
}
