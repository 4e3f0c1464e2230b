/** Whether the stores answer, let us write, have room, and are set up as they should be. */

import { latestSnapshot } from "../../catalog/runs.ts";
import { listVolumes } from "../../catalog/volumes.ts";
import { ColdframeError, hasCode } from "../../errors.ts";
import { formatSize } from "../../size.ts";
import type { StoreContext } from "../../store/context.ts";
import { openStore } from "../../store/open.ts";
import { RETRY_DEFAULTS, retrying } from "../../store/retry.ts";
import { type BucketState, bucketState } from "../../store/s3/state.ts";
import { parseS3Url } from "../../store/s3/url.ts";
import type { Store } from "../../store/store.ts";
import { clockTrouble, ServerClock } from "../server-clock.ts";
import type { Session } from "../session.ts";
import { failed, type Finding, finding } from "./finding.ts";

/** What findings about a store begin with. */
export const STORE = "store ";

/** Today's stores, and those that hold volumes. */
export async function stores(session: Session): Promise<Finding[]> {
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
    const context = { ...session.storeContext, fetch: clock.fetch };
    const isS3 = /^s3:/i.test(url);
    const isWritten = url === session.urls.cold || url === session.urls.staging; // an old one is only read
    const store = await openToLook(context, url);
    for await (const _ of store.list("volumes/")) break;
    return [
      finding(about, "good", "it answers"),
      ...(isS3 && isWritten ? await rights(session, store, about) : []),
      ...(isS3 ? await bucket(context, url, about) : []),
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

/**
 * Begins an upload and ends it again, which takes the right to write and leaves nothing. Then tries to write
 * where something stands already, which any store must refuse.
 */
async function rights({ db }: Session, store: Store, about: string): Promise<Finding[]> {
  const upload = await store.beginUpload(TRIAL, 1, { kind: "staged" });
  await upload.abort();
  const written = finding(about, "good", "we may write there");
  const snapshot = await latestSnapshot(db);
  if (snapshot?.store !== store.url || await store.head(snapshot.key) === undefined) return [written];
  return [written, await overwriting(store, snapshot.key, about)];
}

/** Among the objects that come and go; nothing ever stands under it. */
const TRIAL = "staged/trial-of-doctor";

/**
 * `If-None-Match` makes S3 refuse it; a server that is not known to heed that is looked at first.
 *
 * Source: S3 User Guide, "Add preconditions to S3 operations with conditional requests".
 */
async function overwriting(store: Store, key: string, about: string): Promise<Finding> {
  try {
    await store.put(key, new Uint8Array(1), { kind: "snapshot" });
  } catch (error) {
    if (hasCode(error, "object-exists")) {
      return finding(about, "good", "what stands there is not overwritten");
    }
    throw error;
  }
  const hint = "Name another store: this one lets the copies be lost.";
  return finding(about, "broken", `it let ${key} be overwritten`, hint);
}

const POLICY = "See: coldframe doctor --policy";

/** The bucket's own settings; the key of an unattended box need not be able to read them. */
async function bucket(context: StoreContext, url: string, about: string): Promise<Finding[]> {
  const state = await bucketState(url, context);
  const { lock } = parseS3Url(url);
  const looks = [
    look(about, "versioning", state.versioning, "what is deleted with another key cannot be brought back"),
    look(about, "a lifecycle", state.lifecycle, "unfinished uploads and old versions cost money for ever"),
    ...(lock === undefined ? [] : [lockLook(about, state.objectLock)]),
  ].flat();
  const unknown = Object.values(state).includes("unknown");
  const why = "its settings are not shown to this key; an administrator's key can compare them";
  return unknown ? [...looks, finding(about, "good", `${why} (coldframe doctor --policy)`)] : looks;
}

function look(about: string, what: string, state: BucketState[keyof BucketState], why: string): Finding[] {
  if (state === "unknown") return [];
  if (state === "on") return [finding(about, "good", `the bucket has ${what}`)];
  return [finding(about, "warning", `the bucket has not ${what}: ${why}`, POLICY)];
}

/** The store's URL asks for a lock, so without one nothing can be stored. */
function lockLook(about: string, state: BucketState["objectLock"]): Finding[] {
  if (state === "unknown") return [];
  if (state === "on") return [finding(about, "good", "the bucket can lock volumes")];
  return [finding(about, "broken", "lock=… is asked for, and the bucket cannot lock objects", POLICY)];
}
