/** What the `file:` store does when the disk is gone, full, read-only, without links, or the power fails. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import {
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { collect, equal, utf8 } from "../../lib/bytes.ts";
import { hasCode, StoreError } from "../../lib/errors.ts";
import type { StoreContext } from "../../lib/store/context.ts";
import { type FileStoreOptions, openFile } from "../../lib/store/file.ts";
import { Folders } from "../../lib/store/file/folders.ts";
import type { Store } from "../../lib/store/store.ts";
import { pseudoRandom, run, testWith, withFolder } from "../tools.ts";
import { inParallel, rejectsWith } from "./conformance.ts";
import { systemError, testContext, withoutLinks } from "./context.ts";

const STAGED = { kind: "staged" } as const;
const VOLUME = { kind: "volume" } as const;
const MIB = 1024 * 1024;
const POSIX = process.platform !== "win32";

/** Runs `body` with an empty store in a folder of its own. */
async function withStore(
  body: (store: Store, root: string) => Promise<void>,
  options: FileStoreOptions = {},
  context: Partial<StoreContext> = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const root = join(folder, "store");
    await body(await create(root, options, context), root);
  });
}

async function create(
  root: string,
  options: FileStoreOptions = {},
  context: Partial<StoreContext> = {},
): Promise<Store> {
  return await openFile(`file:${root}`, testContext(context), { partSize: 10_000, ...options, create: true });
}

async function keys(store: Store, prefix = ""): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ key }) => key).sort();
}

// The marker

test("a folder without marker is not opened: it may be where a disk is not mounted", async () => {
  await withFolder(async (folder) => {
    await assert.rejects(openFile(`file:${folder}`, testContext()), (error) => {
      return hasCode(error, "store-missing") && /mount that first/.test(error.hint ?? "");
    });
    assert.deepEqual(await readdir(folder), []);
  });
});

test("a marker made by hand makes a folder a store", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, ".coldframe-store"), "");
    const store = await openFile(`file:${folder}`, testContext());
    await store.put("staged/a", utf8("a"), STAGED);
    assert.deepEqual(await keys(store), ["staged/a"]);
  });
});

test("a file is not a store, and does not become one", async () => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "file"), "x");
    await rejectsWith("store-missing", openFile(`file:${folder}/file`, testContext()));
    await assert.rejects(create(join(folder, "file")), (error) => error instanceof StoreError);
    assert.equal(await readFile(join(folder, "file"), "utf8"), "x");
  });
});

test("creating a store twice, also at once, gives one store", async () => {
  await withFolder(async (folder) => {
    const stores = await Promise.all([1, 2, 3].map(() => create(folder)));
    for (const [i, store] of stores.entries()) await store.put(`staged/${i}`, utf8("x"), STAGED);
    const again = await create(folder);
    for (const store of [...stores, again]) assert.equal((await keys(store)).length, 3);
    assert.deepEqual(await readdir(join(folder, ".coldframe-tmp")), []);
  });
});

for (const left of ["an empty mount point", "nothing"]) {
  test(`when the disk is gone and ${left} is left, every call says so and nothing is written there`, () =>
    withStore(async (store, root) => {
      await store.put("staged/a", utf8("a"), STAGED);
      const upload = await store.beginUpload("volumes/v", 10, VOLUME);
      await rename(root, `${root}-elsewhere`);
      if (left !== "nothing") await mkdir(root);
      const calls: [string, () => Promise<unknown>][] = [
        ["list", () => keys(store)],
        ["list staged/", () => keys(store, "staged/")],
        ["head", () => store.head("staged/a")],
        ["read", () => collect(store.read("staged/a"))],
        ["put", () => store.put("staged/b", utf8("b"), STAGED)],
        ["beginUpload", () => store.beginUpload("volumes/w", 10, VOLUME)],
        ["resumeUpload", () => store.resumeUpload("volumes/v", 10, upload.token, [])],
        ["listUploads", () => Array.fromAsync(store.listUploads())],
        ["remove", () => store.remove("staged/a")],
        ["send", () => upload.send(0, pseudoRandom(10))],
        ["complete", () => upload.complete([{ index: 0, size: 10, sha256: "", tag: "" }])],
      ];
      if (left === "nothing") calls.push(["usage", () => store.usage()]);
      for (const [name, call] of calls) {
        await assert.rejects(call(), (error) => hasCode(error, "store-missing"), name);
      }
      assert.deepEqual(await readdir(root).catch(() => []), []);
    }));
}

