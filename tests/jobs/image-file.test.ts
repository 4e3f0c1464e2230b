/** Volumes as files, without home and catalog: what `tree`, `find` and `restore` make of them. */

import { Encrypter } from "age-encryption";
import assert from "node:assert/strict";
import {
  chmod,
  cp,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { contents, filesBelow, onlyFile, put } from "../cli/files.ts";
import { type User, withUser } from "../cli/harness.ts";
import { pseudoRandom, run, testWith } from "../tools.ts";

/** Everything below a folder: files with bytes and time, links with targets, folders. */
async function everything(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(root.length + 1);
    const time = (await lstat(path)).mtime.toISOString();
    if (entry.isSymbolicLink()) found[name] = `link ${await readlink(path)}`;
    else if (entry.isFile()) found[name] = `${time} ${await readFile(path, "base64")}`;
    else found[name] = `folder ${time}`;
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A tree with what file systems have; times in whole seconds, as those of foreign images are. */
async function foreignTree(user: User, links: boolean): Promise<string> {
  const time = "2019-07-01T12:00:00.000Z";
  await put(user, "tree/2019/Été/IMG_1.jpg", pseudoRandom(100_000, 1), time);
  await put(user, "tree/2019/with spaces, and rather long.txt", "text", time);
  await put(user, "tree/empty.txt", "", time);
  await mkdir(user.path("tree/2019/nothing in here"));
  if (links) {
    await symlink("2019/Été", user.path("tree/album"));
    await symlink("/nowhere/at/all", user.path("tree/2019/absolute"));
  }
  for (const folder of ["2019/nothing in here", "2019/Été", "2019"]) {
    await utimes(user.path("tree", folder), new Date(time), new Date(time));
  }
  return user.path("tree");
}

const MAKERS = [
  { command: ["genisoimage", "-quiet", "-R"], links: true },
  { command: ["genisoimage", "-quiet", "-J", "-joliet-long"], links: false },
  { command: ["genisoimage", "-quiet", "-R", "-J", "-joliet-long"], links: true },
  { command: ["xorriso", "-as", "mkisofs", "-quiet", "-R"], links: true },
  { command: ["xorriso", "-as", "mkisofs", "-quiet", "-J", "-joliet-long"], links: true },
  { command: ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long"], links: true },
] as const;

async function makeImage(command: readonly string[], iso: string, source: string): Promise<void> {
  const [program = "", ...options] = command;
  await run(program, [...options, "-input-charset", "utf-8", "-o", iso, source], { timeout: 180_000 });
}

for (const { command, links } of MAKERS) {
  testWith(
    [command[0]],
    `an image by ${command.join(" ")} is restored whole, and nothing is said to be proven`,
    () =>
      withUser(async (user) => {
        const source = await foreignTree(user, links);
        await makeImage(command, user.path("x.iso"), source);
        const said = await user.ok("restore", "**", "--image", user.path("x.iso"), "--to", user.path("out"));
        assert.deepEqual(await everything(user.path("out")), await everything(source));
        assert.match(said, /Restored 3 files/);
        assert.match(said, /Nothing proves their bytes: the image has no MANIFEST.jsonl and no SHA256SUMS\./);
        const again = await user.ok("restore", "**", "--image", user.path("x.iso"), "--to", user.path("out"));
        assert.match(again, /3 files were there already/);
      }),
  );
}

testWith(
  ["genisoimage"],
  "tree and find show the files, folders and links of a foreign image",
  () =>
    withUser(async (user) => {
      await makeImage(
        ["genisoimage", "-quiet", "-R", "-V", "HOLIDAY"],
        user.path("x.iso"),
        await foreignTree(user, true),
      );
      assert.deepEqual(
        (await user.ok("tree", user.path("x.iso"))).split("\n"),
        [
          "HOLIDAY",
          "├── 2019/",
          "│   ├── [    link 2019-07-01] absolute → /nowhere/at/all",
          "│   ├── nothing in here/",
          "│   ├── [     4 B 2019-07-01] with spaces, and rather long.txt",
          "│   └── Été/",
          "│       └── [  100 kB 2019-07-01] IMG_1.jpg",
          "├── [    link 2019-07-01] album → 2019/Été",
          "└── [     0 B 2019-07-01] empty.txt",
          "",
        ].map((line) => line.replace(/(link )\d{4}-\d\d-\d\d/, `$1${today()}`)),
      );
      const found = await user.ok("find", "*.jpg", "--image", user.path("x.iso"), "--json");
      const { offset, ...facts } = JSON.parse(found);
      assert.deepEqual(facts, {
        kind: "file",
        path: "2019/Été/IMG_1.jpg",
        size: 100_000,
        mtime: Date.parse("2019-07-01T12:00:00Z"),
        sha256: null,
      });
      const image = await readFile(user.path("x.iso"));
      assert.deepEqual(new Uint8Array(image.subarray(offset, offset + 100_000)), pseudoRandom(100_000, 1));
      const nothing = await user.run("find", "*.heic", "--image", user.path("x.iso"));
      assert.equal(nothing.code, 1);
      assert.match(nothing.err, /nothing matches \*\.heic/);
    }),
);

function today(): string {
  const now = new Date();
  const two = (n: number) => String(n).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

testWith(
  ["genisoimage", "sha256sum"],
  "a SHA256SUMS in a foreign image proves what it names, and nothing else",
  () =>
    withUser(async (user) => {
      const source = await foreignTree(user, false);
      await run("sh", [
        "-c",
        "sha256sum ./2019/*/* > SHA256SUMS && printf '%064d  empty.txt\\n' 0 >> SHA256SUMS",
      ], {
        cwd: source,
      });
      await makeImage(["genisoimage", "-quiet", "-R"], user.path("x.iso"), source);
      const { code, out, err } = await user.run(
        "restore",
        "**",
        "--image",
        user.path("x.iso"),
        "--to",
        user.path("out"),
      );
      assert.equal(code, 3);
      assert.match(out, /1 of 3 files proven by SHA-256; SHA256SUMS does not name the others\./);
      assert.match(err, /not restored: empty\.txt: .*not those that were backed up/);
      assert.deepEqual((await filesBelow(user.path("out"))).filter((path) => /part|empty/.test(path)), []);
    }),
);

/** A sealed archive of `Photos`; its one volume, as a file that is all the user has left. */
async function ownVolume(user: User, ...packing: string[]): Promise<string> {
  await put(user, "Photos/2024/IMG_1.HEIC", pseudoRandom(300_000, 1));
  await put(user, "Photos/2024/copy of 1.HEIC", pseudoRandom(300_000, 1), "1999-12-31T23:59:59.999Z");
  await put(user, 'Photos/it\'s "quoted" 😀\nline.jpg', pseudoRandom(70_000, 2));
  await put(user, `Photos/${"n".repeat(251)}.jpg`, "a name that Rock Ridge cannot hold");
  await put(user, "Photos/empty.txt", "");
  await chmod(user.path("Photos/empty.txt"), 0o400);
  await user.ok("init", "--yes", "--classic");
  await user.ok("scan", user.path("Photos"));
  await user.ok("pack", "--out", user.path("packed"), "--seal", ...packing);
  const volume = await onlyFile(user, "packed");
  await rename(user.path("home"), user.path("lost"));
  return volume;
}

for (const plain of [true, false]) {
  const kind = plain ? ".iso" : ".iso.age";
  test(`an ${kind} of ours gives back names, times, modes and proven bytes, with nothing but a key`, () =>
    withUser(async (user) => {
      const volume = await ownVolume(user, ...(plain ? ["--plain"] : []));
      assert.ok(volume.endsWith(kind));
      const key = plain ? [] : ["--identity", user.path("lost/keys/identity.txt")];
      const said = await user.ok("restore", "**", "--image", volume, ...key, "--to", user.path("out"));
      assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
      assert.equal((await stat(user.path("out/Photos/empty.txt"))).mode & 0o777, 0o400);
      assert.deepEqual(await readdir(user.path("out")), ["Photos"]);
      assert.match(said, /Restored 5 files .*\nEach was proven by its SHA-256 in the MANIFEST\.jsonl/);
      const listed = (await user.ok("tree", volume, ...key, "--json")).trim().split("\n");
      assert.equal(listed.length, 5);
      assert.match(listed.join("\n"), /"sha256":"[0-9a-f]{64}"/);
      await assert.rejects(stat(user.home), { code: "ENOENT" });
    }));
}

test("the identity of the home is used where there is one, protected or not", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user);
    await rename(user.path("lost"), user.path("home"));
    user.env["COLDFRAME_PASSPHRASE"] = "correct horse";
    await user.ok("find", "IMG_1*", "--image", volume);
    await user.ok("key", "protect", "--work-factor", "10");
    await user.ok("find", "IMG_1*", "--image", volume);
    user.env["COLDFRAME_PASSPHRASE"] = "wrong";
    const wrong = await user.run("find", "IMG_1*", "--image", volume);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /passphrase/);
  }));

