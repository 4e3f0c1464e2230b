/** What a run of a mirror asks before it stores, and what it writes down. */

import type { Database, Statement } from "./database.ts";
import type { NewMirrored } from "./mirrors.ts";
import { pagesAfter } from "./pages.ts";
import { forgetUpload, type NewUpload, type PendingUpload, pendingUploads, startUpload } from "./uploads.ts";

/** Rows read at once: what a run holds of a source of any size. */
const PAGE = 250;

/** A current file of a source, and how a mirror stands to it. */
export interface MirrorFile {
  /** Below the source. */
  readonly below: string;
  readonly content: number;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly mtime: number;
  readonly mode: number;
  /** The object that holds it. */
  readonly object: number | undefined;
  /** Whether that object is the last word of its path: same time, and nothing newer beside it. */
  readonly told: boolean;
}

const FILE_COLUMNS = {
  below: "v.path",
  content: "v.content",
  sha256: "c.sha256",
  size: "c.size",
  mtime: "v.mtime",
  mode: "v.mode",
  object: "max(m.id)",
  told: `coalesce(m.mtime = v.mtime AND NOT EXISTS
    (SELECT 1 FROM mirrored n WHERE n.store = m.store AND n.path = m.path AND n.current > m.current), 0)`,
};

/**
 * The current files of a source by path, page by page, and which of them a mirror holds.
 *
 * @param prefix what their paths begin with in the mirror: "" or "folder/"
 */
export async function* filesForMirror(
  db: Database,
  source: number,
  mirror: { readonly store: string; readonly prefix: string; readonly encrypted: boolean },
): AsyncGenerator<MirrorFile[]> {
  yield* pagesAfter("", PAGE, (after) =>
    db.page(
      FILE_COLUMNS,
      `FROM versions v JOIN contents c ON c.id = v.content
         LEFT JOIN mirrored m ON m.store = ? AND m.path = ? || v.path AND m.content = v.content
                             AND m.encrypted = ? AND m.missing IS NULL
        WHERE v.source = ? AND v.ended IS NULL AND v.path > ?
        GROUP BY v.path ORDER BY v.path LIMIT ${PAGE}`,
      [mirror.store, mirror.prefix, mirror.encrypted ? 1 : 0, source, after],
      (row) => ({
        below: row.text("below"),
        content: row.int("content"),
        sha256: row.text("sha256"),
        size: row.int("size"),
        mtime: row.int("mtime"),
        mode: row.int("mode"),
        object: row.optionalInt("object"),
        told: row.int("told") === 1,
      }),
    ), (last) => last.below);
}

/** Says that an object holds what its file is now, with this time: an index object will tell. */
export async function noteCurrent(
  db: Database,
  objects: readonly { readonly id: number; readonly mtime: number; readonly mode: number }[],
  at: number,
): Promise<void> {
  await db.write(objects.map(({ id, mtime, mode }) => ({
    sql: `UPDATE mirrored SET mtime = ?, mode = ?, indexed = NULL,
            current = (SELECT max(?, max(o.current) + 1) FROM mirrored o
                        WHERE o.store = mirrored.store AND o.path = mirrored.path)
          WHERE id = ?`,
    args: [mtime, mode, at, id],
  })));
}

/** A key as a disk sees it that tells neither upper from lower case nor é in one from é in two characters. */
export function foldedKey(key: string): string {
  return key.normalize("NFC").toLowerCase();
}

/**
 * Which of these keys cannot be written in a mirror any more: a disk that does not tell A from a would find
 * another object there. A lost object leaves its key free.
 *
 * @returns the taken ones, folded
 */
export async function takenKeys(db: Database, store: string, keys: readonly string[]): Promise<Set<string>> {
  const wanted = new Set(keys);
  const found = await db.all(
    `SELECT folded, key, missing IS NOT NULL AS lost FROM mirrored
      WHERE store = ? AND folded IN (SELECT value FROM json_each(?))`,
    [store, JSON.stringify(keys.map(foldedKey))],
    (row) => ({
      folded: row.text("folded"),
      isFree: row.int("lost") === 1 && wanted.has(row.text("key")),
    }),
  );
  return new Set(found.flatMap(({ folded, isFree }) => isFree ? [] : [folded]));
}

/** The uploads of this box to a mirror that are not finished. */
export async function pendingMirrorUploads(
  db: Database,
  box: string,
  store: string,
): Promise<(PendingUpload & { readonly content: number; readonly path: string })[]> {
  const all = await pendingUploads(db, box);
  return all.flatMap((upload) => {
    const { content, path } = upload;
    return upload.store !== store || content === undefined || path === undefined
      ? []
      : [{ ...upload, content, path }];
  });
}

/** Writes down several uploads of files to a mirror, as one transaction. */
export async function startMirroring(
  db: Database,
  uploads: readonly (NewUpload & { readonly content: number; readonly path: string })[],
): Promise<void> {
  await db.write(uploads.map((upload) => startUpload(upload, upload)));
}

/** Notes objects that the store has confirmed and ends their uploads, as one transaction. */
export async function markMirrored(
  db: Database,
  objects: readonly (NewMirrored & { readonly upload: number | undefined })[],
): Promise<void> {
  await db.write(objects.flatMap(({ upload, ...object }) => [
    addMirrored(object),
    ...(upload === undefined ? [] : forgetUpload(upload)),
  ]));
}

/**
 * An object that was lost and is stored again takes the row it had. The latest version of a path is so by its
 * `current`, also where the clock went back (a Pi has none of its own).
 */
function addMirrored(object: NewMirrored): Statement {
  return {
    sql: `INSERT INTO mirrored (store, key, folded, path, content, mtime, mode, encrypted, size, header_size,
                                checksum, current, stored)
          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                  max(?12, (SELECT coalesce(max(o.current) + 1, 0) FROM mirrored o WHERE o.store = ?1 AND o.path = ?4)),
                  ?13)
          ON CONFLICT (store, key) DO UPDATE SET
            path = excluded.path, content = excluded.content, mtime = excluded.mtime, mode = excluded.mode,
            encrypted = excluded.encrypted, size = excluded.size, header_size = excluded.header_size,
            checksum = excluded.checksum, current = excluded.current, stored = excluded.stored,
            indexed = NULL, missing = NULL`,
    args: [
      object.store,
      object.key,
      foldedKey(object.key),
      object.path,
      object.content,
      object.mtime,
      object.mode,
      object.encrypted ? 1 : 0,
      object.size,
      object.headerSize,
      object.checksum,
      object.current,
      object.stored,
    ],
  };
}
