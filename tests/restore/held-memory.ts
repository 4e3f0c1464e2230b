/**
 * Run as a program, with `gc` in reach: what a restore of so many made-up files holds between its plan and its
 * first file. Prints bytes of heap in use after a collection, above those at the start.
 */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Database } from "../../lib/catalog/database.ts";
import { openSession } from "../../lib/jobs/open.ts";
import { SILENT } from "../../lib/jobs/report.ts";
import { planRestore } from "../../lib/jobs/restore/plan.ts";
import { Reach } from "../../lib/jobs/restore/reach.ts";
import { selectVersions } from "../../lib/jobs/restore/select.ts";
import { versionsOf, WantedContents } from "../../lib/jobs/restore/wanted.ts";
import { heapInUse } from "../held.ts";

const COUNT = Number(process.argv[2]);
/** Files in a volume. */
const VOLUME = 1_000;
const VOLUMES = COUNT / VOLUME;

/** `COUNT` files, half of them in a second volume as well. */
async function fillCatalog(db: Database, store: string): Promise<void> {
  const numbers = (count: number) =>
    `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT ${count})`;
  const inVolume = (volume: string, where: string) =>
    `${
      numbers(COUNT)
    } INSERT INTO volume_files (volume, position, version, path, content, mtime, mode, offset)
       SELECT ${volume}, i, i, 's/' || i, i, i, 420, 2048 * (i % ${VOLUME}) FROM n WHERE ${where}`;
  await db.write([
    { sql: "INSERT INTO sources (id, box, name, path, added) VALUES (1, 'b', 's', '/s', 0)" },
    {
      sql: `${numbers(VOLUMES + 1)} INSERT INTO volumes (id, name, state, box, store, key, created, stored,
              image_size, object_size, header_size, checksum, udf, files, oldest, newest)
            SELECT i, i, 'stored', 'b', '${store}', 'volumes/' || i, 0, 0, 5e9, 5e9, 0, '', 0, 1, 0, 0 FROM n`,
    },
    {
      sql: `${numbers(COUNT)} INSERT INTO contents (id, sha256, size, volume, position)
            SELECT i, printf('%064d', i), 1 + i, i / ${VOLUME}, i FROM n`,
    },
    {
      sql: `${
        numbers(COUNT)
      } INSERT INTO versions (id, source, path, content, mtime, ctime, inode, mode, seen)
            SELECT i, 1, printf('2019/IMG_%08d at the sea.jpg', i), i, i, i, i, 420, 0 FROM n`,
    },
    { sql: inVolume(`i / ${VOLUME}`, "TRUE") },
    { sql: inVolume(String(VOLUMES), "i % 2 = 0") },
  ]);
}

async function fillStore(folder: string): Promise<void> {
  await mkdir(join(folder, "volumes"), { recursive: true });
  await writeFile(join(folder, ".coldframe-store"), "");
  await Promise.all(
    Array.from({ length: VOLUMES + 1 }, (_, i) => writeFile(join(folder, "volumes", String(i)), "")),
  );
}

const folder = await mkdtemp(join(tmpdir(), "coldframe-test-"));
const { session, close } = await openSession({
  root: join(folder, "home"),
  create: true,
  lockFor: "restore",
  staging: undefined,
  cold: undefined,
  env: {},
  signal: new AbortController().signal,
  report: SILENT,
  now: () => 0,
});
try {
  const before = heapInUse();
  await fillStore(join(folder, "store"));
  await fillCatalog(session.db, `file:${join(folder, "store")}`);
  const { versions } = await selectVersions(session.db, { patterns: ["**"] });
  const wanted = new WantedContents();
  for await (const page of versionsOf(session.db, versions)) page.forEach((version) => wanted.add(version));
  const contents = wanted.list();
  const planned = await planRestore(session, new Reach(session), contents, { to: folder, days: 7 });
  const held = heapInUse() - before;
  if (planned.plan.files !== COUNT) throw new Error(`${planned.plan.files} files planned`);
  if (versions.length + contents.length !== 2 * COUNT) throw new Error("not all files were wanted");
  console.log(held);
} finally {
  await close();
  await rm(folder, { recursive: true, force: true });
}
