/** An archive of many small volumes in an archive class of the strict server, and a clock that tests move. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { builtinText } from "../../lib/cost/builtin.ts";
import type { LoggedRequest } from "../servers/s3/server.ts";
import { put } from "../cli/files.ts";
import { S3Archive } from "../jobs/s3-archive.ts";
import { withS3 } from "../servers/s3/server.ts";
import { withUser } from "../cli/harness.ts";
import { pseudoRandom } from "../tools.ts";

export const HOUR = 3_600_000;
export const START = Date.parse("2026-03-01T12:00:00Z");

/** What of an archive to make. */
export interface ColdOptions {
  readonly storageClass?: string;
  readonly volumes?: number;
  /** In place of the built-in prices; they hold for the test's server only when they lie in the home. */
  readonly priced?: boolean;
}

/** Photos in each volume; they stand so far apart that each is a range of its own. */
export const PER_VOLUME = 3;
const PHOTO = 10_000;
const FILLER = 400_000;

/** A user whose photos are in cold volumes. */
export class ColdArchive extends S3Archive {
  /** Moves the clock of everybody. */
  pass(ms: number): void {
    this.user.clock = this.clock + ms;
  }

  get clock(): number {
    return this.user.clock ?? 0;
  }

  /** Requests of an operation since `from` requests ago were logged. */
  asked(operation: string, from = 0): LoggedRequest[] {
    return this.server.log.slice(from).filter((request) => request.operation === operation);
  }

  /** Ranges read of files since then: what is not the opening of an object. */
  rangesSince(from: number): string[] {
    const gets = this.asked("GetObject", from).filter(({ key }) => key.includes("/volumes/"));
    const heads = gets.filter(({ headers }) => headers.get("range")?.startsWith("bytes=0-") === true).length;
    const all = gets.map(({ key, headers }) => `${key} ${headers.get("range")}`);
    // Opening reads the header, the nonce and the last chunk.
    return all.slice().sort().filter((_, i, sorted) => i >= 0 && sorted.length >= heads);
  }

  /** How many ranges were read since then, beside three to open each object. */
  countRanges(from: number): number {
    const gets = this.asked("GetObject", from).filter(({ key }) => key.includes("/volumes/"));
    const opened = gets.filter(({ headers }) => headers.get("range")?.startsWith("bytes=0-") === true);
    return gets.length - 3 * opened.length;
  }
}

/** Runs `body` with volumes of three photos each, `w…` and in every other volume one `x…`. */
export function withCold<T>(
  body: (archive: ColdArchive) => Promise<T>,
  { storageClass = "DEEP_ARCHIVE", volumes = 12, priced = true }: ColdOptions = {},
): Promise<T> {
  return withUser((user) => {
    user.clock = START;
    return withS3(
      { buckets: ["bucket"], now: () => user.clock ?? 0, region: "us-east-1" },
      async (server) => {
        const archive = new ColdArchive(user, server, `&class=${storageClass}`);
        await fill(archive, volumes);
        if (priced) await writeFile(user.path("home/prices.json"), builtinText());
        assert.equal(archive.keys("volumes/").length, volumes);
        server.log.length = 0;
        return await body(archive);
      },
    );
  });
}

async function fill(archive: ColdArchive, volumes: number): Promise<void> {
  const { user } = archive;
  for (let i = 0; i < volumes * PER_VOLUME; i++) {
    const day = new Date(Date.parse("2024-01-01T00:00:00Z") + i * 24 * HOUR).toISOString();
    const number = String(i).padStart(2, "0");
    await put(user, `Photos/${i % 6 === 5 ? "x" : "w"}${number}.jpg`, pseudoRandom(PHOTO, i + 1), day);
    await put(user, `Photos/y${number}.mov`, pseudoRandom(FILLER, 1000 + i), day);
  }
  const size = String(PER_VOLUME * (PHOTO + FILLER) + 1_200_000);
  await user.ok("sync", user.path("Photos"), ...archive.stores, "--seal", "--volume-size", size);
}
