/** Uploads that are not finished: those the catalog knows, and those that only the stores know. */

import { isStoreKnown } from "../catalog/stores.ts";
import {
  allUploads,
  confirmedParts,
  forgetUpload,
  forgetUploadsOf,
  type PendingUpload,
  storedKeys,
} from "../catalog/uploads.ts";
import { dropPlanned, plannedVolumes } from "../catalog/volumes.ts";
import { ColdframeError, hasCode } from "../errors.ts";
import type { Store, UploadInfo } from "../store/store.ts";
import type { Session } from "./session.ts";

/** An unfinished upload, as far as it may be shown: its token is a capability. */
export interface UnfinishedUpload {
  readonly store: string;
  readonly key: string;
  /** `unknown` to this catalog: of another box or program, or of a run whose beginning was never answered. */
  readonly of: "volume" | "staging" | "another box" | "unknown";
  /** Bytes of the object; undefined where nobody here knows. */
  readonly size: number | undefined;
  /** Bytes that the store has confirmed. */
  readonly sent: number | undefined;
  readonly parts: number | undefined;
  /** ms since 1970. */
  readonly started: number | undefined;
}

/** The same with what it takes to end it. */
interface Found {
  readonly shown: UnfinishedUpload;
  readonly known: PendingUpload | undefined;
  readonly info: UploadInfo | undefined;
}

/**
 * Every unfinished upload. A store that cannot be asked is a warning: what the catalog knows is listed all
 * the same.
 */
export async function unfinishedUploads(session: Session): Promise<UnfinishedUpload[]> {
  return (await findAll(session)).map(({ shown }) => shown);
}

/** Those that the catalog knows; asks no store. */
export async function knownUploads(session: Session): Promise<UnfinishedUpload[]> {
  const known = await allUploads(session.db);
  return (await Promise.all(known.map((upload) => ofCatalog(session, upload)))).map(({ shown }) => shown);
}

async function findAll(session: Session): Promise<Found[]> {
  const known = await allUploads(session.db);
  const found = await Promise.all(known.map((upload) => ofCatalog(session, upload)));
  const tokens = new Set(known.flatMap(({ begun }) => begun?.token ?? []));
  for (const store of await storesInUse(session, known)) {
    for (const info of await uploadsIn(session, store)) {
      if (tokens.has(info.token)) continue;
      tokens.add(info.token); // two addresses may mean one bucket
      found.push(unknown(store.url, info));
    }
  }
  return found;
}

async function ofCatalog(session: Session, known: PendingUpload): Promise<Found> {
  const parts = await confirmedParts(session.db, known.id);
  const { store, key, size, started, begun, box, volume } = known;
  const own = volume === undefined ? "staging" : "volume";
  const sent = parts.reduce((sum, part) => sum + part.size, 0);
  return {
    shown: {
      store,
      key,
      of: box === session.home.box ? own : "another box",
      size,
      sent,
      parts: parts.length,
      started,
    },
    known,
    info: begun && { key, token: begun.token, started },
  };
}

function unknown(store: string, info: UploadInfo): Found {
  const { key, started } = info;
  const unsaid = { size: undefined, sent: undefined, parts: undefined };
  return { shown: { store, key, of: "unknown", started, ...unsaid }, known: undefined, info };
}

/** The stores of the settings and those of uploads, each once. */
async function storesInUse(session: Session, known: readonly PendingUpload[]): Promise<Store[]> {
  const urls = new Set(known.map(({ store }) => store));
  const openers = [
    () => session.cold(),
    () => session.staging(),
    ...[...urls].map((url) => () => session.storeAt(url)),
  ];
  const stores = new Map<string, Store>();
  for (const open of openers) {
    try {
      const store = await open();
      stores.set(store.url, store);
    } catch (error) {
      if (!(error instanceof ColdframeError) || error.code === "interrupted") throw error;
      // A store that was never used is not there yet.
      if (hasCode(error, "store-missing") && urls.size === 0) continue;
      session.report.warn(`a store cannot be asked for unfinished uploads: ${error.message}`);
    }
  }
  return [...stores.values()];
}

async function uploadsIn(session: Session, store: Store): Promise<UploadInfo[]> {
  const found: UploadInfo[] = [];
  try {
    for await (const info of store.listUploads()) found.push(info);
    return found;
  } catch (error) {
    session.signal.throwIfAborted();
    if (!(error instanceof ColdframeError)) throw error;
    const unused = hasCode(error, "store-missing") && !await isStoreKnown(session.db, store.url);
    if (!unused) session.report.warn(`unfinished uploads cannot be listed: ${error.message}`);
    return [];
  }
}

