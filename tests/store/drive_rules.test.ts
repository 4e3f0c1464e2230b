/** What only Drive can do to a store: bins, namesakes, other people's folders, quotas, shared drives. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { collect, equal, utf8 } from "../../lib/bytes.ts";
import { StoreError } from "../../lib/errors.ts";
import { sha256Hex } from "../../lib/store/checksum.ts";
import { openDrive } from "../../lib/store/drive/drive.ts";
import { keyOf, keyProperties, sessionProperties } from "../../lib/store/drive/properties.ts";
import { quoted } from "../../lib/store/drive/query.ts";
import { parseDriveUrl } from "../../lib/store/drive/url.ts";
import { DRIVE_FILE_SCOPE, DRIVE_SCOPE } from "../../lib/store/google/google.ts";
import type { Store } from "../../lib/store/store.ts";
import * as faults from "../servers/drive/faults.ts";
import { apiError, type Exchange } from "../servers/drive/http.ts";
import { serviceAccountKey } from "../servers/drive/keys.ts";
import { FOLDER, type StoredFile, type World } from "../servers/drive/world.ts";
import { pseudoRandom } from "../tools.ts";
import { rejectsWith } from "./conformance.ts";
import { contextOf, type Setting, signInAs, withSetting } from "./drive_world.ts";

const STAGED = { kind: "staged" } as const;
const QUANTUM = 256 * 1024;

function named(world: World, name: string): StoredFile[] {
  return [...world.files.values()].filter((file) => file.name === name);
}

function only(world: World, name: string): StoredFile {
  const [file, ...others] = named(world, name);
  assert.ok(file !== undefined && others.length === 0, `${name}: ${others.length} others`);
  return file;
}

/** A folder as other programs, or other people, make it. */
function foreignFolder({ server }: Setting, more: Partial<StoredFile>): StoredFile {
  const { world } = server;
  const account = world.addUser("mallory@example.com");
  const folder: StoredFile = {
    id: world.newId(),
    name: "Coldframe",
    mimeType: FOLDER,
    parents: [world.rootOf(account)],
    driveId: undefined,
    owner: "ada@example.com",
    app: "cold.apps.googleusercontent.com",
    sharedWith: new Set(),
    properties: new Map(),
    createdTime: world.now,
    modifiedTime: world.now,
    explicitlyTrashed: false,
    content: undefined,
    sha256: undefined,
    md5: undefined,
    searchable: 0,
    abusive: false,
    ...more,
  };
  world.files.set(folder.id, folder);
  return folder;
}

const marks = new Map([["cold.apps.googleusercontent.com", { coldframe: "top" }]]);

async function keys(store: Store): Promise<string[]> {
  return (await Array.fromAsync(store.list(""))).map(({ key }) => key).sort();
}

// The address

test("an address names folders of My Drive or of a shared drive", () => {
  assert.deepEqual(parseDriveUrl("gdrive:Photos"), { driveId: undefined, folders: ["Photos"] });
  assert.deepEqual(parseDriveUrl("gdrive:Fotos von Öma/2024/"), {
    driveId: undefined,
    folders: ["Fotos von Öma", "2024"],
  });
  assert.deepEqual(parseDriveUrl("gdrive://0AbC-_9/It's/x"), { driveId: "0AbC-_9", folders: ["It's", "x"] });
});

test("an address without a folder, or that climbs, is refused", () => {
  for (
    const url of [
      "gdrive:",
      "gdrive:/",
      "gdrive:a//b",
      "gdrive:../a",
      "gdrive://",
      "gdrive://id",
      "gdrive://a b/c",
      "s3:x",
    ]
  ) {
    assert.throws(
      () => parseDriveUrl(url),
      (error) => error instanceof StoreError && error.code === "store-url",
      url,
    );
  }
});

// Queries and properties

test("quotes and backslashes in a query are escaped", () => {
  assert.equal(quoted("it's \\ mine"), "'it\\'s \\\\ mine'");
});

test("a key is cut into properties of at most 124 bytes, between characters", () => {
  for (
    const key of [
      "a",
      "x".repeat(121),
      "x".repeat(122),
      "é".repeat(300),
      "📷".repeat(200),
      "staged/写真".repeat(40),
    ]
  ) {
    const properties = keyProperties(key);
    for (const [name, value] of Object.entries(properties)) assert.ok(utf8(name + value).length <= 124);
    assert.equal(keyOf(properties), key);
  }
  assert.deepEqual(keyProperties("x".repeat(122)), { key: "x".repeat(121), key1: "x" });
});

