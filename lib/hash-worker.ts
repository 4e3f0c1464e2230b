/** The thread of `hash-thread.ts`: hashes what it is sent, and sends it back. */

import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";

/** What the thread is asked, in order; each request has one answer. */
export type HashRequest =
  /** Adds bytes to a hash, which begins with its first ones. */
  | {
    readonly kind: "update";
    readonly hash: number;
    readonly buffer: ArrayBuffer;
    readonly offset: number;
    readonly length: number;
  }
  /** Ends a hash. */
  | { readonly kind: "digest"; readonly hash: number };

/** What it answers: the buffer of an update, the SHA-256 in hex of a hash that ended. */
export type HashAnswer = ArrayBuffer | string;

const hashes = new Map<number, Hash>();

parentPort?.on("message", (request: HashRequest) => {
  const hash = hashes.get(request.hash) ?? createHash("sha256");
  if (request.kind === "digest") {
    hashes.delete(request.hash);
    parentPort?.postMessage(hash.digest("hex"));
    return;
  }
  hashes.set(request.hash, hash);
  hash.update(new Uint8Array(request.buffer, request.offset, request.length));
  parentPort?.postMessage(request.buffer, [request.buffer]);
});
