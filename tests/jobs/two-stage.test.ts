/**
 * Forty days of a family: new photos each day, a Drive that mail and photos share, runs that are cut short,
 * an hour when Google is in trouble. In the end everything is in exactly one place. What is where is read
 * from the stores themselves, with the key and nothing else of coldframe's.
 *
 * A hundredth of the real sizes, unless COLDFRAME_TWO_STAGE=full.
 */

import { Decrypter } from "age-encryption";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import process from "node:process";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { filesBelow, put } from "../cli/files.ts";
import type { User } from "../cli/harness.ts";
import { BACKEND, TOO_MANY } from "../servers/drive/faults.ts";
import { pseudoRandom } from "../tools.ts";
import { DAY, type DriveUser, keyOf, stagedFiles, withDriveUser } from "./drive.ts";

const FULL = process.env["COLDFRAME_TWO_STAGE"] === "full";
const MB = FULL ? 1_000_000 : 10_000;
const DAYS = 40;
const VOLUME = 200 * MB;
const DRIVE = 500 * MB;

/** Mail that takes Drive's space in the third and fourth week, in bytes, by the day. */
function mailOn(day: number): number {
  return (day >= 14 && day < 26 ? 390 : 20 + day) * MB;
}

/** The family's folder, and every content that a sync can have seen. */
class Family {
  readonly seen = new Set<string>();
  #seed = 1;

  constructor(private readonly user: User) {}

