/** Reading the catalog for people: what is where. Large answers come page by page. */

import { Buffer } from "node:buffer";
import { utf8 } from "../bytes.ts";
import { sharedTexts } from "../shared.ts";
import type { Database, RowReader } from "./database.ts";
import { pagesAfter } from "./pages.ts";
import { mirrorCopies } from "./mirrors.ts";
import { type ForeignCipher, parseCipher } from "./volumes.ts";
import { parseWanted, WANTED_COLUMNS, type WantedVersion } from "./wanted.ts";

/** A version with its place in the archive. */
export interface VersionRow extends WantedVersion {
  readonly source: number;
  /** Below the source. */
  readonly below: string;
  readonly seen: number;
  /** When it stopped being current; undefined while it is. */
  readonly ended: number | undefined;
  readonly ending: string | undefined;
  /** The name of the stored volume that holds it. */
  readonly volume: string | undefined;
  readonly staged: boolean;
  readonly mirrored: boolean;
}

const PAGE = 2_000;

const VERSION_COLUMNS = {
  ...WANTED_COLUMNS,
  source: "v.source",
  below: "v.path",
  seen: "v.seen",
  ended: "v.ended",
  ending: "v.ending",
  volume: "p.name",
  staged: "EXISTS (SELECT 1 FROM staged g WHERE g.content = c.id)",
  mirrored: "EXISTS (SELECT 1 FROM mirrored m WHERE m.content = c.id AND m.missing IS NULL)",
};

const VERSION_TABLES = `versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
  LEFT JOIN volumes p ON p.id = c.volume`;

function parseVersion(row: RowReader): VersionRow {
  const { id, ...file } = parseWanted(row);
  return {
    id,
    source: row.int("source"),
    below: row.text("below"),
    ...file,
    seen: row.int("seen"),
    ended: row.optionalInt("ended"),
    ending: row.optionalText("ending"),
    volume: row.optionalText("volume"),
    staged: row.int("staged") === 1,
    mirrored: row.int("mirrored") === 1,
  };
}

/** Which versions to list. */
export interface VersionFilter {
  /** Also versions that are no longer current. */
  readonly all?: boolean;
  /** Only contents that are in no stored volume. */
  readonly pending?: boolean;
  /** Only contents of at least that many bytes. */
  readonly minSize?: number;
  /** Only paths with one of these texts in them: SQLite passes over a million others in a moment. */
  readonly containing?: readonly string[];
}

const CONTAINING = "EXISTS (SELECT 1 FROM json_each(?) t WHERE instr(s.name || '/' || v.path, t.value) > 0)";

type VersionKey = [source: number, path: string, id: number];

/** Versions by source and path, the older first where a path has several; a page at a time. */
export async function* versionPages(db: Database, filter: VersionFilter = {}): AsyncGenerator<VersionRow[]> {
  const conditions = [
    "(v.source, v.path, v.id) > (?, ?, ?)",
    ...(filter.all === true ? [] : ["v.ended IS NULL"]),
    ...(filter.pending === true ? ["c.volume IS NULL", "s.archived = 1"] : []),
    ...(filter.minSize === undefined ? [] : ["c.size >= ?"]),
    ...(filter.containing === undefined ? [] : [CONTAINING]),
  ];
  const from = `FROM ${VERSION_TABLES}
                WHERE ${conditions.join(" AND ")} ORDER BY v.source, v.path, v.id LIMIT ${PAGE}`;
  const rest = [
    ...(filter.minSize === undefined ? [] : [filter.minSize]),
    ...(filter.containing === undefined ? [] : [JSON.stringify(filter.containing)]),
  ];
  yield* pagesAfter(
    [0, "", 0],
    PAGE,
    (after: VersionKey) => db.page(VERSION_COLUMNS, from, [...after, ...rest], parseVersion),
    (last): VersionKey => [last.source, last.below, last.id],
  );
}

