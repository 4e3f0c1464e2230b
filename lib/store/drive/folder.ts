/** A store's folder on Drive: found once by its name and mark, then known by its id. */

import { StoreError } from "../../errors.ts";
import { sleep } from "../sleep.ts";
import type { DriveApi } from "./api.ts";
import { createEmpty, type DriveFile, generateIds, getFile, listFiles, trashFile } from "./files.ts";
import { folderMissing } from "./refusals.ts";
import { FOLDER_TYPE, folderNamed } from "./query.ts";
import type { DrivePlace } from "./url.ts";

/**
 * How long to wait before each further look for a folder that is there twice, in ms: another run that is
 * making it right now has one of the two to put away (`makeFolder`), and Drive's search lags behind.
 */
export const SETTLING: readonly number[] = [500, 2_000, 5_000];

/** How to look for a folder. */
export interface FolderOptions {
  /** Makes the folders that are missing; only for a user's first use. */
  readonly create: boolean;
  /** As `SETTLING`. */
  readonly settling: readonly number[];
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

/**
 * The id of the folder a store URL names.
 *
 * @throws StoreError `store-missing` when a folder is not there and `create` is false; `store-url` when two
 *   folders could be meant
 */
export async function findFolder(api: DriveApi, place: DrivePlace, options: FolderOptions): Promise<string> {
  let parent: string | undefined;
  for (const name of place.folders) {
    const found = onlyOne(await settledFolders(api, place, name, parent, options), name);
    if (found === undefined && !options.create) {
      throw folderMissing(`no folder “${name}” of coldframe's on Drive`);
    }
    parent = found?.id ?? await makeFolder(api, place, name, parent);
  }
  if (parent === undefined) throw new StoreError("store-url", "a Drive store needs the name of a folder");
  return parent;
}

/**
 * Makes sure that the folder is still there: what is in the bin lists as empty.
 *
 * @throws StoreError `store-missing`
 */
export async function assertThere(api: DriveApi, folderId: string): Promise<void> {
  const folder = await getFile(api, folderId);
  if (folder === undefined || folder.trashed) throw folderMissing();
}

/** The folders of a name, after others that were making one have had their time. */
async function settledFolders(
  api: DriveApi,
  place: DrivePlace,
  name: string,
  parent: string | undefined,
  { settling, signal }: FolderOptions,
): Promise<DriveFile[]> {
  let found = await foldersNamed(api, place, name, parent);
  for (const ms of settling) {
    if (found.length < 2) break;
    await sleep(ms, signal);
    found = await foldersNamed(api, place, name, parent);
  }
  return found;
}

async function foldersNamed(
  api: DriveApi,
  place: DrivePlace,
  name: string,
  parent: string | undefined,
): Promise<DriveFile[]> {
  const q = folderNamed(name, parent, place.driveId === undefined);
  const found: DriveFile[] = [];
  for await (const folder of listFiles(api, q, place.driveId)) {
    // Drive's search takes no notice of case.
    if (folder.name === name) found.push(folder);
  }
  return found.sort(byAge);
}

function onlyOne(found: readonly DriveFile[], name: string): DriveFile | undefined {
  if (found.length > 1) {
    throw new StoreError(
      "store-url",
      `${found.length} folders of coldframe's on Drive are called “${name}”`,
      {
        hint: "Rename those that are not meant, or put them into Drive's bin.",
      },
    );
  }
  return found[0];
}

/**
 * Drive lets two folders have one name, so two runs that both made one settle it here: the older stays. The
 * other goes to the bin, from where it can be restored, since a third run might have used it already.
 */
async function makeFolder(
  api: DriveApi,
  place: DrivePlace,
  name: string,
  parent: string | undefined,
): Promise<string> {
  const [id] = await generateIds(api, 1);
  if (id === undefined) throw new StoreError("store-protocol", "Drive gave no id for a folder");
  const made = {
    id,
    name,
    parents: [parent ?? place.driveId ?? "root"],
    mimeType: FOLDER_TYPE,
    appProperties: { coldframe: parent === undefined ? "top" : "sub" },
  };
  await createEmpty(api, made, `cannot make the folder “${name}” on Drive`);
  const [oldest] = await foldersNamed(api, place, name, parent);
  if (oldest === undefined || oldest.id === id) return id;
  await trashFile(api, id);
  return oldest.id;
}

/** The older first; of the same age, the smaller id: every run comes to the same order. */
export function byAge(a: DriveFile, b: DriveFile): number {
  return (a.created ?? 0) - (b.created ?? 0) || (a.id < b.id ? -1 : Number(a.id > b.id));
}
