/** A catalog that several boxes share, on a libSQL server. */

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { archiveIdentity, openCatalog } from "../../lib/catalog/catalog.ts";
import { COPIED_TABLES, copyCatalog, SECRET_TABLES } from "../../lib/catalog/copy.ts";
import { versionPages } from "../../lib/catalog/look.ts";
import { waitingFiles } from "../../lib/catalog/waiting.ts";
import { connect, type Database } from "../../lib/catalog/database.ts";
import { decryptBytes } from "../../lib/age/stream.ts";
import { parseIdentityFile } from "../../lib/age/keys.ts";
import { assertFails } from "../cli/failing.ts";
import { contents, onlyFile, put } from "../cli/files.ts";
import { User, withUser } from "../cli/harness.ts";
import { type HranaServer, startHrana } from "../servers/hrana.ts";
import { SQLD, startSqld } from "../servers/sqld.ts";
import { pseudoRandom, withFolder } from "../tools.ts";

const ARCHIVE = { archive: "a".repeat(32), opaqueKey: "b".repeat(64) };

/** What the tests need of a server. */
interface Server {
  readonly url: string;
  readonly token: string;
  /** What it was asked to run, where it tells. */
  readonly statements?: readonly string[];
  close(): Promise<void>;
}

/** The servers to try: our own, and a real one where `COLDFRAME_SQLD` names it. */
const SERVERS: readonly [name: string, start: StartServer][] = SQLD === undefined
  ? [["our own server", startOwn]]
  : [["our own server", startOwn], ["sqld", startSqld]];
type StartServer = (folder: string) => Promise<Server>;

async function startOwn(folder: string): Promise<HranaServer & { token: string }> {
  const token = "a-secret-token";
  return { ...await startHrana(`${folder}/server.db`, token), token };
}

/** Runs `body` with a server on a database of its own. */
async function withServer<S extends Server>(
  start: (folder: string) => Promise<S>,
  body: (server: S, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const server = await start(folder);
    try {
      await body(server, folder);
    } finally {
      await server.close();
    }
  });
}

/** A test with each of the servers. */
function testServer(name: string, body: (server: Server, folder: string) => Promise<void>): void {
  for (const [kind, start] of SERVERS) {
    test(`${name} (${kind})`, { timeout: 180_000 }, () => withServer(start, body));
  }
}

/** A home whose catalog is on the server and whose store both boxes reach. */
async function makeBox(folder: string, name: string, server: Server, recipient?: string): Promise<User> {
  const user = new User(`${folder}/${name}`);
  const key = recipient === undefined ? [] : ["--no-identity", "--recipient", recipient];
  const store = `file:${folder}/store`;
  await user.ok("init", "--classic", "--yes", "--cold", store, "--staging", store, ...key);
  const config = user.path("home/config.toml");
  await writeFile(config, await readFile(config, "utf8") + `\ncatalog = "${server.url}"\n`);
  user.env = { COLDFRAME_CATALOG_TOKEN: server.token };
  return user;
}

testServer(
  "two boxes share a catalog, each with folders of its own, and each restores what the other stored",
  async (server, folder) => {
    const attic = await makeBox(folder, "attic", server);
    const recipient = (await attic.json("key", "show"))["keys"] as { recipient: string }[];
    const office = await makeBox(folder, "office", server, recipient[0]?.recipient);
    await put(attic, "Photos/a.jpg", pseudoRandom(100_000, 1));
    await put(attic, "Photos/both.jpg", pseudoRandom(50_000, 3));
    await put(office, "Photos/b 'quoted'\n😀.jpg", pseudoRandom(100_000, 2));
    await put(office, "Photos/copy of both.jpg", pseudoRandom(50_000, 3));

    await attic.ok("sync", attic.path("Photos"), "--seal");
    const second = await office.json("sync", office.path("Photos"), "--seal");
    assert.deepEqual(
      (second["sealed"] as { files: number }[]).map(({ files }) => files),
      [1],
      "both.jpg is stored already",
    );

    const status = await attic.json("status");
    assert.equal(status["files"], 4);
    assert.deepEqual((status["sources"] as { name: string }[]).map(({ name }) => name), [
      "Photos",
      "Photos 2",
    ]);
    const other = await office.json("status");
    for (
      const shared of [
        "files",
        "contents",
        "bytes",
        "inVolumes",
        "onlyStaged",
        "sources",
        "volumes",
        "snapshot",
      ]
    ) {
      assert.deepEqual(other[shared], status[shared], shared);
    }

    await office.ok(
      "restore",
      "**",
      "--to",
      office.path("out"),
      "--identity",
      attic.path("home/keys/identity.txt"),
    );
    assert.deepEqual(await contents(office.path("out/Photos")), await contents(attic.path("Photos")));
    assert.deepEqual(await contents(office.path("out/Photos 2")), await contents(office.path("Photos")));
  },
);

testServer("two boxes that sync at the same time store each content once", async (server, folder) => {
  const attic = await makeBox(folder, "attic", server);
  const recipient = (await attic.json("key", "show"))["keys"] as { recipient: string }[];
  const office = await makeBox(folder, "office", server, recipient[0]?.recipient);
  for (let i = 0; i < 10; i++) {
    await put(attic, `Attic/${i}.jpg`, pseudoRandom(1000, i + 1));
    await put(office, `Office/${i}.jpg`, pseudoRandom(1000, i + 101));
  }
  await Promise.all([attic.ok("sync", attic.path("Attic")), office.ok("sync", office.path("Office"))]);
  await Promise.all([attic.ok("sync", "--seal"), office.ok("sync", "--seal")]);
  await attic.ok("restore", "**", "--to", attic.path("out"));
  assert.deepEqual(await contents(attic.path("out/Attic")), await contents(attic.path("Attic")));
  assert.deepEqual(await contents(attic.path("out/Office")), await contents(office.path("Office")));
});

