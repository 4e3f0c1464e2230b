/** The newest snapshot that is whole, as a database. */

import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { Unlock } from "../../age/header.ts";
import { decryptStream } from "../../age/stream.ts";
import { integrityProblems, openCatalog } from "../../catalog/catalog.ts";
import { connect, type Database } from "../../catalog/database.ts";
import { ColdframeError, hasCode, messageOf, systemCode } from "../../errors.ts";
import { makePrivateFile } from "../../files.ts";
import { freshArchive } from "../init.ts";
import { type Problem, problemOf } from "./problems.ts";
import { type FoundObject, type ListedStore, objectsLike } from "./stores.ts";

/** A snapshot that was brought back. */
export interface RecoveredSnapshot {
  readonly db: Database;
  readonly store: string;
  readonly key: string;
  /** When it was taken, ms since 1970. */
  readonly time: number;
}

/** `catalog/<time>.db.gz.age`: names in the order of time. */
const SNAPSHOT = /^catalog\/(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.db\.gz\.age$/;

/**
 * Brings the newest good snapshot of all stores to a file. One that cannot be used is told, and the next
 * older one tried.
 *
 * @param path of the database to make; nothing is there
 * @returns undefined when there is none that can be used
 * @throws ColdframeError `catalog` for a snapshot from a newer coldframe; StoreError
 */
export async function newestSnapshot(
  stores: readonly ListedStore[],
  unlock: Unlock,
  path: string,
  onProblem: (problem: Problem) => void,
): Promise<RecoveredSnapshot | undefined> {
  for (const found of objectsLike(stores, SNAPSHOT).reverse()) {
    try {
      await unpack(found, unlock, path);
      const db = await openCatalog(path, freshArchive());
      return { db, store: found.store.url, key: found.info.key, time: timeOf(found.info.key) };
    } catch (error) {
      await removeDatabase(path);
      onProblem(problemOf(found, error));
    }
  }
  return undefined;
}

/** Removes a database with the files beside it. */
export async function removeDatabase(path: string): Promise<void> {
  for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]) await rm(file, { force: true });
}

async function unpack({ store, info: { key } }: FoundObject, unlock: Unlock, path: string): Promise<void> {
  await makePrivateFile(path);
  try {
    await pipeline(decryptStream(store.read(key), unlock, key), createGunzip(), createWriteStream(path));
  } catch (error) {
    throw systemCode(error)?.startsWith("Z_") === true ? damaged(key, messageOf(error), error) : error;
  }
  await assertSound(path, key);
}

async function assertSound(path: string, key: string): Promise<void> {
  const db = connect(path);
  try {
    const [first] = await integrityProblems(db);
    if (first !== undefined) throw damaged(key, first);
  } catch (error) {
    throw hasCode(error, "catalog") ? damaged(key, error.message, error) : error;
  } finally {
    db.close();
  }
}

function damaged(key: string, reason: string, cause?: unknown): ColdframeError {
  return new ColdframeError("damaged", `${key} holds no sound catalog: ${reason}`, { cause });
}

function timeOf(key: string): number {
  return Date.parse(key.replace(SNAPSHOT, "$1$2:$3:$4"));
}
