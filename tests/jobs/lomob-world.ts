/** What lomo-backup leaves behind: images that mkisofs made, objects that it encrypted, its database. */

import { createHash } from "node:crypto";
import { mkdir, readFile, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Bytes } from "../../lib/bytes.ts";
import { connect, type Statement } from "../../lib/catalog/database.ts";
import { sealLomob } from "../import/lomob-writer.ts";
import { run } from "../tools.ts";

export const MASTER_KEY = "correct horse";
/** ms since 1970. */
export const TAKEN = Date.parse("2024-04-13T10:20:30Z");

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Files by path. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** Writes files of a family, all taken at one time. */
export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, bytes] of Object.entries(files)) {
    const full = join(folder, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, bytes);
    await utimes(full, TAKEN / 1000, TAKEN / 1000);
  }
}

/** An image as lomo-backup had it made: `mkisofs -R -V`. */
export async function makeImage(folder: string, name: string, files: Files): Promise<Bytes> {
  const tree = join(folder, `tree of ${name}`);
  await writeFiles(tree, files);
  const path = join(folder, name);
  await run("genisoimage", ["-quiet", "-R", "-V", `lomorage: ${name.slice(0, 20)}`, "-o", path, tree]);
  return new Uint8Array(await readFile(path));
}

/** The object of a plaintext. */
export function seal(plain: Uint8Array): Promise<Bytes> {
  return sealLomob(plain, MASTER_KEY);
}

/** A file as `lomob scan` writes it down. */
export interface ScannedFile {
  readonly root: string;
  /** Below the root. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** The image it was packed into, by its file name; undefined for one that was sent to Drive. */
  readonly image: string | undefined;
}

/** The schema of lomo-backup from the facts of DESIGN §9: `old` is that of its first months. */
export async function makeDatabase(
  path: string,
  images: Readonly<Record<string, Uint8Array>>,
  files: readonly ScannedFile[],
  old = false,
): Promise<void> {
  const [fileHash, imageHash] = old ? ["hash", "hash_hex"] : ["hash_local", "hash_local"];
  const db = connect(path);
  const names = Object.keys(images);
  const roots = [...new Set(files.map(({ root }) => root))];
  const folders = [...new Set(files.map(({ root, path }) => `${root}\n${folderOf(path)}`))];
  const statements: Statement[] = [
    {
      sql:
        "CREATE TABLE dirs (id INTEGER PRIMARY KEY, path VARCHAR NOT NULL, scan_root_dir_id INTEGER NOT NULL)",
    },
    {
      sql:
        `CREATE TABLE files (id INTEGER PRIMARY KEY, dir_id INTEGER NOT NULL, iso_id INTEGER NOT NULL DEFAULT 0,
              name VARCHAR NOT NULL, size INTEGER NOT NULL, ${fileHash} VARCHAR NOT NULL)`,
    },
    {
      sql: `CREATE TABLE isos (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, size INTEGER NOT NULL,
              ${imageHash} VARCHAR NOT NULL)`,
    },
    ...names.map((name, i) => ({
      sql: "INSERT INTO isos VALUES (?, ?, ?, ?)",
      args: [i + 1, `discs/${name}`, images[name]?.length ?? 0, sha256(images[name] ?? new Uint8Array(0))],
    })),
    ...roots.map((root, i) => ({ sql: "INSERT INTO dirs VALUES (?, ?, 0)", args: [i + 1, root] })),
    ...folders.map((text, i) => {
      const [root = "", folder = ""] = text.split("\n");
      return {
        sql: "INSERT INTO dirs VALUES (?, ?, ?)",
        args: [100 + i, folder, roots.indexOf(root) + 1],
      };
    }),
    ...files.map(({ root, path, bytes, image }) => ({
      sql: `INSERT INTO files (dir_id, iso_id, name, size, ${fileHash}) VALUES (?, ?, ?, ?, ?)`,
      args: [
        100 + folders.indexOf(`${root}\n${folderOf(path)}`),
        image === undefined ? -1 : names.indexOf(image) + 1,
        path.slice(path.lastIndexOf("/") + 1),
        bytes.length,
        sha256(bytes),
      ],
    })),
  ];
  await db.write(statements);
  db.close();
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}
