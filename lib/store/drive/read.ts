/** Reading a file of Drive, or a range of it, to the last byte. */

import type { Bytes } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import type { ByteRange } from "../store.ts";
import type { DriveApi } from "./api.ts";
import { download, type DriveFile } from "./files.ts";

/**
 * The bytes of a file, as they arrive.
 *
 * @throws StoreError `object-missing`; `damaged` when there are fewer or more than were asked for
 */
export async function* readFile(
  api: DriveApi,
  file: DriveFile,
  key: string,
  range: ByteRange = { offset: 0, length: file.size },
): AsyncGenerator<Bytes> {
  const { offset, length } = range;
  if (offset + length > file.size) {
    throw new StoreError("damaged", `${key} has ${file.size} bytes, fewer than ${offset + length}`);
  }
  if (length === 0) return;
  const what = `cannot read ${key}`;
  const response = await download(api, file.id, range, what);
  const isPart = response.status === 206 && startOf(response) === offset;
  if (!isPart && !(response.status === 200 && length === file.size)) {
    await response.body?.cancel();
    throw new StoreError("store-protocol", `${what}: Drive sent another range than was asked for`);
  }
  let received = 0;
  for await (const chunk of chunksOf(api, response, what)) {
    received += chunk.length;
    if (received > length) throw new StoreError("damaged", `${what}: Drive sent more than ${length} bytes`);
    yield chunk;
  }
  if (received < length) {
    // The same request may well bring the rest: a connection that closes early looks like this too.
    throw new StoreError("damaged", `${what}: Drive sent ${received} of ${length} bytes`, {
      transient: true,
    });
  }
}

function startOf(response: Response): number | undefined {
  const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
  return start === undefined ? undefined : Number(start);
}

/** The body, whose errors are given a meaning; a reader that stops early lets the connection go. */
async function* chunksOf(api: DriveApi, response: Response, what: string): AsyncGenerator<Bytes> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await api.arriving(reader.read(), what);
      if (done) return;
      yield value;
    }
  } finally {
    // Not waited for: a connection that stalled may not end either.
    reader.cancel().catch(() => {});
  }
}
