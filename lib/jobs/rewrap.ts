/**
 * Renewing for today's recipients what an earlier set of them can open: manifests, staged objects, and a
 * snapshot. Volumes stay as they are: what is in cold is written once. Nothing is replaced in a store; an
 * object that is encrypted anew gets a key of its own, and a staged one that it replaces is removed only
 * when a snapshot knows the new one. A run that was cut short is gone on with by running it again.
 */

import { createHash } from "node:crypto";
import { decryptAccess } from "../age/access.ts";
import { newEnvelope, type Unlock } from "../age/header.ts";
import { decryptBytes, decryptStream } from "../age/stream.ts";
import { collect } from "../bytes.ts";
import { neededStaged, replaceStaged, type StagedContent, type StagedObject } from "../catalog/staged.ts";
import { listVolumes, type Volume } from "../catalog/volumes.ts";
import { ColdframeError, hasCode } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { encrypted, sendBytes } from "./encrypted.ts";
import { NO_LEDGER } from "./ledger.ts";
import { manifestKey, rewrappedManifestKey, stagedKey } from "./object-keys.ts";
import { inParallel } from "./pool.ts";
import { objectAccess } from "./restore/object-access.ts";
import { isShared } from "./room.ts";
import { sendObject, type SentObject } from "./send.ts";
import type { Session } from "./session.ts";
import { storeSnapshot } from "./snapshot.ts";
import { tidyStaging } from "./tidy.ts";

/** What there is to renew. */
export interface RewrapPlan {
  readonly manifests: readonly Volume[];
  readonly staged: readonly StagedContent[];
}

/** What was renewed, and what could not be. */
export interface RewrapReport {
  readonly manifests: number;
  readonly staged: number;
  /** Keys of the snapshots taken, in staging and in cold. */
  readonly snapshots: readonly string[];
  readonly failed: readonly { readonly key: string; readonly reason: string }[];
}

/** What is not encrypted for today's recipients yet, as far as the catalog and the stores' listings tell. */
export async function planRewrap(session: Session): Promise<RewrapPlan> {
  const { db, home, archive } = session;
  const stored = (await listVolumes(db)).filter(({ state }) => state === "stored");
  const there = await manifestsIn(session, new Set(stored.map(({ store }) => store)));
  const isOld = ({ name }: Volume) =>
    there.has(manifestKey(name)) && !there.has(rewrappedManifestKey(name, home.recipients));
  const staged = await neededStaged(db);
  return {
    manifests: stored.filter(isOld),
    staged: staged.filter(({ key, sha256 }) => key !== stagedKey(archive.opaqueKey, sha256, home.recipients)),
  };
}

async function manifestsIn(session: Session, urls: ReadonlySet<string>): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for (const url of urls) {
    for await (const { key } of (await session.storeAt(url)).list("manifests/")) keys.add(key);
  }
  return keys;
}

/** Renews what is planned, then snapshots, then removes what was replaced. */
export async function rewrap(session: Session, plan: RewrapPlan, unlock: Unlock): Promise<RewrapReport> {
  const failed: { key: string; reason: string }[] = [];
  const manifests = await each(
    session,
    plan.manifests,
    failed,
    (volume) => renewManifest(session, volume, unlock),
  );
  const staged = await each(session, plan.staged, failed, (object) => renewStaged(session, object, unlock));
  const snapshots = [await storeSnapshot(session, await session.staging())];
  if (!isShared(session)) snapshots.push(await storeSnapshot(session, await session.cold()));
  await tidyStaging(session);
  return { manifests, staged, snapshots, failed };
}

/** What is about one object, so that the others may go on. */
const OF_ONE_OBJECT = ["damaged", "not-age", "key-wrong", "object-missing", "object-archived"] as const;

async function each<O extends { readonly key: string }>(
  session: Session,
  objects: readonly O[],
  failed: { key: string; reason: string }[],
  renew: (object: O) => Promise<void>,
): Promise<number> {
  let renewed = 0;
  await inParallel(objects, { width: 4, budget: 4, cost: () => 1 }, async (object) => {
    session.signal.throwIfAborted();
    try {
      await renew(object);
      renewed++;
    } catch (error) {
      if (!(error instanceof ColdframeError) || !OF_ONE_OBJECT.some((code) => code === error.code)) {
        throw error;
      }
      failed.push({ key: object.key, reason: error.message });
    }
  });
  return renewed;
}

async function renewManifest(session: Session, { name, store: url }: Volume, unlock: Unlock): Promise<void> {
  const store = await session.storeAt(url);
  const key = manifestKey(name);
  const packed = await decryptBytes(await collect(store.read(key)), unlock, key);
  await sendBytes(session, store, rewrappedManifestKey(name, session.home.recipients), packed, "manifest");
}

async function renewStaged(session: Session, old: StagedContent, unlock: Unlock): Promise<void> {
  const store = await session.storeAt(old.store);
  const key = stagedKey(session.archive.opaqueKey, old.sha256, session.home.recipients);
  await assertHolds(store, old, unlock);
  const plain = await decryptAccess(objectAccess(store, old.key, old.size), unlock, old.key);
  const envelope = await newEnvelope(session.home.recipients);
  const maker = await encrypted({ ...envelope, key }, {
    size: plain.size,
    readAt: (offset, length) => plain.readAt(offset, length),
    unprovenFrom: (end) => end, // every chunk is authenticated as it is read
    settle: () => Promise.resolve(),
  });
  const send = () => sendObject(store, key, maker, NO_LEDGER, { kind: "staged", signal: session.signal });
  const sent = await sendInPlace(store, key, send);
  const headerSize = envelope.header.length;
  const renewed: StagedObject = {
    content: old.content,
    store: old.store,
    key,
    ...sent,
    headerSize,
    time: session.now(),
  };
  await replaceStaged(session.db, old, renewed);
}

/** Read once before it is encrypted anew: an object that was swapped for another must not become a good one. */
async function assertHolds(store: Store, { key, sha256 }: StagedContent, unlock: Unlock): Promise<void> {
  const hash = createHash("sha256");
  for await (const piece of decryptStream(store.read(key), unlock, key)) hash.update(piece);
  if (hash.digest("hex") === sha256) return;
  throw new ColdframeError("damaged", `${key} holds another file than was stored under it`);
}

/** An object of a run that was cut short before the catalog knew it makes way: its file key is forgotten. */
async function sendInPlace(store: Store, key: string, send: () => Promise<SentObject>): Promise<SentObject> {
  try {
    return await send();
  } catch (error) {
    if (!hasCode(error, "object-exists")) throw error;
    await store.remove(key);
    return await send();
  }
}