test("a listing fails when another store appears in its place meanwhile", () =>
  withStore(async (store, root) => {
    for (const key of ["staged/a", "volumes/b"]) await store.put(key, utf8(key), STAGED);
    await assert.rejects(
      (async () => {
        for await (const _ of store.list("")) {
          await rename(root, `${root}-elsewhere`).catch(() => {});
          await create(root);
        }
      })(),
      (error) => hasCode(error, "store-missing") && /another store/.test(error.message),
    );
  }));

test("a store copied without its folder of unfinished files still takes objects", () =>
  withStore(async (store, root) => {
    await rm(join(root, ".coldframe-tmp"), { recursive: true });
    await store.put("staged/a", utf8("a"), STAGED);
    await rm(join(root, ".coldframe-tmp"), { recursive: true });
    assert.deepEqual(await Array.fromAsync(store.listUploads()), []);
    await (await store.beginUpload("volumes/v", 1, VOLUME)).abort();
    assert.deepEqual(await keys(store), ["staged/a"]);
  }));

for (
  const [size, part] of [
    [0, 2],
    [8 * MIB + 1, 2],
    [16 * MIB, 2],
    [16 * MIB + 1, 3],
    [56 * MIB, 7],
    [56 * MIB + 1, 8],
    [1000 * MIB, 8],
  ] as const
) {
  test(`an upload of ${size} bytes has parts of ${part} MiB`, () =>
    withFolder(async (folder) => {
      const store = await openFile(`file:${folder}/store`, testContext(), { create: true });
      const upload = await store.beginUpload("volumes/v", size, VOLUME);
      assert.equal(upload.partSize, part * MIB);
      await upload.abort();
    }));
}

test("a folder that somebody removed is made again", () =>
  withStore(async (store, root) => {
    await store.put("staged/x/a", utf8("a"), STAGED);
    await rm(join(root, "staged"), { recursive: true });
    await store.put("staged/x/b", utf8("b"), STAGED);
    assert.deepEqual(await keys(store), ["staged/x/b"]);
  }));

// What is on the disk

test("objects are plain files under their keys, and nothing else is left", () =>
  withStore(async (store, root) => {
    await store.put("staged/a.age", utf8("hello"), STAGED);
    const upload = await store.beginUpload("volumes/v.iso.age", 3, VOLUME);
    await upload.complete([await upload.send(0, utf8("vol"))]);
    assert.equal(await readFile(join(root, "staged", "a.age"), "utf8"), "hello");
    assert.equal(await readFile(join(root, "volumes", "v.iso.age"), "utf8"), "vol");
    assert.deepEqual(await readdir(join(root, ".coldframe-tmp")), []);
    assert.deepEqual((await readdir(root)).sort(), [
      ".coldframe-store",
      ".coldframe-tmp",
      "staged",
      "volumes",
    ]);
  }));

test(
  "keys are for their owner only, the rest as the umask says",
  { skip: !POSIX },
  () =>
    withStore(async (store, root) => {
      await store.put("keys/identity.age", utf8("key"), { kind: "key" });
      await store.put("staged/a", utf8("a"), STAGED);
      const mode = async (...path: string[]) => (await stat(join(root, ...path))).mode & 0o777;
      assert.equal(await mode("keys"), 0o700);
      assert.equal(await mode("keys", "identity.age"), 0o600);
      assert.equal(await mode("staged", "a"), 0o666 & ~process.umask());
      assert.equal(await mode("staged"), 0o777 & ~process.umask());
    }),
);

test("a failed write leaves nothing behind", () =>
  withStore(async (store, root) => {
    await store.put("staged/a", utf8("a"), STAGED);
    await rejectsWith("object-exists", store.put("staged/a", utf8("b"), STAGED));
    await rejectsWith("object-exists", store.put("staged/a/below", utf8("b"), STAGED));
    await store.put("staged/folder/b", utf8("b"), STAGED);
    await rejectsWith("object-exists", store.put("staged/folder", utf8("b"), STAGED));
    assert.deepEqual(await readdir(join(root, ".coldframe-tmp")), []);
  }));

