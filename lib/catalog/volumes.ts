/** Volumes: what is planned and what is stored. What is in them is in `volume-files.ts`. */

import { ColdframeError } from "../errors.ts";
import type { Database, RowReader, Statement } from "./database.ts";
import { type FolderRow, listFolders, unlistFolders } from "./folders.ts";
import { forgetUploadsOf, type NewUpload, startUpload } from "./uploads.ts";
import { insertFiles, type VolumeFile } from "./volume-files.ts";

/** How a volume that another tool stored is encrypted. */
export type ForeignCipher = "lomob";

/** What is decided about a volume before its first byte is made. */
export interface NewVolume {
  readonly name: string;
  readonly state: "planned" | "packed";
  readonly box: string;
  readonly store: string;
  readonly key: string;
  readonly created: number;
  readonly imageSize: number;
  readonly objectSize: number;
  readonly headerSize: number;
  /** How another tool encrypted it; undefined for age or none, as the key says. */
  readonly cipher?: ForeignCipher | undefined;
  readonly udf: boolean;
  readonly files: number;
  readonly oldest: number;
  readonly newest: number;
  /** Hex SHA-256 of the image file it was packed as, or is uploaded from; undefined for one that never was a file. */
  readonly fileSha256?: string | undefined;
}

/** A row of `volumes`. */
export interface Volume extends Omit<NewVolume, "state"> {
  readonly id: number;
  /** `damaged`: nothing counts as safe in it any more, though some of it may still be read. `lost`: given up. */
  readonly state: "planned" | "packed" | "stored" | "damaged" | "lost";
  readonly stored: number | undefined;
  readonly checksum: string | undefined;
  /** What is known of the object that holds its manifest. */
  readonly manifestSize: number | undefined;
  readonly manifestChecksum: string | undefined;
}

const COLUMNS = `id, name, state, box, store, key, created, stored, image_size, object_size, header_size,
  cipher, checksum, file_sha256, manifest_size, manifest_checksum, udf, files, oldest, newest`;

const STATES = ["planned", "packed", "stored", "damaged", "lost"] as const;

function parseVolume(row: RowReader): Volume {
  return {
    id: row.int("id"),
    name: row.text("name"),
    state: STATES.find((state) => state === row.text("state")) ?? "planned",
    box: row.text("box"),
    store: row.text("store"),
    key: row.text("key"),
    created: row.int("created"),
    stored: row.optionalInt("stored"),
    imageSize: row.int("image_size"),
    objectSize: row.int("object_size"),
    headerSize: row.int("header_size"),
    cipher: parseCipher(row.optionalText("cipher")),
    checksum: row.optionalText("checksum"),
    fileSha256: row.optionalText("file_sha256"),
    manifestSize: row.optionalInt("manifest_size"),
    manifestChecksum: row.optionalText("manifest_checksum"),
    udf: row.int("udf") === 1,
    files: row.int("files"),
    oldest: row.int("oldest"),
    newest: row.int("newest"),
  };
}

/** The column `cipher`. */
export function parseCipher(text: string | undefined): ForeignCipher | undefined {
  if (text === undefined || text === "lomob") return text;
  throw new ColdframeError("catalog", `catalog: a volume is encrypted as ${JSON.stringify(text)}`, {
    hint: "A newer coldframe wrote it: run that one.",
  });
}

/**
 * Writes down a volume with its files and, unless it is only packed, the upload that will carry it.
 *
 * @param sending the upload, and the folders that the manifest names: those of a packed volume stay to be
 *   named by a stored one
 */
export async function planVolume(
  db: Database,
  volume: NewVolume,
  files: readonly VolumeFile[],
  sending?: { readonly upload: NewUpload; readonly folders: readonly FolderRow[] },
): Promise<Volume> {
  const statements: Statement[] = [insertVolume(volume), ...insertFiles(volume.name, files)];
  if (sending !== undefined) {
    statements.push(listFolders(volume.name, sending.folders));
    statements.push(startUpload(sending.upload, { volume: volume.name }));
  }
  await db.write(statements);
  const planned = await findVolume(db, volume.name);
  if (planned === undefined) throw new Error(`the volume ${volume.name} was planned but is not there`);
  return planned;
}

