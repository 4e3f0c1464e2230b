/** Makes faults happen, and reads bodies that may end before they should. */

import type { IncomingMessage } from "node:http";
import { S3Error } from "./errors.ts";
import type { Fault } from "./faults.ts";
import type { Operation } from "./routes.ts";

/** The connection is gone: on purpose, or the client went away. There is nobody to answer. */
export class Lost extends Error {}

/** The calls that S3 may begin to answer with 200 before it knows how they end. */
const ANSWERED_EARLY: readonly Operation[] = ["CompleteMultipartUpload", "CopyObject"];

/** @throws S3Error for a made-up error, Lost when there will be no answer */
export async function applyFault(
  fault: Fault | undefined,
  when: "before" | "after",
  operation: Operation,
): Promise<void> {
  if (fault === undefined) return;
  if (fault.kind === "delay" && when === "before") {
    await new Promise((resolve) => setTimeout(resolve, fault.ms));
  }
  if (fault.kind === "error" && (fault.when ?? "before") === when) {
    throw new S3Error(fault.code, fault.status, `${fault.code} on demand of the test`, {}, fault.headers);
  }
  if (fault.kind === "error-in-200" && when === "before") {
    throw new S3Error(
      fault.code,
      ANSWERED_EARLY.includes(operation) ? 200 : 500,
      `${fault.code} on demand of the test`,
    );
  }
  if (fault.kind === "drop" && fault.when === when && fault.bodyBytes === undefined) throw new Lost("drop");
  if (fault.kind === "stall" && fault.when === when) throw new Lost("stall");
}

/** The body of a request, read once, and cut short where a fault says so. */
export class BodyReader implements AsyncIterable<Uint8Array> {
  cutAfter = Infinity;
  readonly #req: IncomingMessage;
  #begun = false;

  constructor(req: IncomingMessage) {
    this.#req = req;
  }

  /** @throws Lost when the connection ends before the body does */
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    this.#begun = true;
    let size = 0;
    try {
      for await (const piece of this.#req) {
        size += piece.length;
        if (size >= this.cutAfter) throw new Lost("cut");
        yield piece;
      }
    } catch (error) {
      throw error instanceof Lost ? error : new Lost("client", { cause: error });
    }
  }

  /** Reads and forgets what is left: who is still sending does not read the answer. */
  async drain(): Promise<void> {
    if (this.#begun) return;
    for await (const _piece of this);
  }
}
