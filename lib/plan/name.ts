/** Names of volumes: `<oldest day>--<newest day>--<8 hex>`, days in UTC. */

import { createHash } from "node:crypto";

/**
 * A volume's name. The hex digits come from the archive, the box and every file in it, so two volumes
 * over the same days, or of two boxes in one bucket, never share a name.
 *
 * @param files in image order
 * @param salt raised when a name is taken all the same
 */
export function volumeName(
  owner: { readonly archive: string; readonly box: string },
  files: readonly { readonly path: string; readonly sha256: string; readonly mtime: number }[],
  salt: number,
): string {
  const hash = createHash("sha256").update(JSON.stringify([owner.archive, owner.box, salt]));
  let oldest = Infinity;
  let newest = -Infinity;
  for (const { path, sha256, mtime } of files) {
    hash.update(JSON.stringify([path, sha256]));
    oldest = Math.min(oldest, mtime);
    newest = Math.max(newest, mtime);
  }
  return `${day(oldest)}--${day(newest)}--${hash.digest("hex").slice(0, 8)}`;
}

/** The ISO volume id of a name: the same in the characters that ISO 9660 allows (8.1: 32 d-characters). */
export function volumeId(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9_]/g, "_").slice(0, 32);
}

const FIRST_DAY = Date.parse("0001-01-01T00:00:00Z");
const LAST_DAY = Date.parse("9999-12-31T00:00:00Z");

/** A day as YYYY-MM-DD; years of other lengths, which only a broken clock makes, are pulled in. */
function day(ms: number): string {
  const bounded = Math.min(Math.max(ms, FIRST_DAY), LAST_DAY);
  return new Date(bounded).toISOString().slice(0, 10);
}