function insertVolume(v: NewVolume): Statement {
  return {
    sql:
      `INSERT INTO volumes (name, state, box, store, key, created, image_size, object_size, header_size, cipher, udf,
                               files, oldest, newest, file_sha256)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    args: [
      v.name,
      v.state,
      v.box,
      v.store,
      v.key,
      v.created,
      v.imageSize,
      v.objectSize,
      v.headerSize,
      v.cipher ?? null,
      v.udf ? 1 : 0,
      v.files,
      v.oldest,
      v.newest,
      v.fileSha256 ?? null,
    ],
  };
}

/**
 * Marks a volume stored: from here on its contents count as safe in the cold store. One transaction
 * (DESIGN §5 step 7), which also ends its upload and erases the file key.
 *
 * @param checksum null where nobody knows any more what was sent: after a recovery
 */
export async function markStored(
  db: Database,
  id: number,
  checksum: string | null,
  now: number,
): Promise<void> {
  await db.write(storedStatements(id, checksum, now));
}

/** Notes what the store confirmed of a volume's manifest: what a check compares it with. */
export async function noteManifest(
  db: Database,
  id: number,
  object: { readonly size: number; readonly checksum: string | undefined },
): Promise<void> {
  await db.write([{
    sql: "UPDATE volumes SET manifest_size = ?, manifest_checksum = ? WHERE id = ?",
    args: [object.size, object.checksum ?? null, id],
  }]);
}

/** Where the object of a volume stands that was a file before, and what it is. */
export type ObjectOfVolume = Pick<Volume, "store" | "key" | "objectSize" | "headerSize">;

/** Marks a volume stored that was packed as a file, as one transaction. */
export async function markUploaded(
  db: Database,
  id: number,
  object: ObjectOfVolume,
  checksum: string,
  now: number,
): Promise<void> {
  await db.write([
    {
      sql: "UPDATE volumes SET store = ?, key = ?, object_size = ?, header_size = ? WHERE id = ?",
      args: [object.store, object.key, object.objectSize, object.headerSize, id],
    },
    ...storedStatements(id, checksum, now),
  ]);
}

function storedStatements(id: number, checksum: string | null, now: number): Statement[] {
  return [
    {
      sql: "UPDATE volumes SET state = 'stored', stored = ?, checksum = ? WHERE id = ?",
      args: [now, checksum, id],
    },
    {
      sql: `UPDATE contents SET volume = ?, position = f.position
              FROM (SELECT content, min(position) AS position FROM volume_files
                     WHERE volume = ? AND offset IS NOT NULL GROUP BY content) AS f
             WHERE contents.id = f.content AND contents.volume IS NULL`,
      args: [id, id],
    },
    {
      sql: `UPDATE versions SET manifest = ?
             WHERE id IN (SELECT version FROM volume_files WHERE volume = ? AND version IS NOT NULL)`,
      args: [id, id],
    },
    ...forgetUploadsOf(id),
  ];
}

/** Forgets a volume that was never stored, so that its files are planned anew. */
export async function dropPlanned(db: Database, id: number): Promise<void> {
  await db.write([
    ...forgetUploadsOf(id),
    unlistFolders(id),
    { sql: "DELETE FROM volume_files WHERE volume = ?", args: [id] },
    { sql: "DELETE FROM volumes WHERE id = ? AND state IN ('planned', 'packed')", args: [id] },
  ]);
}

/** The volume of that name. */
export function findVolume(db: Database, name: string): Promise<Volume | undefined> {
  return db.first(`SELECT ${COLUMNS} FROM volumes WHERE name = ?`, [name], parseVolume);
}

/** Every volume, oldest first. */
export function listVolumes(db: Database): Promise<Volume[]> {
  return db.all(`SELECT ${COLUMNS} FROM volumes ORDER BY oldest, name`, [], parseVolume);
}

/** Volumes this box has planned and not finished. */
export function plannedVolumes(db: Database, box: string): Promise<Volume[]> {
  return db.all(
    `SELECT ${COLUMNS} FROM volumes WHERE state = 'planned' AND box = ? ORDER BY id`,
    [box],
    parseVolume,
  );
}
