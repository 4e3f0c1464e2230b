/** Looking for what will bite, before it does. Each finding says what is wrong and what to do. */

import { readFile, stat } from "node:fs/promises";
import process from "node:process";
import { parseIdentityFile } from "../age/keys.ts";
import { isProtected } from "../age/protect.ts";
import { integrityProblems } from "../catalog/catalog.ts";
import { listVolumes } from "../catalog/volumes.ts";
import { ColdframeError, messageOf, systemCode } from "../errors.ts";
import { formatSize } from "../size.ts";
import type { StoreContext } from "../store/context.ts";
import { openStore } from "../store/open.ts";
import { RETRY_DEFAULTS, retrying } from "../store/retry.ts";
import type { Store } from "../store/store.ts";
import { clockTrouble, ServerClock } from "./server-clock.ts";
import type { Session } from "./session.ts";
import { knownUploads, type UnfinishedUpload, unfinishedUploads } from "./uploads.ts";

/** How bad it is: `broken` keeps photos from being stored or restored, `warning` may do so one day. */
export type Severity = "good" | "warning" | "broken";

/** What one look found. */
export interface Finding {
  /** What was looked at, such as `catalog`. */
  readonly about: string;
  readonly severity: Severity;
  readonly message: string;
  readonly hint: string | undefined;
}

const DAY = 86_400_000;

/** Looks at everything. Writes nothing. */
export async function examine(session: Session): Promise<Finding[]> {
  const found = [
    ...await permissions(session),
    ...await catalog(session),
    ...await key(session),
    ...await stores(session),
  ];
  const allAnswer = !found.some(({ about, severity }) => about.startsWith(STORE) && severity === "broken");
  // Jobs wait long for a store that does not answer, and what it would say is known by now.
  return [...found, ...uploads(session, await (allAnswer ? unfinishedUploads : knownUploads)(session))];
}

const STORE = "store ";

function finding(about: string, severity: Severity, message: string, hint?: string): Finding {
  return { about, severity, message, hint };
}

/** Who else on this machine can read the home. Windows keeps rights elsewhere. */
async function permissions({ home }: Session): Promise<Finding[]> {
  if (process.platform === "win32") return [];
  const { root, keys, identity } = home.paths;
  const found: Finding[] = [];
  for (
    const [path, severity, mode] of [[root, "warning", "700"], [keys, "warning", "700"], [
      identity,
      "broken",
      "600",
    ]] as const
  ) {
    const others = await stat(path).then((one) => one.mode & 0o077, () => 0);
    if (others === 0) continue;
    found.push(
      finding(
        "permissions",
        severity,
        `others on this machine can use ${path}`,
        `Run: chmod ${mode} '${path}'`,
      ),
    );
  }
  return found.length > 0 ? found : [finding("permissions", "good", `only you can read ${root}`)];
}

async function catalog({ db }: Session): Promise<Finding[]> {
  if (!db.local) return [finding("catalog", "good", `on a server: ${db.place}`)];
  const problems = await integrityProblems(db);
  if (problems.length === 0) return [finding("catalog", "good", "SQLite finds it sound")];
  const hint =
    "Move it aside and run `coldframe recover STORE --identity FILE`: the stores hold snapshots of it.";
  return problems.map((problem) => finding("catalog", "broken", `${db.place} is damaged: ${problem}`, hint));
}

