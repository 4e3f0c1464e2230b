/** Objects that are encrypted on their way to a store. */

import { type Envelope, newEnvelope } from "../age/header.ts";
import { AgeWriter } from "../age/writer.ts";
import type { Store } from "../store/store.ts";
import { NO_LEDGER } from "./ledger.ts";
import { inMemory, type Plaintext } from "./plaintext.ts";
import { type ObjectMaker, sendObject, type SentObject } from "./send.ts";
import type { Session } from "./session.ts";

/** The object of an upload: its plaintext encrypted with the envelope that was written down for it. */
export async function encrypted(
  upload: Envelope & { readonly key: string },
  plain: Plaintext,
): Promise<ObjectMaker> {
  const writer = await AgeWriter.open(upload, plain, upload.key);
  return {
    size: writer.size,
    part: (offset, length, buffer) => writer.part(offset, length, buffer),
    bufferSize: (length) => writer.bufferSize(length),
    unprovenFrom(end) {
      const plainEnd = writer.plainBefore(end);
      const from = plain.unprovenFrom(plainEnd);
      return from < plainEnd ? writer.offsetOf(from) : end;
    },
    prove: () => plain.settle(),
  };
}

/** Encrypts bytes in memory for today's recipients and stores them. */
export async function sendBytes(
  session: Session,
  store: Store,
  key: string,
  bytes: Uint8Array,
  kind: "manifest" | "snapshot" | "mirror",
): Promise<SentObject> {
  const maker = await encrypted({ ...await newEnvelope(session.home.recipients), key }, inMemory(bytes));
  return await sendObject(store, key, maker, NO_LEDGER, { kind, signal: session.signal });
}
