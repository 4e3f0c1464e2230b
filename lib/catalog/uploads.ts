/**
 * Objects on their way. A row is written before the first byte leaves and goes when the object is
 * confirmed; it holds the file key, so that after a crash the very same bytes can be made again.
 */

import type { Bytes } from "../bytes.ts";
import type { Database, RowReader, Statement } from "./database.ts";

/** A part that the store confirmed; the shape of a store's receipt. */
export interface ConfirmedPart {
  readonly index: number;
  readonly size: number;
  readonly sha256: string;
  readonly tag: string;
}

/** What is decided before an object is sent. */
export interface NewUpload {
  readonly box: string;
  readonly store: string;
  readonly key: string;
  /** Bytes of the object. */
  readonly size: number;
  /** The age header; empty in a plain store. */
  readonly header: Bytes;
  /** 16 bytes, used for this object only; empty in a plain store. */
  readonly fileKey: Bytes;
  /** 16 bytes of the payload's nonce; empty in a plain store. */
  readonly nonce: Bytes;
  readonly started: number;
}

/** A row of `uploads`. */
export interface PendingUpload extends NewUpload {
  readonly id: number;
  readonly volume: number | undefined;
  readonly content: number | undefined;
  /** Where the content goes in a mirror; undefined for staging. */
  readonly path: string | undefined;
  /** The store's token and part size, once the upload was begun there. */
  readonly begun: { readonly token: string; readonly partSize: number } | undefined;
}

const COLUMNS =
  "id, box, store, key, volume, content, path, size, header, file_key, nonce, token, part_size, started";

function parse(row: RowReader): PendingUpload {
  const token = row.optionalText("token");
  const partSize = row.optionalInt("part_size");
  return {
    id: row.int("id"),
    box: row.text("box"),
    store: row.text("store"),
    key: row.text("key"),
    volume: row.optionalInt("volume"),
    content: row.optionalInt("content"),
    path: row.optionalText("path"),
    size: row.int("size"),
    header: row.blob("header"),
    fileKey: row.blob("file_key"),
    nonce: row.blob("nonce"),
    started: row.int("started"),
    begun: token === undefined || partSize === undefined ? undefined : { token, partSize },
  };
}

/**
 * The statement that writes an upload down: of a volume (by name) or of a content (by id), which goes to
 * staging unless it has a path in a mirror.
 */
export function startUpload(
  upload: NewUpload,
  of: { volume: string } | { content: number; path?: string },
): Statement {
  const volume = "volume" in of ? of.volume : null;
  const content = "content" in of ? of.content : null;
  return {
    sql: `INSERT INTO uploads (box, store, key, volume, content, path, size, header, file_key, nonce, started)
          VALUES (?, ?, ?, (SELECT id FROM volumes WHERE name = ?), ?, ?, ?, ?, ?, ?, ?)`,
    args: [
      upload.box,
      upload.store,
      upload.key,
      volume,
      content,
      "path" in of ? of.path : null,
      upload.size,
      upload.header,
      upload.fileKey,
      upload.nonce,
      upload.started,
    ],
  };
}

/** Writes down the upload of a volume that is packed as a file. */
export async function startFileUpload(db: Database, volume: string, upload: NewUpload): Promise<void> {
  await db.write([startUpload(upload, { volume })]);
}

/**
 * Notes where the store keeps the upload, before any part is sent. What the parts were stays known: the
 * file key must not meet other bytes in this attempt than in the one before.
 */
export async function noteBegun(db: Database, id: number, token: string, partSize: number): Promise<void> {
  await db.write([
    { sql: "UPDATE upload_parts SET tag = NULL WHERE upload = ?", args: [id] },
    { sql: "UPDATE uploads SET token = ?, part_size = ? WHERE id = ?", args: [token, partSize, id] },
  ]);
}

/** Notes what a part is, before it is sent for the first time. */
export async function noteMade(db: Database, id: number, part: Omit<ConfirmedPart, "tag">): Promise<void> {
  await db.write([{
    sql: `INSERT INTO upload_parts (upload, part, size, sha256) VALUES (?, ?, ?, ?)`,
    args: [id, part.index, part.size, part.sha256],
  }]);
}

/** Notes that the store has confirmed a part. */
export async function notePart(db: Database, id: number, part: ConfirmedPart): Promise<void> {
  await db.write([{
    sql: "UPDATE upload_parts SET tag = ? WHERE upload = ? AND part = ? AND sha256 = ?",
    args: [part.tag, id, part.index, part.sha256],
  }]);
}

/** The SHA-256, in hex, of every part that was ever sent, confirmed or not, by its index. */
export async function madeParts(db: Database, id: number): Promise<Map<number, string>> {
  const rows = await db.all(
    "SELECT part, sha256 FROM upload_parts WHERE upload = ?",
    [id],
    (row) => [row.int("part"), row.text("sha256")] as const,
  );
  return new Map(rows);
}