/** Whether this machine could restore. That the key is elsewhere may well be on purpose. */
async function key({ home }: Session): Promise<Finding[]> {
  const { identity } = home.paths;
  const bytes = await readFile(identity).catch((error) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (bytes === undefined) {
    const hint = "Restoring needs it: make sure that you can find it. Storing does not.";
    return [finding("key", "warning", `the secret key is not at ${identity}`, hint)];
  }
  if (isProtected(bytes)) {
    return [finding("key", "good", "the secret key is there, protected by a passphrase")];
  }
  try {
    const pairs = await parseIdentityFile(bytes.toString("utf8"), identity);
    if (pairs.some(({ recipient }) => home.recipients.includes(recipient))) {
      return [finding("key", "good", "the secret key is there, and opens what is stored from now on")];
    }
    const hint = `Compare it with ${home.paths.recipients}: one of the two is not yours.`;
    return [
      finding(
        "key",
        "broken",
        `the secret key at ${identity} opens nothing that is stored from now on`,
        hint,
      ),
    ];
  } catch (error) {
    return [failed("key", error)];
  }
}

/** What keeps a home from being opened at all, as a finding; undefined for an error of another kind. */
export function findingOf(error: unknown): Finding | undefined {
  const ours = error instanceof ColdframeError && ["catalog", "config", "key-missing"].includes(error.code);
  return ours ? failed(error.code === "key-missing" ? "key" : error.code, error) : undefined;
}

function failed(about: string, error: unknown): Finding {
  const hint = error instanceof ColdframeError ? error.hint : undefined;
  return finding(about, "broken", messageOf(error), hint);
}

/** Today's stores, and those that hold volumes. */
async function stores(session: Session): Promise<Finding[]> {
  const stored = (await listVolumes(session.db)).filter(({ state }) => state === "stored");
  const used = new Set(stored.map(({ store }) => store));
  const found: Finding[] = [];
  for (const url of new Set([session.urls.cold, session.urls.staging, ...used])) {
    found.push(...await storeAt(session, url, used.has(url)));
  }
  return found;
}

async function storeAt(session: Session, url: string, isUsed: boolean): Promise<Finding[]> {
  const clock = new ServerClock(session.storeContext.fetch, session.now);
  const about = STORE + url;
  try {
    const store = await openToLook({ ...session.storeContext, fetch: clock.fetch }, url);
    for await (const _ of store.list("volumes/")) break;
    return [
      finding(about, "good", "it answers"),
      ...await room(session, store, about),
      ...clockFindings(clock, about),
    ];
  } catch (error) {
    session.signal.throwIfAborted();
    if (!(error instanceof ColdframeError)) throw error;
    const isNew = error.code === "store-missing" && /^file:/.test(url) && !isUsed;
    if (isNew) return [finding(about, "good", "it is not there yet; the first sync makes it")];
    return [failed(about, error), ...clockFindings(clock, about)];
  }
}

/** Someone waits for the answer, so not for as long as an unattended run. */
async function openToLook(context: StoreContext, url: string): Promise<Store> {
  const store = await openStore(url, context, { create: false });
  return retrying(store, {
    ...RETRY_DEFAULTS,
    attempts: 3,
    ...(context.signal && { signal: context.signal }),
    warn: () => {},
  });
}

async function room({ home }: Session, store: Store, about: string): Promise<Finding[]> {
  const usage = await store.usage();
  if (usage?.limit === undefined) return [];
  const free = usage.limit - usage.used;
  if (free >= home.config.volumeSize) return [finding(about, "good", `${formatSize(free)} free`)];
  const hint = "Free some space, or choose another store.";
  return [finding(about, "warning", `${formatSize(free)} free: less than one volume`, hint)];
}

function clockFindings({ ahead }: ServerClock, about: string): Finding[] {
  if (ahead === undefined) return [];
  const trouble = clockTrouble(ahead);
  if (trouble === undefined) return [finding(about, "good", "its clock agrees with ours")];
  return [finding(about, "warning", trouble.message, trouble.hint)];
}

function uploads(session: Session, all: readonly UnfinishedUpload[]): Finding[] {
  const now = session.now();
  const olderThan = (upload: UnfinishedUpload, days: number) =>
    upload.started !== undefined && upload.started < now - days * DAY;
  const own = all.filter((upload) => upload.of !== "unknown" && olderThan(upload, 1));
  const unknown = all.filter((upload) => upload.of === "unknown" && olderThan(upload, 7));
  const found = [
    ...own.map(({ key }) =>
      finding(
        "uploads",
        "warning",
        `the upload of ${key} has been unfinished for over a day`,
        "Run `coldframe sync`.",
      )
    ),
    ...unknown.map(({ key, store }) =>
      finding(
        "uploads",
        "warning",
        `an upload of ${key} at ${store}, unknown here, has been unfinished for over a week`,
        `End it, if no other machine goes on with it: coldframe uploads abort '${key}'`,
      )
    ),
  ];
  return found.length > 0 ? found : [finding("uploads", "good", "none is left unfinished")];
}
