/**
 * SHA-256 of many files, with every core and in constant memory.
 *
 * Several lanes take files from one stream. How a lane treats a file depends on its size, because each
 * way alone is slow somewhere: *small* files are read and hashed at once, since promises would cost more
 * than the work; *medium* ones are read whole without waiting and hashed by WebCrypto, whose digests run
 * on the runtime's thread pool; *large* ones pass through an incremental hash, chunk by chunk, the next
 * chunk being read meanwhile.
 */

import { availableParallelism } from "node:os";
import type { FoundFile, InodeTrust } from "./found.ts";
import { type Batches, Feed } from "./feed.ts";
import { Lane } from "./lane.ts";
import { Outbox } from "./outbox.ts";
import { Pace } from "../pace.ts";

/** What became of one file. */
export type HashResult =
  /** `content` is its SHA-256, lower-case hex; the file was as `file` says, before and after. */
  | { readonly kind: "hashed"; readonly file: FoundFile; readonly content: string }
  /** It is not, or did not stay, what the walk saw; the next run will take it. `what` is one clause. */
  | { readonly kind: "changed"; readonly file: FoundFile; readonly what: string }
  /** `reason` is one clause. */
  | { readonly kind: "unreadable"; readonly file: FoundFile; readonly reason: string }
  | { readonly kind: "gone"; readonly file: FoundFile };

/** How hashing may be told to behave. */
export interface HashOptions extends InodeTrust {
  readonly signal?: AbortSignal;
  /** Called with the bytes read since the last call, for progress. */
  readonly onBytes?: (bytes: number) => void;
  /** Files in flight, from 1 to 8; by default one more than there are cores. */
  readonly lanes?: number;
}

/** Bytes of buffers in all, shared out among the lanes; WebCrypto copies what it hashes, so as much again. */
const BUFFERS = 32 << 20;
/** Results given together, at most. */
const BATCH = 1000;

/**
 * Hashes files. Every file given comes back in exactly one result, in no promised order: results are
 * given as they come, so that a long film does not hold back what is hashed beside it.
 *
 * @param root absolute path that the paths of the files start from
 * @param files batches, as `walk` gives them
 * @throws the reason of `signal`, or what `files` throws, after the results that are already there; no
 *   file is open any more by then
 */
export async function* hashFiles(
  root: string,
  files: Batches<FoundFile>,
  options: HashOptions,
): AsyncGenerator<HashResult[]> {
  const count = options.lanes ?? Math.min(8, availableParallelism() + 1);
  const feed = new Feed(files);
  const outbox = new Outbox<HashResult>(BATCH);
  const lanes = Array.from({ length: count }, () => new Lane(root, options, Math.floor(BUFFERS / count)));
  const running = Promise.allSettled(lanes.map((lane) => work(lane, feed, outbox, options.signal)));
  const closing = running.then((ends) => {
    const failed = ends.find((end) => end.status === "rejected");
    outbox.close(failed === undefined ? undefined : { error: failed.reason });
  });
  try {
    yield* outbox.batches();
  } finally {
    outbox.discard();
    await feed.stop();
    await closing;
    for (const lane of lanes) lane.close();
  }
}

/** Takes files until there are none. The first lane that fails ends the feed for all. */
async function work(
  lane: Lane,
  feed: Feed<FoundFile>,
  outbox: Outbox<HashResult>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pace = new Pace(signal);
  try {
    for (let file = await feed.take(); file !== undefined; file = feed.takeNow() ?? await feed.take()) {
      outbox.put(lane.hashNow(file) ?? await lane.hash(file));
      if (outbox.full) await outbox.room();
      if (pace.due) await pace.rest();
    }
    signal?.throwIfAborted();
  } catch (error) {
    await feed.stop();
    throw error;
  }
}