/** The confirmed parts of an upload, in order. */
export function confirmedParts(db: Database, id: number): Promise<ConfirmedPart[]> {
  return db.all(
    "SELECT part, size, sha256, tag FROM upload_parts WHERE upload = ? AND tag IS NOT NULL ORDER BY part",
    [id],
    (row) => ({
      index: row.int("part"),
      size: row.int("size"),
      sha256: row.text("sha256"),
      tag: row.text("tag"),
    }),
  );
}

/** Uploads of this box that are not finished, oldest first. */
export function pendingUploads(db: Database, box: string): Promise<PendingUpload[]> {
  return db.all(`SELECT ${COLUMNS} FROM uploads WHERE box = ? ORDER BY id`, [box], parse);
}

/** Unfinished uploads to a staging store, of every box that shares the catalog, oldest first. */
export function stagingUploads(db: Database, store: string): Promise<PendingUpload[]> {
  return db.all(
    `SELECT ${COLUMNS} FROM uploads WHERE store = ? AND content IS NOT NULL AND path IS NULL ORDER BY id`,
    [store],
    parse,
  );
}

/** Uploads of every box that shares the catalog, oldest first. */
export function allUploads(db: Database): Promise<PendingUpload[]> {
  return db.all(`SELECT ${COLUMNS} FROM uploads ORDER BY id`, [], parse);
}

/** Which of these object keys the catalog knows to be stored: volumes, staged contents, mirrored files. */
export async function storedKeys(db: Database, keys: readonly string[]): Promise<Set<string>> {
  const found = await db.all(
    `SELECT value AS key FROM json_each(?) WHERE value IN (SELECT key FROM volumes WHERE state = 'stored')
        OR value IN (SELECT key FROM staged) OR value IN (SELECT key FROM mirrored)`,
    [JSON.stringify(keys)],
    (row) => row.text("key"),
  );
  return new Set(found);
}

/** Uploads of this box to staging whose contents are in a stored volume by now. */
export function needlessUploads(db: Database, box: string): Promise<PendingUpload[]> {
  return db.all(
    `SELECT ${COLUMNS} FROM uploads
      WHERE box = ? AND path IS NULL AND content IN (SELECT id FROM contents WHERE volume IS NOT NULL) ORDER BY id`,
    [box],
    parse,
  );
}

/** An upload to staging, and what its object holds. */
export interface StrandedUpload extends PendingUpload {
  readonly content: number;
  readonly sha256: string;
}

/**
 * Uploads of this box to staging whose contents no file of it holds any more, so that their bytes cannot be
 * made again. Those that are needless are not among them.
 */
export function strandedUploads(db: Database, box: string, store: string): Promise<StrandedUpload[]> {
  return db.all(
    `SELECT ${COLUMNS}, (SELECT sha256 FROM contents c WHERE c.id = uploads.content) AS sha256 FROM uploads
      WHERE box = ?1 AND store = ?2 AND path IS NULL
        AND content IN (SELECT id FROM contents WHERE volume IS NULL)
        AND NOT EXISTS (SELECT 1 FROM versions v JOIN sources s ON s.id = v.source
                         WHERE v.content = uploads.content AND v.ended IS NULL AND s.box = ?1)
      ORDER BY id`,
    [box, store],
    (row) => ({ ...parse(row), content: row.int("content"), sha256: row.text("sha256") }),
  );
}

/** An upload as it stands now, or undefined when it is finished or forgotten. */
export function findUpload(db: Database, id: number): Promise<PendingUpload | undefined> {
  return db.first(`SELECT ${COLUMNS} FROM uploads WHERE id = ?`, [id], parse);
}

/** The upload of a planned volume. */
export function uploadOfVolume(db: Database, volume: number): Promise<PendingUpload | undefined> {
  return db.first(`SELECT ${COLUMNS} FROM uploads WHERE volume = ?`, [volume], parse);
}

/** The statements that forget an upload and erase its file key. */
export function forgetUpload(id: number): Statement[] {
  return [
    { sql: "DELETE FROM upload_parts WHERE upload = ?", args: [id] },
    { sql: "DELETE FROM uploads WHERE id = ?", args: [id] },
  ];
}

/** Forgets the upload of a volume, which stays what it was. */
export async function forgetFileUpload(db: Database, volume: number): Promise<void> {
  await db.write(forgetUploadsOf(volume));
}

/** The statements that forget the uploads of a volume. */
export function forgetUploadsOf(volume: number): Statement[] {
  return [
    {
      sql: "DELETE FROM upload_parts WHERE upload IN (SELECT id FROM uploads WHERE volume = ?)",
      args: [volume],
    },
    { sql: "DELETE FROM uploads WHERE volume = ?", args: [volume] },
  ];
}
