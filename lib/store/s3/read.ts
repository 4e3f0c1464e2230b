/** Reading an object or a range of it, with the length checked. */

import type { Bytes } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import type { ByteRange } from "../store.ts";
import { assertObject } from "./info.ts";
import type { OpenAnswer, S3Client } from "./client.ts";

/**
 * The bytes of an object, or of a range of it of at least one byte.
 *
 * @param key in the bucket
 * @throws StoreError `damaged` when the object does not have the bytes asked for
 */
export async function* readObject(client: S3Client, key: string, range?: ByteRange): AsyncGenerator<Bytes> {
  const headers = range === undefined
    ? {}
    : { range: `bytes=${range.offset}-${range.offset + range.length - 1}` };
  const answer = await client.open({ operation: "GetObject", method: "GET", key, headers });
  let left = range?.length ?? announced(answer);
  try {
    assertObject(key, answer.headers);
    if (range !== undefined) assertRange(key, answer, range);
    for await (const chunk of answer.body) {
      if (left !== undefined && chunk.length > left) throw wrongLength(key, "sent more than was asked for");
      if (left !== undefined) left -= chunk.length;
      yield chunk;
    }
  } finally {
    await answer.body[Symbol.asyncIterator]().return?.();
  }
  // The headers promised more, so the line was cut: what is stored may well be whole.
  if (left !== undefined && left > 0) {
    throw new StoreError("store-unreachable", `the connection ended ${left} bytes before the end of ${key}`, {
      transient: true,
    });
  }
}

function announced(answer: OpenAnswer): number | undefined {
  const text = answer.headers.get("content-length");
  return text === null ? undefined : Number(text);
}

/** The server must say that it sends exactly this range (RFC 9110, section 14.4). */
function assertRange(key: string, answer: OpenAnswer, range: ByteRange): void {
  if (answer.status !== 206) {
    // A server that passes over Range is only right when the range is the whole object.
    if (range.offset === 0 && announced(answer) === range.length) return;
    throw new StoreError("store-protocol", `the store sent all of ${key} where a range was asked for`);
  }
  const said = answer.headers.get("content-range") ?? "";
  const [, first, last] = /^bytes ([0-9]+)-([0-9]+)\//.exec(said) ?? [];
  if (Number(first) !== range.offset || last === undefined) {
    throw new StoreError("store-protocol", `the store sent another range of ${key} than was asked for`);
  }
  if (Number(last) !== range.offset + range.length - 1) {
    throw wrongLength(key, `ends at ${Number(last) + 1}, before the end of the range asked for`);
  }
}

function wrongLength(key: string, what: string): StoreError {
  return new StoreError("damaged", `${key}: ${what}`);
}