test("single writes that a crash cut off are swept away a day later, uploads never", () =>
  withStore(async (store, root) => {
    const temp = join(root, ".coldframe-tmp");
    await store.beginUpload("volumes/v", 10, VOLUME);
    const [old, young] = ["0", "1"].map((digit) => `put-${digit.repeat(32)}`);
    for (const name of [old, young, "not-ours"]) await writeFile(join(temp, name ?? ""), "half");
    for (const name of await readdir(temp)) {
      const time = name === young ? Date.now() / 1000 : Date.now() / 1000 - 90_000;
      await utimes(join(temp, name), time, time);
    }
    const again = await openFile(`file:${root}`, testContext());
    await again.put("staged/a", utf8("a"), STAGED);
    const left = (await readdir(temp)).filter((name) => !name.startsWith("upload-")).sort();
    assert.deepEqual(left, ["not-ours", young]);
    assert.deepEqual((await Array.fromAsync(again.listUploads())).map(({ key }) => key), ["volumes/v"]);
  }));

test("an upload's plan that is not ours is named and left alone", async () => {
  const warnings: string[] = [];
  await withStore(
    async (store, root) => {
      const path = join(root, ".coldframe-tmp", `upload-${"a".repeat(32)}.json`);
      await writeFile(path, '{"key":');
      assert.deepEqual(await Array.fromAsync(store.listUploads()), []);
      assert.match(warnings.join(), /upload-a+\.json is not a plan/);
      assert.equal(await readFile(path, "utf8"), '{"key":');
    },
    {},
    { warn: (message) => warnings.push(message) },
  );
});

test("a part beyond 4 GiB lands where it belongs", async () => {
  await withFolder(async (folder) => {
    const store = await create(folder, { partSize: 2 ** 30 });
    const size = 5 * 2 ** 30 + 5;
    const upload = await store.beginUpload("volumes/v", size, VOLUME);
    const receipt = await upload.send(5, utf8("hello"));
    const path = join(folder, ".coldframe-tmp", `${upload.token}.part`);
    const file = await open(path, "r");
    const { bytesRead, buffer } = await file.read(new Uint8Array(10), 0, 10, size - 5);
    await file.close();
    assert.equal(bytesRead, 5);
    assert.ok(equal(buffer.subarray(0, 5), utf8("hello")));
    const resumed = await store.resumeUpload("volumes/v", size, upload.token, [receipt]);
    assert.deepEqual(resumed?.confirmed, [receipt]);
    await upload.abort();
  });
});

// Crashes

test("after a crash between publishing and tidying, the object cannot be written to", () =>
  withStore(async (store, root) => {
    const upload = await store.beginUpload("volumes/v", 5, VOLUME);
    const receipt = await upload.send(0, utf8("first"));
    await mkdir(join(root, "volumes"));
    await link(join(root, ".coldframe-tmp", `${upload.token}.part`), join(root, "volumes", "v"));
    const resumed = await store.resumeUpload("volumes/v", 5, upload.token, [receipt]);
    assert.deepEqual(resumed?.confirmed, [receipt]);
    await rejectsWith("object-exists", resumed.send(0, utf8("other")));
    assert.deepEqual(await resumed.send(0, utf8("first")), receipt);
    assert.equal((await resumed.complete([receipt])).size, 5);
    assert.equal(await readFile(join(root, "volumes", "v"), "utf8"), "first");
    assert.deepEqual(await readdir(join(root, ".coldframe-tmp")), []);
  }));

test("an upload does not complete with receipts for other bytes than it holds", () =>
  withStore(async (store) => {
    const upload = await store.beginUpload("volumes/v", 5, VOLUME);
    const first = await upload.send(0, utf8("first"));
    await upload.send(0, utf8("other"));
    await rejectsWith("store-protocol", upload.complete([first]));
    assert.equal(await store.head("volumes/v"), undefined);
  }));

test("a part whose writing failed holds neither the old bytes nor the new", () =>
  withStore(async (store, root) => {
    const upload = await store.beginUpload("volumes/v", 5, VOLUME);
    const first = await upload.send(0, utf8("first"));
    const path = join(root, ".coldframe-tmp", `${upload.token}.part`);
    await rename(path, `${path}-away`);
    await mkdir(path);
    await assert.rejects(upload.send(0, utf8("other")));
    await rmdir(path);
    await rename(`${path}-away`, path);
    await rejectsWith("store-protocol", upload.complete([first]));
    await upload.complete([await upload.send(0, utf8("first"))]);
  }));

