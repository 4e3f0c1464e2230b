import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { hashFiles, type HashResult } from "../../lib/scan/hash.ts";
import { SMALL } from "../../lib/scan/lane.ts";
import { reasonOf } from "../../lib/scan/reason.ts";
import { pseudoRandom, run, testWith, withFolder } from "../tools.ts";
import { hashAll, plant, someFile, walkAll } from "./tree.ts";

const MiB = 1 << 20;
/** With 8 lanes each has 8 MiB of buffer: larger files are read in chunks. */
const LANES = 8;
const LARGE = 8 * MiB;

function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("abc hashes to the value in FIPS 180-2, appendix B.1", async () => {
  await withFolder(async (root) => {
    await plant(root, { "abc": "abc" });
    const { files } = await walkAll(root);
    const result = (await hashAll(root, files)).get("abc");
    assert.deepEqual(result, {
      kind: "hashed",
      file: files[0],
      content: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    });
  });
});

test("files hash right on both sides of every boundary between the ways of reading", async () => {
  const sizes = [
    0,
    1,
    65_536,
    SMALL - 1,
    SMALL,
    SMALL + 1,
    3 * MiB,
    LARGE - 1,
    LARGE,
    LARGE + 1,
    20 * MiB + 7,
  ];
  const bytes = pseudoRandom(Math.max(...sizes));
  await withFolder(async (root) => {
    await plant(root, Object.fromEntries(sizes.map((size) => [`f${size}`, bytes.subarray(0, size)])));
    const results = await hashAll(root, (await walkAll(root)).files, { lanes: LANES });
    for (const size of sizes) {
      const result = results.get(`f${size}`);
      assert.equal(result?.kind === "hashed" && result.content, sha256(bytes.subarray(0, size)), `${size}`);
    }
  });
});

test("every file comes back once, however many lanes and batches there are", async () => {
  await withFolder(async (root) => {
    await plant(root, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, `${i}`])));
    const { files } = await walkAll(root);
    const batches = [[], files.slice(0, 1), files.slice(1, 250), [], files.slice(250)];
    for (const lanes of [1, 3, 8]) {
      const contents: string[] = [];
      for await (const results of hashFiles(root, batches, { inodes: true, lanes })) {
        contents.push(...results.map((result) => result.kind === "hashed" ? result.content : result.kind));
      }
      const expected = Array.from({ length: 300 }, (_, i) => sha256(`${i}`));
      assert.deepEqual(contents.sort(), expected.sort());
    }
  });
});

test("nothing to hash is no result", async () => {
  assert.equal((await hashAll("/", [])).size, 0);
});

test("progress adds up to the bytes of the files", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x".repeat(10), "b": pseudoRandom(MiB), "c": pseudoRandom(LARGE + 1) });
    let total = 0;
    const options = { inodes: true, lanes: LANES, onBytes: (bytes: number) => void (total += bytes) };
    for await (const _ of hashFiles(root, [(await walkAll(root)).files], options));
    assert.equal(total, 10 + MiB + LARGE + 1);
  });
});

/** What hashing says of a file that something happens to between walk and hash. */
async function afterwards(size: number, happen: (path: string) => void): Promise<HashResult | undefined> {
  return await withFolder(async (root) => {
    await plant(root, { "d/f": pseudoRandom(size), "other": pseudoRandom(size, 2) });
    utimesSync(join(root, "d/f"), 1_000, 1_000);
    utimesSync(join(root, "other"), 1_000, 1_000);
    const { files } = await walkAll(root);
    happen(join(root, "d/f"));
    return (await hashAll(root, files.filter((file) => file.path === "d/f"), { lanes: LANES })).get("d/f");
  });
}

for (const [way, size] of [["small", 8], ["medium", MiB], ["large", LARGE + MiB]] as const) {
  test(`a ${way} file that grew since the walk is reported as changed`, async () => {
    const result = await afterwards(size, (path) => appendFileSync(path, "x"));
    assert.ok(
      result?.kind === "changed" && /since it was listed \(size, time/.test(result.what),
      result?.kind,
    );
  });

  test(`a ${way} file that was touched since the walk is reported as changed`, async () => {
    const result = await afterwards(size, (path) => utimesSync(path, 2_000, 2_000));
    assert.ok(result?.kind === "changed" && /since it was listed \(time/.test(result.what), result?.kind);
  });

  test(`another file of the same size and time in the place of a ${way} one is reported as changed`, async () => {
    const result = await afterwards(size, (path) => renameSync(join(path, "../../other"), path));
    assert.ok(result?.kind === "changed" && /another file/.test(result.what), result?.kind);
  });

  test(`a ${way} file that vanished is gone, with its folder or without`, async () => {
    assert.equal((await afterwards(size, (path) => rmSync(path)))?.kind, "gone");
    assert.equal(
      (await afterwards(size, (path) => rmSync(join(path, ".."), { recursive: true })))?.kind,
      "gone",
    );
    const folderBecameFile = (path: string) => {
      rmSync(join(path, ".."), { recursive: true });
      writeFileSync(join(path, ".."), "x");
    };
    assert.equal((await afterwards(size, folderBecameFile))?.kind, "gone");
  });

  test(`a symbolic link in the place of a ${way} file is not followed`, async () => {
    const result = await afterwards(size, (path) => {
      renameSync(path, `${path}.real`);
      symlinkSync(`${path}.real`, path);
    });
    assert.deepEqual(result?.kind === "changed" && result.what, "is a symbolic link now");
  });

  test(`a folder in the place of a ${way} file is reported as changed`, async () => {
    const result = await afterwards(size, (path) => {
      rmSync(path);
      mkdirSync(path);
    });
    assert.deepEqual(result?.kind === "changed" && result.what, "is no regular file any more");
  });
}

testWith(["mkfifo"], "a FIFO or a socket in the place of a file does not hang the hash", async () => {
  await withFolder(async (root) => {
    await run("mkfifo", [join(root, "fifo")]);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, "socket"), resolve));
    const files = [someFile("fifo"), someFile("socket"), someFile("fifo", { size: MiB })];
    try {
      for await (const results of hashFiles(root, [files], { inodes: true })) {
        for (const result of results) {
          assert.equal(result.kind === "changed" && result.what, "is no regular file any more");
        }
      }
    } finally {
      server.close();
    }
  });
});