test("an image that was encrypted with a passphrase asks for it, not for a key", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user, "--plain");
    const encrypter = new Encrypter();
    encrypter.setPassphrase("correct horse");
    encrypter.setScryptWorkFactor(10);
    await writeFile(user.path("p.age"), await encrypter.encrypt(await readFile(volume)));
    const none = await user.run("tree", user.path("p.age"));
    assert.equal(none.code, 1);
    assert.match(none.err, /p\.age is encrypted with a passphrase\n→ Give it in/);
    user.answers = ["correct horse"];
    assert.match(await user.ok("tree", user.path("p.age")), /IMG_1\.HEIC/);
  }));

test("without the right key nothing is written, and the exit code is 1", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user);
    await user.ok("init", "--yes", "--classic");
    const restore = ["restore", "**", "--image", volume, "--to", user.path("out")];
    const wrong = await user.run(...restore);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /the identity does not open it/);
    const missing = await user.run(...restore, "--identity", user.path("nothing.txt"));
    assert.equal(missing.code, 1);
    assert.match(missing.err, /no secret key at .*nothing\.txt\n→ .*--identity FILE/);
    await assert.rejects(stat(user.path("out")), { code: "ENOENT" });
  }));

test("of an image that was cut short, what is whole comes back and the rest is named", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user, "--plain");
    const places = (await user.ok("tree", volume, "--json")).trim().split("\n").map((line) =>
      JSON.parse(line)
    );
    const photo = places.find(({ path }) => path.endsWith("IMG_1.HEIC"));
    const last = places.reduce((a, b) => (a.offset > b.offset ? a : b));
    assert.ok(last.offset >= photo.offset + photo.size, "the photo is whole in what is left");
    await truncate(volume, last.offset + 1);
    const { code, out, err } = await user.run("restore", "**", "--image", volume, "--to", user.path("out"));
    assert.equal(code, 3);
    assert.match(out, /Nothing proves their bytes/);
    assert.match(err, /MANIFEST\.jsonl in the image cannot be used/);
    assert.match(err, /not restored: the image has Photos/);
    const [restored, original] = [
      await contents(user.path("out/Photos")),
      await contents(user.path("Photos")),
    ];
    assert.ok(Object.keys(restored).length >= 2);
    for (const [path, what] of Object.entries(restored)) {
      assert.equal(what.split(" ")[1], original[path]?.split(" ")[1], path);
    }
    const listed = await user.run("tree", volume);
    assert.equal(listed.code, 3);
    assert.match(listed.out, /IMG_1\.HEIC/);
  }));

