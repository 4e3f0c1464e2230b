/**
 * Whether the object under a key has the bytes we sent: asked after a refusal to overwrite, which may come
 * of an earlier attempt of ours whose answer was lost.
 */

import { createHash } from "node:crypto";
import type { Bytes } from "../../bytes.ts";
import { agree, sha256Hex } from "../checksum.ts";
import type { ObjectInfo, PartReceipt } from "../store.ts";
import { checksumLike, partsChecksumLike } from "./check.ts";

/** What an object must be to be ours. */
export interface Expected {
  /** Bytes. */
  readonly size: number;
  /** Its checksum in the form of one the store gave; undefined when that form cannot be made. */
  readonly like: (theirs: string) => Promise<string | undefined>;
  /** Stretches of it in order, with their SHA-256s in hex: what reading it back is compared with. */
  readonly pieces: readonly { readonly size: number; readonly sha256: string }[];
}

/** An object written in one step. */
export function expectBody(body: Bytes): Expected {
  return {
    size: body.length,
    like: (theirs) => checksumLike(theirs, body),
    pieces: [{ size: body.length, sha256: sha256Hex(body) }],
  };
}

/** An object sent in parts. */
export function expectParts(receipts: readonly PartReceipt[], size: number, partSize: number): Expected {
  return {
    size,
    like: (theirs) => Promise.resolve(partsChecksumLike(theirs, receipts, partSize)),
    pieces: receipts,
  };
}

/**
 * Compares what a HEAD tells: undefined when it proves nothing either way. An MD5 that differs proves
 * nothing, since it comes from the ETag, which need not be one.
 */
export async function agrees(found: ObjectInfo, expected: Expected): Promise<boolean | undefined> {
  if (found.size !== expected.size) return false;
  const theirs = found.checksum;
  const verdict = theirs === undefined ? undefined : agree(theirs, await expected.like(theirs));
  return verdict === false && theirs?.startsWith("md5") ? undefined : verdict;
}

/** Compares the bytes themselves: the last resort, for a server that keeps no checksum of ours. */
export async function bytesAgree(stream: AsyncIterable<Uint8Array>, expected: Expected): Promise<boolean> {
  const pieces = [...expected.pieces];
  let piece = pieces.shift();
  let hash = createHash("sha256");
  let left = piece?.size ?? 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) {
      const take = chunk.subarray(at, at + left);
      hash.update(take);
      at += take.length;
      left -= take.length;
      if (left > 0) continue;
      if (piece === undefined || hash.digest("hex") !== piece.sha256) return false;
      piece = pieces.shift();
      hash = createHash("sha256");
      left = piece?.size ?? 0;
      if (piece === undefined && at < chunk.length) return false;
    }
  }
  return piece === undefined || (piece.size === 0 && expected.size === 0);
}
