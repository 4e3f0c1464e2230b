/** What objects are made of, and the objects that are just that. */

import type { Envelope } from "../age/header.ts";
import type { Bytes } from "../bytes.ts";
import type { ObjectMaker } from "./send.ts";

/** Bytes that can be read by range, and proven. */
export interface Plaintext {
  readonly size: number;
  readAt(offset: number, length: number, into?: Bytes): Promise<Bytes>;
  /** As in `VolumeReader`. */
  unprovenFrom(end: number): number;
  settle(): Promise<void>;
}

/** Of an object that is sent as it is. */
export const NO_ENVELOPE: Envelope = {
  header: new Uint8Array(0),
  fileKey: new Uint8Array(0),
  nonce: new Uint8Array(0),
};

/** The object that is its plaintext. */
export function asItIs(plain: Plaintext): ObjectMaker {
  return {
    size: plain.size,
    part: (offset, length, buffer) => plain.readAt(offset, length, buffer),
    bufferSize: (length) => length,
    unprovenFrom: (end) => plain.unprovenFrom(end),
    prove: () => plain.settle(),
  };
}

/** Bytes in memory as a plaintext. */
export function inMemory(bytes: Uint8Array): Plaintext {
  return {
    size: bytes.length,
    readAt: (offset, length) => Promise.resolve(new Uint8Array(bytes.subarray(offset, offset + length))),
    unprovenFrom: (end) => end,
    settle: () => Promise.resolve(),
  };
}
