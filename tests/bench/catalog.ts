/** Questions to a catalog of a million files, filled by SQL: scanning so many would take longer than asking. */

import { join } from "node:path";
import { connect, type Statement } from "../../lib/catalog/database.ts";
import { must } from "./measure.ts";
import { files, type Measured, table } from "./subject.ts";
import type { World } from "./world.ts";

/** Files in a folder. */
const FOLDER = 200;
/** Files in a volume. */
const VOLUME = 5_000;

/** A home whose catalog knows so many files: nine of ten in volumes, some staged, a few nowhere yet. */
export async function makeHome(world: World, count: number): Promise<string> {
  const home = world.path("homes", "million");
  must(world.bun("init", "--yes", "--home", home));
  const db = connect(join(home, "catalog.db"));
  try {
    await db.write(rows(count));
  } finally {
    db.close();
  }
  return home;
}

const NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)";

function rows(count: number): Statement[] {
  const volumes = Math.ceil(count * 0.9 / VOLUME);
  return [
    {
      sql: `INSERT INTO sources (id, box, name, path, added, scanned)
            VALUES (1, 'bench', 'Pictures', '/home/bench/Pictures', 0, 0)`,
    },
    {
      sql: `${NUMBERS} INSERT INTO volumes (id, name, state, box, store, key, created, stored, image_size,
              object_size, header_size, checksum, udf, files, oldest, newest)
            SELECT i, printf('2014-01-01--2014-02-01--%08x', i), 'stored', 'bench', 'file:/mnt/store',
              printf('volumes/%d.iso.age', i), 0, 0, 5e9, 5e9, 1643, 'sha256:00', 1, ${VOLUME}, 0, 0 FROM n`,
      args: [volumes],
    },
    {
      sql: `${NUMBERS} INSERT INTO contents (id, sha256, size, volume, position)
            SELECT i, printf('%064x', i * 2654435761), 2000000 + i % 1000,
              CASE WHEN i <= ${
        volumes * VOLUME
      } AND i % 100 > 0 THEN 1 + (i - 1) / ${VOLUME} END, i % ${VOLUME}
              FROM n`,
      args: [count],
    },
    {
      sql: `${NUMBERS} INSERT INTO versions (id, source, path, content, mtime, ctime, inode, mode, seen)
            SELECT i, 1, printf('%d/album %d/IMG_%d.jpg', 2000 + i * 25 / ${count}, i / ${FOLDER}, i), i,
              1000000000000 + i * 60000, 1000000000 + i * 60, CAST(i AS TEXT), 420, 0 FROM n`,
      args: [count],
    },
    {
      sql: `INSERT INTO staged (content, store, key, size, header_size, checksum, time)
            SELECT id, 'file:/mnt/store', printf('staged/%064x', id), size, 1643, 'sha256:00', 0
              FROM contents WHERE volume IS NULL AND id % 10 > 0`,
    },
    {
      sql: `INSERT INTO volume_files (volume, position, version, path, content, mtime, mode, offset)
            SELECT c.volume, c.id, v.id, 'Pictures/' || v.path, c.id, v.mtime, v.mode, 0
              FROM contents c JOIN versions v ON v.content = c.id WHERE c.volume IS NOT NULL`,
    },
    { sql: "UPDATE versions SET manifest = (SELECT volume FROM contents c WHERE c.id = content)" },
  ];
}

/** What people ask of a catalog. */
export async function catalog(world: World): Promise<Measured[]> {
  const count = world.scaled(1_000_000);
  const home = await makeHome(world, count);
  const some = `IMG_${Math.floor(count / 2)}.jpg`;
  const questions: [string, string[]][] = [
    ["status", ["status"]],
    ["find a name", ["find", some]],
    ["find with a pattern", ["find", "Pictures/2001/**/IMG_*1.jpg"]],
    ["ls dirs", ["ls", "dirs"]],
    ["ls pending", ["ls", "pending"]],
  ];
  const entries = questions.map(([name, args]) => ({
    name,
    run: () => world.bun(...args, "--home", home),
  }));
  return [table(world, "catalog", `A catalog of ${files(count)}`, entries)];
}