test("an encrypted image that was cut short gives what is left of it, and is said to be damaged", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user);
    await truncate(volume, (await stat(volume)).size - 1);
    const key = ["--identity", user.path("lost/keys/identity.txt")];
    for (
      const command of [["tree", volume], ["restore", "**", "--image", volume, "--to", user.path("out")]]
    ) {
      const { code, err } = await user.run(...command, ...key, "--json");
      assert.equal(code, 4);
      assert.match(err, /was changed or cut short/);
    }
    assert.ok((await filesBelow(user.path("out"))).length > 0);
  }));

test("a flipped bit costs the file that it is in, and no other", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user, "--plain");
    const { offset } = JSON.parse(await user.ok("find", "*line.jpg", "--image", volume, "--json"));
    const file = await open(volume, "r+");
    const [byte = 0] = pseudoRandom(70_000, 2);
    await file.write(Uint8Array.of(byte ^ 1), 0, 1, offset);
    await file.close();
    const { code, err } = await user.run("restore", "**", "--image", volume, "--to", user.path("out"));
    assert.equal(code, 3);
    assert.match(err, /not restored: Photos\/it's "quoted" 😀\\nline\.jpg: .*not those that were backed up/);
    assert.equal((await filesBelow(user.path("out"))).length, 4);
  }));

testWith(
  ["genisoimage", "bsdtar"],
  "the files of a volume, packed anew by somebody else, are still proven",
  () =>
    withUser(async (user) => {
      await put(user, "Photos/a.txt", "a");
      await put(user, "Photos/b.txt", "b", "2001-02-03T04:05:06.789Z");
      await user.ok("init", "--yes", "--classic");
      await user.ok("scan", user.path("Photos"));
      await user.ok("pack", "--out", user.path("packed"), "--seal", "--plain");
      await mkdir(user.path("unpacked"));
      await run("bsdtar", ["-xf", await onlyFile(user, "packed"), "-C", user.path("unpacked")]);
      await mkdir(user.path("unpacked/AAA"));
      await put(user, "unpacked/AAA/stranger.txt", "not ours");
      await makeImage(["genisoimage", "-quiet", "-R"], user.path("x.iso"), user.path("unpacked"));
      const said = await user.ok(
        "restore",
        "Photos",
        "--image",
        user.path("x.iso"),
        "--to",
        user.path("out"),
      );
      assert.match(said, /Each was proven by its SHA-256 in the MANIFEST\.jsonl/);
      assert.deepEqual(await contents(user.path("out/Photos")), await contents(user.path("Photos")));
    }),
);

