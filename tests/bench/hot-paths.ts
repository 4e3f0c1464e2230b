/**
 * Run as a program: how much CPU the hot paths take, each as a multiple of a fixed piece of work in the same
 * process, so that a slow or busy machine is slow at both. Prints JSON: the least multiple of a few rounds.
 */

import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { makeHeader } from "../../lib/age/header.ts";
import { generateKeyPair } from "../../lib/age/keys.ts";
import { CHUNK_SIZE, PayloadKey, payloadSize } from "../../lib/age/payload.ts";
import { openCatalog } from "../../lib/catalog/catalog.ts";
import { knownVersions, recordHashed } from "../../lib/catalog/versions.ts";
import { layoutImage } from "../../lib/iso/image.ts";
import { compare } from "../../lib/scan/compare.ts";
import type { FoundFile } from "../../lib/scan/found.ts";
import { hashFiles } from "../../lib/scan/hash.ts";
import { IgnoreRules } from "../../lib/scan/ignore.ts";
import { WalkReport } from "../../lib/scan/report.ts";
import { walk } from "../../lib/scan/walk.ts";
import type { ImageEntry } from "../../lib/types.ts";
import { pseudoRandom } from "../tools.ts";
import { makeLarge, makeTree } from "./data.ts";

const FILES = 2_000;
const ROUNDS = 4; // the first ones warm the compiler up
const BIG = pseudoRandom(16 << 20);
const TRUST = { inodes: true };

/** The fixed work: what a runtime does natively, and what it does in JavaScript, about half and half. */
function fixed(): void {
  createHash("sha256").update(BIG).update(BIG).digest();
  const texts = Array.from({ length: 30_000 }, (_, i) => `folder ${i % 97}/IMG_${i * 7919 % 30_000}.jpg`);
  const sizes = new Map(texts.sort().map((text, i) => [text, { text, i }]));
  JSON.parse(JSON.stringify([...sizes.values()]));
}

async function walkAndCompare(root: string, known: readonly FoundFile[]): Promise<FoundFile[]> {
  const report = new WalkReport();
  const rows = known.map((file) => ({ ...file, content: "" }));
  const files: FoundFile[] = [];
  for await (const batch of compare([rows], walk(root, IgnoreRules.of(), report), report.unknown, TRUST)) {
    for (const item of batch) if ("found" in item) files.push(item.found);
  }
  return files;
}

async function hash(root: string): Promise<void> {
  const files = await walkAndCompare(root, []);
  for await (const _ of hashFiles(root, [files], TRUST)) { /* only the work counts */ }
}

function image(): void {
  const entries = Array.from({ length: FILES }, (_, i): ImageEntry => ({
    kind: "file",
    path: `2014/album ${Math.floor(i / 100)}/IMG_${i} at the sea.jpg`,
    size: 100_000,
    mtime: i * 1000,
    content: String(i),
  }));
  const made = layoutImage({ volumeId: "BUDGET", created: 0, entries, udf: true });
  for (let at = 0; at < made.size; at += 4 << 20) {
    for (const _ of made.segments(at, Math.min(4 << 20, made.size - at))) { /* as above */ }
  }
}

async function encrypt(): Promise<void> {
  const key = await PayloadKey.derive(new Uint8Array(16), new Uint8Array(16));
  const out = new Uint8Array(payloadSize(BIG.length) - 16);
  if (BIG.length % CHUNK_SIZE !== 0) throw new Error("whole chunks are wanted");
  await key.sealInto(out, 0, BIG, true, true);
}

async function headers(recipient: string): Promise<void> {
  for (let i = 0; i < 20; i++) await makeHeader([recipient]);
}

async function catalog(folder: string, round: number): Promise<void> {
  const identity = { archive: "a".repeat(32), opaqueKey: "b".repeat(64) };
  const db = await openCatalog(join(folder, `catalog-${round}.db`), identity);
  try {
    await db.write([{
      sql: "INSERT INTO sources (id, box, name, path, added) VALUES (1, 'b', 's', '/s', 0)",
    }]);
    const files = Array.from({ length: FILES }, (_, i) => ({
      ...{ path: `album ${i % 97}/IMG_${i}.jpg`, size: i, mtime: i, ctime: i, inode: String(i), mode: 0o644 },
      sha256: i.toString(16).padStart(64, "0"),
    }));
    for (let at = 0; at < FILES; at += 1000) await recordHashed(db, 1, files.slice(at, at + 1000), 0);
    for await (const _ of knownVersions(db, 1)) { /* as above */ }
  } finally {
    db.close();
  }
}

/** CPU time of this process so far, all threads, in ms. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function cost(work: () => void | Promise<unknown>): Promise<number> {
  const before = cpu();
  await work();
  return cpu() - before;
}

/** The least that a path took, as a multiple of the fixed work just before and after it. */
async function multiple(work: (round: number) => void | Promise<unknown>): Promise<number> {
  let least = Infinity;
  let before = await cost(fixed);
  for (let round = 0; round < ROUNDS; round++) {
    const own = await cost(() => work(round));
    const after = await cost(fixed);
    least = Math.min(least, own / Math.max(before, after));
    before = after;
  }
  return Number(least.toFixed(2));
}

const folder = mkdtempSync(join(tmpdir(), "coldframe-budget-"));
try {
  const [tree, large] = [join(folder, "tree"), join(folder, "large")];
  mkdirSync(large);
  makeTree(tree, FILES);
  makeLarge(large, 8, 4e6);
  const known = await walkAndCompare(tree, []);
  const { recipient } = await generateKeyPair();
  await cost(fixed);
  const paths: [string, (round: number) => void | Promise<unknown>][] = [
    ["walk and compare 2,000 files", () => walkAndCompare(tree, known)],
    ["hash 2,000 small files", () => hash(tree)],
    ["hash 8 files of 4 MB", () => hash(large)],
    ["lay out and make an image of 2,000 files", image],
    ["encrypt and prove 16 MB", encrypt],
    ["make 20 headers", () => headers(recipient)],
    ["note and read 2,000 files in the catalog", (round) => catalog(folder, round)],
  ];
  const found: Record<string, number> = {};
  for (const [name, work] of paths) found[name] = await multiple(work);
  console.log(JSON.stringify(found));
} finally {
  rmSync(folder, { recursive: true });
}
