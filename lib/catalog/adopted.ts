/** What another tool stored, as it is taken into the catalog. */

import type { Database } from "./database.ts";

/** Keys in a store that stored volumes stand under. */
export async function adoptedObjects(db: Database, store: string): Promise<Set<string>> {
  const keys = await db.all(
    "SELECT key FROM volumes WHERE store = ? AND state = 'stored'",
    [store],
    (row) => row.text("key"),
  );
  return new Set(keys);
}

/** Paths of a source, among those given, whose current content is another than the one given. */
export async function pathsTaken(
  db: Database,
  source: string,
  files: readonly { readonly path: string; readonly sha256: string }[],
): Promise<Set<string>> {
  const paths = await db.all(
    `SELECT v.path FROM json_each(?) AS f CROSS JOIN sources s CROSS JOIN versions v
       JOIN contents c ON c.id = v.content
      WHERE s.name = ? AND v.source = s.id AND v.path = f.value ->> 'path' AND v.ended IS NULL
        AND c.sha256 <> f.value ->> 'sha256'`,
    [JSON.stringify(files.map(({ path, sha256 }) => ({ path, sha256 }))), source],
    (row) => row.text("path"),
  );
  return new Set(paths);
}

/** How many contents, among those given, are in no volume yet though a source holds them now; in bytes, too. */
export async function waitingAmong(
  db: Database,
  hashes: readonly string[],
): Promise<{ readonly contents: number; readonly bytes: number }> {
  const found = await db.first(
    `SELECT count(*) AS contents, coalesce(sum(c.size), 0) AS bytes FROM contents c
      WHERE c.volume IS NULL AND c.sha256 IN (SELECT value FROM json_each(?))
        AND EXISTS (SELECT 1 FROM versions v WHERE v.content = c.id AND v.ended IS NULL)`,
    [JSON.stringify(hashes)],
    (row) => ({ contents: row.int("contents"), bytes: row.int("bytes") }),
  );
  return found ?? { contents: 0, bytes: 0 };
}

/** The id of a content, which is made known if it was not. */
export async function contentId(db: Database, sha256: string, size: number): Promise<number> {
  await db.write([{
    sql: "INSERT INTO contents (sha256, size) VALUES (?, ?) ON CONFLICT (sha256) DO NOTHING",
    args: [sha256, size],
  }]);
  const id = await db.first("SELECT id FROM contents WHERE sha256 = ?", [sha256], (row) => row.int("id"));
  if (id === undefined) throw new Error(`the content ${sha256} was written down but is not there`);
  return id;
}
