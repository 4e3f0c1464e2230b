/**
 * Uploads to staging that a run was killed in, of files that changed or went before the next one: nothing
 * can make their bytes again. An object that came to its end all the same is kept, as it may be the only copy
 * of that version; anything else is ended, and its file key forgotten.
 */

import { createHash } from "node:crypto";
import { openedAccess } from "../age/access.ts";
import { markStaged } from "../catalog/staged.ts";
import { forgetUpload, type StrandedUpload, strandedUploads } from "../catalog/uploads.ts";
import { hasCode } from "../errors.ts";
import { streamChecksum } from "../store/checksum.ts";
import type { ObjectInfo, Store } from "../store/store.ts";
import { abortBegun } from "./begun.ts";
import { objectAccess, readAhead } from "./restore/object-access.ts";
import type { Session } from "./session.ts";

/**
 * Settles the stranded uploads to a staging store.
 *
 * @returns how many objects the catalog knows now that it did not know before
 */
export async function settleStranded(session: Session, store: Store): Promise<number> {
  const { db, home } = session;
  let kept = 0;
  for (const upload of await strandedUploads(db, home.box, store.url)) {
    session.signal.throwIfAborted();
    const object = await wholeObject(store, upload);
    await abortBegun(session, store, upload.id);
    if (object === undefined) await db.write(forgetUpload(upload.id));
    else await markStaged(db, [await stagedRow(session, store, upload, object)]);
    if (object !== undefined) kept++;
  }
  return kept;
}

/** The object of an upload, if it is there and holds what it should, in every byte. */
async function wholeObject(store: Store, upload: StrandedUpload): Promise<ObjectInfo | undefined> {
  const info = await store.head(upload.key);
  if (info === undefined || info.size !== upload.size) return undefined;
  try {
    return await contentHash(store, upload) === upload.sha256 ? info : undefined;
  } catch (error) {
    if (!hasCode(error, "damaged")) throw error;
    return undefined;
  }
}

/** The SHA-256 of what an object decrypts to; "" when it has another header, and so another key. */
async function contentHash(store: Store, { key, size, header, fileKey }: StrandedUpload): Promise<string> {
  const object = objectAccess(store, key, size);
  const start = await object.readAt(0, header.length);
  if (!header.every((byte, i) => byte === start[i])) return "";
  const plain = await openedAccess(object, { fileKey, headerSize: header.length }, key);
  const hash = createHash("sha256");
  for await (const piece of readAhead(plain, 0, plain.size)) hash.update(piece);
  return hash.digest("hex");
}

async function stagedRow(
  { now }: Session,
  store: Store,
  { id, content, key, size, header }: StrandedUpload,
  info: ObjectInfo,
): Promise<Parameters<typeof markStaged>[1][number]> {
  const checksum = info.checksum ?? await streamChecksum(store.read(key));
  return {
    content,
    store: store.url,
    key,
    size,
    headerSize: header.length,
    checksum,
    time: now(),
    upload: id,
  };
}
