/**
 * SHA-256 on a thread of its own. WebCrypto would do it on the runtime's threads, but copies all that it is
 * given into memory that is new each time, which takes this thread longer than hashing it would; here, a
 * buffer goes over and comes back.
 */

import { Worker } from "node:worker_threads";
import type { Bytes } from "./bytes.ts";
import { messageOf } from "./errors.ts";
import type { HashAnswer, HashRequest } from "./hash-worker.ts";

/** Who waits for an answer. */
interface Waiting {
  resolve(answer: HashAnswer): void;
  reject(error: unknown): void;
}

/** The thread, started when there is first something to hash. It does not keep the program running. */
class HashThread {
  #worker: Worker | undefined;
  readonly #waiting: Waiting[] = [];

  ask(request: HashRequest): Promise<HashAnswer> {
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      worker.postMessage(request, request.kind === "update" ? [request.buffer] : []);
      if (this.#waiting.push({ resolve, reject }) === 1) worker.ref();
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./hash-worker.ts", import.meta.url));
    worker.on("message", (answer: HashAnswer) => this.#next(worker)?.resolve(answer));
    worker.on("error", (error) => this.#fail(messageOf(error)));
    worker.on("exit", () => this.#fail("it ended"));
    return worker;
  }

  /** Without the code of a cause, which would look like a fault of the file. */
  #fail(why: string): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the hash thread failed: ${why}`));
  }

  /** Answers come in the order of the requests. */
  #next(worker: Worker): Waiting | undefined {
    const next = this.#waiting.shift();
    if (this.#waiting.length === 0) worker.unref();
    return next;
  }
}

const thread = new HashThread();
let hashes = 0;

/** One SHA-256, of bytes that come in pieces. */
export class ThreadHash {
  readonly #id = hashes++;

  /**
   * Adds bytes. Their whole buffer is on the other thread meanwhile, and empty here.
   *
   * @returns the same bytes, in a buffer that is the only one to be used from then on
   */
  async update({ buffer, byteOffset, length }: Bytes): Promise<Bytes> {
    const back = await thread.ask({ kind: "update", hash: this.#id, buffer, offset: byteOffset, length });
    if (typeof back === "string") throw new TypeError("the hash thread gave no buffer back");
    return new Uint8Array(back, byteOffset, length);
  }

  /** The SHA-256 in lower-case hex. Also for a hash that is given up, which would stay in memory. */
  async digest(): Promise<string> {
    const sha256 = await thread.ask({ kind: "digest", hash: this.#id });
    if (typeof sha256 !== "string") throw new TypeError("the hash thread gave no hash");
    return sha256;
  }
}
