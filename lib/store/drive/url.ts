/** `gdrive:Folder/Sub` (My Drive) and `gdrive://DRIVE_ID/Folder` (a shared drive). */

import { StoreError } from "../../errors.ts";

/** A folder, as a user names it. */
export interface DrivePlace {
  /** The id of a shared drive; undefined for My Drive. */
  readonly driveId: string | undefined;
  /** Folder names from the top; at least one. */
  readonly folders: readonly string[];
}

/**
 * Parses a store URL. Folder names are taken as they are written, so blanks and accents need no escaping.
 *
 * @throws StoreError `store-url`
 */
export function parseDriveUrl(url: string): DrivePlace {
  const match = /^gdrive:(?:\/\/([^/]*)\/)?(.*)$/s.exec(url);
  const [, driveId, path = ""] = match ?? [];
  const folders = path.replace(/\/$/, "").split("/");
  const usable = match !== null && !folders.some((name) => ["", ".", ".."].includes(name));
  if (!usable || (driveId !== undefined && !/^[\w-]+$/.test(driveId))) {
    throw new StoreError("store-url", `not the address of a Drive folder: ${url}`, {
      hint: "Write gdrive:Folder, or gdrive://DRIVE_ID/Folder for a folder of a shared drive.",
    });
  }
  return { driveId, folders };
}
