/** What a `file:` URL and a key mean as paths, and which URLs open at all. */

import assert from "node:assert/strict";
import process from "node:process";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { hasCode } from "../../lib/errors.ts";
import { isOwnName, objectPath, parseFileUrl } from "../../lib/store/file/path.ts";
import { openStore } from "../../lib/store/open.ts";
import { withFolder } from "../tools.ts";
import { rejectsWith } from "./conformance.ts";
import { testContext } from "./context.ts";

const CWD = resolve("/srv/here");
const HOME = resolve("/home/ann");
const parse = (url: string) => parseFileUrl(url, { cwd: CWD, home: HOME, windows: false });

test("a file: URL is a path, taken literally", () => {
  const paths: [string, string][] = [
    ["file:/mnt/store", "/mnt/store"],
    ["file:/mnt/store/", "/mnt/store"],
    ["FILE:/mnt/store", "/mnt/store"],
    ["file:/mnt/my store", "/mnt/my store"],
    ["file:/mnt/100%", "/mnt/100%"],
    ["file:/mnt/a%20b", "/mnt/a%20b"],
    ["file:/mnt/what?#1+2", "/mnt/what?#1+2"],
    ["file:/mnt/Grüße", "/mnt/Grüße"],
    ["file:/a:b", "/a:b"],
    ["file:/mnt/../mnt/./store", "/mnt/store"],
    ["file:store", "/srv/here/store"],
    ["file:./store", "/srv/here/store"],
    ["file:../store", "/srv/store"],
    ["file:.", "/srv/here"],
    ["file:~", "/home/ann"],
    ["file:~/backups", "/home/ann/backups"],
    ["file:/a/~/b", "/a/~/b"],
  ];
  for (const [url, path] of paths) assert.equal(parse(url), resolve(path), url);
});

test("only the form that file managers copy is percent-decoded", () => {
  const paths: [string, string][] = [
    ["file:///mnt/store", "/mnt/store"],
    ["file:///mnt/my%20store", "/mnt/my store"],
    ["file:///mnt/my store", "/mnt/my store"],
    ["file:///mnt/Gr%C3%BC%C3%9Fe", "/mnt/Grüße"],
    ["file:///mnt/100%25", "/mnt/100%"],
    ["file:///mnt/100%", "/mnt/100%"],
    ["file://localhost/mnt/store", "/mnt/store"],
  ];
  for (const [url, path] of paths) assert.equal(parse(url), resolve(path), url);
});

test("a Windows drive may follow three slashes", () => {
  const url = parseFileUrl("file:///C:/My%20Photos", { cwd: "/", home: "/", windows: true });
  assert.equal(url, resolve("/", "C:/My Photos"));
});

test("a URL that names no folder here is refused with the right form", () => {
  for (const url of ["file:", "file://", "file://server/share", "file:~bob/x", "file:/a\0b", "s3://x"]) {
    assert.throws(() => parse(url), (error) => hasCode(error, "store-url") && error.hint !== undefined, url);
  }
});

test("a key is a path below the root", () => {
  assert.equal(objectPath("/r", "volumes/a b%.age", false), join("/r", "volumes", "a b%.age"));
  assert.equal(objectPath("/r", "a\\..\\b:c", false), join("/r", "a\\..\\b:c"));
});

test("a key cannot name the store's own files, in whatever case", () => {
  for (const key of [".coldframe-tmp/x", ".coldframe-store", ".COLDFRAME-Store", ".Coldframe-Tmp"]) {
    assert.throws(() => objectPath("/r", key, false), (error) => hasCode(error, "store-protocol"), key);
  }
  assert.equal(isOwnName("coldframe-store"), false);
  assert.equal(objectPath("/r", "mirror/.coldframe-store", false), join("/r", "mirror", ".coldframe-store"));
});

test("on Windows, keys that it would change or misread are refused", () => {
  for (const key of ["a\\..\\..\\b", "a:b", "a?", "a ", "a./b", "a/...", "a\u0001"]) {
    assert.throws(() => objectPath("/r", key, true), (error) => hasCode(error, "store-protocol"), key);
  }
});

test("a URL of an unknown kind is refused with the kinds there are, and not repeated", async () => {
  await assert.rejects(openStore("ftp://user:secret@host/x", testContext()), (error) => {
    assert.ok(hasCode(error, "store-url"));
    assert.match(error.message, /"ftp:".*known are file:/);
    assert.doesNotMatch(`${error.message} ${error.hint}`, /secret/);
    return true;
  });
});

test("a bare path is refused with the URL that was meant", async () => {
  for (const path of ["/media/usb", "~/backups", "C:\\Photos", "store"]) {
    await assert.rejects(openStore(path, testContext()), (error) => {
      return hasCode(error, "store-url") && error.hint === `For a folder write file:${path}`;
    });
  }
});

test("openStore opens and creates file: stores, named by their absolute path", async () => {
  await withFolder(async (folder) => {
    await rejectsWith("store-missing", openStore(`file:${folder}/s`, testContext()));
    const store = await openStore(`file:${folder}/x/../s/`, testContext(), { create: true });
    assert.equal(store.url, `file:${join(folder, "s")}`);
    assert.equal((await openStore(store.url, testContext())).url, store.url);
  });
});

test("~ is the HOME of the context", async () => {
  await withFolder(async (folder) => {
    const context = testContext({ env: { ...process.env, HOME: folder } });
    const store = await openStore("file:~/store", context, { create: true });
    assert.equal(store.url, `file:${join(folder, "store")}`);
  });
});