test("a key longer than the properties hold is refused; a session as long is left out", () => {
  assert.throws(() => keyProperties("x".repeat(1_700)), /too long a key for Drive/);
  assert.deepEqual(sessionProperties("x".repeat(1_720)), {});
});

test("a key of many pieces is found, and its shorter namesakes are not taken for it", () =>
  withSetting(async ({ open }) => {
    const store = await open();
    const long = `mirror/${"x".repeat(400)}`;
    const all = [long, `${long}y`, long.slice(0, 121), long.slice(0, 242)];
    for (const key of all) await store.put(key, utf8(key), { kind: "mirror" });
    for (const key of all) assert.ok(equal(await collect(store.read(key)), utf8(key)));
    assert.deepEqual(await keys(store), [...all].sort());
  }));

// The folder

test("a folder that is not there is only made on request", () =>
  withSetting(async ({ context, open, server }) => {
    await rejectsWith("store-missing", openDrive("gdrive:Coldframe", context));
    assert.equal(server.world.files.size, 0);
    await open("gdrive:Coldframe/Sub");
    await openDrive("gdrive:Coldframe/Sub", context);
    const [top, sub] = [only(server.world, "Coldframe"), only(server.world, "Sub")];
    assert.deepEqual(sub.parents, [top.id]);
  }));

test("a folder in the bin is not used", () =>
  withSetting(async ({ context, open, server }) => {
    await open();
    only(server.world, "Coldframe").explicitlyTrashed = true;
    await rejectsWith("store-missing", openDrive("gdrive:Coldframe", context));
    await open();
    assert.deepEqual(named(server.world, "Coldframe").map((file) => file.explicitlyTrashed), [true, false]);
  }));

test("a folder of that name which the user or another program made is not used", () =>
  withSetting(async (setting) => {
    foreignFolder(setting, {});
    foreignFolder(setting, { app: "another.apps.googleusercontent.com" });
    await rejectsWith("store-missing", openDrive("gdrive:Coldframe", setting.context));
  }));

test("a folder that another coldframe user shared is not used", () =>
  withSetting(async (setting) => {
    const sharedWith = new Set(["ada@example.com"]);
    foreignFolder(setting, { owner: "mallory@example.com", sharedWith, properties: marks });
    await rejectsWith("store-missing", openDrive("gdrive:Coldframe", setting.context));
  }));

test("of two folders that could be meant none is chosen", () =>
  withSetting(async (setting) => {
    await setting.open();
    foreignFolder(setting, { properties: marks });
    await rejectsWith("store-url", setting.open(undefined, { settling: [1, 1] }));
  }));

test("a second folder that another run is about to put away again is waited for", () =>
  withSetting(async (setting) => {
    await setting.open();
    const second = foreignFolder(setting, { properties: marks });
    let looks = 0;
    const putAwayAfterTwo: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init);
      if (new URL(String(input)).searchParams.has("q") && ++looks === 2) second.explicitlyTrashed = true;
      return answer;
    };
    const context = { ...setting.context, fetch: putAwayAfterTwo };
    await openDrive("gdrive:Coldframe", context, { settling: [1, 1, 1] });
    assert.equal(looks, 3);
  }));

test("names differ by case, although Drive's search does not see it", () =>
  withSetting(async ({ context, open, server }) => {
    await open("gdrive:photos");
    await rejectsWith("store-missing", openDrive("gdrive:Photos", context));
    await open("gdrive:Photos");
    assert.deepEqual([...server.world.files.values()].map(({ name }) => name).sort(), ["Photos", "photos"]);
  }));

test("two runs that make the folder at once come to the same one, and the other is in the bin", () =>
  withSetting(async ({ open, server }) => {
    const stores = await Promise.all([open(), open(), open()]);
    for (const [i, store] of stores.entries()) await store.put(`staged/${i}`, utf8(`${i}`), STAGED);
    for (const store of stores) assert.deepEqual(await keys(store), ["staged/0", "staged/1", "staged/2"]);
    assert.equal(named(server.world, "Coldframe").filter((file) => !file.explicitlyTrashed).length, 1);
  }));

