/** What an upload that was begun left in its store. */

import { findUpload, type PendingUpload } from "../catalog/uploads.ts";
import { ColdframeError } from "../errors.ts";
import type { Store, UploadInfo } from "../store/store.ts";
import type { Session } from "./session.ts";

/** Removes what an upload left in its store; only warns when that fails. */
export async function abortBegun(session: Session, store: Store, id: number): Promise<void> {
  const upload = await findUpload(session.db, id);
  if (upload === undefined) return;
  try {
    for (const info of await begunUploads(store, upload)) await store.abortUpload(info);
  } catch (error) {
    if (!(error instanceof ColdframeError) || error.code === "interrupted") throw error;
    session.report.warn(`The unfinished upload of ${upload.key} could not be removed: ${error.message}`);
  }
}

/**
 * What an upload began in its store. A run that was killed before it heard of a beginning has not written it
 * down; it is found by its key, which belongs to one upload alone.
 */
async function begunUploads(store: Store, { key, size, begun }: PendingUpload): Promise<UploadInfo[]> {
  const known = begun === undefined ? [] : [{ key, token: begun.token, started: undefined }];
  if (begun === undefined && size <= store.maxPut) return []; // it goes in one step
  const found: UploadInfo[] = [];
  for await (const info of store.listUploads()) if (info.key === key) found.push(info);
  return [...known, ...found.filter(({ token }) => token !== begun?.token)];
}