test("an upload whose file was cut does not complete", () =>
  withStore(async (store, root) => {
    const upload = await store.beginUpload("volumes/v", 5, VOLUME);
    const receipt = await upload.send(0, utf8("first"));
    await writeFile(join(root, ".coldframe-tmp", `${upload.token}.part`), "fir");
    await rejectsWith("damaged", upload.complete([receipt]));
    assert.equal(await store.head("volumes/v"), undefined);
  }));

test("an object that was cut while it was read is damaged, not short", () =>
  withStore(async (store, root) => {
    await store.put("staged/a", pseudoRandom(3 * 1024 * 1024), STAGED);
    await rejectsWith(
      "damaged",
      (async () => {
        for await (const _ of store.read("staged/a")) await writeFile(join(root, "staged", "a"), "cut");
      })(),
    );
  }));

const WRITER = fileURLToPath(new URL("writer.ts", import.meta.url));

/** Command and arguments that run a program of ours under the runtime that runs this test. */
function runtime(...args: string[]): [string, string[]] {
  return [process.execPath, process.versions["bun"] === undefined ? ["run", "-A", ...args] : args];
}

test(
  "kill -9 at any moment leaves only whole objects",
  { skip: !POSIX, timeout: 180_000 },
  () =>
    withStore(async (store) => {
      for (const wait of [0, 7, 30]) {
        const [command, args] = runtime(WRITER, store.url, String(wait));
        const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
        const exited = new Promise((resolve) => child.on("exit", resolve));
        // The first object is there: the writer is at work.
        await new Promise((resolve) => child.stdout.once("data", resolve));
        await sleep(wait);
        child.kill("SIGKILL");
        await exited;
      }
      let count = 0;
      for await (const { key, size } of store.list("")) {
        const seed = Number(key.split("-").pop());
        const body = await collect(store.read(key));
        assert.equal(size, body.length);
        assert.ok(equal(body, pseudoRandom(300_000, seed)), `${key} is not whole`);
        count++;
      }
      assert.ok(count >= 3);
    }),
);

