/** The index objects of a mirror: written after each run that stored something, read where there is no catalog. */

import { gunzipSync, gzipSync } from "node:zlib";
import type { Unlock } from "../../age/header.ts";
import { decryptStream } from "../../age/stream.ts";
import { collect, utf8 } from "../../bytes.ts";
import { type MirroredObject, noteIndexed, unindexed } from "../../catalog/mirrors.ts";
import { ColdframeError, hasCode, messageOf } from "../../errors.ts";
import { encodeIndex, MIRROR_FORMAT, parseIndex } from "../../plan/mirror-index.ts";
import type { Store } from "../../store/store.ts";
import type { MirrorEntry } from "../../types.ts";
import { sendBytes } from "../encrypted.ts";
import { NO_LEDGER } from "../ledger.ts";
import { mirrorIndexKey } from "../object-keys.ts";
import { asItIs, inMemory } from "../plaintext.ts";
import { sendObject } from "../send.ts";
import type { Session } from "../session.ts";

/** Files in one index object, about: it is made in memory. */
const FILES = 5_000;

/**
 * Stores indexes of all that no index names yet. A run that ends before leaves it to the next.
 *
 * @returns the keys of the objects
 */
export async function writeIndexes(session: Session, store: Store, encrypted: boolean): Promise<string[]> {
  const keys: string[] = [];
  let rows: MirroredObject[] = [];
  let after = 0;
  for (;;) {
    const page = await unindexed(session.db, store.url, after);
    rows.push(...page);
    after = page.at(-1)?.id ?? after;
    const isEnd = page.length === 0;
    if (rows.length >= FILES || (isEnd && rows.length > 0)) {
      keys.push(await writeIndex(session, store, rows, encrypted));
      rows = [];
    }
    if (isEnd) return keys;
  }
}

async function writeIndex(
  session: Session,
  store: Store,
  rows: readonly MirroredObject[],
  encrypted: boolean,
): Promise<string> {
  const header = {
    format: MIRROR_FORMAT,
    archive: session.archive.archive,
    box: session.home.box,
    created: new Date(session.now()).toISOString(),
    files: rows.length,
  } as const;
  const bytes = gzipSync(utf8(encodeIndex(header, rows.map(entryOf))));
  const key = await sendIndex(session, store, bytes, encrypted);
  await noteIndexed(session.db, rows.map(({ id }) => id), key);
  return key;
}

/** Under the first free moment: clocks go back, and several boxes may share a store. */
async function sendIndex(
  session: Session,
  store: Store,
  bytes: Uint8Array,
  encrypted: boolean,
): Promise<string> {
  for (let time = session.now();; time++) {
    const key = mirrorIndexKey(time, encrypted);
    try {
      if (encrypted) await sendBytes(session, store, key, bytes, "mirror");
      else {
        const options = { kind: "mirror", signal: session.signal } as const;
        await sendObject(store, key, asItIs(inMemory(bytes)), NO_LEDGER, options);
      }
      return key;
    } catch (error) {
      if (!hasCode(error, "object-exists")) throw error;
    }
  }
}

/** A row of the catalog as an index names it. */
export function entryOf(object: MirroredObject): MirrorEntry {
  const { path, key, encrypted, fileSize, mtime, mode, sha256, size, checksum, current, stored } = object;
  const file = { path, key, encrypted, size: fileSize, mtime, mode, sha256 };
  return { ...file, objectSize: size, checksum, current, stored };
}

/**
 * Reads an index object.
 *
 * @throws ColdframeError `damaged`, or what opening it throws
 */
export async function readIndex(
  store: Store,
  key: string,
  unlock: () => Promise<Unlock>,
): Promise<MirrorEntry[]> {
  const stored = store.read(key);
  const packed = await collect(key.endsWith(".age") ? decryptStream(stored, await unlock(), key) : stored);
  return parseIndex(new TextDecoder().decode(unpacked(packed, key)), key);
}

function unpacked(packed: Uint8Array, key: string): Uint8Array {
  try {
    return gunzipSync(packed);
  } catch (error) {
    throw new ColdframeError("damaged", `${key}: ${messageOf(error)}`, { cause: error });
  }
}
