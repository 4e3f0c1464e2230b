/** What a sync could not do, as findings: they stay open, and are told, until a sync can do it. */

import { getMeta, setMeta } from "../catalog/catalog.ts";
import { type Found, settleFindings } from "../catalog/findings.ts";
import { count } from "../text.ts";
import type { Session } from "./session.ts";
import type { SyncReport, Trouble } from "./sync-report.ts";

/** Keeps what is wrong after a sync. A folder that it did not look at stays as it was. */
export async function settleSync(session: Session, report: SyncReport): Promise<void> {
  const { db, home, now } = session;
  const isNoNews = await isBriefly(session, report.stagingTrouble);
  const found = [...folders(report), ...lost(report), ...(isNoNews ? [] : staging(session, report))];
  const scanned = new Set([...report.scan.sources, ...report.scan.failures].map(({ path }) => path));
  const looked = (name: string) => {
    const [, path] = /^(?:folder|files) (.*)$/s.exec(name) ?? [];
    return path === undefined || scanned.has(path);
  };
  await settleFindings(db, `sync ${home.box}`, found, now(), looked);
}

const DAY = 86_400_000;

/** Whether staging could not be reached for less than a day: a line that is down for an hour is no news. */
async function isBriefly({ db, home, now }: Session, trouble: Trouble | undefined): Promise<boolean> {
  const key = `unreachable ${home.box}`;
  const since = Number(await getMeta(db, key) ?? "0");
  const isAway = trouble?.code === "store-unreachable";
  if (isAway === since > 0) return isAway && now() - since < DAY;
  await setMeta(db, key, isAway ? String(now()) : "0");
  return isAway;
}

function folders({ scan }: SyncReport): Found[] {
  const missing = scan.failures.map(({ path, error }): Found => ({
    name: `folder ${path}`,
    kind: error.code,
    severity: "warning",
    message: `${error.message}: nothing new in it is protected`,
    hint: error.hint,
    files: [],
  }));
  const skipped = scan.sources.filter(({ problems }) => problems.length > 0);
  return [
    ...missing,
    ...skipped.map(({ path, problems }): Found => ({
      name: `files ${path}`,
      kind: "source-unreadable",
      severity: "warning",
      message: `${count(problems.length, "file")} in ${path} cannot be protected: ${problems[0]?.reason}`,
      hint: "Give the user who runs coldframe the right to read them, or leave them out in config.toml.",
      files: problems.slice(0, MOST).map((problem) => problem.path),
    })),
  ];
}

/** Names of files that are kept for one finding. */
const MOST = 1000;

function lost({ lost }: SyncReport): Found[] {
  return lost.map(({ path, reason }) => ({
    name: `lost ${path}`,
    kind: "content-lost",
    severity: "damage",
    message: `${path} is lost: ${reason}, and the file is not in its folder any more`,
    hint:
      "If it went into the bin of the store, take it back out there. To give it up: coldframe sync --accept-gone",
    files: [path],
  }));
}

/** A store that was full and found relief is no trouble. */
function staging({ urls }: Session, { stagingTrouble, unstaged }: SyncReport): Found[] {
  if (stagingTrouble === undefined || (stagingTrouble.code === "store-full" && unstaged === 0)) return [];
  const waiting = unstaged === 0 ? "" : `; ${count(unstaged, "file")} not protected yet`;
  return [{
    name: `staging ${urls.staging}`,
    kind: stagingTrouble.code,
    severity: "warning",
    message: `staging does not work: ${stagingTrouble.message}${waiting}`,
    hint: stagingTrouble.hint,
    files: [],
  }];
}