test("a folder that the user moved is found again, and one renamed under a run is still used", () =>
  withSetting(async (setting) => {
    const store = await setting.open();
    await store.put("staged/a", utf8("a"), STAGED);
    const other = foreignFolder(setting, { name: "My backups" });
    const folder = only(setting.server.world, "Coldframe");
    folder.parents = [other.id];
    assert.deepEqual(await keys(await openDrive("gdrive:Coldframe", setting.context)), ["staged/a"]);
    folder.name = "Renamed";
    assert.deepEqual(await keys(store), ["staged/a"]);
  }));

for (
  const [how, lose] of [
    [
      "put into the bin",
      (world: World, folder: StoredFile) => void (folder.explicitlyTrashed = world.now > 0),
    ],
    ["removed for good", (world: World, folder: StoredFile) => world.remove(folder)],
  ] as const
) {
  test(`a folder that is ${how} under a run is missing, not empty`, () =>
    withSetting(async ({ open, server }) => {
      const store = await open();
      await store.put("staged/a", utf8("a"), STAGED);
      lose(server.world, only(server.world, "Coldframe"));
      await rejectsWith("store-missing", keys(store));
      await rejectsWith("store-missing", store.head("staged/a"));
      await rejectsWith("store-missing", store.put("staged/b", utf8("b"), STAGED));
      await rejectsWith("store-missing", store.beginUpload("staged/c", 10, STAGED));
      await rejectsWith("store-missing", Array.fromAsync(store.listUploads()));
    }));
}

// Objects

test("what the user puts into the folder is left alone", () =>
  withSetting(async (setting) => {
    const store = await setting.open();
    const { id } = only(setting.server.world, "Coldframe");
    const file = foreignFolder(setting, { name: "staged/a", parents: [id], mimeType: "text/plain" });
    await store.put("staged/a", utf8("mine"), STAGED);
    assert.deepEqual(await keys(store), ["staged/a"]);
    await store.remove("staged/a");
    assert.ok(setting.server.world.files.has(file.id));
  }));

test("an object that the user renamed is still under its key", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    await store.put("staged/a", utf8("a"), STAGED);
    only(server.world, "staged/a").name = "holiday.age";
    assert.deepEqual(await keys(store), ["staged/a"]);
    assert.ok(equal(await collect((await open()).read("staged/a")), utf8("a")));
  }));

test("an object in the bin is not there, and can be written again", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    await store.put("staged/a", utf8("a"), STAGED);
    only(server.world, "staged/a").explicitlyTrashed = true;
    assert.equal(await store.head("staged/a"), undefined);
    assert.deepEqual(await keys(store), []);
    await store.put("staged/a", utf8("a"), STAGED);
    assert.deepEqual(await keys(store), ["staged/a"]);
  }));

test("a removed object is not in the bin either, where it would take space", () =>
  withSetting(async ({ open, server, account }) => {
    const store = await open();
    await store.put("staged/a", pseudoRandom(1000), STAGED);
    assert.equal(server.world.usage(account), 1000);
    await store.remove("staged/a");
    assert.equal(server.world.usage(account), 0);
  }));

test("of two files under one key the older counts, and removing the key removes both", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    await store.put("staged/a", utf8("older"), STAGED);
    const first = only(server.world, "staged/a");
    const twin = { ...first, id: server.world.newId(), createdTime: first.createdTime + 5 };
    server.world.files.set(twin.id, twin);
    server.world.fill(twin, utf8("newer"));
    assert.deepEqual(await keys(store), ["staged/a"]);
    assert.ok(equal(await collect((await open()).read("staged/a")), utf8("older")));
    await rejectsWith("object-exists", store.put("staged/a", utf8("newer"), STAGED));
    await store.remove("staged/a");
    assert.equal(named(server.world, "staged/a").length, 0);
  }));

test("writers that cannot see each other's files yet still leave one", () =>
  withSetting(async ({ open, server }) => {
    const stores = await Promise.all([1, 2, 3].map(() => open()));
    const body = pseudoRandom(1000);
    const results = await Promise.all(stores.map((store) => store.put("staged/a", body, STAGED)));
    assert.equal(new Set(results.map(({ checksum }) => checksum)).size, 1);
    only(server.world, "staged/a");
  }));

