/**
 * A snapshot: the catalog, compressed and encrypted, in a store. Whoever has the key can rebuild a home
 * from it. What is secret to this box (file keys of unfinished uploads) is left out.
 */

import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { newEnvelope } from "../age/header.ts";
import { copyCatalog } from "../catalog/copy.ts";
import { latestSnapshot, noteSnapshot } from "../catalog/runs.ts";
import { hasCode } from "../errors.ts";
import { makeFolder, makePrivateFile } from "../files.ts";
import type { Store } from "../store/store.ts";
import { encrypted } from "./encrypted.ts";
import { openFileAccess } from "./image/file-access.ts";
import { NO_LEDGER } from "./ledger.ts";
import { snapshotKey } from "./object-keys.ts";
import { sendObject } from "./send.ts";
import type { Session } from "./session.ts";

/** Bytes that go through compression at once: pieces of the usual 16 KB take longer to hand on than to compress. */
const PIECE = 1024 * 1024;
/** A catalog is hashes for the most part: level 6 takes half as long again, for 3 % less. */
const LEVEL = 3;

/** Takes a snapshot and stores it; the key of the object. */
export async function storeSnapshot(session: Session, store: Store): Promise<string> {
  const scratch = join(session.home.paths.scratch, `snapshot-${randomBytes(4).toString("hex")}`);
  const [copy, packed] = [`${scratch}.db`, `${scratch}.db.gz`];
  try {
    await makeFolder(session.home.paths.scratch, 0o700);
    await makePrivateFile(copy);
    await copyCatalog(session.db, copy);
    await pipeline(
      createReadStream(copy, { highWaterMark: PIECE }),
      createGzip({ level: LEVEL, chunkSize: PIECE }),
      createWriteStream(packed, { mode: 0o600, highWaterMark: PIECE }),
    );
    return await sendSnapshot(session, store, packed);
  } finally {
    for (const path of [copy, `${copy}-wal`, `${copy}-shm`, packed]) await rm(path, { force: true });
  }
}

/**
 * Stores a snapshot under the first free moment that is not before the newest one that is known: a recovery
 * takes the one with the latest name, clocks go back, and of two boxes that share a store both may take one in the same
 * millisecond.
 */
async function sendSnapshot(session: Session, store: Store, path: string): Promise<string> {
  const newest = await latestSnapshot(session.db);
  const now = session.now();
  for (let time = newest !== undefined && newest.time > now ? newest.time + 1 : now;; time++) {
    if (await store.head(snapshotKey(time)) !== undefined) continue;
    try {
      return await sendAt(session, store, path, time);
    } catch (error) {
      if (!hasCode(error, "object-exists")) throw error;
    }
  }
}

async function sendAt(session: Session, store: Store, path: string, time: number): Promise<string> {
  const key = snapshotKey(time);
  const file = await openFileAccess(path);
  try {
    const plain = {
      size: file.size,
      readAt: (offset: number, length: number) => file.readAt(offset, length),
      unprovenFrom: (end: number) => end,
      settle: () => Promise.resolve(),
    };
    const maker = await encrypted({ ...await newEnvelope(session.home.recipients), key }, plain);
    const sent = await sendObject(store, key, maker, NO_LEDGER, { kind: "snapshot", signal: session.signal });
    await noteSnapshot(session.db, { store: store.url, key, ...sent, time });
    return key;
  } finally {
    await file.close();
  }
}