  async add(path: string, size: number, day: number): Promise<void> {
    const bytes = pseudoRandom(size, this.#seed++);
    this.seen.add(sha256(bytes));
    const mtime = new Date(Date.UTC(2026, 2, 1 + day, 12, 0, this.#seed % 60)).toISOString();
    await put(this.user, `Photos/${path}`, bytes, mtime);
  }

  /** What a family does on a day. */
  async live(day: number): Promise<void> {
    for (let i = 0; i < 5 + day % 5; i++) {
      await this.add(
        `day ${day}/IMG_${day}_${i}.jpg`,
        Math.floor((2 + (day * 7 + i * 3) % 5) * MB * 1.03),
        day,
      );
    }
    if (day % 7 === 6) await this.add(`day ${day}/MOV_${day}.mp4`, 60 * MB, day);
    if (day === 18) await this.add("day 18/theatre.mp4", 150 * MB, day); // more than mail leaves of Drive
    if (day === 30) await this.add("day 30/wedding.mp4", 600 * MB, day); // more than Drive, and than a volume
    if (day === 10) await rename(this.user.path("Photos/day 8"), this.user.path("Photos/day 8, the beach"));
    if (day === 12) await this.add("day 10/IMG_10_1.jpg", 3 * MB, day); // edited
    if (day === 33) await rm(this.user.path("Photos/day 2"), { recursive: true }); // in a volume long since
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What goes wrong on some of the days. */
function trouble({ server, user }: DriveUser, day: number): void {
  server.faults.clear();
  user.signal = new AbortController().signal;
  if ([5, 11, 17, 27, 35].includes(day)) interrupt(user, server, 10 + day % 7);
  if (day === 9) {
    server.faults.add(({ method }) => method !== "GET", { kind: "drop-after" }, { times: 2, skip: 3 });
  }
  if (day === 21) server.faults.add(() => true, { kind: "refuse", reply: BACKEND }, { times: 2, skip: 5 });
  if (day === 29) {
    server.faults.add(({ method }) => method !== "GET", { kind: "refuse-after", reply: TOO_MANY }, {
      skip: 4,
    });
  }
}

/** Ctrl-C at the n-th request to Drive. */
function interrupt(user: User, server: DriveUser["server"], n: number): void {
  const stop = new AbortController();
  user.signal = stop.signal;
  let count = 0;
  server.faults.add(() => {
    if (++count === n) stop.abort(new Error("Ctrl-C"));
    return false;
  }, { kind: "drop" });
}

/** The SHA-256 of every content in the volumes, as their manifests have it: as often as it is in one. */
async function inVolumes(user: User, open: Opener): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(user.path("cold/manifests"))) {
    const manifest = gunzipSync(await open(await readFile(user.path("cold/manifests", name)))).toString(
      "utf8",
    );
    const rows = manifest.trim().split("\n").map((line) => JSON.parse(line)).filter((row) => "offset" in row);
    found.push(...new Set<string>(rows.map(({ sha256 }) => sha256)));
  }
  return found;
}

/** The SHA-256 of every content that Drive holds for coldframe. */
async function onDrive({ server }: DriveUser, open: Opener): Promise<string[]> {
  const found: string[] = [];
  for (const { content } of stagedFiles(server)) found.push(sha256(await open(content ?? new Uint8Array())));
  return found;
}

type Opener = (object: Uint8Array) => Promise<Uint8Array>;

async function openerOf(user: User): Promise<Opener> {
  const text = await readFile(user.path("home/keys/identity.txt"), "utf8");
  const identity = /^AGE-SECRET-KEY-\S+$/m.exec(text)?.[0] ?? assert.fail("no identity");
  return async (object) => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    return await decrypter.decrypt(object);
  };
}

/** Each file below a folder by its hash. */
async function hashes(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of await filesBelow(root)) found[path] = sha256(await readFile(`${root}/${path}`));
  return found;
}

test("forty days: every file is in a stored volume or on Drive, none twice, none nowhere", {
  timeout: FULL ? 3_600_000 : 240_000,
}, () =>
  withDriveUser(async (setting) => {
    const { user, server, account, pass } = setting;
    const family = new Family(user);
    account.limit = DRIVE;
    let peak = 0;
    let early = 0;
    const codes = new Map<number, number>();
    for (let day = 0; day < DAYS; day++) {
      account.usedElsewhere = Math.min(mailOn(day), DRIVE - server.world.usage(account)); // Google takes no more
      await family.live(day);
      trouble(setting, day);
      server.faults.add(() => {
        peak = Math.max(peak, server.world.usage(account) + account.usedElsewhere);
        return false;
      }, { kind: "drop" });
      const { code, out, err } = await user.run(
        "sync",
        user.path("Photos"),
        "--volume-size",
        String(VOLUME),
        "--json",
      );
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (user.signal.aborted) assert.equal(code, 1);
      else {
        assert.equal(code, 0, `day ${day}: ${err}`);
        const report = JSON.parse(out);
        assert.equal(report.unstaged, 0, `day ${day}: nothing is unprotected in the evening`);
        assert.equal(report.stagingTrouble, null, `day ${day}: Drive never had to refuse`);
        if (report.early) early++;
      }
      pass(DAY);
    }
    assert.ok(peak <= DRIVE, "Drive never exceeded its quota");
    assert.ok(early > 0, "mail made volumes early");
    assert.ok((codes.get(1) ?? 0) >= 3, "runs were cut short");

    const open = await openerOf(user);
    const volumes = await inVolumes(user, open);
    const drive = await onDrive(setting, open);
    const everywhere = [...volumes, ...drive];
    assert.equal(new Set(everywhere).size, everywhere.length, "none twice");
    assert.deepEqual(new Set(everywhere), family.seen, "none nowhere, nothing else");
    assert.ok(volumes.length > 0 && drive.length > 0);
    const left = [...server.world.files.values()].filter((file) =>
      file.content !== undefined && keyOf(file) === ""
    );
    assert.deepEqual(
      left.filter(({ content }) => (content?.length ?? 0) > 0),
      [],
      "no upload is left half-way",
    );

    await user.ok("restore", "**", "--to", user.path("restored"));
    assert.deepEqual(await hashes(user.path("restored/Photos")), await hashes(user.path("Photos")));
    if (FULL) {
      const count = (await readdir(user.path("cold/volumes"))).length;
      console.log(
        `${family.seen.size} contents, ${count} volumes (${early} early), Drive's peak ${peak / 1e6} MB`,
      );
    }
  }));