/** A folder with what is directly in it. */
export interface FolderRow {
  /** `<source name>/<folder>`. */
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

/** Folders that hold current files, by path. */
export async function listFolders(db: Database): Promise<FolderRow[]> {
  const folders = new Map<string, { path: string; files: number; bytes: number }>();
  for await (const page of currentFiles(db)) {
    for (const { source, below, size } of page) {
      const path = `${source}/${below}`.replace(/\/[^/]*$/, "");
      const folder = folders.get(path) ?? { path, files: 0, bytes: 0 };
      folder.files++;
      folder.bytes += size;
      folders.set(path, folder);
    }
  }
  return [...folders.values()].sort((a, b) => Buffer.compare(utf8(a.path), utf8(b.path)));
}

/** In the order of their index: to group a million paths in SQL is to sort them first, which takes longer. */
async function* currentFiles(
  db: Database,
): AsyncGenerator<{ source: string; below: string; size: number }[]> {
  const from = `FROM versions v JOIN sources s ON s.id = v.source JOIN contents c ON c.id = v.content
                WHERE v.ended IS NULL AND (v.source, v.path) > (?, ?) ORDER BY v.source, v.path LIMIT ${PAGE}`;
  yield* pagesAfter([0, ""], PAGE, (after: FileKey) =>
    db.page(FILE_COLUMNS, from, after, (row) => ({
      id: row.int("id"),
      source: row.text("source"),
      below: row.text("below"),
      size: row.int("size"),
    })), (last): FileKey => [last.id, last.below]);
}

type FileKey = [source: number, path: string];

const FILE_COLUMNS = { id: "s.id", source: "s.name", below: "v.path", size: "c.size" };

/** A staged object with a path of its content. */
export interface StagedRow {
  readonly path: string;
  readonly size: number;
  readonly mtime: number;
  readonly sha256: string;
  readonly store: string;
  readonly key: string;
  readonly checksum: string;
}

/** Staged objects by path; a content with several paths is listed under each. */
export function listStaged(db: Database): Promise<StagedRow[]> {
  return db.all(
    `SELECT DISTINCT s.name || '/' || v.path AS path, c.size, v.mtime, c.sha256, g.store, g.key, g.checksum
       FROM staged g
       JOIN contents c ON c.id = g.content
       JOIN versions v ON v.content = c.id
       JOIN sources s ON s.id = v.source
      WHERE v.ended IS NULL OR NOT EXISTS
            (SELECT 1 FROM versions w WHERE w.content = c.id AND w.ended IS NULL)
      ORDER BY path`,
    [],
    (row) => ({
      path: row.text("path"),
      size: row.int("size"),
      mtime: row.int("mtime"),
      sha256: row.text("sha256"),
      store: row.text("store"),
      key: row.text("key"),
      checksum: row.text("checksum"),
    }),
  );
}

/** Totals for `status`. Each content counts once. */
export interface Totals {
  /** Current paths. */
  readonly files: number;
  /** Contents with a current path, and their bytes. */
  readonly contents: number;
  readonly bytes: number;
  readonly inVolumes: { readonly contents: number; readonly bytes: number };
  readonly onlyStaged: { readonly contents: number; readonly bytes: number };
  /** In a mirror, and in neither of these. */
  readonly onlyMirrored: { readonly contents: number; readonly bytes: number };
  readonly unprotected: { readonly contents: number; readonly bytes: number };
}

/** Counts what is protected where. */
export async function totals(db: Database): Promise<Totals> {
  const rows = await db.all(
    `SELECT CASE WHEN c.volume IS NOT NULL THEN 'volume'
                 WHEN EXISTS (SELECT 1 FROM staged g WHERE g.content = c.id) THEN 'staged'
                 WHEN EXISTS (SELECT 1 FROM mirrored m WHERE m.content = c.id AND m.missing IS NULL)
                   THEN 'mirrored'
                 ELSE 'none' END AS place,
            count(*) AS contents, sum(c.size) AS bytes
       FROM contents c
      WHERE EXISTS (SELECT 1 FROM versions v WHERE v.content = c.id AND v.ended IS NULL)
      GROUP BY place`,
    [],
    (row) => ({ place: row.text("place"), contents: row.int("contents"), bytes: row.int("bytes") }),
  );
  const files = await db.first(
    "SELECT count(*) AS n FROM versions WHERE ended IS NULL",
    [],
    (row) => row.int("n"),
  );
  const of = (place: string) => {
    const row = rows.find((candidate) => candidate.place === place);
    return { contents: row?.contents ?? 0, bytes: row?.bytes ?? 0 };
  };
  return {
    files: files ?? 0,
    contents: rows.reduce((sum, row) => sum + row.contents, 0),
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    inVolumes: of("volume"),
    onlyStaged: of("staged"),
    onlyMirrored: of("mirrored"),
    unprotected: of("none"),
  };
}

/** A place where a content is stored. */
export type Place =
  | {
    readonly kind: "staged";
    readonly content: number;
    readonly store: string;
    readonly key: string;
    /** Bytes of the object. */
    readonly size: number;
  }
  | {
    readonly kind: "volume";
    readonly content: number;
    readonly store: string;
    readonly key: string;
    /** Bytes of the object. */
    readonly size: number;
    readonly volume: string;
    /** Byte offset of the content in the image. */
    readonly offset: number;
    /** How another tool encrypted it; undefined for ours. */
    readonly cipher: ForeignCipher | undefined;
  }
  | {
    readonly kind: "mirror";
    readonly content: number;
    readonly store: string;
    readonly key: string;
    /** Bytes of the object. */
    readonly size: number;
    readonly encrypted: boolean;
  };

/**
 * Every place of these contents: staged ones, then mirrors, then volumes, those that are known to be damaged
 * last.
 */
export async function placesOf(db: Database, contents: readonly number[]): Promise<Place[]> {
  const places: Place[] = [];
  const share = sharedTexts(); // one for all contents of an object
  for (let start = 0; start < contents.length; start += PAGE) {
    places.push(...await placesOfPage(db, contents.slice(start, start + PAGE), share));
  }
  return places;
}

const VOLUME_PLACE_COLUMNS = {
  content: "f.content",
  store: "p.store",
  key: "p.key",
  object_size: "p.object_size",
  name: "p.name",
  cipher: "p.cipher",
  offset: "min(f.offset)",
};

async function placesOfPage(
  db: Database,
  contents: readonly number[],
  share: (text: string) => string,
): Promise<Place[]> {
  const json = JSON.stringify(contents);
  const staged = await db.all(
    `SELECT content, store, key, size FROM staged WHERE content IN (SELECT value FROM json_each(?))`,
    [json],
    (row): Place => ({
      kind: "staged",
      content: row.int("content"),
      store: row.text("store"),
      key: row.text("key"),
      size: row.int("size"),
    }),
  );
  const volumes = await db.page(
    VOLUME_PLACE_COLUMNS,
    `FROM volume_files f JOIN volumes p ON p.id = f.volume
      WHERE f.content IN (SELECT value FROM json_each(?)) AND f.offset IS NOT NULL
        AND p.state IN ('stored', 'damaged')
      GROUP BY f.content, p.id ORDER BY p.state DESC, p.id`,
    [json],
    (row): Place => ({
      kind: "volume",
      content: row.int("content"),
      store: share(row.text("store")),
      key: share(row.text("key")),
      size: row.int("object_size"),
      volume: share(row.text("name")),
      offset: row.int("offset"),
      cipher: parseCipher(row.optionalText("cipher")),
    }),
  );
  const mirrored = (await mirrorCopies(db, contents)).map((
    { content, store, key, size, encrypted },
  ): Place => ({
    kind: "mirror",
    content,
    store,
    key,
    size,
    encrypted,
  }));
  return [...staged, ...mirrored, ...volumes];
}
