/**
 * Google's resumable upload protocol: bytes in order, and a session that says how many it has.
 * https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable
 */

import type { Bytes } from "../../bytes.ts";
import { StoreError } from "../../errors.ts";
import type { DriveApi } from "./api.ts";
import { isStatus } from "./refusals.ts";

/** Every request of a session but the last must end at a multiple of this, in bytes. */
export const QUANTUM = 256 * 1024;

/** How far a session is: bytes it has kept, all of them, or the session is forgotten. */
export type Progress =
  | { readonly kind: "partial"; readonly kept: number }
  | { readonly kind: "whole" }
  | { readonly kind: "gone" };

/** Asks a session how far it is. */
export async function askProgress(api: DriveApi, session: string, size: number): Promise<Progress> {
  return await put(api, session, `bytes */${size}`, undefined);
}

/** Sends bytes from `offset`; the session may keep fewer than it is sent. */
export async function sendBytes(
  api: DriveApi,
  session: string,
  offset: number,
  bytes: Bytes,
  size: number,
): Promise<Progress> {
  return await put(api, session, `bytes ${offset}-${offset + bytes.length - 1}/${size}`, bytes);
}

/** Ends a session, so that Google need not keep its bytes for a week. Google answers 499 to say that it did. */
export async function cancelSession(api: DriveApi, session: string): Promise<void> {
  const what = "cannot end an upload to Drive";
  await api.discard(await api.send({ method: "DELETE", path: session, what, accept: [404, 410, 499] }));
}

async function put(
  api: DriveApi,
  session: string,
  range: string,
  body: Bytes | undefined,
): Promise<Progress> {
  const what = "cannot upload to Drive";
  try {
    const headers = { "content-range": range };
    const response = await api.send({
      method: "PUT",
      path: session,
      headers,
      body: body ?? "",
      what,
      accept: [308],
    });
    await api.discard(response);
    if (response.status !== 308) return { kind: "whole" };
    return { kind: "partial", kept: keptBytes(response.headers.get("range"), what) };
  } catch (error) {
    // A refused upload may also show as 404 on the file itself; either way this session leads nowhere.
    if (isStatus(error, 404, 410)) return { kind: "gone" };
    throw error;
  }
}

/** The Range of a 308 names what is kept, from 0; without one, nothing is. */
function keptBytes(range: string | null, what: string): number {
  if (range === null) return 0;
  const last = /^bytes=0-(\d+)$/.exec(range)?.[1];
  if (last === undefined) throw new StoreError("store-protocol", `${what}: an unknown Range, ${range}`);
  return Number(last) + 1;
}
