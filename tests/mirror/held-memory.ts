/**
 * Run as a program, with `gc` in reach: what a mirror's look at its store and its files holds while it goes over
 * so many made-up objects. Prints the most bytes of heap in use after a collection, above those at the start.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import type { Database } from "../../lib/catalog/database.ts";
import { Listing } from "../../lib/catalog/listing.ts";
import { filesForMirror } from "../../lib/catalog/mirroring.ts";
import { lookAtStore } from "../../lib/jobs/mirror/look.ts";
import { SILENT } from "../../lib/jobs/report.ts";
import { ReadOnlyStore } from "../../lib/store/read-only.ts";
import { RETRY_DEFAULTS, retrying } from "../../lib/store/retry.ts";
import type { ObjectInfo, Store } from "../../lib/store/store.ts";
import { heapInUse } from "../held.ts";

const STORE = "file:/made/up";
const COUNT = Number(process.argv[2]);
/** The name of file `n`, in the order of the number, as SQL and here. */
const NAME_IN_SQL = "printf('2019/IMG_%08d at the sea.jpg', n)";
const nameOf = (n: number) => `2019/IMG_${String(n).padStart(8, "0")} at the sea.jpg`;

let least = Infinity;
let most = 0;

function measure(): void {
  const held = heapInUse();
  least = Math.min(least, held);
  most = Math.max(most, held);
}

/** Ten times on the way, and just before the end. */
function measureNow(n: number): void {
  if (n % (COUNT / 10) === COUNT / 10 - 1) measure();
}

/** A store that has every object but one. */
function madeUp(): Store {
  const nothing = () => Promise.reject(new Error("only a listing is asked for"));
  return new ReadOnlyStore({
    url: STORE,
    async *list(): AsyncGenerator<ObjectInfo> {
      for (let n = 1; n < COUNT; n++) {
        const info = { key: `mirror/${nameOf(n)}`, size: n, checksum: undefined, modified: 0 };
        yield { ...info, availability: { state: "ready" } };
        measureNow(n);
      }
    },
    head: nothing,
    read: () => {
      throw new Error("only a listing is asked for");
    },
    thaw: nothing,
    usage: nothing,
  });
}

/** A source of `COUNT` files, all of which are mirrored. */
async function fillCatalog(db: Database): Promise<void> {
  const numbers =
    `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers LIMIT ${COUNT})`;
  await db.write([
    { sql: "INSERT INTO sources (id, box, name, path, added) VALUES (1, 'b', 's', '/s', 0)" },
    {
      sql: `INSERT INTO contents (id, sha256, size) ${numbers} SELECT n, printf('%064d', n), n FROM numbers`,
    },
    {
      sql: `INSERT INTO versions (source, path, content, mtime, ctime, inode, mode, seen)
              ${numbers} SELECT 1, ${NAME_IN_SQL}, n, n, n, n, 420, 0 FROM numbers`,
    },
    {
      sql:
        `INSERT INTO mirrored (store, key, folded, path, content, mtime, mode, encrypted, size, header_size,
                                  checksum, current, stored)
              ${numbers} SELECT '${STORE}', 'mirror/' || ${NAME_IN_SQL}, n, ${NAME_IN_SQL}, n, n, 420, 0, n, 0,
                                '', 0, 0 FROM numbers`,
    },
  ]);
}

async function go(db: Database, listing: Listing): Promise<void> {
  const store = retrying(madeUp(), { ...RETRY_DEFAULTS, warn: () => {} });
  const { signal } = new AbortController();
  let pages = 0;
  const session = {
    db,
    now: () => 0,
    report: SILENT,
    // It is asked for at each page of the comparison.
    get signal() {
      if (pages++ % 40 === 0) measure();
      return signal;
    },
  };
  const { lost, foreign } = await lookAtStore(session, store, listing, true);
  if (lost.length !== 1 || foreign !== 0) throw new Error(`${lost.length} lost, ${foreign} foreign`);
  let files = 0;
  for await (const page of filesForMirror(db, 1, { store: STORE, prefix: "", encrypted: false })) {
    for (const _ of page) measureNow(files++);
  }
  if (files !== COUNT) throw new Error(`${files} files`);
}

const folder = await mkdtemp(join(tmpdir(), "coldframe-test-"));
const db = await openCatalog(join(folder, "catalog.db"), {
  archive: "a".repeat(32),
  opaqueKey: "b".repeat(64),
});
const listing = await Listing.open(folder);
try {
  await fillCatalog(db);
  measure();
  await go(db, listing);
  console.log(most - least);
} finally {
  await listing.close();
  db.close();
  await rm(folder, { recursive: true, force: true });
}