for (const [way, size] of [["small", 8], ["medium", MiB], ["large", LARGE + MiB]] as const) {
  for (
    const [change, happen] of [
      ["grows", (path: string) => appendFileSync(path, "x")],
      ["is cut", (path: string) => truncateSync(path, 1)],
      ["is written over", (path: string) => writeOver(path)],
    ] as const
  ) {
    test(`a ${way} file that ${change} while it is read is reported as changed`, async () => {
      await withFolder(async (root) => {
        await plant(root, { "f": pseudoRandom(size) });
        utimesSync(join(root, "f"), 1_000, 1_000);
        const { files } = await walkAll(root);
        let reads = 0;
        const onBytes = () => void (reads++ === 0 && happen(join(root, "f")));
        const results: HashResult[] = [];
        for await (const batch of hashFiles(root, [files], { inodes: true, lanes: LANES, onBytes })) {
          results.push(...batch);
        }
        assert.deepEqual(results.map((result) => result.kind), ["changed"]);
        assert.ok(
          results.every((result) => result.kind === "changed" && /while it was read/.test(result.what)),
        );
      });
    });
  }
}

/** Other bytes in the same file, which keeps its size. */
function writeOver(path: string): void {
  const fd = openSync(path, "r+");
  writeSync(fd, "changed", 0);
  closeSync(fd);
}

test("without trust in inodes, a new number alone is no change", async () => {
  await withFolder(async (root) => {
    await plant(root, { "f": "x" });
    const files = (await walkAll(root)).files.map((file) => ({ ...file, inode: "1" }));
    assert.equal((await hashAll(root, files, { inodes: false })).get("f")?.kind, "hashed");
    assert.equal((await hashAll(root, files, { inodes: true })).get("f")?.kind, "changed");
  });
});

test("a file that cannot be opened is unreadable, with the reason in words", async () => {
  await withFolder(async (root) => {
    const long = someFile("x".repeat(300));
    assert.deepEqual((await hashAll(root, [long])).get(long.path), {
      kind: "unreadable",
      file: long,
      reason: "the path is too long for this system",
    });
  });
});

for (
  const [code, reason] of [
    ["EACCES", "permission denied"],
    ["EPERM", "permission denied"],
    ["EIO", "read error: the disk may be failing"],
    ["EAGAIN", "in use by another program"],
    ["ESTALE", "the network folder does not answer"],
    ["EWHATEVER", "system error EWHATEVER"],
  ] as const
) {
  test(`${code} reads: ${reason}`, () => {
    assert.equal(reasonOf(Object.assign(new Error("raw"), { code })), reason);
  });
}

test("an abort stops with its reason, and no file stays open", async () => {
  await withFolder(async (root) => {
    await plant(root, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, pseudoRandom(MiB)])));
    await plant(root, { "large": pseudoRandom(30 * MiB) });
    const { files } = await walkAll(root);
    const abort = new AbortController();
    const hashing = hashFiles(root, [files], {
      inodes: true,
      signal: abort.signal,
      onBytes: () => abort.abort(new Error("Ctrl-C")),
    });
    await assert.rejects(async () => {
      for await (const _ of hashing);
    }, /Ctrl-C/);
    assert.deepEqual(await openFilesBelow(root), []);
  });
});

test("leaving early stops the source of files too, and no file stays open", async () => {
  await withFolder(async (root) => {
    await plant(root, Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, "x"])));
    const { files } = await walkAll(root);
    let stopped = false;
    const endless = async function* () {
      try {
        for (;;) {
          yield files;
          await Promise.resolve();
        }
      } finally {
        stopped = true;
      }
    };
    for await (const _ of hashFiles(root, endless(), { inodes: true })) break;
    assert.equal(stopped, true);
    assert.deepEqual(await openFilesBelow(root), []);
  });
});

test("when the source of files fails, what was hashed is given before the error", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x" });
    const { files } = await walkAll(root);
    const failing = async function* () {
      yield files;
      await Promise.resolve();
      throw new Error("disk pulled out");
    };
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const results of hashFiles(root, failing(), { inodes: true })) {
        seen.push(...results.map((result) => result.file.path));
      }
    }, /disk pulled out/);
    assert.deepEqual(seen, ["a"]);
  });
});

test("a slow reader holds the hashing back: results do not pile up", async () => {
  await withFolder(async (root) => {
    await plant(root, { "a": "x" });
    const { files } = await walkAll(root);
    const many = Array.from({ length: 6_000 }, () => files[0] ?? someFile("a"));
    let read = 0;
    const hashing = hashFiles(root, [many], { inodes: true, lanes: 2, onBytes: () => void read++ });
    await hashing.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(read <= 2_002, `${read} files hashed ahead`);
    await hashing.return(undefined);
  });
});

/** The files below a folder that this process has open, where the system tells (Linux). */
async function openFilesBelow(root: string): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const { stdout } = await run("sh", ["-c", 'ls -l "/proc/$1/fd" || true', "sh", String(process.pid)]);
  assert.ok((await readdir(`/proc/${process.pid}/fd`)).length > 0);
  return stdout.split("\n").filter((line) => line.includes(root));
}
