/** How many requests a run makes to S3, where each costs money and a round trip. Exact on any machine. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { PART, type S3Archive, withArchive } from "./s3-archive.ts";

/** The operations that `work` asked of the server, counted. */
async function requestsOf(archive: S3Archive, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = archive.server.log.length;
  await work();
  const counts: Record<string, number> = {};
  for (const { operation } of archive.server.log.slice(before)) {
    const name = String(operation);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

function sync(archive: S3Archive, ...more: string[]): Promise<unknown> {
  return archive.user.ok("sync", archive.user.path("Photos"), ...archive.stores, ...more);
}

test("staging takes one request for a file, and a few for the run", () =>
  withArchive(async (archive) => {
    for (let i = 0; i < 40; i++) await archive.put(`${i}.jpg`, 1000, i + 1);
    const counts = await requestsOf(archive, () => sync(archive));
    assert.ok(sum(counts) <= 40 + 40, JSON.stringify(counts)); // what a store is asked when it is first met
  }));

test("a volume takes one request for a part, and a few for the run", () =>
  withArchive(async (archive) => {
    await archive.put("long.mov", 3 * PART, 1);
    for (let i = 0; i < 40; i++) await archive.put(`${i}.jpg`, 1000, i + 2);
    const counts = await requestsOf(archive, () => sync(archive, "--seal"));
    assert.equal(counts["UploadPart"], 4);
    assert.ok(sum(counts) <= 4 + 20, JSON.stringify(counts));
  }));

test("a run with nothing new takes the same few requests however much is stored", () =>
  withArchive(async (archive) => {
    for (let i = 0; i < 30; i++) await archive.put(`${i}.jpg`, 1000, i + 1);
    await sync(archive, "--seal");
    for (let i = 30; i < 60; i++) await archive.put(`${i}.jpg`, 1000, i + 1);
    await sync(archive);
    const counts = await requestsOf(archive, () => sync(archive));
    assert.ok(sum(counts) <= 6, JSON.stringify(counts));
  }));

test("a photo out of a volume takes a few requests, and 25 MB hardly more", () =>
  withArchive(async (archive) => {
    await archive.put("long.mov", 3 * PART, 1);
    for (let i = 0; i < 40; i++) await archive.put(`${i}.jpg`, 1000, i + 2);
    await sync(archive, "--seal");
    const one = await requestsOf(
      archive,
      () => archive.user.ok("restore", "7.jpg", "--to", archive.user.path("one")),
    );
    assert.ok(sum(one) <= 8, JSON.stringify(one));
    const all = await requestsOf(
      archive,
      () => archive.user.ok("restore", "**", "--to", archive.user.path("all")),
    );
    assert.ok(sum(all) <= 24, JSON.stringify(all));
  }));