test("what was just written is there, although Drive's search lags behind", () =>
  withSetting(async ({ open, server }) => {
    const store = await open(undefined, { partSize: QUANTUM });
    server.world.searchLag = 60_000;
    await store.put("staged/a", utf8("a"), STAGED);
    await store.put("staged/a", utf8("a"), STAGED);
    const upload = await store.beginUpload("staged/b", 3, STAGED);
    await upload.complete([await upload.send(0, utf8("bbb"))], sha256Hex(utf8("bbb")));
    await rejectsWith("object-exists", store.put("staged/b", utf8("x"), STAGED));
    assert.equal((await store.head("staged/a"))?.size, 1);
    assert.deepEqual(await keys(store), ["staged/a", "staged/b"]);
    await store.remove("staged/a");
    assert.equal(await store.head("staged/a"), undefined);
    assert.deepEqual(await keys(store), ["staged/b"]);
    server.world.now += 60_000;
    assert.deepEqual(await keys(await open()), ["staged/b"]);
  }));

test("Google learns an object's key, its size and its bytes, and no date", () =>
  withSetting(async ({ context, server }) => {
    const sent: unknown[] = [];
    const spy: typeof fetch = (input, init) => {
      const text = init?.body instanceof Uint8Array
        ? new TextDecoder("latin1").decode(init.body)
        : String(init?.body);
      const json = /\{.*\}/.exec(text)?.[0];
      if (json !== undefined) sent.push(JSON.parse(json));
      return fetch(input, init);
    };
    const store = await openDrive("gdrive:C", { ...context, fetch: spy }, { create: true });
    await store.put("staged/0123abcd.age", utf8("ciphertext"), STAGED);
    const file = only(server.world, "staged/0123abcd.age");
    assert.deepEqual(sent.at(-1), {
      id: file.id,
      name: "staged/0123abcd.age",
      parents: file.parents,
      mimeType: "application/octet-stream",
      appProperties: { coldframe: "object", key: "staged/0123abcd.age" },
    });
    assert.equal(sent.length, 2, "one for the folder, one for the object");
  }));

test("a put costs three requests, and ids come by the hundred", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    await store.put("staged/0", utf8("0"), STAGED);
    server.log.length = 0;
    for (let i = 1; i <= 50; i++) await store.put(`staged/${i}`, utf8(`${i}`), STAGED);
    assert.equal(server.log.length, 150);
  }));

test("ranges of an object cost one request each after the first", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    await store.put("staged/a", pseudoRandom(1000), STAGED);
    const reader = await open();
    server.log.length = 0;
    for (let i = 0; i < 10; i++) await collect(reader.read("staged/a", { offset: i * 100, length: 100 }));
    assert.equal(server.log.length, 11);
  }));

test("what Google takes for malware is read all the same: its owner wants it", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    await store.put("staged/a", utf8("ciphertext"), STAGED);
    only(server.world, "staged/a").abusive = true;
    assert.ok(equal(await collect(store.read("staged/a")), utf8("ciphertext")));
  }));

// Quotas and permissions

test("usage is what all of Google's services take together", () =>
  withSetting(async ({ open, account }) => {
    const store = await open();
    account.usedElsewhere = 5_000_000;
    await store.put("staged/a", pseudoRandom(1000), STAGED);
    assert.deepEqual(await store.usage(), { used: 5_001_000, limit: 15e9 });
    account.limit = undefined;
    assert.deepEqual(await store.usage(), { used: 5_001_000, limit: undefined });
  }));

test("a full Drive is told as such, for puts and for uploads, and nothing is left of either", () =>
  withSetting(async ({ open, account, server }) => {
    const store = await open();
    account.limit = 100_000;
    const attempts = [
      () => store.put("staged/a", pseudoRandom(200_000), STAGED),
      () => store.beginUpload("staged/b", 200_000, STAGED),
    ];
    for (const attempt of attempts) {
      await assert.rejects(attempt, (error) => {
        assert.ok(error instanceof StoreError && error.code === "store-full" && !error.transient);
        assert.match(error.hint ?? "", /Seal what is staged/);
        return true;
      });
    }
    assert.equal(server.world.files.size, 1, "the folder");
  }));

async function robot(setting: Setting) {
  const email = "robot@coldframe-1234.iam.gserviceaccount.com";
  const key = await serviceAccountKey(email);
  setting.server.world.addServiceAccount(email, key.publicKey);
  const path = join(setting.home, "key.json");
  await writeFile(path, JSON.stringify(key.file), { mode: 0o600 });
  const context = contextOf(setting.server, setting.home);
  return { email, context: { ...context, env: { ...context.env, GOOGLE_APPLICATION_CREDENTIALS: path } } };
}