for (const [what, token] of [["a wrong", "wrong-token"], ["no", ""]] as const) {
  testServer(
    `${what} token is refused with what to do, and does not show in the error`,
    async (server, folder) => {
      const attic = await makeBox(folder, "attic", server);
      attic.env = token === "" ? {} : { COLDFRAME_CATALOG_TOKEN: token };
      await put(attic, "Photos/a.jpg", "a");
      await assertFails(attic, ["sync", attic.path("Photos")], {
        code: "catalog",
        says: /catalog http:\/\/127\.0\.0\.1:\d+: the server refused the token/,
        hint: /COLDFRAME_CATALOG_TOKEN/,
      });
    },
  );
}

testServer("a server that does not answer is named", async (server, folder) => {
  const attic = await makeBox(folder, "attic", server);
  const config = attic.path("home/config.toml");
  const [port, free] = await freePort();
  await free();
  await writeFile(config, (await readFile(config, "utf8")).replace(server.url, `http://127.0.0.1:${port}`));
  await assertFails(attic, ["status"], {
    code: "catalog",
    says: /the server cannot be reached/,
    hint: /address in config\.toml/,
  });
});

test("a web server that is no libSQL server is named", () =>
  withUser(async (user) => {
    const [port, free] = await freePort();
    await user.ok("init", "--classic", "--yes");
    await writeFile(user.path("home/config.toml"), `catalog = "http://127.0.0.1:${port}"\n`);
    await assertFails(user, ["status"], {
      code: "catalog",
      says: /no libSQL server at that address/,
      hint: /address in config\.toml/,
    }).finally(free);
  }));

async function freePort(): Promise<[port: number, close: () => Promise<void>]> {
  const server = createServer((_, response) => response.writeHead(404).end("nothing here"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return [address.port, async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }];
}

testServer(
  "a snapshot of a catalog on a server is a local copy of every row, without secrets",
  async (server, folder) => {
    const attic = await makeBox(folder, "attic", server);
    await put(attic, "Photos/a.jpg", pseudoRandom(1000, 1));
    await attic.ok("sync", attic.path("Photos"), "--seal");
    assert.ok(!server.statements?.some((sql) => /VACUUM/i.test(sql)), "it would write to its own disk");
    const snapshot = await readFile(await onlyFile(new User(folder), "store/catalog"));
    const pairs = await parseIdentityFile(await readFile(attic.path("home/keys/identity.txt"), "utf8"));
    const packed = await decryptBytes(snapshot, { identities: pairs.map(({ identity }) => identity) });
    await writeFile(`${folder}/snapshot.db`, gunzipSync(packed));
    const copy = await openCatalog(`${folder}/snapshot.db`, ARCHIVE);
    const original = connect(server.url, server.token);
    for (const [table, ...key] of COPIED_TABLES) {
      if (table === "snapshots" || table === "runs") continue; // written down after the snapshot
      const later = ([name]: readonly unknown[]) => /^lookedAhead /.test(String(name)); // so is this
      const there = (await rows(original, table, key)).filter((row) => !later(row));
      assert.deepEqual(await rows(copy, table, key), there, table);
    }
    assert.deepEqual(await archiveIdentity(copy), await archiveIdentity(original));
    copy.close();
    original.close();
  },
);

testServer("a copy by queries pages through more rows than one answer holds", async (server, folder) => {
  const db = await openCatalog(server.url, ARCHIVE, server.token);
  await db.write([{
    sql: `INSERT INTO contents (sha256, size)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4001)
            SELECT printf('%064x', i), i FROM n`,
  }]);
  await copyCatalog(db, `${folder}/copy.db`);
  const copy = await openCatalog(`${folder}/copy.db`, ARCHIVE);
  const [count, sum] = [4001, 4001 * 4002 / 2];
  assert.deepEqual(
    await copy.all(
      "SELECT count(*) AS n, sum(size) AS s FROM contents",
      [],
      (row) => [row.int("n"), row.int("s")],
    ),
    [[count, sum]],
  );
  copy.close();
  db.close();
});

testServer("more rows than a server sends in one answer are read page by page, in order", async (server) => {
  const db = await openCatalog(server.url, ARCHIVE, server.token);
  const count = 12_000;
  await db.write([
    { sql: "INSERT INTO sources (id, box, name, path, added) VALUES (1, 'box', 'Photos', '/photos', 0)" },
    {
      sql: `INSERT INTO contents (id, sha256, size)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
            SELECT i, printf('%064x', i), i FROM n`,
    },
    {
      sql: `INSERT INTO versions (source, path, content, mtime, ctime, inode, mode, seen)
            SELECT 1, printf('%0900d', id), id, ${count} - id, 0, '', 420, 0 FROM contents`,
    },
  ]);
  const files = await waitingFiles(db, "box");
  assert.deepEqual(files.map(({ mtime }) => mtime), Array.from({ length: count }, (_, i) => i));
  let seen = 0;
  for await (const page of versionPages(db)) seen += page.length;
  assert.equal(seen, count);
  db.close();
});

test("every table of the schema is either copied or kept out of copies", () =>
  withFolder(async (folder) => {
    const db = await openCatalog(`${folder}/catalog.db`, ARCHIVE);
    const tables = await db.all(
      "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
      [],
      (row) => row.text("name"),
    );
    assert.deepEqual([...COPIED_TABLES.map(([table]) => table), ...SECRET_TABLES].sort(), tables);
    db.close();
  }));

async function rows(db: Database, table: string, key: readonly string[]): Promise<unknown[][]> {
  return await db.atOneMoment((read) => read(`SELECT * FROM ${table} ORDER BY ${key.join(", ")}`, []));
}