test("files whose bytes are in another volume are named, and that is not all", () =>
  withUser(async (user) => {
    await put(user, "Photos/a.txt", "a");
    await user.ok("sync", user.path("Photos"), "--seal");
    const first = await onlyFile(user, "home/store/volumes");
    await put(user, "Photos/same as a.txt", "a");
    await put(user, "Photos/b.txt", "b");
    await user.ok("sync", "--seal");
    const all = (await readdir(user.path("home/store/volumes"))).map((name) =>
      user.path("home/store/volumes", name)
    );
    const [second = ""] = all.filter((path) => path !== first);
    const { code, out, err } = await user.run("restore", "**", "--image", second, "--to", user.path("out"));
    assert.equal(code, 3);
    assert.match(out, /Restored 1 file /);
    assert.match(
      err,
      /1 file named here, with the bytes in volume \d{4}-[^:]*:\nWarning: not restored: Photos\/same as a\.txt/,
    );
    assert.match(await user.ok("find", "same*", "--image", second), /\(its bytes are in volume/);
  }));

test("what is there already is not replaced, unless the user says so", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user, "--plain");
    await put(user, "out/Photos/empty.txt", "mine");
    const restore = ["restore", "empty.txt", "--image", volume, "--to", user.path("out")];
    const refused = await user.run(...restore);
    assert.equal(refused.code, 1);
    assert.match(refused.err, /is already there with other contents/);
    assert.equal(await readFile(user.path("out/Photos/empty.txt"), "utf8"), "mine");
    await user.ok(...restore, "--overwrite");
    assert.equal(await readFile(user.path("out/Photos/empty.txt"), "utf8"), "");
  }));

test("patterns, times and a dry run choose as they do with a catalog", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user, "--plain");
    const restore = (...args: string[]) =>
      user.json("restore", ...args, "--image", volume, "--to", user.path("out"));
    const dry = await restore("**", "--dry-run", "--until", "2000-06-01");
    assert.deepEqual([dry["files"], dry["bytes"], dry["restored"]], [1, 300_000, 0]);
    await assert.rejects(stat(user.path("out")), { code: "ENOENT" });
    const report = await restore("Photos/2024/IMG*", "empty.txt");
    assert.deepEqual([report["files"], report["proof"], report["unproven"]], [2, "MANIFEST.jsonl", 0]);
    const nothing = await user.run("restore", "*.mov", "--image", volume, "--to", user.path("out"));
    assert.equal(nothing.code, 1);
    assert.match(nothing.err, /nothing in .* matches \*\.mov/);
  }));

test("a volume's file may have any name, and lie anywhere", () =>
  withUser(async (user) => {
    const volume = await ownVolume(user, "--plain");
    await mkdir(user.path("a folder"));
    await cp(volume, user.path("a folder/disc one"));
    assert.match(await user.ok("tree", user.path("a folder/disc one")), /^\d{4}-\d\d-\d\d--.*\n└── Photos\//);
  }));

const MISTAKES: [string, (user: User) => string[], number, RegExp][] = [
  ["a file that is not there", (user) => ["tree", user.path("x.iso")], 1, /there is no file .*x\.iso\n→ /],
  ["a volume's name without a home", () => ["tree", "2024-05-01"], 1, /there is no coldframe home/],
  ["a folder", (user) => ["find", "*", "--image", user.folder], 1, /is not a file/],
  ["a text", (user) => ["tree", user.path("note.txt")], 1, /note\.txt cannot be read as an image: /],
  ["an empty file", (user) => ["tree", user.path("empty.iso")], 1, /is only 0 bytes long/],
  [
    "--at with --image",
    () => ["restore", "*", "--image", "x.iso", "--to", "y", "--at", "2024-01-01"],
    2,
    /--at/,
  ],
  ["--all with --image", () => ["find", "*", "--image", "x.iso", "--all"], 2, /--all/],
];
for (const [what, args, code, message] of MISTAKES) {
  test(`${what} is answered with exit code ${code}`, () =>
    withUser(async (user) => {
      await put(user, "note.txt", "just a text");
      await put(user, "empty.iso", "");
      const result = await user.run(...args(user));
      assert.equal(result.code, code);
      assert.match(result.err, message);
    }));
}