test("a service account without a shared drive is told that it has no space, and where there is some", () =>
  withSetting(async (setting) => {
    const { context } = await robot(setting);
    const store = await openDrive("gdrive:Coldframe", context, { create: true });
    await assert.rejects(store.put("staged/a", utf8("a"), STAGED), (error) => {
      assert.ok(error instanceof StoreError && error.code === "store-full");
      assert.match(error.hint ?? "", /shared drive \(gdrive:\/\/DRIVE_ID\/Folder\)/);
      assert.match(error.hint ?? "", /coldframe auth google/);
      return true;
    });
  }));

test("a shared drive is a store like any other, for a service account too", () =>
  withSetting(async (setting) => {
    const { email, context } = await robot(setting);
    const drive = setting.server.world.addDrive("Family", [email]);
    const url = `gdrive://${drive.id}/Cold/Photos`;
    const store = await openDrive(url, context, { create: true, partSize: QUANTUM });
    await store.put("staged/a", utf8("a"), STAGED);
    const body = pseudoRandom(QUANTUM + 5);
    const upload = await store.beginUpload("staged/b", body.length, STAGED);
    const receipts = [
      await upload.send(0, body.subarray(0, QUANTUM)),
      await upload.send(1, body.subarray(QUANTUM)),
    ];
    await upload.complete(receipts, sha256Hex(body));
    const again = await openDrive(url, context);
    assert.deepEqual(await keys(again), ["staged/a", "staged/b"]);
    assert.ok(equal(await collect(again.read("staged/b")), body));
    await again.remove("staged/a");
    assert.deepEqual(await keys(again), ["staged/b"]);
    assert.equal(await again.usage(), undefined);
    assert.ok([...setting.server.world.files.values()].every(({ driveId }) => driveId === drive.id));
    await rejectsWith("store-missing", openDrive("gdrive:Cold", context));
  }));

test("a shared drive that this account is no member of is missing", () =>
  withSetting(async ({ server, context, client }) => {
    const drive = server.world.addDrive("Others", ["mallory@example.com"]);
    await signInAs(context, server, "ada@example.com", client, [DRIVE_SCOPE]);
    await rejectsWith("store-missing", openDrive(`gdrive://${drive.id}/Cold`, context, { create: true }));
  }));

const isList = ({ method, url }: Exchange) => method === "GET" && url.pathname === "/drive/v3/files";

for (
  const [name, reply] of [
    ["403 userRateLimitExceeded", faults.TOO_FAST],
    ["429", { ...faults.TOO_MANY, headers: { ...faults.TOO_MANY.headers, "retry-after": "17" } }],
    ["500", faults.BACKEND],
    ["502 without JSON", faults.FRONTEND],
  ] as const
) {
  test(`${name} may pass`, () =>
    withSetting(async ({ open, server }) => {
      const store = await open();
      server.faults.add(isList, { kind: "refuse", reply });
      await assert.rejects(keys(store), (error) => {
        assert.ok(error instanceof StoreError && error.code === "store-unreachable" && error.transient);
        assert.equal(error.retryAfter, name === "429" ? 17 : undefined);
        return true;
      });
    }));
}

test("a project without the Drive API is told to enable it", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    const message = "Google Drive API has not been used in project 1234 before or it is disabled.";
    const reply = apiError(403, "accessNotConfigured", message, { domain: "usageLimits" });
    server.faults.add(isList, { kind: "refuse", reply });
    await assert.rejects(keys(store), (error) => {
      assert.ok(error instanceof StoreError && error.code === "store-denied" && !error.transient);
      assert.match(error.hint ?? "", /Enable the Google Drive API/);
      return true;
    });
  }));

test("a token that Google ended early is renewed once, and the request goes through", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    server.world.access.clear();
    await store.put("staged/a", utf8("a"), STAGED);
    assert.equal(server.count(/^POST \/token$/), 1);
  }));

test("a grant that ended stops with the way out, and is not asked for again and again", () =>
  withSetting(async ({ open, server }) => {
    const store = await open();
    for (const grant of server.world.grants.values()) grant.revoked = true;
    await assert.rejects(keys(store), /Google ended the sign-in/);
    assert.equal(server.count(/^POST \/token$/), 1);
  }));

test("with scope drive.file nothing else of the Drive is ever seen", () =>
  withSetting(async ({ open, server }) => {
    await open();
    for (const { scopes } of server.world.grants.values()) assert.deepEqual(scopes, [DRIVE_FILE_SCOPE]);
  }));