testWith(
  ["strace"],
  "bytes, names and new folders are synced before a write is confirmed",
  () =>
    withFolder(async (folder) => {
      const [command, args] = runtime(WRITER, `file:${folder}`, "0", "once");
      const trace = join(folder, "..", `${folder.split("/").pop()}.trace`);
      try {
        const calls = "trace=fdatasync,fsync,link,linkat,mkdir,mkdirat";
        await run("strace", ["-f", "-y", "-e", calls, "-o", trace, command, ...args]);
        const lines = (await readFile(trace, "utf8")).split("\n").filter((line) => line.includes(folder));
        const at = (pattern: RegExp) => {
          const found = lines.findLastIndex((line) => pattern.test(line));
          assert.ok(found >= 0, `no ${pattern} in\n${lines.join("\n")}`);
          return found;
        };
        const order = [
          at(/fdatasync\(.*\/put-[0-9a-f]+>/),
          at(/mkdir.*\/staged"/),
          at(/fsync\(\d+<[^>]*coldframe-test-\w+>/),
          at(/link(at)?\(.*\/put-.*\/staged\//),
          at(/fsync\(.*\/staged>/),
        ];
        assert.deepEqual(order, [...order].sort((a, b) => a - b), lines.join("\n"));
      } finally {
        await rm(trace, { force: true });
      }
    }),
);

// Disks that refuse

/** Whether this user may mount a file system; tried, since a container may keep even root from it. */
function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const folder = mkdtempSync(join(tmpdir(), "coldframe-test-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).status === 0;
  if (mounted) spawnSync("umount", [folder]);
  rmdirSync(folder);
  return mounted;
}

/** A test in a file system of one megabyte, in memory. */
function testOnSmallDisk(name: string, body: (folder: string) => Promise<void>): void {
  if (!canMount()) return void test(`${name} (left out: no right to mount)`, () => {});
  test(name, () =>
    withFolder(async (folder) => {
      await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
      try {
        await body(folder);
      } finally {
        await run("umount", [folder]);
      }
    }));
}

testOnSmallDisk(
  "a full disk is named, leaves no half object, and the upload goes on once there is space",
  async (folder) => {
    const store = await create(join(folder, "store"), { partSize: 300_000 });
    const isFull = (error: unknown) => {
      return hasCode(error, "store-full") && error.message.includes(folder) && error.hint !== undefined;
    };
    await assert.rejects(store.put("staged/a", pseudoRandom(2_000_000), STAGED), isFull);
    await assert.rejects(store.beginUpload("volumes/v", 2_000_000, VOLUME), isFull);
    const upload = await store.beginUpload("volumes/v", 900_000, VOLUME);
    await store.put("staged/b", pseudoRandom(300_000), STAGED);
    const body = pseudoRandom(900_000, 2);
    const receipts = [await upload.send(0, body.subarray(0, 300_000))];
    receipts.push(await upload.send(1, body.subarray(300_000, 600_000)));
    await assert.rejects(upload.send(2, body.subarray(600_000)), isFull);
    assert.deepEqual(await keys(store), ["staged/b"]);
    await store.remove("staged/b");
    receipts.push(await upload.send(2, body.subarray(600_000)));
    await upload.complete(receipts);
    assert.ok(equal(await collect(store.read("volumes/v")), body));
    assert.equal((await store.usage())?.limit, 1_048_576);
  },
);

testOnSmallDisk("a disk mounted read-only can be read, and says why it takes nothing", async (folder) => {
  const before = await create(folder);
  await before.put("staged/a", utf8("a"), STAGED);
  await run("mount", ["-o", "remount,ro", folder]);
  const store = await openFile(`file:${folder}`, testContext());
  assert.ok(equal(await collect(store.read("staged/a")), utf8("a")));
  const isReadOnly = (error: unknown) => hasCode(error, "store-denied") && /read-only/.test(error.message);
  await assert.rejects(store.put("staged/b", utf8("b"), STAGED), isReadOnly);
  await assert.rejects(store.beginUpload("volumes/v", 1, VOLUME), isReadOnly);
  await assert.rejects(store.remove("staged/a"), isReadOnly);
});

const FAULTS: [string, string, boolean][] = [
  ["ENOSPC", "store-full", false],
  ["EDQUOT", "store-full", false],
  ["EFBIG", "store-full", false],
  ["EROFS", "store-denied", false],
  ["EACCES", "store-denied", false],
  ["EIO", "damaged", false],
  ["ENODEV", "store-missing", false],
  ["EXDEV", "store-protocol", false],
  ["ENAMETOOLONG", "store-protocol", false],
  ["ENOENT", "store-protocol", false],
  ["EWHATEVER", "store-protocol", false],
  ["EMFILE", "store-unreachable", true],
  ["ESTALE", "store-unreachable", true],
  ["ENOTCONN", "store-unreachable", true],
];
for (const [system, code, transient] of FAULTS) {
  test(`${system} is ${code}${transient ? ", worth another try" : ""}`, () =>
    withStore(async (store, root) => {
      await assert.rejects(store.put("staged/a", utf8("a"), STAGED), (error) => {
        assert.ok(error instanceof StoreError, String(error));
        assert.equal(error.code, code);
        assert.equal(error.transient, transient);
        assert.ok(error.message.includes(join(root, "staged", "a")), error.message);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
      assert.deepEqual(await readdir(join(root, ".coldframe-tmp")), []);
    }, {
      link: (_, path) =>
        path.endsWith(".coldframe-store") ? link(_, path) : Promise.reject(systemError(system)),
    }));
}

test("a stopped run starts no call, and stops a read between two pieces", () => {
  const stop = new AbortController();
  return withStore(
    async (store) => {
      await store.put("staged/a", pseudoRandom(3 * 1024 * 1024), STAGED);
      await assert.rejects(
        (async () => {
          for await (const _ of store.read("staged/a")) stop.abort(new Error("stopped"));
        })(),
        /stopped/,
      );
      await assert.rejects(store.put("staged/b", utf8("b"), STAGED), /stopped/);
      await assert.rejects(keys(store), /stopped/);
    },
    {},
    { signal: stop.signal },
  );
});

// File systems without hard links

test("without hard links, a lock that a crash left is broken after a while", () =>
  withStore(async (store, root) => {
    await store.put("staged/a", utf8("a"), STAGED);
    // Take the name of a lock from a writer that is kept from finishing.
    const names = new Set<string>();
    const watch = setInterval(async () => {
      for (const name of await readdir(join(root, ".coldframe-tmp"))) names.add(name);
    }, 1);
    while (![...names].some((name) => name.endsWith(".lock"))) {
      await store.put("staged/b", utf8("b"), STAGED);
      await store.remove("staged/b");
    }
    clearInterval(watch);
    const lock = [...names].find((name) => name.endsWith(".lock")) ?? assert.fail();
    await writeFile(join(root, ".coldframe-tmp", lock), "left by a crash");
    const begun = performance.now();
    await store.put("staged/b", utf8("b"), STAGED);
    assert.ok(performance.now() - begun >= 100);
    assert.deepEqual(await keys(store), ["staged/a", "staged/b"]);
  }, { link: withoutLinks, lockPatience: 100 }));

test("without hard links, a holder at work is waited for", () =>
  withStore(async (store) => {
    const bodies = Array.from({ length: 20 }, (_, i) => pseudoRandom(5000, i + 1));
    const results = await Promise.allSettled(bodies.map((body) => store.put("staged/a", body, STAGED)));
    assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
  }, { link: withoutLinks, lockPatience: 5000 }));

// What else may lie in a store

test("what is not ours is listed too", () =>
  withStore(async (store, root) => {
    await writeFile(join(root, "holiday.jpg"), "jpg");
    await mkdir(join(root, "empty folder"));
    assert.deepEqual(await keys(store), ["holiday.jpg"]);
  }));

test("a FIFO in a store stops nobody", { skip: !POSIX }, () =>
  withStore(async (store, root) => {
    await run("mkfifo", [join(root, "pipe")]);
    assert.deepEqual(await keys(store), []);
    assert.equal(await store.head("pipe"), undefined);
    await rejectsWith("object-missing", collect(store.read("pipe")));
    await rejectsWith("object-exists", store.put("pipe", utf8("x"), STAGED));
  }));

test(
  "symlinks are followed, and a loop of them ends",
  { skip: !POSIX },
  () =>
    withStore(async (store, root) => {
      await store.put("staged/a", utf8("a"), STAGED);
      await symlink("a", join(root, "staged", "to-file"));
      await symlink("staged", join(root, "to-folder"));
      await symlink("..", join(root, "staged", "loop"));
      await symlink("nowhere", join(root, "dangling"));
      const listed = await keys(store);
      for (const key of listed) assert.ok(equal(await collect(store.read(key)), utf8("a")), key);
      assert.deepEqual(listed, ["staged/a", "staged/to-file", "to-folder/a", "to-folder/to-file"]);
    }),
);

test("a name that is not UTF-8 is named in a warning", { skip: process.platform !== "linux" }, async () => {
  const warnings: string[] = [];
  await withStore(
    async (store, root) => {
      await run("sh", ["-c", `printf x > "$1/$(printf 'caf\\351')"`, "sh", root]);
      assert.deepEqual(await keys(store), []);
      assert.match(warnings.join(), /caf\uFFFD is not listed: its name is not valid UTF-8/);
    },
    {},
    { warn: (message) => warnings.push(message) },
  );
});

// Speed

test("callers who come while a folder is being synced share the next sync", async () => {
  await withFolder(async (folder) => {
    const folders = new Folders(folder);
    const [first, second, third] = [folders.sync(folder), folders.sync(folder), folders.sync(folder)];
    assert.notEqual(first, second);
    assert.equal(second, third);
    await Promise.all([first, second, third]);
    assert.notEqual(folders.sync(folder), third);
  });
});

test("a folder whose sync failed can be synced again", async () => {
  await withFolder(async (folder) => {
    const folders = new Folders(folder);
    const path = join(folder, "new");
    const failed = await Promise.allSettled([folders.sync(path), folders.sync(path)]);
    assert.deepEqual(failed.map(({ status }) => status), ["rejected", "rejected"]);
    await mkdir(path);
    await folders.sync(path);
  });
});

test("many small objects are written side by side", { timeout: 300_000 }, () =>
  withStore(async (store) => {
    const count = Number(process.env["COLDFRAME_MANY"] ?? 500);
    const names = Array.from({ length: count }, (_, i) => `staged/${i}`);
    const body = pseudoRandom(20_000);
    const begun = performance.now();
    await inParallel(names, 16, (key) => store.put(key, body, STAGED));
    const seconds = (performance.now() - begun) / 1000;
    if (process.env["COLDFRAME_MANY"] !== undefined) {
      console.log(`${count} objects in ${seconds.toFixed(1)} s`);
    }
    assert.equal((await keys(store)).length, count);
  }));