/** Which uploads to end. */
export interface AbortSelection {
  /** Keys, or names of volumes. */
  readonly names: readonly string[];
  /** All of this box, and those that the catalog does not know; but not those of boxes that share it. */
  readonly all: boolean;
  readonly dryRun: boolean;
}

/** What became of them. */
export interface AbortReport {
  readonly aborted: readonly UnfinishedUpload[];
  readonly failed: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * Ends unfinished uploads and removes their parts. The files of a volume are planned anew by the next sync.
 *
 * @throws ColdframeError `nothing-found` for a name that no upload has
 */
export async function abortUploads(session: Session, selection: AbortSelection): Promise<AbortReport> {
  const chosen = choose(await findAll(session), selection);
  const aborted: UnfinishedUpload[] = [];
  const failed: { key: string; reason: string }[] = [];
  for (const upload of chosen) {
    session.signal.throwIfAborted();
    try {
      if (!selection.dryRun) await end(session, upload);
      aborted.push(upload.shown);
    } catch (error) {
      if (!(error instanceof ColdframeError) || error.code === "interrupted") throw error;
      failed.push({ key: upload.shown.key, reason: error.message });
    }
  }
  return { aborted, failed };
}

function choose(found: readonly Found[], { names, all }: AbortSelection): Found[] {
  const missing = names.find((name) => !found.some(({ shown }) => isCalled(shown, name)));
  if (missing !== undefined) {
    throw new ColdframeError("nothing-found", `no unfinished upload is called ${missing}`, {
      hint: "`coldframe ls uploads` lists them.",
    });
  }
  return found.filter(({ shown }) =>
    all && shown.of !== "another box" || names.some((name) => isCalled(shown, name))
  );
}

function isCalled({ key }: UnfinishedUpload, name: string): boolean {
  return key === name || key.replace(/^volumes\//, "").replace(/\.iso(\.age)?$/, "") === name;
}

async function end(session: Session, { shown, known, info }: Found): Promise<void> {
  try {
    const store = await session.storeAt(shown.store);
    await assertNotThere(store, known);
    if (info !== undefined) await store.abortUpload(info);
  } catch (error) {
    // With its store gone for good, an upload must still be given up some time.
    if (!hasCode(error, "store-missing") || known === undefined) throw error;
    session.report.warn(`${error.message}; the upload of ${shown.key} is forgotten all the same`);
  }
  if (known !== undefined) await forget(session, known);
}

/**
 * A staged object that is complete and not yet known to be must stay known: its key is made of its content,
 * so that the same file, encrypted anew, would find other bytes in its place.
 */
async function assertNotThere(store: Store, known: PendingUpload | undefined): Promise<void> {
  if (known?.content === undefined || await store.head(known.key) === undefined) return;
  throw new ColdframeError("object-exists", `${known.key} is complete; the next sync will find it`);
}

async function forget(session: Session, { id, volume, box }: PendingUpload): Promise<void> {
  if (volume === undefined) return void await session.db.write(forgetUpload(id));
  const planned = (await plannedVolumes(session.db, box)).some((one) => one.id === volume);
  if (planned) await dropPlanned(session.db, volume);
  else await session.db.write(forgetUploadsOf(volume)); // of a packed file, which stays one
}

/** An upload that nobody has gone on with for so long is worth a word, in ms: a week. */
const ABANDONED = 7 * 86_400_000;

/**
 * Looks after uploads that the catalog does not know. Those whose object is stored by now come of a run
 * whose question for an upload was never answered, and are ended; old ones are given back, to be reported.
 */
export async function tidyUploads(session: Session): Promise<UnfinishedUpload[]> {
  const unknown = (await findAll(session)).filter(({ known }) => known === undefined);
  const stored = await storedKeys(session.db, unknown.map(({ shown }) => shown.key));
  const old = session.now() - ABANDONED;
  const abandoned: UnfinishedUpload[] = [];
  for (const upload of unknown) {
    const { shown } = upload;
    if (stored.has(shown.key)) await endQuietly(session, upload);
    else if (shown.started !== undefined && shown.started < old) abandoned.push(shown);
  }
  return abandoned;
}

async function endQuietly(session: Session, upload: Found): Promise<void> {
  try {
    await end(session, upload);
  } catch (error) {
    session.signal.throwIfAborted();
    if (!(error instanceof ColdframeError)) throw error;
    session.report.warn(`a needless upload of ${upload.shown.key} could not be ended: ${error.message}`);
  }
}
